-- ivf on every kind of table and index: expressions, partial, unlogged, temporary, built and rebuilt in every way.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

SELECT setseed(0.3) IS NOT NULL AS seeded;
CREATE TABLE ivf_table_data AS SELECT id::int, a::vector(8) AS v FROM pg_temp.clustered(4000, 8, 20);
CREATE FUNCTION pg_temp.queries(form text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format(form, v)) FROM ivf_table_data WHERE id % 80 = 1
$$;

-- an expression: any dimensions in the column, those of the cast in the index
CREATE TABLE ivf_table (id int, kind int, v vector);
INSERT INTO ivf_table SELECT id, 8, v FROM ivf_table_data;
INSERT INTO ivf_table SELECT id, 3, subvector(v, 1, 3) FROM ivf_table_data WHERE id % 2 = 0;
CREATE INDEX ivf_table_8 ON ivf_table USING ivf ((v::vector(8)) vector_cosine_ops) WHERE kind = 8;
CREATE INDEX ivf_table_3 ON ivf_table USING ivf ((v::vector(3))) WHERE kind = 3;
CREATE INDEX ivf_table_half ON ivf_table USING ivf ((v::halfvec(8)) halfvec_l2_ops) WHERE kind = 8;
CREATE INDEX ivf_table_sub ON ivf_table USING ivf ((subvector(v, 2, 2)::vector(2)));
ANALYZE ivf_table;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v::vector(8) <=> %L FROM ivf_table WHERE kind = 8 ORDER BY 2 LIMIT 10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v::vector(3) <-> subvector(%L::vector, 1, 3) FROM ivf_table WHERE kind = 3 AND id %% 3 = 0 ORDER BY 2 LIMIT 10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v::halfvec(8) <-> %L FROM ivf_table WHERE kind = 8 ORDER BY 2 LIMIT 10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id + kind, subvector(v, 2, 2)::vector(2) <-> subvector(%L::vector, 2, 2) FROM ivf_table WHERE kind = 8 ORDER BY 2 LIMIT 10'), 0.91);
-- a partial index answers only where its predicate holds, and nothing but distances
SELECT pg_temp.ordered_scans('SELECT id FROM ivf_table ORDER BY v::vector(3) <-> ''[1,2,3]'' LIMIT 1') AS without_predicate;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT count(*) FROM ivf_table WHERE kind = 3;
EXPLAIN (COSTS off) SELECT count(*) FROM ivf_table WHERE kind = 3;
SET enable_indexonlyscan = on;
EXPLAIN (COSTS off) SELECT v FROM ivf_table_data ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 1;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
-- rows that move in and out of the predicate
UPDATE ivf_table SET kind = 9 WHERE kind = 8 AND id % 2 = 0;
UPDATE ivf_table SET kind = 8 WHERE kind = 9 AND id % 4 = 0;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v::vector(8) <=> %L FROM ivf_table WHERE kind = 8 ORDER BY 2 LIMIT 3000'), 0.91);
-- a row that the expression cannot take is refused, and nothing of it stays
INSERT INTO ivf_table VALUES (1, 3, '[1,2]');
INSERT INTO ivf_table VALUES (1, 8, '[1]');
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v::vector(8) <=> %L FROM ivf_table WHERE kind = 8 ORDER BY 2 LIMIT 3000'), 0.91);
DROP TABLE ivf_table;

-- built beside writers, rebuilt in both ways, on a table with dead and updated rows
CREATE TABLE ivf_table AS SELECT * FROM ivf_table_data;
DELETE FROM ivf_table WHERE id % 5 = 0;
UPDATE ivf_table SET id = n FROM (SELECT ctid AS at, row_number() OVER () AS n FROM ivf_table) t WHERE ivf_table.ctid = at;
CREATE INDEX CONCURRENTLY ivf_table_index ON ivf_table USING ivf (v) WITH (lists = 7);
ANALYZE ivf_table;
SELECT indisvalid AND indisready AS usable FROM pg_index WHERE indexrelid = 'ivf_table_index'::regclass;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_table ORDER BY 2 LIMIT 10'), 0.91);
REINDEX INDEX ivf_table_index;
REINDEX INDEX CONCURRENTLY ivf_table_index;
REINDEX TABLE ivf_table;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_table ORDER BY 2 LIMIT 4000'), 0.91);
ALTER TABLE ivf_table SET (autovacuum_enabled = off);
VACUUM FULL ivf_table;
ALTER TABLE ivf_table ALTER id TYPE bigint;
ALTER TABLE ivf_table ADD extra text DEFAULT 'x';
ALTER INDEX ivf_table_index SET (lists = 30);
REINDEX INDEX ivf_table_index;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_table WHERE extra = ''x'' ORDER BY 2 LIMIT 10'), 0.91);
ALTER TABLE ivf_table DROP COLUMN id;
ALTER TABLE ivf_table ADD id int;
UPDATE ivf_table SET id = n FROM (SELECT ctid AS at, row_number() OVER () AS n FROM ivf_table) t WHERE ivf_table.ctid = at;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_table ORDER BY 2 LIMIT 10'), 0.91);
ALTER TABLE ivf_table ALTER v TYPE halfvec(8);
SELECT pg_get_indexdef('ivf_table_index'::regclass);
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT count(*) FROM (SELECT id FROM ivf_table ORDER BY v <-> (SELECT v::halfvec FROM ivf_table_data LIMIT 1) LIMIT 25) t;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
DROP TABLE ivf_table;

-- unlogged: made logged and back
CREATE UNLOGGED TABLE ivf_table AS SELECT * FROM ivf_table_data;
CREATE INDEX ON ivf_table USING ivf (v);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_table ORDER BY 2 LIMIT 10'), 0.91);
ALTER TABLE ivf_table SET LOGGED;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_table ORDER BY 2 LIMIT 10'), 0.91);
ALTER TABLE ivf_table SET UNLOGGED;
TRUNCATE ivf_table;
INSERT INTO ivf_table SELECT * FROM ivf_table_data;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_table ORDER BY 2 LIMIT 10'), 0.91);
DROP TABLE ivf_table;

-- temporary, with each end that a transaction can put to it
CREATE TEMP TABLE ivf_temp (id int, v vector(8)) ON COMMIT DELETE ROWS;
CREATE INDEX ON ivf_temp USING ivf (v);
BEGIN;
INSERT INTO ivf_temp SELECT * FROM ivf_table_data;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_temp ORDER BY 2 LIMIT 10'), 0.91);
COMMIT;
BEGIN;
INSERT INTO ivf_temp SELECT * FROM ivf_table_data WHERE id % 80 = 1;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_temp ORDER BY 2 LIMIT 20'), 0.91);
ROLLBACK;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT count(*) FROM (SELECT id FROM ivf_temp ORDER BY v <-> '[1,2,3,4,5,6,7,8]') t;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
DROP TABLE ivf_temp;
BEGIN;
CREATE TEMP TABLE ivf_temp ON COMMIT DROP AS SELECT * FROM ivf_table_data;
CREATE INDEX ON ivf_temp USING ivf (v);
INSERT INTO ivf_temp SELECT id + 4000, v FROM ivf_table_data;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_temp ORDER BY 2 LIMIT 10'), 0.91);
COMMIT;
SELECT to_regclass('pg_temp.ivf_temp');
CREATE TEMP TABLE ivf_temp AS SELECT * FROM ivf_table_data;
CREATE INDEX ON ivf_temp USING ivf (v);
DELETE FROM ivf_temp WHERE id % 2 = 0;
VACUUM ivf_temp;
INSERT INTO ivf_temp SELECT * FROM ivf_table_data WHERE id % 2 = 0;
VACUUM ivf_temp;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_temp ORDER BY 2 LIMIT 4000'), 0.91);

-- whoever may read the parent may use the indexes of its children
CREATE ROLE regress_ivf_parent;
CREATE TABLE ivf_table (id int, v vector(8));
CREATE TABLE ivf_table_child () INHERITS (ivf_table);
INSERT INTO ivf_table SELECT * FROM ivf_table_data WHERE id <= 2000;
INSERT INTO ivf_table_child SELECT * FROM ivf_table_data WHERE id > 2000;
CREATE INDEX ON ivf_table USING ivf (v);
CREATE INDEX ON ivf_table_child USING ivf (v);
GRANT SELECT ON ivf_table, ivf_table_data TO regress_ivf_parent;
SET ROLE regress_ivf_parent;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT count(*), count(*) FILTER (WHERE id > 2000) > 0 AS of_child FROM (SELECT id FROM ivf_table ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 3000) t;
SELECT id FROM ivf_table_child ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 1;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
RESET ROLE;
DROP TABLE ivf_table CASCADE;
DROP TABLE ivf_table_data;
DROP ROLE regress_ivf_parent;
