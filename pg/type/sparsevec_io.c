/*
 * sparsevec_io.c - sparsevec: making one, checking one, binary form.
 *
 * Binary form (send, receive, COPY), big-endian: int32 dim, int32 nnz, int32 0,
 * nnz positions from 0 as int32, nnz float4; equal to pgvector's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "type/sparsevec.h"

SparseVector *
omen_sparsevec_new(int dim, int nnz)
{
	SparseVector *vec = palloc0(SPARSEVEC_SIZE(nnz));

	SET_VARSIZE(vec, SPARSEVEC_SIZE(nnz));
	vec->dim = dim;
	vec->nnz = nnz;
	return vec;
}

void
omen_sparsevec_check_dim(int dim)
{
	omen_check_dim("sparsevec", dim, SPARSEVEC_MAX_DIM);
}

void
omen_sparsevec_check_nnz(int nnz, int dim)
{
	if (nnz < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec cannot have negative number of elements")));
	if (nnz > SPARSEVEC_MAX_NNZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more than %d non-zero elements", SPARSEVEC_MAX_NNZ)));
	if (nnz > dim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more elements than dimensions")));
}

void
omen_sparsevec_check_finite(const float *values, int nnz)
{
	for (int i = 0; i < nnz; i++)
	{
		if (unlikely(!isfinite(values[i])))
			omen_report_not_finite("sparsevec", isnan(values[i]));
	}
}

SparseVector *
omen_sparsevec_from_floats(const float *values, int dim)
{
	int			nnz = 0;
	int			filled = 0;
	SparseVector *vec;

	for (int i = 0; i < dim; i++)
		nnz += values[i] != 0;	/* NaN counts, and is refused below */
	omen_sparsevec_check_nnz(nnz, dim);

	vec = omen_sparsevec_new(dim, nnz);
	/* without a branch: a zero is written too, and overwritten by what follows */
	for (int i = 0; filled < nnz; i++)
	{
		vec->indices[filled] = i;
		SPARSEVEC_VALUES(vec)[filled] = values[i];
		filled += values[i] != 0;
	}
	omen_sparsevec_check_finite(SPARSEVEC_VALUES(vec), nnz);
	return vec;
}

static void
check_position(int32 position, int32 previous, int32 dim)
{
	if (position < 0 || position >= dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec index out of bounds")));
	if (position < previous)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec indices must be in ascending order")));
	if (position == previous)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec indices must not contain duplicates")));
}

OMEN_FUNCTION(sparsevec_recv);
Datum
sparsevec_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int32		dim = pq_getmsgint(message, 4);
	int32		nnz = pq_getmsgint(message, 4);
	int32		unused = pq_getmsgint(message, 4);
	int32		previous = -1;
	SparseVector *vec;

	omen_sparsevec_check_dim(dim);
	omen_sparsevec_check_nnz(nnz, dim);
	omen_check_typmod(typmod, dim);
	omen_check_unused(unused);

	vec = omen_sparsevec_new(dim, nnz);
	for (int i = 0; i < nnz; i++)
	{
		vec->indices[i] = pq_getmsgint(message, 4);
		check_position(vec->indices[i], previous, dim);
		previous = vec->indices[i];
	}
	for (int i = 0; i < nnz; i++)
	{
		float		value = pq_getmsgfloat4(message);

		omen_sparsevec_check_finite(&value, 1);
		if (value == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("binary representation of sparsevec cannot contain zero values")));
		SPARSEVEC_VALUES(vec)[i] = value;
	}
	PG_RETURN_SPARSEVEC_P(vec);
}

OMEN_FUNCTION(sparsevec_send);
Datum
sparsevec_send(PG_FUNCTION_ARGS)
{
	SparseVector *vec = PG_GETARG_SPARSEVEC_P(0);
	const float *values = SPARSEVEC_VALUES(vec);
	StringInfoData message;

	pq_begintypsend(&message);
	enlargeStringInfo(&message, SPARSEVEC_SIZE(vec->nnz));
	pq_writeint32(&message, vec->dim);
	pq_writeint32(&message, vec->nnz);
	pq_writeint32(&message, vec->unused);
	for (int i = 0; i < vec->nnz; i++)
		pq_writeint32(&message, vec->indices[i]);
	for (int i = 0; i < vec->nnz; i++)
	{
		uint32		bits;

		memcpy(&bits, &values[i], sizeof(bits));
		pq_writeint32(&message, bits);
	}
	PG_FREE_IF_COPY(vec, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
