-- Functions and operators of vector and halfvec.
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

-- by hand
SELECT '[0,3]'::vector <-> '[4,0]' AS l2, '[1,2,3]'::vector <#> '[4,5,6]' AS negative_ip,
	'[1,0]'::vector <=> '[0,2]' AS cosine, '[1,-2]'::vector <+> '[-3,5]' AS l1;
SELECT '[0,3]'::halfvec <-> '[4,0]' AS l2, '[1,2,3]'::halfvec <#> '[4,5,6]' AS negative_ip,
	'[1,0]'::halfvec <=> '[0,2]' AS cosine, '[1,-2]'::halfvec <+> '[-3,5]' AS l1;
SELECT l2_distance('[0,3]'::vector, '[4,0]'), inner_product('[1,2,3]'::vector, '[4,5,6]'),
	cosine_distance('[1,1]'::vector, '[-2,-2]'), l1_distance('[1,-2]'::vector, '[-3,5]');
SELECT l2_distance('[0,3]'::halfvec, '[4,0]'), inner_product('[1,2,3]'::halfvec, '[4,5,6]'),
	cosine_distance('[1,1]'::halfvec, '[-2,-2]'), l1_distance('[1,-2]'::halfvec, '[-3,5]');
SELECT vector_l2_squared_distance('[0,3]', '[4,0]'), vector_negative_inner_product('[1,2]', '[3,4]'),
	vector_spherical_distance('[1,0]', '[0,1]'), vector_spherical_distance('[1,0]', '[-1,0]'),
	vector_spherical_distance('[2,0]', '[1,0]') AS past_one;
SELECT halfvec_l2_squared_distance('[0,3]', '[4,0]'), halfvec_negative_inner_product('[1,2]', '[3,4]'),
	halfvec_spherical_distance('[1,0]', '[0,1]'), halfvec_spherical_distance('[1,0]', '[-1,0]'),
	halfvec_spherical_distance('[2,0]', '[1,0]') AS past_one;

-- extremes: a zero vector has no angle; rounding never passes 0 or 2; overflow is infinite
SELECT '[0,0]'::vector <=> '[1,2]' AS zero, '[0,0]'::halfvec <=> '[0,0]' AS zeros,
	'[0.1,0.2,0.3]'::vector <=> '[0.1,0.2,0.3]' AS same, '[3,3,3]'::halfvec <=> '[-1,-1,-1]' AS opposite;
SELECT '[3e38]'::vector <-> '[-3e38]' AS l2, '[3e38]'::vector <#> '[3e38]' AS ip,
	'[3e38,3e38]'::vector <+> '[-3e38,0]' AS l1, '[1e30]'::vector <=> '[1e30]' AS cosine,
	vector_norm('[3e38,3e38]') < 5e38 AS norm_in_double;
SELECT '[65504]'::halfvec <-> '[-65504]' AS l2, '[65504]'::halfvec <#> '[65504]' AS ip;

-- against a model in SQL, for every number of dimensions to 80 and some beyond
CREATE FUNCTION pg_temp.model(a float8[], b float8[], OUT l2 float8, OUT ip float8, OUT cosine float8, OUT l1 float8,
	OUT norm float8, OUT size float8) LANGUAGE sql AS $$
	SELECT sqrt(sum((x - y) ^ 2)), sum(x * y), 1 - sum(x * y) / sqrt(sum(x * x) * sum(y * y)), sum(abs(x - y)),
		sqrt(sum(x * x)), sum(abs(x * y)) FROM unnest(a, b) AS t(x, y)
$$;
SELECT setseed(0.5) IS NULL AS seeded;
CREATE TEMP TABLE pair AS
SELECT dim, (SELECT array_agg(random() - 0.5) FROM generate_series(1, dim))::vector AS a,
	(SELECT array_agg(random() - 0.5) FROM generate_series(1, dim))::vector AS b
FROM (SELECT generate_series(1, 80) UNION ALL VALUES (127), (255), (511), (512), (513), (1023), (1536), (15999), (16000)) d(dim);
SELECT count(*),
	count(*) FILTER (WHERE abs((a <-> b) - l2) > 1e-5 * l2) AS l2_wrong,
	count(*) FILTER (WHERE abs((a <#> b) + ip) > 1e-5 * size) AS ip_wrong,
	count(*) FILTER (WHERE abs((a <=> b) - cosine) > 1e-5) AS cosine_wrong,
	count(*) FILTER (WHERE abs((a <+> b) - l1) > 1e-5 * l1) AS l1_wrong,
	count(*) FILTER (WHERE abs(vector_norm(a) - norm) > 1e-12 * norm) AS norm_wrong,
	count(*) FILTER (WHERE vector_dims(a) <> dim) AS dims_wrong,
	count(*) FILTER (WHERE abs(vector_norm(l2_normalize(a)) - 1) > 1e-6) AS unit_wrong
FROM pair, pg_temp.model(a::real[]::float8[], b::real[]::float8[]);
SELECT count(*),
	count(*) FILTER (WHERE abs((a <-> b) - l2) > 1e-5 * l2) AS l2_wrong,
	count(*) FILTER (WHERE abs((a <#> b) + ip) > 1e-5 * size) AS ip_wrong,
	count(*) FILTER (WHERE abs((a <=> b) - cosine) > 1e-5) AS cosine_wrong,
	count(*) FILTER (WHERE abs((a <+> b) - l1) > 1e-5 * l1) AS l1_wrong,
	count(*) FILTER (WHERE abs(l2_norm(a) - norm) > 1e-12 * norm) AS norm_wrong,
	count(*) FILTER (WHERE vector_dims(a) <> dim) AS dims_wrong,
	count(*) FILTER (WHERE abs(l2_norm(l2_normalize(a)) - 1) > 1e-3) AS unit_wrong
FROM (SELECT dim, a::halfvec AS a, b::halfvec AS b FROM pair) p, pg_temp.model(a::real[]::float8[], b::real[]::float8[]);
-- symmetric to the last bit
SELECT bool_and((a <-> b) = (b <-> a) AND (a <#> b) = (b <#> a) AND (a <=> b) = (b <=> a) AND (a <+> b) = (b <+> a)) AS f32,
	bool_and((a::halfvec <-> b::halfvec) = (b::halfvec <-> a::halfvec) AND (a::halfvec <#> b::halfvec) = (b::halfvec <#> a::halfvec)
		AND (a::halfvec <=> b::halfvec) = (b::halfvec <=> a::halfvec) AND (a::halfvec <+> b::halfvec) = (b::halfvec <+> a::halfvec)) AS f16
FROM pair;
-- arithmetic is float4's own, element by element
SELECT count(*), bool_and((a + b)::real[] = (SELECT array_agg(x + y ORDER BY i) FROM unnest(a::real[], b::real[]) WITH ORDINALITY t(x, y, i))) AS plus,
	bool_and((a - b)::real[] = (SELECT array_agg(x - y ORDER BY i) FROM unnest(a::real[], b::real[]) WITH ORDINALITY t(x, y, i))) AS minus,
	bool_and((a * b)::real[] = (SELECT array_agg(x * y ORDER BY i) FROM unnest(a::real[], b::real[]) WITH ORDINALITY t(x, y, i))) AS times,
	bool_and((a::halfvec + b::halfvec) = (a::halfvec::vector + b::halfvec::vector)::halfvec) AS half_plus,
	bool_and((a::halfvec - b::halfvec) = (a::halfvec::vector - b::halfvec::vector)::halfvec) AS half_minus
FROM pair;
SELECT bool_and((a || b)::real[] = a::real[] || b::real[]) AS joined,
	bool_and((a::halfvec || b::halfvec)::real[] = a::halfvec::real[] || b::halfvec::real[]) AS half_joined,
	bool_and(subvector(a, 2, dim)::real[] = (a::real[])[2:]) FILTER (WHERE dim > 1) AS tail,
	bool_and(subvector(a::halfvec, 2, dim)::real[] = (a::halfvec::real[])[2:]) FILTER (WHERE dim > 1) AS half_tail,
	bool_and(binary_quantize(a)::text = (SELECT string_agg(CASE WHEN x > 0 THEN '1' ELSE '0' END, '' ORDER BY i) FROM unnest(a::real[]) WITH ORDINALITY t(x, i))) AS bits,
	bool_and(binary_quantize(a::halfvec) = binary_quantize(a::halfvec::vector)) AS half_bits
FROM pair WHERE dim <= 8000;

-- arithmetic by hand, and where it ends
SELECT '[1,2,3]'::vector + '[10,20,30]' AS plus, '[1,2,3]'::vector - '[10,20,30]' AS minus,
	'[1,2,3]'::vector * '[10,20,30]' AS times, '[1,2]'::vector || '[3]' AS joined;
SELECT '[1,2,3]'::halfvec + '[10,20,30]' AS plus, '[1,2,3]'::halfvec - '[10,20,30]' AS minus,
	'[1,2,3]'::halfvec * '[10,20,30]' AS times, '[1,2]'::halfvec || '[3]' AS joined;
-- ties to even: 2048 + 1 has no half
SELECT '[2048,2048]'::halfvec + '[1,3]' AS rounded;
SELECT expression, pg_temp.try(expression) FROM unnest(ARRAY[
	$$'[3e38]'::vector + '[3e38]'$$, $$'[-3e38]'::vector - '[3e38]'$$, $$'[1e20]'::vector * '[1e20]'$$,
	$$'[1e-30]'::vector * '[1e-30]'$$, $$'[0,1e-30]'::vector * '[1e-30,0]'$$,
	$$'[65504]'::halfvec + '[65504]'$$, $$'[65504]'::halfvec + '[15]'$$, $$'[-65504]'::halfvec - '[65504]'$$,
	$$'[300]'::halfvec * '[300]'$$, $$'[1e-4]'::halfvec * '[1e-4]'$$, $$'[0,1e-4]'::halfvec * '[1e-4,0]'$$,
	$$'[1,2]'::vector + '[1]'$$, $$'[1,2]'::vector - '[1]'$$, $$'[1,2]'::vector * '[1]'$$,
	$$'[1,2]'::halfvec + '[1]'$$, $$'[1,2]'::halfvec - '[1]'$$, $$'[1,2]'::halfvec * '[1]'$$,
	$$'[1,2]'::vector <-> '[1]'$$, $$'[1,2]'::vector <#> '[1]'$$, $$'[1,2]'::vector <=> '[1]'$$, $$'[1,2]'::vector <+> '[1]'$$,
	$$'[1,2]'::halfvec <-> '[1]'$$, $$'[1,2]'::halfvec <#> '[1]'$$, $$'[1,2]'::halfvec <=> '[1]'$$, $$'[1,2]'::halfvec <+> '[1]'$$,
	$$vector_l2_squared_distance('[1,2]', '[1]')$$, $$vector_spherical_distance('[1,2]', '[1]')$$,
	$$halfvec_l2_squared_distance('[1,2]', '[1]')$$, $$halfvec_spherical_distance('[1,2]', '[1]')$$,
	$$vector_dims(array_fill(1, ARRAY[9000])::vector || array_fill(1, ARRAY[7000])::vector)$$,
	$$array_fill(1, ARRAY[9000])::vector || array_fill(1, ARRAY[7001])::vector$$,
	$$vector_dims(array_fill(1, ARRAY[9000])::halfvec || array_fill(1, ARRAY[7000])::halfvec)$$,
	$$array_fill(1, ARRAY[9000])::halfvec || array_fill(1, ARRAY[7001])::halfvec$$
]) expression;

-- norm and direction
SELECT vector_norm('[3,4]'), l2_norm('[3,4]'::halfvec), vector_norm('[0]'), l2_norm('[0,0]'::halfvec);
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[0,0]'::vector), l2_normalize('[1e-30]'::vector), l2_normalize('[3e38]'::vector);
SELECT l2_normalize('[3,4]'::halfvec), l2_normalize('[0,0]'::halfvec), l2_normalize('[6e-8]'::halfvec), l2_normalize('[65504]'::halfvec);

-- parts: positions that do not exist are left out, as substring does
SELECT start, count, pg_temp.try(format('subvector(%L::vector, %s, %s)', '[1,2,3,4,5]', start, count)) AS vector,
	pg_temp.try(format('subvector(%L::halfvec, %s, %s)', '[1,2,3,4,5]', start, count)) AS halfvec
FROM (VALUES (1, 5), (1, 1), (5, 1), (2, 3), (4, 9), (0, 2), (-1, 3), (-1, 2), (1, 0), (1, -1), (6, 1),
	(2147483647, 2147483647), (-2147483648, 2147483647), (1, 2147483647), (1, -2147483648)) t(start, count);

SELECT binary_quantize('[1,0,-1,-0,1e-45,2,3,-4,5]'::vector), binary_quantize('[1,0,-1,-0,6e-8,2,3,-4,5]'::halfvec);

-- NULL in, NULL out
SELECT NULL::vector <-> '[1]' IS NULL AND '[1]'::halfvec <=> NULL IS NULL AND NULL::vector + '[1]' IS NULL
	AND l2_normalize(NULL::vector) IS NULL AND subvector('[1]'::vector, NULL, 1) IS NULL AND vector_dims(NULL::halfvec) IS NULL AS strict;

-- long vectors are fetched from the TOAST table, where the number of dimensions needs one piece only
CREATE TABLE dense_toast (v vector, h halfvec);
INSERT INTO dense_toast SELECT a::vector, a::halfvec FROM (SELECT array_agg(i % 100) AS a FROM generate_series(1, 16000) i) t;
SELECT pg_relation_size(reltoastrelid) > 0 AS toasted FROM pg_class WHERE relname = 'dense_toast';
SELECT vector_dims(v), vector_dims(h), v <-> v AS l2, h <-> h AS half_l2, v <#> v AS ip, subvector(v, 15999, 9) AS tail FROM dense_toast;
DROP TABLE dense_toast;
