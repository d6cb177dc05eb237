-- What a user is shown of an index and of its scans agrees with what is known otherwise, and only its owner is shown it.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE command;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM || coalesce(' / ' || nullif(hint, ''), ''), '[0-9]{4,}', 'N', 'g');
END $$;

-- before the first scan nothing is known
SELECT s IS NULL AS nothing FROM vector_last_scan() s;

SELECT setseed(0.55) IS NOT NULL AS seeded;
CREATE TABLE ivf_inspect AS SELECT id::int, id % 3 AS kind, a::vector(20) AS v FROM pg_temp.clustered(6000, 20);
CREATE INDEX ivf_inspect_v ON ivf_inspect USING ivf (v) WITH (lists = 50);
CREATE INDEX ivf_inspect_id ON ivf_inspect (id);
ANALYZE ivf_inspect;

-- ---- the last scan ----

SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT count(*) FROM (SELECT id FROM ivf_inspect ORDER BY v <-> (SELECT v FROM ivf_inspect WHERE id = 7) LIMIT 5) t;
SELECT index, recall_target, rounds, lists_probed BETWEEN 1 AND 50 AS probed, lists_probed + lists_skipped <= 50 AS skipped,
	codes_scanned BETWEEN records_read AND 6000 AS codes, records_read BETWEEN rows_fetched AND 6000 AS records,
	rows_fetched BETWEEN 5 AND 100 AS fetched, rows_removed, stopped_by_bound
FROM vector_last_scan();
-- every row, with a filter: nothing skipped, each row fetched once, two of three thrown away
SET vector.recall_target = 1;
SELECT count(*) FROM (SELECT id FROM ivf_inspect WHERE kind = 1 ORDER BY v <-> (SELECT v FROM ivf_inspect WHERE id = 7) LIMIT 100000) t;
SELECT index, recall_target, lists_probed % 50 = 0 AND lists_probed / rounds = 50 AS every_list, lists_skipped, codes_scanned / rounds AS codes, rows_fetched, rows_removed
FROM vector_last_scan();
RESET vector.recall_target;

-- ---- EXPLAIN: below the plan, or since 18 at the node ----

SELECT current_setting('server_version_num')::int >= 180000 AS at_node \gset

CREATE FUNCTION pg_temp.figures(options text, query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	line text;
BEGIN
	FOR answer IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
		FOREACH line IN ARRAY string_to_array(answer, E'\n') LOOP
			IF line ~ '^ *(Recall Target|Rounds|Lists|Codes|Records|Rows Re-|Rows Removed by Index Filter|Rows Removed before|Stopped)' THEN
				RETURN NEXT regexp_replace(trim(line), ': [0-9.]+', ': N');
			END IF;
		END LOOP;
	END LOOP;
END $$;
CREATE FUNCTION pg_temp.plan_json(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, FORMAT json) ' || query INTO plan;
	RETURN plan;
END $$;
CREATE FUNCTION pg_temp.plan_xml(query text) RETURNS xml LANGUAGE plpgsql AS $$
DECLARE
	plan xml;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, FORMAT xml) ' || query INTO plan;
	RETURN plan;
END $$;
\set nearest 'SELECT id FROM ivf_inspect WHERE kind = 1 ORDER BY v <-> (SELECT v FROM ivf_inspect WHERE id = 7) LIMIT 5'
SELECT * FROM pg_temp.figures('ANALYZE, VERBOSE, COSTS off, TIMING off', :'nearest');
SELECT * FROM pg_temp.figures('ANALYZE, VERBOSE, COSTS off, TIMING off, SUMMARY off, FORMAT yaml', :'nearest');
-- not without ANALYZE and VERBOSE, nor for other plans
SELECT count(*) FROM pg_temp.figures('ANALYZE', :'nearest');
SELECT count(*) FROM pg_temp.figures('VERBOSE', :'nearest');
SELECT count(*) FROM pg_temp.figures('ANALYZE, VERBOSE', 'SELECT id FROM ivf_inspect WHERE id = 7');
-- they are those of vector_last_scan()
SELECT jsonb_path_query_first(p, '$.**."Codes Scanned"')::bigint = s.codes_scanned AS codes,
	jsonb_path_query_first(p, '$.**."Rows Re-ranked"')::bigint = s.rows_fetched AS fetched,
	CASE WHEN :'at_node' THEN jsonb_path_query_first(p, 'strict $.** ? (exists (@."Codes Scanned")) ."Index Name"') = '"ivf_inspect_v"'
		ELSE p -> 0 #>> '{Vector Scans,0,Index}' = 'public.ivf_inspect_v' END AS index
FROM pg_temp.plan_json(:'nearest') p, LATERAL (SELECT * FROM vector_last_scan() OFFSET 0) s;
-- rescans are added up, below the plan also several scans of one index, in CTEs, subplans and appends
SELECT CASE WHEN :'at_node' THEN (SELECT count(*) FROM jsonb_path_query(p, 'strict $.** ? (exists (@."Codes Scanned"))')) = 2
	ELSE (p -> 0 #> '{Vector Scans,0,Scans}')::int = 3 AND jsonb_array_length(p -> 0 -> 'Vector Scans') = 1 END AS told FROM pg_temp.plan_json($$
	WITH near AS MATERIALIZED (SELECT id FROM ivf_inspect ORDER BY v <-> (SELECT v FROM ivf_inspect WHERE id = 1) LIMIT 3)
	SELECT (SELECT n.id FROM ivf_inspect n ORDER BY n.v <-> q.v LIMIT 1) FROM ivf_inspect q WHERE id IN (2, 3)
	UNION ALL SELECT id FROM near$$) p;
-- a function's own scans are not the query's
CREATE FUNCTION pg_temp.nearest_to(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT id FROM ivf_inspect ORDER BY v <-> (SELECT v FROM ivf_inspect WHERE id = i) LIMIT 1);
END $$;
SELECT NOT jsonb_path_exists(p, '$.**."Codes Scanned"') AS none FROM pg_temp.plan_json('SELECT pg_temp.nearest_to(i) FROM generate_series(1, 3) i') p;
SELECT xpath('count(//e:Codes-Scanned)', pg_temp.plan_xml(:'nearest'), '{{e,http://www.postgresql.org/2009/explain}}') AS in_xml;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;

-- ---- what an index consists of ----

SELECT rows, lists, dimensions, metric, trained_rows, calibration_queries > 0 AS calibrated, tail_rows, dead_postings, dead_records,
	largest_list >= median_list AS lists_differ, imbalance BETWEEN 1 AND 3 AS balanced, drift BETWEEN 0.8 AND 1.2 AS fits,
	bytes = pg_relation_size('ivf_inspect_v') AS whole_file,
	bytes = meta_bytes + model_bytes + directory_bytes + packed_bytes + tail_bytes + row_bytes + free_bytes + left_over_bytes AS all_told,
	search_bytes = bytes - row_bytes AS to_search, round((search_bytes_per_row * rows)::numeric) = search_bytes AS a_row
FROM vector_index_stats('ivf_inspect_v');
-- rows from elsewhere are seen as drift, deleted ones as postings gone
INSERT INTO ivf_inspect SELECT -id, 0, (v::real[] || '{}')::vector(20) + array_fill(2, ARRAY[20])::vector(20) FROM ivf_inspect WHERE id <= 600;
SELECT rows, tail_rows, dead_postings, tail_bytes > 0 AS has_tails, drift > 1.2 AS drifted FROM vector_index_stats('ivf_inspect_v');
DELETE FROM ivf_inspect WHERE id BETWEEN 1 AND 1000;
VACUUM ivf_inspect;
SELECT rows, tail_rows, dead_postings, dead_records FROM vector_index_stats('ivf_inspect_v');
-- the calibration: more recall is never less effort
SELECT k, count(*), bool_and(probes BETWEEN 1 AND 50 AND probes_when_grown BETWEEN 1 AND 50) AS possible,
	bool_and(probes_when_grown >= before) IS NOT FALSE AS rising, max(probes) FILTER (WHERE recall = 1) AS everything
FROM (SELECT *, lag(probes_when_grown) OVER (PARTITION BY k ORDER BY recall) AS before FROM vector_index_calibration('ivf_inspect_v')) t GROUP BY k ORDER BY k;
-- an index on nothing
CREATE TABLE ivf_inspect_empty (v halfvec(3));
CREATE INDEX ivf_inspect_empty_v ON ivf_inspect_empty USING ivf (v halfvec_ip_ops);
SELECT rows, lists, metric, largest_list, imbalance, drift, search_bytes_per_row, bytes = pg_relation_size('ivf_inspect_empty_v') AS whole_file
FROM vector_index_stats('ivf_inspect_empty_v');
SELECT count(*) FROM vector_index_calibration('ivf_inspect_empty_v');

-- ---- into memory ----

SELECT p.blocks * 8192 = p.bytes AS whole_blocks, p.bytes = s.search_bytes AS what_searches_need, a.bytes = pg_relation_size('ivf_inspect_v') AS everything
FROM vector_prewarm('ivf_inspect_v') p, vector_prewarm('ivf_inspect_v', true) a, vector_index_stats('ivf_inspect_v') s;
SELECT blocks > 0 AS read FROM vector_prewarm('ivf_inspect_empty_v');

-- ---- its recall ----

SELECT queries, recall BETWEEN 0.9 AND 1 AS found, worst_twentieth BETWEEN 0 AND recall AS worst, mean_lists_probed BETWEEN 1 AND 50 AS lists,
	mean_rows_fetched BETWEEN 11 AND 200 AS rows FROM vector_recall('ivf_inspect_v', 200);
SELECT queries, recall > 0.8 AS found FROM vector_recall('ivf_inspect_v', 200, 1);
-- as few lists as possible find less, all of them nearly everything; more samples or neighbours than rows are no harm
SET ivf.probes = 1;
SELECT recall < 0.99 AS less, mean_lists_probed < 1.2 AS one_list FROM vector_recall('ivf_inspect_v', 300, 10);
SET ivf.probes = 50;
SELECT recall > 0.97 AS nearly_all FROM vector_recall('ivf_inspect_v', 100, 10);
RESET ivf.probes;
CREATE TABLE ivf_inspect_few AS SELECT id, v FROM ivf_inspect WHERE id BETWEEN 1001 AND 1007;
INSERT INTO ivf_inspect_few SELECT * FROM ivf_inspect_few WHERE id <= 1003 UNION ALL VALUES (0, NULL), (1, array_fill(0, ARRAY[20])::vector);
CREATE INDEX ivf_inspect_few_l2 ON ivf_inspect_few USING ivf (v);
CREATE INDEX ivf_inspect_few_ip ON ivf_inspect_few USING ivf (v vector_ip_ops);
CREATE INDEX ivf_inspect_few_cosine ON ivf_inspect_few USING ivf (v vector_cosine_ops) WHERE id > 1001;
-- bounds of codes hold very probably, not always
SELECT index, k, queries, recall > 0.95 AS recall, worst_twentieth > 0.7 AS worst_twentieth
FROM unnest('{ivf_inspect_few_l2,ivf_inspect_few_ip,ivf_inspect_few_cosine}'::regclass[]) index, unnest('{1,5,100}'::int[]) k, vector_recall(index, 100, k);
SELECT queries, recall FROM vector_recall('ivf_inspect_empty_v');
SELECT pg_temp.try('SELECT vector_recall(''ivf_inspect_v'', 0)'), pg_temp.try('SELECT vector_recall(''ivf_inspect_v'', k => -1)');
DROP TABLE ivf_inspect_few;

-- ---- calibrated with queries from elsewhere ----

CREATE TABLE ivf_inspect_query AS SELECT 1 AS id, (SELECT array_agg(4 * random()) FROM generate_series(1, 20) WHERE i = i)::vector(20) AS v FROM generate_series(1, 300) i;
SELECT count(*) > 0 AS keeps_the_model FROM vector_index_calibration('ivf_inspect_v');
SELECT vector_calibrate('ivf_inspect_v', 'ivf_inspect_query');
SELECT calibration_queries FROM vector_index_stats('ivf_inspect_v');
-- the session that had the old one sees the new, and what it was calibrated for is met
SELECT count(DISTINCT probes) > 1 AS seen FROM vector_index_calibration('ivf_inspect_v');
SELECT recall FROM pg_temp.compare_all((SELECT array_agg(format('SELECT id, v <-> %L FROM ivf_inspect ORDER BY 2 LIMIT 10', v)) FROM (SELECT v FROM ivf_inspect_query LIMIT 50) q), 0.9);
SELECT count(*) FROM vector_check('ivf_inspect_v');
SELECT pg_temp.try('SELECT vector_calibrate(''ivf_inspect_v'', ''pg_class'')') AS no_vectors,
	pg_temp.try('SELECT vector_calibrate(''ivf_inspect_v'', ''ivf_inspect_query'', ''w'')') AS no_column;
DELETE FROM ivf_inspect_query WHERE ctid > '(0,5)';
SELECT pg_temp.try('SELECT vector_calibrate(''ivf_inspect_v'', ''ivf_inspect_query'')') AS too_few;
DROP TABLE ivf_inspect_query;
-- rows find what they are asked to find, whatever the queries are: here those of twenty heaps, which are easy to answer
CREATE TABLE ivf_inspect_heaps AS SELECT i AS id, (SELECT array_agg(CASE WHEN i % 3 = 0 THEN i % 60 + random() / 1000 ELSE random() * 3 + 0 * j END) FROM generate_series(1, 20) j)::vector(20) AS v
FROM generate_series(1, 6000) i;
CREATE VIEW ivf_inspect_easy AS SELECT v FROM ivf_inspect_heaps WHERE id % 15 = 0;
-- the mean of three builds: one in some thirty finds .87 to .91
CREATE TEMP TABLE ivf_inspect_recall (built float8, calibrated float8);
DO $$
DECLARE built float8;
BEGIN
	FOR i IN 1..3 LOOP
		CREATE INDEX ivf_inspect_heaps_v ON ivf_inspect_heaps USING ivf (v);
		SELECT recall INTO built FROM vector_recall('ivf_inspect_heaps_v', 300);
		PERFORM vector_calibrate('ivf_inspect_heaps_v', 'ivf_inspect_easy');
		INSERT INTO ivf_inspect_recall SELECT built, recall FROM vector_recall('ivf_inspect_heaps_v', 300);
		DROP INDEX ivf_inspect_heaps_v;
	END LOOP;
END $$;
SELECT avg(built) > 0.9 AS built, avg(calibrated) > 0.9 AS calibrated FROM ivf_inspect_recall;
DROP TABLE ivf_inspect_heaps CASCADE;
-- with two lists a row, either is where it is found: to rows as queries, which find themselves, as few lists will do as when it was built
CREATE TABLE ivf_inspect_two AS SELECT i AS id, (SELECT array_agg(random()) FROM generate_series(1, 20) WHERE i = i)::vector(20) AS v FROM generate_series(1, 6000) i;
CREATE INDEX ivf_inspect_two_v ON ivf_inspect_two USING ivf (v) WITH (spill = on, lists = 64);
CREATE TEMP TABLE built AS SELECT * FROM vector_index_calibration('ivf_inspect_two_v');
SELECT vector_calibrate('ivf_inspect_two_v', 'ivf_inspect_two') > 1000 AS calibrated;
SELECT sum(now.probes_when_grown) <= 1.2 * sum(built.probes_when_grown) AS as_few_lists
FROM vector_index_calibration('ivf_inspect_two_v') now JOIN built USING (k, recall) WHERE k <= 10 AND recall < 0.99;
-- spilled, as found by it; and odd arguments
SELECT queries, recall > 0.9 AS found FROM vector_recall('ivf_inspect_two_v', 100);
SELECT queries FROM vector_recall('ivf_inspect_two_v', 1, 1);
SELECT (r).queries FROM (SELECT vector_recall(i, samples, k) AS r FROM (VALUES (NULL::regclass, 10, 10), ('ivf_inspect_two_v', NULL, 10), ('ivf_inspect_two_v', 10, NULL)) v (i, samples, k)) t;
SELECT vector_calibrate(NULL, 'ivf_inspect_two'), vector_calibrate('ivf_inspect_two_v', NULL);
SELECT pg_temp.try(format('SELECT vector_recall(%s)', what)) FROM unnest(ARRAY[$$'ivf_inspect_two_v', 10001$$, $$'ivf_inspect_two_v', 10, 10001$$, $$'ivf_inspect_two_v', -5$$, $$'ivf_inspect_two'$$, '1']) what;
CREATE TABLE ivf_inspect_odd (w vector(3), x vector(20), a vector(20), b halfvec(20), n int);
INSERT INTO ivf_inspect_odd SELECT '[1,2,3]', NULL, NULL, array_fill(i, ARRAY[20])::vector, i FROM generate_series(1, 50) i;
SELECT what, pg_temp.try(format('SELECT vector_calibrate(''ivf_inspect_two_v'', %s)', what)) FROM unnest(ARRAY['1', $$'ivf_inspect_odd'$$, $$'ivf_inspect_odd', NULL$$, $$'ivf_inspect_odd', 'w'$$,
	$$'ivf_inspect_odd', 'x'$$, $$'ivf_inspect_odd', 'n'$$, $$'ivf_inspect_odd', 'ctid'$$]) what;
-- an index is no table; since 17 in other words
SELECT left(pg_temp.try($$SELECT vector_calibrate('ivf_inspect_two_v', 'ivf_inspect_two_v')$$), 5) AS an_index;
-- queries of another type are cast; those with nothing to measure by, zeros and such as overflow, are no harm
SELECT vector_calibrate('ivf_inspect_two_v', 'ivf_inspect_odd', 'b');
UPDATE ivf_inspect_odd SET a = (CASE n % 3 WHEN 0 THEN array_fill(3e38, ARRAY[20]) WHEN 1 THEN array_fill(0, ARRAY[20]) ELSE array_fill(1e-38, ARRAY[20]) END)::vector(20);
SELECT vector_calibrate('ivf_inspect_two_v', 'ivf_inspect_odd', 'a');
SELECT recall > 0.9 AS found, (SELECT count(*) FROM vector_check('ivf_inspect_two_v')) AS wrong FROM vector_recall('ivf_inspect_two_v', 100);
-- an index's owner reads as queries what he may read
CREATE ROLE ivf_inspect_owner;
CREATE TABLE ivf_inspect_one (v vector(20));
CREATE INDEX ivf_inspect_one_v ON ivf_inspect_one USING ivf (v);
ALTER TABLE ivf_inspect_one OWNER TO ivf_inspect_owner;
SET ROLE ivf_inspect_owner;
SELECT pg_temp.try($$SELECT vector_calibrate('ivf_inspect_one_v', 'ivf_inspect_odd', 'a')$$), pg_temp.try($$SELECT vector_calibrate('ivf_inspect_two_v', 'ivf_inspect_one')$$);
RESET ROLE;
-- no rows, and one
SELECT vector_calibrate('ivf_inspect_one_v', 'ivf_inspect_two') AS calibrated, r.queries, r.recall FROM vector_recall('ivf_inspect_one_v') r;
INSERT INTO ivf_inspect_one SELECT v FROM ivf_inspect_two LIMIT 1;
SELECT vector_calibrate('ivf_inspect_one_v', 'ivf_inspect_two') AS calibrated, r.queries, r.recall FROM vector_recall('ivf_inspect_one_v') r;
DROP TABLE ivf_inspect_odd, ivf_inspect_one;
DROP ROLE ivf_inspect_owner;
DROP TABLE ivf_inspect_two;

-- ---- what is wrong with it: nothing (t/ivf_check.t plants damages) ----

CREATE TABLE ivf_inspect_check (id int, v vector);
INSERT INTO ivf_inspect_check SELECT id, v FROM ivf_inspect WHERE id > 5200;
INSERT INTO ivf_inspect_check SELECT t.id, array_fill(i, ARRAY[20])::vector FROM unnest('{0,1e-30,1e4}'::real[]) WITH ORDINALITY t (i, id), generate_series(1, 3);
INSERT INTO ivf_inspect_check VALUES (0, NULL), (-1, '[1,2,3]');
CREATE INDEX ivf_inspect_l2 ON ivf_inspect_check USING ivf ((v::vector(20)) vector_l2_ops) WHERE vector_dims(v) = 20;
CREATE INDEX ivf_inspect_ip ON ivf_inspect_check USING ivf ((v::vector(20)) vector_ip_ops) WHERE vector_dims(v) = 20;
CREATE INDEX ivf_inspect_cosine ON ivf_inspect_check USING ivf ((v::vector(20)) vector_cosine_ops) WHERE vector_dims(v) = 20 AND id % 2 = 0;
CREATE INDEX ivf_inspect_half ON ivf_inspect_check USING ivf ((subvector(v, 1, 3)::halfvec(3)) halfvec_l2_ops);
CREATE FUNCTION pg_temp.check_all() RETURNS TABLE (index name, problem text) LANGUAGE sql AS $$
	SELECT indexname, problem FROM pg_indexes, vector_check(indexname::regclass) c WHERE tablename LIKE 'ivf\_inspect%' AND indexdef ~ 'USING ivf'
$$;
SELECT * FROM pg_temp.check_all();
INSERT INTO ivf_inspect_check SELECT id + 10000, v FROM ivf_inspect WHERE id BETWEEN 1001 AND 1600;
DELETE FROM ivf_inspect_check WHERE id % 7 = 3;
UPDATE ivf_inspect_check SET id = id + 1 WHERE id % 7 = 4;
SELECT * FROM pg_temp.check_all();
VACUUM ivf_inspect_check;
SELECT * FROM pg_temp.check_all();
-- trained anew from codes
INSERT INTO ivf_inspect_check SELECT id + 20000, v FROM ivf_inspect;
VACUUM ivf_inspect_check;
SELECT generation > 1 AS trained_anew FROM vector_index_stats('ivf_inspect_l2');
SELECT * FROM pg_temp.check_all();
DROP TABLE ivf_inspect_check;

-- ---- what is refused ----

CREATE TABLE ivf_inspect_part (k int, v vector(2)) PARTITION BY LIST (k);
CREATE TABLE ivf_inspect_part_1 PARTITION OF ivf_inspect_part FOR VALUES IN (1);
CREATE INDEX ivf_inspect_part_v ON ivf_inspect_part USING ivf (v);
CREATE ROLE ivf_inspect_stranger;
CREATE FUNCTION pg_temp.try_all(index text) RETURNS TABLE (function text, answer text) LANGUAGE sql AS $$
	SELECT f, pg_temp.try(format('SELECT * FROM %s(%L)', f, index)) FROM unnest(ARRAY['vector_index_stats', 'vector_index_calibration', 'vector_check', 'vector_prewarm', 'vector_recall']) f
$$;
SELECT * FROM pg_temp.try_all('ivf_inspect_part_v');
SELECT * FROM pg_temp.try_all('ivf_inspect_id');
SELECT * FROM pg_temp.try_all('ivf_inspect');
SELECT * FROM pg_temp.try_all('1');
SELECT answer FROM pg_temp.try_all('ivf_inspect_part_1_v_idx');
SET ROLE ivf_inspect_stranger;
SELECT * FROM pg_temp.try_all('ivf_inspect_v');
RESET ROLE;
DROP ROLE ivf_inspect_stranger;
DROP TABLE ivf_inspect, ivf_inspect_empty, ivf_inspect_part;
