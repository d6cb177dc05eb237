/*
 * migrate.h - a database into another one, over two connections.
 *
 * Schema by pg_dump, rows by COPY, indexes of vectors last, then a comparison
 * of everything.  The source is read in one snapshot and never written.  What is
 * done is noted in the target (schema omendb_migrate) in the transaction that
 * does it; called again after an interruption, it goes on from there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_MIGRATE_H
#define OMENDB_MIGRATE_H

#include <signal.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "postgres/tree.h"
#include "term/complaint.h"

typedef struct OmenMigrateOptions
{
	PGconn	   *source;
	PGconn	   *target;
	const OmenTree *tree;		/* where pg_dump, pg_restore and psql are */
	bool		to_ivf;			/* hnsw and ivfflat become ivf where ivf knows type and distance */
	int			samples;		/* queries to ask of each column of vectors; 0: none */

	void	   *context;
	/* A stage begins (title not NULL), goes on, or ends (title NULL, done UINT64_MAX). */
	void		(*progress) (void *context, const char *title, const char *unit, uint64_t done, uint64_t total);
	void		(*notice) (void *context, const char *text);
	volatile sig_atomic_t *stop;
} OmenMigrateOptions;

typedef struct OmenMigrateTable
{
	char	   *name;			/* quoted, with its schema */
	char	   *columns;		/* those that are stored, quoted, by commas */
	char	   *row_hash;		/* an expression: 64 bits of a row's contents */
	bool		binary;			/* every column's binary form means the same in another database */
	int64_t		blocks;
	int64_t		bytes;
	int64_t		rows_guess;
	int64_t		source_rows;
	int64_t		target_rows;
	bool		copied_before;	/* by an earlier run, from an earlier snapshot */
	bool		same;			/* count and checksum */
} OmenMigrateTable;

typedef struct OmenMigrateColumn
{
	char	   *table;
	char	   *column;			/* quoted */
	char	   *operator;		/* OPERATOR(schema.<->) */
	char	   *spelling;		/* <-> */
	bool		indexed;
	int			asked;
	int			same;			/* queries with the same exact distances on both sides */
	double		source_recall;	/* of its index, against the exact answer; below 0: nothing was asked */
	double		target_recall;
} OmenMigrateColumn;

typedef struct OmenMigrateReport
{
	OmenMigrateTable *tables;
	int			table_count;
	OmenMigrateColumn *columns;
	int			column_count;
	int			index_count;	/* of vectors */
	int64_t		row_count;		/* copied by this run */
	bool		resumed;
	bool		same;			/* everything compared is the same */
} OmenMigrateReport;

/*
 * False and a complaint when it could not be finished; the report is then empty.
 * True says that all was copied: whether it is the same is in the report.
 */
bool		omen_migrate_run(const OmenMigrateOptions *options, OmenMigrateReport *report, OmenComplaint *complaint);

void		omen_migrate_report_free(OmenMigrateReport *report);

#endif							/* OMENDB_MIGRATE_H */
