/*
 * running.h - what runs on a data folder, seen from outside.
 *
 * Everything comes from files that the running processes keep: PostgreSQL's
 * postmaster.pid and the lock of omendb.  A stale file is told from a live one
 * by asking the kernel about the process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_RUNNING_H
#define OMENDB_RUNNING_H

#include <sys/types.h>
#include <time.h>

#include "instance/data_folder.h"

typedef struct OmenRunning
{
	pid_t		postmaster;		/* 0: PostgreSQL does not run */
	pid_t		supervisor;		/* 0: no omendb holds the lock */
	time_t		started;
	int			port;
	bool		ready;			/* PostgreSQL takes connections */
	bool		stopping;		/* PostgreSQL shuts down */
	char		socket_folder[256];
	char		listen[256];	/* its first address, "*" for all */
} OmenRunning;

void		omen_running_look(OmenRunning *running, const OmenDataFolder *folder);

/* The host a client on this machine reaches the listening address by. */
const char *omen_running_host(const OmenRunning *running);

/* "postgresql://omendb@HOST:PORT/omendb?passfile=…" with the path percent-encoded. */
void		omen_running_url(char *text, size_t text_bytes, const OmenRunning *running, const OmenDataFolder *folder);

#endif							/* OMENDB_RUNNING_H */
