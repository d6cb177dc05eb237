-- sparsevec: text form, functions and operators.
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

SELECT '{1:1.5,3:-2}/5'::sparsevec, E' { 1 : 1.5 ,\t3 :\n-2 } / 5 '::sparsevec AS spaced, '{}/5'::sparsevec AS empty;
SELECT '{5:1,2:7,+3:0x10}/+5'::sparsevec AS sorted, '{1:0,2:3,3:-0,9:0}/3'::sparsevec AS without_zeros;
SELECT '{1:1,1000000000:2}/1000000000'::sparsevec, '{2:1e-45}/2'::sparsevec, '{1:1}/3'::sparsevec(3), format_type('sparsevec'::regtype, 9);

SELECT input, pg_temp.try(format('%L::sparsevec', input))
FROM unnest(ARRAY['', '{', '{}', '{}/', '{}/x', '{}/5x', '{}/5/', '{1}/5', '{1:}/5', '{:1}/5', '{1:1,}/5', '{,}/5', '{1:1 2:2}/5',
	'[1,2]', '{1:1/5', '{1:1}5', '1:1}/5', '{a:1}/5', '{1.5:1}/5', '{1:a}/5', '{- 1:1}/5',
	'{0:1}/5', '{6:1}/5', '{-1:1}/5', '{99999999999999999999:1}/5', '{-99999999999999999999:1}/5', '{1:1,1:2}/5', '{2:1,1:1,2:3}/5',
	'{1:nan}/5', '{1:inf}/5', '{1:-inf}/5', '{1:1e39}/5', '{1:1e-50}/5',
	'{}/0', '{}/-1', '{}/1000000001', '{}/99999999999999999999']) input;
SELECT modifier, pg_temp.try(format('%L::sparsevec(%s)', '{1:1}/2', modifier))
FROM unnest(ARRAY['1', '2', '0', '-1', '1000000000', '1000000001', '1,2', 'a']) modifier;
-- 16,000 elements, and one more
SELECT length(('{' || string_agg(i || ':1', ',') || '}/20000')::sparsevec::text) FROM generate_series(1, 16000) i;
SELECT pg_temp.try(format('%L::sparsevec', '{' || string_agg(i || ':1', ',') || '}/20000')) FROM generate_series(1, 16001) i;

-- by hand
SELECT '{1:3}/2'::sparsevec <-> '{2:4}/2' AS l2, '{1:1,3:2}/3'::sparsevec <#> '{2:5,3:6}/3' AS negative_ip,
	'{1:1}/2'::sparsevec <=> '{2:1}/2' AS cosine, '{1:1,3:-2}/3'::sparsevec <+> '{2:5,3:1}/3' AS l1;
SELECT l2_distance('{1:3}/2'::sparsevec, '{2:4}/2'), inner_product('{1:1,3:2}/3'::sparsevec, '{2:5,3:6}/3'),
	cosine_distance('{1:1}/2'::sparsevec, '{1:-7}/2'), l1_distance('{1:1}/3'::sparsevec, '{}/3'),
	sparsevec_l2_squared_distance('{1:3}/2', '{2:4}/2'), sparsevec_negative_inner_product('{1:3}/2', '{1:4}/2');
SELECT '{}/3'::sparsevec <-> '{}/3' AS l2, '{}/3'::sparsevec <=> '{1:1}/3' AS cosine, '{1:3e38}/1'::sparsevec <-> '{1:-3e38}/1' AS overflow;
SELECT l2_norm('{2:3,4:4}/9'::sparsevec), l2_norm('{}/9'::sparsevec), l2_normalize('{2:3,4:4}/9'::sparsevec), l2_normalize('{}/9'::sparsevec);
-- what vanishes beside the rest is dropped
SELECT l2_normalize('{1:1e-40,2:1e10}/3'::sparsevec);

-- against the same as dense vectors
SELECT setseed(0.75) IS NULL AS seeded;
CREATE TEMP TABLE pair AS
SELECT a::vector AS a, b::vector AS b, a::sparsevec AS sa, b::sparsevec AS sb FROM (
	SELECT (SELECT array_agg(CASE WHEN random() < density THEN random() - 0.5 ELSE 0 * i END) FROM generate_series(1, dim) i) AS a,
		(SELECT array_agg(CASE WHEN random() < density THEN random() - 0.5 ELSE 0 * i END) FROM generate_series(1, dim) i) AS b
	FROM generate_series(1, 40) dim, (VALUES (0.1), (0.5), (0.9)) d(density)) t;
SELECT count(*),
	count(*) FILTER (WHERE abs((a <-> b) - (sa <-> sb)) > 1e-6) AS l2_wrong,
	count(*) FILTER (WHERE abs((a <#> b) - (sa <#> sb)) > 1e-6) AS ip_wrong,
	count(*) FILTER (WHERE abs((a <=> b) - (sa <=> sb)) > 1e-6 AND ((a <=> b) <> 'NaN' OR (sa <=> sb) <> 'NaN')) AS cosine_wrong,
	count(*) FILTER (WHERE abs((a <+> b) - (sa <+> sb)) > 1e-5) AS l1_wrong,
	count(*) FILTER (WHERE abs(vector_norm(a) - l2_norm(sa)) > 1e-12) AS norm_wrong,
	count(*) FILTER (WHERE l2_normalize(a)::sparsevec <> l2_normalize(sa)) AS unit_wrong,
	count(*) FILTER (WHERE sa::vector <> a OR sa::text::sparsevec <> sa) AS form_wrong,
	count(*) FILTER (WHERE vector_cmp(a, b) <> sparsevec_cmp(sa, sb)) AS order_wrong
FROM pair;
-- the order of vectors of any two lengths is that of the dense ones
SELECT count(*), count(*) FILTER (WHERE vector_cmp(p.a, q.a) <> sparsevec_cmp(p.sa, q.sa)) AS order_wrong FROM pair p, pair q;

SELECT expression, pg_temp.try(expression) FROM unnest(ARRAY[
	$$'{}/2'::sparsevec <-> '{}/3'$$, $$'{}/2'::sparsevec <#> '{}/3'$$, $$'{}/2'::sparsevec <=> '{}/3'$$, $$'{}/2'::sparsevec <+> '{}/3'$$,
	$$sparsevec_l2_squared_distance('{}/2', '{}/3')$$, $$'{}/2'::sparsevec = '{}/3'$$
]) expression;

-- long ones are toasted
CREATE TABLE sparse_toast (s sparsevec(1000000));
INSERT INTO sparse_toast SELECT ('{' || string_agg(i * 10 || ':' || i, ',') || '}/1000000')::sparsevec FROM generate_series(1, 5000) i;
SELECT s <-> s AS l2, s <#> '{50:2,51:3}/1000000' AS ip, pg_column_size(s) FROM sparse_toast;
DROP TABLE sparse_toast;
