-- vector_sphere and halfvec_sphere: conditions on a distance that an index can answer
-- SPDX-License-Identifier: Apache-2.0

CREATE TYPE vector_sphere;
CREATE FUNCTION vector_sphere_in(cstring, oid, integer) RETURNS vector_sphere
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000;
CREATE FUNCTION vector_sphere_out(vector_sphere) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000;
CREATE TYPE vector_sphere (
	INPUT = vector_sphere_in,
	OUTPUT = vector_sphere_out,
	STORAGE = external,
	ALIGNMENT = double
);
COMMENT ON TYPE vector_sphere IS 'what lies within a radius of a vector';

CREATE TYPE halfvec_sphere;
CREATE FUNCTION halfvec_sphere_in(cstring, oid, integer) RETURNS halfvec_sphere
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000;
CREATE FUNCTION halfvec_sphere_out(halfvec_sphere) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000;
CREATE TYPE halfvec_sphere (
	INPUT = halfvec_sphere_in,
	OUTPUT = halfvec_sphere_out,
	STORAGE = external,
	ALIGNMENT = double
);
COMMENT ON TYPE halfvec_sphere IS 'what lies within a radius of a halfvec';

CREATE FUNCTION sphere(vector, float8) RETURNS vector_sphere
	AS 'MODULE_PATHNAME', 'sphere_open' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sphere(vector, float8) IS 'what is nearer to the vector than the radius';
CREATE FUNCTION closed_sphere(vector, float8) RETURNS vector_sphere
	AS 'MODULE_PATHNAME', 'sphere_closed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION closed_sphere(vector, float8) IS 'what is as near to the vector as the radius, or nearer';
CREATE FUNCTION sphere(halfvec, float8) RETURNS halfvec_sphere
	AS 'MODULE_PATHNAME', 'sphere_open' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sphere(halfvec, float8) IS 'what is nearer to the vector than the radius';
CREATE FUNCTION closed_sphere(halfvec, float8) RETURNS halfvec_sphere
	AS 'MODULE_PATHNAME', 'sphere_closed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION closed_sphere(halfvec, float8) IS 'what is as near to the vector as the radius, or nearer';

CREATE FUNCTION l2_within(vector, vector_sphere) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vector_l2_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 SUPPORT vector_cost;
COMMENT ON FUNCTION l2_within(vector, vector_sphere) IS 'whether the Euclidean distance is within the radius';
CREATE FUNCTION inner_product_within(vector, vector_sphere) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vector_inner_product_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 SUPPORT vector_cost;
COMMENT ON FUNCTION inner_product_within(vector, vector_sphere) IS 'whether the negative inner product is within the radius';
CREATE FUNCTION cosine_within(vector, vector_sphere) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vector_cosine_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 SUPPORT vector_cost;
COMMENT ON FUNCTION cosine_within(vector, vector_sphere) IS 'whether the cosine distance is within the radius';
CREATE FUNCTION l2_within(halfvec, halfvec_sphere) RETURNS boolean
	AS 'MODULE_PATHNAME', 'halfvec_l2_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 750 SUPPORT halfvec_cost;
COMMENT ON FUNCTION l2_within(halfvec, halfvec_sphere) IS 'whether the Euclidean distance is within the radius';
CREATE FUNCTION inner_product_within(halfvec, halfvec_sphere) RETURNS boolean
	AS 'MODULE_PATHNAME', 'halfvec_inner_product_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 750 SUPPORT halfvec_cost;
COMMENT ON FUNCTION inner_product_within(halfvec, halfvec_sphere) IS 'whether the negative inner product is within the radius';
CREATE FUNCTION cosine_within(halfvec, halfvec_sphere) RETURNS boolean
	AS 'MODULE_PATHNAME', 'halfvec_cosine_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 750 SUPPORT halfvec_cost;
COMMENT ON FUNCTION cosine_within(halfvec, halfvec_sphere) IS 'whether the cosine distance is within the radius';

CREATE FUNCTION vector_within_sel(internal, oid, internal, int) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_within_sel(internal, oid, internal, int) IS 'share of rows within a sphere, for the planner';

CREATE OPERATOR <<->> (
	LEFTARG = vector, RIGHTARG = vector_sphere, FUNCTION = l2_within,
	RESTRICT = vector_within_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR <<->> (vector, vector_sphere) IS 'Euclidean distance is within the radius';
CREATE OPERATOR <<#>> (
	LEFTARG = vector, RIGHTARG = vector_sphere, FUNCTION = inner_product_within,
	RESTRICT = vector_within_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR <<#>> (vector, vector_sphere) IS 'negative inner product is within the radius';
CREATE OPERATOR <<=>> (
	LEFTARG = vector, RIGHTARG = vector_sphere, FUNCTION = cosine_within,
	RESTRICT = vector_within_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR <<=>> (vector, vector_sphere) IS 'cosine distance is within the radius';
CREATE OPERATOR <<->> (
	LEFTARG = halfvec, RIGHTARG = halfvec_sphere, FUNCTION = l2_within,
	RESTRICT = vector_within_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR <<->> (halfvec, halfvec_sphere) IS 'Euclidean distance is within the radius';
CREATE OPERATOR <<#>> (
	LEFTARG = halfvec, RIGHTARG = halfvec_sphere, FUNCTION = inner_product_within,
	RESTRICT = vector_within_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR <<#>> (halfvec, halfvec_sphere) IS 'negative inner product is within the radius';
CREATE OPERATOR <<=>> (
	LEFTARG = halfvec, RIGHTARG = halfvec_sphere, FUNCTION = cosine_within,
	RESTRICT = vector_within_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR <<=>> (halfvec, halfvec_sphere) IS 'cosine distance is within the radius';
