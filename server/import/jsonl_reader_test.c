/*
 * jsonl_reader_test.c - goal: exactly RFC 8259 is taken, values come out as
 * they were written, and bad lines are told by line and character.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "import/json_scan.h"
#include "import/reader_sample.h"

#define MAX_BYTES ((size_t) 1 << 20)

static bool
is_json(const char *text)
{
	OmenJsonScan scan = {.at = text, .end = text + strlen(text)};

	omen_json_space(&scan);
	if (!omen_json_value(&scan))
		return false;
	omen_json_space(&scan);
	return scan.at == scan.end;
}

static void
the_grammar_is_rfc_8259(void **state)
{
	static const char *const good[] = {
		"0", "-0", "10", "-1.5e+10", "1E5", "0.0e-0", "true", "false", "null", "\"\"", "\"\\u00e9\\n\\/\"",
		"[]", "{}", "[ ]", "{ }", "[1,[2,{}]]", " {\"a\" : [ 1 , null ] , \"\" : {} } ", "\"\x7f\"",
		"\"\\ud800\"",			/* grammar only: omen_json_unescape() refuses it */
	};
	static const char *const bad[] = {
		"", " ", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN", "Infinity", "-Infinity", "nul", "True",
		"\"", "\"a", "\"\n\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12", "'a'", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]",
		"{", "{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{,}", "]", "}", "1 2", "[1}", "{\"a\":1]",
		"/**/1", "[1]x",
	};
	char		deep[2 * OMEN_JSON_DEPTH_MAX + 3];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!is_json(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (is_json(bad[i]))
			fail_msg("taken: %s", bad[i]);
	for (int extra = 0; extra < 2; extra++)
	{
		int			depth = OMEN_JSON_DEPTH_MAX + extra;

		memset(deep, '[', (size_t) depth);
		memset(deep + depth, ']', (size_t) depth);
		deep[2 * depth] = '\0';
		assert_int_equal(is_json(deep), extra == 0);
	}
}

static void
strings_are_unescaped(void **state)
{
	static const struct
	{
		const char *raw;
		const char *text;		/* NULL: refused */
	}			cases[] = {
		{"\"\"", ""},
		{"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz"},
		{"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "Aé€😀"},
		{"\"\\u0000\"", NULL},
		{"\"\\ud83d\"", NULL},
		{"\"\\ud83dx\"", NULL},
		{"\"\\ude00\"", NULL},
		{"\"\\ud83d\\u0041\"", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		OmenBuffer	out = {0};
		const char *reason = omen_json_unescape(cases[i].raw, strlen(cases[i].raw), &out);

		if (cases[i].text == NULL)
		{
			assert_non_null(reason);
			assert_non_null(omen_json_storable(cases[i].raw, strlen(cases[i].raw)));
		}
		else
		{
			assert_null(reason);
			assert_int_equal(out.bytes, strlen(cases[i].text));
			if (out.bytes > 0)
				assert_memory_equal(out.data, cases[i].text, out.bytes);
		}
		omen_buffer_free(&out);
	}
}

static void
check_field(const OmenField *field, OmenFieldKind kind, const char *text)
{
	assert_int_equal(field->kind, kind);
	assert_int_equal(field->bytes, strlen(text));
	assert_memory_equal(field->data, text, field->bytes);
}

static void
objects_are_taken_apart(void **state)
{
	static const char file[] =
		"\xEF\xBB\xBF{\"a\": 12345678901234567890.10, \"k\\u00e9y\":\"x\\n\", \"n\" : null}\r\n"
		"\n  \n"
		"{}\n"
		"{\"\\u0061\": [1, {\"b\": 2}], \"\\u0062\":true}";

	for (size_t read_bytes = 0; read_bytes < 5; read_bytes++)
	{
		ReaderSample sample;

		sample_open(&sample, &omen_format_jsonl, NULL, file, strlen(file), read_bytes, MAX_BYTES);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		assert_int_equal(sample.record.place, 1);
		assert_int_equal(sample.record.count, 3);
		check_field(&sample.record.keys[0], OMEN_FIELD_TEXT, "a");
		check_field(&sample.record.fields[0], OMEN_FIELD_JSON, "12345678901234567890.10");
		check_field(&sample.record.keys[1], OMEN_FIELD_TEXT, "kéy");
		check_field(&sample.record.fields[1], OMEN_FIELD_JSON, "\"x\\n\"");
		assert_int_equal(sample.record.fields[2].kind, OMEN_FIELD_NULL);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		assert_int_equal(sample.record.place, 4);
		assert_int_equal(sample.record.count, 0);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		assert_int_equal(sample.record.place, 5);
		check_field(&sample.record.keys[0], OMEN_FIELD_TEXT, "a");
		check_field(&sample.record.fields[0], OMEN_FIELD_JSON, "[1, {\"b\": 2}]");
		check_field(&sample.record.keys[1], OMEN_FIELD_TEXT, "b");
		assert_int_equal(sample_next(&sample), OMEN_READ_END);
		sample_close(&sample);
	}
}

static void
bad_lines_are_told_by_line(void **state)
{
	static const struct
	{
		const char *line;
		const char *reason;
	}			cases[] = {
		{"[1]", "not JSON: each line must be one JSON object, { … } (at character 1)"},
		{"{\"é\":1", "not JSON: the object does not end on its line (at character 7)"},
		{"{\"a\":1}}", "not JSON: text after the object (at character 8)"},
		{"{\"a\":1 \"b\":2}", "not JSON: a comma or } was expected (at character 8)"},
		{"{\"a\":nope}", "not JSON: no JSON value (at character 6)"},
		{"{\"a\":NaN}", "not JSON: no JSON value (at character 6)"},
		{"{a:1}", "not JSON: a string in double quotes was expected (at character 2)"},
		{"{\"a\":1,\"b\":2,\"\\u0061\":3}", "the key \"a\" comes twice"},
		{"{\"a\":\"\xFF\"}", "not valid UTF-8: byte 0xff at position 7 of the line"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		file[256];
		ReaderSample sample;

		snprintf(file, sizeof(file), "{\"a\":1}\n\n%s\n{\"a\":2}\n", cases[i].line);
		sample_open(&sample, &omen_format_jsonl, NULL, file, strlen(file), 3, MAX_BYTES);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		assert_int_equal(sample_next(&sample), OMEN_READ_BAD);
		assert_int_equal(sample.record.place, 3);
		assert_string_equal(sample.err.text, cases[i].reason);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		assert_int_equal(sample.record.place, 4);
		assert_int_equal(sample_next(&sample), OMEN_READ_END);
		sample_close(&sample);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_grammar_is_rfc_8259),
		cmocka_unit_test(strings_are_unescaped),
		cmocka_unit_test(objects_are_taken_apart),
		cmocka_unit_test(bad_lines_are_told_by_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
