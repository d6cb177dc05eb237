/*
 * number_array.c - PostgreSQL arrays of numbers, in and out.
 *
 * Elements of fixed width lie side by side when there are no nulls, so they
 * are read in place, without a Datum for each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "type/number_array.h"
#include "utils/fmgrprotos.h"

/* Numerics differ in length, so each is found from the one before. */
static void
floats_from_numerics(float *out, ArrayType *array, int count)
{
	char	   *element = ARR_DATA_PTR(array);

	for (int i = 0; i < count; i++)
	{
		out[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4, PointerGetDatum(element)));
		element = att_addlength_pointer(element, -1, element);
		element = (char *) att_align_nominal(element, TYPALIGN_INT);
		CHECK_FOR_INTERRUPTS();
	}
}

int
omen_array_count(ArrayType *array)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("array must be 1-D")));
	if (ARR_HASNULL(array) && array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls")));
	return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

float *
omen_array_floats(ArrayType *array, int count)
{
	const void *elements = ARR_DATA_PTR(array);
	float	   *floats = palloc_extended(sizeof(float) * count, MCXT_ALLOC_HUGE);

	switch (ARR_ELEMTYPE(array))
	{
		case INT4OID:
			for (int i = 0; i < count; i++)
				floats[i] = (float) ((const int32 *) elements)[i];
			break;
		case FLOAT4OID:
			memcpy(floats, elements, sizeof(float) * count);
			break;
		case FLOAT8OID:
			for (int i = 0; i < count; i++)
				floats[i] = (float) ((const float8 *) elements)[i];
			break;
		case NUMERICOID:
			floats_from_numerics(floats, array, count);
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("unsupported array type")));
	}
	return floats;
}

ArrayType *
omen_array_new(Oid element_type, Size element_bytes, int count)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + element_bytes * count;
	ArrayType  *array = palloc(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;		/* no null bitmap */
	array->elemtype = element_type;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	return array;
}
