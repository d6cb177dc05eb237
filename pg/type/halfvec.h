/*
 * halfvec.h - the type halfvec: half-precision floats, 1 to 16,000 of them.
 *
 * Layout on disk, equal to pgvector's (8 + 2 * dim bytes when not packed):
 *
 *	offset	bytes	what
 *	0		4		varlena header
 *	4		2		dim, 1 to 16,000
 *	6		2		unused, always 0
 *	8		2*dim	elements, IEEE 754 binary16 in the machine's order, all finite
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_HALFVEC_H
#define OMEN_HALFVEC_H

#include "compat.h"

#include "omen/simd.h"
#include "type/vector.h"

#define HALFVEC_MAX_DIM 16000

typedef struct HalfVector
{
	int32		vl_len_;		/* varlena header: SET_VARSIZE, VARSIZE */
	int16		dim;
	int16		unused;
	OmenHalf	x[FLEXIBLE_ARRAY_MEMBER];
} HalfVector;

#define HALFVEC_SIZE(dim) (offsetof(HalfVector, x) + sizeof(OmenHalf) * (Size) (dim))

/* From this magnitude on, rounding to the nearest half gives infinity (65,504 is the largest). */
#define HALF_OVERFLOW 65520.0f

#define HALF_EXPONENT 0x7C00
#define HALF_MAGNITUDE 0x7FFF

static inline bool
omen_half_is_finite(OmenHalf half)
{
	return (half & HALF_EXPONENT) != HALF_EXPONENT;
}

static inline bool
omen_half_is_nan(OmenHalf half)
{
	return (half & HALF_MAGNITUDE) > HALF_EXPONENT;
}

static inline bool
omen_half_is_zero(OmenHalf half)
{
	return (half & HALF_MAGNITUDE) == 0;
}

/* A vector of dim zeros, palloc'd.  dim must have passed omen_halfvec_check_dim. */
extern HalfVector *omen_halfvec_new(int dim);

/* Errors out unless 1 <= dim <= HALFVEC_MAX_DIM. */
extern void omen_halfvec_check_dim(int dim);

/* Errors out at the first element that is NaN or infinite. */
extern void omen_halfvec_check_finite(const HalfVector *vec);

/* Rounds count floats to halves; errors out when one is not finite, before or after. */
extern void omen_halves_from_floats(OmenHalf *out, const float *values, int count);

/* As omen_vector_compare. */
extern int	omen_halfvec_compare(const HalfVector *a, const HalfVector *b);

/* Detoasts, and checks the length as DatumGetVector does. */
static inline HalfVector *
DatumGetHalfVector(Datum datum)
{
	HalfVector *vec = (HalfVector *) PG_DETOAST_DATUM(datum);

	if (unlikely(VARSIZE(vec) < offsetof(HalfVector, x) || vec->dim < 1 ||
				 vec->dim > HALFVEC_MAX_DIM || VARSIZE(vec) != HALFVEC_SIZE(vec->dim)))
		omen_report_corrupt("halfvec");
	return vec;
}

#define HalfVectorGetDatum(vec)		PointerGetDatum(vec)
#define PG_GETARG_HALFVEC_P(n)		DatumGetHalfVector(PG_GETARG_DATUM(n))
#define PG_RETURN_HALFVEC_P(vec)	PG_RETURN_POINTER(vec)

#endif							/* OMEN_HALFVEC_H */
