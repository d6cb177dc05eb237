/*
 * version_command.c - omendb version.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "command.h"

static int
version_run(int argc, char **argv)
{
	if (argc > 1)
		return omen_command_usage("version", "takes no arguments");
	printf("omendb " OMENDB_VERSION "\n");
	return OMEN_EXIT_OK;
}

const OmenCommand omen_version_command = {
	.name = "version",
	.summary = "print the version",
	.help =
	"usage: omendb version\n"
	"       omendb --version\n"
	"\n"
	"Prints the version of this omendb.\n",
	.run = version_run,
};
