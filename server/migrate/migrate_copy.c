/*
 * migrate_copy.c - one table's rows, by COPY from one connection to the other.
 *
 * A large table goes in parts, by ranges of its blocks, each in a transaction of
 * its own that also notes where the next begins.  Rows pass through unread: one
 * message is one row, so counting messages is counting rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "db/query.h"
#include "migrate/migrate_parts.h"

/* What an interruption can cost at most; the blocks of the table proper stand for their share of TOAST. */
#define PART_BYTES ((int64_t) 256 << 20)

/* Notes are block numbers; this one says that all are done. */
#define ALL_BLOCKS INT64_C(0x7FFFFFFFFFFF)

static int64_t
part_blocks(const OmenMigrateTable *table)
{
	const char *tested = getenv("OMENDB_TEST_MIGRATE_PART");
	int64_t		part_bytes = tested != NULL ? strtoll(tested, NULL, 10) : PART_BYTES;
	int64_t		parts = table->bytes / (part_bytes > 0 ? part_bytes : 1);

	return parts > 1 ? table->blocks / parts + 1 : ALL_BLOCKS;
}

/* Into either side's COPY; the server's own words when it does not begin. */
static bool
begin_copy(OmenMigration *run, PGconn *side, const char *sql, ExecStatusType expected)
{
	PGresult   *result = PQexec(side, sql);
	bool		begun = PQresultStatus(result) == expected;

	if (!begun)
		omen_db_complain(side, result, run->complaint);
	PQclear(result);
	return begun;
}

/* The result of a COPY that has ended, of which every result must be taken. */
static bool
end_copy(OmenMigration *run, PGconn *side, bool good, int64_t *rows)
{
	PGresult   *result;

	while ((result = PQgetResult(side)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_COMMAND_OK)
			*rows = strtoll(PQcmdTuples(result), NULL, 10);
		else if (good)
			good = omen_db_complain(side, result, run->complaint);
		PQclear(result);
	}
	return good;
}

static bool
pass_rows(OmenMigration *run, uint64_t done_before, int64_t *rows)
{
	PGconn	   *source = run->options->source;
	PGconn	   *target = run->options->target;
	uint64_t	count = 0;
	int64_t		read_rows = 0;
	bool		good = true;
	char	   *row;
	int			bytes;

	while ((bytes = PQgetCopyData(source, &row, 0)) > 0)
	{
		/* After a failure the rest is read and dropped, so that the source's transaction goes on. */
		if (good && PQputCopyData(target, row, bytes) != 1)
			good = false;
		PQfreemem(row);
		if ((++count & 255) == 0)
		{
			run->options->progress(run->options->context, NULL, "rows", done_before + count, 0);
			if (*run->options->stop)
				good = false;
		}
	}
	PQputCopyEnd(target, good && bytes == -1 ? NULL : "the migration was interrupted");
	good = end_copy(run, source, bytes == -1, &read_rows) && good;
	good = end_copy(run, target, true, rows) && good;
	if (good && read_rows != *rows)
		return omen_complain(run->complaint, "%lld rows were read, and %lld written",
							 (long long) read_rows, (long long) *rows);
	return good;
}

/* Rows in blocks from first up to end, and the note that they are there. */
static bool
copy_part(OmenMigration *run, const OmenMigrateTable *table, int64_t first, int64_t end, int64_t *done)
{
	const char *format = table->binary ? "(FORMAT binary)" : "(FORMAT text)";
	char		bound[64] = "";
	char	   *from;
	char	   *into;
	int64_t		rows = 0;
	bool		good;

	if (end < ALL_BLOCKS)
		snprintf(bound, sizeof(bound), " AND ctid < '(%lld,0)'", (long long) end);
	if (asprintf(&from, "COPY (SELECT %s FROM ONLY %s WHERE ctid >= '(%lld,0)'%s) TO STDOUT %s", table->columns,
				 table->name, (long long) first, bound, format) < 0 ||
		asprintf(&into, "COPY %s%s%s%s FROM STDIN %s", table->name, table->columns[0] != '\0' ? " (" : "",
				 table->columns, table->columns[0] != '\0' ? ")" : "", format) < 0)
		abort();
	good = omen_migration_do(run, run->options->target, "BEGIN") &&
		begin_copy(run, run->options->source, from, PGRES_COPY_OUT);
	if (good && !begin_copy(run, run->options->target, into, PGRES_COPY_IN))
	{
		OmenComplaint kept = *run->complaint;
		char	   *row;

		while (PQgetCopyData(run->options->source, &row, 0) > 0)
			PQfreemem(row);
		end_copy(run, run->options->source, false, &rows);
		*run->complaint = kept;
		good = false;
	}
	else if (good)
		good = pass_rows(run, (uint64_t) *done, &rows);
	good = good && omen_migration_note(run, table->name, end) &&
		omen_migration_do(run, run->options->target, "COMMIT");
	if (!good)
		PQclear(PQexec(run->options->target, "ROLLBACK"));
	*done += rows;
	free(from);
	free(into);
	return good;
}

bool
omen_migration_copy_table(OmenMigration *run, OmenMigrateTable *table)
{
	int64_t		step = part_blocks(table);
	int64_t		next;
	int64_t		done = 0;

	if (!omen_migration_noted(run, table->name, &next))
		return false;
	if (next > 0)
		table->copied_before = true;
	if (next < 0)
		next = 0;
	if (next >= ALL_BLOCKS)
		return true;
	run->options->progress(run->options->context, table->name, "rows", 0, (uint64_t) table->rows_guess);
	while (next < ALL_BLOCKS)
	{
		int64_t		end = next + step < table->blocks ? next + step : ALL_BLOCKS;

		if (omen_migration_stopped(run) || !copy_part(run, table, next, end, &done))
			return false;
		run->options->progress(run->options->context, NULL, "rows", (uint64_t) done, 0);
		next = end;
	}
	run->report->row_count += done;
	run->options->progress(run->options->context, NULL, "rows", UINT64_MAX, 0);
	return true;
}
