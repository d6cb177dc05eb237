/*
 * csv_reader_test.c - goal: every record of RFC 4180 comes back as it was
 * written, wherever the window happens to end, and whatever is not such a
 * record is refused with its line, without harm to its neighbours.
 *
 * Compared with: the values that a random file was written from.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "import/reader_sample.h"

#define ROWS 200
#define COLUMNS 3
#define MAX_BYTES ((size_t) 1 << 20)

typedef struct Value
{
	char		text[24];
	bool		null;
} Value;

static void
make_value(Value *value)
{
	static const char *const pieces[] = {"a", "b", ",", "\"", "\n", "\r\n", " ", "é", "😀", "\t", "7"};
	int			count = rand() % 6;

	value->text[0] = '\0';
	value->null = rand() % 8 == 0;
	for (int i = 0; i < count && !value->null; i++)
		strcat(value->text, pieces[rand() % 11]);
}

/* Quotes where it must, and now and then where it need not. */
static void
write_value(OmenBuffer *file, const Value *value)
{
	if (value->null)
		return;
	if (value->text[0] != '\0' && strpbrk(value->text, ",\"\r\n") == NULL && rand() % 2)
	{
		omen_buffer_append_text(file, value->text);
		return;
	}
	omen_buffer_append_byte(file, '"');
	for (const char *at = value->text; *at != '\0'; at++)
	{
		if (*at == '"')
			omen_buffer_append_byte(file, '"');
		omen_buffer_append_byte(file, *at);
	}
	omen_buffer_append_byte(file, '"');
}

static void
random_files_come_back(void **state)
{
	unsigned	seed = (unsigned) time(NULL);

	print_message("# seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 30; round++)
	{
		static Value values[ROWS][COLUMNS];
		OmenBuffer	file = {0};
		ReaderSample sample;
		uint64_t	line = 1;

		if (round % 2)
			omen_buffer_append_text(&file, "\xEF\xBB\xBF");
		for (int r = 0; r < ROWS; r++)
			for (int c = 0; c < COLUMNS; c++)
			{
				make_value(&values[r][c]);
				write_value(&file, &values[r][c]);
				omen_buffer_append_text(&file, c + 1 < COLUMNS ? "," : rand() % 2 ? "\n" : "\r\n");
			}
		sample_open(&sample, &omen_format_csv, NULL, file.data, file.bytes, (size_t) (round % 7), MAX_BYTES);
		assert_int_equal(sample.opened, OMEN_OK);
		for (int r = 0; r < ROWS; r++)
		{
			assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
			assert_int_equal(sample.record.place, line);
			assert_int_equal(sample.record.count, COLUMNS);
			line++;
			for (int c = 0; c < COLUMNS; c++)
			{
				const OmenField *field = &sample.record.fields[c];

				assert_int_equal(field->kind, values[r][c].null ? OMEN_FIELD_NULL : OMEN_FIELD_TEXT);
				assert_int_equal(field->bytes, strlen(values[r][c].text));
				assert_memory_equal(field->data, values[r][c].text, field->bytes);
				for (const char *at = values[r][c].text; *at != '\0'; at++)
					line += *at == '\n';
			}
		}
		assert_int_equal(sample_next(&sample), OMEN_READ_END);
		sample_close(&sample);
		omen_buffer_free(&file);
	}
}

typedef struct BadCase
{
	const char *file;
	size_t		bytes;			/* 0: strlen */
	uint64_t	line;
	OmenReadResult result;
	const char *reason;			/* how it begins */
	int			good_after;		/* rows that are still read behind it */
} BadCase;

static void
bad_records_are_told_by_line(void **state)
{
	static const BadCase cases[] = {
		{"1,2,3\n4,5\n6,7,8\n", 0, 2, OMEN_READ_BAD, "2 columns where 3 are expected", 1},
		{"1,2,3\n4,5,6,7\n6,7,8\n", 0, 2, OMEN_READ_BAD, "4 columns where 3 are expected", 1},
		{"1,2,3\n4\n6,7,8\n", 0, 2, OMEN_READ_BAD, "1 column where 3 are expected", 1},
		{"\"1\n1\",2,3\n\n4,a\"b,6\n7,8,9", 0, 4, OMEN_READ_BAD, "a quote inside a field", 1},
		{"1,2,3\n4,\"5\"x,6\n7,8,9\n", 0, 2, OMEN_READ_BAD, "characters after the closing quote", 1},
		{"1,2,3\n4,5\r,6\n7,8,9\n", 0, 2, OMEN_READ_BAD, "a carriage return outside quotes", 1},
		{"1,2,3\n4,\xC3(,6\n7,8,9\n", 0, 2, OMEN_READ_BAD, "not valid UTF-8: byte 0xc3 at position 3", 1},
		{"1,2,3\n4,\xED\xA0\x80,6\n7,8,9\n", 0, 2, OMEN_READ_BAD, "not valid UTF-8: byte 0xed", 1},
		{"1,2,3\n4,\xC0\x80,6\n7,8,9\n", 0, 2, OMEN_READ_BAD, "not valid UTF-8: byte 0xc0", 1},
		{"1,2,3\n4,\xF4\x90\x80\x80,6\n7,8,9\n", 0, 2, OMEN_READ_BAD, "not valid UTF-8: byte 0xf4", 1},
		{"1,2,3\n4,a\0b,6\n7,8,9\n", 20, 2, OMEN_READ_BAD, "a zero byte", 1},
		{"1,2,3\n4,\"5,6\n7,8,9\n", 0, 2, OMEN_READ_FAILED, "a quoted field that starts in this record never ends", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t read_bytes = 0; read_bytes < 4; read_bytes++)
		{
			const BadCase *c = &cases[i];
			ReaderSample sample;

			sample_open(&sample, &omen_format_csv, NULL, c->file, c->bytes ? c->bytes : strlen(c->file),
						read_bytes, MAX_BYTES);
			assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
			assert_int_equal(sample_next(&sample), c->result);
			assert_int_equal(sample.record.place, c->line);
			if (strncmp(sample.err.text, c->reason, strlen(c->reason)) != 0)
				fail_msg("case %zu: \"%s\", not \"%s\"", i, sample.err.text, c->reason);
			for (int j = 0; j < c->good_after; j++)
				assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
			if (c->result == OMEN_READ_BAD)
				assert_int_equal(sample_next(&sample), OMEN_READ_END);
			sample_close(&sample);
		}
}

static OmenStatus
open_header(ReaderSample *sample, const char *text)
{
	OmenReaderOptions options = {.delimiter = ';', .null_text = "\\N", .header = true};

	sample_open(sample, &omen_format_csv, &options, text, strlen(text), 1, MAX_BYTES);
	return sample->opened;
}

static void
headers_name_columns(void **state)
{
	ReaderSample sample;

	assert_int_equal(open_header(&sample, "id;\"the \"\"title\"\"\"\r\n1;\\N\n;\"\\N\"\n"), OMEN_OK);
	assert_int_equal(sample.reader.column_count, 2);
	assert_string_equal(sample.reader.columns[0], "id");
	assert_string_equal(sample.reader.columns[1], "the \"title\"");
	assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
	assert_int_equal(sample.record.place, 2);
	assert_int_equal(sample.record.fields[1].kind, OMEN_FIELD_NULL);
	assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
	assert_int_equal(sample.record.fields[0].kind, OMEN_FIELD_TEXT);
	assert_int_equal(sample.record.fields[1].kind, OMEN_FIELD_TEXT);
	sample_close(&sample);

	assert_int_equal(open_header(&sample, ""), OMEN_INVALID);
	assert_string_equal(sample.err.text, "the file is empty: a header line was expected");
	sample_close(&sample);
	assert_int_equal(open_header(&sample, "a;;b\n"), OMEN_INVALID);
	assert_string_equal(sample.err.text, "column 2 of the header has no name");
	sample_close(&sample);
	assert_int_equal(open_header(&sample, "a;b;a\n"), OMEN_INVALID);
	assert_string_equal(sample.err.text, "the header names column \"a\" twice");
	sample_close(&sample);
}

static void
records_have_a_limit(void **state)
{
	char		text[4096];
	ReaderSample sample;

	memset(text, 'x', sizeof(text));
	memcpy(text, "1,2,3\n", 6);
	sample_open(&sample, &omen_format_csv, NULL, text, sizeof(text), 100, 1000);
	assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
	assert_int_equal(sample_next(&sample), OMEN_READ_FAILED);
	assert_int_equal(sample.record.place, 2);
	assert_string_equal(sample.err.text, "a record longer than the limit of 1000 bytes");
	sample_close(&sample);

	text[6] = '"';
	sample_open(&sample, &omen_format_csv, NULL, text, sizeof(text), 100, 1000);
	assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
	assert_int_equal(sample_next(&sample), OMEN_READ_FAILED);
	assert_string_equal(sample.err.text,
						"a quoted field that starts in this record does not end within 1000 bytes");
	sample_close(&sample);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_files_come_back),
		cmocka_unit_test(bad_records_are_told_by_line),
		cmocka_unit_test(headers_name_columns),
		cmocka_unit_test(records_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
