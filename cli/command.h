/*
 * command.h - what a subcommand is.
 *
 * A subcommand is one file that defines one OmenCommand, and one line in
 * command_table.c.  main.c answers `omendb NAME --help` itself, from `help`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_COMMAND_H
#define OMENDB_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/* Exit codes of every subcommand; one that has more lists them in its help. */
#define OMEN_EXIT_OK		0
#define OMEN_EXIT_FAILURE	1
#define OMEN_EXIT_USAGE		2

typedef struct OmenCommand
{
	const char *name;
	const char *summary;		/* one line, for `omendb help` */
	const char *help;			/* begins with "usage: omendb NAME ..." and ends with a newline */
	int			(*run) (int argc, char **argv); /* argv[0] is the name; returns the exit code */
} OmenCommand;

/* In the order `omendb help` shows them, ended by NULL (command_table.c). */
extern const OmenCommand *const omen_commands[];

const OmenCommand *omen_command_find(const char *name);

/* Says that there is no such subcommand, and which one may be meant; returns OMEN_EXIT_USAGE. */
int			omen_command_unknown(const char *name);

/*
 * The configuration with the flags of settings taken out of argv (setup.c);
 * NULL after printing why, for which the exit code is OMEN_EXIT_USAGE.
 */
OmenConfig *omen_command_config(int *argc, char **argv);

/* Says "omendb NAME: ..." about a wrong argument and where help is; returns OMEN_EXIT_USAGE. */
int			omen_command_usage(const char *name, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Prints the complaint on standard error; returns OMEN_EXIT_FAILURE. */
int			omen_command_fail(const OmenComplaint *complaint);

#endif							/* OMENDB_COMMAND_H */
