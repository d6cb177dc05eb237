/*
 * vector_io.c - vector: making one, checking one, text and binary forms.
 *
 * Binary form (send, receive, COPY), big-endian: int16 dim, int16 0, then dim
 * float4; equal to pgvector's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "type/dense_text.h"
#include "type/vector.h"

static const OmenDenseType vector_type = {"vector", VECTOR_MAX_DIM, INFINITY};

Vector *
omen_vector_new(int dim)
{
	Vector	   *vec = palloc0(VECTOR_SIZE(dim));

	SET_VARSIZE(vec, VECTOR_SIZE(dim));
	vec->dim = dim;
	return vec;
}

void
omen_vector_check_dim(int dim)
{
	omen_check_dim("vector", dim, VECTOR_MAX_DIM);
}

void
omen_vector_check_finite(const Vector *vec)
{
	for (int i = 0; i < vec->dim; i++)
	{
		if (unlikely(!isfinite(vec->x[i])))
			omen_report_not_finite("vector", isnan(vec->x[i]));
	}
}

OMEN_FUNCTION(vector_in);
Datum
vector_in(PG_FUNCTION_ARGS)
{
	const char *literal = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	float		values[VECTOR_MAX_DIM];
	int			dim;
	Vector	   *vec;

	dim = omen_dense_parse(literal, typmod, &vector_type, values, fcinfo->context);
	if (dim == 0)
		PG_RETURN_NULL();

	vec = palloc(VECTOR_SIZE(dim));
	SET_VARSIZE(vec, VECTOR_SIZE(dim));
	vec->dim = dim;
	vec->unused = 0;
	memcpy(vec->x, values, sizeof(float) * dim);
	PG_RETURN_VECTOR_P(vec);
}

OMEN_FUNCTION(vector_out);
Datum
vector_out(PG_FUNCTION_ARGS)
{
	Vector	   *vec = PG_GETARG_VECTOR_P(0);
	char	   *literal = omen_dense_print(vec->x, vec->dim);

	PG_FREE_IF_COPY(vec, 0);
	PG_RETURN_CSTRING(literal);
}

OMEN_FUNCTION(vector_typmod_in);
Datum
vector_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(omen_typmod_in(PG_GETARG_ARRAYTYPE_P(0), "vector", VECTOR_MAX_DIM));
}

OMEN_FUNCTION(vector_recv);
Datum
vector_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int			dim = pq_getmsgint(message, 2);
	int			unused = pq_getmsgint(message, 2);
	const char *elements;
	Vector	   *vec;

	omen_vector_check_dim(dim);
	omen_check_typmod(typmod, dim);
	omen_check_unused(unused);

	/* before allocating: errors out when the message is shorter than it claims */
	elements = pq_getmsgbytes(message, sizeof(float) * dim);

	vec = omen_vector_new(dim);
	for (int i = 0; i < dim; i++)
	{
		uint32		bits;

		memcpy(&bits, elements + sizeof(bits) * i, sizeof(bits));
		bits = pg_ntoh32(bits);
		memcpy(&vec->x[i], &bits, sizeof(bits));
	}
	omen_vector_check_finite(vec);
	PG_RETURN_VECTOR_P(vec);
}

OMEN_FUNCTION(vector_send);
Datum
vector_send(PG_FUNCTION_ARGS)
{
	Vector	   *vec = PG_GETARG_VECTOR_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	enlargeStringInfo(&message, VECTOR_SIZE(vec->dim));
	pq_writeint16(&message, vec->dim);
	pq_writeint16(&message, vec->unused);
	for (int i = 0; i < vec->dim; i++)
	{
		uint32		bits;

		memcpy(&bits, &vec->x[i], sizeof(bits));
		pq_writeint32(&message, bits);
	}
	PG_FREE_IF_COPY(vec, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
