/*
 * server_log.h - showing the user what PostgreSQL wrote in its log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_SERVER_LOG_H
#define OMENDB_SERVER_LOG_H

#include <sys/types.h>

#include "term/complaint.h"

/* Where the newest log of the folder ended: what comes after is news. */
typedef struct OmenLogMark
{
	char		path[4096];		/* "" when there was none */
	off_t		bytes;
} OmenLogMark;

void		omen_server_log_mark(OmenLogMark *mark, const char *log_folder);

/*
 * Appends to the complaint's fact the last few lines behind offset that contain
 * wanted (NULL: FATAL, PANIC, ERROR, DETAIL or HINT; "": all but what every
 * start says), each on a line of its own.
 */
void		omen_server_log_append(OmenComplaint *complaint, const char *path, off_t offset, const char *wanted);

/* The same over what was logged since the mark. */
void		omen_server_log_append_news(OmenComplaint *complaint, const OmenLogMark *mark, const char *log_folder);

#endif							/* OMENDB_SERVER_LOG_H */
