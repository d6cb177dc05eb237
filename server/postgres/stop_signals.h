/*
 * stop_signals.h - the signals of a supervisor, as events to wait for.
 *
 * Once opened, SIGTERM, SIGINT, SIGQUIT, SIGHUP and SIGCHLD interrupt nothing:
 * they wait until somebody asks.  Children start with them unblocked
 * (child_process.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_STOP_SIGNALS_H
#define OMENDB_STOP_SIGNALS_H

#include <stdbool.h>

/*
 * The hang-up of our terminal counts as SIGTERM, so that a closed window leaves
 * no server behind; a SIGHUP that somebody sends stays one.  Under nohup the
 * hang-up counts for nothing.
 *
 * Once, while there is one thread, so that all later ones inherit the
 * mask.  False: errno says why.
 */
bool		omen_signals_open(void);

/*
 * The next signal, or 0 when none came within timeout_ms (-1: for ever), or
 * earlier when there is something to read on other_fd (-1: none).
 */
int			omen_signals_next(int timeout_ms, int other_fd);

#endif							/* OMENDB_STOP_SIGNALS_H */
