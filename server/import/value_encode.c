/*
 * value_encode.c - which types have an encoder, and whole tuples.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/value_encode.h"

#include <string.h>

#include "import/json_scan.h"

static const OmenEncoding encodings[] = {
	{"vector", true, omen_encode_vector},
	{"halfvec", true, omen_encode_halfvec},
	{"sparsevec", true, omen_encode_sparsevec},
	{"_float4", false, omen_encode_float4_array},
	{"bool", false, omen_encode_bool},
	{"int2", false, omen_encode_int2},
	{"int4", false, omen_encode_int4},
	{"int8", false, omen_encode_int8},
	{"float4", false, omen_encode_float4},
	{"float8", false, omen_encode_float8},
	{"text", false, omen_encode_text},
	{"varchar", false, omen_encode_varchar},
	{"uuid", false, omen_encode_uuid},
	{"bytea", false, omen_encode_bytea},
	{"json", false, omen_encode_json},
	{"jsonb", false, omen_encode_jsonb},
};

const OmenEncoding omen_encoding_enum = {"enum", false, omen_encode_text};

const OmenEncoding *
omen_encoding_find(const char *type_name, bool of_vector_extension)
{
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
		if (encodings[i].of_vector_extension == of_vector_extension &&
			strcmp(encodings[i].type_name, type_name) == 0)
			return &encodings[i];
	return NULL;
}

void
omen_encode_scratch_free(OmenEncodeScratch *scratch)
{
	omen_buffer_free(&scratch->text);
	omen_buffer_free(&scratch->floats);
	omen_buffer_free(&scratch->other);
}

OmenStatus
omen_field_text(const OmenField *field, OmenEncodeScratch *scratch,
				const char **text, size_t *bytes, OmenError *err)
{
	const char *reason;

	*text = field->data;
	*bytes = field->bytes;
	if (field->kind == OMEN_FIELD_FLOATS)
		return omen_fail(err, OMEN_INVALID, "a vector cannot go into a column of this type");
	if (field->kind != OMEN_FIELD_JSON || field->bytes < 2 || field->data[0] != '"')
		return OMEN_OK;
	if (memchr(field->data, '\\', field->bytes) == NULL)
	{
		*text = field->data + 1;
		*bytes = field->bytes - 2;
		return OMEN_OK;
	}
	scratch->text.bytes = 0;
	reason = omen_json_unescape(field->data, field->bytes, &scratch->text);
	if (reason != NULL)
		return omen_fail(err, OMEN_INVALID, "%s", reason);
	if (scratch->text.failed)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory");
	*text = scratch->text.data;
	*bytes = scratch->text.bytes;
	return OMEN_OK;
}

static OmenStatus
check_required(const OmenColumn *column, OmenError *err)
{
	if (!column->required)
		return OMEN_OK;
	return omen_fail(err, OMEN_INVALID, "no value, but the column is NOT NULL");
}

OmenStatus
omen_encode_tuple_binary(const OmenColumn *columns, const OmenField *fields, uint32_t count,
						 OmenEncodeScratch *scratch, OmenBuffer *out,
						 uint32_t *culprit, OmenError *err)
{
	size_t		start = out->bytes;
	OmenStatus	status = OMEN_OK;

	omen_buffer_append_u16(out, (uint16_t) count);
	for (uint32_t i = 0; i < count && status == OMEN_OK; i++)
	{
		size_t		length_at = out->bytes;

		*culprit = i;
		omen_buffer_append_u32(out, UINT32_MAX);	/* -1: NULL */
		if (fields[i].kind == OMEN_FIELD_NULL)
		{
			status = check_required(&columns[i], err);
			continue;
		}
		status = columns[i].encoding->encode(&columns[i], &fields[i], scratch, out, err);
		if (status == OMEN_OK && out->bytes - length_at - 4 > INT32_MAX)
			status = omen_fail(err, OMEN_RANGE, "a value longer than PostgreSQL can take");
		omen_buffer_patch_u32(out, length_at, (uint32_t) (out->bytes - length_at - 4));
	}
	if (status == OMEN_OK && out->failed)
		status = omen_fail(err, OMEN_NO_MEMORY, "out of memory");
	if (status != OMEN_OK)
		out->bytes = start;
	return status;
}

/* Appends text as COPY's text format wants it. */
static void
append_escaped(OmenBuffer *out, const char *text, size_t bytes)
{
	const char *end = text + bytes;

	while (text < end)
	{
		const char *stop = text;

		while (stop < end && *stop != '\\' && *stop != '\n' && *stop != '\r' && *stop != '\t')
			stop++;
		omen_buffer_append(out, text, (size_t) (stop - text));
		if (stop == end)
			return;
		omen_buffer_append_byte(out, '\\');
		omen_buffer_append_byte(out, *stop == '\n' ? 'n' : *stop == '\r' ? 'r' : *stop == '\t' ? 't' : '\\');
		text = stop + 1;
	}
}

/* One element of an array, quoted as PostgreSQL's array input wants it. */
static void
append_array_element(OmenBuffer *out, const char *text, size_t bytes)
{
	omen_buffer_append_byte(out, '"');
	for (size_t i = 0; i < bytes; i++)
	{
		if (text[i] == '"' || text[i] == '\\')
			omen_buffer_append_byte(out, '\\');
		omen_buffer_append_byte(out, text[i]);
	}
	omen_buffer_append_byte(out, '"');
}

/*
 * Turns the checked JSON array at scan->at into PostgreSQL's {…}: strings and
 * objects quoted, arrays nested, null as NULL.
 */
static OmenStatus
array_from_json(OmenJsonScan *scan, OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	omen_buffer_append_byte(out, '{');
	scan->at++;
	for (;;)
	{
		OmenField	field = {.kind = OMEN_FIELD_JSON};
		const char *text;
		size_t		bytes;
		OmenStatus	status = OMEN_OK;

		omen_json_space(scan);
		if (*scan->at == ']')
			break;
		if (*scan->at == ',')
		{
			omen_buffer_append_byte(out, ',');
			scan->at++;
			continue;
		}
		if (*scan->at == '[')
		{
			status = array_from_json(scan, scratch, out, err);
			if (status != OMEN_OK)
				return status;
			continue;
		}
		field.data = scan->at;
		(void) omen_json_value(scan);
		field.bytes = (size_t) (scan->at - field.data);
		status = omen_field_text(&field, scratch, &text, &bytes, err);
		if (status != OMEN_OK)
			return status;
		if (*field.data == 'n')
			omen_buffer_append_text(out, "NULL");
		else
			append_array_element(out, text, bytes);
	}
	scan->at++;
	omen_buffer_append_byte(out, '}');
	return OMEN_OK;
}

static OmenStatus
append_text_value(const OmenColumn *column, const OmenField *field,
				  OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const char *text;
	size_t		bytes;
	OmenStatus	status;

	if (column->encoding != NULL)
	{
		/* For its checks only: the bytes are thrown away. */
		scratch->other.bytes = 0;
		status = column->encoding->encode(column, field, scratch, &scratch->other, err);
		if (status != OMEN_OK)
			return status;
	}
	if (field->kind == OMEN_FIELD_JSON && field->data[0] == '[' && column->is_array)
	{
		OmenJsonScan scan = {.at = field->data, .end = field->data + field->bytes};

		scratch->other.bytes = 0;
		status = array_from_json(&scan, scratch, &scratch->other, err);
		if (status != OMEN_OK)
			return status;
		append_escaped(out, scratch->other.data, scratch->other.bytes);
		return OMEN_OK;
	}
	if (field->kind == OMEN_FIELD_JSON && column->encoding != NULL &&
		(column->encoding->encode == omen_encode_json || column->encoding->encode == omen_encode_jsonb))
	{
		append_escaped(out, field->data, field->bytes);
		return OMEN_OK;
	}
	status = omen_field_text(field, scratch, &text, &bytes, err);
	if (status != OMEN_OK)
		return status;
	append_escaped(out, text, bytes);
	return OMEN_OK;
}

OmenStatus
omen_encode_tuple_text(const OmenColumn *columns, const OmenField *fields, uint32_t count,
					   OmenEncodeScratch *scratch, OmenBuffer *out,
					   uint32_t *culprit, OmenError *err)
{
	size_t		start = out->bytes;
	OmenStatus	status = OMEN_OK;

	for (uint32_t i = 0; i < count && status == OMEN_OK; i++)
	{
		*culprit = i;
		if (i > 0)
			omen_buffer_append_byte(out, '\t');
		if (fields[i].kind == OMEN_FIELD_NULL)
		{
			status = check_required(&columns[i], err);
			omen_buffer_append_text(out, "\\N");
		}
		else
			status = append_text_value(&columns[i], &fields[i], scratch, out, err);
	}
	omen_buffer_append_byte(out, '\n');
	if (status == OMEN_OK && (out->failed || scratch->other.failed))
		status = omen_fail(err, OMEN_NO_MEMORY, "out of memory");
	if (status != OMEN_OK)
		out->bytes = start;
	return status;
}
