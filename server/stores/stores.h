/*
 * stores.h - a collection of another vector store into a table.
 *
 * From the store's own API over HTTP or from a file of what that prints.  The
 * table is made, filled, indexed by the collection's distance and compared.
 * How far it has come is noted in the target (schema omendb_migrate) in the
 * transaction that takes it there; called again, it goes on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_STORES_H
#define OMEN_STORES_H

#include <libpq-fe.h>
#include <signal.h>
#include <stdint.h>

#include "term/complaint.h"

/* Vectors of one name in a collection, or the only ones it has. */
#define OMEN_STORE_VECTORS_MAX 64

typedef enum OmenMetric
{
	OMEN_METRIC_UNKNOWN,		/* or one that vectors have no operator for */
	OMEN_METRIC_L2,
	OMEN_METRIC_IP,
	OMEN_METRIC_COSINE,
	OMEN_METRIC_L1
} OmenMetric;

/* In any store's words: "Euclid", "dotproduct", "l2-squared"; OMEN_METRIC_UNKNOWN for others. */
OmenMetric	omen_metric_by_name(const char *name);
const char *omen_metric_name(OmenMetric metric);

typedef struct OmenStoreKind OmenStoreKind;

/* "pinecone", "qdrant", "weaviate", "chroma"; NULL for others. */
const OmenStoreKind *omen_store_kind(const char *name);

typedef struct OmenStoreOptions
{
	const OmenStoreKind *kind;
	const char *from;			/* http://, https://, or a file's path */
	const char *collection;		/* NULL: the only one there is; files have no use for it */
	const char *table;			/* as in SQL; NULL: named after the collection or the file */
	const char *index;			/* "ivf", "hnsw", "none" */
	OmenMetric	metric;			/* where the source does not say */
	const char *key_file;		/* holds the API key; NULL: from the environment, if at all */
	int			samples;		/* queries to compare for each column of vectors */
	PGconn	   *target;

	void	   *context;
	/* As in migrate.h: a stage begins (title not NULL), goes on, or ends (done UINT64_MAX). */
	void		(*progress) (void *context, const char *title, const char *unit, uint64_t done, uint64_t total);
	void		(*notice) (void *context, const char *text);
	volatile sig_atomic_t *stop;
} OmenStoreOptions;

typedef struct OmenStoreColumn
{
	char		name[64];
	OmenMetric	metric;
	const char *index;			/* what it has now; "none" */
	int			asked;
	double		there_recall;	/* of the store's answers, by exact search here; below 0: it was not asked */
	double		here_recall;	/* of the index here; below 0: there is none */
} OmenStoreColumn;

typedef struct OmenStoreReport
{
	char	   *table;			/* quoted */
	int64_t		copied;			/* by this run */
	bool		resumed;
	int64_t		there_rows;
	int64_t		here_rows;
	bool		same_checksum;	/* of ids, vectors and documents */
	int			metadata_asked;
	int			metadata_same;
	OmenStoreColumn columns[OMEN_STORE_VECTORS_MAX];
	int			column_count;
	int			index_count;
	bool		same;
} OmenStoreReport;

/* False and a complaint when it could not be finished.  Whether all is the same is in the report. */
bool		omen_stores_run(const OmenStoreOptions *options, OmenStoreReport *report, OmenComplaint *complaint);
void		omen_stores_report_free(OmenStoreReport *report);

#endif							/* OMEN_STORES_H */
