/*
 * sparsevec.h - the type sparsevec: the non-zero elements of a long vector.
 *
 * Layout on disk, equal to pgvector's (16 + 8 * nnz bytes when not packed):
 *
 *	offset		bytes	what
 *	0			4		varlena header
 *	4			4		dim, 1 to 1,000,000,000
 *	8			4		nnz, the number of non-zero elements, 0 to 16,000
 *	12			4		unused, always 0
 *	16			4*nnz	their positions from 0, int32, ascending, none twice
 *	16+4*nnz	4*nnz	their values, float4, finite and not zero
 *
 * In text, {1:0.5,7:-2}/10, positions count from 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SPARSEVEC_H
#define OMEN_SPARSEVEC_H

#include "compat.h"

#include "type/vector.h"

#define SPARSEVEC_MAX_DIM 1000000000
#define SPARSEVEC_MAX_NNZ 16000

typedef struct SparseVector
{
	int32		vl_len_;		/* varlena header: SET_VARSIZE, VARSIZE */
	int32		dim;
	int32		nnz;
	int32		unused;
	int32		indices[FLEXIBLE_ARRAY_MEMBER];
	/* the values follow: SPARSEVEC_VALUES */
} SparseVector;

#define SPARSEVEC_SIZE(nnz) (offsetof(SparseVector, indices) + (sizeof(int32) + sizeof(float)) * (Size) (nnz))
#define SPARSEVEC_VALUES(vec) ((float *) ((vec)->indices + (vec)->nnz))

/* A vector of dim dimensions with room for nnz elements, palloc'd, zeroed. */
extern SparseVector *omen_sparsevec_new(int dim, int nnz);

/* Errors out unless 1 <= dim <= SPARSEVEC_MAX_DIM. */
extern void omen_sparsevec_check_dim(int dim);

/* Errors out unless 0 <= nnz <= SPARSEVEC_MAX_NNZ and nnz <= dim. */
extern void omen_sparsevec_check_nnz(int nnz, int dim);

/* Errors out at the first value that is NaN or infinite. */
extern void omen_sparsevec_check_finite(const float *values, int nnz);

/* The elements of `values` that are not zero; errors out when they are too many or one is not finite. */
extern SparseVector *omen_sparsevec_from_floats(const float *values, int dim);

/* Detoasts, and checks the length as DatumGetVector does. */
static inline SparseVector *
DatumGetSparseVector(Datum datum)
{
	SparseVector *vec = (SparseVector *) PG_DETOAST_DATUM(datum);

	if (unlikely(VARSIZE(vec) < offsetof(SparseVector, indices) || vec->dim < 1 || vec->nnz < 0 ||
				 vec->nnz > SPARSEVEC_MAX_NNZ || VARSIZE(vec) != SPARSEVEC_SIZE(vec->nnz)))
		omen_report_corrupt("sparsevec");
	return vec;
}

#define SparseVectorGetDatum(vec)	PointerGetDatum(vec)
#define PG_GETARG_SPARSEVEC_P(n)	DatumGetSparseVector(PG_GETARG_DATUM(n))
#define PG_RETURN_SPARSEVEC_P(vec)	PG_RETURN_POINTER(vec)

#endif							/* OMEN_SPARSEVEC_H */
