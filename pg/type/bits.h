/*
 * bits.h - bit strings as vectors of signs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_BITS_H
#define OMEN_BITS_H

#include "compat.h"

#include "utils/varbit.h"

/* A bit string of `count` zeros, palloc'd; also fit for the type bit(count). */
extern VarBit *omen_bits_new(int count);

/* Sets bit i of `bits`, all zero so far, the first being a byte's highest, where values[i] > 0. */
extern void omen_bits_set_positive(bits8 *bits, const float *values, int count);

#endif							/* OMEN_BITS_H */
