/*
 * ivf_keys.c - columns indexed beside the vector: their values as keys of 64
 * bits, conditions on them as conditions on keys.
 *
 * A key may be the same for different values, so what passes is tested again
 * on the row; but no row that meets a condition may fail it on its key.
 *
 *	numbers, dates, timestamps, uuids	a key each that keeps their order
 *	texts		a hash: conditions other than = are not ours
 *	arrays		a signature: four bits set for each element (Bloom 1970)
 *
 * Keys that keep the order need only never be the other way round: what does
 * not fit 64 bits is cut.  Where each value has its own key (`exact`), < and
 * <= differ.
 *
 * A condition compares with a value of another type where the operator family
 * has such an operator.  Both then go to one scale: integers to int8, floats
 * to float8, dates and timestamps to microseconds.  What local time a
 * timestamp with time zone is depends on the session, and not always in order
 * (an hour comes twice a year), so between the two kinds the bounds are
 * widened by the farthest that a zone is off.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/relscan.h"
#include "access/stratnum.h"
#include "am/ivf/ivf_am.h"
#include "catalog/pg_type.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

/* Of a scalar that is NULL; no other value has it.  An array's is 0, like that of an empty one. */
#define KEY_NULL UINT64_MAX
/* The greatest of a value; all that would be greater have it as well. */
#define KEY_LAST (KEY_NULL - 1)

#define ZONE_USECS_MAX (16 * USECS_PER_HOUR)

static uint64
key_of_int64(int64 value)
{
	return Min((uint64) value ^ (UINT64_C(1) << 63), KEY_LAST);
}

/* PostgreSQL's order: NaN behind infinity, and -0 is 0. */
static uint64
key_of_float8(double value)
{
	uint64		bits;

	if (isnan(value))
		return UINT64_C(0xFFF8000000000000);
	if (value == 0)
		value = 0;
	memcpy(&bits, &value, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static int64
usecs_of_date(DateADT date)
{
	if (DATE_IS_NOBEGIN(date))
		return DT_NOBEGIN;
	if (DATE_IS_NOEND(date))
		return DT_NOEND;
	/* Dates go on after timestamps end, but not before they begin. */
	return date > (DT_NOEND - 1) / USECS_PER_DAY ? DT_NOEND - 1 : date * USECS_PER_DAY;
}

static uint64
key_of_uuid(Datum value)
{
	uint64		bits;

	memcpy(&bits, DatumGetUUIDP(value)->data, sizeof(bits));
	return Min(pg_ntoh64(bits), KEY_LAST);
}

static uint64
hash_bits(uint64 hash)
{
	return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) |
		UINT64_C(1) << (hash >> 12 & 63) | UINT64_C(1) << (hash >> 18 & 63);
}

/* The signatures of an array's elements; returns how many. */
static int
element_bits(Datum value, Oid collation, uint64 **bits)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	TypeCacheEntry *type = lookup_type_cache(ARR_ELEMTYPE(array), TYPECACHE_HASH_EXTENDED_PROC_FINFO);
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			kept = 0;

	if (!OidIsValid(type->hash_extended_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify an extended hash function for type %s",
						format_type_be(type->type_id))));
	deconstruct_array(array, type->type_id, type->typlen, type->typbyval, type->typalign, &elements, &nulls, &count);
	*bits = palloc(Max(count, 1) * sizeof(uint64));
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			(*bits)[kept++] = hash_bits(DatumGetUInt64(FunctionCall2Coll(&type->hash_extended_proc_finfo, collation,
																		 elements[i], Int64GetDatum(0))));
	return kept;
}

static uint64
key_of_array(Datum value, Oid collation)
{
	uint64	   *bits;
	int			count = element_bits(value, collation, &bits);
	uint64		key = 0;

	for (int i = 0; i < count; i++)
		key |= bits[i];
	return key;
}

/* The key of a value that is not NULL.  `type` is an operator class's. */
static uint64
key_of_value(Oid type, Oid collation, Datum value)
{
	switch (type)
	{
		case BOOLOID:
			return DatumGetBool(value);
		case INT2OID:
			return key_of_int64(DatumGetInt16(value));
		case INT4OID:
			return key_of_int64(DatumGetInt32(value));
		case INT8OID:
			return key_of_int64(DatumGetInt64(value));
		case FLOAT4OID:
			return key_of_float8(DatumGetFloat4(value));
		case FLOAT8OID:
			return key_of_float8(DatumGetFloat8(value));
		case NUMERICOID:
			return key_of_float8(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value)));
		case DATEOID:
			return key_of_int64(usecs_of_date(DatumGetDateADT(value)));
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return key_of_int64(DatumGetTimestamp(value));
		case UUIDOID:
			return key_of_uuid(value);
		case TEXTOID:
			return Min(DatumGetUInt64(DirectFunctionCall2Coll(hashtextextended, collation, value, Int64GetDatum(0))),
					   KEY_LAST);
		case BPCHAROID:
			return Min(DatumGetUInt64(DirectFunctionCall2Coll(hashbpcharextended, collation, value, Int64GetDatum(0))),
					   KEY_LAST);
		case ANYARRAYOID:
			return key_of_array(value, collation);
		default:
			elog(ERROR, "an ivf index cannot have a column of type %s beside the vector", format_type_be(type));
	}
}

static bool
has_key(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case UUIDOID:
		case TEXTOID:
		case BPCHAROID:
		case ANYARRAYOID:
			return true;
		default:
			return false;
	}
}

/* Whether different values have different keys, those at KEY_LAST excepted. */
static bool
is_exact(Oid type)
{
	return type != NUMERICOID && type != UUIDOID && type != TEXTOID && type != BPCHAROID;
}

uint32
ivf_key_count(Relation index)
{
	return (uint32) IndexRelationGetNumberOfKeyAttributes(index) - 1;
}

void
ivf_check_columns(Relation index)
{
	uint32		dim;

	if (!OidIsValid(index_getprocid(index, 1, IVF_TYPE_PROC)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the first column of an ivf index must be a vector"),
				 errhint("Columns that conditions are on come after it, as in "
						 "USING ivf (embedding vector_l2_ops, tenant_id).")));
	for (uint32 c = 1; c <= ivf_key_count(index); c++)
		if (!has_key(index->rd_opcintype[c]))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column %u of an ivf index cannot be of type %s",
							c + 1, format_type_be(index->rd_opcintype[c])),
					 errhint("Only the first column is a vector; make another index for another vector.")));
	dim = (uint32) ivf_dimensions(index);
	if (omen_row_bytes(omen_dim_padded(dim), ivf_key_count(index)) > OMEN_BODY_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an ivf index of %u dimensions cannot have %u more columns", dim, ivf_key_count(index))));
}

void
ivf_row_keys(Relation index, const Datum *values, const bool *isnull, uint64 *keys)
{
	for (uint32 c = 1; c <= ivf_key_count(index); c++)
	{
		Oid			type = index->rd_opcintype[c];

		if (isnull[c])
			keys[c - 1] = type == ANYARRAYOID ? 0 : KEY_NULL;
		else
			keys[c - 1] = key_of_value(type, index->rd_indcollation[c], values[c]);
	}
}

/* ---- conditions ---- */

/* What a comparison with one value leaves of the keys: low > high is nothing. */
typedef struct KeyRange
{
	uint64		low;
	uint64		high;
} KeyRange;

/* A comparison's other side, on the scale of the column: least and greatest that it may be. */
static KeyRange
range_of_value(Oid column_type, Oid type, Oid collation, Datum value)
{
	uint64		key;
	int			overflow = 0;

	if (column_type == TIMESTAMPTZOID && (type == DATEOID || type == TIMESTAMPOID))
	{
		TimestampTz at = type == DATEOID ? date2timestamptz_opt_overflow(DatumGetDateADT(value), &overflow)
			: timestamp2timestamptz_opt_overflow(DatumGetTimestamp(value), &overflow);

		/* Before all timestamps but -infinity, or behind all but infinity. */
		if (overflow < 0)
			return (KeyRange) {0, 1};
		key = overflow > 0 ? KEY_LAST - 1 : key_of_int64(at);
	}
	else if (type == TIMESTAMPTZOID && column_type != TIMESTAMPTZOID &&
			 !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
	{
		TimestampTz at = DatumGetTimestampTz(value);

		return (KeyRange) {
			key_of_int64(at < PG_INT64_MIN + ZONE_USECS_MAX ? PG_INT64_MIN : at - ZONE_USECS_MAX),
			key_of_int64(at > PG_INT64_MAX - ZONE_USECS_MAX ? PG_INT64_MAX : at + ZONE_USECS_MAX)
		};
	}
	else
		key = key_of_value(type, collation, value);
	return (KeyRange) {key, key};
}

static KeyRange
range_of_comparison(StrategyNumber strategy, Oid column_type, KeyRange value)
{
	/* Of one key and no other value's: the key itself is out where the value is. */
	uint64		open = value.low == value.high && value.low < KEY_LAST - 1 && is_exact(column_type);

	switch (strategy)
	{
		case BTLessStrategyNumber:
			return value.high == 0 && open ? (KeyRange) {1, 0} : (KeyRange) {0, value.high - open};
		case BTLessEqualStrategyNumber:
			return (KeyRange) {0, value.high};
		case BTEqualStrategyNumber:
			return value;
		case BTGreaterEqualStrategyNumber:
			return (KeyRange) {value.low, KEY_LAST};
		case BTGreaterStrategyNumber:
			return (KeyRange) {value.low + open, KEY_LAST};
		default:
			elog(ERROR, "unexpected strategy %d of an ivf index", strategy);
	}
}

static int
compare_keys(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

/* column @> array, column && array */
static bool
array_condition(const ScanKeyData *key, OmenCondition *condition)
{
	uint64	   *bits;
	int			count = element_bits(key->sk_argument, key->sk_collation, &bits);

	condition->kind = OMEN_COVERS;
	condition->values = bits;
	condition->count = (uint32) count;
	if (key->sk_strategy == IVF_OVERLAPS_STRATEGY)
		return count > 0;
	Assert(key->sk_strategy == IVF_CONTAINS_STRATEGY);
	for (int i = 1; i < count; i++)
		bits[0] |= bits[i];
	if (count == 0)
		bits[0] = 0;
	condition->count = 1;
	return true;
}

/* column <op> value, column <op> ANY (array): the union of what the values leave. */
static bool
scalar_condition(const ScanKeyData *key, Oid column_type, OmenCondition *condition)
{
	Oid			type = OidIsValid(key->sk_subtype) ? key->sk_subtype : column_type;
	Datum		one = key->sk_argument;
	Datum	   *values = &one;
	bool	   *nulls = NULL;
	int			count = 1;
	KeyRange	whole = {UINT64_MAX, 0};
	uint64	   *keys;
	int			key_count = 0;
	bool		points = true;

	if (key->sk_flags & SK_SEARCHARRAY)
	{
		ArrayType  *array = DatumGetArrayTypeP(key->sk_argument);
		int16		length;
		bool		by_value;
		char		align;

		get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
		deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &values, &nulls, &count);
	}
	keys = palloc(Max(count, 1) * sizeof(uint64));
	for (int i = 0; i < count; i++)
	{
		KeyRange	range;

		if (nulls != NULL && nulls[i])
			continue;
		range = range_of_comparison(key->sk_strategy, column_type,
									range_of_value(column_type, type, key->sk_collation, values[i]));
		if (range.low > range.high)
			continue;
		whole.low = Min(whole.low, range.low);
		whole.high = Max(whole.high, range.high);
		points &= range.low == range.high;
		keys[key_count++] = range.low;
	}
	condition->kind = points && key_count > 1 ? OMEN_AMONG : OMEN_WITHIN;
	condition->low = whole.low;
	condition->high = whole.high;
	qsort(keys, key_count, sizeof(uint64), compare_keys);
	condition->values = keys;
	condition->count = (uint32) key_count;
	return key_count > 0;
}

bool
ivf_conditions(IndexScanDesc scan, const ScanKeyData *more, int more_count, OmenFilter *filter)
{
	Relation	index = scan->indexRelation;
	int			count = scan->numberOfKeys + more_count;
	OmenCondition *conditions = palloc0(Max(count, 1) * sizeof(OmenCondition));

	*filter = (OmenFilter) {.conditions = conditions};
	for (int i = 0; i < count; i++)
	{
		const ScanKeyData *key = i < scan->numberOfKeys ? &scan->keyData[i] : &more[i - scan->numberOfKeys];
		OmenCondition *condition = &conditions[filter->count];
		Oid			type = index->rd_opcintype[key->sk_attno - 1];

		if (key->sk_attno == 1)
		{
			/* Rows without a vector are not in the index, and nothing is within NULL; ranges are tested elsewhere. */
			if ((key->sk_flags & SK_ISNULL) && !(key->sk_flags & SK_SEARCHNOTNULL))
				return false;
			continue;
		}
		condition->column = (uint32) key->sk_attno - 2;
		if (key->sk_flags & SK_SEARCHNULL)
			condition->low = condition->high = type == ANYARRAYOID ? 0 : KEY_NULL;
		else if (key->sk_flags & SK_SEARCHNOTNULL)
		{
			if (type == ANYARRAYOID)
				continue;
			condition->high = KEY_LAST;
		}
		else if (key->sk_flags & SK_ISNULL)
			return false;
		else if (!(type == ANYARRAYOID ? array_condition(key, condition) : scalar_condition(key, type, condition)))
			return false;
		filter->count++;
	}
	return true;
}
