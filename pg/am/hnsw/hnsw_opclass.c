/*
 * hnsw_opclass.c - what an operator class tells the access method: the form its
 * vectors take in the index, its metric, and how to read dense ones.
 *
 * Operator classes have pgvector's support functions and no other, so that
 * those of a database made with pgvector serve as they are.  Which metric and
 * type they mean is told by the distance function, and by whether there is one
 * for the norm: cosine is the inner product of unit vectors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/hnsw/hnsw_am.h"
#include "type/halfvec.h"
#include "type/vector.h"

extern Datum vector_l2_squared_distance(PG_FUNCTION_ARGS);
extern Datum vector_negative_inner_product(PG_FUNCTION_ARGS);
extern Datum vector_l1_distance(PG_FUNCTION_ARGS);
extern Datum halfvec_l2_squared_distance(PG_FUNCTION_ARGS);
extern Datum halfvec_negative_inner_product(PG_FUNCTION_ARGS);
extern Datum halfvec_l1_distance(PG_FUNCTION_ARGS);
extern Datum bit_hamming_distance(PG_FUNCTION_ARGS);
extern Datum bit_jaccard_distance(PG_FUNCTION_ARGS);
extern Datum sparsevec_l2_squared_distance(PG_FUNCTION_ARGS);
extern Datum sparsevec_negative_inner_product(PG_FUNCTION_ARGS);
extern Datum sparsevec_l1_distance(PG_FUNCTION_ARGS);

static int
vector_dim(Datum detoasted)
{
	return DatumGetVector(detoasted)->dim;
}

static const float *
vector_floats(Datum detoasted, float *room)
{
	return DatumGetVector(detoasted)->x;
}

static int
halfvec_dim(Datum detoasted)
{
	return DatumGetHalfVector(detoasted)->dim;
}

static const float *
halfvec_floats(Datum detoasted, float *room)
{
	HalfVector *vec = DatumGetHalfVector(detoasted);

	omen_simd->f32_from_f16(room, vec->x, vec->dim);
	return room;
}

#define VECTOR {0, vector_dim, vector_floats}
#define HALFVEC {0, halfvec_dim, halfvec_floats}

static const struct
{
	PGFunction	distance;
	bool		norm;
	HnswType	type;
}			meanings[] = {
	{vector_l2_squared_distance, false, {OMEN_HNSW_CODES, OMEN_L2, VECTOR}},
	{vector_negative_inner_product, false, {OMEN_HNSW_CODES, OMEN_INNER_PRODUCT, VECTOR}},
	{vector_negative_inner_product, true, {OMEN_HNSW_CODES, OMEN_COSINE, VECTOR}},
	{vector_l1_distance, false, {OMEN_HNSW_LEVELS, OMEN_HNSW_L1, VECTOR}},
	{halfvec_l2_squared_distance, false, {OMEN_HNSW_CODES, OMEN_L2, HALFVEC}},
	{halfvec_negative_inner_product, false, {OMEN_HNSW_CODES, OMEN_INNER_PRODUCT, HALFVEC}},
	{halfvec_negative_inner_product, true, {OMEN_HNSW_CODES, OMEN_COSINE, HALFVEC}},
	{halfvec_l1_distance, false, {OMEN_HNSW_LEVELS, OMEN_HNSW_L1, HALFVEC}},
	{bit_hamming_distance, false, {OMEN_HNSW_BITS, OMEN_HNSW_HAMMING}},
	{bit_jaccard_distance, false, {OMEN_HNSW_BITS, OMEN_HNSW_JACCARD}},
	{sparsevec_l2_squared_distance, false, {OMEN_HNSW_SPARSE, OMEN_L2}},
	{sparsevec_negative_inner_product, false, {OMEN_HNSW_SPARSE, OMEN_INNER_PRODUCT}},
	{sparsevec_negative_inner_product, true, {OMEN_HNSW_SPARSE, OMEN_COSINE}},
	{sparsevec_l1_distance, false, {OMEN_HNSW_SPARSE, OMEN_HNSW_L1}},
};

const HnswType *
hnsw_type(Relation index)
{
	PGFunction	distance = index_getprocinfo(index, 1, HNSW_DISTANCE_PROC)->fn_addr;
	bool		norm = OidIsValid(index_getprocid(index, 1, HNSW_NORM_PROC));

	for (int i = 0; i < lengthof(meanings); i++)
		if (meanings[i].distance == distance && meanings[i].norm == norm)
			return &meanings[i].type;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("operator class of index \"%s\" is not supported by access method hnsw",
					RelationGetRelationName(index))));
}

uint32
hnsw_dimensions(Relation index)
{
	int			dim = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;
	uint32		most = omen_hnsw_dim_max(hnsw_type(index)->form);

	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions"),
				 errhint("Declare them, as in vector(768), or index an expression such as (embedding::vector(768)).")));
	if ((uint32) dim > most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %u dimensions for hnsw index", most)));
	return (uint32) dim;
}

/* pgvector tells its own access method by these how to treat a type; ours knows. */

OMEN_FUNCTION(hnsw_halfvec_support);
Datum
hnsw_halfvec_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}

OMEN_FUNCTION(hnsw_bit_support);
Datum
hnsw_bit_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}

OMEN_FUNCTION(hnsw_sparsevec_support);
Datum
hnsw_sparsevec_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}
