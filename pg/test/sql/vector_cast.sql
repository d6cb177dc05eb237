-- Casts: arrays to and from the vector types, and between them.
-- SPDX-License-Identifier: Apache-2.0

-- what an expression gives, or the SQLSTATE and message of its error
CREATE FUNCTION pg_temp.try(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	state text;
	message text;
BEGIN
	EXECUTE 'SELECT (' || expression || ')::text' INTO answer;
	RETURN coalesce(answer, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	RETURN state || ' ' || message;
END $$;

SELECT ARRAY[1,2,3]::vector, ARRAY[1,2,3]::halfvec, ARRAY[1,0,3]::sparsevec;
SELECT ARRAY[1.5,2.25]::real[]::vector, ARRAY[1.5,2.25]::real[]::halfvec, ARRAY[0,2.25]::real[]::sparsevec;
SELECT ARRAY[1.5,2.25]::float8[]::vector, ARRAY[1.5,2.25]::float8[]::halfvec, ARRAY[0,2.25]::float8[]::sparsevec;
SELECT ARRAY[1.5,-2.25]::numeric[]::vector, ARRAY[1.5,-2.25]::numeric[]::halfvec, ARRAY[0,2.25,123456.789,0.00001]::numeric[]::sparsevec;
-- rounded to single precision, or half, once
SELECT ARRAY[16777217,2147483647]::vector, ARRAY[0.1]::float8[]::vector, ARRAY[2049,2051]::halfvec, ARRAY[1e-300]::float8[]::sparsevec;
SELECT '[1,2.5]'::vector::real[], '[1,2.5]'::halfvec::real[], '[1,2.5]'::vector::halfvec, '[1,2.5]'::halfvec::vector,
	'[0,2.5]'::vector::sparsevec, '[0,2.5]'::halfvec::sparsevec, '{2:2.5}/3'::sparsevec::vector, '{2:2.5}/3'::sparsevec::halfvec;
-- subscripts need not start at 1, and a null bitmap may be there without nulls
SELECT '[7:9]={1,2,3}'::int[]::vector, (ARRAY[1,NULL,3])[1:1]::vector, array_replace(ARRAY[1,NULL], NULL, 2)::halfvec;
SELECT array_length('[1,2,3]'::vector::real[], 1), array_lower('[1,2,3]'::vector::real[], 1), array_ndims('[1]'::halfvec::real[]);

SELECT type, expression, pg_temp.try(expression || '::' || type)
FROM unnest(ARRAY['vector', 'halfvec', 'sparsevec']) type, unnest(ARRAY[
	$$'{}'::int[]$$, $$'{}'::numeric[]$$, $$'{{1,2},{3,4}}'::int[]$$, $$'{1,NULL}'::int[]$$, $$'{1,NULL}'::numeric[]$$,
	$$'{NaN}'::real[]$$, $$'{Infinity}'::real[]$$, $$'{1,-Infinity}'::float8[]$$, $$'{1e39}'::float8[]$$, $$'{NaN}'::numeric[]$$,
	$$'{65519}'::int[]$$, $$'{65520}'::int[]$$, $$'{1e5}'::numeric[]$$
]) expression;
SELECT expression, pg_temp.try(expression) FROM unnest(ARRAY[
	$$ARRAY[1,2]::vector(2)$$, $$ARRAY[1,2]::vector(3)$$, $$ARRAY[1,2]::halfvec(3)$$, $$ARRAY[1,2]::sparsevec(3)$$,
	$$'[1,2]'::vector::vector(3)$$, $$'[1,2]'::halfvec::halfvec(3)$$, $$'{}/2'::sparsevec::sparsevec(3)$$,
	$$'[1,2]'::vector::halfvec(3)$$, $$'[1,2]'::halfvec::vector(3)$$, $$'[1,2]'::vector::sparsevec(3)$$,
	$$'[1,2]'::halfvec::sparsevec(3)$$, $$'{}/2'::sparsevec::vector(3)$$, $$'{}/2'::sparsevec::halfvec(3)$$,
	$$'[65520]'::vector::halfvec$$, $$'[65519]'::vector::halfvec$$, $$'{1:-1e5}/2'::sparsevec::halfvec$$,
	$$'{}/16001'::sparsevec::vector$$, $$'{}/16001'::sparsevec::halfvec$$,
	$$vector_dims('{16000:1}/16000'::sparsevec::vector)$$,
	$$array_fill(1, ARRAY[16001])::vector$$, $$array_fill(1, ARRAY[16001])::halfvec$$, $$array_fill(1, ARRAY[16001])::sparsevec$$,
	$$array_fill(0, ARRAY[1000000])::sparsevec$$
]) expression;

-- which casts happen by themselves: a function of real[] takes a vector, one of vector no array
CREATE FUNCTION pg_temp.takes_array(real[]) RETURNS text LANGUAGE sql AS $$ SELECT 'array'::text $$;
CREATE FUNCTION pg_temp.takes_vector(vector) RETURNS text LANGUAGE sql AS $$ SELECT 'vector'::text $$;
CREATE FUNCTION pg_temp.takes_halfvec(halfvec) RETURNS text LANGUAGE sql AS $$ SELECT 'halfvec'::text $$;
CREATE FUNCTION pg_temp.takes_sparsevec(sparsevec) RETURNS text LANGUAGE sql AS $$ SELECT 'sparsevec'::text $$;
SELECT pg_temp.takes_array('[1]'::vector), pg_temp.takes_halfvec('[1]'::vector), pg_temp.takes_sparsevec('[1]'::vector), pg_temp.takes_sparsevec('[1]'::halfvec);
SELECT pg_temp.takes_array('[1]'::halfvec);
SELECT pg_temp.takes_vector(ARRAY[1.0]::real[]);
SELECT pg_temp.takes_vector('[1]'::halfvec);
-- assignment takes them all
CREATE TEMP TABLE target (v vector(2), h halfvec(2), s sparsevec(2), r real[]);
INSERT INTO target VALUES (ARRAY[1,2], ARRAY[1.5,2], ARRAY[0,2]::float8[], '[1,2]'::vector),
	('[1,2]'::halfvec, '[1,2]'::vector, '[0,2]'::halfvec, '[3,4]'::halfvec), ('{1:1}/2'::sparsevec, '{2:1}/2'::sparsevec, '[1,0]'::vector, NULL);
SELECT * FROM target;
INSERT INTO target (v) VALUES (ARRAY[1,2,3]);
