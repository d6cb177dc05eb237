/*
 * foreign_index.h - indexes in pgvector's page format.
 *
 * A database made with pgvector has indexes under the same access methods'
 * names, in a format that is not ours.  They are recognised by their first
 * page and never read further: the planner is told that they cost too much,
 * rows are not put into them, until REINDEX has written them anew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_FOREIGN_INDEX_H
#define OMEN_FOREIGN_INDEX_H

#include "postgres.h"
#include "compat.h"

#include "nodes/pathnodes.h"
#include "utils/rel.h"

/* Whether the index is in pgvector's format, of either of its access methods. */
extern bool foreign_index(Relation index);

/* The same for the planner, which has the index locked but not open. */
extern bool foreign_index_path(const IndexPath *path);

/*
 * The table changes and the index does not: from here on it lacks rows, or
 * has some that are gone.  Takes pgvector's magic number from its first page,
 * so that pgvector, should it come back, refuses it as well.
 */
extern void foreign_index_stamp(Relation index);

/* For a scan that should not have been planned: an error that names the cure. */
extern void foreign_index_refuse(Relation index) __attribute__((noreturn, cold));

#endif							/* OMEN_FOREIGN_INDEX_H */
