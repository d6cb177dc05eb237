/*
 * terminal.h - what is at the other end of a stream.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_TERMINAL_H
#define OMENDB_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* Is the stream a terminal that understands carriage return and erase-line? */
bool		omen_terminal_is_live(FILE *out);

/* Columns to lay text out in: the terminal's, else $COLUMNS, else fallback. */
int			omen_terminal_columns(FILE *out, int fallback);

#endif							/* OMENDB_TERMINAL_H */
