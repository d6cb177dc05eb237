/*
 * value_check.c - refusing what breaks the rules of a vector type.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "type/value_check.h"

void
omen_check_dim(const char *type, int dim, int dim_max)
{
	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s must have at least 1 dimension", type)));
	if (dim > dim_max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s cannot have more than %d dimensions", type, dim_max)));
}

void
omen_check_typmod(int32 typmod, int dim)
{
	if (typmod != -1 && typmod != dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", typmod, dim)));
}

void
omen_check_unused(int unused)
{
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected unused to be 0, not %d", unused)));
}

void
omen_report_different_dims(const char *type, int a, int b)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("different %s dimensions %d and %d", type, a, b)));
}

void
omen_report_not_finite(const char *type, bool nan)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 nan ? errmsg("NaN not allowed in %s", type) :
			 errmsg("infinite value not allowed in %s", type)));
}

void
omen_report_corrupt(const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored %s is damaged: its contents contradict its header", type)));
}
