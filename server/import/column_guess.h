/*
 * column_guess.h - the columns of a file, guessed from its first records.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_COLUMN_GUESS_H
#define OMEN_COLUMN_GUESS_H

#include "import/import_reader.h"

/* How much of a file is looked at. */
#define OMEN_GUESS_BYTES ((size_t) 4 * 1024 * 1024)
#define OMEN_GUESS_ROWS 10000

typedef enum OmenGuess
{
	OMEN_GUESS_NOTHING,			/* only NULLs so far */
	OMEN_GUESS_BOOLEAN,
	OMEN_GUESS_BIGINT,
	OMEN_GUESS_DOUBLE,
	OMEN_GUESS_NUMERIC,			/* whole numbers past bigint: a double would lose digits */
	OMEN_GUESS_VECTOR,			/* lists of numbers, all `dim` long */
	OMEN_GUESS_JSON,
	OMEN_GUESS_TEXT
} OmenGuess;

typedef struct OmenGuessColumn
{
	char	   *name;			/* owned; NULL for a CSV column not named yet */
	OmenGuess	guess;
	uint32_t	dim;
} OmenGuessColumn;

typedef struct OmenGuessTable
{
	OmenGuessColumn *columns;
	uint32_t	count;
	uint32_t	row_count;
} OmenGuessTable;

/*
 * Guesses from up to row_count_max records at the window of `reader`'s source,
 * which is read ahead for them but neither consumed nor changed.  With 0 there
 * is no looking: the columns are those the header names.  JSON Lines: the columns are the keys met, in the
 * order they were first met.  Bad records are passed over: the import itself
 * will report them.
 */
OmenStatus	omen_guess_columns(const OmenReader *reader, uint32_t row_count_max,
								   OmenGuessTable *table, OmenError *err);
void		omen_guess_free(OmenGuessTable *table);

/* The SQL type of a guess, into text[64]. */
const char *omen_guess_type(const OmenGuessColumn *column, char *text);

#endif							/* OMEN_COLUMN_GUESS_H */
