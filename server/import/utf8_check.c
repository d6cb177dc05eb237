/*
 * utf8_check.c - whether bytes are text that PostgreSQL stores.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/utf8_check.h"

#include <stdint.h>
#include <string.h>

/* Eight bytes at once: true when all are ASCII and none is zero. */
static inline bool
is_plain_word(const char *text)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t highs = UINT64_C(0x8080808080808080);
	uint64_t	word;

	memcpy(&word, text, sizeof(word));
	return ((word | (word - ones)) & highs) == 0;
}

static inline bool
is_tail(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/* Length of the multi-byte character at p, of which `left` bytes are there; 0 when it is no character. */
static size_t
character_bytes(const unsigned char *p, size_t left)
{
	if (p[0] >= 0xC2 && p[0] <= 0xDF)
		return left >= 2 && is_tail(p[1]) ? 2 : 0;
	if (p[0] >= 0xE0 && p[0] <= 0xEF)
	{
		if (left < 3 || !is_tail(p[1]) || !is_tail(p[2]))
			return 0;
		if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F))
			return 0;
		return 3;
	}
	if (p[0] >= 0xF0 && p[0] <= 0xF4)
	{
		if (left < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
			return 0;
		if ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
			return 0;
		return 4;
	}
	return 0;
}

const char *
omen_utf8_first_bad(const char *text, size_t bytes)
{
	const char *end = text + bytes;

	while (text < end)
	{
		size_t		length;

		if (end - text >= 8 && is_plain_word(text))
		{
			text += 8;
			continue;
		}
		if ((unsigned char) (*text - 1) < 0x7F)
		{
			text++;
			continue;
		}
		length = character_bytes((const unsigned char *) text, (size_t) (end - text));
		if (length == 0)
			return text;
		text += length;
	}
	return NULL;
}

size_t
omen_utf8_length(const char *text, size_t bytes)
{
	size_t		count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += !is_tail((unsigned char) text[i]);
	return count;
}
