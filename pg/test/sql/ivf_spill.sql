-- ivf with rows in two lists: each comes once, through insert, delete, repacking and retraining.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

SELECT setseed(0.7) IS NOT NULL AS seeded;
CREATE TABLE ivf_spill_data AS SELECT id::int, a::vector(16) AS v FROM pg_temp.clustered(12000, 16, 50);
CREATE FUNCTION pg_temp.queries(tail text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('SELECT id, v <-> %L FROM ivf_spill %s', v, tail)) FROM ivf_spill_data WHERE id % 1000 = 1
$$;
-- everything: every row once
CREATE FUNCTION pg_temp.all_rows(OUT by_index boolean, OUT row_count bigint, OUT short bigint, OUT misplaced bigint,
	OUT twice bigint) LANGUAGE sql AS $$
	SELECT c.by_index, c.row_count, c.short, c.misplaced, c.twice
	FROM pg_temp.compare((pg_temp.queries('ORDER BY 2 LIMIT 20000'))[1]) c
$$;

CREATE TABLE ivf_spill (id int, v vector(16)) WITH (autovacuum_enabled = off);
INSERT INTO ivf_spill SELECT * FROM ivf_spill_data WHERE id <= 2500;
CREATE INDEX ivf_spill_index ON ivf_spill USING ivf (v) WITH (spill = on);
SELECT * FROM pg_temp.all_rows();
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
-- inserted: two postings a row in tails
INSERT INTO ivf_spill SELECT * FROM ivf_spill_data WHERE id > 2500 AND id <= 4000;
SELECT rows, tail_rows FROM vector_index_stats('ivf_spill_index');
SELECT * FROM vector_check('ivf_spill_index');
SELECT * FROM pg_temp.all_rows();
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
-- repacked: both postings of the packed and of the inserted
VACUUM ivf_spill;
SELECT rows, tail_rows, generation, trained_rows FROM vector_index_stats('ivf_spill_index');
SELECT * FROM vector_check('ivf_spill_index');
SELECT * FROM pg_temp.all_rows();
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
-- deleted: both postings go
DELETE FROM ivf_spill WHERE id % 4 = 0;
VACUUM ivf_spill;
SELECT * FROM vector_check('ivf_spill_index');
SELECT rows, dead_postings FROM vector_index_stats('ivf_spill_index');
SELECT * FROM pg_temp.all_rows();
DELETE FROM ivf_spill WHERE id % 4 = 1;
VACUUM ivf_spill;
SELECT rows, dead_postings FROM vector_index_stats('ivf_spill_index');
SELECT * FROM pg_temp.all_rows();
-- trained anew at four times the rows
INSERT INTO ivf_spill SELECT * FROM ivf_spill_data WHERE id > 4000;
VACUUM ivf_spill;
SELECT rows, tail_rows, trained_rows FROM vector_index_stats('ivf_spill_index');
SELECT * FROM vector_check('ivf_spill_index');
SET enable_seqscan = off;
PREPARE near(vector) AS SELECT id FROM ivf_spill WHERE v <<->> sphere($1, 1);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS off) EXECUTE near('[1]');
RESET plan_cache_mode;
SELECT count(*), count(DISTINCT id) FROM ivf_spill WHERE v <<->> sphere((SELECT v FROM ivf_spill_data WHERE id = 1), 1);
SELECT * FROM pg_temp.all_rows();
SELECT * FROM pg_temp.compare_all(pg_temp.queries('ORDER BY 2 LIMIT 10'), 0.91);
RESET enable_seqscan;

-- clear clusters: no second list, unless asked for; nothing to spill into with one list
CREATE INDEX ivf_spill_auto ON ivf_spill USING ivf (v);
CREATE INDEX ivf_spill_off ON ivf_spill USING ivf (v) WITH (spill = off, lists = 100);
CREATE INDEX ivf_spill_on ON ivf_spill USING ivf (v) WITH (spill = on, lists = 100);
CREATE INDEX ivf_spill_one ON ivf_spill USING ivf (v) WITH (spill = on, lists = 1);
SELECT pg_relation_size('ivf_spill_auto') < pg_relation_size('ivf_spill_on') AS not_by_itself,
	pg_relation_size('ivf_spill_off') < pg_relation_size('ivf_spill_on') AS not_when_off,
	pg_relation_size('ivf_spill_one') < pg_relation_size('ivf_spill_on') AS not_alone;
CREATE INDEX ON ivf_spill USING ivf (v) WITH (spill = perhaps);

DROP TABLE ivf_spill, ivf_spill_data;
