/*
 * tokenizer.c - lower-case words out of UTF-8 text.
 *
 * No locale and no Unicode tables: case is folded for ASCII, Latin-1,
 * Latin Extended-A, Greek and Cyrillic, by arithmetic; every character beyond
 * ASCII counts as a letter unless it lies in one of the blocks of punctuation
 * below.  That is enough for terms to meet; it is not linguistics.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>
#include <string.h>

#include "tokenizer.h"

#define NOT_UTF8 UINT32_MAX

static uint32_t character_next(const char **at, const char *end);
static bool character_is_letter(uint32_t c);
static uint32_t character_lower(uint32_t c);
static size_t character_put(char *out, uint32_t c);

void
omen_tokenizer_begin(OmenTokenizer *tokenizer, const char *text, size_t bytes)
{
	tokenizer->at = text;
	tokenizer->end = text + bytes;
	tokenizer->first = true;
}

bool
omen_tokenizer_next(OmenTokenizer *tokenizer, OmenToken *token)
{
	bool		broken = tokenizer->first;
	bool		apostrophe = false;

	while (tokenizer->at < tokenizer->end)
	{
		const char *before = tokenizer->at;
		uint32_t	c = character_next(&tokenizer->at, tokenizer->end);
		bool		ascii = true;
		size_t		characters = 0;

		if (!character_is_letter(c))
		{
			apostrophe = (c == '\'' || c == 0x2019);
			broken |= !(apostrophe || c == ' ' || c == '-' || c == '\n' || c == '\t' || c == '\r');
			continue;
		}

		token->bytes = 0;
		while (character_is_letter(c))
		{
			if (token->bytes <= OMEN_TOKEN_BYTES_MAX)
				token->bytes += character_put(token->text + token->bytes, character_lower(c));
			ascii &= c < 0x80;
			characters++;
			before = tokenizer->at;
			if (tokenizer->at == tokenizer->end)
				break;
			c = character_next(&tokenizer->at, tokenizer->end);
		}
		tokenizer->at = before;

		if (token->bytes > OMEN_TOKEN_BYTES_MAX)
			broken = true;
		else if (!(apostrophe && characters == 1 && token->text[0] == 's'))
		{
			if (ascii)
				token->bytes = omen_english_fold(token->text, token->bytes);
			token->text[token->bytes] = '\0';
			token->starts_phrase = broken;
			tokenizer->first = false;
			return true;
		}
		apostrophe = false;
	}
	return false;
}

/* Decodes one character; a byte that begins none is consumed alone. */
static uint32_t
character_next(const char **at, const char *end)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *) *at;
	uint32_t	c = s[0];
	int			length = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;

	(*at)++;
	if (length == 1)
		return c;
	if (length == 0 || end - (const char *) s < length)
		return NOT_UTF8;
	c &= 0x7fu >> length;
	for (int i = 1; i < length; i++)
	{
		if ((s[i] & 0xc0) != 0x80)
			return NOT_UTF8;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return NOT_UTF8;
	*at += length - 1;
	return c;
}

static bool
character_is_letter(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
	if (c < 0xc0)
		return c == 0xaa || c == 0xb5 || c == 0xba;
	return c != NOT_UTF8 && c != 0xd7 && c != 0xf7
		&& !(c >= 0x2000 && c < 0x2070) /* general punctuation */
		&& !(c >= 0x20a0 && c < 0x2c00) /* currency, arrows, symbols */
		&& !(c >= 0x3000 && c < 0x3005) && !(c >= 0x3008 && c < 0x3021) /* CJK punctuation */
		&& !(c >= 0xfe10 && c < 0xfe70) && c != 0xfeff && c != 0xfffd
		&& !(c >= 0xff01 && c < 0xff10) && !(c >= 0xff1a && c < 0xff21)
		&& !(c >= 0x1f000 && c < 0x20000);	/* pictographs */
}

static uint32_t
character_lower(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c + 32 : c;
	if (c >= 0xc0 && c <= 0xde)
		return c + 32;			/* Latin-1; the sign between, 0xd7, is no letter */
	if ((c >= 0x100 && c < 0x130) || (c >= 0x132 && c < 0x138) || (c >= 0x14a && c < 0x178))
		return c | 1;			/* Latin Extended-A in pairs, the capital even */
	if ((c >= 0x139 && c < 0x149) || (c >= 0x179 && c < 0x17f))
		return c + (c & 1);		/* ... and odd */
	if (c >= 0x391 && c <= 0x3a9)
		return c + 32;			/* Greek */
	if (c >= 0x410 && c <= 0x42f)
		return c + 32;			/* Cyrillic */
	if (c >= 0x400 && c <= 0x40f)
		return c + 80;
	return c;
}

/* Writes c as UTF-8; at most four bytes. */
static size_t
character_put(char *out, uint32_t c)
{
	if (c < 0x80)
	{
		out[0] = (char) c;
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = (char) (0xc0 | c >> 6);
		out[1] = (char) (0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (char) (0xe0 | c >> 12);
		out[1] = (char) (0x80 | (c >> 6 & 0x3f));
		out[2] = (char) (0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char) (0xf0 | c >> 18);
	out[1] = (char) (0x80 | (c >> 12 & 0x3f));
	out[2] = (char) (0x80 | (c >> 6 & 0x3f));
	out[3] = (char) (0x80 | (c & 0x3f));
	return 4;
}
