/*
 * csv_reader.c - comma-separated values after RFC 4180.
 *
 * Two passes over a record.  The first finds its end and can stop and go on
 * as the window grows; the second splits it, closing doubled quotes up in
 * place.  Both agree on when a quote opens a field: only as its first
 * character.  So a stray quote spoils its own line and not the file, while a
 * quoted field that never closes is fatal: everything after it would be lost
 * in silence.
 *
 * As in PostgreSQL's CSV, a field in quotes is never NULL and white space is
 * part of the field.  A blank line is skipped when records have more than one
 * column.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "import/import_reader.h"
#include "import/utf8_check.h"

typedef struct CsvRecord
{
	char	   *text;			/* the record without its line end */
	size_t		bytes;
	size_t		bytes_whole;	/* with it */
	uint64_t	line_count;		/* line ends inside and after it */
} CsvRecord;

static uint64_t
count_lines(const char *text, size_t bytes)
{
	const char *end = text + bytes;
	uint64_t	count = 0;

	while ((text = memchr(text, '\n', (size_t) (end - text))) != NULL)
	{
		count++;
		text++;
	}
	return count;
}

/*
 * Where the record at the window's start ends: the offset just past its line
 * end, or of the end of the window, where *complete tells whether that is the
 * record's end.  *scan and *quoted carry the state from one call to the next.
 */
static size_t
find_record_end(const OmenReader *reader, size_t *scan, bool *quoted, bool *complete)
{
	const char *window = omen_source_window(reader->source);
	size_t		bytes = omen_source_bytes(reader->source);
	size_t		at = *scan;
	size_t		line_end = 0;	/* first '\n' at or after `at`, plus one; 0: not looked for yet */

	*complete = false;
	while (at < bytes)
	{
		const char *quote;

		if (*quoted)
		{
			quote = memchr(window + at, '"', bytes - at);
			if (quote == NULL)
			{
				at = bytes;
				break;
			}
			/*
			 * A doubled quote closes and opens again: the opener rule would
			 * not see it, so it is stepped over here, once its successor is
			 * in the window.
			 */
			at = (size_t) (quote - window);
			if (at + 1 == bytes && !reader->source->eof)
				break;
			if (at + 1 < bytes && window[at + 1] == '"')
				at += 2;
			else
			{
				*quoted = false;
				at++;
			}
			line_end = 0;
			continue;
		}
		if (line_end == 0)
		{
			const char *newline = memchr(window + at, '\n', bytes - at);

			line_end = newline != NULL ? (size_t) (newline - window) + 1 : bytes;
			*complete = newline != NULL;
		}
		quote = memchr(window + at, '"', line_end - at);
		if (quote == NULL)
		{
			at = line_end;
			break;
		}
		at = (size_t) (quote - window);
		if (at == 0 || window[at - 1] == reader->options.delimiter)
		{
			*quoted = true;
			*complete = false;
		}
		at++;
	}
	*scan = at;
	if (*quoted)
		*complete = false;
	return at;
}

/* Brings one whole record into the window.  false with *result set at the end and on failure. */
static bool
take_record(OmenReader *reader, CsvRecord *csv, OmenReadResult *result, OmenError *err)
{
	size_t		scan = 0;
	bool		quoted = false;
	bool		complete = false;

	for (;;)
	{
		size_t		end = find_record_end(reader, &scan, &quoted, &complete);
		OmenStatus	status;

		if (complete)
		{
			csv->bytes_whole = end;
			break;
		}
		if (reader->source->eof)
		{
			csv->bytes_whole = omen_source_bytes(reader->source);
			if (csv->bytes_whole == 0)
			{
				*result = OMEN_READ_END;
				return false;
			}
			if (quoted)
			{
				omen_fail(err, OMEN_CORRUPT, "a quoted field that starts in this record never ends");
				*result = OMEN_READ_FAILED;
				return false;
			}
			break;
		}
		status = omen_source_more(reader->source, err);
		if (status != OMEN_OK)
		{
			if (status == OMEN_RANGE && quoted)
				omen_fail(err, status, "a quoted field that starts in this record does not end within %zu bytes",
						  reader->source->bytes_max);
			*result = OMEN_READ_FAILED;
			return false;
		}
	}
	csv->text = omen_source_window(reader->source);
	csv->bytes = csv->bytes_whole;
	csv->line_count = count_lines(csv->text, csv->bytes);
	if (csv->bytes > 0 && csv->text[csv->bytes - 1] == '\n')
		csv->bytes--;
	if (csv->bytes > 0 && csv->text[csv->bytes - 1] == '\r')
		csv->bytes--;
	return true;
}

/*
 * One quoted field: *at stands on its opening quote.  Closes doubled quotes up
 * in place and moves *at past the closing quote.
 */
static const char *
split_quoted(char **at, const char *end, OmenField *field)
{
	char	   *to = *at + 1;
	char	   *from = to;

	field->kind = OMEN_FIELD_TEXT;
	field->data = to;
	for (;;)
	{
		char	   *quote = memchr(from, '"', (size_t) (end - from));

		if (quote == NULL)
			return "a quoted field does not end";
		if (to != from)
			memmove(to, from, (size_t) (quote - from));
		to += quote - from;
		from = quote + 1;
		if (from == end || *from != '"')
			break;
		*to++ = '"';
		from++;
	}
	field->bytes = (size_t) (to - field->data);
	*at = from;
	return NULL;
}

static const char *
split_plain(const OmenReader *reader, char **at, const char *end, OmenField *field)
{
	char	   *stop = memchr(*at, reader->options.delimiter, (size_t) (end - *at));
	size_t		null_bytes = strlen(reader->options.null_text);

	if (stop == NULL)
		stop = (char *) end;
	field->data = *at;
	field->bytes = (size_t) (stop - *at);
	field->kind = OMEN_FIELD_TEXT;
	if (field->bytes == null_bytes && memcmp(field->data, reader->options.null_text, null_bytes) == 0)
		field->kind = OMEN_FIELD_NULL;
	else if (memchr(field->data, '"', field->bytes) != NULL)
		return "a quote inside a field that does not start with one";
	else if (memchr(field->data, '\r', field->bytes) != NULL)
		return "a carriage return outside quotes";
	*at = stop;
	return NULL;
}

/* Splits csv into record; NULL or the reason why it cannot. */
static const char *
split_record(const OmenReader *reader, const CsvRecord *csv, OmenRecord *record)
{
	char	   *at = csv->text;
	const char *end = csv->text + csv->bytes;

	record->count = 0;
	for (;;)
	{
		OmenField  *field = omen_record_add(record, false);
		const char *reason;

		if (field == NULL)
			return "more columns than a table can have";
		if (at < end && *at == '"')
			reason = split_quoted(&at, end, field);
		else
			reason = split_plain(reader, &at, end, field);
		if (reason != NULL)
			return reason;
		if (at == end)
			return NULL;
		if (*at != reader->options.delimiter)
			return "characters after the closing quote of a field";
		at++;
	}
}

static OmenReadResult
read_record(OmenReader *reader, OmenRecord *record, uint32_t columns_expected, OmenError *err)
{
	CsvRecord	csv;
	OmenReadResult result = OMEN_READ_FAILED;
	const char *bad;

	for (;;)
	{
		record->place = reader->place;
		if (!take_record(reader, &csv, &result, err))
			return result;
		reader->place += csv.line_count;
		omen_source_consume(reader->source, csv.bytes_whole);
		if (csv.bytes > 0 || columns_expected == 1)
			break;
	}
	bad = omen_utf8_first_bad(csv.text, csv.bytes);
	if (bad != NULL)
	{
		if (*bad == '\0')
			omen_fail(err, OMEN_INVALID, "a zero byte, which text cannot hold");
		else
			omen_fail(err, OMEN_INVALID, "not valid UTF-8: byte 0x%02x at position %zu of the record",
					  (unsigned char) *bad, (size_t) (bad - csv.text) + 1);
		return OMEN_READ_BAD;
	}
	bad = split_record(reader, &csv, record);
	if (bad != NULL)
	{
		omen_fail(err, OMEN_INVALID, "%s", bad);
		return OMEN_READ_BAD;
	}
	if (columns_expected != 0 && record->count != columns_expected)
	{
		omen_fail(err, OMEN_INVALID, "%u %s where %u are expected", record->count,
				  record->count == 1 ? "column" : "columns", columns_expected);
		return OMEN_READ_BAD;
	}
	return OMEN_READ_ROW;
}

/* Keeps the header's names, since the window moves on. */
static OmenStatus
keep_header(OmenReader *reader, const OmenRecord *record, OmenError *err)
{
	size_t		at = 0;

	for (uint32_t i = 0; i < record->count; i++)
	{
		const OmenField *field = &record->fields[i];

		if (field->bytes == 0)
			return omen_fail(err, OMEN_INVALID, "column %u of the header has no name", i + 1);
		omen_buffer_append(&reader->header_text, field->data, field->bytes);
		omen_buffer_append_byte(&reader->header_text, '\0');
	}
	reader->columns = calloc(record->count, sizeof(char *));
	if (reader->columns == NULL || reader->header_text.failed)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < record->count; i++)
	{
		reader->columns[i] = reader->header_text.data + at;
		at += strlen(reader->columns[i]) + 1;
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(reader->columns[i], reader->columns[j]) == 0)
				return omen_fail(err, OMEN_INVALID, "the header names column \"%s\" twice", reader->columns[i]);
	}
	reader->column_count = record->count;
	return OMEN_OK;
}

static OmenStatus
csv_begin(OmenReader *reader, OmenError *err)
{
	OmenRecord	record = {0};
	OmenReadResult result;
	OmenStatus	status;

	reader->place = 1;
	status = omen_source_want(reader->source, 3, err);
	if (status != OMEN_OK)
		return status;
	if (omen_source_bytes(reader->source) >= 3 &&
		memcmp(omen_source_window(reader->source), "\xEF\xBB\xBF", 3) == 0)
		omen_source_consume(reader->source, 3);
	if (!reader->options.header)
	{
		reader->column_count = reader->options.columns_expected;
		return OMEN_OK;
	}
	result = read_record(reader, &record, 0, err);
	if (result == OMEN_READ_END)
		status = omen_fail(err, OMEN_INVALID, "the file is empty: a header line was expected");
	else if (result != OMEN_READ_ROW)
		status = err != NULL && err->status != OMEN_OK ? err->status : OMEN_INVALID;
	else
		status = keep_header(reader, &record, err);
	omen_record_free(&record);
	return status;
}

static OmenReadResult
csv_next(OmenReader *reader, OmenRecord *record, OmenError *err)
{
	return read_record(reader, record, reader->column_count, err);
}

const OmenReaderFormat omen_format_csv = {
	.name = "csv", .place_unit = "line", .begin = csv_begin, .next = csv_next,
};
