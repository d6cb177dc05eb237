-- Text form of halfvec: what is read, what is written, what is refused.
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

SELECT '[1,2.5,-3]'::halfvec, E' [ 1 ,\t2 ] '::halfvec, '[0x10,.5,+1e3]'::halfvec;
-- eleven binary digits, ties to even; then the smallest and largest
SELECT '[2049,2051,0.1,3.14159]'::halfvec AS rounded;
SELECT '[65504,65519.99,-65504,6.1e-5,5.9604645e-8,2.98e-8,2.9802322e-8,1e-10]'::halfvec AS extremes;
SELECT '[1,2]'::halfvec(2), format_type('halfvec'::regtype, 7);

SELECT input, pg_temp.try(format('%L::halfvec', input))
FROM unnest(ARRAY['', '[', '[]', '[1', '[1,]', '[1 2]', '[1]x', '{1}', '[a]', '[1e]',
	'[nan]', '[inf]', '[-inf]', '[65519.996]', '[65520]', '[-65520]', '[1e10]', '[1e39]', '[1,-1e400]']) input;
SELECT modifier, pg_temp.try(format('%L::halfvec(%s)', '[1,2]', modifier))
FROM unnest(ARRAY['1', '2', '0', '-1', '16000', '16001', '1,2', 'a']) modifier;
SELECT length(('[' || repeat('1,', 15999) || '1]')::halfvec::text);
SELECT ('[' || repeat('1,', 16000) || '1]')::halfvec;

-- every finite half is written and read back equal
WITH halves AS (
	SELECT (CASE WHEN bits >= 32768 THEN -1 ELSE 1 END * CASE
		WHEN (bits / 1024) % 32 = 0 THEN (bits % 1024) * 2.0 ^ -24
		ELSE (1024 + bits % 1024) * 2.0 ^ ((bits / 1024) % 32 - 25) END)::float4 AS x, bits
	FROM generate_series(0, 65535) bits WHERE (bits / 1024) % 32 < 31
), vectors AS (
	SELECT array_agg(x ORDER BY bits) AS a FROM halves GROUP BY bits / 512
)
SELECT count(*), sum(array_length(a, 1)), bool_and(a::halfvec::real[] = a AND a::halfvec::text::halfvec::real[] = a) FROM vectors;

CREATE TABLE halfvec_text (id int, h halfvec(2), plus halfvec(2) GENERATED ALWAYS AS (h + '[1,1]') STORED);
INSERT INTO halfvec_text VALUES (1, '[1,2]'), (2, ARRAY[3,4]), (3, '[5,6]'::vector);
INSERT INTO halfvec_text VALUES (4, '[1,2,3]');
SELECT * FROM halfvec_text ORDER BY id;
DROP TABLE halfvec_text;
