/*
 * terminal.c - what is at the other end of a stream.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "term/terminal.h"

bool
omen_terminal_is_live(FILE *out)
{
	const char *kind = getenv("TERM");

	return isatty(fileno(out)) && kind != NULL && strcmp(kind, "dumb") != 0;
}

int
omen_terminal_columns(FILE *out, int fallback)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");

	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	if (columns != NULL && atoi(columns) >= 20)
		return atoi(columns);
	return fallback;
}
