/*
 * config_command.c - omendb config: every setting, its value and its source.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "command.h"
#include "term/table.h"

static void
print_config(const OmenConfig *config)
{
	OmenTable  *table = omen_table_begin(3);
	char		shown[4096];

	omen_table_column(table, 0, "setting", OMEN_LEFT);
	omen_table_column(table, 1, "value", OMEN_LEFT);
	omen_table_column(table, 2, "from", OMEN_LEFT);
	for (size_t i = 0; i < omen_setting_count; i++)
	{
		const char *name = omen_settings[i].name;

		omen_config_shown(config, name, shown, sizeof(shown));
		omen_table_cell(table, "%s", name);
		omen_table_cell(table, "%s", shown[0] != '\0' ? shown : "-");
		omen_table_cell(table, "%s", omen_config_origin(config, name));
	}
	/* Values are copied from here into scripts: never wrapped. */
	omen_table_print(table, stdout, 100000);
	omen_table_end(table);
}

static int
config_run(int argc, char **argv)
{
	OmenConfig *config = omen_command_config(&argc, argv);

	if (config == NULL)
		return OMEN_EXIT_USAGE;
	if (argc > 1)
	{
		omen_config_free(config);
		return omen_command_usage("config", "unknown argument \"%s\"", argv[1]);
	}
	print_config(config);
	omen_config_free(config);
	return OMEN_EXIT_OK;
}

const OmenCommand omen_config_command = {
	.name = "config",
	.summary = "print every setting, its value and where that came from",
	.help =
	"usage: omendb config [--config FILE] [--SETTING VALUE ...]\n"
	"\n"
	"Prints the effective configuration.  Values come, in rising order, from\n"
	"  1. the built-in default\n"
	"  2. the INI file: --config FILE, else OMENDB_CONFIG, else the first that\n"
	"     exists of ~/.config/omendb/omendb.ini and /etc/omendb/omendb.ini\n"
	"  3. the environment: OMENDB_ and the name in capitals, points as underscores\n"
	"  4. flags\n"
	"\n"
	"The setting postgres.port, for one, is `port` under `[postgres]` in the file,\n"
	"OMENDB_POSTGRES_PORT in the environment and --pg-port as a flag.  Unknown names\n"
	"are errors.  Relative paths in a file start from the file's folder.\n"
	"\n"
	"Settings:\n"
	"  data             --data             folder of the database, log and password\n"
	"  database         --database         connection string of another PostgreSQL\n"
	"  postgres.port    --pg-port          its TCP port; 0 takes any free one\n"
	"  postgres.listen  --listen           addresses, by commas; * for all\n"
	"  postgres.prefix  --postgres-prefix  folder of the PostgreSQL tree\n"
	"  postgres.user    --postgres-user    system user to become instead of root\n"
	"\n"
	"Passwords in connection strings are shown as ***.\n",
	.run = config_run,
};
