/*
 * vector_encode.c - vector, halfvec, sparsevec and real[] in binary.
 *
 *	vector		int16 dim, int16 0, dim x float4
 *	halfvec		int16 dim, int16 0, dim x float2
 *	sparsevec	int32 dim, int32 nnz, int32 0, nnz x int32 index from 0, nnz x float4
 *	real[]		int32 dimensions (1), int32 has-nulls 0, int32 element type 700,
 *				int32 count, int32 lower bound 1, then each int32 4, float4
 * all big-endian.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/value_encode.h"
#include "omen/number.h"
#include "omen/simd.h"

#define VECTOR_DIM_MAX 16000
#define SPARSEVEC_DIM_MAX 1000000000
#define SPARSEVEC_NNZ_MAX 16000
#define FLOAT4_OID 700

static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

OmenStatus
omen_floats_parse(const char *text, size_t bytes, char open, char close, OmenBuffer *out, OmenError *err)
{
	const char *end = text + bytes;
	const char *at = skip_space(text, end);
	uint32_t	count = 0;

	if (at == end || *at != open)
		return omen_fail(err, OMEN_INVALID, "\"%.*s\" does not start with \"%c\"", omen_shown_bytes(bytes), text, open);
	at = skip_space(at + 1, end);
	if (at < end && *at == close)
		at++;
	else
		for (;;)
		{
			OmenStatus	status = OMEN_OK;
			const char *from = at = skip_space(at, end);
			float		value;

			count++;
			at = omen_float_parse(from, end, &value, &status);
			if (at == NULL || (at < end && *at != ',' && *at != close && !is_space(*at)))
			{
				const char *stop = from;

				while (stop < end && *stop != ',' && *stop != close)
					stop++;
				return omen_fail(err, OMEN_INVALID, "element %u is not a number: \"%.*s\"", count,
								 omen_shown_bytes((size_t) (stop - from)), from);
			}
			if (status == OMEN_RANGE && isinf(value))
				return omen_fail(err, OMEN_RANGE, "element %u is too large for a float: %.*s", count,
								 omen_shown_bytes((size_t) (at - from)), from);
			omen_buffer_append(out, &value, sizeof(value));
			at = skip_space(at, end);
			if (at == end)
				return omen_fail(err, OMEN_INVALID, "the list of numbers does not end with \"%c\"", close);
			if (*at++ == close)
				break;
			if (at[-1] != ',')
				return omen_fail(err, OMEN_INVALID, "a comma is missing after element %u", count);
		}
	if (skip_space(at, end) != end)
		return omen_fail(err, OMEN_INVALID, "text after the closing \"%c\"", close);
	return out->failed ? omen_fail(err, OMEN_NO_MEMORY, "out of memory") : OMEN_OK;
}

/* The field's numbers: in the field itself, or parsed into scratch->floats. */
static OmenStatus
field_floats(const OmenField *field, OmenEncodeScratch *scratch, const float **values, size_t *count, OmenError *err)
{
	const char *text;
	size_t		bytes;
	OmenStatus	status;

	if (field->kind == OMEN_FIELD_FLOATS)
	{
		*values = (const float *) field->data;
		*count = field->bytes / sizeof(float);
		return OMEN_OK;
	}
	status = omen_field_text(field, scratch, &text, &bytes, err);
	if (status != OMEN_OK)
		return status;
	scratch->floats.bytes = 0;
	status = omen_floats_parse(text, bytes, '[', ']', &scratch->floats, err);
	*values = (const float *) scratch->floats.data;
	*count = scratch->floats.bytes / sizeof(float);
	return status;
}

static OmenStatus
check_finite(const float *values, size_t count, OmenError *err)
{
	for (size_t i = 0; i < count; i++)
		if (!isfinite(values[i]))
			return omen_fail(err, OMEN_INVALID, "element %zu is %s, which a vector cannot hold", i + 1,
							 isnan(values[i]) ? "NaN" : "infinite");
	return OMEN_OK;
}

static OmenStatus
check_dim(const OmenColumn *column, size_t count, OmenError *err)
{
	if (count < 1)
		return omen_fail(err, OMEN_INVALID, "a vector must have at least one dimension");
	if (column->typmod > 0 && count != (size_t) column->typmod)
		return omen_fail(err, OMEN_INVALID, "expected %d dimensions, not %zu", column->typmod, count);
	if (count > VECTOR_DIM_MAX)
		return omen_fail(err, OMEN_RANGE, "%zu dimensions; a vector has at most %d", count, VECTOR_DIM_MAX);
	return OMEN_OK;
}

/* The checked numbers of a vector or halfvec, whose common head is appended. */
static OmenStatus
dense_values(const OmenColumn *column, const OmenField *field, OmenEncodeScratch *scratch,
			 const float **values, size_t *count, OmenBuffer *out, OmenError *err)
{
	OmenStatus	status = field_floats(field, scratch, values, count, err);

	if (status == OMEN_OK)
		status = check_dim(column, *count, err);
	if (status == OMEN_OK)
		status = check_finite(*values, *count, err);
	if (status != OMEN_OK)
		return status;
	omen_buffer_append_u16(out, (uint16_t) *count);
	omen_buffer_append_u16(out, 0);
	return OMEN_OK;
}

static void
append_floats(OmenBuffer *out, const float *values, size_t count)
{
	char	   *to = omen_buffer_reserve(out, count * sizeof(float));

	if (to == NULL)
		return;
	for (size_t i = 0; i < count; i++)
	{
		uint32_t	bits;

		memcpy(&bits, &values[i], sizeof(bits));
		bits = htobe32(bits);
		memcpy(to + 4 * i, &bits, sizeof(bits));
	}
	out->bytes += count * sizeof(float);
}

OmenStatus
omen_encode_vector(const OmenColumn *column, const OmenField *field,
				   OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const float *values;
	size_t		count;
	OmenStatus	status = dense_values(column, field, scratch, &values, &count, out, err);

	if (status == OMEN_OK)
		append_floats(out, values, count);
	return status;
}

OmenStatus
omen_encode_halfvec(const OmenColumn *column, const OmenField *field,
					OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const float *values;
	size_t		count;
	OmenStatus	status = dense_values(column, field, scratch, &values, &count, out, err);

	if (status != OMEN_OK)
		return status;
	for (size_t i = 0; i < count; i++)
	{
		OmenHalf	half;

		omen_simd->f16_from_f32(&half, &values[i], 1);
		if ((half & 0x7FFF) == 0x7C00)
			return omen_fail(err, OMEN_RANGE, "element %zu, %g, is out of range for type halfvec", i + 1,
							 (double) values[i]);
		omen_buffer_append_u16(out, half);
	}
	return OMEN_OK;
}

OmenStatus
omen_encode_float4_array(const OmenColumn *column, const OmenField *field,
						 OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const float *values;
	size_t		count;
	OmenStatus	status = OMEN_OK;

	(void) column;
	if (field->kind == OMEN_FIELD_TEXT)
	{
		scratch->floats.bytes = 0;
		status = omen_floats_parse(field->data, field->bytes, '{', '}', &scratch->floats, err);
		values = (const float *) scratch->floats.data;
		count = scratch->floats.bytes / sizeof(float);
	}
	else
		status = field_floats(field, scratch, &values, &count, err);
	if (status != OMEN_OK)
		return status;
	omen_buffer_append_u32(out, count > 0 ? 1 : 0);
	omen_buffer_append_u32(out, 0);
	omen_buffer_append_u32(out, FLOAT4_OID);
	if (count == 0)
		return OMEN_OK;
	omen_buffer_append_u32(out, (uint32_t) count);
	omen_buffer_append_u32(out, 1);
	for (size_t i = 0; i < count; i++)
	{
		omen_buffer_append_u32(out, sizeof(float));
		append_floats(out, &values[i], 1);
	}
	return OMEN_OK;
}

/* ---- sparsevec: {index:value,…}/dimensions, indices from 1 ---- */

typedef struct SparseElement
{
	int32_t		index;			/* from 0 */
	float		value;
} SparseElement;

/* A whole number of at most ten digits at *at; -1 when there is none. */
static int64_t
take_integer(const char **at, const char *end)
{
	const char *from = *at = skip_space(*at, end);
	int64_t		value = 0;

	while (*at < end && **at >= '0' && **at <= '9' && *at - from < 10)
		value = value * 10 + (*(*at)++ - '0');
	return *at > from ? value : -1;
}

static bool
take_character(const char **at, const char *end, char c)
{
	*at = skip_space(*at, end);
	if (*at == end || **at != c)
		return false;
	(*at)++;
	return true;
}

static OmenStatus
sparse_syntax(OmenError *err)
{
	return omen_fail(err, OMEN_INVALID, "a sparsevec is written {index:value,…}/dimensions");
}

static OmenStatus
sparse_element(const char **at, const char *end, SparseElement *element, OmenError *err)
{
	int64_t		index = take_integer(at, end);
	OmenStatus	status = OMEN_OK;
	const char *after;

	if (index < 0 || !take_character(at, end, ':'))
		return sparse_syntax(err);
	if (index < 1 || index > SPARSEVEC_DIM_MAX)
		return omen_fail(err, OMEN_RANGE, "the sparsevec index %" PRId64 " is out of range; the first is 1", index);
	element->index = (int32_t) index - 1;
	*at = skip_space(*at, end);
	after = omen_float_parse(*at, end, &element->value, &status);
	if (after == NULL)
		return omen_fail(err, OMEN_INVALID, "the value at sparsevec index %" PRId64 " is not a number", index);
	if (!isfinite(element->value))
		return omen_fail(err, OMEN_INVALID, "the value at sparsevec index %" PRId64 " is %s", index,
						 isnan(element->value) ? "NaN" : status == OMEN_RANGE ? "too large for a float" : "infinite");
	*at = after;
	return OMEN_OK;
}

static int
by_index(const void *a, const void *b)
{
	const SparseElement *x = a;
	const SparseElement *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

/* Parses to SparseElements in *out, sorted, zeros left out, and *dim. */
static OmenStatus
sparse_parse(const char *text, size_t bytes, OmenBuffer *out, int64_t *dim, OmenError *err)
{
	const char *at = text;
	const char *end = text + bytes;
	SparseElement *elements;
	size_t		count;

	if (!take_character(&at, end, '{'))
		return sparse_syntax(err);
	if (!take_character(&at, end, '}'))
		for (;;)
		{
			SparseElement element;
			OmenStatus	status = sparse_element(&at, end, &element, err);

			if (status != OMEN_OK)
				return status;
			if (out->bytes / sizeof(element) >= SPARSEVEC_NNZ_MAX)
				return omen_fail(err, OMEN_RANGE, "more than %d elements; a sparsevec has at most that many",
								 SPARSEVEC_NNZ_MAX);
			omen_buffer_append(out, &element, sizeof(element));
			if (take_character(&at, end, '}'))
				break;
			if (!take_character(&at, end, ','))
				return sparse_syntax(err);
		}
	if (!take_character(&at, end, '/') || (*dim = take_integer(&at, end)) < 0 || skip_space(at, end) != end)
		return sparse_syntax(err);
	if (out->failed)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory");
	elements = (SparseElement *) out->data;
	count = out->bytes / sizeof(SparseElement);
	if (count > 1)
		qsort(elements, count, sizeof(SparseElement), by_index);
	for (size_t i = 1; i < count; i++)
		if (elements[i].index == elements[i - 1].index)
			return omen_fail(err, OMEN_INVALID, "the sparsevec index %d comes twice", elements[i].index + 1);
	if (count > 0 && elements[count - 1].index >= *dim)
		return omen_fail(err, OMEN_RANGE, "the sparsevec index %d is past its %" PRId64 " dimensions",
						 elements[count - 1].index + 1, *dim);
	return OMEN_OK;
}

OmenStatus
omen_encode_sparsevec(const OmenColumn *column, const OmenField *field,
					  OmenEncodeScratch *scratch, OmenBuffer *out, OmenError *err)
{
	const char *text;
	size_t		bytes;
	int64_t		dim = 0;
	const SparseElement *elements;
	size_t		count;
	uint32_t	nonzero_count = 0;
	OmenStatus	status = omen_field_text(field, scratch, &text, &bytes, err);

	if (status != OMEN_OK)
		return status;
	scratch->floats.bytes = 0;
	status = sparse_parse(text, bytes, &scratch->floats, &dim, err);
	if (status != OMEN_OK)
		return status;
	if (dim < 1 || dim > SPARSEVEC_DIM_MAX)
		return omen_fail(err, OMEN_RANGE, "a sparsevec has 1 to %d dimensions, not %" PRId64, SPARSEVEC_DIM_MAX, dim);
	if (column->typmod > 0 && dim != column->typmod)
		return omen_fail(err, OMEN_INVALID, "expected %d dimensions, not %" PRId64, column->typmod, dim);
	elements = (const SparseElement *) scratch->floats.data;
	count = scratch->floats.bytes / sizeof(SparseElement);
	for (size_t i = 0; i < count; i++)
		nonzero_count += elements[i].value != 0;
	omen_buffer_append_u32(out, (uint32_t) dim);
	omen_buffer_append_u32(out, nonzero_count);
	omen_buffer_append_u32(out, 0);
	for (size_t i = 0; i < count; i++)
		if (elements[i].value != 0)
			omen_buffer_append_u32(out, (uint32_t) elements[i].index);
	for (size_t i = 0; i < count; i++)
		if (elements[i].value != 0)
			append_floats(out, &elements[i].value, 1);
	return OMEN_OK;
}
