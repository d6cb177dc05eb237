/*
 * connect.h - a connection to the database this omendb is about.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_CONNECT_H
#define OMENDB_CONNECT_H

#include <libpq-fe.h>

#include "config/config.h"
#include "instance/data_folder.h"
#include "instance/running.h"

/*
 * Connects to the setting `database` where one is given, else to the instance
 * that runs on the data folder.  Encoding UTF-8; notices are not printed.
 * NULL and a complaint on failure; PQfinish what comes back.
 */
PGconn	   *omen_db_connect(const OmenConfig *config, const char *application, OmenComplaint *complaint);

/* The same for a connection string of the caller's. */
PGconn	   *omen_db_connect_url(const char *url, const char *application, OmenComplaint *complaint);

/* The same for an instance already looked up; dbname NULL is OMEN_DATABASE. */
PGconn	   *omen_db_connect_running(const OmenDataFolder *folder, const OmenRunning *running,
									const char *dbname, const char *application, OmenComplaint *complaint);

/* Looks up the instance on the configured data folder; false and a complaint unless it takes connections. */
bool		omen_db_find_running(const OmenConfig *config, OmenDataFolder *folder, OmenRunning *running,
								 OmenComplaint *complaint);

#endif							/* OMENDB_CONNECT_H */
