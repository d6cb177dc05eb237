/*
 * table.h - rows and columns for somebody to read.
 *
 * Columns are as wide as their widest cell while the terminal has room; then
 * the widest left-aligned columns are narrowed and their text is wrapped.
 * Numbers are never wrapped.
 *
 *	OmenTable *t = omen_table_begin(2);
 *	omen_table_column(t, 0, "text", OMEN_LEFT);
 *	omen_table_column(t, 1, "distance", OMEN_RIGHT);
 *	omen_table_cell(t, "%s", text);
 *	omen_table_cell(t, "%.3f", distance);
 *	omen_table_print(t, stdout, 0);
 *	omen_table_end(t);
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_TABLE_H
#define OMENDB_TABLE_H

#include <stdio.h>

typedef struct OmenTable OmenTable;

typedef enum OmenAlign
{
	OMEN_LEFT,
	OMEN_RIGHT
} OmenAlign;

/* NULL without memory; the other functions then do nothing, given NULL. */
OmenTable  *omen_table_begin(int column_count);

void		omen_table_column(OmenTable *table, int column, const char *heading, OmenAlign align);

/* The next cell, row by row, left to right; a row begins by itself after the last column. */
void		omen_table_cell(OmenTable *table, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* columns_max 0: what the terminal has, or 100 where there is none. */
void		omen_table_print(const OmenTable *table, FILE *out, int columns_max);

void		omen_table_end(OmenTable *table);

#endif							/* OMENDB_TABLE_H */
