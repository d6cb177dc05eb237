/*
 * data_folder.h - what lies where in a data folder, and whose it is.
 *
 *	DIR/omendb.mark      the mark that the folder is ours: format, PostgreSQL major
 *	DIR/omendb.lock      locked (F_OFD_SETLK) by the omendb that serves the folder
 *	DIR/omendb.pgpass    the password of the database's superuser, mode 0600
 *	DIR/postgres/        PostgreSQL's own data folder
 *	DIR/log/             its logs
 *	DIR/run/             its Unix socket (or elsewhere, when the path is too long)
 *
 * The mark is written first and complete, so a folder that holds it, however
 * little else, is one that an interrupted first start left and the next start
 * may go on with.  Nothing here ever deletes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_DATA_FOLDER_H
#define OMENDB_DATA_FOLDER_H

#include <limits.h>
#include <stdbool.h>

#include "term/complaint.h"

#define OMEN_FOLDER_FORMAT 1

#define OMEN_SUPERUSER	"omendb"	/* role and database of every instance */
#define OMEN_DATABASE	"omendb"

typedef struct OmenDataFolder
{
	char		root[PATH_MAX - 64];	/* absolute, no trailing slash */
	char		mark[PATH_MAX];
	char		lock[PATH_MAX];
	char		passfile[PATH_MAX];
	char		database[PATH_MAX];
	char		log[PATH_MAX];
	char		run[PATH_MAX];
} OmenDataFolder;

typedef enum OmenFolderState
{
	OMEN_FOLDER_ABSENT,			/* no such folder */
	OMEN_FOLDER_EMPTY,			/* nothing in it, or our lock file alone */
	OMEN_FOLDER_OURS,			/* marked */
	OMEN_FOLDER_FOREIGN,		/* holds something, and no mark of ours */
	OMEN_FOLDER_UNREADABLE		/* the complaint says why */
} OmenFolderState;

/* Fills in the paths; fails only when they are too long. */
bool		omen_data_folder_paths(OmenDataFolder *folder, const char *root, OmenComplaint *complaint);

/*
 * Looks, and changes nothing.  *postgres_major is set for a folder of ours.
 * A mark that is damaged or from a later format makes it UNREADABLE.
 */
OmenFolderState omen_data_folder_look(const OmenDataFolder *folder, int *postgres_major, OmenComplaint *complaint);

/* Writes the mark, by rename, so that it is there whole or not at all. */
bool		omen_data_folder_mark(const OmenDataFolder *folder, int postgres_major, OmenComplaint *complaint);

#endif							/* OMENDB_DATA_FOLDER_H */
