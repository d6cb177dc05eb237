/*
 * supply_extension.c - the database `omendb` with the extension `vector` in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "db/connect.h"
#include "db/query.h"
#include "postgres/supply_extension.h"

static bool
supply_database(PGconn *maintenance, OmenComplaint *complaint)
{
	char		found[8];

	if (!omen_db_value(maintenance, "SELECT 1 FROM pg_database WHERE datname = '" OMEN_DATABASE "'",
					   found, sizeof(found), complaint))
		return false;
	return found[0] != '\0' || omen_db_execute(maintenance, "CREATE DATABASE " OMEN_DATABASE, complaint);
}

static bool
supply_in(PGconn *connection, OmenComplaint *complaint)
{
	char		state[32];

	/* absent, current, behind (a path of scripts leads on), or apart (none does) */
	if (!omen_db_value(connection,
					   "SELECT CASE WHEN installed_version IS NULL THEN 'absent'"
					   " WHEN installed_version = default_version THEN 'current'"
					   " WHEN EXISTS (SELECT FROM pg_extension_update_paths('vector')"
					   "  WHERE source = installed_version AND target = default_version AND path IS NOT NULL)"
					   " THEN 'behind' ELSE 'apart' END"
					   " FROM pg_available_extensions WHERE name = 'vector'", state, sizeof(state), complaint))
		return false;
	if (strcmp(state, "absent") == 0)
		return omen_db_execute(connection, "CREATE EXTENSION vector", complaint);
	if (strcmp(state, "behind") == 0)
		return omen_db_execute(connection, "ALTER EXTENSION vector UPDATE", complaint);
	if (state[0] == '\0')
	{
		omen_complain(complaint, "PostgreSQL does not find the extension \"vector\"");
		return omen_advise(complaint,
						   "Build it into the tree with `make`, or name a tree that has it with --postgres-prefix.");
	}
	/* apart: an older omendb on newer data.  It serves as it is; nothing is forced. */
	return true;
}

bool
omen_supply_extension(const OmenDataFolder *folder, const OmenRunning *running,
					  PGconn *maintenance, OmenComplaint *complaint)
{
	PGconn	   *connection;
	bool		supplied;

	if (!supply_database(maintenance, complaint))
		return false;
	connection = omen_db_connect_running(folder, running, OMEN_DATABASE, "omendb serve", complaint);
	if (connection == NULL)
		return false;
	supplied = supply_in(connection, complaint);
	PQfinish(connection);
	return supplied;
}
