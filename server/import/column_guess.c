/*
 * column_guess.c - the columns of a file, guessed from its first records.
 *
 * A guess only ever widens: nothing, then the kind of the first value, then
 * bigint to double precision to numeric, and any other pair of kinds to jsonb (JSON
 * Lines) or text (CSV).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/column_guess.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/value_encode.h"

#define VECTOR_DIM_MAX 16000

void
omen_guess_free(OmenGuessTable *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		free(table->columns[i].name);
	free(table->columns);
	memset(table, 0, sizeof(*table));
}

const char *
omen_guess_type(const OmenGuessColumn *column, char *text)
{
	static const char *const types[] = {
		[OMEN_GUESS_NOTHING] = "text", [OMEN_GUESS_BOOLEAN] = "boolean", [OMEN_GUESS_BIGINT] = "bigint",
		[OMEN_GUESS_DOUBLE] = "double precision", [OMEN_GUESS_NUMERIC] = "numeric",
		[OMEN_GUESS_VECTOR] = "vector",
		[OMEN_GUESS_JSON] = "jsonb", [OMEN_GUESS_TEXT] = "text",
	};

	if (column->guess == OMEN_GUESS_VECTOR)
		snprintf(text, 64, "vector(%u)", column->dim);
	else
		snprintf(text, 64, "%s", types[column->guess]);
	return text;
}

/* Whether the encoder takes the field, which is how a type is tried on. */
static bool
fits(OmenEncodeFunction *encode, const OmenField *field, OmenEncodeScratch *scratch, OmenBuffer *sink)
{
	const OmenColumn column = {.type_text = (char *) "", .typmod = -1};

	sink->bytes = 0;
	return encode(&column, field, scratch, sink, NULL) == OMEN_OK;
}

static bool
guess_vector(const OmenField *field, OmenEncodeScratch *scratch, OmenBuffer *sink, uint32_t *dim)
{
	if (!fits(omen_encode_vector, field, scratch, sink))
		return false;
	*dim = (uint32_t) (unsigned char) sink->data[0] << 8 | (unsigned char) sink->data[1];
	return true;
}

static bool
is_number(OmenGuess guess)
{
	return guess == OMEN_GUESS_BIGINT || guess == OMEN_GUESS_DOUBLE || guess == OMEN_GUESS_NUMERIC;
}

/* A number's type, or text for what is none. */
static OmenGuess
guess_number(const OmenField *field, OmenEncodeScratch *scratch, OmenBuffer *sink)
{
	const char *text = field->data;
	size_t		bytes = field->bytes;
	size_t		digits = 0;

	if (fits(omen_encode_int8, field, scratch, sink))
		return OMEN_GUESS_BIGINT;
	omen_trim_space(&text, &bytes);
	for (size_t i = text[0] == '-'; i < bytes; i++)
		digits += text[i] >= '0' && text[i] <= '9';
	if (bytes > 1 && digits == bytes - (text[0] == '-'))
		return OMEN_GUESS_NUMERIC;
	return fits(omen_encode_float8, field, scratch, sink) ? OMEN_GUESS_DOUBLE :
		field->kind == OMEN_FIELD_JSON ? OMEN_GUESS_NUMERIC : OMEN_GUESS_TEXT;
}

static OmenGuess
guess_json_value(const OmenField *field, OmenEncodeScratch *scratch, OmenBuffer *sink, uint32_t *dim)
{
	switch (field->data[0])
	{
		case '"':
			return OMEN_GUESS_TEXT;
		case 't':
		case 'f':
			return OMEN_GUESS_BOOLEAN;
		case '{':
			return OMEN_GUESS_JSON;
		case '[':
			return guess_vector(field, scratch, sink, dim) ? OMEN_GUESS_VECTOR : OMEN_GUESS_JSON;
		default:
			return guess_number(field, scratch, sink);
	}
}

static OmenGuess
guess_text_value(const OmenField *field, OmenEncodeScratch *scratch, OmenBuffer *sink, uint32_t *dim)
{
	const char *text = field->data;
	size_t		bytes = field->bytes;

	omen_trim_space(&text, &bytes);
	if (bytes == 0)
		return OMEN_GUESS_TEXT;
	if (*text == '[' && guess_vector(field, scratch, sink, dim))
		return OMEN_GUESS_VECTOR;
	if ((*text == '{' || *text == '[') && fits(omen_encode_jsonb, field, scratch, sink))
		return OMEN_GUESS_JSON;
	/* Whole words only: a column of "n" and "y" may be anything. */
	if ((bytes == 4 || bytes == 5) && fits(omen_encode_bool, field, scratch, sink))
		return OMEN_GUESS_BOOLEAN;
	/* 007 is a code, not a number: leading zeros would be lost. */
	if (*text == '0' && bytes > 1 && text[1] >= '0' && text[1] <= '9')
		return OMEN_GUESS_TEXT;
	return guess_number(field, scratch, sink);
}

static void
widen(OmenGuessColumn *column, const OmenField *field, OmenEncodeScratch *scratch, OmenBuffer *sink)
{
	bool		json = field->kind == OMEN_FIELD_JSON;
	uint32_t	dim = 0;
	OmenGuess	guess;

	if (field->kind == OMEN_FIELD_NULL)
		return;
	guess = (json ? guess_json_value : guess_text_value) (field, scratch, sink, &dim);
	if (column->guess == OMEN_GUESS_NOTHING)
	{
		column->guess = guess;
		column->dim = dim;
	}
	else if (column->guess == guess)
	{
		if (guess == OMEN_GUESS_VECTOR && column->dim != dim)
			column->guess = json ? OMEN_GUESS_JSON : OMEN_GUESS_TEXT;
	}
	else if (is_number(column->guess) && is_number(guess))
		column->guess = guess > column->guess ? guess : column->guess;
	else
		column->guess = json ? OMEN_GUESS_JSON : OMEN_GUESS_TEXT;
}

static OmenGuessColumn *
add_column(OmenGuessTable *table, const char *name, size_t bytes)
{
	OmenGuessColumn *columns = realloc(table->columns, (table->count + 1) * sizeof(OmenGuessColumn));
	OmenGuessColumn *column;

	if (columns == NULL)
		return NULL;
	table->columns = columns;
	column = &columns[table->count];
	memset(column, 0, sizeof(*column));
	if (name != NULL && (column->name = strndup(name, bytes)) == NULL)
		return NULL;
	table->count++;
	return column;
}

static OmenGuessColumn *
column_of_key(OmenGuessTable *table, const OmenField *key)
{
	for (uint32_t i = 0; i < table->count; i++)
		if (strlen(table->columns[i].name) == key->bytes &&
			memcmp(table->columns[i].name, key->data, key->bytes) == 0)
			return &table->columns[i];
	if (table->count >= OMEN_FIELDS_MAX)
		return NULL;
	return add_column(table, key->data, key->bytes);
}

static OmenStatus
guess_rows(OmenReader *sample, uint32_t row_count_max, OmenGuessTable *table, OmenError *err)
{
	OmenEncodeScratch scratch = {0};
	OmenBuffer	sink = {0};
	OmenRecord	record = {0};
	OmenStatus	status = OMEN_OK;

	while (table->row_count < row_count_max && status == OMEN_OK)
	{
		OmenReadResult result = sample->format->next(sample, &record, NULL);

		if (result == OMEN_READ_END || result == OMEN_READ_FAILED)
			break;
		if (result == OMEN_READ_BAD)
			continue;
		table->row_count++;
		for (uint32_t i = 0; i < record.count && status == OMEN_OK; i++)
		{
			OmenGuessColumn *column;

			if (record.keys != NULL)
				column = column_of_key(table, &record.keys[i]);
			else
				column = i < table->count ? &table->columns[i] : add_column(table, NULL, 0);
			if (column == NULL)
				status = omen_fail(err, OMEN_INVALID, "the records have more columns than a table can");
			else
				widen(column, &record.fields[i], &scratch, &sink);
		}
	}
	omen_record_free(&record);
	omen_buffer_free(&sink);
	omen_encode_scratch_free(&scratch);
	return status;
}

/* Guesses from a copy of the window's first records. */
static OmenStatus
guess_sample(const OmenReader *reader, uint32_t row_count_max, OmenGuessTable *table, OmenError *err)
{
	OmenByteSource *source = reader->source;
	size_t		bytes = OMEN_GUESS_BYTES < source->bytes_max ? OMEN_GUESS_BYTES : source->bytes_max;
	OmenByteSource copy;
	OmenReaderOptions options = reader->options;
	OmenReader	sample;
	OmenStatus	status = omen_source_want(source, bytes, err);

	if (status != OMEN_OK)
		return status;
	if (bytes > omen_source_bytes(source))
		bytes = omen_source_bytes(source);
	if (!source->eof || bytes < omen_source_bytes(source))
	{
		/* The last record is most likely cut: leave it out, unless it is all there is. */
		const char *newline = memrchr(omen_source_window(source), '\n', bytes);

		if (newline != NULL)
			bytes = (size_t) (newline - omen_source_window(source)) + 1;
	}
	status = omen_source_open_memory(&copy, omen_source_window(source), bytes, bytes + 1, err);
	if (status != OMEN_OK)
		return status;
	options.header = false;		/* it has been read already */
	options.columns_expected = reader->column_count;
	status = omen_reader_open(&sample, reader->format, &copy, &options, err);
	if (status == OMEN_OK)
		status = guess_rows(&sample, row_count_max, table, err);
	omen_reader_close(&sample);
	omen_source_close(&copy);
	return status;
}

OmenStatus
omen_guess_columns(const OmenReader *reader, uint32_t row_count_max, OmenGuessTable *table, OmenError *err)
{
	OmenStatus	status = OMEN_OK;

	memset(table, 0, sizeof(*table));
	for (uint32_t i = 0; i < reader->column_count && status == OMEN_OK; i++)
	{
		const char *name = reader->columns != NULL ? reader->columns[i] : NULL;

		if (add_column(table, name, name != NULL ? strlen(name) : 0) == NULL)
			status = omen_fail(err, OMEN_NO_MEMORY, "out of memory");
	}
	if (status == OMEN_OK && row_count_max > 0)
		status = guess_sample(reader, row_count_max, table, err);
	if (status != OMEN_OK)
		omen_guess_free(table);
	return status;
}
