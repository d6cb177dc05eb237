/*
 * query.c - running a statement, with one way to say that it failed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "db/query.h"

bool
omen_db_complain(PGconn *connection, const PGresult *result, OmenComplaint *complaint)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

	if (message == NULL || state == NULL)
		return omen_complain(complaint, "the database does not answer: %s", PQerrorMessage(connection));
	omen_complain(complaint, detail != NULL ? "%s (SQLSTATE %s): %s" : "%s (SQLSTATE %s)%s",
				  message, state, detail != NULL ? detail : "");
	if (hint != NULL)
		omen_advise(complaint, "%s", hint);
	return false;
}

PGresult *
omen_db_query(PGconn *connection, const char *sql, int parameter_count,
			  const char *const *values, OmenComplaint *complaint)
{
	PGresult   *result = PQexecParams(connection, sql, parameter_count, NULL, values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	omen_db_complain(connection, result, complaint);
	PQclear(result);
	return NULL;
}

bool
omen_db_execute(PGconn *connection, const char *sql, OmenComplaint *complaint)
{
	PGresult   *result = PQexec(connection, sql);
	ExecStatusType status = PQresultStatus(result);
	bool		done = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;

	if (!done)
		omen_db_complain(connection, result, complaint);
	PQclear(result);
	return done;
}

bool
omen_db_value(PGconn *connection, const char *sql, char *text, size_t text_bytes, OmenComplaint *complaint)
{
	PGresult   *result = omen_db_query(connection, sql, 0, NULL, complaint);

	if (result == NULL)
		return false;
	snprintf(text, text_bytes, "%s",
			 PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return true;
}
