-- ivf with conditions: LIMIT k gives k rows whenever k rows qualify, nearest first, for every k from 1 to 1,000.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

SELECT setseed(0.5) IS NOT NULL AS seeded;
CREATE TABLE ivf_filter AS
SELECT id::int, (random() * 1000)::int AS mille, a::vector(16) AS v FROM pg_temp.clustered(20000, 16, 60);
CREATE TABLE ivf_filter_query AS SELECT n, v FROM generate_series(1, 40) n JOIN ivf_filter ON id = n * 499;
CREATE INDEX ON ivf_filter USING ivf (v vector_l2_ops);
ANALYZE ivf_filter;

-- for k from 1 to 1,000 the answer is right in number and order.  LIMIT is a parameter here.
CREATE FUNCTION pg_temp.every_k(below int, OUT ks bigint, OUT wrong_number bigint, OUT misplaced bigint) LANGUAGE plpgsql AS $$
DECLARE
	qualifying bigint;
	number bigint;
	last_d float8;
	d float8;
	q vector;
BEGIN
	SELECT count(*) INTO qualifying FROM ivf_filter WHERE mille < below;
	PERFORM pg_temp.plan_by(true);
	ks := 0; wrong_number := 0; misplaced := 0;
	FOR k IN 1..1000 LOOP
		-- the lower ones all, of the higher ones some
		CONTINUE WHEN k > 120 AND k % 13 > 0 AND k < 995;
		number := 0;
		last_d := 0;
		SELECT v INTO q FROM ivf_filter_query WHERE n = 1 + k % 40;
		FOR d IN EXECUTE 'SELECT v <-> $1 FROM ivf_filter WHERE mille < $2 ORDER BY v <-> $1 LIMIT $3' USING q, below, k LOOP
			misplaced := misplaced + (d < last_d)::int;
			last_d := d;
			number := number + 1;
		END LOOP;
		wrong_number := wrong_number + (number <> least(k, qualifying))::int;
		ks := ks + 1;
	END LOOP;
	PERFORM pg_temp.plan_as_usual();
END $$;
SELECT below, e.* FROM unnest(ARRAY[1001, 500, 100, 10, 1]) below, pg_temp.every_k(below) e;

-- and they are the nearest
CREATE FUNCTION pg_temp.queries(condition text, k int, queries int DEFAULT 10) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('SELECT id, v <-> %L FROM ivf_filter WHERE %s ORDER BY 2 LIMIT %s', v, condition, k))
	FROM ivf_filter_query WHERE n <= queries
$$;
SELECT condition, k, c.* FROM unnest(ARRAY['mille < 500', 'mille < 100', 'mille < 10', 'mille < 1', 'mille IS NULL', 'mille % 2 = 1 AND id > 10000']) condition,
	unnest(ARRAY[1, 10, 100]) k, pg_temp.compare_all(pg_temp.queries(condition, k, CASE WHEN k = 1 THEN 40 ELSE 10 END), 0.87) c;
-- rows that fail the condition never leave the scan: nothing is left for the plan to remove
CREATE FUNCTION pg_temp.removed_above(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found int := 0;
BEGIN
	PERFORM pg_temp.plan_by(true);
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) ' || query LOOP
		found := found + (line ~ 'Rows Removed by Filter')::int;
	END LOOP;
	PERFORM pg_temp.plan_as_usual();
	RETURN found;
END $$;
SELECT condition, sum(pg_temp.removed_above(q)) FROM unnest(ARRAY['mille < 500', 'mille < 100', 'mille < 10']) condition,
	unnest(pg_temp.queries(condition, 10)) q GROUP BY 1 ORDER BY 1;
-- conditions whose selectivity the planner misjudges by far, in both directions
SELECT condition, c.* FROM unnest(ARRAY['(mille * 0) = 0', 'coalesce(mille < 2, false)', 'sqrt(mille) < 1', 'id IN (SELECT id FROM ivf_filter WHERE mille = 3)',
	'EXISTS (SELECT FROM ivf_filter f WHERE f.id = ivf_filter.id + 1 AND f.mille < 30)', 'mille = ANY (ARRAY[1, 2, 3])']) condition,
	pg_temp.compare_all(pg_temp.queries(condition, 20), 0.87) c;
-- a condition on the distance itself, or on the vector
SELECT * FROM pg_temp.compare_all(ARRAY(SELECT format('SELECT id, v <-> %1$L FROM ivf_filter WHERE v <-> %1$L > 0.5 ORDER BY 2 LIMIT 30', v) FROM ivf_filter_query WHERE n <= 10), 0.87);
SELECT * FROM pg_temp.compare_all(ARRAY(SELECT format('SELECT id, v <-> %1$L FROM ivf_filter WHERE vector_norm(v) < 1 ORDER BY 2 LIMIT 30', v) FROM ivf_filter_query WHERE n <= 10), 0.87);

-- joins that let few rows through
CREATE TABLE ivf_filter_tag (id int PRIMARY KEY, tag int);
INSERT INTO ivf_filter_tag SELECT id, id % 100 FROM ivf_filter WHERE id % 3 > 0;
ANALYZE ivf_filter_tag;
SELECT tags, c.* FROM unnest(ARRAY['< 50', '< 10', '= 4']) tags, pg_temp.compare_all(ARRAY(
	SELECT format('SELECT i.id, v <-> %L FROM ivf_filter i JOIN ivf_filter_tag t ON t.id = i.id + 0 WHERE tag %s ORDER BY 2 LIMIT 10', v, tags) FROM ivf_filter_query LIMIT 10), 0.87) c;

-- a volatile condition is not tested more often than rows come out: about every second row passes
CREATE SEQUENCE ivf_filter_tests;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT count(*) FROM (SELECT id FROM ivf_filter WHERE nextval('ivf_filter_tests') % 2 = 0 ORDER BY v <-> (SELECT v FROM ivf_filter_query WHERE n = 1) LIMIT 50) t;
SELECT last_value AS tests FROM ivf_filter_tests;

-- a condition that fails on a row says so, and the next query is none the worse
SELECT count(*) FROM (SELECT id FROM ivf_filter WHERE 1 / (id - id) > 0 ORDER BY v <-> (SELECT v FROM ivf_filter_query WHERE n = 1) LIMIT 5) t;
SELECT count(*) FROM (SELECT id FROM ivf_filter WHERE mille < 700 ORDER BY v <-> (SELECT v FROM ivf_filter_query WHERE n = 1) LIMIT 5) t;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;

-- row-level security is a condition as well, and tested before a user's own
CREATE ROLE regress_ivf_reader;
GRANT SELECT ON ivf_filter, ivf_filter_query TO regress_ivf_reader;
ALTER TABLE ivf_filter ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON ivf_filter FOR SELECT TO regress_ivf_reader USING (mille < 20);
CREATE FUNCTION pg_temp.tell(mille int) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
	IF mille >= 20 THEN
		RAISE NOTICE 'saw a row of others';
	END IF;
	RETURN true;
END $$;
SET client_min_messages = notice;
SET ROLE regress_ivf_reader;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) = (SELECT least(500, count(*)) FROM ivf_filter) AS all_of_them, bool_and(mille < 20) AS only_they
FROM (SELECT mille FROM ivf_filter WHERE pg_temp.tell(mille) ORDER BY v <-> (SELECT v FROM ivf_filter_query WHERE n = 1) LIMIT 500) t;
EXPLAIN (COSTS off) SELECT mille FROM ivf_filter WHERE pg_temp.tell(mille) ORDER BY v <-> '[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]' LIMIT 5;
RESET ROLE;
RESET enable_seqscan;
RESET enable_sort;
DROP TABLE ivf_filter, ivf_filter_query, ivf_filter_tag;
DROP SEQUENCE ivf_filter_tests;
DROP ROLE regress_ivf_reader;
