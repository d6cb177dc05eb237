/*
 * account.h - which system user the database runs as.
 *
 * PostgreSQL refuses to run as root.  Rather than keep a privileged parent,
 * an omendb started by root prepares folders, then becomes that user for
 * good, before it reads or writes anything inside the data folder: a link
 * planted there by the database's user can then mislead nobody.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_ACCOUNT_H
#define OMENDB_ACCOUNT_H

#include <sys/types.h>

#include "config/config.h"

typedef struct OmenAccount
{
	char		name[64];
	uid_t		uid;
	gid_t		gid;
} OmenAccount;

/*
 * Not root: ourselves.  Root: the setting postgres.user, else the owner of the
 * data folder that is there already (owner; 0 for none or root), else
 * `omendb`, else `postgres`.
 */
bool		omen_account_choose(OmenAccount *account, const OmenConfig *config, uid_t owner,
								OmenComplaint *complaint);

/*
 * Can the account pass through every folder on the way to path, and into path
 * itself?  Components that do not exist end the walk.  On false, blocked
 * (PATH_MAX bytes) is the component that stopped it.
 */
bool		omen_account_reaches(const OmenAccount *account, const char *path, char *blocked);

/* Becomes the account, irrevocably.  Nothing to do when we are it already. */
bool		omen_account_become(const OmenAccount *account, OmenComplaint *complaint);

#endif							/* OMENDB_ACCOUNT_H */
