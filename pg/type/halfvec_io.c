/*
 * halfvec_io.c - halfvec: making one, checking one, text and binary forms.
 *
 * Text is read as single precision and rounded once to half; it is written as
 * the shortest single-precision number that reads back equal.
 * Binary form (send, receive, COPY), big-endian: int16 dim, int16 0, then dim
 * halves; equal to pgvector's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "type/dense_text.h"
#include "type/halfvec.h"

static const OmenDenseType halfvec_type = {"halfvec", HALFVEC_MAX_DIM, HALF_OVERFLOW};

HalfVector *
omen_halfvec_new(int dim)
{
	HalfVector *vec = palloc0(HALFVEC_SIZE(dim));

	SET_VARSIZE(vec, HALFVEC_SIZE(dim));
	vec->dim = dim;
	return vec;
}

void
omen_halfvec_check_dim(int dim)
{
	omen_check_dim("halfvec", dim, HALFVEC_MAX_DIM);
}

void
omen_halfvec_check_finite(const HalfVector *vec)
{
	for (int i = 0; i < vec->dim; i++)
	{
		if (unlikely(!omen_half_is_finite(vec->x[i])))
			omen_report_not_finite("halfvec", omen_half_is_nan(vec->x[i]));
	}
}

/* Says which of `values`, not all of which fit a half, is at fault. */
static void
report_not_half(const float *values, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (isfinite(values[i]) && fabsf(values[i]) >= HALF_OVERFLOW)
		{
			char		number[FLOAT_SHORTEST_DECIMAL_LEN];

			float_to_shortest_decimal_buf(values[i], number);
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("\"%s\" is out of range for type halfvec", number)));
		}
	}
	for (int i = 0; i < count; i++)
	{
		if (!isfinite(values[i]))
			omen_report_not_finite("halfvec", isnan(values[i]));
	}
}

void
omen_halves_from_floats(OmenHalf *out, const float *values, int count)
{
	bool		all_finite = true;

	omen_simd->f16_from_f32(out, values, count);
	for (int i = 0; i < count; i++)
		all_finite &= omen_half_is_finite(out[i]);
	if (unlikely(!all_finite))
		report_not_half(values, count);
}

OMEN_FUNCTION(halfvec_in);
Datum
halfvec_in(PG_FUNCTION_ARGS)
{
	const char *literal = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	float		values[HALFVEC_MAX_DIM];
	int			dim;
	HalfVector *vec;

	dim = omen_dense_parse(literal, typmod, &halfvec_type, values, fcinfo->context);
	if (dim == 0)
		PG_RETURN_NULL();

	vec = omen_halfvec_new(dim);
	omen_simd->f16_from_f32(vec->x, values, dim);
	PG_RETURN_HALFVEC_P(vec);
}

OMEN_FUNCTION(halfvec_out);
Datum
halfvec_out(PG_FUNCTION_ARGS)
{
	HalfVector *vec = PG_GETARG_HALFVEC_P(0);
	float		values[HALFVEC_MAX_DIM];
	char	   *literal;

	omen_simd->f32_from_f16(values, vec->x, vec->dim);
	literal = omen_dense_print(values, vec->dim);

	PG_FREE_IF_COPY(vec, 0);
	PG_RETURN_CSTRING(literal);
}

OMEN_FUNCTION(halfvec_typmod_in);
Datum
halfvec_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(omen_typmod_in(PG_GETARG_ARRAYTYPE_P(0), "halfvec", HALFVEC_MAX_DIM));
}

OMEN_FUNCTION(halfvec_recv);
Datum
halfvec_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int			dim = pq_getmsgint(message, 2);
	int			unused = pq_getmsgint(message, 2);
	const char *elements;
	HalfVector *vec;

	omen_halfvec_check_dim(dim);
	omen_check_typmod(typmod, dim);
	omen_check_unused(unused);

	/* before allocating: errors out when the message is shorter than it claims */
	elements = pq_getmsgbytes(message, sizeof(OmenHalf) * dim);

	vec = omen_halfvec_new(dim);
	for (int i = 0; i < dim; i++)
	{
		uint16		bits;

		memcpy(&bits, elements + sizeof(bits) * i, sizeof(bits));
		vec->x[i] = pg_ntoh16(bits);
	}
	omen_halfvec_check_finite(vec);
	PG_RETURN_HALFVEC_P(vec);
}

OMEN_FUNCTION(halfvec_send);
Datum
halfvec_send(PG_FUNCTION_ARGS)
{
	HalfVector *vec = PG_GETARG_HALFVEC_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	enlargeStringInfo(&message, HALFVEC_SIZE(vec->dim));
	pq_writeint16(&message, vec->dim);
	pq_writeint16(&message, vec->unused);
	for (int i = 0; i < vec->dim; i++)
		pq_writeint16(&message, vec->x[i]);
	PG_FREE_IF_COPY(vec, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
