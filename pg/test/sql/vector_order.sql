-- Order of the vector types: comparisons, btree, DISTINCT, GROUP BY, joins.
-- SPDX-License-Identifier: Apache-2.0

-- by the first element that differs, then by length, as arrays
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, vector_cmp(a, b), sign(btarraycmp(a::real[], b::real[])) AS arrays
FROM (VALUES ('[1,2]'::vector, '[1,2]'::vector), ('[1,2]', '[1,3]'), ('[2]', '[1,9]'), ('[1]', '[1,-9]'), ('[0]', '[-0]'), ('[-1]', '[0]')) t(a, b);
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, halfvec_cmp(a, b)
FROM (VALUES ('[1,2]'::halfvec, '[1,2]'::halfvec), ('[1,2]', '[1,3]'), ('[2]', '[1,9]'), ('[1]', '[1,-9]'), ('[0]', '[-0]'), ('[-1]', '[0]'), ('[-2]', '[-1]'), ('[-6e-8]', '[6e-8]')) t(a, b);
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, sparsevec_cmp(a, b)
FROM (VALUES ('{1:1}/2'::sparsevec, '{1:1}/2'::sparsevec), ('{1:1}/2', '{2:1}/2'), ('{1:-1}/2', '{2:1}/2'), ('{}/2', '{2:-1}/2'), ('{}/2', '{}/3'),
	('{}/2', '{3:-1}/3'), ('{1:1}/2', '{1:1,2:-1}/2'), ('{2:3}/2', '{2:4}/2')) t(a, b);

-- the order of halves is that of their values, for every pair of neighbours
WITH halves AS (
	SELECT bits, (CASE WHEN (bits / 1024) % 32 = 0 THEN (bits % 1024) * 2.0 ^ -24 ELSE (1024 + bits % 1024) * 2.0 ^ ((bits / 1024) % 32 - 25) END)::float4 AS x
	FROM generate_series(0, 31743) bits
)
SELECT count(*), bool_and(ARRAY[a.x]::halfvec < ARRAY[b.x]::halfvec AND ARRAY[-a.x]::halfvec > ARRAY[-b.x]::halfvec) AS ascending
FROM halves a JOIN halves b ON b.bits = a.bits + 1;

CREATE TABLE vector_order AS
SELECT i AS id, a::vector AS v, a::halfvec AS h, a::sparsevec AS s
FROM (SELECT i, ARRAY[i * 7 % 5 - 2, i * 3 % 4, i % 2] AS a FROM generate_series(1, 200) i) t;
SELECT count(DISTINCT v), count(DISTINCT h), count(DISTINCT s) FROM vector_order;
SELECT v, count(*) FROM vector_order GROUP BY v ORDER BY v LIMIT 4;
SELECT bool_and(v = h::vector AND h::vector = s::vector) AS same_order FROM (
	SELECT array_agg(v ORDER BY v, id) AS vs, array_agg(h ORDER BY h, id) AS hs, array_agg(s ORDER BY s, id) AS ss FROM vector_order) t,
	unnest(vs, hs, ss) AS u(v, h, s);
SELECT bool_and(v::real[] >= before::real[]) AS sorted FROM (SELECT v, lag(v) OVER (ORDER BY v) AS before FROM vector_order) t;
SELECT min(id), count(*) FROM vector_order a WHERE EXISTS (SELECT FROM vector_order b WHERE b.v = a.v AND b.id < a.id);

CREATE INDEX vector_order_v ON vector_order (v);
CREATE INDEX vector_order_h ON vector_order (h);
CREATE INDEX vector_order_s ON vector_order (s);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT id FROM vector_order WHERE v = '[0,1,1]';
SELECT count(*) FROM vector_order WHERE v = '[0,1,1]';
SELECT count(*) FROM vector_order WHERE h > '[0,1,1]' AND h <= '[1,1]';
SELECT count(*) FROM vector_order WHERE s BETWEEN '{}/3' AND '{1:1}/3';
EXPLAIN (COSTS off) SELECT v FROM vector_order ORDER BY v LIMIT 3;
SELECT v FROM vector_order ORDER BY v DESC LIMIT 1;
SELECT count(*) FROM vector_order a JOIN vector_order b ON a.v = b.v;
RESET enable_bitmapscan;
RESET enable_seqscan;
ALTER TABLE vector_order ADD UNIQUE (v, id);
INSERT INTO vector_order SELECT * FROM vector_order LIMIT 1;
DROP TABLE vector_order;
-- the negators and commutators that a planner turns to
SELECT NOT '[1]'::vector < '[2]' AS negated, '[1]'::vector IN ('[2]', '[1]') AS listed, greatest('[1,2]'::vector, '[1,3]'), least('[1]'::halfvec, '[2]');
-- a vector beside a halfvec becomes one
SELECT '[2049]'::vector = '[2048]'::halfvec AS rounded;
