/*
 * value_encode.h - one field into the binary or text form of one column's type.
 *
 * Encoding is also the check: whatever is wrong with a value that can be known
 * here is told here, in words and before anything is sent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_VALUE_ENCODE_H
#define OMEN_VALUE_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "import/byte_buffer.h"
#include "import/import_reader.h"
#include "omen/status.h"

typedef struct OmenEncoding OmenEncoding;

/* A column of the table that is filled. */
typedef struct OmenColumn
{
	char	   *name;
	char	   *type_text;		/* as PostgreSQL spells it: vector(384) */
	int32_t		typmod;			/* -1: none.  For the vector types: dimensions */
	bool		required;		/* NOT NULL, and nothing can fill it in later */
	bool		is_array;
	const OmenEncoding *encoding;	/* NULL: this type goes as text, for the server to check */
} OmenColumn;

/* Memory that encoders use again and again. */
typedef struct OmenEncodeScratch
{
	OmenBuffer	text;			/* an unescaped JSON string */
	OmenBuffer	floats;
	OmenBuffer	other;
} OmenEncodeScratch;

struct OmenEncoding
{
	const char *type_name;		/* pg_type.typname */
	bool		of_vector_extension;	/* else of pg_catalog */

	/*
	 * Appends the value's binary form, without its length, or returns the
	 * reason that it has none.  The field is not NULL.
	 */
	OmenStatus	(*encode) (const OmenColumn *column, const OmenField *field,
						   OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err);
};

/* The encoding of a type, or NULL when it must go as text. */
const OmenEncoding *omen_encoding_find(const char *type_name, bool of_vector_extension);

/* An enumeration's label is its own binary form. */
extern const OmenEncoding omen_encoding_enum;

void		omen_encode_scratch_free(OmenEncodeScratch *scratch);

/*
 * The characters a field stands for: a JSON string without its quotes and
 * escapes, any other JSON value as it is written.  They live in the field or
 * in scratch->text.
 */
OmenStatus	omen_field_text(const OmenField *field, OmenEncodeScratch *scratch,
							const char **text, size_t *bytes, OmenError *err);

/* Whole tuples: fields[i] goes to columns[i].  On failure *out is as before, and *culprit the column. */
OmenStatus	omen_encode_tuple_binary(const OmenColumn *columns, const OmenField *fields, uint32_t count,
									 OmenEncodeScratch *scratch, OmenBuffer *out,
									 uint32_t *culprit, OmenError *err);
OmenStatus	omen_encode_tuple_text(const OmenColumn *columns, const OmenField *fields, uint32_t count,
								   OmenEncodeScratch *scratch, OmenBuffer *out,
								   uint32_t *culprit, OmenError *err);

/* The encoders of vector_encode.c and scalar_encode.c, as omen_encoding_find() lists them. */
typedef OmenStatus OmenEncodeFunction(const OmenColumn *column, const OmenField *field,
									  OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err);

OmenEncodeFunction omen_encode_vector;
OmenEncodeFunction omen_encode_halfvec;
OmenEncodeFunction omen_encode_sparsevec;
OmenEncodeFunction omen_encode_float4_array;
OmenEncodeFunction omen_encode_bool;
OmenEncodeFunction omen_encode_int2;
OmenEncodeFunction omen_encode_int4;
OmenEncodeFunction omen_encode_int8;
OmenEncodeFunction omen_encode_float4;
OmenEncodeFunction omen_encode_float8;
OmenEncodeFunction omen_encode_text;
OmenEncodeFunction omen_encode_varchar;
OmenEncodeFunction omen_encode_uuid;
OmenEncodeFunction omen_encode_bytea;
OmenEncodeFunction omen_encode_json;
OmenEncodeFunction omen_encode_jsonb;

/*
 * Reads "[1, 2.5, 3]" (open and close being the brackets) to floats appended
 * to *out.  NULL or nothing between commas is no number.
 */
OmenStatus	omen_floats_parse(const char *text, size_t bytes, char open, char close,
							  OmenBuffer *out, OmenError *err);

/* How much of a value of `bytes` bytes a message shows: the precision of its %.*s. */
static inline int
omen_shown_bytes(size_t bytes)
{
	return (int) (bytes < 40 ? bytes : 40);
}

/* White space as PostgreSQL's number types skip it. */
void		omen_trim_space(const char **text, size_t *bytes);

#endif							/* OMEN_VALUE_ENCODE_H */
