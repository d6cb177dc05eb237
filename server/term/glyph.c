/*
 * glyph.c - walking a UTF-8 string by what a terminal shows.
 *
 * Widths come from the C library's wcwidth under the C.UTF-8 locale, which
 * is asked for here and nowhere else: the program itself stays in the "C"
 * locale, so that numbers are read and printed with a point everywhere.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "term/glyph.h"

/*
 * Decodes one character; returns its length in bytes, or 0 when the bytes are
 * no UTF-8 (overlong forms and surrogates included).  Reads no byte past the
 * terminating NUL, which is never a continuation byte.
 */
static size_t
decode(const unsigned char *text, uint32_t *code)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t		length = text[0] < 0x80 ? 1 : text[0] < 0xC2 ? 0
		: text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : text[0] < 0xF5 ? 4 : 0;

	if (length <= 1)
	{
		*code = text[0];
		return length;
	}
	*code = text[0] & (0x7F >> length);
	for (size_t i = 1; i < length; i++)
	{
		if ((text[i] & 0xC0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3F);
	}
	if (*code < smallest[length] || *code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF))
		return 0;
	return length;
}

static int
columns_of(uint32_t code)
{
	static locale_t utf8;
	locale_t	before;
	int			columns;

	if (code < 0x7F)
		return 1;
	if (utf8 == (locale_t) 0)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
	if (utf8 == (locale_t) 0)
		return 1;				/* no such locale here: count characters */
	before = uselocale(utf8);
	columns = wcwidth((wchar_t) code);
	uselocale(before);
	return columns;
}

OmenGlyph
omen_glyph_next(const char *text)
{
	OmenGlyph	glyph = {{0}, 0, 0};
	uint32_t	code;
	size_t		length;

	if (text[0] == '\0')
		return glyph;
	length = decode((const unsigned char *) text, &code);
	glyph.bytes_used = length > 0 ? length : 1;
	glyph.columns = length > 0 ? columns_of(code) : -1;
	if (length > 0 && (code < 0x20 || (code >= 0x7F && code < 0xA0)))
	{
		strcpy(glyph.bytes, " ");
		glyph.columns = 1;
	}
	else if (glyph.columns < 0)
	{
		strcpy(glyph.bytes, "\xEF\xBF\xBD");
		glyph.columns = 1;
	}
	else
		memcpy(glyph.bytes, text, length);
	return glyph;
}

int
omen_glyph_columns(const char *text)
{
	int			columns = 0;
	OmenGlyph	glyph;

	while ((glyph = omen_glyph_next(text)).bytes_used > 0)
	{
		columns += glyph.columns;
		text += glyph.bytes_used;
	}
	return columns;
}

void
omen_showable(char *shown, size_t shown_bytes, const char *text)
{
	size_t		used = 0;
	OmenGlyph	glyph;

	while ((glyph = omen_glyph_next(text)).bytes_used > 0 && used + sizeof(glyph.bytes) < shown_bytes)
	{
		used += (size_t) snprintf(shown + used, shown_bytes - used, "%s", glyph.bytes);
		text += glyph.bytes_used;
	}
	shown[used] = '\0';
}
