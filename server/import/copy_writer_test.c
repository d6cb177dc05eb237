/*
 * copy_writer_test.c - goal: the row that the server complains of is found
 * again in the file, in any language, with rows left out in between, and
 * memory for that is bounded.
 *
 * Compared with: an array of every row's place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "import/copy_writer.h"
#include "import/import_plan.h"

#define ROWS 300000

static void
rows_lead_back_to_places(void **state)
{
	static uint64_t places[ROWS + 1];
	unsigned	seed = (unsigned) time(NULL);
	OmenColumn	column = {.name = (char *) "c", .type_text = (char *) "text", .typmod = -1,
		.encoding = omen_encoding_find("text", false)};
	OmenField	field = {OMEN_FIELD_TEXT, "x", 1};

	print_message("# seed %u\n", seed);
	srand(seed);
	/* Gaps that are rare: every row is known.  A gap at every row: only the latest are. */
	for (int always = 0; always < 2; always++)
	{
		OmenCopyWriter writer = {.columns = &column, .column_count = 1, .binary = true};
		uint64_t	place = 2;

		writer.marks = malloc(OMEN_PLACE_MARKS * sizeof(OmenPlaceMark));
		for (uint64_t row = 1; row <= ROWS; row++)
		{
			place += always ? 2 : 1 + (rand() % 50 == 0);
			places[row] = place;
			writer.buffer.bytes = 0;
			assert_int_equal(omen_copy_row(&writer, &field, place, NULL), OMEN_OK);
		}
		for (uint64_t row = 1; row <= ROWS; row++)
		{
			bool		known = !always || row > ROWS - OMEN_PLACE_MARKS;

			/* A look back passes every later mark: not at each of so many rows. */
			if (row % 997 == 0 || row + 100 > ROWS)
				assert_int_equal(omen_copy_place(&writer, row), known ? places[row] : 0);
		}
		assert_int_equal(omen_copy_place(&writer, 0), 0);
		assert_int_equal(omen_copy_place(&writer, ROWS + 1), 0);
		omen_copy_close(&writer);
	}
}

static void
contexts_are_understood(void **state)
{
	assert_int_equal(omen_copy_context_row("COPY items, line 7", "items"), 7);
	assert_int_equal(omen_copy_context_row("COPY t2, line 12345678901, column e: \"3\"", "t2"), 12345678901);
	assert_int_equal(omen_copy_context_row("COPY t2, Zeile 8, Spalte x9", "t2"), 8);
	assert_int_equal(omen_copy_context_row("SQL statement \"SELECT 1\"\nPL/pgSQL function f() line 3 at SQL statement\n"
										   "COPY a\"b, line 9", "a\"b"), 9);
	assert_int_equal(omen_copy_context_row("COPY items", "items"), 0);
	assert_int_equal(omen_copy_context_row("PL/pgSQL function f() line 3", "items"), 0);
	assert_int_equal(omen_copy_context_row(NULL, "items"), 0);
}

static void
name_lists_are_split(void **state)
{
	static const struct
	{
		const char *list;
		const char *names[4];
		bool		bad;
	}			cases[] = {
		{"a,b", {"a", "b"}, false},
		{"-,a b,\"c,\"\"d\"", {"-", "a b", "c,\"d"}, false},
		{"", {NULL}, false},
		{"a,", {NULL}, true},
		{",a", {NULL}, true},
		{"\"a", {NULL}, true},
		{"\"a\"b", {NULL}, true},
		{"\"\"", {NULL}, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *list = cases[i].list;
		char		name[64];
		bool		bad;
		int			count = 0;

		while (omen_plan_next_name(&list, name, sizeof(name), &bad))
		{
			if (cases[i].bad)
				break;
			assert_string_equal(name, cases[i].names[count]);
			count++;
		}
		assert_int_equal(bad, cases[i].bad);
		assert_true(count == 4 || cases[i].names[count] == NULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_lead_back_to_places),
		cmocka_unit_test(contexts_are_understood),
		cmocka_unit_test(name_lists_are_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
