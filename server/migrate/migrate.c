/*
 * migrate.c - the whole of a migration, step by step.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/query.h"
#include "migrate/migrate_parts.h"

/* The same spelling of values on both sides, names always with their schema, and no limits of time. */
static const char session_settings[] =
	"SET search_path = pg_catalog; SET datestyle = ISO; SET intervalstyle = iso_8601; SET timezone = 'UTC';"
	"SET extra_float_digits = 1; SET bytea_output = hex; SET row_security = off; SET statement_timeout = 0;"
	"SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET synchronize_seqscans = off";

char *
omen_migration_copy(const char *text)
{
	char	   *copy = strdup(text);

	if (copy == NULL)
		abort();
	return copy;
}

static char *
format_statement(const char *format, va_list arguments)
{
	char	   *sql;

	if (vasprintf(&sql, format, arguments) < 0)
		abort();
	return sql;
}

PGresult *
omen_migration_ask(OmenMigration *run, PGconn *side, const char *format,...)
{
	va_list		arguments;
	char	   *sql;
	PGresult   *result;

	va_start(arguments, format);
	sql = format_statement(format, arguments);
	va_end(arguments);
	result = omen_db_query(side, sql, 0, NULL, run->complaint);
	free(sql);
	return result;
}

bool
omen_migration_do(OmenMigration *run, PGconn *side, const char *format,...)
{
	va_list		arguments;
	char	   *sql;
	bool		done;

	va_start(arguments, format);
	sql = format_statement(format, arguments);
	va_end(arguments);
	done = omen_db_execute(side, sql, run->complaint);
	free(sql);
	return done;
}

bool
omen_migration_stopped(OmenMigration *run)
{
	if (!*run->options->stop)
		return false;
	omen_complain(run->complaint, "interrupted");
	omen_advise(run->complaint, "The same command goes on from here.");
	return true;
}

bool
omen_migration_noted(OmenMigration *run, const char *item, int64_t *number)
{
	PGresult   *result = omen_db_query(run->options->target,
									   "SELECT number FROM omendb_migrate.progress WHERE item = $1", 1, &item,
									   run->complaint);

	if (result == NULL)
		return false;
	*number = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : -1;
	PQclear(result);
	return true;
}

bool
omen_migration_note(OmenMigration *run, const char *item, int64_t number)
{
	char		digits[32];
	const char *values[] = {item, digits};
	PGresult   *result;

	snprintf(digits, sizeof(digits), "%lld", (long long) number);
	result = omen_db_query(run->options->target,
						   "INSERT INTO omendb_migrate.progress VALUES ($1, $2) "
						   "ON CONFLICT (item) DO UPDATE SET number = excluded.number", 2, values, run->complaint);
	PQclear(result);
	return result != NULL;
}

/* Which database this is, in words that no other one has; with text[256]. */
static bool
identify(OmenMigration *run, PGconn *side, char *text)
{
	return omen_db_value(side, "SELECT system_identifier || '/' || current_database() FROM pg_control_system()",
						 text, 256, run->complaint);
}

/*
 * The target is empty, or holds a part of this same migration.
 */
static bool
open_target(OmenMigration *run)
{
	PGconn	   *target = run->options->target;
	char		source_id[256];
	char		target_id[256];
	char		found[256];
	char		noted[512];
	int64_t		number;

	if (!identify(run, run->options->source, source_id) || !identify(run, target, target_id))
		return false;
	if (strcmp(source_id, target_id) == 0)
		return omen_complain(run->complaint, "--from and --to name the same database");
	if (!omen_db_value(target, "SELECT to_regclass('omendb_migrate.progress')", found, sizeof(found), run->complaint))
		return false;
	snprintf(noted, sizeof(noted), "source %s", source_id);
	if (found[0] != '\0')
	{
		run->report->resumed = true;
		if (!omen_migration_noted(run, noted, &number))
			return false;
		if (number >= 0)
			return true;
		omen_complain(run->complaint, "the target holds a part of another migration, from another source");
		return omen_advise(run->complaint, "Take an empty database, or drop the schema omendb_migrate and its tables.");
	}
	if (!omen_db_value(target, "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n "
					   "ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND "
					   OMEN_MIGRATE_USERS_OWN " LIMIT 1", found, sizeof(found), run->complaint))
		return false;
	if (found[0] != '\0')
	{
		omen_complain(run->complaint, "the target is not empty: it has %s", found);
		return omen_advise(run->complaint, "Make a database for it: CREATE DATABASE ..., and name that with --to.");
	}
	return omen_migration_do(run, target, "BEGIN; CREATE SCHEMA omendb_migrate; CREATE TABLE omendb_migrate.progress "
							 "(item text PRIMARY KEY, number bigint NOT NULL)") &&
		omen_migration_note(run, noted, 0) && omen_migration_do(run, target, "COMMIT");
}

/* All that is read of the source is of one moment; pg_dump joins in by the snapshot's name. */
static bool
open_source(OmenMigration *run)
{
	return omen_migration_do(run, run->options->source, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") &&
		omen_db_value(run->options->source, "SELECT pg_export_snapshot()", run->snapshot, sizeof(run->snapshot),
					  run->complaint);
}

/*
 * A table copied by an earlier run comes from an earlier moment: if the source
 * has changed since, it is copied again, which is possible while nothing
 * refers to it.
 */
static bool
copy_tables(OmenMigration *run)
{
	int64_t		finished;

	if (!omen_migration_noted(run, "post-data", &finished))
		return false;
	for (int i = 0; i < run->report->table_count; i++)
	{
		OmenMigrateTable *table = &run->report->tables[i];

		if (omen_migration_stopped(run) || !omen_migration_copy_table(run, table))
			return false;
		if (!table->copied_before || finished >= 0)
			continue;
		if (!omen_migration_compare_table(run, table))
			return false;
		if (table->same)
			continue;
		if (!omen_migration_do(run, run->options->target, "BEGIN; TRUNCATE %s", table->name) ||
			!omen_migration_note(run, table->name, 0) || !omen_migration_do(run, run->options->target, "COMMIT") ||
			!omen_migration_copy_table(run, table))
			return false;
	}
	return finished >= 0 || omen_migration_copy_sequences(run);
}

static bool
compare(OmenMigration *run)
{
	OmenMigrateReport *report = run->report;

	report->same = true;
	for (int i = 0; i < report->table_count; i++)
	{
		if (omen_migration_stopped(run) || !omen_migration_compare_table(run, &report->tables[i]))
			return false;
		report->same = report->same && report->tables[i].same;
	}
	for (int i = 0; i < report->column_count && run->options->samples > 0; i++)
	{
		if (omen_migration_stopped(run) || !omen_migration_compare_answers(run, &report->columns[i]))
			return false;
		report->same = report->same && report->columns[i].same == report->columns[i].asked;
	}
	run->options->progress(run->options->context, NULL, "", UINT64_MAX, 0);
	return true;
}

static bool
run_steps(OmenMigration *run)
{
	PGconn	   *source = run->options->source;
	PGconn	   *target = run->options->target;

	return omen_db_execute(source, session_settings, run->complaint) &&
		omen_db_execute(target, session_settings, run->complaint) &&
		open_target(run) && open_source(run) &&
		omen_migration_make_schema(run) &&
		omen_migration_find_tables(run) && omen_migration_find_columns(run) &&
		copy_tables(run) &&
		omen_migration_finish_schema(run) &&
		omen_migration_make_indexes(run) &&
		omen_migration_fill_views(run) &&
		omen_migration_do(run, target, "ANALYZE") &&
		compare(run) &&
		(!run->report->same || omen_migration_do(run, target, "DROP SCHEMA omendb_migrate CASCADE"));
}

bool
omen_migrate_run(const OmenMigrateOptions *options, OmenMigrateReport *report, OmenComplaint *complaint)
{
	OmenMigration run = {
		.options = options,.report = report,.complaint = complaint
	};
	const char *base = getenv("TMPDIR");
	bool		done;

	if (base == NULL || *base == '\0')
		base = P_tmpdir;

	memset(report, 0, sizeof(*report));
	if ((size_t) snprintf(run.work, sizeof(run.work), "%s/omendb-migrate.XXXXXX", base) >= sizeof(run.work) ||
		mkdtemp(run.work) == NULL)
		return omen_complain(complaint, "cannot make a folder in %s (TMPDIR names another place)", base);
	done = run_steps(&run);
	if (!done && *options->stop)
		omen_migration_stopped(&run);
	omen_migration_clean(&run);
	return done;
}

void
omen_migrate_report_free(OmenMigrateReport *report)
{
	for (int i = 0; i < report->table_count; i++)
	{
		free(report->tables[i].name);
		free(report->tables[i].columns);
		free(report->tables[i].row_hash);
	}
	for (int i = 0; i < report->column_count; i++)
	{
		free(report->columns[i].table);
		free(report->columns[i].column);
		free(report->columns[i].operator);
		free(report->columns[i].spelling);
	}
	free(report->tables);
	free(report->columns);
	memset(report, 0, sizeof(*report));
}
