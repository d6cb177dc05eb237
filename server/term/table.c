/*
 * table.c - rows and columns for somebody to read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "term/glyph.h"
#include "term/table.h"
#include "term/terminal.h"

#define GAP_COLUMNS			2	/* between one column and the next */
#define NARROWEST_COLUMNS	12	/* no column is narrowed below this */

typedef struct TableColumn
{
	char	   *heading;
	OmenAlign	align;
	int			columns_used;	/* of its widest cell */
} TableColumn;

struct OmenTable
{
	int			column_count;
	TableColumn *columns;
	char	  **cells;			/* row by row */
	size_t		cell_count;
	size_t		cells_max;
};

OmenTable *
omen_table_begin(int column_count)
{
	OmenTable  *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->column_count = column_count;
	table->columns = calloc((size_t) column_count, sizeof(*table->columns));
	if (table->columns == NULL)
	{
		free(table);
		return NULL;
	}
	return table;
}

static void
widen(TableColumn *column, const char *text)
{
	int			columns = omen_glyph_columns(text);

	if (columns > column->columns_used)
		column->columns_used = columns;
}

void
omen_table_column(OmenTable *table, int column, const char *heading, OmenAlign align)
{
	if (table == NULL)
		return;
	free(table->columns[column].heading);
	table->columns[column].heading = strdup(heading);
	table->columns[column].align = align;
	widen(&table->columns[column], heading);
}

void
omen_table_cell(OmenTable *table, const char *format,...)
{
	va_list		args;
	char	   *text = NULL;

	if (table == NULL)
		return;
	if (table->cell_count == table->cells_max)
	{
		size_t		more = table->cells_max == 0 ? 64 : table->cells_max * 2;
		char	  **cells = realloc(table->cells, more * sizeof(*cells));

		if (cells == NULL)
			return;
		table->cells = cells;
		table->cells_max = more;
	}
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (text != NULL)
		widen(&table->columns[table->cell_count % (size_t) table->column_count], text);
	table->cells[table->cell_count++] = text;
}

/*
 * How much of text fits on one line of a column: up to the last space within
 * it, or as many glyphs as there is room for when a word is longer.  Sets
 * *next to where the following line begins.
 */
static size_t
line_bytes(const char *text, int columns, const char **next)
{
	const char *at = text;
	const char *space = NULL;
	OmenGlyph	glyph;

	while ((glyph = omen_glyph_next(at)).bytes_used > 0 && glyph.columns <= columns)
	{
		if (strcmp(glyph.bytes, " ") == 0)
			space = at;
		columns -= glyph.columns;
		at += glyph.bytes_used;
	}
	if (at == text && glyph.bytes_used > 0)
		at += glyph.bytes_used; /* one glyph too wide for the column: print it rather than loop */
	*next = at;
	if (*at == '\0')
		return (size_t) (at - text);
	if (strcmp(glyph.bytes, " ") == 0)
		space = at;
	if (space == NULL)
		return (size_t) (at - text);
	at = space;
	while (omen_glyph_next(at).bytes_used > 0 && strcmp(omen_glyph_next(at).bytes, " ") == 0)
		at += omen_glyph_next(at).bytes_used;
	*next = at;
	return (size_t) (space - text);
}

static void
print_padding(FILE *out, int columns)
{
	if (columns > 0)
		fprintf(out, "%*s", columns, "");
}

/* Prints bytes of text, right-aligned in its field or left; returns the padding owed behind it. */
static int
print_field(FILE *out, const char *text, size_t bytes, int field_columns, OmenAlign align)
{
	const char *end = text + bytes;
	int			used = 0;

	for (const char *at = text; at < end; at += omen_glyph_next(at).bytes_used)
		used += omen_glyph_next(at).columns;
	if (align == OMEN_RIGHT)
		print_padding(out, field_columns - used);
	for (const char *at = text; at < end; at += omen_glyph_next(at).bytes_used)
		fputs(omen_glyph_next(at).bytes, out);
	return align == OMEN_LEFT && used < field_columns ? field_columns - used : 0;
}

/* One row: as many lines as its longest wrapped cell needs. */
static void
print_row(const OmenTable *table, FILE *out, const char **rest, const int *widths)
{
	bool		more = true;

	while (more)
	{
		int			owed = 0;	/* padding not printed yet, so that no line ends in spaces */

		more = false;
		for (int i = 0; i < table->column_count; i++)
		{
			const char *next;
			size_t		bytes = line_bytes(rest[i], widths[i], &next);

			if (bytes == 0)
				owed += widths[i];
			else
			{
				print_padding(out, owed);
				owed = print_field(out, rest[i], bytes, widths[i], table->columns[i].align);
			}
			owed += GAP_COLUMNS;
			rest[i] = next;
			more |= *next != '\0';
		}
		fputc('\n', out);
	}
}

/* Narrows the widest left-aligned column, again and again, until the table fits. */
static void
fit(const OmenTable *table, int *widths, int columns_max)
{
	for (;;)
	{
		int			total = GAP_COLUMNS * (table->column_count - 1);
		int			widest = -1;

		for (int i = 0; i < table->column_count; i++)
		{
			total += widths[i];
			if (table->columns[i].align == OMEN_LEFT && widths[i] > NARROWEST_COLUMNS &&
				(widest < 0 || widths[i] > widths[widest]))
				widest = i;
		}
		if (total <= columns_max || widest < 0)
			return;
		widths[widest]--;
	}
}

void
omen_table_print(const OmenTable *table, FILE *out, int columns_max)
{
	size_t		width;
	int		   *widths;
	const char **rest;

	if (table == NULL)
		return;
	width = (size_t) table->column_count;
	widths = calloc(width, sizeof(*widths));
	rest = calloc(width, sizeof(*rest));
	if (widths == NULL || rest == NULL)
	{
		free(widths);
		free(rest);
		return;
	}
	for (size_t i = 0; i < width; i++)
	{
		widths[i] = table->columns[i].columns_used;
		rest[i] = table->columns[i].heading != NULL ? table->columns[i].heading : "";
	}
	fit(table, widths, columns_max > 0 ? columns_max : omen_terminal_columns(out, 100));

	print_row(table, out, rest, widths);
	for (size_t i = 0; i < width; i++)
	{
		for (int dash = 0; dash < widths[i]; dash++)
			fputc('-', out);
		fputs(i + 1 < width ? "  " : "\n", out);
	}
	for (size_t row = 0; row + width <= table->cell_count; row += width)
	{
		for (size_t i = 0; i < width; i++)
			rest[i] = table->cells[row + i] != NULL ? table->cells[row + i] : "";
		print_row(table, out, rest, widths);
	}
	free(widths);
	free(rest);
}

void
omen_table_end(OmenTable *table)
{
	if (table == NULL)
		return;
	for (int i = 0; i < table->column_count; i++)
		free(table->columns[i].heading);
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->columns);
	free(table->cells);
	free(table);
}
