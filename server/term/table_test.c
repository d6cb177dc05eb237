/*
 * table_test.c - goal: tables line up whatever the cells hold, fit the width
 * they are given, lose no text, and pass no control character on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "term/glyph.h"
#include "term/table.h"

/* What the table prints, in memory; free it. */
static char *
printed(const OmenTable *table, int columns_max)
{
	char	   *text = NULL;
	size_t		bytes = 0;
	FILE	   *out = open_memstream(&text, &bytes);

	omen_table_print(table, out, columns_max);
	fclose(out);
	return text;
}

static void
assert_prints(const OmenTable *table, int columns_max, const char *expected)
{
	char	   *text = printed(table, columns_max);

	assert_string_equal(text, expected);
	free(text);
}

static void
widths_follow_the_terminal(void **state)
{
	assert_int_equal(omen_glyph_columns("abc"), 3);
	assert_int_equal(omen_glyph_columns("naïve"), 5);
	assert_int_equal(omen_glyph_columns("日本"), 4);
	assert_int_equal(omen_glyph_columns("e\xCC\x81"), 1);	/* e and a combining accent */
	assert_int_equal(omen_glyph_columns("\xFF\xC0\xAF"), 3);	/* three bytes that are no UTF-8 */
	assert_int_equal(omen_glyph_columns("\xED\xA0\x80"), 3);	/* a surrogate */
	assert_string_equal(omen_glyph_next("\033[2J").bytes, " ");
	assert_string_equal(omen_glyph_next("\xC2\x9B").bytes, " ");	/* the one-character CSI */
	assert_string_equal(omen_glyph_next("\xE2\x82").bytes, "\xEF\xBF\xBD"); /* cut short by the end */
}

static void
columns_line_up(void **state)
{
	OmenTable  *table = omen_table_begin(3);

	omen_table_column(table, 0, "word", OMEN_LEFT);
	omen_table_column(table, 1, "distance", OMEN_RIGHT);
	omen_table_column(table, 2, "note", OMEN_LEFT);
	omen_table_cell(table, "日本");
	omen_table_cell(table, "%.3f", 0.25);
	omen_table_cell(table, "x");
	omen_table_cell(table, "longer");
	omen_table_cell(table, "%.3f", 10.5);
	omen_table_cell(table, "%s", "");
	assert_prints(table, 80,
				  "word    distance  note\n"
				  "------  --------  ----\n"
				  "日本       0.250  x\n"
				  "longer    10.500\n");
	omen_table_end(table);
}

static void
long_text_is_wrapped_at_spaces(void **state)
{
	OmenTable  *table = omen_table_begin(2);

	omen_table_column(table, 0, "gloss", OMEN_LEFT);
	omen_table_column(table, 1, "ms", OMEN_RIGHT);
	omen_table_cell(table, "a domesticated carnivorous mammal");
	omen_table_cell(table, "0.4");
	assert_prints(table, 20,
				  "gloss             ms\n"
				  "---------------  ---\n"
				  "a domesticated   0.4\n"
				  "carnivorous\n"
				  "mammal\n");
	omen_table_end(table);
}

/* Random cells at random widths: every line fits, and the words come out in their order. */
static void
any_table_fits_and_loses_nothing(void **state)
{
	static const char *const words[] = {"dog", "naïve", "日本語", "a", "internationalization", "\xFF", "of"};
	unsigned	seed = (unsigned) time(NULL);

	print_message("# seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 300; round++)
	{
		OmenTable  *table = omen_table_begin(2);
		char		cell[512] = "";
		char		expected[1024] = "";
		char		seen[4096] = "";
		int			columns_max = 30 + rand() % 60;
		char	   *text;
		char	   *line;
		char	   *rest;

		omen_table_column(table, 0, "n", OMEN_RIGHT);
		omen_table_column(table, 1, "t", OMEN_LEFT);
		for (int i = rand() % 30; i >= 0; i--)
		{
			const char *word = words[rand() % 7];

			strcat(cell, word);
			strcat(cell, " ");
			strcat(expected, strcmp(word, "\xFF") == 0 ? "\xEF\xBF\xBD" : word);
		}
		omen_table_cell(table, "%d", round);
		omen_table_cell(table, "%s", cell);
		text = printed(table, columns_max);
		line = strtok_r(text, "\n", &rest);
		line = strtok_r(NULL, "\n", &rest);
		for (int row = 0; (line = strtok_r(NULL, "\n", &rest)) != NULL; row++)
		{
			assert_true(omen_glyph_columns(line) <= columns_max);
			for (const char *at = line + (row == 0 ? 3 : 0); *at != '\0'; at++)
				if (*at != ' ' && !(row == 0 && at < line + 3))
					strncat(seen, at, 1);
		}
		/* the row's number fills the first columns of its first line */
		if (round >= 10)
			assert_non_null(strstr(seen, expected + 1));
		else
			assert_string_equal(seen, expected);
		free(text);
		omen_table_end(table);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(widths_follow_the_terminal),
		cmocka_unit_test(columns_line_up),
		cmocka_unit_test(long_text_is_wrapped_at_spaces),
		cmocka_unit_test(any_table_fits_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
