/*
 * import_target.c - the table that an import fills, as the catalog has it.
 *
 * Names from the command line reach SQL as parameters or through
 * PQescapeIdentifier, never as they are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/import_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/query.h"

/*
 * A domain's columns are filled as its base type; a domain over a domain has
 * no encoding and goes as text.  NOT NULL is checked before sending only where
 * no trigger could still fill the value in.
 */
static const char columns_sql[] =
	"SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), "
	"       CASE WHEN b.typtype = 'e' THEN 'enum' ELSE b.typname END, "
	"       CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, "
	"       a.attnotnull AND NOT c.relhastriggers, "
	"       b.typcategory = 'A', b.typtype = 'e', "
	"       e.extname IS NOT NULL, "
	"       n.nspname = 'pg_catalog' "
	"FROM pg_catalog.pg_attribute a "
	"JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "
	"JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
	"JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END "
	"JOIN pg_catalog.pg_namespace n ON n.oid = b.typnamespace "
	"LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass "
	"     AND d.objid = b.oid AND d.deptype = 'e' "
	"     AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass "
	"LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'vector' "
	"WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' "
	"ORDER BY a.attnum";

static const char table_sql[] =
	"SELECT c.oid, c.relname, n.nspname, c.relkind "
	"FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	"WHERE c.oid = pg_catalog.to_regclass($1)";

static bool
is_true(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

static bool
load_columns(OmenTarget *target, PGconn *connection, const char *oid, OmenComplaint *complaint)
{
	PGresult   *result = omen_db_query(connection, columns_sql, 1, &oid, complaint);

	if (result == NULL)
		return false;
	target->columns = calloc((size_t) PQntuples(result) + 1, sizeof(OmenColumn));
	for (int i = 0; target->columns != NULL && i < PQntuples(result); i++)
	{
		OmenColumn *column = &target->columns[target->column_count++];
		bool		of_vector_extension = is_true(result, i, 7);

		column->name = strdup(PQgetvalue(result, i, 0));
		column->type_text = strdup(PQgetvalue(result, i, 1));
		column->typmod = atoi(PQgetvalue(result, i, 3));
		column->required = is_true(result, i, 4);
		column->is_array = is_true(result, i, 5);
		if (is_true(result, i, 6))
			column->encoding = &omen_encoding_enum;
		else if (of_vector_extension || is_true(result, i, 8))
			column->encoding = omen_encoding_find(PQgetvalue(result, i, 2), of_vector_extension);
		if (column->name == NULL || column->type_text == NULL)
		{
			PQclear(result);
			return omen_complain(complaint, "out of memory");
		}
	}
	PQclear(result);
	return target->columns != NULL || omen_complain(complaint, "out of memory");
}

static char *
quote_pair(PGconn *connection, const char *schema, const char *name)
{
	char	   *quoted_schema = PQescapeIdentifier(connection, schema, strlen(schema));
	char	   *quoted_name = PQescapeIdentifier(connection, name, strlen(name));
	char	   *pair = NULL;

	if (quoted_schema != NULL && quoted_name != NULL &&
		asprintf(&pair, "%s.%s", quoted_schema, quoted_name) < 0)
		pair = NULL;
	PQfreemem(quoted_schema);
	PQfreemem(quoted_name);
	return pair;
}

bool
omen_target_find(OmenTarget *target, PGconn *connection, const char *table,
				 bool *found, OmenComplaint *complaint)
{
	PGresult   *result;
	bool		good;

	memset(target, 0, sizeof(*target));
	*found = false;
	result = omen_db_query(connection, table_sql, 1, &table, complaint);
	if (result == NULL)
		return false;
	if (PQntuples(result) == 0)
	{
		PQclear(result);
		return true;
	}
	*found = true;
	target->relation = strdup(PQgetvalue(result, 0, 1));
	target->qualified = quote_pair(connection, PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 1));
	if (target->relation == NULL || target->qualified == NULL)
		good = omen_complain(complaint, "out of memory");
	else if (strchr("rpfv", PQgetvalue(result, 0, 3)[0]) == NULL)
		good = omen_complain(complaint, "%s is no table", table);
	else
		good = load_columns(target, connection, PQgetvalue(result, 0, 0), complaint);
	PQclear(result);
	if (!good)
		omen_target_free(target);
	return good;
}

void
omen_target_free(OmenTarget *target)
{
	for (uint32_t i = 0; i < target->column_count; i++)
	{
		free(target->columns[i].name);
		free(target->columns[i].type_text);
	}
	free(target->columns);
	free(target->qualified);
	free(target->relation);
	memset(target, 0, sizeof(*target));
}

const OmenColumn *
omen_target_column(const OmenTarget *target, const char *name, size_t bytes)
{
	for (uint32_t i = 0; i < target->column_count; i++)
		if (strlen(target->columns[i].name) == bytes && memcmp(target->columns[i].name, name, bytes) == 0)
			return &target->columns[i];
	return NULL;
}

void
omen_target_list(const OmenTarget *target, char *text, size_t text_bytes)
{
	size_t		used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < target->column_count; i++)
	{
		if (used + strlen(target->columns[i].name) + 8 > text_bytes)
		{
			snprintf(text + used, text_bytes - used, ", …");
			return;
		}
		used += (size_t) snprintf(text + used, text_bytes - used, "%s%s", i > 0 ? ", " : "", target->columns[i].name);
	}
}

const OmenColumn *
omen_target_vector_column(const OmenTarget *target, OmenComplaint *complaint)
{
	const OmenColumn *only = NULL;
	char		list[512];

	for (uint32_t i = 0; i < target->column_count; i++)
	{
		const OmenEncoding *encoding = target->columns[i].encoding;

		if (encoding == NULL || (encoding->encode != omen_encode_vector && encoding->encode != omen_encode_halfvec))
			continue;
		if (only != NULL)
		{
			omen_complain(complaint, "%s has more than one vector column", target->qualified);
			omen_advise(complaint, "Say which one with --column.");
			return NULL;
		}
		only = &target->columns[i];
	}
	if (only == NULL)
	{
		omen_target_list(target, list, sizeof(list));
		omen_complain(complaint, "%s has no vector column; its columns are %s", target->qualified, list);
	}
	return only;
}

static const char parts_sql[] =
	"SELECT p[1], p[2], pg_catalog.array_length(p, 1) FROM pg_catalog.parse_ident($1) AS p";

char *
omen_target_quote(PGconn *connection, const char *table, OmenComplaint *complaint)
{
	PGresult   *result = omen_db_query(connection, parts_sql, 1, &table, complaint);
	char	   *quoted = NULL;
	int			parts;

	if (result == NULL)
		return NULL;
	parts = atoi(PQgetvalue(result, 0, 2));
	if (parts == 2)
		quoted = quote_pair(connection, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
	else if (parts == 1)
	{
		char	   *name = PQescapeIdentifier(connection, PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0));

		quoted = name != NULL ? strdup(name) : NULL;
		PQfreemem(name);
	}
	else
		omen_complain(complaint, "%s is neither a table's name nor schema.table", table);
	PQclear(result);
	if (quoted == NULL && (parts == 1 || parts == 2))
		omen_complain(complaint, "out of memory");
	return quoted;
}

bool
omen_target_create(PGconn *connection, const char *table, const OmenGuessTable *columns,
				   const char *id_name, char **statement, OmenComplaint *complaint)
{
	OmenBuffer	sql = {0};
	char	   *quoted = omen_target_quote(connection, table, complaint);
	const char *key = id_name != NULL ? id_name : "id";
	bool		has_key = false;
	bool		has_vector = false;
	bool		created;

	*statement = NULL;
	if (quoted == NULL)
		return false;
	for (uint32_t i = 0; i < columns->count; i++)
		has_key = has_key || strcmp(columns->columns[i].name, key) == 0;
	omen_buffer_append_text(&sql, "CREATE TABLE ");
	omen_buffer_append_text(&sql, quoted);
	free(quoted);
	omen_buffer_append_text(&sql, has_key ? " (" : " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ");
	for (uint32_t i = 0; i < columns->count; i++)
	{
		const OmenGuessColumn *column = &columns->columns[i];
		char	   *name = PQescapeIdentifier(connection, column->name, strlen(column->name));
		char		type[64];

		has_vector = has_vector || column->guess == OMEN_GUESS_VECTOR;
		omen_buffer_append_text(&sql, i > 0 ? ", " : "");
		omen_buffer_append_text(&sql, name != NULL ? name : "");
		sql.failed = sql.failed || name == NULL;
		PQfreemem(name);
		omen_buffer_append_text(&sql, " ");
		omen_buffer_append_text(&sql, omen_guess_type(column, type));
		omen_buffer_append_text(&sql, strcmp(column->name, key) == 0 ? " PRIMARY KEY" : "");
	}
	omen_buffer_append_text(&sql, ")");
	omen_buffer_append_byte(&sql, '\0');
	if (sql.failed)
		created = omen_complain(complaint, "out of memory");
	else
		created = omen_db_execute(connection, sql.data, complaint);
	if (created && (*statement = strdup(sql.data)) == NULL)
		created = omen_complain(complaint, "out of memory");
	omen_buffer_free(&sql);
	if (!created && has_vector && strstr(complaint->fact, "\"vector\"") != NULL)
		omen_advise(complaint, "Run CREATE EXTENSION vector in that database first.");
	return created;
}
