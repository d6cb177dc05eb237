/*
 * tuning.h - PostgreSQL's settings for the machine at hand.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_TUNING_H
#define OMENDB_TUNING_H

#include "postgres/machine.h"

/*
 * The text of omendb.conf, to be freed; NULL without memory.  Pure: the same
 * machine gives the same text.
 */
char	   *omen_tuning_text(const OmenMachine *machine, int postgres_major, bool lz4_wal);

#endif							/* OMENDB_TUNING_H */
