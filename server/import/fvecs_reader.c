/*
 * fvecs_reader.c - .fvecs, .bvecs and .ivecs: the TEXMEX collections' formats.
 *
 *	byte 0			int32, little-endian: dimensions d, at least 1
 *	byte 4			d values: float32 (.fvecs), unsigned byte (.bvecs) or int32 (.ivecs)
 *	then the next vector, again with its d
 *
 * There is no header, so each d is checked before it is believed: one past
 * OMEN_VECS_DIM_MAX means that the file is something else or that the reader
 * has lost its place, and ends the import.
 *
 * Source: http://corpus-texmex.irisa.fr/
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <string.h>

#include "import/import_reader.h"

/* Far more than any vector type takes: a mismatch with the column is told per row. */
#define OMEN_VECS_DIM_MAX (1 << 20)

static int32_t
load_i32(const char *from)
{
	uint32_t	value;

	memcpy(&value, from, sizeof(value));
	return (int32_t) le32toh(value);
}

/* The dimension that stands at the window's start, of which at least four bytes are there. */
static OmenStatus
check_dim(const OmenReader *reader, uint32_t *dim, OmenError *err)
{
	int32_t		value = load_i32(omen_source_window(reader->source));

	if (value < 1 || value > OMEN_VECS_DIM_MAX)
		return omen_fail(err, OMEN_CORRUPT, "a dimension of %d: this is no .%s file, or it is damaged here",
						 value, reader->format->name);
	*dim = (uint32_t) value;
	return OMEN_OK;
}

static OmenStatus
vecs_begin(OmenReader *reader, OmenError *err)
{
	OmenStatus	status = omen_source_want(reader->source, 4, err);

	if (status != OMEN_OK)
		return status;
	reader->item_kind = reader->format->name[0];
	reader->item_bytes = reader->item_kind == 'b' ? 1 : 4;
	if (omen_source_bytes(reader->source) < 4)
		return OMEN_OK;			/* vecs_next() tells an empty file from a cut one */
	return check_dim(reader, &reader->dim, err);
}

/* Turns `count` stored values into floats at `out`; NULL or why one cannot be. */
static const char *
convert(const OmenReader *reader, const char *from, float *out, uint32_t count)
{
	switch (reader->item_kind)
	{
		case 'b':
			for (uint32_t i = 0; i < count; i++)
				out[i] = (float) (unsigned char) from[i];
			return NULL;
		case 'i':
			for (uint32_t i = 0; i < count; i++)
			{
				int32_t		value = load_i32(from + 4 * (size_t) i);

				if (value < -(1 << 24) || value > (1 << 24))
					return "an integer past 16777216, which a float cannot hold exactly";
				out[i] = (float) value;
			}
			return NULL;
		default:
			for (uint32_t i = 0; i < count; i++)
			{
				int32_t		bits = load_i32(from + 4 * (size_t) i);

				memcpy(&out[i], &bits, sizeof(float));
			}
			return NULL;
	}
}

static OmenReadResult
vecs_next(OmenReader *reader, OmenRecord *record, OmenError *err)
{
	OmenByteSource *source = reader->source;
	uint32_t	dim = 0;

	record->count = 0;
	record->place = reader->place + 1;
	if (omen_source_want(source, 4, err) != OMEN_OK)
		return OMEN_READ_FAILED;
	if (omen_source_bytes(source) == 0)
		return OMEN_READ_END;
	if (omen_source_bytes(source) < 4)
	{
		omen_fail(err, OMEN_CORRUPT, "the file ends inside the dimension of this row");
		return OMEN_READ_FAILED;
	}
	if (check_dim(reader, &dim, err) != OMEN_OK)
		return OMEN_READ_FAILED;
	return omen_reader_take_floats(reader, record, 4, dim, convert, err);
}

const OmenReaderFormat omen_format_fvecs = {
	.name = "fvecs", .place_unit = "row", .vectors = true, .begin = vecs_begin, .next = vecs_next,
};
const OmenReaderFormat omen_format_bvecs = {
	.name = "bvecs", .place_unit = "row", .vectors = true, .begin = vecs_begin, .next = vecs_next,
};
const OmenReaderFormat omen_format_ivecs = {
	.name = "ivecs", .place_unit = "row", .vectors = true, .begin = vecs_begin, .next = vecs_next,
};
