/*
 * supply_extension.h - the database `omendb` with the extension `vector` in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_SUPPLY_EXTENSION_H
#define OMENDB_SUPPLY_EXTENSION_H

#include <libpq-fe.h>

#include "instance/data_folder.h"
#include "instance/running.h"

/*
 * Makes whichever of the two is missing, and updates the extension when the
 * tree brings another version that its scripts lead to.  maintenance is a
 * connection to the database `postgres`.
 */
bool		omen_supply_extension(const OmenDataFolder *folder, const OmenRunning *running,
								  PGconn *maintenance, OmenComplaint *complaint);

#endif							/* OMENDB_SUPPLY_EXTENSION_H */
