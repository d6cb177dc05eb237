/*
 * hnsw_opclass.c - what an operator class tells the access method.
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

extern Datum vector_l2_squared_distance(PG_FUNCTION_ARGS);
extern Datum vector_negative_inner_product(PG_FUNCTION_ARGS);
extern Datum halfvec_l2_squared_distance(PG_FUNCTION_ARGS);
extern Datum halfvec_negative_inner_product(PG_FUNCTION_ARGS);

static const struct
{
	PGFunction	distance;
	bool		norm;
	PGFunction	type;
}			meanings[] = {
	{vector_l2_squared_distance, false, ivf_vector_l2_type},
	{vector_negative_inner_product, false, ivf_vector_ip_type},
	{vector_negative_inner_product, true, ivf_vector_cosine_type},
	{halfvec_l2_squared_distance, false, ivf_halfvec_l2_type},
	{halfvec_negative_inner_product, false, ivf_halfvec_ip_type},
	{halfvec_negative_inner_product, true, ivf_halfvec_cosine_type},
};

const IvfType *
hnsw_type(Relation index)
{
	PGFunction	distance = index_getprocinfo(index, 1, HNSW_DISTANCE_PROC)->fn_addr;
	bool		norm = OidIsValid(index_getprocid(index, 1, HNSW_NORM_PROC));

	for (int i = 0; i < lengthof(meanings); i++)
		if (meanings[i].distance == distance && meanings[i].norm == norm)
			return (const IvfType *) DatumGetPointer(DirectFunctionCall1(meanings[i].type, PointerGetDatum(NULL)));
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("operator class of index \"%s\" is not supported by access method hnsw",
					RelationGetRelationName(index))));
}

/* pgvector tells its own access method by this how to treat a type; ours knows. */
OMEN_FUNCTION(hnsw_halfvec_support);
Datum
hnsw_halfvec_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}
