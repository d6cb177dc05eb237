-- hnsw: every metric and type against exact answers, through inserts, deletes, updates and vacuum;
-- equal vectors, empty tables, builds larger than memory, conditions, every kind of table and index.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

SELECT setseed(0.4) IS NOT NULL AS seeded;
CREATE TABLE hnsw_data AS SELECT id::int, a::vector(24) AS v FROM pg_temp.clustered(4000, 24, 200);
CREATE FUNCTION pg_temp.queries(form text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format(form, v)) FROM hnsw_data WHERE id % 400 = 1
$$;
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- each operator class; longer rows have a greater inner product, so their lengths vary
CREATE TABLE hnsw_items (id int, v vector(24), h halfvec(24));
INSERT INTO hnsw_items SELECT id, v, v FROM (SELECT id, (SELECT array_agg(x * (1 + id % 3)) FROM unnest(v::real[]) x)::vector AS v FROM hnsw_data) t;
CREATE INDEX hnsw_l2 ON hnsw_items USING hnsw (v vector_l2_ops);
CREATE INDEX hnsw_ip ON hnsw_items USING hnsw (v vector_ip_ops) WITH (m = 8, ef_construction = 100);
CREATE INDEX hnsw_cosine ON hnsw_items USING hnsw (v vector_cosine_ops);
CREATE INDEX hnsw_half_l2 ON hnsw_items USING hnsw (h halfvec_l2_ops);
CREATE INDEX hnsw_half_ip ON hnsw_items USING hnsw (h halfvec_ip_ops);
CREATE INDEX hnsw_half_cosine ON hnsw_items USING hnsw (h halfvec_cosine_ops);
ANALYZE hnsw_items;
CREATE FUNCTION pg_temp.each_metric(tail text, recall_min float8) RETURNS TABLE (metric text, queries_run int, by_index boolean,
	short bigint, misplaced bigint, twice bigint, recall text) LANGUAGE sql AS $$
	SELECT c || op, r.* FROM unnest(ARRAY['v', 'h']) c, unnest(ARRAY['<->', '<#>', '<=>']) op,
		pg_temp.compare_all(pg_temp.queries('SELECT id, ' || c || ' ' || op || ' %L FROM hnsw_items ' || tail), recall_min) r
$$;
SELECT * FROM pg_temp.each_metric('ORDER BY 2 LIMIT 10', 0.8);
-- more than ef_search; and all there are
SELECT * FROM pg_temp.each_metric('ORDER BY 2 LIMIT 300', 0.8);
SELECT * FROM pg_temp.each_metric('ORDER BY 2 LIMIT 5000', 0.999);
-- rows that fail a condition are replaced by others
SELECT * FROM pg_temp.each_metric('WHERE id %% 50 = 3 ORDER BY 2 LIMIT 10', 0.8);
SELECT * FROM pg_temp.each_metric('WHERE id IN (7, 3000) ORDER BY 2 LIMIT 10', 0.999);

-- rows come, change and go; their places are taken by others
INSERT INTO hnsw_items SELECT id + 10000, v, v FROM hnsw_data WHERE id % 4 = 0;
UPDATE hnsw_items SET v = (SELECT array_agg(-x) FROM unnest(v::real[]) x)::vector WHERE id % 5 = 0;
DELETE FROM hnsw_items WHERE id % 3 = 0;
SELECT * FROM pg_temp.each_metric('ORDER BY 2 LIMIT 10', 0.8);
VACUUM hnsw_items;
SELECT * FROM pg_temp.each_metric('ORDER BY 2 LIMIT 10', 0.8);
SELECT pg_relation_size('hnsw_l2') AS size_before \gset
INSERT INTO hnsw_items SELECT id + 20000, v, v FROM hnsw_data WHERE id % 4 = 1;
SELECT pg_relation_size('hnsw_l2') = :size_before AS freed_places_are_used;
SELECT * FROM pg_temp.each_metric('ORDER BY 2 LIMIT 10', 0.8);
SELECT * FROM pg_temp.each_metric('ORDER BY 2 LIMIT 5000', 0.999);
DELETE FROM hnsw_items;
VACUUM hnsw_items;
SELECT * FROM pg_temp.each_metric('ORDER BY 2 LIMIT 10', 0.8);
INSERT INTO hnsw_items SELECT id, v, v FROM hnsw_data WHERE id % 4 = 1;
SELECT * FROM pg_temp.each_metric('ORDER BY 2 LIMIT 10', 0.8);
DROP TABLE hnsw_items;

-- made on an empty table; NULL; equal vectors, more than a node, or a page, has places for; zeros
CREATE TABLE hnsw_items (id int, v vector(24));
CREATE INDEX hnsw_index ON hnsw_items USING hnsw (v vector_l2_ops);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_items ORDER BY 2 LIMIT 10'), 1);
INSERT INTO hnsw_items SELECT 1, v FROM hnsw_data WHERE id = 1;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_items ORDER BY 2 LIMIT 10'), 1);
INSERT INTO hnsw_items SELECT id, NULL FROM hnsw_data WHERE id < 10;
INSERT INTO hnsw_items SELECT i, v FROM hnsw_data, generate_series(2, 3000) i WHERE hnsw_data.id = 1 + 400 * (i % 3);
INSERT INTO hnsw_items SELECT 4000 + i, array_fill(0, ARRAY[24])::vector FROM generate_series(1, 500) i;
INSERT INTO hnsw_items SELECT 5000 + id, v FROM hnsw_data WHERE id <= 1000;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_items WHERE v IS NOT NULL ORDER BY 2 LIMIT 2500'), 0.95);
SELECT pg_relation_size('hnsw_index') < pg_relation_size('hnsw_items') AS smaller_than_the_table;
DELETE FROM hnsw_items WHERE id % 7 > 0 AND id <= 4500;
VACUUM hnsw_items;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_items WHERE v IS NOT NULL ORDER BY 2 LIMIT 2000'), 0.999);
-- built over equal vectors; cosine of zeros is last
CREATE INDEX hnsw_other ON hnsw_items USING hnsw (v vector_cosine_ops);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <=> %L FROM hnsw_items WHERE v IS NOT NULL ORDER BY 2 LIMIT 2000'), 0.999);
-- a query that is NULL: any rows
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT count(*) FROM (SELECT id FROM hnsw_items ORDER BY v <-> NULL LIMIT 10) t;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
SELECT pg_temp.try('INSERT INTO hnsw_items VALUES (1, ''[1,2]'')');
DROP TABLE hnsw_items;

-- more rows than maintenance_work_mem holds: the rest is inserted into pages
SET maintenance_work_mem = '1MB';
CREATE TABLE hnsw_items AS SELECT id, array_cat(array_cat(a, a), array_cat(a, a))::vector(96) AS v FROM (SELECT id, v::real[] AS a FROM hnsw_data) t;
CREATE INDEX hnsw_index ON hnsw_items USING hnsw (v vector_l2_ops);
RESET maintenance_work_mem;
SELECT pg_relation_size('hnsw_index') > 3 * 2 ^ 18 AS larger_than_that;
SELECT * FROM pg_temp.compare_all((SELECT array_agg(format('SELECT id, v <-> %L FROM hnsw_items ORDER BY 2 LIMIT 10', v)) FROM hnsw_items WHERE id % 400 = 1), 0.8);
SELECT * FROM pg_temp.compare_all((SELECT array_agg(format('SELECT id, v <-> %L FROM hnsw_items ORDER BY 2 LIMIT 4000', v)) FROM hnsw_items WHERE id % 2000 = 1), 0.999);
DROP TABLE hnsw_items;

-- unlogged, temporary, partitioned; expressions and predicates; beside writers, and again
CREATE UNLOGGED TABLE hnsw_items AS SELECT * FROM hnsw_data;
CREATE INDEX hnsw_index ON hnsw_items USING hnsw ((subvector(v, 3, 10)::vector(10)) vector_l2_ops) WHERE id % 2 = 0;
CREATE TEMP TABLE hnsw_temp AS SELECT * FROM hnsw_data;
CREATE INDEX CONCURRENTLY hnsw_temp_index ON hnsw_temp USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 32);
CREATE TABLE hnsw_parts (id int, v vector(24)) PARTITION BY RANGE (id);
CREATE TABLE hnsw_part_1 PARTITION OF hnsw_parts FOR VALUES FROM (0) TO (2000);
CREATE TABLE hnsw_part_2 PARTITION OF hnsw_parts FOR VALUES FROM (2000) TO (10000);
INSERT INTO hnsw_parts SELECT * FROM hnsw_data;
CREATE INDEX hnsw_parts_index ON hnsw_parts USING hnsw (v vector_l2_ops);
ANALYZE hnsw_items, hnsw_temp, hnsw_parts;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, subvector(v, 3, 10)::vector(10) <-> subvector(%L::vector, 3, 10) FROM hnsw_items WHERE id %% 2 = 0 ORDER BY 2 LIMIT 10'), 0.8);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_temp ORDER BY 2 LIMIT 10'), 0.8);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_parts ORDER BY 2 LIMIT 10'), 0.8);
REINDEX INDEX CONCURRENTLY hnsw_part_1_v_idx;
CREATE INDEX CONCURRENTLY hnsw_other ON hnsw_part_2 USING hnsw (v vector_l2_ops);
VACUUM FULL hnsw_part_2;
TRUNCATE hnsw_part_1;
INSERT INTO hnsw_parts SELECT * FROM hnsw_data WHERE id < 500;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_parts ORDER BY 2 LIMIT 10'), 0.8);
-- the rows of an aborted transaction are not found
BEGIN;
INSERT INTO hnsw_parts SELECT id + 5000, v FROM hnsw_data;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_parts ORDER BY 2 LIMIT 10'), 0.8);
ROLLBACK;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_parts ORDER BY 2 LIMIT 10'), 0.8);
-- an index that any order may be had from, but nothing else
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
EXPLAIN (COSTS off) SELECT id FROM hnsw_temp ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24]' LIMIT 3;
EXPLAIN (COSTS off) SELECT count(*) FROM hnsw_temp WHERE id = 3;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
DROP TABLE hnsw_items, hnsw_temp, hnsw_parts;

-- many dimensions, many links: codes of one bit where a page would not hold four
CREATE TABLE hnsw_items AS SELECT id, (SELECT array_agg(sin(id * 0.37 + i * (id % 11))) FROM generate_series(1, 16000) i)::vector(16000) AS v FROM generate_series(1, 60) id;
CREATE INDEX hnsw_index ON hnsw_items USING hnsw (v vector_cosine_ops) WITH (m = 100, ef_construction = 200);
INSERT INTO hnsw_items SELECT id + 1000, v FROM hnsw_items WHERE id % 3 = 0;
SELECT * FROM pg_temp.compare_all((SELECT array_agg(format('SELECT id, v <=> %L FROM hnsw_items ORDER BY 2 LIMIT 10', v)) FROM hnsw_items WHERE id % 4 = 1), 0.7);
DROP TABLE hnsw_items;

-- options and settings
CREATE TABLE hnsw_items (id int, v vector(3), u vector);
SELECT pg_temp.try('CREATE INDEX ON hnsw_items USING hnsw (v vector_l2_ops) WITH (' || o || ')') AS with, o
FROM unnest(ARRAY['m = 1', 'm = 101', 'ef_construction = 3', 'ef_construction = 1001', 'm = 16, ef_construction = 31', 'lists = 3', 'm = 2, ef_construction = 4', 'm = 100, ef_construction = 1000']) o;
SELECT pg_temp.try('CREATE INDEX ON hnsw_items USING hnsw (u vector_l2_ops)');
SELECT pg_temp.try('CREATE INDEX ON hnsw_items USING hnsw (v)');
SELECT pg_temp.try('CREATE INDEX ON hnsw_items USING hnsw (v vector_l2_ops, u vector_l2_ops)');
SELECT pg_temp.try('CREATE UNIQUE INDEX ON hnsw_items USING hnsw (v vector_l2_ops)');
SHOW hnsw.ef_search;
SHOW hnsw.iterative_scan;
SHOW hnsw.max_scan_tuples;
SHOW hnsw.scan_mem_multiplier;
SELECT pg_temp.try('SET ' || s) AS set, s
FROM unnest(ARRAY['hnsw.ef_search = 0', 'hnsw.ef_search = 1001', 'hnsw.iterative_scan = on', 'hnsw.max_scan_tuples = 0', 'hnsw.scan_mem_multiplier = 0.5', 'hnsw.scan_mem_multiplier = 1001', 'hnsw.other = 1']) s;
DROP TABLE hnsw_items;

-- iterative scans: strict ones are in order, relaxed ones may not be; both end where they are told
CREATE TABLE hnsw_items AS SELECT * FROM hnsw_data;
CREATE INDEX hnsw_index ON hnsw_items USING hnsw (v vector_l2_ops);
ANALYZE hnsw_items;
SET hnsw.ef_search = 10;
SET hnsw.iterative_scan = strict_order;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_items WHERE id %% 50 = 3 ORDER BY 2 LIMIT 10'), 0.8);
SET hnsw.iterative_scan = relaxed_order;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM hnsw_items WHERE id %% 50 = 3 ORDER BY 2 LIMIT 10'), 0.8);
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SET hnsw.max_scan_tuples = 1;
SELECT count(*) BETWEEN 10 AND 2000 AS ended FROM (SELECT id FROM hnsw_items ORDER BY v <-> (SELECT v FROM hnsw_items WHERE id = 1) OFFSET 0) t;
RESET hnsw.max_scan_tuples;
SELECT count(*) FROM (SELECT id FROM hnsw_items ORDER BY v <-> (SELECT v FROM hnsw_items WHERE id = 1) OFFSET 0) t;
RESET hnsw.iterative_scan;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_items ORDER BY v <-> (SELECT v FROM hnsw_items WHERE id = 1) OFFSET 0) t;
-- a cursor takes rows as it likes
BEGIN;
DECLARE c CURSOR FOR SELECT id, v <-> (SELECT v FROM hnsw_items WHERE id = 1) AS d FROM hnsw_items ORDER BY v <-> (SELECT v FROM hnsw_items WHERE id = 1);
FETCH 1 FROM c;
MOVE 500 FROM c;
MOVE ALL FROM c;
COMMIT;
DROP TABLE hnsw_items, hnsw_data;
