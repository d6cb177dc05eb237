-- ivfflat: with every list probed its answers are a sequential scan's, row for
-- row, whatever type, metric and history; with fewer they are rows of the lists
-- nearest; options, settings and messages are pgvector's.
-- SPDX-License-Identifier: Apache-2.0
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.25);
-- rows around 40 places, some of them alike, some NULL
CREATE TABLE rows (id int, v vector(20));
INSERT INTO rows SELECT i AS id, CASE WHEN i % 97 = 0 THEN NULL ELSE array_agg(sin((i % 40) * 7 + d * d) + random() / 4 ORDER BY d)::vector END AS v
FROM generate_series(1, 4000) i, generate_series(1, 20) d GROUP BY i;
INSERT INTO rows SELECT 4000 + i, v FROM rows, generate_series(1, 20) i WHERE id = 5;
ALTER TABLE rows ADD h halfvec(20), ADD b bit(20);
UPDATE rows SET h = v::halfvec, b = binary_quantize(v)::bit(20);
-- distances of the nearest 50 rows by index and by hand, for queries among and beside the rows
CREATE FUNCTION differ(col text, op text, OUT queries int, OUT different int, OUT planned bool) LANGUAGE plpgsql AS $$
DECLARE
	q text;
	sql text;
	got float8[];
	want float8[];
	plan text;
BEGIN
	queries := 0; different := 0; planned := true;
	FOR q IN EXECUTE format('SELECT %s FROM rows WHERE id %% 400 = 7 OR id = 3999', col) LOOP
		queries := queries + 1;
		sql := format('SELECT %1$s %2$s %3$L AS d FROM rows ORDER BY %1$s %2$s %3$L LIMIT 50', col, op, q);
		SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off;
		EXECUTE format('SELECT array_agg(d) FROM (%s) r', sql) INTO got;
		FOR plan IN EXECUTE 'EXPLAIN ' || sql LOOP
			EXIT WHEN plan ~ 'Index Scan';
		END LOOP;
		planned := planned AND plan ~ 'Index Scan';
		SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on;
		EXECUTE format('SELECT array_agg(d) FROM (%s) r', sql) INTO want;
		IF (SELECT bool_or(abs(g - w) > 1e-5 * (1 + abs(w))) OR cardinality(got) IS DISTINCT FROM cardinality(want)
			FROM unnest(got, want) u(g, w)) THEN
			different := different + 1;
		END IF;
	END LOOP;
END $$;
CREATE FUNCTION differ_all() RETURNS TABLE (class text, queries int, different int, planned bool) LANGUAGE plpgsql AS $$
DECLARE c record;
BEGIN
	FOR c IN SELECT * FROM (VALUES ('v', 'vector_l2_ops', '<->'), ('v', 'vector_ip_ops', '<#>'), ('v', 'vector_cosine_ops', '<=>'),
		('h', 'halfvec_l2_ops', '<->'), ('h', 'halfvec_ip_ops', '<#>'), ('h', 'halfvec_cosine_ops', '<=>'), ('b', 'bit_hamming_ops', '<~>'))
		c(col, ops, op) LOOP
		class := c.ops;
		SELECT d.* INTO queries, different, planned FROM differ(c.col, c.op) d;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE INDEX ON rows USING ivfflat (v vector_l2_ops) WITH (lists = 20);
CREATE INDEX ON rows USING ivfflat (v vector_ip_ops) WITH (lists = 20);
CREATE INDEX ON rows USING ivfflat (v vector_cosine_ops) WITH (lists = 20);
CREATE INDEX ON rows USING ivfflat (h halfvec_l2_ops) WITH (lists = 20);
CREATE INDEX ON rows USING ivfflat (h halfvec_ip_ops) WITH (lists = 20);
CREATE INDEX ON rows USING ivfflat (h halfvec_cosine_ops) WITH (lists = 20);
CREATE INDEX ON rows USING ivfflat (b bit_hamming_ops) WITH (lists = 20);
SET ivfflat.probes = 20;
SELECT * FROM differ_all();
-- rows deleted, rows inserted where they were, rows changed
DELETE FROM rows WHERE id % 3 = 0;
VACUUM rows;
INSERT INTO rows SELECT id + 10000, v, h, b FROM rows WHERE id % 2 = 0;
UPDATE rows SET v = v + v, h = h + h, b = ~b WHERE id % 10 = 1;
SELECT * FROM differ_all();
VACUUM rows;
SELECT * FROM differ_all();
REINDEX TABLE rows;
SELECT * FROM differ_all();
-- a heap that work_mem cannot hold
SET work_mem = '64kB';
SET enable_seqscan = off;
CREATE TEMP VIEW in_order AS SELECT count(*), count(DISTINCT row) AS different, bool_and(d >= before) AS ordered FROM
	(SELECT row, d, lag(d) OVER () AS before FROM
		(SELECT ctid AS row, v <-> (SELECT v FROM rows WHERE id = 7) AS d FROM rows ORDER BY v <-> (SELECT v FROM rows WHERE id = 7)) r) o;
INSERT INTO rows SELECT 20000 + 10000 * i + id, v FROM rows, generate_series(1, 2) i WHERE v IS NOT NULL;
SELECT * FROM in_order;
SELECT count(*) FROM rows WHERE v IS NOT NULL;
RESET work_mem;
-- few lists: fewer rows, unless the scan may go on
SET ivfflat.probes = 1;
CREATE TEMP VIEW found AS SELECT count(*) FROM (SELECT 1 FROM rows ORDER BY v <-> (SELECT v FROM rows WHERE id = 7)) r;
SELECT count < 4000 AS fewer FROM found;
SET ivfflat.iterative_scan = relaxed_order;
SELECT (SELECT count FROM found) = (SELECT count(*) FROM rows WHERE v IS NOT NULL) AS everything;
SET ivfflat.max_probes = 2;
SELECT count < 6000 AS fewer FROM found;
RESET ivfflat.iterative_scan;
-- lists are near: of the nearest ten, nine in ten are in the two nearest lists of twenty
SET ivfflat.probes = 2;
SELECT avg(hits) > 9 AS near FROM (SELECT v AS q FROM rows WHERE id BETWEEN 100 AND 200 AND v IS NOT NULL) queries,
	LATERAL (SELECT max(d) AS most FROM (SELECT v <-> q AS d FROM rows ORDER BY (v <-> q) + 0 LIMIT 10) n) exact,
	LATERAL (SELECT count(*) AS hits FROM (SELECT v <-> q AS d FROM rows ORDER BY v <-> q LIMIT 10) n WHERE d <= most) found;
-- zero vectors have no cosine and come last; a NULL query is as near to all
CREATE TABLE zero (v vector(3));
INSERT INTO zero VALUES ('[0,0,0]'), ('[1,0,0]'), ('[0,2,0]'), (NULL);
CREATE INDEX ON zero USING ivfflat (v vector_cosine_ops) WITH (lists = 1);
SELECT v, v <=> '[0,1,0]' FROM zero ORDER BY v <=> '[0,1,0]';
SELECT count(*) FROM (SELECT v FROM zero ORDER BY v <=> NULL) r;
SELECT count(*) FROM (SELECT v FROM zero ORDER BY v <=> '[0,0,0]') r;
-- made before its rows, unlogged
SET client_min_messages = notice;
CREATE UNLOGGED TABLE late (id int, v vector(20));
CREATE INDEX late_index ON late USING ivfflat (v vector_l2_ops) WITH (lists = 5);
SET client_min_messages = warning;
INSERT INTO late SELECT id, v FROM rows WHERE id < 2000;
SET ivfflat.probes = 5;
SELECT count(*) = (SELECT count(*) FROM late WHERE v IS NOT NULL) AS all_there FROM (SELECT id FROM late ORDER BY v <-> (SELECT v FROM rows WHERE id = 7)) r;
-- bit strings longer than the space that lists are ranked in; those of one kind may have been split over some lists
CREATE TABLE long AS SELECT i AS id, (repeat(lpad((i % 8)::bit(3)::text, 100, '01'), 99) || lpad(i::bit(12)::text, 100, '0'))::bit(10000) AS b FROM generate_series(1, 400) i;
CREATE INDEX ON long USING ivfflat (b bit_hamming_ops) WITH (lists = 8);
SET ivfflat.probes = 4;
SELECT count(*) AS of_fifty FROM (SELECT id FROM long ORDER BY b <~> (SELECT b FROM long WHERE id = 24) LIMIT 50) r WHERE id % 8 = 0;
-- options, limits, messages
CREATE TABLE wide (v vector(2001), h halfvec(4001), b bit(64001), n vector);
CREATE INDEX ON wide USING ivfflat (v vector_l2_ops);
CREATE INDEX ON wide USING ivfflat (h halfvec_l2_ops);
CREATE INDEX ON wide USING ivfflat (b bit_hamming_ops);
CREATE INDEX ON wide USING ivfflat (n vector_l2_ops);
CREATE INDEX ON rows USING ivfflat (v vector_l2_ops) WITH (lists = 0);
CREATE INDEX ON rows USING ivfflat (v vector_l2_ops) WITH (lists = 32769);
SET ivfflat.probes = 0;
SET ivfflat.iterative_scan = strict_order;
RESET ivfflat.max_probes;
SHOW ivfflat.max_probes;
SELECT opcname, opcintype::regtype, opcdefault FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'ivfflat' ORDER BY 2, 1;
DROP TABLE rows, zero, late, long, wide CASCADE;
DROP FUNCTION differ, differ_all;
