/*
 * stage_tree.h - a copy of the PostgreSQL tree where a system user can reach it.
 *
 * Needed when root runs omendb from a place that is closed to everybody else,
 * such as a clone in /root.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_STAGE_TREE_H
#define OMENDB_STAGE_TREE_H

#include "postgres/tree.h"

/*
 * Brings /var/lib/omendb/postgresql-MAJOR-KEY in line with tree, where KEY
 * stands for the tree's path, and changes *tree to speak of the copy.  Only
 * files that differ in size or time are copied, each put in place by rename:
 * a server that runs from the copy keeps the files it has open.
 */
bool		omen_stage_tree(OmenTree *tree, OmenComplaint *complaint);

#endif							/* OMENDB_STAGE_TREE_H */
