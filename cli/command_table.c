/*
 * command_table.c - the subcommands there are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "config/nearest_word.h"

extern const OmenCommand omen_config_command;
extern const OmenCommand omen_demo_command;
extern const OmenCommand omen_help_command;
extern const OmenCommand omen_import_command;
extern const OmenCommand omen_migrate_command;
extern const OmenCommand omen_serve_command;
extern const OmenCommand omen_sql_command;
extern const OmenCommand omen_status_command;
extern const OmenCommand omen_version_command;

const OmenCommand *const omen_commands[] = {
	&omen_serve_command,
	&omen_status_command,
	&omen_sql_command,
	&omen_import_command,
	&omen_migrate_command,
	&omen_demo_command,
	&omen_config_command,
	&omen_help_command,
	&omen_version_command,
	NULL
};

const OmenCommand *
omen_command_find(const char *name)
{
	for (const OmenCommand *const *at = omen_commands; *at != NULL; at++)
		if (strcmp((*at)->name, name) == 0)
			return *at;
	return NULL;
}

int
omen_command_unknown(const char *name)
{
	const char *names[sizeof(omen_commands) / sizeof(omen_commands[0])];
	const char *nearest;
	size_t		count = 0;

	for (const OmenCommand *const *at = omen_commands; *at != NULL; at++)
		names[count++] = (*at)->name;
	nearest = omen_nearest_word(name, names, count);
	fprintf(stderr, "omendb: there is no command \"%s\"\n", name);
	if (nearest != NULL)
		fprintf(stderr, "omendb: Did you mean `omendb %s`?  `omendb help` lists all commands.\n", nearest);
	else
		fprintf(stderr, "omendb: `omendb help` lists all commands.\n");
	return OMEN_EXIT_USAGE;
}
