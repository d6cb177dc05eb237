/*
 * ivf_opclass.c - what an operator class tells the access method: its metric,
 * and how to see its type's values as floats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivf/ivf_am.h"
#include "type/halfvec.h"
#include "type/vector.h"

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

#define IVF_TYPE(name, metric, dim, floats) \
	OMEN_FUNCTION(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		static const IvfType type = {metric, dim, floats}; \
		PG_RETURN_POINTER(&type); \
	} \
	extern int	omen_no_such_symbol

IVF_TYPE(ivf_vector_l2_type, OMEN_L2, vector_dim, vector_floats);
IVF_TYPE(ivf_vector_ip_type, OMEN_INNER_PRODUCT, vector_dim, vector_floats);
IVF_TYPE(ivf_vector_cosine_type, OMEN_COSINE, vector_dim, vector_floats);
IVF_TYPE(ivf_halfvec_l2_type, OMEN_L2, halfvec_dim, halfvec_floats);
IVF_TYPE(ivf_halfvec_ip_type, OMEN_INNER_PRODUCT, halfvec_dim, halfvec_floats);
IVF_TYPE(ivf_halfvec_cosine_type, OMEN_COSINE, halfvec_dim, halfvec_floats);

const IvfType *
ivf_type(Relation index)
{
	FmgrInfo   *proc = index_getprocinfo(index, 1, IVF_TYPE_PROC);

	return (const IvfType *) DatumGetPointer(FunctionCall1(proc, PointerGetDatum(NULL)));
}

int
ivf_dimensions(Relation index)
{
	int			dim = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;

	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions"),
				 errhint("Declare them, as in vector(768), or index an expression such as (embedding::vector(768)).")));
	if (dim > VECTOR_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %d dimensions for ivf index", VECTOR_MAX_DIM)));
	return dim;
}

static void
check_dimensions(const IvfType *type, const OmenRotation *rotation, Datum detoasted)
{
	int			dim = type->dim(detoasted);

	if (dim != (int) rotation->dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vector dimensions %d and %d", (int) rotation->dim, dim)));
}

void
ivf_point_from_datum(const IvfType *type, const OmenRotation *rotation, OmenMetric metric,
					 const float *mean, float lift_sq, Datum detoasted,
					 float *room, float *scratch, OmenPoint *point)
{
	check_dimensions(type, rotation, detoasted);
	omen_ivf_point(rotation, metric, mean, lift_sq, type->floats(detoasted, room), scratch, point);
}

double
ivf_query_from_datum(const IvfType *type, const OmenRotation *rotation, const OmenIvfModel *model, Datum detoasted,
					 float *room, float *scratch, OmenPoint *point, double *norm_sq)
{
	const float *floats;
	double		scale;

	check_dimensions(type, rotation, detoasted);
	floats = type->floats(detoasted, room);
	scale = omen_ivf_query(rotation, model, floats, scratch, point);
	*norm_sq = scale / rotation->unit * (scale / rotation->unit) * omen_simd->norm_sq_f32(floats, rotation->dim);
	return scale;
}
