/*
 * import_target.h - the table that an import fills, as the catalog has it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IMPORT_TARGET_H
#define OMEN_IMPORT_TARGET_H

#include <libpq-fe.h>

#include "import/column_guess.h"
#include "import/value_encode.h"
#include "term/complaint.h"

typedef struct OmenTarget
{
	char	   *qualified;		/* schema and name, quoted for SQL */
	char	   *relation;		/* the bare name, unquoted */
	OmenColumn *columns;		/* all that can be written, in the table's order */
	uint32_t	column_count;
} OmenTarget;

/*
 * Looks `table` up (a name as in SQL: quoted and qualified as need be).  When
 * there is none, *found is false and the result true.
 */
bool		omen_target_find(OmenTarget *target, PGconn *connection, const char *table,
							 bool *found, OmenComplaint *complaint);

/*
 * Creates `table` with the guessed columns.  A column called id becomes the
 * primary key; without one, and unless `id_name` (which may be NULL) is among
 * the columns, an identity column id is put in front.  On success *statement is
 * the CREATE TABLE that did it; the caller frees it.
 */
bool		omen_target_create(PGconn *connection, const char *table, const OmenGuessTable *columns,
							   const char *id_name, char **statement, OmenComplaint *complaint);

/* `table` as typed, taken apart by the server's own rules and quoted again; free it.  NULL and a complaint. */
char	   *omen_target_quote(PGconn *connection, const char *table, OmenComplaint *complaint);

void		omen_target_free(OmenTarget *target);

/* The column of that name, or NULL. */
const OmenColumn *omen_target_column(const OmenTarget *target, const char *name, size_t bytes);

/* The only vector or halfvec column, or NULL and a complaint that lists what there is. */
const OmenColumn *omen_target_vector_column(const OmenTarget *target, OmenComplaint *complaint);

/* "a, b, c" into text, cut with … where it is too long. */
void		omen_target_list(const OmenTarget *target, char *text, size_t text_bytes);

#endif							/* OMEN_IMPORT_TARGET_H */
