/*
 * sql_command.c - omendb sql: psql on the running database.
 *
 * Where to connect goes to psql by its environment, so that its own flags win
 * one by one (`omendb sql -d postgres`), and so that no password of a
 * connection string stands in the process list.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "db/connect.h"
#include "postgres/tree.h"

static void
point_at_running(const OmenDataFolder *folder, const OmenRunning *running)
{
	char		port[16];

	snprintf(port, sizeof(port), "%d", running->port);
	setenv("PGHOST", running->socket_folder, 1);
	setenv("PGPORT", port, 1);
	setenv("PGUSER", OMEN_SUPERUSER, 1);
	setenv("PGDATABASE", OMEN_DATABASE, 1);
	setenv("PGPASSFILE", folder->passfile, 1);
	unsetenv("PGHOSTADDR");
	unsetenv("PGPASSWORD");
	unsetenv("PGSERVICE");
}

/* Every part of a connection string that libpq reads from the environment too; others are refused. */
static bool
point_at_url(const char *url, OmenComplaint *complaint)
{
	char	   *reason = NULL;
	PQconninfoOption *options = PQconninfoParse(url, &reason);
	bool		pointed = options != NULL;

	if (options == NULL)
		omen_complain(complaint, "the setting database is no connection string: %s",
					  reason != NULL ? reason : "out of memory");
	for (PQconninfoOption *at = options; pointed && at->keyword != NULL; at++)
	{
		if (at->val == NULL)
			continue;
		if (at->envvar == NULL)
			pointed = omen_complain(complaint, "psql cannot be given %s through the setting database", at->keyword);
		else
			setenv(at->envvar, at->val, 1);
	}
	PQfreemem(reason);
	PQconninfoFree(options);
	return pointed;
}

/* Runs psql instead of us; returns only on failure. */
static int
become_psql(const OmenConfig *config, int argc, char **argv)
{
	OmenComplaint complaint;
	OmenTree	tree;
	char		program[PATH_MAX];
	char	  **arguments = calloc((size_t) argc + 1, sizeof(*arguments));
	int			count = 0;

	if (arguments == NULL || !omen_tree_find(&tree, config, 0, &complaint) ||
		access(omen_tree_program(&tree, "psql", program), X_OK) != 0)
		strcpy(program, "psql");
	arguments[count++] = (char *) "psql";
	for (int i = 1; i < argc; i++)
		if (!(i == 1 && strcmp(argv[i], "--") == 0))
			arguments[count++] = argv[i];
	execvp(program, arguments);
	omen_complain(&complaint, "cannot run %s: %s", program, strerror(errno));
	omen_advise(&complaint, "Install psql (the package postgresql-client), or name a tree with --postgres-prefix.");
	free(arguments);
	return omen_command_fail(&complaint);
}

static int
sql_run(int argc, char **argv)
{
	OmenConfig *config = omen_command_config(&argc, argv);
	OmenComplaint complaint;
	OmenDataFolder folder;
	OmenRunning running;
	bool		pointed;
	int			code;

	if (config == NULL)
		return OMEN_EXIT_USAGE;
	if (omen_config_text(config, "database")[0] != '\0')
		pointed = point_at_url(omen_config_text(config, "database"), &complaint);
	else
	{
		pointed = omen_db_find_running(config, &folder, &running, &complaint);
		if (pointed)
			point_at_running(&folder, &running);
	}
	code = pointed ? become_psql(config, argc, argv) : omen_command_fail(&complaint);
	omen_config_free(config);
	return code;
}

const OmenCommand omen_sql_command = {
	.name = "sql",
	.summary = "open psql on the running database",
	.help =
	"usage: omendb sql [--data DIR | --database URL] [psql's arguments]\n"
	"\n"
	"Runs psql, connected to the database that `omendb serve` runs on the data\n"
	"folder, or to the one that --database names.  Everything but omendb's own flags\n"
	"goes to psql, and what follows `--` goes unread:\n"
	"  omendb sql\n"
	"  omendb sql -c 'SELECT count(*) FROM items'\n"
	"  omendb sql -d postgres < file.sql\n"
	"\n"
	"The exit code is psql's; 1 also when there is no database to connect to.\n",
	.run = sql_run,
};
