/*
 * dense_f32_avx2.c - distances between float vectors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define ELEMENT float
#define KERNEL(op) omen_##op##_f32_avx2
#define LOAD(p) _mm256_loadu_ps(p)
#define LOAD_UP_TO_8(p, count) load_f32_up_to_8(p, count)

#include "dense_loops_avx2.h"
