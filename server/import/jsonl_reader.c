/*
 * jsonl_reader.c - JSON Lines: one object a line, each key a column.
 *
 * Values are handed on as written (see json_scan.h); only keys that hold
 * escapes are rewritten.  A key that comes twice is refused, because which
 * value is meant is anybody's guess.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "import/import_reader.h"
#include "import/json_scan.h"
#include "import/utf8_check.h"

static OmenStatus
jsonl_begin(OmenReader *reader, OmenError *err)
{
	OmenStatus	status = omen_source_want(reader->source, 3, err);

	if (status != OMEN_OK)
		return status;
	reader->place = 1;
	if (omen_source_bytes(reader->source) >= 3 &&
		memcmp(omen_source_window(reader->source), "\xEF\xBB\xBF", 3) == 0)
		omen_source_consume(reader->source, 3);
	return OMEN_OK;
}

/* Takes one line off the window; false with *result set at the end and on failure. */
static bool
take_line(OmenReader *reader, OmenJsonScan *line, OmenReadResult *result, OmenError *err)
{
	size_t		scanned = 0;

	for (;;)
	{
		const char *window = omen_source_window(reader->source);
		size_t		bytes = omen_source_bytes(reader->source);
		const char *newline = bytes > scanned ? memchr(window + scanned, '\n', bytes - scanned) : NULL;

		if (newline != NULL || reader->source->eof)
		{
			if (newline == NULL && bytes == 0)
			{
				*result = OMEN_READ_END;
				return false;
			}
			line->at = window;
			line->end = newline != NULL ? newline : window + bytes;
			line->depth = 0;
			reader->place += newline != NULL;
			omen_source_consume(reader->source, newline != NULL ? (size_t) (newline - window) + 1 : bytes);
			return true;
		}
		scanned = bytes;
		if (omen_source_more(reader->source, err) != OMEN_OK)
		{
			*result = OMEN_READ_FAILED;
			return false;
		}
	}
}

static bool
same_text(const OmenField *a, const OmenField *b)
{
	return a->bytes == b->bytes && memcmp(a->data, b->data, a->bytes) == 0;
}

/*
 * Reads `"key": value` at scan->at into the record.  Unescaped keys go to
 * header_text, as an offset while it may still move; see resolve_keys().
 */
static bool
read_member(OmenReader *reader, OmenJsonScan *scan, OmenRecord *record)
{
	OmenField  *field = omen_record_add(record, true);
	OmenField  *key;
	const char *from = scan->at;

	if (field == NULL)
	{
		scan->reason = "more keys than a table can have columns";
		return false;
	}
	key = &record->keys[record->count - 1];
	if (!omen_json_string(scan))
		return false;
	key->kind = OMEN_FIELD_TEXT;
	key->data = from + 1;
	key->bytes = (size_t) (scan->at - from) - 2;
	if (memchr(key->data, '\\', key->bytes) != NULL)
	{
		size_t		start = reader->header_text.bytes;

		scan->reason = omen_json_unescape(from, (size_t) (scan->at - from), &reader->header_text);
		if (scan->reason != NULL)
			return false;
		key->kind = OMEN_FIELD_JSON;
		key->data = NULL;
		key->bytes = reader->header_text.bytes - start;
	}
	omen_json_space(scan);
	if (scan->at == scan->end || *scan->at != ':')
	{
		scan->reason = "a colon was expected after a key";
		return false;
	}
	scan->at++;
	omen_json_space(scan);
	from = scan->at;
	if (!omen_json_value(scan))
		return false;
	field->data = from;
	field->bytes = (size_t) (scan->at - from);
	field->kind = *from == 'n' ? OMEN_FIELD_NULL : OMEN_FIELD_JSON;
	return true;
}

/* Points unescaped keys, in the order they were written, at their text. */
static void
resolve_keys(const OmenReader *reader, OmenRecord *record)
{
	size_t		at = 0;

	for (uint32_t i = 0; i < record->count; i++)
	{
		OmenField  *key = &record->keys[i];

		if (key->kind != OMEN_FIELD_JSON)
			continue;
		key->kind = OMEN_FIELD_TEXT;
		key->data = reader->header_text.data != NULL ? reader->header_text.data + at : "";
		at += key->bytes;
	}
}

static bool
read_object(OmenReader *reader, OmenJsonScan *scan, OmenRecord *record)
{
	if (scan->at == scan->end || *scan->at != '{')
	{
		scan->reason = "each line must be one JSON object, { … }";
		return false;
	}
	scan->at++;
	omen_json_space(scan);
	if (scan->at < scan->end && *scan->at == '}')
		scan->at++;
	else
		for (;;)
		{
			if (!read_member(reader, scan, record))
				return false;
			omen_json_space(scan);
			if (scan->at < scan->end && *scan->at == '}')
			{
				scan->at++;
				break;
			}
			if (scan->at == scan->end || *scan->at != ',')
			{
				scan->reason = scan->at == scan->end ? "the object does not end on its line" :
					"a comma or } was expected";
				return false;
			}
			scan->at++;
			omen_json_space(scan);
		}
	omen_json_space(scan);
	if (scan->at < scan->end)
	{
		scan->reason = "text after the object";
		return false;
	}
	if (reader->header_text.failed)
	{
		scan->reason = "out of memory";
		return false;
	}
	return true;
}

static OmenReadResult
bad_line(OmenError *err, const char *text, size_t bytes)
{
	const char *bad = omen_utf8_first_bad(text, bytes);

	if (bad == NULL)
		return OMEN_READ_ROW;
	if (*bad == '\0')
		omen_fail(err, OMEN_INVALID, "a zero byte, which text cannot hold");
	else
		omen_fail(err, OMEN_INVALID, "not valid UTF-8: byte 0x%02x at position %zu of the line",
				  (unsigned char) *bad, (size_t) (bad - text) + 1);
	return OMEN_READ_BAD;
}

static OmenReadResult
jsonl_next(OmenReader *reader, OmenRecord *record, OmenError *err)
{
	OmenJsonScan scan = {0};
	OmenReadResult result = OMEN_READ_FAILED;
	const char *line;

	do
	{
		record->place = reader->place;
		if (!take_line(reader, &scan, &result, err))
			return result;
		line = scan.at;
		omen_json_space(&scan);
	} while (scan.at == scan.end);

	if (bad_line(err, line, (size_t) (scan.end - line)) == OMEN_READ_BAD)
		return OMEN_READ_BAD;
	record->count = 0;
	reader->header_text.bytes = 0;
	if (!read_object(reader, &scan, record))
	{
		omen_fail(err, OMEN_INVALID, "not JSON: %s (at character %zu)", scan.reason,
				  omen_utf8_length(line, (size_t) (scan.at - line)) + 1);
		return OMEN_READ_BAD;
	}
	resolve_keys(reader, record);
	for (uint32_t i = 1; i < record->count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (same_text(&record->keys[i], &record->keys[j]))
			{
				omen_fail(err, OMEN_INVALID, "the key \"%.*s\" comes twice",
						  (int) (record->keys[i].bytes < 64 ? record->keys[i].bytes : 64), record->keys[i].data);
				return OMEN_READ_BAD;
			}
	return OMEN_READ_ROW;
}

const OmenReaderFormat omen_format_jsonl = {
	.name = "jsonl", .place_unit = "line", .begin = jsonl_begin, .next = jsonl_next,
};
