/*
 * migrate_report.h - what `omendb migrate` says at its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_MIGRATE_REPORT_H
#define OMENDB_MIGRATE_REPORT_H

#include "migrate/migrate.h"
#include "stores/stores.h"

/* Both print and return the exit code: a copy that differs has failed. */
int			omen_migrate_print(const OmenMigrateReport *report, int samples, double seconds);
int			omen_stores_print(const OmenStoreReport *report, double seconds);

#endif							/* OMENDB_MIGRATE_REPORT_H */
