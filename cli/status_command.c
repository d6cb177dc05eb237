/*
 * status_command.c - omendb status.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "db/connect.h"
#include "db/query.h"
#include "term/progress_line.h"

#define EXIT_NOT_RUNNING 3		/* as the Linux Standard Base has it for `status` */

static void
print_line(const char *name, const char *value)
{
	printf("%-12s %s\n", name, value);
}

/* What the database tells about itself; a failing query leaves its line out. */
static void
print_database(PGconn *connection)
{
	static const char *const lines[][2] = {
		{"postgresql", "SELECT split_part(version(), ' ', 2)"},
		{"extensions", "SELECT string_agg(extname || ' ' || extversion, ', ' ORDER BY extname)"
		" FROM pg_extension WHERE extname <> 'plpgsql'"},
		{"databases", "SELECT string_agg(datname || ' ' || pg_size_pretty(pg_database_size(oid)), ', '"
		" ORDER BY datname) FROM pg_database WHERE NOT datistemplate"},
		{"connections", "SELECT count(*) || ' of ' || current_setting('max_connections')"
		" FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"},
	};
	OmenComplaint ignored;
	char		value[4096];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (omen_db_value(connection, lines[i][1], value, sizeof(value), &ignored))
			print_line(lines[i][0], value[0] != '\0' ? value : "none");
}

static int
report_url(const OmenConfig *config)
{
	OmenComplaint complaint;
	PGconn	   *connection = omen_db_connect(config, "omendb status", &complaint);

	if (connection == NULL)
	{
		omen_command_fail(&complaint);
		return EXIT_NOT_RUNNING;
	}
	print_line("status", "running, not supervised by omendb");
	print_database(connection);
	PQfinish(connection);
	return OMEN_EXIT_OK;
}

/* 1 for a folder that cannot be looked into, 3 for one on which nothing runs. */
static int
report_stopped(const OmenDataFolder *folder, const OmenComplaint *complaint)
{
	OmenComplaint ignored;
	int			major;
	OmenFolderState state = omen_data_folder_look(folder, &major, &ignored);

	if (state == OMEN_FOLDER_UNREADABLE || state == OMEN_FOLDER_FOREIGN)
		return omen_command_fail(complaint);
	print_line("status", "stopped");
	print_line("data", folder->root);
	omen_complaint_print(complaint, stderr);
	return EXIT_NOT_RUNNING;
}

static int
report_running(const OmenDataFolder *folder, const OmenRunning *running)
{
	OmenComplaint complaint;
	PGconn	   *connection;
	char		url[PATH_MAX * 3 + 256];
	char		duration[32];

	print_line("status", running->ready ? "running" : running->stopping ? "stopping" : "starting");
	print_line("data", folder->root);
	/* An omendb that was killed is gone while its database still stops. */
	if (running->supervisor > 0)
		printf("%-12s omendb %d, postgres %d\n", "processes", (int) running->supervisor, (int) running->postmaster);
	else
		printf("%-12s postgres %d\n", "processes", (int) running->postmaster);
	print_line("uptime", omen_format_duration(duration, difftime(time(NULL), running->started)));
	printf("%-12s %d\n", "port", running->port);
	if (!running->ready)
		return OMEN_EXIT_OK;
	connection = omen_db_connect_running(folder, running, NULL, "omendb status", &complaint);
	if (connection == NULL)
		return omen_command_fail(&complaint);
	print_database(connection);
	PQfinish(connection);
	omen_running_url(url, sizeof(url), running, folder);
	print_line("connect", url);
	return OMEN_EXIT_OK;
}

static int
status_run(int argc, char **argv)
{
	OmenConfig *config = omen_command_config(&argc, argv);
	OmenComplaint complaint;
	OmenDataFolder folder;
	OmenRunning running;
	int			code;

	if (config == NULL)
		return OMEN_EXIT_USAGE;
	if (argc > 1)
		code = omen_command_usage("status", "unknown argument \"%s\"", argv[1]);
	else if (omen_config_text(config, "database")[0] != '\0')
		code = report_url(config);
	else if (omen_db_find_running(config, &folder, &running, &complaint))
		code = report_running(&folder, &running);
	else
		code = report_stopped(&folder, &complaint);
	omen_config_free(config);
	return code;
}

const OmenCommand omen_status_command = {
	.name = "status",
	.summary = "tell whether the database runs, where and since when",
	.help =
	"usage: omendb status [--data DIR | --database URL]\n"
	"\n"
	"Tells whether a database runs on the data folder, its processes, uptime, port,\n"
	"version, extensions, sizes and connection string.\n"
	"\n"
	"Exit codes: 0 it runs, 3 it does not, 1 the folder cannot be looked into,\n"
	"2 wrong usage or configuration.\n",
	.run = status_run,
};
