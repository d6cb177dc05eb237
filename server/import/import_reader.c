/*
 * import_reader.c - the formats there are, and what their readers share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/import_reader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const OmenReaderFormat *const formats[] = {
	&omen_format_csv, &omen_format_jsonl, &omen_format_fvecs,
	&omen_format_bvecs, &omen_format_ivecs, &omen_format_npy,
};

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

const OmenReaderFormat *
omen_format_by_name(const char *name)
{
	if (strcasecmp(name, "ndjson") == 0)
		name = "jsonl";
	for (size_t i = 0; i < FORMAT_COUNT; i++)
		if (strcasecmp(name, formats[i]->name) == 0)
			return formats[i];
	return NULL;
}

const OmenReaderFormat *
omen_format_by_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash != NULL ? slash : path, '.');

	return dot == NULL ? NULL : omen_format_by_name(dot + 1);
}

OmenStatus
omen_reader_open(OmenReader *reader, const OmenReaderFormat *format, OmenByteSource *source,
				 const OmenReaderOptions *options, OmenError *err)
{
	memset(reader, 0, sizeof(*reader));
	reader->format = format;
	reader->source = source;
	reader->options = *options;
	return format->begin(reader, err);
}

void
omen_reader_close(OmenReader *reader)
{
	free(reader->columns);
	omen_buffer_free(&reader->header_text);
	omen_buffer_free(&reader->floats);
	memset(reader, 0, sizeof(*reader));
}

OmenReadResult
omen_reader_take_floats(OmenReader *reader, OmenRecord *record, size_t head_bytes, uint32_t dim,
						OmenConvertItems *convert, OmenError *err)
{
	OmenByteSource *source = reader->source;
	size_t		bytes = head_bytes + (size_t) dim * reader->item_bytes;
	const char *reason;
	OmenField  *field;
	float	   *out;

	if (omen_source_want(source, bytes, err) != OMEN_OK)
		return OMEN_READ_FAILED;
	if (omen_source_bytes(source) < bytes)
	{
		omen_fail(err, OMEN_CORRUPT, "the file ends inside this row: %zu of its %zu bytes are there",
				  omen_source_bytes(source), bytes);
		return OMEN_READ_FAILED;
	}
	reader->floats.bytes = 0;
	out = (float *) omen_buffer_reserve(&reader->floats, dim * sizeof(float));
	field = omen_record_add(record, false);
	if (out == NULL || field == NULL)
	{
		omen_fail(err, OMEN_NO_MEMORY, "out of memory");
		return OMEN_READ_FAILED;
	}
	reason = convert(reader, omen_source_window(source) + head_bytes, out, dim);
	omen_source_consume(source, bytes);
	reader->place++;
	if (reason != NULL)
	{
		omen_fail(err, OMEN_RANGE, "%s", reason);
		return OMEN_READ_BAD;
	}
	field->kind = OMEN_FIELD_FLOATS;
	field->data = (const char *) out;
	field->bytes = dim * sizeof(float);
	return OMEN_READ_ROW;
}

OmenField *
omen_record_add(OmenRecord *record, bool keyed)
{
	if (record->count >= OMEN_FIELDS_MAX)
		return NULL;
	if (record->count == record->capacity)
	{
		uint32_t	capacity = record->capacity > 0 ? record->capacity * 2 : 16;
		OmenField  *fields = realloc(record->fields, capacity * sizeof(OmenField));

		if (fields == NULL)
			return NULL;
		record->fields = fields;
		if (keyed)
		{
			OmenField  *keys = realloc(record->keys, capacity * sizeof(OmenField));

			if (keys == NULL)
				return NULL;
			record->keys = keys;
		}
		record->capacity = capacity;
	}
	return &record->fields[record->count++];
}

void
omen_record_free(OmenRecord *record)
{
	free(record->fields);
	free(record->keys);
	memset(record, 0, sizeof(*record));
}
