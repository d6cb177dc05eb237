/*
 * progress_line_test.c - goal: what a progress says is right in its numbers
 * and never wider than the terminal, for any amount, rate and width.
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
#include <unistd.h>

#include <cmocka.h>

#include "term/glyph.h"
#include "term/progress.h"
#include "term/progress_line.h"

static void
counts_are_grouped(void **state)
{
	char		text[32];

	assert_string_equal(omen_format_count(text, 0), "0");
	assert_string_equal(omen_format_count(text, 999), "999");
	assert_string_equal(omen_format_count(text, 1000), "1,000");
	assert_string_equal(omen_format_count(text, 117659), "117,659");
	assert_string_equal(omen_format_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void
durations_change_unit(void **state)
{
	char		text[32];

	assert_string_equal(omen_format_duration(text, -1), "0 ms");
	assert_string_equal(omen_format_duration(text, 0.25), "250 ms");
	assert_string_equal(omen_format_duration(text, 0.9999), "1.0 s");
	assert_string_equal(omen_format_duration(text, 12.34), "12.3 s");
	assert_string_equal(omen_format_duration(text, 245), "4 min 05 s");
	assert_string_equal(omen_format_duration(text, 11220), "3 h 07 min");
	assert_string_equal(omen_format_duration(text, 1e12), "very long");
}

static void
bytes_are_scaled(void **state)
{
	char		text[32];

	assert_string_equal(omen_format_bytes(text, 512), "512 B");
	assert_string_equal(omen_format_bytes(text, 1500), "1.5 kB");
	assert_string_equal(omen_format_bytes(text, 999960), "1.0 MB");
	assert_string_equal(omen_format_bytes(text, 64000000), "64.0 MB");
	assert_string_equal(omen_format_bytes(text, UINT64_MAX), "18446.7 PB");
}

static void
lines_say_rate_and_remaining_time(void **state)
{
	char		line[OMEN_PROGRESS_LINE_BYTES];
	OmenProgressState half = {"loading", "rows", 500, 1000, 2.0, 0, NULL};
	OmenProgressState open_ended = {"reading", "bytes", 3000000, 0, 2.0, 0, NULL};
	OmenProgressState countless = {"waiting", "", 0, 0, 3.0, 0, NULL};

	omen_progress_line(line, &half, 0, 80);
	assert_string_equal(line, "loading:  50 %, 500 of 1,000 rows, 250 rows/s, 2.0 s left");
	half.also_done = 7000;
	half.also_unit = "vectors";
	omen_progress_line(line, &half, 0, 80);
	assert_string_equal(line, "loading:  50 %, 500 of 1,000 rows, 250 rows/s, 2.0 s left, 3,500 vectors/s");
	half.also_unit = NULL;
	omen_progress_line(line, &half, 1, 100);
	assert_string_equal(line, "loading: [###############...............]  50 %, "
						"500 of 1,000 rows, 250 rows/s, 2.0 s left");
	omen_progress_line(line, &open_ended, 0, 80);
	assert_string_equal(line, "reading: 3.0 MB, 1.5 MB/s, 2.0 s");
	omen_progress_line(line, &countless, 0, 80);
	assert_string_equal(line, "waiting: 3.0 s");
	omen_progress_closing(line, &half);
	assert_string_equal(line, "loading: 500 rows in 2.0 s");
}

static void
bars_never_wrap(void **state)
{
	unsigned	seed = (unsigned) time(NULL);
	char		line[OMEN_PROGRESS_LINE_BYTES];

	print_message("# seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < 20000; i++)
	{
		OmenProgressState any = {
			.title = i % 3 ? "building the index of définitions" : "x",
			.unit = i % 2 ? "rows" : "bytes",
			.done = (uint64_t) rand() << (rand() % 33),
			.total = rand() % 4 ? (uint64_t) rand() << (rand() % 33) : 0,
			.elapsed_s = rand() / 1000.0,
		};
		int			columns = 20 + rand() % 120;

		omen_progress_line(line, &any, 1, columns);
		assert_true(omen_glyph_columns(line) <= columns - 1);
	}
}

/* Everything a progress wrote to a pipe while the caller slept without a call. */
static void
a_pipe_hears_every_second(void **state)
{
	FILE	   *out = tmpfile();
	char		text[2048];
	OmenProgress *progress = omen_progress_begin(out, "sleeping", "steps", 10);
	int			lines = 0;
	size_t		length;

	omen_progress_set(progress, 4);
	omen_progress_add(progress, 1);
	usleep(2300 * 1000);
	omen_progress_end(progress, "woken");
	rewind(out);
	length = fread(text, 1, sizeof(text) - 1, out);
	text[length] = '\0';
	fclose(out);
	for (char *at = text; *at != '\0'; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 3);
	assert_non_null(strstr(text, "sleeping:  50 %, 5 of 10 steps"));
	assert_non_null(strstr(text, "sleeping: 5 steps in 2.3 s, woken\n"));
	assert_null(strchr(text, '\r'));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_grouped),
		cmocka_unit_test(durations_change_unit),
		cmocka_unit_test(bytes_are_scaled),
		cmocka_unit_test(lines_say_rate_and_remaining_time),
		cmocka_unit_test(bars_never_wrap),
		cmocka_unit_test(a_pipe_hears_every_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
