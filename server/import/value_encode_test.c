/*
 * value_encode_test.c - goal: each type's binary form is what PostgreSQL's
 * receive functions expect, byte for byte, and every value that cannot be is
 * refused in words.  (tests/import asks the real server the same.)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "import/value_encode.h"

typedef struct EncodeCase
{
	const char *type;			/* the vector types are the extension's */
	int32_t		typmod;
	OmenFieldKind kind;
	const char *value;
	const char *hex;			/* NULL: refused, for this reason */
	const char *reason;
} EncodeCase;

#define T OMEN_FIELD_TEXT
#define J OMEN_FIELD_JSON

static const EncodeCase cases[] = {
	{"vector", -1, T, "[1,-2.5]", "000200003f800000c0200000", NULL},
	{"vector", 2, J, "[1, -2.5]", "000200003f800000c0200000", NULL},
	{"vector", 2, J, "\"[1,-2.5]\"", "000200003f800000c0200000", NULL},
	{"vector", 1, T, " [ 1e-50 ] ", "0001000000000000", NULL},
	{"vector", 3, T, "[1,2]", NULL, "expected 3 dimensions, not 2"},
	{"vector", -1, T, "[]", NULL, "a vector must have at least one dimension"},
	{"vector", -1, T, "", NULL, "\"\" does not start with \"[\""},
	{"vector", -1, T, "1,2", NULL, "\"1,2\" does not start with \"[\""},
	{"vector", -1, T, "[1,2", NULL, "the list of numbers does not end with \"]\""},
	{"vector", -1, T, "[1,,2]", NULL, "element 2 is not a number: \"\""},
	{"vector", -1, T, "[1,2,]", NULL, "element 3 is not a number: \"\""},
	{"vector", -1, T, "[1,x2]", NULL, "element 2 is not a number: \"x2\""},
	{"vector", -1, T, "[1,2x]", NULL, "element 2 is not a number: \"2x\""},
	{"vector", -1, T, "[1 2]", NULL, "a comma is missing after element 1"},
	{"vector", -1, J, "[1,null]", NULL, "element 2 is not a number: \"null\""},
	{"vector", -1, J, "[1,[2]]", NULL, "element 2 is not a number: \"[2\""},
	{"vector", -1, T, "[1,nan]", NULL, "element 2 is NaN, which a vector cannot hold"},
	{"vector", -1, T, "[-inf,1]", NULL, "element 1 is infinite, which a vector cannot hold"},
	{"vector", -1, T, "[1e39]", NULL, "element 1 is too large for a float: 1e39"},
	{"vector", -1, T, "[1]x", NULL, "text after the closing \"]\""},
	{"halfvec", -1, T, "[1,-2.5]", "000200003c00c100", NULL},
	{"halfvec", 1, T, "[65520]", NULL, "element 1, 65520, is out of range for type halfvec"},
	{"halfvec", 2, T, "[1]", NULL, "expected 2 dimensions, not 1"},
	{"sparsevec", -1, T, "{3:2,1:1,2:0}/5", "000000050000000200000000" "00000000" "00000002" "3f80000040000000", NULL},
	{"sparsevec", 5, T, "{}/5", "000000050000000000000000", NULL},
	{"sparsevec", 4, T, "{}/5", NULL, "expected 4 dimensions, not 5"},
	{"sparsevec", -1, T, "{0:1}/5", NULL, "the sparsevec index 0 is out of range; the first is 1"},
	{"sparsevec", -1, T, "{6:1}/5", NULL, "the sparsevec index 6 is past its 5 dimensions"},
	{"sparsevec", -1, T, "{1:1,1:2}/5", NULL, "the sparsevec index 1 comes twice"},
	{"sparsevec", -1, T, "{1:nan}/5", NULL, "the value at sparsevec index 1 is NaN"},
	{"sparsevec", -1, T, "{1:x}/5", NULL, "the value at sparsevec index 1 is not a number"},
	{"sparsevec", -1, T, "{}/0", NULL, "a sparsevec has 1 to 1000000000 dimensions, not 0"},
	{"sparsevec", -1, T, "[1,2]", NULL, "a sparsevec is written {index:value,…}/dimensions"},
	{"_float4", -1, T, "{1,NaN}", "00000001" "00000000" "000002bc" "00000002" "00000001"
	"00000004" "3f800000" "00000004" "7fc00000", NULL},
	{"_float4", -1, J, "[1]", "00000001" "00000000" "000002bc" "00000001" "00000001" "00000004" "3f800000", NULL},
	{"_float4", -1, T, "{}", "00000000" "00000000" "000002bc", NULL},
	{"bool", -1, T, " TRUE ", "01", NULL},
	{"bool", -1, J, "false", "00", NULL},
	{"bool", -1, T, "of", "00", NULL},
	{"bool", -1, T, "o", NULL, "not true or false: \"o\""},
	{"bool", -1, T, "", NULL, "not true or false: \"\""},
	{"bool", -1, T, "truee", NULL, "not true or false: \"truee\""},
	{"int2", -1, T, "-32768", "8000", NULL},
	{"int2", -1, T, "32768", NULL, "32768 is out of range for type int2"},
	{"int4", -1, T, " +2147483647 ", "7fffffff", NULL},
	{"int4", -1, T, "-2147483649", NULL, "-2147483649 is out of range for type int4"},
	{"int4", -1, J, "1.0", NULL, "not a whole number: \"1.0\""},
	{"int4", -1, T, "-", NULL, "not a whole number: \"-\""},
	{"int8", -1, T, "-9223372036854775808", "8000000000000000", NULL},
	{"int8", -1, T, "9223372036854775808", NULL, "9223372036854775808 is out of range for type int8"},
	{"float4", -1, T, "1.5", "3fc00000", NULL},
	{"float4", -1, T, "-Infinity", "ff800000", NULL},
	{"float4", -1, T, "1e39", NULL, "1e39 is out of range for type float4"},
	{"float4", -1, T, "1e-60", NULL, "1e-60 is out of range for type float4"},
	{"float4", -1, T, "1,5", NULL, "not a number: \"1,5\""},
	{"float8", -1, T, "-2.5", "c004000000000000", NULL},
	{"float8", -1, T, "1e400", NULL, "1e400 is out of range for type float8"},
	{"float8", -1, T, "", NULL, "not a number: \"\""},
	{"text", -1, J, "\"a\\u00e9\"", "61c3a9", NULL},
	{"text", -1, J, "{\"a\":1}", "7b2261223a317d", NULL},
	{"text", -1, J, "\"\\u0000\"", NULL, "\\u0000, which PostgreSQL cannot store"},
	{"varchar", 6, T, "é😀  ", "c3a9f09f98802020", NULL},
	{"varchar", 6, T, "abc", NULL, "a value of 3 characters is too long for type varchar"},
	{"uuid", -1, T, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11", NULL},
	{"uuid", -1, T, "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11", NULL},
	{"uuid", -1, T, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", NULL, "not a UUID: \"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1\""},
	{"bytea", -1, T, "\\x00fF 01", "00ff01", NULL},
	{"bytea", -1, T, "a\\\\b\\001", "615c6201", NULL},
	{"bytea", -1, T, "\\x0", NULL, "a bytea in \\x form takes two hexadecimal digits a byte"},
	{"bytea", -1, T, "\\9", NULL, "a backslash in a bytea that is neither \\\\ nor \\ooo"},
	{"json", -1, T, " [1] ", "205b315d20", NULL},
	{"json", -1, T, "[1", NULL, "not JSON: an array does not end"},
	{"jsonb", -1, J, "{\"a\":1}", "017b2261223a317d", NULL},
	{"jsonb", -1, T, "x", NULL, "not JSON: no JSON value"},
	{"jsonb", -1, J, "[\"\\u0000\"]", NULL, "\\u0000, which PostgreSQL cannot store"},
	{"jsonb", -1, J, "{\"\\ud800\":1}", NULL, "half of a surrogate pair, which is no character"},
};

static void
hex_of(char *text, const OmenBuffer *buffer)
{
	text[0] = '\0';
	for (size_t i = 0; i < buffer->bytes; i++)
		sprintf(text + 2 * i, "%02x", (unsigned char) buffer->data[i]);
}

static void
values_become_bytes_or_reasons(void **state)
{
	OmenEncodeScratch scratch = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const EncodeCase *c = &cases[i];
		OmenColumn	column = {.name = (char *) "c", .type_text = (char *) c->type, .typmod = c->typmod};
		OmenField	field = {c->kind, c->value, strlen(c->value)};
		OmenBuffer	out = {0};
		OmenError	err = {0};
		char		hex[256];

		column.encoding = omen_encoding_find(c->type, strstr(c->type, "vec") != NULL);
		assert_non_null(column.encoding);
		if (column.encoding->encode(&column, &field, &scratch, &out, &err) == OMEN_OK)
		{
			hex_of(hex, &out);
			if (c->hex == NULL || strcmp(hex, c->hex) != 0)
				fail_msg("%s '%s': %s, not %s", c->type, c->value, hex, c->hex != NULL ? c->hex : "an error");
		}
		else if (c->reason == NULL || strcmp(err.text, c->reason) != 0)
			fail_msg("%s '%s': \"%s\", not \"%s\"", c->type, c->value, err.text, c->reason ? c->reason : "");
		omen_buffer_free(&out);
	}
	omen_encode_scratch_free(&scratch);
}

static void
tuples_are_all_or_nothing(void **state)
{
	OmenColumn	columns[2] = {
		{.name = (char *) "n", .type_text = (char *) "int4", .typmod = -1,
		.encoding = omen_encoding_find("int4", false)},
		{.name = (char *) "v", .type_text = (char *) "text[]", .typmod = -1, .is_array = true, .required = true},
	};
	OmenField	fields[2] = {{T, "7", 1}, {J, "[\"a\\\"\\\\\\tb\", null, [1.50, true]]", 0}};
	OmenEncodeScratch scratch = {0};
	OmenBuffer	out = {0};
	OmenError	err = {0};
	uint32_t	culprit = 9;

	fields[1].bytes = strlen(fields[1].data);
	assert_int_equal(omen_encode_tuple_text(columns, fields, 2, &scratch, &out, &culprit, &err), OMEN_OK);
	omen_buffer_append_byte(&out, '\0');
	assert_string_equal(out.data, "7\t{\"a\\\\\"\\\\\\\\\\tb\",NULL,{\"1.50\",\"true\"}}\n");
	out.bytes = 3;
	fields[1].kind = OMEN_FIELD_NULL;
	assert_int_equal(omen_encode_tuple_text(columns, fields, 2, &scratch, &out, &culprit, &err), OMEN_INVALID);
	assert_int_equal(culprit, 1);
	assert_string_equal(err.text, "no value, but the column is NOT NULL");
	assert_int_equal(out.bytes, 3);

	columns[1].encoding = omen_encoding_find("int2", false);
	assert_int_equal(omen_encode_tuple_binary(columns, fields, 2, &scratch, &out, &culprit, &err), OMEN_INVALID);
	assert_int_equal(culprit, 1);
	assert_int_equal(out.bytes, 3);
	columns[1].required = false;
	out.bytes = 0;
	assert_int_equal(omen_encode_tuple_binary(columns, fields, 2, &scratch, &out, &culprit, &err), OMEN_OK);
	assert_int_equal(out.bytes, 14);
	assert_memory_equal(out.data, "\0\2\0\0\0\4\0\0\0\7\377\377\377\377", 14);
	omen_buffer_free(&out);
	omen_encode_scratch_free(&scratch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_become_bytes_or_reasons),
		cmocka_unit_test(tuples_are_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
