/*
 * import_reader.h - what every file format offers: one record at a time.
 *
 * A reader turns bytes into records and knows nothing of tables or types.  A
 * record's fields point into the source's window or the reader's own memory
 * and stay good until the next call.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IMPORT_READER_H
#define OMEN_IMPORT_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "import/byte_buffer.h"
#include "import/byte_source.h"
#include "omen/status.h"

/* PostgreSQL's own limit on a table's columns: no record can need more fields. */
#define OMEN_FIELDS_MAX 1600

typedef enum OmenFieldKind
{
	OMEN_FIELD_NULL,
	OMEN_FIELD_TEXT,			/* the value's characters, UTF-8 */
	OMEN_FIELD_JSON,			/* one JSON value as written, checked; a string keeps its quotes */
	OMEN_FIELD_FLOATS			/* native floats; count = bytes / 4 */
} OmenFieldKind;

typedef struct OmenField
{
	OmenFieldKind kind;
	const char *data;
	size_t		bytes;
} OmenField;

typedef struct OmenRecord
{
	OmenField  *fields;
	OmenField  *keys;			/* JSON Lines: each field's name; else NULL */
	uint32_t	count;
	uint32_t	capacity;
	uint64_t	place;			/* line the record starts on, or row number, from 1 */
} OmenRecord;

typedef enum OmenReadResult
{
	OMEN_READ_ROW,
	OMEN_READ_BAD,				/* this record is no good, and the next can still be found */
	OMEN_READ_END,
	OMEN_READ_FAILED			/* nothing after this point can be trusted */
} OmenReadResult;

/* How the caller wants text formats read. */
typedef struct OmenReaderOptions
{
	char		delimiter;		/* CSV */
	const char *null_text;		/* CSV: an unquoted field equal to this is NULL */
	bool		header;			/* CSV: the first record names the columns */
	uint32_t	columns_expected;	/* CSV without header: fields a record must have */
} OmenReaderOptions;

typedef struct OmenReader OmenReader;

typedef struct OmenReaderFormat
{
	const char *name;			/* as in --format */
	const char *place_unit;		/* what OmenRecord.place counts: "line" or "row" */
	bool		vectors;		/* each record is one field of floats */

	/* Reads whatever stands before the first record.  Called once. */
	OmenStatus	(*begin) (OmenReader *reader, OmenError *err);

	/*
	 * The next record.  On OMEN_READ_BAD and OMEN_READ_FAILED the reason is in
	 * *err and record->place is set.
	 */
	OmenReadResult (*next) (OmenReader *reader, OmenRecord *record, OmenError *err);
} OmenReaderFormat;

struct OmenReader
{
	const OmenReaderFormat *format;
	OmenByteSource *source;		/* not owned */
	OmenReaderOptions options;

	/* CSV: names from the header, as NUL-terminated strings in header_text */
	char	  **columns;
	uint32_t	column_count;
	OmenBuffer	header_text;

	/* vectors: dimensions of the first record (fvecs) or of all (npy) */
	uint32_t	dim;
	uint64_t	row_count;		/* npy: rows the header promises */
	uint32_t	item_bytes;
	char		item_kind;		/* 'f' float, 'u' byte, 'i' int32 */
	OmenBuffer	floats;

	uint64_t	place;			/* line the window starts on, or rows read so far */
};

extern const OmenReaderFormat omen_format_csv;
extern const OmenReaderFormat omen_format_jsonl;
extern const OmenReaderFormat omen_format_fvecs;
extern const OmenReaderFormat omen_format_bvecs;
extern const OmenReaderFormat omen_format_ivecs;
extern const OmenReaderFormat omen_format_npy;

/* The format named `name`, or the one of the extension of `path`, or NULL. */
const OmenReaderFormat *omen_format_by_name(const char *name);
const OmenReaderFormat *omen_format_by_path(const char *path);

OmenStatus	omen_reader_open(OmenReader *reader, const OmenReaderFormat *format, OmenByteSource *source,
							 const OmenReaderOptions *options, OmenError *err);
void		omen_reader_close(OmenReader *reader);

/* The dim items at `from` as floats; the reason, when one cannot be, else NULL. */
typedef const char *OmenConvertItems(const OmenReader *reader, const char *from, float *out, uint32_t dim);

/*
 * The next row of a vector file as a record of one field: head_bytes, which
 * are passed over, then dim items.
 */
OmenReadResult omen_reader_take_floats(OmenReader *reader, OmenRecord *record, size_t head_bytes, uint32_t dim,
									   OmenConvertItems *convert, OmenError *err);

/* Counts one more field (and key, when keyed); NULL past OMEN_FIELDS_MAX or when out of memory. */
OmenField  *omen_record_add(OmenRecord *record, bool keyed);
void		omen_record_free(OmenRecord *record);

#endif							/* OMEN_IMPORT_READER_H */
