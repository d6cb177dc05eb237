/*
 * help_command.c - omendb help.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "command.h"

static int
help_run(int argc, char **argv)
{
	const OmenCommand *command;

	if (argc > 2)
		return omen_command_usage("help", "takes one command's name, not %d", argc - 1);
	if (argc == 2)
	{
		command = omen_command_find(argv[1]);
		if (command == NULL)
			return omen_command_unknown(argv[1]);
		fputs(command->help, stdout);
		return OMEN_EXIT_OK;
	}
	printf("OmenDB, a vector database that is PostgreSQL.\n\n"
		   "usage: omendb COMMAND [arguments]\n\n");
	for (const OmenCommand *const *at = omen_commands; *at != NULL; at++)
		printf("  %-10s %s\n", (*at)->name, (*at)->summary);
	printf("\n`omendb help COMMAND` or `omendb COMMAND --help` tells more about one.\n"
		   "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.\n");
	return OMEN_EXIT_OK;
}

const OmenCommand omen_help_command = {
	.name = "help",
	.summary = "list the commands, or tell about one",
	.help =
	"usage: omendb help [COMMAND]\n"
	"\n"
	"Lists the commands, or tells about one of them.\n",
	.run = help_run,
};
