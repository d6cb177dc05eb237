/*
 * copy_writer.h - rows into a table over COPY.
 *
 * Binary when every column has an encoding, text as a whole otherwise: that
 * way any type PostgreSQL knows can be filled.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_COPY_WRITER_H
#define OMEN_COPY_WRITER_H

#include <libpq-fe.h>

#include "import/byte_buffer.h"
#include "import/value_encode.h"
#include "term/complaint.h"

/* Where a run of rows without gaps begins: row `row` was read at `place`. */
typedef struct OmenPlaceMark
{
	uint64_t	row;
	uint64_t	place;
} OmenPlaceMark;

#define OMEN_PLACE_MARKS 65536

typedef struct OmenCopyWriter
{
	PGconn	   *connection;
	const OmenColumn *columns;
	uint32_t	column_count;
	const char *relation;		/* unquoted name, as the server's messages have it */
	bool		binary;
	bool		open;			/* the server waits for data */
	OmenBuffer	buffer;
	OmenEncodeScratch scratch;
	uint64_t	row_count;
	/* the latest OMEN_PLACE_MARKS marks, as a ring: the server reports an error by row, soon after it */
	OmenPlaceMark *marks;
	uint64_t	mark_count;
} OmenCopyWriter;

/* Starts COPY into the columns of `qualified`, a name already quoted for SQL. */
bool		omen_copy_begin(OmenCopyWriter *writer, PGconn *connection, const char *qualified,
							const char *relation, const OmenColumn *columns, uint32_t column_count,
							OmenComplaint *complaint);

/*
 * Encodes one row, read at `place`, into the buffer; nothing is sent yet.  On
 * failure the row leaves no trace, and *err names the column and the reason.
 */
OmenStatus	omen_copy_row(OmenCopyWriter *writer, const OmenField *fields, uint64_t place, OmenError *err);

/* Sends the buffer when it is worth it (or `always`). */
bool		omen_copy_flush(OmenCopyWriter *writer, bool always, OmenComplaint *complaint, uint64_t *place);

/* Sends what is left and ends COPY. */
bool		omen_copy_end(OmenCopyWriter *writer, OmenComplaint *complaint, uint64_t *place);

/* Ends COPY without effect if it is open, and frees. */
void		omen_copy_close(OmenCopyWriter *writer);

/* The place of the row-th row sent, from 1; 0 when it is no longer known. */
uint64_t	omen_copy_place(const OmenCopyWriter *writer, uint64_t row);

/* The row that "COPY relation, line 7, column x" speaks of, in any language; 0: none. */
uint64_t	omen_copy_context_row(const char *context, const char *relation);

#endif							/* OMEN_COPY_WRITER_H */
