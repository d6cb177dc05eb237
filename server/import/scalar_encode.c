/*
 * scalar_encode.c - PostgreSQL's plain types in binary, from their text.
 *
 * Each accepts what the type's own input function accepts in the ordinary
 * spellings; the text is UTF-8 already.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "import/json_scan.h"
#include "import/utf8_check.h"
#include "import/value_encode.h"
#include "omen/number.h"

void
omen_trim_space(const char **text, size_t *bytes)
{
	const char *at = *text;
	const char *end = at + *bytes;

	while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
		at++;
	while (end > at && (end[-1] == ' ' || (end[-1] >= '\t' && end[-1] <= '\r')))
		end--;
	*text = at;
	*bytes = (size_t) (end - at);
}

static OmenStatus
trimmed_text(const OmenField *field, OmenEncodeScratch *scratch, const char **text, size_t *bytes, OmenError *err)
{
	OmenStatus	status = omen_field_text(field, scratch, text, bytes, err);

	if (status == OMEN_OK)
		omen_trim_space(text, bytes);
	return status;
}

static OmenStatus
wrong_text(const char *wanted, const char *text, size_t bytes, OmenError *err)
{
	return omen_fail(err, OMEN_INVALID, "not %s: \"%.*s\"", wanted, omen_shown_bytes(bytes), text);
}

static OmenStatus
out_of_range(const OmenColumn *column, const char *text, size_t bytes, OmenError *err)
{
	return omen_fail(err, OMEN_RANGE, "%.*s is out of range for type %s",
					 omen_shown_bytes(bytes), text, column->type_text);
}

/* Any unambiguous beginning of true, false, yes, no, on and off, or 1 and 0. */
OmenStatus
omen_encode_bool(const OmenColumn *column, const OmenField *field,
				 OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	static const struct
	{
		const char *word;
		size_t		bytes_min;
		bool		value;
	}			words[] = {
		{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
		{"on", 2, true}, {"off", 2, false}, {"1", 1, true}, {"0", 1, false},
	};
	const char *text;
	size_t		bytes;
	OmenStatus	status = trimmed_text(field, scratch, &text, &bytes, err);

	(void) column;
	if (status != OMEN_OK)
		return status;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (bytes >= words[i].bytes_min && bytes <= strlen(words[i].word) &&
			strncasecmp(text, words[i].word, bytes) == 0)
		{
			omen_buffer_append_byte(out, words[i].value);
			return OMEN_OK;
		}
	return wrong_text("true or false", text, bytes, err);
}

static OmenStatus
parse_integer(const OmenColumn *column, const OmenField *field, OmenEncodeScratch *scratch,
			  int64_t min, int64_t max, int64_t *value, OmenError *err)
{
	const char *text;
	size_t		bytes;
	size_t		at = 0;
	bool		negative;
	OmenStatus	status = trimmed_text(field, scratch, &text, &bytes, err);

	if (status != OMEN_OK)
		return status;
	negative = bytes > 0 && text[0] == '-';
	at = bytes > 0 && (text[0] == '-' || text[0] == '+');
	if (at == bytes)
		return wrong_text("a whole number", text, bytes, err);
	for (size_t i = at; i < bytes; i++)
		if (text[i] < '0' || text[i] > '9')
			return wrong_text("a whole number", text, bytes, err);
	*value = 0;
	for (; at < bytes; at++)
	{
		int			digit = text[at] - '0';

		if (__builtin_mul_overflow(*value, 10, value) ||
			__builtin_add_overflow(*value, negative ? -digit : digit, value))
			break;
	}
	if (at < bytes || *value < min || *value > max)
		return out_of_range(column, text, bytes, err);
	return OMEN_OK;
}

OmenStatus
omen_encode_int2(const OmenColumn *column, const OmenField *field,
				 OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	int64_t		value;
	OmenStatus	status = parse_integer(column, field, scratch, INT16_MIN, INT16_MAX, &value, err);

	if (status == OMEN_OK)
		omen_buffer_append_u16(out, (uint16_t) value);
	return status;
}

OmenStatus
omen_encode_int4(const OmenColumn *column, const OmenField *field,
				 OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	int64_t		value;
	OmenStatus	status = parse_integer(column, field, scratch, INT32_MIN, INT32_MAX, &value, err);

	if (status == OMEN_OK)
		omen_buffer_append_u32(out, (uint32_t) value);
	return status;
}

OmenStatus
omen_encode_int8(const OmenColumn *column, const OmenField *field,
				 OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	int64_t		value;
	OmenStatus	status = parse_integer(column, field, scratch, INT64_MIN, INT64_MAX, &value, err);

	if (status == OMEN_OK)
		omen_buffer_append_u64(out, (uint64_t) value);
	return status;
}

OmenStatus
omen_encode_float4(const OmenColumn *column, const OmenField *field,
				   OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const char *text;
	const char *after;
	size_t		bytes;
	float		value;
	uint32_t	bits;
	OmenStatus	range = OMEN_OK;
	OmenStatus	status = trimmed_text(field, scratch, &text, &bytes, err);

	if (status != OMEN_OK)
		return status;
	after = omen_float_parse(text, text + bytes, &value, &range);
	if (after == NULL || after != text + bytes)
		return wrong_text("a number", text, bytes, err);
	if (range == OMEN_RANGE && (isinf(value) || value == 0))
		return out_of_range(column, text, bytes, err);
	memcpy(&bits, &value, sizeof(bits));
	omen_buffer_append_u32(out, bits);
	return OMEN_OK;
}

OmenStatus
omen_encode_float8(const OmenColumn *column, const OmenField *field,
				   OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const char *text;
	size_t		bytes;
	char	   *after;
	double		value;
	uint64_t	bits;
	OmenStatus	status = trimmed_text(field, scratch, &text, &bytes, err);

	if (status != OMEN_OK)
		return status;
	scratch->floats.bytes = 0;	/* strtod() wants a terminator */
	omen_buffer_append(&scratch->floats, text, bytes);
	omen_buffer_append_byte(&scratch->floats, '\0');
	if (scratch->floats.failed)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory");
	errno = 0;
	value = strtod(scratch->floats.data, &after);
	if (bytes == 0 || after != scratch->floats.data + bytes)
		return wrong_text("a number", text, bytes, err);
	if (errno == ERANGE && (isinf(value) || value == 0))
		return out_of_range(column, text, bytes, err);
	memcpy(&bits, &value, sizeof(bits));
	omen_buffer_append_u64(out, bits);
	return OMEN_OK;
}

OmenStatus
omen_encode_text(const OmenColumn *column, const OmenField *field,
				 OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const char *text;
	size_t		bytes;
	OmenStatus	status = omen_field_text(field, scratch, &text, &bytes, err);

	(void) column;
	if (status == OMEN_OK)
		omen_buffer_append(out, text, bytes);
	return status;
}

/* varchar(n): its typmod is n + 4.  As the server does, blanks past n are not counted against it. */
OmenStatus
omen_encode_varchar(const OmenColumn *column, const OmenField *field,
					OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const char *text;
	size_t		bytes;
	size_t		length_max;
	OmenStatus	status = omen_field_text(field, scratch, &text, &bytes, err);

	if (status != OMEN_OK)
		return status;
	length_max = column->typmod >= 4 ? (size_t) column->typmod - 4 : SIZE_MAX;
	if (bytes > length_max)
	{
		size_t		used = bytes;

		while (used > 0 && text[used - 1] == ' ')
			used--;
		if (omen_utf8_length(text, used) > length_max)
			return omen_fail(err, OMEN_RANGE, "a value of %zu characters is too long for type %s",
							 omen_utf8_length(text, bytes), column->type_text);
	}
	omen_buffer_append(out, text, bytes);
	return OMEN_OK;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Thirty-two digits, with a hyphen allowed after every four, and braces around all. */
OmenStatus
omen_encode_uuid(const OmenColumn *column, const OmenField *field,
				 OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const char *text;
	const char *at;
	const char *end;
	size_t		bytes;
	uint8_t		value[16] = {0};
	OmenStatus	status = omen_field_text(field, scratch, &text, &bytes, err);

	(void) column;
	if (status != OMEN_OK)
		return status;
	at = text;
	end = text + bytes;
	if (bytes > 2 && text[0] == '{' && text[bytes - 1] == '}')
	{
		at++;
		end--;
	}
	for (int i = 0; i < 32; i++)
	{
		int			digit;

		if (i > 0 && i % 4 == 0 && at < end && *at == '-')
			at++;
		digit = at < end ? hex_value(*at) : -1;
		if (digit < 0)
			return wrong_text("a UUID", text, bytes, err);
		value[i / 2] = (uint8_t) (value[i / 2] << 4 | digit);
		at++;
	}
	if (at != end)
		return wrong_text("a UUID", text, bytes, err);
	omen_buffer_append(out, value, sizeof(value));
	return OMEN_OK;
}

/* \x with two hexadecimal digits a byte, blanks allowed between bytes. */
static OmenStatus
bytea_from_hex(const char *at, const char *end, OmenBuffer *out, OmenError *err)
{
	while (at < end)
	{
		int			high;
		int			low;

		if (*at == ' ' || (*at >= '\t' && *at <= '\r'))
		{
			at++;
			continue;
		}
		high = hex_value(at[0]);
		low = end - at >= 2 ? hex_value(at[1]) : -1;
		if (high < 0 || low < 0)
			return omen_fail(err, OMEN_INVALID, "a bytea in \\x form takes two hexadecimal digits a byte");
		omen_buffer_append_byte(out, (char) (high << 4 | low));
		at += 2;
	}
	return OMEN_OK;
}

/* The older form: \\ for a backslash, \ooo in octal for any byte. */
static OmenStatus
bytea_from_escapes(const char *at, const char *end, OmenBuffer *out, OmenError *err)
{
	while (at < end)
	{
		if (*at != '\\')
			omen_buffer_append_byte(out, *at++);
		else if (end - at >= 2 && at[1] == '\\')
		{
			omen_buffer_append_byte(out, '\\');
			at += 2;
		}
		else if (end - at >= 4 && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
				 at[3] >= '0' && at[3] <= '7')
		{
			omen_buffer_append_byte(out, (char) ((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0')));
			at += 4;
		}
		else
			return omen_fail(err, OMEN_INVALID, "a backslash in a bytea that is neither \\\\ nor \\ooo");
	}
	return OMEN_OK;
}

OmenStatus
omen_encode_bytea(const OmenColumn *column, const OmenField *field,
				  OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const char *text;
	size_t		bytes;
	OmenStatus	status = omen_field_text(field, scratch, &text, &bytes, err);

	(void) column;
	if (status != OMEN_OK)
		return status;
	if (bytes >= 2 && text[0] == '\\' && text[1] == 'x')
		return bytea_from_hex(text + 2, text + bytes, out, err);
	return bytea_from_escapes(text, text + bytes, out, err);
}

/* A JSON field as it was written; text from other formats must be JSON itself. */
static OmenStatus
check_json(const OmenField *field, OmenError *err)
{
	OmenJsonScan scan = {.at = field->data, .end = field->data + field->bytes};

	if (field->kind == OMEN_FIELD_FLOATS)
		return omen_fail(err, OMEN_INVALID, "a vector cannot go into a column of this type");
	if (field->kind == OMEN_FIELD_JSON)
		return OMEN_OK;
	omen_json_space(&scan);
	if (!omen_json_value(&scan))
		return omen_fail(err, OMEN_INVALID, "not JSON: %s", scan.reason);
	omen_json_space(&scan);
	if (scan.at != scan.end)
		return omen_fail(err, OMEN_INVALID, "not JSON: text after the value");
	return OMEN_OK;
}

OmenStatus
omen_encode_json(const OmenColumn *column, const OmenField *field,
				 OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	OmenStatus	status = check_json(field, err);

	(void) column;
	(void) scratch;
	if (status == OMEN_OK)
		omen_buffer_append(out, field->data, field->bytes);
	return status;
}

OmenStatus
omen_encode_jsonb(const OmenColumn *column, const OmenField *field,
				  OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	OmenStatus	status = check_json(field, err);
	const char *reason;

	(void) column;
	(void) scratch;
	if (status != OMEN_OK)
		return status;
	reason = omen_json_storable(field->data, field->bytes);
	if (reason != NULL)
		return omen_fail(err, OMEN_INVALID, "%s", reason);
	omen_buffer_append_byte(out, 1);	/* the version of jsonb's binary form */
	omen_buffer_append(out, field->data, field->bytes);
	return OMEN_OK;
}
