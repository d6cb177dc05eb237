/*
 * import.c - a file into a table.
 *
 * The order of things: open the file and read what stands before its records,
 * so that a wrong file costs no transaction; then begin, find or make the
 * table, COPY, commit.  Every way out but the last rolls back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/import.h"

#include <stdio.h>
#include <string.h>

#include "db/query.h"
#include "import/copy_writer.h"
#include "import/import_plan.h"
#include "term/glyph.h"

#define PROGRESS_ROWS 64

OmenImportOptions
omen_import_defaults(void)
{
	OmenImportOptions options = {0};

	options.delimiter = ',';
	options.null_text = "";
	options.header = true;
	options.record_bytes_max = OMEN_IMPORT_RECORD_BYTES_MAX;
	return options;
}

static void
tell_progress(const OmenImportOptions *options, const OmenReader *reader, uint64_t row_count)
{
	if (options->progress != NULL)
		options->progress(options->context, reader->source->offset, reader->source->size, row_count);
}

/* Counts a bad row; false and a complaint when it is one too many. */
static bool
leave_out(const OmenImportOptions *options, OmenImportResult *result, uint64_t place,
		  const char *reason, OmenComplaint *complaint)
{
	char		shown[3 * OMEN_ERROR_BYTES];

	/* A reason may quote the file: what is shown must not drive the reader's terminal. */
	omen_showable(shown, sizeof(shown), reason);
	if (result->bad_count < options->bad_max)
	{
		result->bad_count++;
		if (options->bad_row != NULL)
			options->bad_row(options->context, result->unit, place, shown);
		return true;
	}
	result->place = place;
	omen_complain(complaint, "%s", shown);
	if (options->bad_max > 0)
		omen_advise(complaint, "Nothing was imported: --skip-bad %llu allows no more bad rows.",
					(unsigned long long) options->bad_max);
	else
		omen_advise(complaint, "Nothing was imported.  --skip-bad N leaves up to N bad rows out.");
	return false;
}

static bool
copy_rows(OmenReader *reader, OmenImportPlan *plan, OmenCopyWriter *writer,
		  const OmenImportOptions *options, OmenImportResult *result, OmenRecord *record, OmenComplaint *complaint)
{
	for (uint64_t count = 0;; count++)
	{
		OmenError	err = {0};
		OmenReadResult got;
		OmenStatus	status = OMEN_INVALID;

		if (options->stop != NULL && *options->stop)
			return omen_complain(complaint, "interrupted");
		got = reader->format->next(reader, record, &err);
		if (got == OMEN_READ_END)
			break;
		if (got == OMEN_READ_FAILED)
		{
			result->place = err.status == OMEN_CANCELLED ? 0 : record->place;
			omen_complain(complaint, "%s", err.text);
			if (err.status == OMEN_RANGE)
				omen_advise(complaint, "Nothing was imported.  --max-record raises the limit.");
			return false;
		}
		if (got == OMEN_READ_ROW)
		{
			status = omen_plan_place(plan, record, &err);
			if (status == OMEN_OK)
				status = omen_copy_row(writer, plan->values, record->place, &err);
		}
		if (status == OMEN_NO_MEMORY)
			return omen_complain(complaint, "%s", err.text);
		if (status != OMEN_OK && !leave_out(options, result, record->place, err.text, complaint))
			return false;
		if (!omen_copy_flush(writer, false, complaint, &result->place))
			return false;
		if (count % PROGRESS_ROWS == 0)
			tell_progress(options, reader, writer->row_count);
	}
	if (!omen_copy_end(writer, complaint, &result->place))
		return false;
	result->row_count = writer->row_count;
	tell_progress(options, reader, writer->row_count);
	return true;
}

/* Inside the transaction. */
static bool
fill_table(PGconn *connection, OmenReader *reader, const OmenImportOptions *options,
		   OmenImportResult *result, OmenComplaint *complaint)
{
	OmenImportPlan plan;
	OmenCopyWriter writer;
	OmenRecord	record = {0};
	bool		good;

	if (!omen_plan_make(&plan, connection, reader, options, complaint))
		return false;
	good = omen_copy_begin(&writer, connection, plan.target.qualified, plan.target.relation,
						   plan.columns, plan.column_count, complaint);
	if (good)
		good = copy_rows(reader, &plan, &writer, options, result, &record, complaint);
	omen_copy_close(&writer);
	omen_record_free(&record);
	omen_plan_free(&plan);
	return good;
}

static bool
in_transaction(PGconn *connection, OmenReader *reader, const OmenImportOptions *options,
			   OmenImportResult *result, OmenComplaint *complaint)
{
	OmenComplaint unheard;

	if (PQsetClientEncoding(connection, "UTF8") != 0)
		return omen_complain(complaint, "the database cannot speak UTF-8: %s", PQerrorMessage(connection));
	if (!omen_db_execute(connection, "BEGIN", complaint))
		return false;
	if (fill_table(connection, reader, options, result, complaint))
	{
		if (options->stop == NULL || !*options->stop)
			return omen_db_execute(connection, "COMMIT", complaint);
		omen_complain(complaint, "interrupted");
	}
	(void) omen_db_execute(connection, "ROLLBACK", &unheard);
	return false;
}

/* What can be known to be wrong before anything is opened. */
static const OmenReaderFormat *
choose_format(const OmenImportOptions *options, OmenComplaint *complaint)
{
	const OmenReaderFormat *format = options->format;

	if (format == NULL && strcmp(options->path, "-") != 0)
		format = omen_format_by_path(options->path);
	if (format == NULL)
	{
		omen_complain(complaint, strcmp(options->path, "-") == 0 ?
					  "standard input has no name to tell its format by" :
					  "the format of %s cannot be told by its name", options->path);
		omen_advise(complaint, "Give --format csv, jsonl, fvecs, bvecs, ivecs or npy.");
		return NULL;
	}
	if (format == &omen_format_csv && !options->header && options->columns == NULL)
	{
		omen_complain(complaint, "a CSV file without a header line needs --columns");
		return NULL;
	}
	return format;
}

/* How many columns --columns names; 0 when there is none. */
static uint32_t
count_names(const char *list)
{
	char		name[256];
	bool		bad;
	uint32_t	count = 0;

	while (list != NULL && omen_plan_next_name(&list, name, sizeof(name), &bad))
		count++;
	return count;
}

bool
omen_import_run(PGconn *connection, const OmenImportOptions *options,
				OmenImportResult *result, OmenComplaint *complaint)
{
	const OmenReaderFormat *format = choose_format(options, complaint);
	OmenReaderOptions reader_options = {
		.delimiter = options->delimiter, .null_text = options->null_text, .header = options->header,
	};
	OmenByteSource source;
	OmenReader	reader;
	OmenError	err = {0};
	bool		good;

	memset(result, 0, sizeof(*result));
	if (format == NULL)
		return false;
	result->unit = format->place_unit;
	reader_options.columns_expected = options->header ? 0 : count_names(options->columns);
	if (omen_source_open(&source, options->path, options->record_bytes_max, &err) != OMEN_OK)
		return omen_complain(complaint, "%s", err.text);
	source.stop = options->stop;
	if (omen_reader_open(&reader, format, &source, &reader_options, &err) != OMEN_OK)
		good = omen_complain(complaint, "%s", err.text);
	else
		good = in_transaction(connection, &reader, options, result, complaint);
	omen_reader_close(&reader);
	omen_source_close(&source);
	return good;
}
