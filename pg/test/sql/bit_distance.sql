-- Distances between bit strings.
-- SPDX-License-Identifier: Apache-2.0

SELECT B'111' <~> B'010' AS hamming, B'111' <%> B'110' AS jaccard, hamming_distance(B'0000', B'1111'), jaccard_distance(B'1100', B'1000');
SELECT B'' <~> B'' AS hamming, B'' <%> B'' AS jaccard, B'000' <%> B'000' AS zeros, B'101' <%> B'101' AS same, B'10' <%> B'01' AS disjoint;
SELECT B'111' <~> B'11';
SELECT B'111' <%> B'11';
SELECT NULL::bit(3) <~> B'111' IS NULL AND B'1' <%> NULL IS NULL AS strict;

-- against counting ones, for every length to 200 and one beyond a page
SELECT setseed(0.1) IS NULL AS seeded;
CREATE TEMP TABLE pair AS
SELECT (SELECT string_agg((random() < 0.5)::int::text, '') FROM generate_series(1, n))::varbit AS a,
	(SELECT string_agg((random() < 0.5)::int::text, '') FROM generate_series(1, n))::varbit AS b
FROM (SELECT generate_series(1, 200) UNION ALL SELECT 100000) t(n);
CREATE FUNCTION pg_temp.ones(varbit) RETURNS float8 LANGUAGE sql AS $$ SELECT length(replace($1::text, '0', ''))::float8 $$;
SELECT count(*), count(*) FILTER (WHERE (a::bit(100000) <~> b::bit(100000)) <> pg_temp.ones(a # b)) AS hamming_wrong,
	count(*) FILTER (WHERE (a::bit(100000) <%> b::bit(100000)) <>
		CASE WHEN pg_temp.ones(a & b) = 0 THEN 1 ELSE 1 - pg_temp.ones(a & b) / pg_temp.ones(a | b) END) AS jaccard_wrong
FROM pair;
SELECT count(*) FILTER (WHERE hamming_distance(a::bit, b::bit) <> pg_temp.ones(a::bit # b::bit)) AS first_bit_wrong FROM pair;
-- exact lengths: from signs
SELECT bool_and(length(q) = n AND q <~> ~q = n) AS lengths
FROM generate_series(1, 130) n, LATERAL (SELECT binary_quantize(array_agg(sin(i))::vector) AS q FROM generate_series(1, n) i) t;
