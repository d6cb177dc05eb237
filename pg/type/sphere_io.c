/*
 * sphere_io.c - vector_sphere and halfvec_sphere: making one, text forms.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "common/shortest_dec.h"
#include "type/sphere.h"
#include "type/value_check.h"
#include "utils/builtins.h"

PGDLLEXPORT Datum vector_in(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum vector_out(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum halfvec_in(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum halfvec_out(PG_FUNCTION_ARGS);

Sphere *
omen_sphere_from_datum(Datum datum)
{
	Sphere	   *sphere = (Sphere *) PG_DETOAST_DATUM(datum);

	if (unlikely(VARSIZE(sphere) < offsetof(Sphere, center) + VARHDRSZ || !VARATT_IS_4B_U(sphere->center) ||
				 VARSIZE(sphere->center) != VARSIZE(sphere) - offsetof(Sphere, center)))
		omen_report_corrupt("sphere");
	return sphere;
}

static Datum
make_sphere(Datum center, double radius, bool closed)
{
	struct varlena *vec = PG_DETOAST_DATUM(center);
	Size		size = offsetof(Sphere, center) + VARSIZE(vec);
	Sphere	   *sphere = palloc(size);

	SET_VARSIZE(sphere, size);
	sphere->closed = closed;
	sphere->radius = radius;
	memcpy(sphere->center, vec, VARSIZE(vec));
	return PointerGetDatum(sphere);
}

/* sphere(vector, float8), sphere(halfvec, float8) */
OMEN_FUNCTION(sphere_open);
Datum
sphere_open(PG_FUNCTION_ARGS)
{
	return make_sphere(PG_GETARG_DATUM(0), PG_GETARG_FLOAT8(1), false);
}

OMEN_FUNCTION(sphere_closed);
Datum
sphere_closed(PG_FUNCTION_ARGS)
{
	return make_sphere(PG_GETARG_DATUM(0), PG_GETARG_FLOAT8(1), true);
}

/* Reads part of the literal by its type's input function; false after an error noted in `context`. */
static bool
read_part(PGFunction input, char *text, Node *context, Datum *value)
{
	LOCAL_FCINFO(fcinfo, 3);

	InitFunctionCallInfoData(*fcinfo, NULL, 3, InvalidOid, context, NULL);
	fcinfo->args[0] = (NullableDatum) {CStringGetDatum(text), false};
	fcinfo->args[1] = (NullableDatum) {ObjectIdGetDatum(InvalidOid), false};
	fcinfo->args[2] = (NullableDatum) {Int32GetDatum(-1), false};
	*value = input(fcinfo);
	return !fcinfo->isnull && !OMEN_INPUT_FAILED(context);
}

static Datum
sphere_in(FunctionCallInfo fcinfo, PGFunction center_in, const char *type)
{
	const char *literal = PG_GETARG_CSTRING(0);
	const char *sign = strrchr(literal, '<');
	bool		closed;
	Datum		center;
	Datum		radius;

	if (sign == NULL)
		OMEN_INPUT_ERROR(fcinfo->context, (Datum) 0,
						 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						  errmsg("invalid input syntax for type %s: \"%s\"", type, literal),
						  errdetail("A centre is followed by \"<\" or \"<=\" and a radius.")));
	closed = sign[1] == '=';
	if (!read_part(center_in, pnstrdup(literal, sign - literal), fcinfo->context, &center) ||
		!read_part(float8in, pstrdup(sign + 1 + closed), fcinfo->context, &radius))
		PG_RETURN_NULL();
	return make_sphere(center, DatumGetFloat8(radius), closed);
}

static Datum
sphere_out(FunctionCallInfo fcinfo, PGFunction center_out)
{
	Sphere	   *sphere = PG_GETARG_SPHERE_P(0);
	char		radius[DOUBLE_SHORTEST_DECIMAL_LEN];

	char	   *center = DatumGetCString(DirectFunctionCall1(center_out, PointerGetDatum(sphere->center)));

	double_to_shortest_decimal_buf(sphere->radius, radius);
	PG_RETURN_CSTRING(psprintf("%s<%s%s", center, sphere->closed ? "=" : "", radius));
}

OMEN_FUNCTION(vector_sphere_in);
Datum
vector_sphere_in(PG_FUNCTION_ARGS)
{
	return sphere_in(fcinfo, vector_in, "vector_sphere");
}

OMEN_FUNCTION(vector_sphere_out);
Datum
vector_sphere_out(PG_FUNCTION_ARGS)
{
	return sphere_out(fcinfo, vector_out);
}

OMEN_FUNCTION(halfvec_sphere_in);
Datum
halfvec_sphere_in(PG_FUNCTION_ARGS)
{
	return sphere_in(fcinfo, halfvec_in, "halfvec_sphere");
}

OMEN_FUNCTION(halfvec_sphere_out);
Datum
halfvec_sphere_out(PG_FUNCTION_ARGS)
{
	return sphere_out(fcinfo, halfvec_out);
}
