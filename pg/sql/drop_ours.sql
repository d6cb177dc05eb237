-- What is ours alone, when a database goes back to pgvector (see update_script).
-- SPDX-License-Identifier: Apache-2.0

-- its operator classes go with it, and an index of them forbids it
DROP ACCESS METHOD ivf;
-- FUNCTIONS HERE
DROP OPERATOR <<->> (vector, vector_sphere);
DROP OPERATOR <<#>> (vector, vector_sphere);
DROP OPERATOR <<=>> (vector, vector_sphere);
DROP OPERATOR <<->> (halfvec, halfvec_sphere);
DROP OPERATOR <<#>> (halfvec, halfvec_sphere);
DROP OPERATOR <<=>> (halfvec, halfvec_sphere);
DROP FUNCTION l2_within(vector, vector_sphere), inner_product_within(vector, vector_sphere), cosine_within(vector, vector_sphere);
DROP FUNCTION l2_within(halfvec, halfvec_sphere), inner_product_within(halfvec, halfvec_sphere), cosine_within(halfvec, halfvec_sphere);
DROP FUNCTION sphere(vector, float8), closed_sphere(vector, float8), sphere(halfvec, float8), closed_sphere(halfvec, float8);
-- with their input and output functions
DROP TYPE vector_sphere CASCADE;
DROP TYPE halfvec_sphere CASCADE;
DROP FUNCTION vector_cost(internal), halfvec_cost(internal), vector_within_sel(internal, oid, internal, int);
COMMENT ON ACCESS METHOD hnsw IS 'hnsw index access method';
COMMENT ON ACCESS METHOD ivfflat IS 'ivfflat index access method';
