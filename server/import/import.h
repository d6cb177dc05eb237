/*
 * import.h - a file into a table: `omendb import`.
 *
 * One transaction: either every good row is there afterwards, or nothing is.
 * Nothing here prints; the caller's functions are told what happens.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IMPORT_H
#define OMEN_IMPORT_H

#include <libpq-fe.h>
#include <signal.h>

#include "import/import_reader.h"
#include "term/complaint.h"

#define OMEN_IMPORT_RECORD_BYTES_MAX ((size_t) 64 * 1024 * 1024)

typedef struct OmenImportOptions
{
	const char *table;			/* as in SQL: quoted and schema-qualified as need be */
	const char *path;			/* "-": standard input */
	const OmenReaderFormat *format;	/* NULL: by the path's extension */
	char		delimiter;		/* CSV */
	const char *null_text;		/* CSV: what an unquoted field says to be NULL */
	bool		header;			/* CSV */
	const char *columns;		/* "a,b,-": the file's columns by name, - for one to leave out; or NULL */
	const char *vector_column;	/* fvecs, npy; NULL: the only one there is */
	const char *id_column;		/* fvecs, npy: filled with the row number; or NULL */
	bool		create;			/* make the table when there is none */
	uint64_t	bad_max;		/* bad rows to leave out before giving up */
	size_t		record_bytes_max;
	const volatile sig_atomic_t *stop;	/* when set, the import is given up; or NULL */

	void	   *context;
	/* now and then; total 0 when it is not known */
	void		(*progress) (void *context, uint64_t bytes_done, uint64_t bytes_total, uint64_t row_count);
	/* a row left out: place counts `unit`s ("line" or "row") from 1 */
	void		(*bad_row) (void *context, const char *unit, uint64_t place, const char *reason);
	/* something the user may want to know */
	void		(*notice) (void *context, const char *text);
} OmenImportOptions;

typedef struct OmenImportResult
{
	uint64_t	row_count;
	uint64_t	bad_count;		/* left out */
	const char *unit;			/* where the failure was: "line" or "row" */
	uint64_t	place;			/* 0: nowhere in particular */
} OmenImportResult;

/* Options with their defaults; table and path are the caller's to set. */
OmenImportOptions omen_import_defaults(void);

/*
 * Runs the import.  The connection must be idle and outside a transaction, and
 * is so again afterwards.  On failure nothing was changed.
 */
bool		omen_import_run(PGconn *connection, const OmenImportOptions *options,
							OmenImportResult *result, OmenComplaint *complaint);

#endif							/* OMEN_IMPORT_H */
