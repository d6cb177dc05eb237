-- ivf under change: growth from nothing, update, delete, vacuum, reuse of space, rollback.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

SELECT setseed(0.6) IS NOT NULL AS seeded;
CREATE TABLE ivf_churn_data AS SELECT id::int, a::vector(16) AS v FROM pg_temp.clustered(20000, 16, 50);
CREATE FUNCTION pg_temp.queries(tail text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('SELECT id, v <-> %L FROM ivf_churn %s', v, tail)) FROM ivf_churn_data WHERE id % 200 = 1
$$;
CREATE TABLE ivf_churn (id int, v vector(16)) WITH (autovacuum_enabled = off);
CREATE INDEX ivf_churn_index ON ivf_churn USING ivf (v);

-- from nothing, five times as many each time: before vacuum has looked at the rows, and after
INSERT INTO ivf_churn SELECT * FROM ivf_churn_data WHERE id <= 32;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
VACUUM ivf_churn;
INSERT INTO ivf_churn SELECT * FROM ivf_churn_data WHERE id > 32 AND id <= 160;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
VACUUM ivf_churn;
INSERT INTO ivf_churn SELECT * FROM ivf_churn_data WHERE id > 160 AND id <= 800;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
VACUUM ivf_churn;
INSERT INTO ivf_churn SELECT * FROM ivf_churn_data WHERE id > 800 AND id <= 4000;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
VACUUM ivf_churn;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
INSERT INTO ivf_churn SELECT * FROM ivf_churn_data WHERE id > 4000;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
VACUUM ANALYZE ivf_churn;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('WHERE id % 200 < 3 ORDER BY 2 LIMIT 300'), 0.91);
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 20000'))[1]) c;
-- grown like this it is about as good, and as large, as made at once
CREATE INDEX ivf_churn_new ON ivf_churn USING ivf (v);
SELECT pg_relation_size('ivf_churn_index') < 3 * pg_relation_size('ivf_churn_new') AS not_much_larger;
DROP INDEX ivf_churn_new;

-- versions of rows: HOT and not, the indexed column and others
ALTER TABLE ivf_churn SET (fillfactor = 50);
UPDATE ivf_churn SET id = id WHERE id % 7 = 0;
UPDATE ivf_churn SET id = id WHERE id % 14 = 0;
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 20000'))[2]) c;
UPDATE ivf_churn c SET v = d.v FROM ivf_churn_data d WHERE d.id = 20001 - c.id AND c.id % 5 = 0;
-- rows gone but not vacuumed away stand before others
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
VACUUM ivf_churn;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 20000'))[3]) c;

-- what was rolled back is not found; what a transaction has done itself is, and what a savepoint took back is not
BEGIN;
DELETE FROM ivf_churn WHERE id % 2 = 0;
INSERT INTO ivf_churn SELECT id + 100000, v FROM ivf_churn_data WHERE id % 10 = 0;
SAVEPOINT s;
INSERT INTO ivf_churn SELECT id + 200000, v FROM ivf_churn_data WHERE id % 10 = 1;
UPDATE ivf_churn SET v = '[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]' WHERE id % 11 = 1;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 50'), 0.91);
ROLLBACK TO s;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 50'), 0.91);
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 20000'))[4]) c;
ROLLBACK;
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 30000'))[5]) c;
VACUUM ivf_churn;
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 30000'))[5]) c;
-- rows deleted and put back while a cursor, opened before, reads on
BEGIN;
DECLARE before CURSOR FOR SELECT id FROM ivf_churn ORDER BY v <-> '[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]';
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
DECLARE before_by_index CURSOR FOR SELECT id FROM ivf_churn ORDER BY v <-> '[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]';
MOVE 10 before_by_index;
DELETE FROM ivf_churn WHERE id % 3 = 0;
INSERT INTO ivf_churn SELECT id + 100000, v FROM ivf_churn_data;
CREATE FUNCTION pg_temp.left_in(c refcursor) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int := 0;
BEGIN
	LOOP
		MOVE c;
		EXIT WHEN NOT FOUND;
		n := n + 1;
	END LOOP;
	RETURN n;
END $$;
SELECT pg_temp.left_in('before_by_index') AS by_index, pg_temp.left_in('before') AS by_sort;
ROLLBACK;

-- everything replaced, twenty times over: space is used again
TRUNCATE ivf_churn;
INSERT INTO ivf_churn SELECT * FROM ivf_churn_data WHERE id <= 3000;
VACUUM ivf_churn;
CREATE TEMP TABLE sizes (round int, bytes bigint);
CREATE PROCEDURE pg_temp.replace_all(round int) LANGUAGE sql AS $$
	DELETE FROM ivf_churn;
	INSERT INTO ivf_churn SELECT id, v FROM ivf_churn_data WHERE id BETWEEN round * 500 AND round * 500 + 2999;
$$;
\set ECHO none
SELECT format('CALL pg_temp.replace_all(%s)', n), 'VACUUM ivf_churn', format('INSERT INTO sizes VALUES (%s, pg_relation_size(''ivf_churn_index''))', n)
FROM generate_series(1, 20) n
\gexec
\set ECHO all
SELECT max(bytes) FILTER (WHERE round > 10) <= 1.5 * max(bytes) FILTER (WHERE round <= 5) AS no_growth_without_end FROM sizes;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 30000'))[5]) c;
-- the same with a part of the rows at a time
TRUNCATE sizes;
\set ECHO none
SELECT format('DELETE FROM ivf_churn WHERE id %% 10 = %s', n % 10),
	format('INSERT INTO ivf_churn SELECT * FROM ivf_churn_data WHERE id %% 10 = %s AND id BETWEEN 10000 AND 12999', n % 10),
	'VACUUM ivf_churn', format('INSERT INTO sizes VALUES (%s, pg_relation_size(''ivf_churn_index''))', n)
FROM generate_series(1, 30) n
\gexec
\set ECHO all
SELECT max(bytes) FILTER (WHERE round > 20) <= 1.5 * max(bytes) FILTER (WHERE round <= 10) AS no_growth_without_end FROM sizes;
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 30000'))[5]) c;
-- all gone, then some again
DELETE FROM ivf_churn;
VACUUM ivf_churn;
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 10'))[5]) c;
INSERT INTO ivf_churn SELECT * FROM ivf_churn_data WHERE id <= 100;
SELECT c.* FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 1000'))[5]) c;
DROP TABLE ivf_churn, ivf_churn_data;
