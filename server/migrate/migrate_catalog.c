/*
 * migrate_catalog.c - which tables, columns of vectors and sequences there are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "db/query.h"
#include "migrate/migrate_parts.h"

/*
 * Binary forms travel but for arrays, composites and ranges of types that a
 * database numbers itself, and for reg* types, which are such numbers.  A
 * type without a binary form at all goes as text too.
 */
#define TRAVELS_BINARY \
	"(t.typsend <> 0 AND t.typreceive <> 0 AND (t.typtype IN ('b', 'e') AND (t.oid < 16384 OR t.typelem = 0)) " \
	"AND t.typname !~ '^_?reg' AND t.typname NOT IN ('aclitem', '_aclitem', 'record', '_record'))"

/*
 * A row's hash is of its values as text, except vectors, whose binary form is
 * faster to make and says the same.
 */
#define VALUE_AS_TEXT \
	"CASE WHEN t.typname IN ('vector', 'halfvec', 'sparsevec') AND t.typtype = 'b' " \
	"THEN format('md5(%%s(x.%%I))', t.typsend, a.attname) ELSE format('x.%%I::text', a.attname) END"

static const char tables_sql[] =
	"SELECT format('%%I.%%I', n.nspname, c.relname), "
	"coalesce(string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), ''), "
	"coalesce('hashtextextended(' || string_agg(format('coalesce(%%s, chr(30)) || chr(31)', " VALUE_AS_TEXT "), ' || ' "
	"ORDER BY a.attnum) FILTER (WHERE a.attnum > 0) || ', 0)', '0'), "
	"coalesce(bool_and(" TRAVELS_BINARY "), true), "
	"pg_relation_size(c.oid) / current_setting('block_size')::bigint, pg_table_size(c.oid), "
	"greatest(c.reltuples, 0)::bigint "
	"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
	"LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' "
	"LEFT JOIN pg_type t ON t.oid = a.atttypid "
	"WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND " OMEN_MIGRATE_USERS_OWN
	" GROUP BY c.oid, n.nspname, c.relname, c.reltuples ORDER BY pg_table_size(c.oid), 1";

bool
omen_migration_find_tables(OmenMigration *run)
{
	OmenMigrateReport *report = run->report;
	PGresult   *result = omen_migration_ask(run, run->options->source, tables_sql);

	if (result == NULL)
		return false;
	report->tables = calloc((size_t) PQntuples(result) + 1, sizeof(*report->tables));
	if (report->tables == NULL)
		abort();
	for (int i = 0; i < PQntuples(result); i++)
	{
		OmenMigrateTable *table = &report->tables[report->table_count++];

		table->name = omen_migration_copy(PQgetvalue(result, i, 0));
		table->columns = omen_migration_copy(PQgetvalue(result, i, 1));
		table->row_hash = omen_migration_copy(PQgetvalue(result, i, 2));
		table->binary = PQgetvalue(result, i, 3)[0] == 't';
		table->blocks = strtoll(PQgetvalue(result, i, 4), NULL, 10);
		table->bytes = strtoll(PQgetvalue(result, i, 5), NULL, 10);
		table->rows_guess = strtoll(PQgetvalue(result, i, 6), NULL, 10);
	}
	PQclear(result);
	return true;
}

/* Of vectors of one length, so that any row can be a query; by the distance of an index, if there is one. */
static const char columns_sql[] =
	"SELECT format('%%I.%%I', n.nspname, c.relname), quote_ident(a.attname), tn.nspname, "
	"coalesce(i.operator, '<->'), i.operator IS NOT NULL "
	"FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
	"JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace tn ON tn.oid = t.typnamespace "
	"LEFT JOIN LATERAL (SELECT op.oprname AS operator FROM pg_index x JOIN pg_class ic ON ic.oid = x.indexrelid "
	"JOIN pg_am am ON am.oid = ic.relam JOIN pg_opclass oc ON oc.oid = x.indclass[0] "
	"JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amoppurpose = 'o' JOIN pg_operator op "
	"ON op.oid = ao.amopopr WHERE x.indrelid = c.oid AND x.indkey[0] = a.attnum AND x.indpred IS NULL AND "
	OMEN_MIGRATE_VECTOR_INDEX " ORDER BY ic.relname LIMIT 1) i ON true "
	"WHERE t.typname IN ('vector', 'halfvec', 'sparsevec') AND t.typtype = 'b' AND a.atttypmod > 0 AND a.attnum > 0 "
	"AND NOT a.attisdropped AND c.relkind = 'r' AND " OMEN_MIGRATE_USERS_OWN " ORDER BY 1, a.attnum";

bool
omen_migration_find_columns(OmenMigration *run)
{
	OmenMigrateReport *report = run->report;
	PGresult   *result = omen_migration_ask(run, run->options->source, columns_sql);

	if (result == NULL)
		return false;
	report->columns = calloc((size_t) PQntuples(result) + 1, sizeof(*report->columns));
	if (report->columns == NULL)
		abort();
	for (int i = 0; i < PQntuples(result); i++)
	{
		OmenMigrateColumn *column = &report->columns[report->column_count++];
		char	   *schema = PQescapeIdentifier(run->options->source, PQgetvalue(result, i, 2),
												strlen(PQgetvalue(result, i, 2)));

		if (schema == NULL ||
			asprintf(&column->operator, "OPERATOR(%s.%s)", schema, PQgetvalue(result, i, 3)) < 0)
			abort();
		PQfreemem(schema);
		column->table = omen_migration_copy(PQgetvalue(result, i, 0));
		column->column = omen_migration_copy(PQgetvalue(result, i, 1));
		column->spelling = omen_migration_copy(PQgetvalue(result, i, 3));
		column->indexed = PQgetvalue(result, i, 4)[0] == 't';
		column->source_recall = -1;
		column->target_recall = -1;
	}
	PQclear(result);
	return true;
}

bool
omen_migration_copy_sequences(OmenMigration *run)
{
	PGresult   *names = omen_migration_ask(run, run->options->source,
										   "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c "
										   "JOIN pg_namespace n ON n.oid = c.relnamespace "
										   "WHERE c.relkind = 'S' AND " OMEN_MIGRATE_USERS_OWN);
	bool		good = names != NULL;

	for (int i = 0; good && i < PQntuples(names); i++)
	{
		const char *name = PQgetvalue(names, i, 0);
		PGresult   *state = omen_migration_ask(run, run->options->source, "SELECT last_value, is_called FROM %s", name);
		char	   *literal = PQescapeLiteral(run->options->target, name, strlen(name));

		good = state != NULL && literal != NULL &&
			omen_migration_do(run, run->options->target, "SELECT setval(%s::regclass, %s, '%s')", literal,
							  PQgetvalue(state, 0, 0), PQgetvalue(state, 0, 1));
		PQfreemem(literal);
		PQclear(state);
	}
	PQclear(names);
	return good;
}

/* pg_dump leaves their contents to the data that it was told to leave out; by age, since one may read another. */
bool
omen_migration_fill_views(OmenMigration *run)
{
	PGresult   *names = omen_migration_ask(run, run->options->source,
										   "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c "
										   "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' "
										   "AND c.relispopulated AND " OMEN_MIGRATE_USERS_OWN " ORDER BY c.oid");
	bool		good = names != NULL;

	for (int i = 0; good && i < PQntuples(names); i++)
		good = !omen_migration_stopped(run) &&
			omen_migration_do(run, run->options->target, "REFRESH MATERIALIZED VIEW %s", PQgetvalue(names, i, 0));
	PQclear(names);
	return good;
}
