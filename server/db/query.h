/*
 * query.h - running a statement, with one way to say that it failed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_QUERY_H
#define OMENDB_QUERY_H

#include <libpq-fe.h>

#include "term/complaint.h"

/*
 * Runs one statement with text parameters (parameter_count may be 0, values
 * then NULL) and returns its result, of rows or none; PQclear it.  NULL and a
 * complaint made of the server's message, detail and SQLSTATE on failure, with
 * its hint as the advice.
 */
PGresult   *omen_db_query(PGconn *connection, const char *sql, int parameter_count,
						  const char *const *values, OmenComplaint *complaint);

/* Runs one or more statements for their effect alone. */
bool		omen_db_execute(PGconn *connection, const char *sql, OmenComplaint *complaint);

/* The first column of the first row into text; "" for NULL or no row. */
bool		omen_db_value(PGconn *connection, const char *sql, char *text, size_t text_bytes,
						  OmenComplaint *complaint);

/* Puts the failure of result (or, for NULL, of the connection) into the complaint; returns false. */
bool		omen_db_complain(PGconn *connection, const PGresult *result, OmenComplaint *complaint);

#endif							/* OMENDB_QUERY_H */
