/*
 * prepare_folder.h - making a data folder ready for its user.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_PREPARE_FOLDER_H
#define OMENDB_PREPARE_FOLDER_H

#include "instance/data_folder.h"
#include "postgres/account.h"

/*
 * Before the account is taken on: makes the folder (with what is missing above
 * it) when it is absent, gives a new or empty one to the account, and refuses
 * one that belongs to somebody else or that the account cannot reach.
 */
bool		omen_prepare_folder(const OmenDataFolder *folder, OmenFolderState state,
								const OmenAccount *account, OmenComplaint *complaint);

/* Makes DIR/log and DIR/run. */
bool		omen_prepare_inside(const OmenDataFolder *folder, OmenComplaint *complaint);

/*
 * Takes DIR/omendb.lock and writes our pid into it.  Returns the descriptor,
 * which holds the lock until it is closed or we die; -1 and a complaint when
 * another omendb holds it.
 */
int			omen_lock_folder(const OmenDataFolder *folder, OmenComplaint *complaint);

#endif							/* OMENDB_PREPARE_FOLDER_H */
