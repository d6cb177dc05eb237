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
	char		said[1024];
	char		shown[1200];

	va_start(args, format);
	vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	/* An argument in the wrong place may be a connection string. */
	omen_mask_password(said, shown, sizeof(shown));
	fprintf(stderr, "omendb %s: %s\n", name, shown);
	fprintf(stderr, "omendb: `omendb help %s` shows how it is used.\n", name);
	return OMEN_EXIT_USAGE;
}

int
omen_command_fail(const OmenComplaint *complaint)
{
	omen_complaint_print(complaint, stderr);
	return OMEN_EXIT_FAILURE;
}
