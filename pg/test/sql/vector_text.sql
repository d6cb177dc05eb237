-- Text form of vector: what is read, what is written, what is refused.
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

SELECT '[1,2,3]'::vector;
SELECT '[-1.5,2.25,-0]'::vector;
SELECT E' [ 1 ,\t2\n,\r3 ] '::vector AS spaced;
SELECT '[.5,5.,+7,1e3,1E-2,0x10,-0X1.8p1]'::vector AS spelled;
-- shortest digits that read back equal
SELECT '[0.1,1.000000119,16777217,3.4028235e38,1e-45,1.17549435e-38]'::vector;
-- too small to be anything but zero
SELECT '[1e-50,-1e-400]'::vector;

-- typmods
SELECT '[1,2,3]'::vector(3);
SELECT format_type('vector'::regtype, 3), format_type('vector'::regtype, -1);

SELECT input, pg_temp.try(format('%L::vector', input))
FROM unnest(ARRAY[
	'', ' ', '1,2', '[', '[1', '[1,', '[1,2', '[]', '[ ]', '[,]', '[1,]', '[,1]', '[1,,2]',
	'[1 2]', '[1;2]', '[1,2]]', '[1,2]x', '[[1,2]]', '{1,2}', '(1,2)', 'x[1]', '[a]', '[1a]', '[1e]',
	'[1e+]', '[--1]', '[+-1]', '[.]', '[-]', '[1..2]', '[1_0]', '[0x]', '[null]',
	'[nan]', '[NaN]', '[1,nan]', '[inf]', '[-Infinity]', '[1e39]', '[-4e38]', '[1,1e400]', '[0x1p200]'
]) input;

SELECT modifier, pg_temp.try(format('%L::vector(%s)', '[1,2]', modifier))
FROM unnest(ARRAY['1', '2', '3', '0', '-1', '16000', '16001', '2147483648', '1,2', 'a', '''2''']) modifier;

-- 16,000 dimensions, and one more
SELECT length(('[' || repeat('1,', 15999) || '1]')::vector::text);
SELECT ('[' || repeat('1,', 16000) || '1]')::vector;

-- every float4 is written and read back equal: random bits, as vectors of 256
SELECT setseed(0.25) IS NULL AS seeded;
WITH bits AS MATERIALIZED (
	SELECT (sign(random() - 0.5) * (1 + random()) * 2.0 ^ (floor(random() * 250) - 125))::float4 AS x, i
	FROM generate_series(1, 25600) i
), vectors AS (
	SELECT array_agg(x) AS a FROM bits GROUP BY i / 256
)
SELECT count(*), bool_and(a::vector::text::vector::real[] = a) FROM vectors;

-- tables
CREATE TABLE vector_text (id int, v vector(2) NOT NULL DEFAULT '[0,0]', doubled vector GENERATED ALWAYS AS (v + v) STORED);
INSERT INTO vector_text VALUES (1, '[1,2]'), (2, DEFAULT), (3, ARRAY[5,6]);
INSERT INTO vector_text VALUES (4, '[1,2,3]');
INSERT INTO vector_text VALUES (5, ARRAY[1]);
INSERT INTO vector_text VALUES (6, '[1]'::vector);
UPDATE vector_text SET v = v * v WHERE id = 3;
SELECT * FROM vector_text ORDER BY id;
COPY vector_text (id, v) FROM stdin;
7	[1,nan]
\.
COPY vector_text (id, v) FROM stdin;
7	[1e1, 2.50]
\.
COPY (SELECT id, v, doubled FROM vector_text WHERE id = 7) TO stdout;
ALTER TABLE vector_text DROP COLUMN doubled;
ALTER TABLE vector_text ALTER COLUMN v TYPE vector(3);
ALTER TABLE vector_text ALTER COLUMN v TYPE vector;
ALTER TABLE vector_text ALTER COLUMN v TYPE real[];
SELECT v[1], v[2] FROM vector_text WHERE id = 7;
DROP TABLE vector_text;
