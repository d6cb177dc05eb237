/*
 * part.h - which elements subvector(v, start, count) means.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_PART_H
#define OMEN_PART_H

#include "compat.h"

typedef struct OmenPart
{
	int			first;			/* from 0 */
	int			count;			/* below 1: empty, which no vector may be */
} OmenPart;

/*
 * As substring does with characters: positions start ... start + count - 1
 * counting from 1, less those that do not exist.
 */
static inline OmenPart
omen_part(int dim, int32 start, int32 count)
{
	int64		first = Max((int64) start, 1);
	int64		last = Min((int64) start + count - 1, dim);
	OmenPart	part = {(int) (first - 1), count < 1 ? 0 : (int) Max(last - first + 1, 0)};

	return part;
}

#endif							/* OMEN_PART_H */
