/*
 * glyph.h - walking a UTF-8 string by what a terminal shows.
 *
 * Text from a database may hold anything: bytes that are no UTF-8, or escape
 * sequences that would drive the reader's terminal.  Whatever is printed goes
 * through here, so that neither reaches it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_GLYPH_H
#define OMENDB_GLYPH_H

#include <stddef.h>

typedef struct OmenGlyph
{
	char		bytes[8];		/* what to print, NUL-terminated */
	size_t		bytes_used;		/* how far the source advances: 0 only at its end */
	int			columns;		/* 0 for a combining mark, 2 for a wide character */
} OmenGlyph;

/*
 * The next glyph of a NUL-terminated text.  Control characters become a
 * space, a byte that is no UTF-8 becomes U+FFFD.
 */
OmenGlyph	omen_glyph_next(const char *text);

/* A copy of the text that may be printed, cut off where it does not fit. */
void		omen_showable(char *shown, size_t shown_bytes, const char *text);

/* Columns the whole text takes. */
int			omen_glyph_columns(const char *text);

#endif							/* OMENDB_GLYPH_H */
