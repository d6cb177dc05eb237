/*
 * dense_f32_neon.c - distances between float vectors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define ELEMENT float
#define KERNEL(op) omen_##op##_f32_neon
#define LOAD(p) vld1q_f32(p)
#define LOAD_UP_TO_4(p, count) load_f32_up_to_4(p, count)

#include "dense_loops_neon.h"
