/*
 * npy_reader.c - NumPy's .npy: one array, each row of it a vector.
 *
 *	byte 0	6 bytes		0x93 "NUMPY"
 *	byte 6	2 bytes		version: 1.0, 2.0 or 3.0
 *	byte 8	uint16		length of the header (version 1), or
 *			uint32		(versions 2 and 3), little-endian
 *	then	header		a Python dictionary as text, for example
 *						{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 384), }
 *	then	the values, row by row
 *
 * Taken: two dimensions, C order, little-endian float16, float32 and float64.
 * Whatever else the header may say is refused in words.  The shape is checked
 * against overflow and, where the file's size is known, against that, before
 * anything is read.
 *
 * Source: numpy.lib.format's documentation.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "import/import_reader.h"
#include "omen/simd.h"

#define HEADER_BYTES_MAX 65536
#define DIM_MAX (1 << 20)

typedef struct HeaderText
{
	const char *at;
	const char *end;
} HeaderText;

typedef struct Header
{
	char		descr[32];
	bool		fortran_order;
	uint64_t	shape[2];
	uint32_t	shape_count;	/* may be past 2: then only counted */
	bool		has_descr;
	bool		has_order;
	bool		has_shape;
} Header;

static void
skip_space(HeaderText *text)
{
	while (text->at < text->end &&
		   (*text->at == ' ' || *text->at == '\t' || *text->at == '\n' || *text->at == '\r'))
		text->at++;
}

static bool
take_character(HeaderText *text, char c)
{
	skip_space(text);
	if (text->at == text->end || *text->at != c)
		return false;
	text->at++;
	return true;
}

/* A quoted Python string without escapes, into out[0 .. size), NUL-terminated. */
static bool
take_string(HeaderText *text, char *out, size_t size)
{
	size_t		used = 0;
	char		quote;

	skip_space(text);
	if (text->at == text->end || (*text->at != '\'' && *text->at != '"'))
		return false;
	quote = *text->at++;
	while (text->at < text->end && *text->at != quote)
	{
		if (*text->at == '\\' || used + 1 >= size)
			return false;
		out[used++] = *text->at++;
	}
	out[used] = '\0';
	return take_character(text, quote);
}

static bool
take_word(HeaderText *text, const char *word)
{
	size_t		bytes = strlen(word);

	skip_space(text);
	if ((size_t) (text->end - text->at) < bytes || memcmp(text->at, word, bytes) != 0)
		return false;
	text->at += bytes;
	return true;
}

/* A tuple of whole numbers, such as (1000, 384) or (5,) or (). */
static bool
take_shape(HeaderText *text, Header *header)
{
	if (!take_character(text, '('))
		return false;
	header->shape_count = 0;
	for (;;)
	{
		uint64_t	value = 0;
		const char *from;

		if (take_character(text, ')'))
			return true;
		from = text->at;
		while (text->at < text->end && *text->at >= '0' && *text->at <= '9')
		{
			if (__builtin_mul_overflow(value, 10, &value) ||
				__builtin_add_overflow(value, (uint64_t) (*text->at - '0'), &value))
				return false;
			text->at++;
		}
		if (text->at == from)
			return false;
		(void) take_character(text, 'L');	/* Python 2 wrote long integers so */
		if (header->shape_count < 2)
			header->shape[header->shape_count] = value;
		header->shape_count++;
		if (!take_character(text, ','))
			return take_character(text, ')');
	}
}

/* One `'key': value` of the dictionary. */
static OmenStatus
take_entry(HeaderText *text, Header *header, OmenError *err)
{
	char		key[32];

	if (!take_string(text, key, sizeof(key)) || !take_character(text, ':'))
		return omen_fail(err, OMEN_CORRUPT, "the .npy header is no dictionary of descr, fortran_order and shape");
	skip_space(text);
	if (strcmp(key, "descr") == 0)
	{
		if (text->at < text->end && *text->at == '[')
			return omen_fail(err, OMEN_UNSUPPORTED,
							 "the array has structured records; an array of f2, f4 or f8 is needed");
		header->has_descr = take_string(text, header->descr, sizeof(header->descr));
		return header->has_descr ? OMEN_OK : omen_fail(err, OMEN_CORRUPT, "the .npy header's descr cannot be read");
	}
	if (strcmp(key, "fortran_order") == 0)
	{
		header->fortran_order = take_word(text, "True");
		header->has_order = header->fortran_order || take_word(text, "False");
		return header->has_order ? OMEN_OK :
			omen_fail(err, OMEN_CORRUPT, "the .npy header's fortran_order is neither True nor False");
	}
	if (strcmp(key, "shape") == 0)
	{
		header->has_shape = take_shape(text, header);
		return header->has_shape ? OMEN_OK : omen_fail(err, OMEN_CORRUPT, "the .npy header's shape cannot be read");
	}
	return omen_fail(err, OMEN_CORRUPT, "the .npy header has an unknown key \"%s\"", key);
}

static OmenStatus
parse_header(HeaderText text, Header *header, OmenError *err)
{
	memset(header, 0, sizeof(*header));
	if (!take_character(&text, '{'))
		return omen_fail(err, OMEN_CORRUPT, "the .npy header is no dictionary of descr, fortran_order and shape");
	while (!take_character(&text, '}'))
	{
		OmenStatus	status = take_entry(&text, header, err);

		if (status != OMEN_OK)
			return status;
		if (take_character(&text, ','))
			continue;
		if (take_character(&text, '}'))
			break;
		return omen_fail(err, OMEN_CORRUPT, "the .npy header's dictionary does not end");
	}
	if (!header->has_descr || !header->has_order || !header->has_shape)
		return omen_fail(err, OMEN_CORRUPT, "the .npy header lacks descr, fortran_order or shape");
	return OMEN_OK;
}

/* Sets the reader's item size, dimension and row count from what the header says, or refuses. */
static OmenStatus
accept_header(OmenReader *reader, const Header *header, OmenError *err)
{
	const char *descr = header->descr;
	uint64_t	bytes;
	uint64_t	left;

	if (descr[0] == '>')
		return omen_fail(err, OMEN_UNSUPPORTED, "the array is big-endian (%s); save it with .astype('<f4')", descr);
	if (descr[0] != '<' || descr[1] != 'f' || descr[2] == '\0' || strchr("248", descr[2]) == NULL || descr[3] != '\0')
		return omen_fail(err, OMEN_UNSUPPORTED,
						 "the array's type is %s; <f2, <f4 or <f8 is needed: save it with .astype('<f4')", descr);
	if (header->fortran_order)
		return omen_fail(err, OMEN_UNSUPPORTED, "the array is in Fortran order; save it with numpy.ascontiguousarray");
	if (header->shape_count != 2)
		return omen_fail(err, OMEN_UNSUPPORTED, "the array has %u %s; two are needed, rows and vector elements",
						 header->shape_count, header->shape_count == 1 ? "dimension" : "dimensions");
	reader->item_kind = 'f';
	reader->item_bytes = (uint32_t) (descr[2] - '0');
	reader->row_count = header->shape[0];
	if (header->shape[1] < 1 || header->shape[1] > DIM_MAX)
		return omen_fail(err, OMEN_RANGE, "the header promises vectors of %" PRIu64 " dimensions", header->shape[1]);
	reader->dim = (uint32_t) header->shape[1];
	if (__builtin_mul_overflow(header->shape[0], (uint64_t) reader->dim * reader->item_bytes, &bytes))
		return omen_fail(err, OMEN_CORRUPT,
						 "the header promises %" PRIu64 " rows of %u dimensions, more than any file holds",
						 header->shape[0], reader->dim);
	if (reader->source->size == 0)
		return OMEN_OK;
	left = reader->source->size > reader->source->offset ? reader->source->size - reader->source->offset : 0;
	if (bytes != left)
		return omen_fail(err, OMEN_CORRUPT, "the header promises %" PRIu64 " rows of %u dimensions, %" PRIu64
						 " bytes, but %" PRIu64 " follow it", header->shape[0], reader->dim, bytes, left);
	return OMEN_OK;
}

static OmenStatus
npy_begin(OmenReader *reader, OmenError *err)
{
	OmenByteSource *source = reader->source;
	HeaderText	text;
	Header		header;
	const unsigned char *start;
	size_t		prefix;
	size_t		bytes;
	OmenStatus	status = omen_source_want(source, 12, err);

	if (status != OMEN_OK)
		return status;
	if (omen_source_bytes(source) < 12 || memcmp(omen_source_window(source), "\x93NUMPY", 6) != 0)
		return omen_fail(err, OMEN_CORRUPT, "this is no .npy file");
	start = (const unsigned char *) omen_source_window(source);
	if (start[6] < 1 || start[6] > 3 || start[7] != 0)
		return omen_fail(err, OMEN_UNSUPPORTED, ".npy version %u.%u is not known; 1.0, 2.0 and 3.0 are", start[6],
						 start[7]);
	prefix = start[6] == 1 ? 10 : 12;
	bytes = (size_t) start[8] | (size_t) start[9] << 8;
	if (start[6] > 1)
		bytes |= (size_t) start[10] << 16 | (size_t) start[11] << 24;
	if (bytes > HEADER_BYTES_MAX)
		return omen_fail(err, OMEN_CORRUPT, "a .npy header of %zu bytes; at most %d are read", bytes, HEADER_BYTES_MAX);
	status = omen_source_want(source, prefix + bytes, err);
	if (status != OMEN_OK)
		return status;
	if (omen_source_bytes(source) < prefix + bytes)
		return omen_fail(err, OMEN_CORRUPT, "the file ends inside its .npy header");
	text.at = omen_source_window(source) + prefix;
	text.end = text.at + bytes;
	status = parse_header(text, &header, err);
	if (status != OMEN_OK)
		return status;
	omen_source_consume(source, prefix + bytes);
	return accept_header(reader, &header, err);
}

static const char *
convert(const OmenReader *reader, const char *from, float *out, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i++)
	{
		if (reader->item_bytes == 2)
		{
			uint16_t	half;

			memcpy(&half, from + 2 * (size_t) i, sizeof(half));
			half = le16toh(half);
			omen_simd->f32_from_f16(&out[i], &half, 1);
		}
		else if (reader->item_bytes == 4)
		{
			uint32_t	bits;

			memcpy(&bits, from + 4 * (size_t) i, sizeof(bits));
			bits = le32toh(bits);
			memcpy(&out[i], &bits, sizeof(bits));
		}
		else
		{
			uint64_t	bits;
			double		value;

			memcpy(&bits, from + 8 * (size_t) i, sizeof(bits));
			bits = le64toh(bits);
			memcpy(&value, &bits, sizeof(bits));
			out[i] = (float) value;
			if (isinf(out[i]) && !isinf(value))
				return "a number too large for a float";
		}
	}
	return NULL;
}

static OmenReadResult
npy_next(OmenReader *reader, OmenRecord *record, OmenError *err)
{
	OmenByteSource *source = reader->source;
	size_t		bytes = (size_t) reader->dim * reader->item_bytes;

	record->count = 0;
	record->place = reader->place + 1;
	if (omen_source_want(source, reader->place < reader->row_count ? bytes : 1, err) != OMEN_OK)
		return OMEN_READ_FAILED;
	if (reader->place == reader->row_count)
	{
		if (omen_source_bytes(source) == 0)
			return OMEN_READ_END;
		omen_fail(err, OMEN_CORRUPT, "bytes follow the %" PRIu64 " rows that the header promises", reader->row_count);
		return OMEN_READ_FAILED;
	}
	return omen_reader_take_floats(reader, record, 0, reader->dim, convert, err);
}

const OmenReaderFormat omen_format_npy = {
	.name = "npy", .place_unit = "row", .vectors = true, .begin = npy_begin, .next = npy_next,
};
