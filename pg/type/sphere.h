/*
 * sphere.h - vector_sphere and halfvec_sphere: all that lies within a radius of
 * a centre, the right-hand side of <<->>, <<#>> and <<=>>.
 *
 * The radius is a distance as the operator measures it: v <<->> sphere(c, r)
 * means v <-> c < r, with a closed sphere v <-> c <= r, NaN being greater than
 * any number as everywhere in PostgreSQL.  Text form: [1,2,3]<0.5 or
 * [1,2,3]<=0.5.
 *
 *	offset	bytes	what
 *	0		4		varlena header
 *	4		4		1: closed, 0: open
 *	8		8		radius, float8
 *	16		...		centre: a vector or halfvec, varlena header and all
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SPHERE_H
#define OMEN_SPHERE_H

#include "compat.h"

#include "utils/float.h"

typedef struct Sphere
{
	int32		vl_len_;		/* varlena header: SET_VARSIZE, VARSIZE */
	int32		closed;
	double		radius;
	char		center[FLEXIBLE_ARRAY_MEMBER];
} Sphere;

/* Detoasts; the centre's own length is checked by whoever takes it for a vector or halfvec. */
extern Sphere *omen_sphere_from_datum(Datum datum);

#define PG_GETARG_SPHERE_P(n) omen_sphere_from_datum(PG_GETARG_DATUM(n))

static inline bool
omen_sphere_holds(const Sphere *sphere, double distance)
{
	return sphere->closed ? float8_le(distance, sphere->radius) : float8_lt(distance, sphere->radius);
}

#endif							/* OMEN_SPHERE_H */
