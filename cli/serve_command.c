/*
 * serve_command.c - omendb serve.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "command.h"
#include "postgres/serve.h"
#include "postgres/supervise.h"

static int
serve_run(int argc, char **argv)
{
	OmenConfig *config = omen_command_config(&argc, argv);
	OmenComplaint complaint;
	int			code;

	if (config == NULL)
		return OMEN_EXIT_USAGE;
	if (argc > 1 || omen_config_is_set(config, "database"))
	{
		code = argc > 1 ? omen_command_usage("serve", "unknown argument \"%s\"", argv[1])
			: omen_command_usage("serve", "runs a database of its own; `database` (%s) names one that runs already",
								 omen_config_origin(config, "database"));
		omen_config_free(config);
		return code;
	}
	code = omen_serve(config, &complaint);
	if (code != OMEN_SERVE_STOPPED)
		omen_complaint_print(&complaint, stderr);
	omen_config_free(config);
	return code;
}

const OmenCommand omen_serve_command = {
	.name = "serve",
	.summary = "run the database, in a data folder of its own",
	.help =
	"usage: omendb serve [--data DIR] [--pg-port N] [--listen ADDRESSES]\n"
	"                    [--config FILE] [--postgres-prefix DIR]\n"
	"                    [--postgres-user NAME]\n"
	"\n"
	"Runs PostgreSQL with the extension `vector` on a data folder, making the folder\n"
	"if it is new or empty.  When the database answers, one line is printed:\n"
	"  ready postgresql://omendb@127.0.0.1:54330/omendb?passfile=DIR/omendb.pgpass\n"
	"It can be given to psql and to any driver built on libpq.\n"
	"\n"
	"  --data DIR             the data folder (as root /var/lib/omendb/data, else\n"
	"                         ~/.local/share/omendb)\n"
	"  --pg-port N            TCP port, 54330 unless given; 0 takes any free one\n"
	"  --listen ADDRESSES     addresses, separated by commas; 127.0.0.1 unless given,\n"
	"                         * for all.  Connections are not encrypted unless you\n"
	"                         set `ssl` in DIR/postgres/omendb.conf\n"
	"  --postgres-prefix DIR  the PostgreSQL tree; else the one beside this program\n"
	"  --postgres-user NAME   started by root, the user to become; else the owner of\n"
	"                         the data folder, else `omendb`, else `postgres`\n"
	"  --config FILE          see `omendb help config`\n"
	"\n"
	"DIR/postgres/omendb.conf holds PostgreSQL's settings, made for this machine's\n"
	"memory and processors at the first start and yours to edit.  DIR/log holds its\n"
	"log, DIR/omendb.pgpass the password of its superuser.  Nothing is ever deleted.\n"
	"\n"
	"SIGTERM or SIGINT (Ctrl-C) stops it cleanly, another one two seconds later at\n"
	"once; SIGHUP makes PostgreSQL read its settings again.\n"
	"\n"
	"Exit codes: 0 stopped as asked, 1 refused or failed to start or to stop cleanly,\n"
	"2 wrong usage or configuration, 3 the database ended without being asked to.\n",
	.run = serve_run,
};
