/*
 * vector.h - the type vector: single-precision floats, 1 to 16,000 of them.
 *
 * Layout on disk, equal to pgvector's (8 + 4 * dim bytes when not packed):
 *
 *	offset	bytes	what
 *	0		4		varlena header
 *	4		2		dim, 1 to 16,000
 *	6		2		unused, always 0
 *	8		4*dim	elements, float4 in the machine's order, all finite
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_VECTOR_H
#define OMEN_VECTOR_H

#include "compat.h"

#include "type/value_check.h"

#define VECTOR_MAX_DIM 16000

typedef struct Vector
{
	int32		vl_len_;		/* varlena header: SET_VARSIZE, VARSIZE */
	int16		dim;
	int16		unused;
	float		x[FLEXIBLE_ARRAY_MEMBER];
} Vector;

#define VECTOR_SIZE(dim) (offsetof(Vector, x) + sizeof(float) * (Size) (dim))

/* A vector of dim zeros, palloc'd.  dim must have passed omen_vector_check_dim. */
extern Vector *omen_vector_new(int dim);

/* Errors out unless 1 <= dim <= VECTOR_MAX_DIM. */
extern void omen_vector_check_dim(int dim);

/* Errors out at the first element that is NaN or infinite. */
extern void omen_vector_check_finite(const Vector *vec);

/* -1, 0 or 1: by the first differing element, else by the number of dimensions, as arrays compare. */
extern int	omen_vector_compare(const Vector *a, const Vector *b);

/*
 * Detoasts.  The length is checked against dim, so that no damaged page makes
 * a kernel read beyond its value.
 */
static inline Vector *
DatumGetVector(Datum datum)
{
	Vector	   *vec = (Vector *) PG_DETOAST_DATUM(datum);

	if (unlikely(VARSIZE(vec) < offsetof(Vector, x) || vec->dim < 1 ||
				 vec->dim > VECTOR_MAX_DIM || VARSIZE(vec) != VECTOR_SIZE(vec->dim)))
		omen_report_corrupt("vector");
	return vec;
}

#define VectorGetDatum(vec)		PointerGetDatum(vec)
#define PG_GETARG_VECTOR_P(n)	DatumGetVector(PG_GETARG_DATUM(n))
#define PG_RETURN_VECTOR_P(vec) PG_RETURN_POINTER(vec)

#endif							/* OMEN_VECTOR_H */
