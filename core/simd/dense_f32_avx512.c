/*
 * dense_f32_avx512.c - distances between float vectors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define ELEMENT float
#define KERNEL(op) omen_##op##_f32_avx512
#define LOAD(p) _mm512_loadu_ps(p)
#define LOAD_UP_TO_16(p, count) load_f32_up_to_16(p, count)

#include "dense_loops_avx512.h"
