/*
 * migrate_check.c - is what arrived what was sent?
 *
 * Rows by their number and a checksum that does not depend on their order;
 * vectors also by what is asked of them: rows of the source are taken as
 * queries, and both sides say how far the ten nearest rows are, once by reading
 * the table and once as the planner likes, by an index if there is one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "db/query.h"
#include "migrate/migrate_parts.h"

#define NEAREST 10

/* float8's text is exact, but the order of additions is the kernel's. */
#define DISTANCE_TOLERANCE 1e-5

/* Both sides at work at the same time. */
static bool
ask_both(OmenMigration *run, const char *sql, PGresult **source, PGresult **target)
{
	PGresult   *more;

	*source = NULL;
	*target = NULL;
	if (PQsendQuery(run->options->source, sql) != 1)
		return omen_db_complain(run->options->source, NULL, run->complaint);
	*target = omen_db_query(run->options->target, sql, 0, NULL, run->complaint);
	while ((more = PQgetResult(run->options->source)) != NULL)
	{
		PQclear(*source);
		*source = more;
	}
	if (*target != NULL && PQresultStatus(*source) != PGRES_TUPLES_OK)
	{
		omen_db_complain(run->options->source, *source, run->complaint);
		PQclear(*target);
		*target = NULL;
	}
	if (*target == NULL)
		PQclear(*source);
	return *target != NULL;
}

bool
omen_migration_compare_table(OmenMigration *run, OmenMigrateTable *table)
{
	PGresult   *source;
	PGresult   *target;
	char		title[160];
	char	   *sql;
	bool		done;

	if (asprintf(&sql, "SELECT count(*), coalesce(sum((%s)::numeric), 0) FROM ONLY %s x", table->row_hash,
				 table->name) < 0)
		abort();
	snprintf(title, sizeof(title), "comparing %.120s", table->name);
	run->options->progress(run->options->context, title, "", 0, 0);
	done = ask_both(run, sql, &source, &target);
	free(sql);
	if (!done)
		return false;
	table->source_rows = strtoll(PQgetvalue(source, 0, 0), NULL, 10);
	table->target_rows = strtoll(PQgetvalue(target, 0, 0), NULL, 10);
	table->same = table->source_rows == table->target_rows &&
		strcmp(PQgetvalue(source, 0, 1), PQgetvalue(target, 0, 1)) == 0;
	PQclear(source);
	PQclear(target);
	return true;
}

static bool
near_enough(double a, double b)
{
	return (isnan(a) && isnan(b)) || a == b || fabs(a - b) <= DISTANCE_TOLERANCE * fmax(1.0, fmax(fabs(a), fabs(b)));
}

static int
read_distances(const PGresult *result, double *distances)
{
	int			count = PQntuples(result);

	for (int i = 0; i < count; i++)
		distances[i] = strtod(PQgetvalue(result, i, 0), NULL);
	return count;
}

static bool
same_answers(const PGresult *source, const PGresult *target)
{
	double		a[NEAREST];
	double		b[NEAREST];
	int			count = read_distances(source, a);

	if (read_distances(target, b) != count)
		return false;
	for (int i = 0; i < count; i++)
		if (!near_enough(a[i], b[i]))
			return false;
	return true;
}

/* The share of an index's answers that are no farther than the last exact one. */
static double
recall(const PGresult *exact, const PGresult *found)
{
	double		a[NEAREST];
	double		b[NEAREST];
	int			count = read_distances(exact, a);
	int			found_count = read_distances(found, b);
	int			hits = 0;

	for (int i = 0; i < found_count; i++)
		hits += count > 0 && (b[i] <= a[count - 1] || near_enough(b[i], a[count - 1]));
	return count > 0 ? (double) hits / count : 1.0;
}

static bool
set_indexes(OmenMigration *run, bool on)
{
	static const char sql[] = "SET enable_indexscan = %1$s; SET enable_seqscan = %2$s";

	return omen_migration_do(run, run->options->source, sql, on ? "on" : "off", on ? "off" : "on") &&
		omen_migration_do(run, run->options->target, sql, on ? "on" : "off", on ? "off" : "on");
}

static bool
ask_one(OmenMigration *run, OmenMigrateColumn *column, const char *query, double *recalls)
{
	PGresult   *exact[2];
	PGresult   *found[2];
	char	   *sql;
	bool		done;

	if (asprintf(&sql, "SELECT %1$s %2$s %3$s FROM ONLY %4$s WHERE %1$s IS NOT NULL ORDER BY %1$s %2$s %3$s LIMIT %5$d",
				 column->column, column->operator, query, column->table, NEAREST) < 0)
		abort();
	done = set_indexes(run, false) && ask_both(run, sql, &exact[0], &exact[1]);
	if (done)
	{
		column->asked++;
		column->same += same_answers(exact[0], exact[1]);
		if (column->indexed)
		{
			done = set_indexes(run, true) && ask_both(run, sql, &found[0], &found[1]);
			for (int side = 0; done && side < 2; side++)
			{
				recalls[side] += recall(exact[side], found[side]);
				PQclear(found[side]);
			}
		}
		PQclear(exact[0]);
		PQclear(exact[1]);
	}
	free(sql);
	return done;
}

bool
omen_migration_compare_answers(OmenMigration *run, OmenMigrateColumn *column)
{
	int			samples = run->options->samples;
	double		recalls[2] = {0, 0};
	char		title[200];
	bool		good = true;
	PGresult   *queries;
	char	   *table = PQescapeLiteral(run->options->source, column->table, strlen(column->table));

	if (table == NULL)
		return omen_complain(run->complaint, "%s", PQerrorMessage(run->options->source));
	snprintf(title, sizeof(title), "asking %.100s", column->table);
	run->options->progress(run->options->context, title, "queries", 0, (uint64_t) samples);
	/* Rows from all over the table, the same in each run; of a small one, its first. */
	queries = omen_migration_ask(run, run->options->source,
								 "SELECT %1$s::text FROM ONLY %2$s TABLESAMPLE bernoulli "
								 "(least(100, 200.0 * %3$d / greatest(1, (SELECT reltuples FROM pg_class "
								 "WHERE oid = %4$s::regclass)))) REPEATABLE (7) WHERE %1$s IS NOT NULL LIMIT %3$d",
								 column->column, column->table, samples, table);
	PQfreemem(table);
	for (int i = 0; queries != NULL && good && i < PQntuples(queries); i++)
	{
		char	   *literal = PQescapeLiteral(run->options->source, PQgetvalue(queries, i, 0),
											  strlen(PQgetvalue(queries, i, 0)));

		good = literal != NULL && !omen_migration_stopped(run) && ask_one(run, column, literal, recalls);
		PQfreemem(literal);
		run->options->progress(run->options->context, NULL, "queries", (uint64_t) i + 1, 0);
	}
	good = good && queries != NULL;
	PQclear(queries);
	if (good && column->indexed && column->asked > 0)
	{
		column->source_recall = recalls[0] / column->asked;
		column->target_recall = recalls[1] / column->asked;
	}
	return good;
}
