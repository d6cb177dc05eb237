/*
 * supervise.h - running PostgreSQL as our child, from start to stop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_SUPERVISE_H
#define OMENDB_SUPERVISE_H

#include "instance/data_folder.h"
#include "postgres/tree.h"

/* What omendb serve ends with. */
#define OMEN_SERVE_STOPPED	0	/* we were asked to stop, and PostgreSQL stopped cleanly */
#define OMEN_SERVE_FAILED	1	/* refused, or did not start, or did not stop cleanly */
#define OMEN_SERVE_DIED		3	/* the database ended without being asked to */

typedef struct OmenServing
{
	const OmenDataFolder *folder;
	const OmenTree *tree;
	const char *listen;
	const char *socket_folder;
	int			port;
} OmenServing;

/*
 * Starts PostgreSQL on a complete data folder, waits until it answers, sees to
 * the database and the extension, prints "ready URL" on standard output, and
 * stays until it is asked to stop or PostgreSQL ends.  SIGTERM and SIGINT stop
 * it fast, another one two seconds later or SIGQUIT at once; SIGHUP makes it read its settings
 * again.  Events go to standard error.  The complaint is filled for any return
 * but OMEN_SERVE_STOPPED.
 */
int			omen_supervise(const OmenServing *serving, OmenComplaint *complaint);

#endif							/* OMENDB_SUPERVISE_H */
