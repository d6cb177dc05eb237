/*
 * migrate_parts.h - what the files of a migration share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_MIGRATE_PARTS_H
#define OMENDB_MIGRATE_PARTS_H

#include "migrate/migrate.h"

typedef struct OmenMigration
{
	const OmenMigrateOptions *options;
	OmenMigrateReport *report;
	OmenComplaint *complaint;
	char		work[256];		/* a folder of ours alone for the dump and a password file */
	char		snapshot[128];
} OmenMigration;

/* migrate.c: one statement on either side; NULL or false with the complaint filled. */
PGresult   *omen_migration_ask(OmenMigration *run, PGconn *side, const char *format,...)
			__attribute__((format(printf, 3, 4)));
bool		omen_migration_do(OmenMigration *run, PGconn *side, const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* What is noted in the target: a number for each thing done; -1 when it is not there. */
bool		omen_migration_noted(OmenMigration *run, const char *item, int64_t *number);
bool		omen_migration_note(OmenMigration *run, const char *item, int64_t number);

bool		omen_migration_stopped(OmenMigration *run);
char	   *omen_migration_copy(const char *text);	/* strdup that cannot fail */

/* migrate_catalog.c: fills the report's tables and columns from the source; what has contents beside tables. */
bool		omen_migration_find_tables(OmenMigration *run);
bool		omen_migration_find_columns(OmenMigration *run);
bool		omen_migration_copy_sequences(OmenMigration *run);
bool		omen_migration_fill_views(OmenMigration *run);

/* migrate_schema.c: everything before the rows; everything after them but indexes of vectors. */
bool		omen_migration_make_schema(OmenMigration *run);
bool		omen_migration_finish_schema(OmenMigration *run);
void		omen_migration_clean(OmenMigration *run);

/* migrate_index.c: indexes of vectors, as they were or as ivf. */
bool		omen_migration_make_indexes(OmenMigration *run);

/* migrate_copy.c: one table's rows. */
bool		omen_migration_copy_table(OmenMigration *run, OmenMigrateTable *table);

/* migrate_check.c: compares rows, then answers. */
bool		omen_migration_compare_table(OmenMigration *run, OmenMigrateTable *table);
bool		omen_migration_compare_answers(OmenMigration *run, OmenMigrateColumn *column);

/* Indexes of vectors in the source: what hnsw and ivfflat have under pgvector, and ivf under us. */
#define OMEN_MIGRATE_VECTOR_INDEX "am.amname IN ('hnsw', 'ivfflat', 'ivf')"

/* Which relations are the user's: not the system's, not an extension's, not ours. */
#define OMEN_MIGRATE_USERS_OWN \
	"n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'omendb_migrate') AND NOT EXISTS " \
	"(SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"

#endif							/* OMENDB_MIGRATE_PARTS_H */
