/*
 * setup.c - what every subcommand does before and after its work.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stdio.h>

#include "command.h"

OmenConfig *
omen_command_config(int *argc, char **argv)
{
	OmenComplaint complaint;
	OmenConfig *config = omen_config_read(argc, argv, &complaint);

	if (config == NULL)
		omen_complaint_print(&complaint, stderr);
	return config;
}

int
omen_command_usage(const char *name, const char *format,...)
{
	va_list		args;

	fprintf(stderr, "omendb %s: ", name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nomendb: `omendb help %s` shows how it is used.\n", name);
	return OMEN_EXIT_USAGE;
}

int
omen_command_fail(const OmenComplaint *complaint)
{
	omen_complaint_print(complaint, stderr);
	return OMEN_EXIT_FAILURE;
}
