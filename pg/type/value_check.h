/*
 * value_check.h - the rules that values of every vector type keep, and the one
 * message for breaking each.  `type` is the type's name in SQL.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_VALUE_CHECK_H
#define OMEN_VALUE_CHECK_H

#include "compat.h"

/* Errors out unless 1 <= dim <= dim_max. */
extern void omen_check_dim(const char *type, int dim, int dim_max);

/* Errors out unless typmod is -1 (none) or dim. */
extern void omen_check_typmod(int32 typmod, int dim);

/* Errors out unless the unused field of a binary form is 0. */
extern void omen_check_unused(int unused);

extern void omen_report_different_dims(const char *type, int a, int b) __attribute__((noreturn, cold));

/* An element is NaN, or else infinite. */
extern void omen_report_not_finite(const char *type, bool nan) __attribute__((noreturn, cold));

extern void omen_report_corrupt(const char *type) __attribute__((noreturn, cold));

/* Errors out unless both operands have as many dimensions. */
static inline void
omen_check_same_dim(const char *type, int a, int b)
{
	if (unlikely(a != b))
		omen_report_different_dims(type, a, b);
}

#endif							/* OMEN_VALUE_CHECK_H */
