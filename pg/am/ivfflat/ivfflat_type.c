/*
 * ivfflat_type.c - the types that lists may hold, and what their operator
 * classes mean.
 *
 * Operator classes have pgvector's support functions and no other, so that
 * those of a database made with pgvector serve as they are.  Metric and type
 * are told by the distance function, and by whether there is one for the norm:
 * cosine is the inner product of unit vectors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivfflat/ivfflat_am.h"
#include "type/halfvec.h"
#include "type/vector.h"
#include "utils/varbit.h"

extern Datum vector_l2_squared_distance(PG_FUNCTION_ARGS);
extern Datum vector_negative_inner_product(PG_FUNCTION_ARGS);
extern Datum halfvec_l2_squared_distance(PG_FUNCTION_ARGS);
extern Datum halfvec_negative_inner_product(PG_FUNCTION_ARGS);
extern Datum bit_hamming_distance(PG_FUNCTION_ARGS);

static const void *
vector_elements(Datum detoasted, uint32 *dim)
{
	Vector	   *vec = DatumGetVector(detoasted);

	*dim = (uint32) vec->dim;
	return vec->x;
}

static void
vector_floats(const void *elements, uint32 dim, float *out)
{
	memcpy(out, elements, dim * sizeof(float));
}

static float
vector_l2(const void *a, const void *b, uint32 dim)
{
	return omen_simd->l2sq_f32(a, b, dim);
}

static float
vector_ip(const void *a, const void *b, uint32 dim)
{
	return -omen_simd->dot_f32(a, b, dim);
}

static double
vector_norm_sq(const void *elements, uint32 dim)
{
	return omen_simd->norm_sq_f32(elements, dim);
}

static const void *
halfvec_elements(Datum detoasted, uint32 *dim)
{
	HalfVector *vec = DatumGetHalfVector(detoasted);

	*dim = (uint32) vec->dim;
	return vec->x;
}

static void
halfvec_floats(const void *elements, uint32 dim, float *out)
{
	omen_simd->f32_from_f16(out, elements, dim);
}

static float
halfvec_l2(const void *a, const void *b, uint32 dim)
{
	return omen_simd->l2sq_f16(a, b, dim);
}

static float
halfvec_ip(const void *a, const void *b, uint32 dim)
{
	return -omen_simd->dot_f16(a, b, dim);
}

static double
halfvec_norm_sq(const void *elements, uint32 dim)
{
	return omen_simd->norm_sq_f16(elements, dim);
}

static const void *
bit_elements(Datum detoasted, uint32 *dim)
{
	VarBit	   *bits = DatumGetVarBitP(detoasted);

	*dim = (uint32) VARBITLEN(bits);
	return VARBITS(bits);
}

/* Their squared distance is four times Hamming's. */
static void
bit_floats(const void *elements, uint32 dim, float *out)
{
	const uint8 *bytes = elements;

	for (uint32 i = 0; i < dim; i++)
		out[i] = bytes[i / 8] >> (7 - i % 8) & 1 ? 1.0f : -1.0f;
}

static float
bit_hamming(const void *a, const void *b, uint32 dim)
{
	return (float) omen_simd->hamming_bits(a, b, (dim + 7) / 8);
}

static const IvfflatType types[] = {
	{vector_l2_squared_distance, false, OMEN_L2, 32, 2000,
	vector_elements, vector_floats, vector_l2, vector_norm_sq},
	{vector_negative_inner_product, false, OMEN_INNER_PRODUCT, 32, 2000,
	vector_elements, vector_floats, vector_ip, vector_norm_sq},
	{vector_negative_inner_product, true, OMEN_COSINE, 32, 2000,
	vector_elements, vector_floats, vector_ip, vector_norm_sq},
	{halfvec_l2_squared_distance, false, OMEN_L2, 16, 4000,
	halfvec_elements, halfvec_floats, halfvec_l2, halfvec_norm_sq},
	{halfvec_negative_inner_product, false, OMEN_INNER_PRODUCT, 16, 4000,
	halfvec_elements, halfvec_floats, halfvec_ip, halfvec_norm_sq},
	{halfvec_negative_inner_product, true, OMEN_COSINE, 16, 4000,
	halfvec_elements, halfvec_floats, halfvec_ip, halfvec_norm_sq},
	{bit_hamming_distance, false, OMEN_L2, 1, 64000,
	bit_elements, bit_floats, bit_hamming, NULL},
};

const IvfflatType *
ivfflat_type(Relation index)
{
	PGFunction	distance = index_getprocinfo(index, 1, IVFFLAT_DISTANCE_PROC)->fn_addr;
	bool		norm = OidIsValid(index_getprocid(index, 1, IVFFLAT_NORM_PROC));

	for (int i = 0; i < lengthof(types); i++)
		if (types[i].distance == distance && types[i].norm == norm)
			return &types[i];
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("operator class of index \"%s\" is not supported by access method ivfflat",
					RelationGetRelationName(index))));
}

uint32
ivfflat_dimensions(Relation index, const IvfflatType *type)
{
	int			dim = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;

	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions"),
				 errhint("Declare them, as in vector(768), or index an expression such as (embedding::vector(768)).")));
	if (dim > (int) type->dim_max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %u dimensions for ivfflat index", type->dim_max),
				 type->element_bits > 1 ? errhint("Indexes USING ivf and hnsw take 16,000.") : 0));
	return (uint32) dim;
}

/* pgvector tells its own access method by these how to treat a type; ours knows. */

OMEN_FUNCTION(ivfflat_halfvec_support);
Datum
ivfflat_halfvec_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}

OMEN_FUNCTION(ivfflat_bit_support);
Datum
ivfflat_bit_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}
