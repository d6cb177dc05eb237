/*
 * create_cluster.h - making PostgreSQL's data folder, whole or not at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_CREATE_CLUSTER_H
#define OMENDB_CREATE_CLUSTER_H

#include "instance/data_folder.h"
#include "postgres/tree.h"

/*
 * Runs initdb into a folder beside DIR/postgres, writes omendb.conf and
 * pg_hba.conf there, and renames it to DIR/postgres last.  Interrupted at any
 * point, it leaves a folder postgres.new-* that nothing looks at, and can
 * simply be called again.  DIR/log must exist.
 */
bool		omen_create_cluster(const OmenDataFolder *folder, const OmenTree *tree,
								const char *password, OmenComplaint *complaint);

#endif							/* OMENDB_CREATE_CLUSTER_H */
