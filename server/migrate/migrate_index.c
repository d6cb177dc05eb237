/*
 * migrate_index.c - indexes of vectors: as they were, or as ivf.
 *
 * Their definitions are put together from the source's catalog.  One on a
 * partitioned table is made on the parent, and PostgreSQL makes those of the
 * partitions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "db/query.h"
#include "migrate/migrate_parts.h"

/*
 * Name, access method, operator class, ON part, columns, options, condition.
 * Each column stands in parentheses, which an expression needs and a column may have.
 */
static const char indexes_sql[] =
	"SELECT c.relname, am.amname, oc.opcname, x.indrelid::regclass, "
	"(SELECT string_agg(format('(%%s) %%I.%%I', pg_get_indexdef(c.oid, k + 1, false), on_.nspname, o.opcname), ', ' "
	"ORDER BY k) FROM generate_series(0, x.indnkeyatts - 1) k JOIN pg_opclass o ON o.oid = x.indclass[k] "
	"JOIN pg_namespace on_ ON on_.oid = o.opcnamespace), "
	"coalesce(' WITH (' || (SELECT string_agg(format('%%I = %%L', split_part(r, '=', 1), "
	"substr(r, strpos(r, '=') + 1)), ', ') FROM unnest(c.reloptions) r) || ')', ''), "
	"coalesce(' WHERE ' || pg_get_expr(x.indpred, x.indrelid), ''), quote_ident(c.relname), n.nspname "
	"FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
	"JOIN pg_am am ON am.oid = c.relam JOIN pg_opclass oc ON oc.oid = x.indclass[0] "
	"WHERE " OMEN_MIGRATE_VECTOR_INDEX " AND NOT c.relispartition AND " OMEN_MIGRATE_USERS_OWN
	" ORDER BY pg_relation_size(x.indrelid), c.relname";

/* Does the target have this operator class for this access method? */
static bool
target_has(OmenMigration *run, const char *method, const char *opclass, bool *has)
{
	const char *values[] = {method, opclass};
	PGresult   *result = omen_db_query(run->options->target,
									   "SELECT FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod "
									   "WHERE a.amname = $1 AND o.opcname = $2", 2, values, run->complaint);

	*has = result != NULL && PQntuples(result) > 0;
	PQclear(result);
	return result != NULL;
}

static bool
choose_method(OmenMigration *run, const char *name, const char *was, const char *opclass, const char **method)
{
	char		text[512];
	bool		ivf;
	bool		same;

	*method = was;
	if (!target_has(run, "ivf", opclass, &ivf) || !target_has(run, was, opclass, &same))
		return false;
	if (ivf && (run->options->to_ivf || !same))
		*method = "ivf";
	if (run->options->to_ivf && !ivf)
		snprintf(text, sizeof(text), "%s stays %s: ivf has no %s", name, was, opclass);
	else if (!run->options->to_ivf && *method != was)
		snprintf(text, sizeof(text), "%s becomes ivf: the target has no %s", name, was);
	else
		return true;
	run->options->notice(run->options->context, text);
	return true;
}

static bool
make_index(OmenMigration *run, PGresult *found, int row)
{
	const char *was = PQgetvalue(found, row, 1);
	const char *method;
	char		item[256];
	char		title[160];
	int64_t		made;
	bool		done;

	snprintf(item, sizeof(item), "index %s.%s", PQgetvalue(found, row, 8), PQgetvalue(found, row, 0));
	if (!omen_migration_noted(run, item, &made))
		return false;
	if (made >= 0)
		return true;
	if (!choose_method(run, PQgetvalue(found, row, 0), was, PQgetvalue(found, row, 2), &method))
		return false;
	snprintf(title, sizeof(title), "%s index %s", method, PQgetvalue(found, row, 0));
	run->options->progress(run->options->context, title, "", 0, 0);
	done = omen_migration_do(run, run->options->target, "BEGIN; CREATE INDEX %s ON %s USING %s (%s)%s%s",
							 PQgetvalue(found, row, 7), PQgetvalue(found, row, 3), method, PQgetvalue(found, row, 4),
							 strcmp(method, was) == 0 ? PQgetvalue(found, row, 5) : "", PQgetvalue(found, row, 6)) &&
		omen_migration_note(run, item, 0) && omen_migration_do(run, run->options->target, "COMMIT");
	run->options->progress(run->options->context, NULL, "", UINT64_MAX, 0);
	return done;
}

bool
omen_migration_make_indexes(OmenMigration *run)
{
	PGresult   *found = omen_migration_ask(run, run->options->source, indexes_sql);
	bool		good = found != NULL;

	for (int i = 0; good && i < PQntuples(found); i++)
	{
		good = !omen_migration_stopped(run) && make_index(run, found, i);
		run->report->index_count++;
	}
	PQclear(found);
	return good;
}
