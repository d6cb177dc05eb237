-- What docs/compatibility.md says of pgvector 0.8.6 and us: where an index here
-- does more, or other things, than pgvector's users know.  A line of that table
-- that changes here has to change there.
-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE wide (v vector(2001), h halfvec(16000), nodim vector);
CREATE INDEX ON wide USING hnsw (v vector_l2_ops);
CREATE INDEX ON wide USING hnsw (h halfvec_l2_ops);
CREATE INDEX ON wide USING hnsw (nodim vector_l2_ops);
DROP TABLE wide;
-- the same bounds and defaults
CREATE TABLE small (v vector(3));
CREATE INDEX ON small USING hnsw (v vector_l2_ops) WITH (m = 1);
CREATE INDEX ON small USING hnsw (v vector_l2_ops) WITH (m = 101);
CREATE INDEX ON small USING hnsw (v vector_l2_ops) WITH (ef_construction = 3);
CREATE INDEX ON small USING hnsw (v vector_l2_ops) WITH (m = 40, ef_construction = 64);
CREATE INDEX ON small USING hnsw (v);
CREATE UNIQUE INDEX ON small USING hnsw (v vector_l2_ops);
SET hnsw.ef_search = 1001;
SET hnsw.iterative_scan = maybe;
SHOW hnsw.ef_search;
SHOW hnsw.iterative_scan;
SHOW hnsw.max_scan_tuples;
SHOW hnsw.scan_mem_multiplier;
DROP TABLE small;
-- a sparse vector of more elements; lists past the memory for their k-means, and past the rows
CREATE TABLE sparse (v sparsevec(5000));
CREATE INDEX ON sparse USING hnsw (v sparsevec_l2_ops);
INSERT INTO sparse SELECT ('{' || string_agg(i || ':1', ',') || '}/5000')::sparsevec FROM generate_series(1, 1001) i;
DROP TABLE sparse;
CREATE TABLE lists (v vector(3));
SET maintenance_work_mem = '1MB';
CREATE INDEX ON lists USING ivfflat (v vector_l2_ops) WITH (lists = 32768);
RESET maintenance_work_mem;
DROP TABLE lists;
SELECT pg_column_size('[1,2,3]'::vector) AS v, pg_column_size('[1,2,3]'::halfvec) AS h,
	pg_column_size('{1:1,3:2}/5'::sparsevec) AS s;

-- rows that pgvector leaves out; id 5001 is NULL, 5002 has length zero
SELECT setseed(0.5) \g /dev/null
CREATE TABLE rows_all (id int PRIMARY KEY, category int, v vector(3));
INSERT INTO rows_all SELECT i, i % 100, ARRAY[random(), random(), random()]::real[]::vector FROM generate_series(1, 5000) i;
INSERT INTO rows_all VALUES (5001, 1, NULL), (5002, 1, '[0,0,0]');
CREATE INDEX by_graph ON rows_all USING hnsw (v vector_cosine_ops);
ANALYZE rows_all;
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT id FROM rows_all WHERE category = 7 ORDER BY v <=> '[1,2,3]' LIMIT 10;
-- more than ef_search
SELECT count(*) FROM (SELECT id FROM rows_all ORDER BY v <=> '[1,2,3]' LIMIT 100) x;
-- one row in a hundred qualifies
SELECT count(*) FROM (SELECT id FROM rows_all WHERE category = 7 ORDER BY v <=> '[1,2,3]' LIMIT 10) x;
-- a bound on what is scanned, which leaves the first round as it is
SET hnsw.iterative_scan = relaxed_order;
SET hnsw.max_scan_tuples = 10;
SELECT count(*) FROM (SELECT id FROM rows_all ORDER BY v <=> '[1,2,3]' LIMIT 100) x;
RESET hnsw.iterative_scan;
RESET hnsw.max_scan_tuples;
-- quantized, halved and cut by hand, ranked anew
CREATE INDEX by_bits ON rows_all USING hnsw ((binary_quantize(v - '[0.5,0.5,0.5]')::bit(3)) bit_hamming_ops);
CREATE INDEX by_half ON rows_all USING hnsw ((v::halfvec(3)) halfvec_l2_ops);
CREATE INDEX by_part ON rows_all USING hnsw ((subvector(v, 1, 2)::vector(2)) vector_cosine_ops);
PREPARE bits AS SELECT count(*) FROM (SELECT * FROM (SELECT * FROM rows_all
	ORDER BY binary_quantize(v - '[0.5,0.5,0.5]')::bit(3) <~> binary_quantize('[1,-2,3]'::vector) LIMIT 20) y
	ORDER BY v <=> '[1,2,3]' LIMIT 5) x;
PREPARE half AS SELECT count(*) FROM (SELECT * FROM rows_all ORDER BY v::halfvec(3) <-> '[1,2,3]' LIMIT 5) x;
PREPARE part AS SELECT count(*) FROM (SELECT * FROM rows_all ORDER BY subvector(v, 1, 2)::vector(2) <=> '[1,2]' LIMIT 5) x;
EXPLAIN (COSTS OFF) EXECUTE bits;
EXECUTE bits;
EXPLAIN (COSTS OFF) EXECUTE half;
EXECUTE half;
EXPLAIN (COSTS OFF) EXECUTE part;
EXECUTE part;
DROP INDEX by_bits, by_half, by_part;
-- without a LIMIT: all but the NULL, the zero vector last
SELECT count(*), bool_or(id = 5001) AS null_there, (array_agg(id))[5001] AS last
FROM (SELECT id FROM rows_all ORDER BY v <=> '[1,2,3]' OFFSET 0) x;
DROP INDEX by_graph;

-- ranges by the index, and conditions in it
CREATE INDEX by_list ON rows_all USING ivf (v vector_l2_ops, category);
EXPLAIN (COSTS OFF) SELECT id FROM rows_all WHERE v <-> '[0.5,0.5,0.5]' < 0.1;
EXPLAIN (COSTS OFF) SELECT id FROM rows_all WHERE category = 7 ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 10;
DROP TABLE rows_all;

-- numbered by itself
SELECT extversion FROM pg_extension WHERE extname = 'vector';
