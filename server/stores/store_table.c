/*
 * store_table.c - the table that a collection becomes, and how far it has come.
 *
 * One row of omendb_migrate.collections for each table under way, by the table's
 * oid, so that a table dropped and made anew has none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "db/query.h"
#include "stores/store_parts.h"

static const char notes_sql[] =
	"CREATE SCHEMA IF NOT EXISTS omendb_migrate; "
	"CREATE TABLE IF NOT EXISTS omendb_migrate.collections (relation oid PRIMARY KEY, source text NOT NULL, "
	"cursor text NOT NULL, points bigint NOT NULL, checksum bigint NOT NULL, finished bool NOT NULL)";

/* What the table is called, as in SQL; with name[1024]. */
static bool
default_name(OmenStoreRun *run, char *name)
{
	const char *slash = strrchr(run->options->from, '/');
	const char *file = slash != NULL ? slash + 1 : run->options->from;
	char		stem[256];
	const char *values[] = {stem};
	PGresult   *result;

	if (run->by_http)
		strcpy(stem, run->collection);
	else
		snprintf(stem, sizeof(stem), "%.*s", (int) strcspn(file, "."), file);
	result = omen_db_query(run->options->target, "SELECT quote_ident(lower($1))", 1, values, run->complaint);
	if (result == NULL)
		return false;
	snprintf(name, 1024, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return true;
}

static const char *
column_type(const OmenVectorName *vector, char *text, size_t text_bytes)
{
	if (vector->shape == OMEN_SHAPE_SPARSE)
		return "sparsevec(1000000000)";
	if (vector->shape == OMEN_SHAPE_JSON)
		return "jsonb";
	snprintf(text, text_bytes, vector->dim > 0 ? "vector(%u)" : "vector", vector->dim);
	return text;
}

static bool
create_table(OmenStoreRun *run, const char *quoted)
{
	PGconn	   *target = run->options->target;
	OmenBuffer	sql = {0};
	bool		created;

	omen_buffer_append_text(&sql, "BEGIN; CREATE TABLE ");
	omen_buffer_append_text(&sql, quoted);
	omen_buffer_append_text(&sql, " (id text PRIMARY KEY");
	for (int i = 0; i < run->vector_count; i++)
	{
		char	   *column = PQescapeIdentifier(target, run->vectors[i].column, strlen(run->vectors[i].column));
		char		type[64];

		omen_buffer_append_text(&sql, ", ");
		omen_buffer_append_text(&sql, column != NULL ? column : "");
		omen_buffer_append_text(&sql, " ");
		omen_buffer_append_text(&sql, column_type(&run->vectors[i], type, sizeof(type)));
		sql.failed = sql.failed || column == NULL;
		PQfreemem(column);
	}
	omen_buffer_append_text(&sql, ", metadata jsonb");
	if (run->options->kind->documents)
		omen_buffer_append_text(&sql, ", document text, uri text");
	omen_buffer_append_text(&sql, "); ");
	omen_buffer_append_text(&sql, notes_sql);
	omen_buffer_append_byte(&sql, '\0');
	if (sql.failed)
		created = omen_complain(run->complaint, "out of memory");
	else
		created = omen_db_execute(target, sql.data, run->complaint);
	omen_buffer_free(&sql);
	if (!created && strstr(run->complaint->fact, "\"vector\"") != NULL)
		omen_advise(run->complaint, "Run CREATE EXTENSION vector in that database first.");
	return created;
}

bool
omen_store_note(OmenStoreRun *run, bool finished)
{
	char		points[32];
	char		checksum[32];
	const char *values[] = {run->table.qualified, run->source, run->next, points, checksum, finished ? "t" : "f"};
	PGresult   *result;

	snprintf(points, sizeof(points), "%lld", (long long) run->place);
	snprintf(checksum, sizeof(checksum), "%lld", (long long) run->checksum);
	result = omen_db_query(run->options->target,
						   "INSERT INTO omendb_migrate.collections VALUES ($1::regclass, $2, $3, $4, $5, $6) "
						   "ON CONFLICT (relation) DO UPDATE SET cursor = excluded.cursor, points = excluded.points, "
						   "checksum = excluded.checksum, finished = excluded.finished", 6, values, run->complaint);
	PQclear(result);
	return result != NULL;
}

/* Takes up what an earlier run left, or says why it cannot be. */
static bool
read_note(OmenStoreRun *run, bool *finished)
{
	const char *values[] = {run->table.qualified};
	PGresult   *result = NULL;
	char		found[128];
	bool		good;

	if (!omen_db_value(run->options->target, "SELECT to_regclass('omendb_migrate.collections')", found, sizeof(found),
					   run->complaint))
		return false;
	if (found[0] != '\0')
	{
		result = omen_db_query(run->options->target, "SELECT source, cursor, points, checksum, finished "
							   "FROM omendb_migrate.collections WHERE relation = $1::regclass",
							   1, values, run->complaint);
		if (result == NULL)
			return false;
	}
	good = result != NULL && PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), run->source) == 0;
	if (good)
	{
		run->report->resumed = true;
		snprintf(run->cursor, sizeof(run->cursor), "%s", PQgetvalue(result, 0, 1));
		run->skip = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
		run->checksum = (uint64_t) strtoll(PQgetvalue(result, 0, 3), NULL, 10);
		*finished = PQgetvalue(result, 0, 4)[0] == 't';
	}
	else if (result != NULL && PQntuples(result) == 1)
	{
		omen_complain(run->complaint, "%s holds a part of something else, or its file has changed since",
					  run->table.qualified);
		omen_advise(run->complaint, "Drop the table, or name another one with --table.");
	}
	else
	{
		omen_complain(run->complaint, "there is a table %s already", run->table.qualified);
		omen_advise(run->complaint, "Name another one with --table, or drop it.");
	}
	PQclear(result);
	return good;
}

/* The columns that this run expects are those that the table has. */
static bool
check_columns(OmenStoreRun *run)
{
	uint32_t	expected = (uint32_t) run->vector_count + (run->options->kind->documents ? 4 : 2);
	bool		same = run->table.column_count == expected && strcmp(run->table.columns[0].name, "id") == 0;

	for (int i = 0; same && i < run->vector_count; i++)
		same = strcmp(run->table.columns[i + 1].name, run->vectors[i].column) == 0;
	for (uint32_t i = 0; same && i < expected; i++)
		same = run->table.columns[i].encoding != NULL;
	if (same)
		return true;
	omen_complain(run->complaint, "%s has other columns than the collection needs", run->table.qualified);
	return omen_advise(run->complaint, "Drop the table, or name another one with --table.");
}

bool
omen_store_open_table(OmenStoreRun *run, bool *finished)
{
	PGconn	   *target = run->options->target;
	char		name[1024];
	const char *table = run->options->table != NULL ? run->options->table : name;
	char	   *quoted;
	bool		found;
	bool		made;

	*finished = false;
	if (PQsetClientEncoding(target, "UTF8") != 0)
		return omen_complain(run->complaint, "the database cannot speak UTF-8: %s", PQerrorMessage(target));
	if ((run->options->table == NULL && !default_name(run, name)) ||
		!omen_target_find(&run->table, target, table, &found, run->complaint))
		return false;
	if (found)
		return (run->report->table = strdup(run->table.qualified)) != NULL && read_note(run, finished) &&
			check_columns(run);
	quoted = omen_target_quote(target, table, run->complaint);
	if (quoted == NULL)
		return false;
	run->next[0] = '\0';
	made = create_table(run, quoted) && omen_target_find(&run->table, target, quoted, &found, run->complaint) &&
		omen_store_note(run, false) && omen_db_execute(target, "COMMIT", run->complaint);
	free(quoted);
	return made && (run->report->table = strdup(run->table.qualified)) != NULL && check_columns(run);
}

const char *
omen_metric_operator(OmenMetric metric)
{
	switch (metric)
	{
		case OMEN_METRIC_L2:
			return "<->";
		case OMEN_METRIC_IP:
			return "<#>";
		case OMEN_METRIC_L1:
			return "<+>";
		default:
			return "<=>";
	}
}

/* The access method for a column; NULL: none, and why is told. */
static const char *
choose_index(OmenStoreRun *run, const OmenVectorName *vector)
{
	char		text[256];
	const char *method = run->options->index;

	if (strcmp(method, "none") == 0)
		return NULL;
	if (vector->shape != OMEN_SHAPE_DENSE || vector->dim == 0)
		snprintf(text, sizeof(text), "%s gets no index: %s", vector->column, vector->shape == OMEN_SHAPE_SPARSE ?
				 "sparse vectors are searched exactly" : vector->shape == OMEN_SHAPE_JSON ?
				 "it is kept as JSON" : "no vector of it was seen");
	else if (vector->metric == OMEN_METRIC_UNKNOWN)
		snprintf(text, sizeof(text), "%s gets no index: its distance has no operator here", vector->column);
	else if (vector->metric == OMEN_METRIC_L1 && strcmp(method, "ivf") == 0)
	{
		snprintf(text, sizeof(text), "%s gets an hnsw index: ivf has no l1 distance", vector->column);
		run->options->notice(run->options->context, text);
		return "hnsw";
	}
	else
		return method;
	run->options->notice(run->options->context, text);
	return NULL;
}

/* An index made by an earlier run, or by somebody else, is good enough. */
static bool
has_index(OmenStoreRun *run, const OmenVectorName *vector, bool *has)
{
	const char *values[] = {run->table.qualified, vector->column};
	PGresult   *result = omen_db_query(run->options->target,
									   "SELECT FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid "
									   "AND a.attnum = x.indkey[0] WHERE x.indrelid = $1::regclass AND a.attname = $2",
									   2, values, run->complaint);

	*has = result != NULL && PQntuples(result) > 0;
	PQclear(result);
	return result != NULL;
}

static bool
make_index(OmenStoreRun *run, const OmenVectorName *vector, const char *method)
{
	const OmenStoreOptions *options = run->options;
	char	   *column = PQescapeIdentifier(options->target, vector->column, strlen(vector->column));
	char		title[160];
	char	   *sql = NULL;
	bool		made;

	snprintf(title, sizeof(title), "%s index on %s", method, vector->column);
	options->progress(options->context, title, "", 0, 0);
	if (column == NULL || asprintf(&sql, "CREATE INDEX ON %s USING %s (%s vector_%s_ops)", run->table.qualified, method,
								   column, omen_metric_name(vector->metric)) < 0)
		sql = NULL;
	made = sql != NULL ? omen_db_execute(options->target, sql, run->complaint) :
		omen_complain(run->complaint, "out of memory");
	free(sql);
	PQfreemem(column);
	options->progress(options->context, NULL, "", UINT64_MAX, 0);
	return made;
}

bool
omen_store_make_indexes(OmenStoreRun *run)
{
	PGconn	   *target = run->options->target;
	char	   *sql;
	bool		good;

	for (int i = 0; i < run->vector_count; i++)
	{
		OmenStoreColumn *column = &run->report->columns[run->report->column_count++];
		const char *method = choose_index(run, &run->vectors[i]);
		bool		has;

		strcpy(column->name, run->vectors[i].column);
		column->metric = run->vectors[i].metric;
		column->index = method != NULL ? method : "none";
		column->there_recall = column->here_recall = -1;
		if (method == NULL)
			continue;
		if (*run->options->stop || !has_index(run, &run->vectors[i], &has) ||
			(!has && !make_index(run, &run->vectors[i], method)))
			return false;
		run->report->index_count++;
	}
	if (asprintf(&sql, "ANALYZE %s", run->table.qualified) < 0)
		return omen_complain(run->complaint, "out of memory");
	good = omen_db_execute(target, sql, run->complaint);
	free(sql);
	return good;
}

bool
omen_store_close_notes(OmenStoreRun *run)
{
	const char *values[] = {run->table.qualified};
	PGresult   *result = omen_db_query(run->options->target,
									   "DELETE FROM omendb_migrate.collections WHERE relation = $1::regclass "
									   "OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation)", 1, values,
									   run->complaint);

	PQclear(result);
	/* Unless another collection, or a database, is on its way into here. */
	return result != NULL &&
		omen_db_execute(run->options->target, "DO $$BEGIN IF NOT EXISTS (SELECT FROM omendb_migrate.collections) THEN "
						"DROP TABLE omendb_migrate.collections; IF to_regclass('omendb_migrate.progress') IS NULL THEN "
						"DROP SCHEMA omendb_migrate; END IF; END IF; END$$", run->complaint);
}
