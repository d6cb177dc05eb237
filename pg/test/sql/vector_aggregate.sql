-- avg and sum of vector and halfvec, alone, grouped, as windows and in parallel.
-- SPDX-License-Identifier: Apache-2.0

SELECT avg(v), sum(v), avg(v::halfvec) AS half_avg, sum(v::halfvec) AS half_sum
FROM (VALUES ('[1,2,3]'::vector), (NULL), ('[4,8,-3]')) t(v);
SELECT avg(v) IS NULL AND sum(v) IS NULL AND avg(v::halfvec) IS NULL AND sum(v::halfvec) IS NULL AS of_none_is_null
FROM (SELECT '[1]'::vector AS v WHERE false) t;
SELECT avg(v) IS NULL AND sum(v) IS NULL AS of_nulls_is_null FROM (VALUES (NULL::vector), (NULL)) t(v);
-- sums of averages are kept in double, those of sum in the type itself
SELECT avg(v) FROM (VALUES ('[3e38]'::vector), ('[3e38]')) t(v);
SELECT sum(v) FROM (VALUES ('[3e38]'::vector), ('[3e38]')) t(v);
SELECT avg(v) FROM (VALUES ('[65504]'::halfvec), ('[65504]')) t(v);
SELECT sum(v) FROM (VALUES ('[65504]'::halfvec), ('[65504]')) t(v);
-- one number of dimensions
SELECT avg(v) FROM (VALUES ('[1,2]'::vector), ('[3]')) t(v);
SELECT sum(v) FROM (VALUES ('[1,2]'::vector), ('[3]')) t(v);
SELECT avg(v) FROM (VALUES ('[1,2]'::halfvec), ('[3]')) t(v);
SELECT sum(v) FROM (VALUES ('[1,2]'::halfvec), ('[3]')) t(v);

-- a running total must not change the totals already given
SELECT id, sum(v) OVER w, avg(v) OVER w, sum(v::halfvec) OVER w AS half_sum, avg(v::halfvec) OVER w AS half_avg
FROM (VALUES (1, '[1,1]'::vector), (2, '[2,3]'), (3, '[4,5]')) t(id, v) WINDOW w AS (ORDER BY id) ORDER BY id;
SELECT array_agg(s::text ORDER BY g) FROM (SELECT g, sum(v) AS s FROM (VALUES (1, '[1]'::vector), (1, '[2]'), (2, '[10]'), (2, '[20]')) t(g, v) GROUP BY GROUPING SETS ((g), ())) t;
-- nor may adding change what is added to
CREATE TEMP TABLE source (id int, v vector, h halfvec);
INSERT INTO source VALUES (1, '[1,2]', '[1,2]'), (2, '[3,4]', '[3,4]');
SELECT sum(v), sum(v), avg(v), sum(h), avg(h) FROM source;
SELECT * FROM source ORDER BY id;

-- against float8 aggregates, serial and in parallel, in line and toasted
CREATE TABLE vector_aggregate (g int, v vector, h halfvec);
ALTER TABLE vector_aggregate SET (parallel_workers = 2);
INSERT INTO vector_aggregate SELECT i % 3, a::vector, a::halfvec
FROM (SELECT i, (SELECT array_agg((i * 31 + j * 17) % 64 / 8.0) FROM generate_series(1, 5) j) AS a FROM generate_series(1, 2000) i) t;
ANALYZE vector_aggregate;
CREATE VIEW model AS
SELECT g, array_agg(mean ORDER BY j)::vector AS mean, array_agg(mean ORDER BY j)::halfvec AS half_mean, array_agg(total ORDER BY j)::vector AS total FROM (
	SELECT g, j, avg(x) AS mean, sum(x) AS total FROM vector_aggregate, unnest(v::real[]::float8[]) WITH ORDINALITY u(x, j) GROUP BY g, j) t GROUP BY g;
SELECT g, avg(v) = mean AS avg, avg(h) = half_mean AS half_avg, sum(v) = total AS sum FROM vector_aggregate JOIN model USING (g) GROUP BY g, mean, half_mean, total ORDER BY g;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
EXPLAIN (COSTS off) SELECT avg(v), sum(v), avg(h), sum(h) FROM vector_aggregate;
SELECT avg(v) AS avg, sum(v) AS sum, avg(h) AS half_avg FROM vector_aggregate;
-- a worker that meets no row has nothing to combine
SELECT avg(v), sum(v), avg(h), sum(h) FROM vector_aggregate WHERE v = '[6,0.125,2.25,4.375,6.5]';
SELECT avg(v) IS NULL AND sum(v) IS NULL AS none FROM vector_aggregate WHERE v = '[1,2]';
RESET parallel_leader_participation;
RESET max_parallel_workers_per_gather;
SET max_parallel_workers_per_gather = 0;
SELECT avg(v) AS avg, sum(v) AS sum, avg(h) AS half_avg FROM vector_aggregate;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET parallel_tuple_cost;
RESET parallel_setup_cost;
TRUNCATE vector_aggregate;
INSERT INTO vector_aggregate SELECT 0, a::vector, a::halfvec FROM (SELECT array_agg(i * j % 128) AS a FROM generate_series(1, 3000) i, generate_series(1, 20) j GROUP BY j) t;
SELECT avg(v) = mean AS avg, avg(h) = half_mean AS half_avg, sum(v) = total AS sum FROM vector_aggregate JOIN model USING (g) GROUP BY mean, half_mean, total;
DROP VIEW model;
DROP TABLE vector_aggregate;

-- the transition functions may be called by anybody, with anything
SELECT vector_accum('{0}', '[1,2]'), vector_accum('{1,1,2}', '[3,4]'), halfvec_accum('{0}', '[1,2]'), halfvec_accum('{1,1,2}', '[3,4]');
SELECT vector_combine('{0}', '{0}'), vector_combine('{0}', '{1,2,3}'), vector_combine('{1,2,3}', '{0}'), vector_combine('{1,2,3}', '{2,4,5}'),
	halfvec_combine('{1,2,3}', '{2,4,5}');
SELECT vector_avg('{0}') IS NULL AS none, vector_avg('{4,2,6}'), halfvec_avg('{4,2,6}');
SELECT vector_accum('{}', '[1]');
SELECT vector_accum('{{1,2}}', '[1]');
SELECT vector_accum('{1,NULL}', '[1]');
SELECT vector_accum('{1,2,3}', '[1]');
SELECT vector_accum('{1,1.7e308}', '[1]') IS NOT NULL AS fits, vector_combine('{1,1.7e308}', '{1,1.7e308}');
SELECT vector_accum('{1,Infinity}', '[1]');
SELECT vector_combine('{1,2,3}', '{1,2}');
SELECT vector_combine('{}', '{0}');
SELECT vector_avg('{}');
SELECT vector_avg('{1}');
SELECT vector_avg('{1,1e39}');
SELECT vector_avg('{1,NaN}');
SELECT halfvec_avg('{1,65520}');
SELECT halfvec_avg('{1}');
SELECT vector_avg(array_fill(1::float8, ARRAY[16002]));
SELECT halfvec_avg(array_fill(1::float8, ARRAY[16002]));
SELECT vector_combine(array_fill(1::float8, ARRAY[16002]), '{0}');
