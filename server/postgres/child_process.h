/*
 * child_process.h - starting the programs of PostgreSQL.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_CHILD_PROCESS_H
#define OMENDB_CHILD_PROCESS_H

#include <sys/types.h>

#include "term/complaint.h"

typedef struct OmenChild
{
	const char *const *argv;	/* argv[0] is the path; ended by NULL */
	int			input_fd;		/* its standard input; -1: /dev/null */
	int			output_fd;		/* its standard output and error; -1: ours */
	int			death_signal;	/* sent to it by the kernel when we die */
} OmenChild;

/*
 * Starts it in a session of its own, so that Ctrl-C on our terminal reaches it
 * through us alone.  0 and a complaint when it cannot be executed.
 */
pid_t		omen_child_start(const OmenChild *child, OmenComplaint *complaint);

/*
 * Waits for its end, passing SIGTERM to it when we are asked to stop.  Returns
 * waitpid's status; *stopped tells whether we were asked.  (After
 * omen_signals_open.)
 */
int			omen_child_wait(pid_t pid, bool *stopped);

/* Runs a short program and keeps what it prints; false when it fails. */
bool		omen_child_read(const char *const *argv, char *text, size_t text_bytes);

/* "exited with code 1" or "was killed by signal 9 (Killed)" into text. */
const char *omen_child_fate(char *text, size_t text_bytes, int status);

#endif							/* OMENDB_CHILD_PROCESS_H */
