/*
 * build_workers.h - how many workers a CREATE INDEX over vectors may take.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_BUILD_WORKERS_H
#define OMEN_BUILD_WORKERS_H

#include "utils/relcache.h"

/*
 * As many as for any index of this table (its parallel_workers,
 * max_parallel_maintenance_workers, memory, size), where the size counts values
 * kept out of line too: PostgreSQL looks at the table's main part alone, which
 * is small where vectors are long.  0 without a table, or inside a parallel
 * operation.
 */
extern int	index_build_workers(Relation heap, Relation index);

#endif							/* OMEN_BUILD_WORKERS_H */
