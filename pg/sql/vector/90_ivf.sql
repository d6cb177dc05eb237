-- ivf: the access method and its operator classes
-- SPDX-License-Identifier: Apache-2.0

CREATE FUNCTION ivfhandler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME' LANGUAGE C;

CREATE ACCESS METHOD ivf TYPE INDEX HANDLER ivfhandler;
COMMENT ON ACCESS METHOD ivf IS 'inverted file of RaBitQ codes: nearest neighbours';

-- what an operator class tells the access method: metric, and how to read the type

CREATE FUNCTION ivf_vector_l2_type(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION ivf_vector_ip_type(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION ivf_vector_cosine_type(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION ivf_halfvec_l2_type(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION ivf_halfvec_ip_type(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION ivf_halfvec_cosine_type(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE OPERATOR CLASS vector_l2_ops DEFAULT FOR TYPE vector USING ivf AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 2 <<->> (vector, vector_sphere),
	FUNCTION 1 vector_l2_squared_distance(vector, vector),
	FUNCTION 2 ivf_vector_l2_type(internal),
	FUNCTION 3 sphere(vector, float8),
	FUNCTION 4 closed_sphere(vector, float8);

CREATE OPERATOR CLASS vector_ip_ops FOR TYPE vector USING ivf AS
	OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 2 <<#>> (vector, vector_sphere),
	FUNCTION 1 vector_negative_inner_product(vector, vector),
	FUNCTION 2 ivf_vector_ip_type(internal),
	FUNCTION 3 sphere(vector, float8),
	FUNCTION 4 closed_sphere(vector, float8);

CREATE OPERATOR CLASS vector_cosine_ops FOR TYPE vector USING ivf AS
	OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
	OPERATOR 2 <<=>> (vector, vector_sphere),
	FUNCTION 1 cosine_distance(vector, vector),
	FUNCTION 2 ivf_vector_cosine_type(internal),
	FUNCTION 3 sphere(vector, float8),
	FUNCTION 4 closed_sphere(vector, float8);

CREATE OPERATOR CLASS halfvec_l2_ops DEFAULT FOR TYPE halfvec USING ivf AS
	OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
	OPERATOR 2 <<->> (halfvec, halfvec_sphere),
	FUNCTION 1 halfvec_l2_squared_distance(halfvec, halfvec),
	FUNCTION 2 ivf_halfvec_l2_type(internal),
	FUNCTION 3 sphere(halfvec, float8),
	FUNCTION 4 closed_sphere(halfvec, float8);

CREATE OPERATOR CLASS halfvec_ip_ops FOR TYPE halfvec USING ivf AS
	OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
	OPERATOR 2 <<#>> (halfvec, halfvec_sphere),
	FUNCTION 1 halfvec_negative_inner_product(halfvec, halfvec),
	FUNCTION 2 ivf_halfvec_ip_type(internal),
	FUNCTION 3 sphere(halfvec, float8),
	FUNCTION 4 closed_sphere(halfvec, float8);

CREATE OPERATOR CLASS halfvec_cosine_ops FOR TYPE halfvec USING ivf AS
	OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
	OPERATOR 2 <<=>> (halfvec, halfvec_sphere),
	FUNCTION 1 cosine_distance(halfvec, halfvec),
	FUNCTION 2 ivf_halfvec_cosine_type(internal),
	FUNCTION 3 sphere(halfvec, float8),
	FUNCTION 4 closed_sphere(halfvec, float8);
