/*
 * main.c - the omendb command: finds the subcommand and runs it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "command.h"

/* --help anywhere before "--" asks for the subcommand's help, whatever else is wrong with the line. */
static bool
asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	const OmenCommand *command;
	const char *name = argc > 1 ? argv[1] : "";

	if (argc < 2)
	{
		fprintf(stderr, "omendb: no command given\nomendb: `omendb help` lists all commands.\n");
		return OMEN_EXIT_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";

	command = omen_command_find(name);
	if (command == NULL)
		return omen_command_unknown(name);
	if (asks_for_help(argc - 1, argv + 1))
	{
		fputs(command->help, stdout);
		return OMEN_EXIT_OK;
	}
	return command->run(argc - 1, argv + 1);
}
