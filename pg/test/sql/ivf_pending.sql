-- Inserted rows wait in their backend's memory: whoever may miss one finds it,
-- and of what is rolled back nothing gets into the index.

SET enable_seqscan = off;
CREATE FUNCTION pg_temp.v(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	$$ SELECT (SELECT array_agg(sin(i * (j * j + 3))) FROM generate_series(1, 16) j)::vector(16) $$;
CREATE TABLE waiting (id int PRIMARY KEY, v vector(16)) WITH (autovacuum_enabled = off);
CREATE INDEX waiting_index ON waiting USING ivf (v vector_l2_ops) WITH (lists = 4, spill = off);
-- whether the index's nearest row is the row itself
CREATE FUNCTION pg_temp.found(wanted int) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	nearest int;
BEGIN
	SELECT id INTO nearest FROM waiting ORDER BY v <-> pg_temp.v(wanted) LIMIT 1;
	RETURN nearest IS NOT DISTINCT FROM wanted;
END $$;

-- a scan of the same transaction, of the statement behind, of a cursor
BEGIN;
INSERT INTO waiting SELECT i, pg_temp.v(i) FROM generate_series(1, 100) i;
SELECT pg_temp.found(77);
INSERT INTO waiting VALUES (101, pg_temp.v(101));
DECLARE nearest CURSOR FOR SELECT id FROM waiting ORDER BY v <-> pg_temp.v(101) LIMIT 1;
FETCH nearest;
INSERT INTO waiting VALUES (102, pg_temp.v(102));
SELECT rows FROM vector_index_stats('waiting_index');
COMMIT;
SELECT pg_temp.found(102), count(*) FROM vector_check('waiting_index');

-- savepoints: what is rolled back is forgotten, what is around it stays
BEGIN;
INSERT INTO waiting VALUES (201, pg_temp.v(201));
SAVEPOINT a;
INSERT INTO waiting VALUES (202, pg_temp.v(202));
SAVEPOINT b;
INSERT INTO waiting VALUES (203, pg_temp.v(203));
RELEASE b;
INSERT INTO waiting VALUES (204, pg_temp.v(204));
ROLLBACK TO a;
INSERT INTO waiting VALUES (205, pg_temp.v(205));
SAVEPOINT c;
INSERT INTO waiting VALUES (206, pg_temp.v(206));
RELEASE c;
INSERT INTO waiting VALUES (207, pg_temp.v(207));
COMMIT;
SELECT i, pg_temp.found(i) FROM generate_series(201, 207) i ORDER BY i;
SELECT count(*) FROM vector_check('waiting_index');
-- nothing of the rows that were rolled back ever was in the index: no record is dead
SELECT rows FROM vector_index_stats('waiting_index');
DO $$
BEGIN
	FOR i IN 301 .. 310 LOOP
		BEGIN
			INSERT INTO waiting VALUES (i, pg_temp.v(i));
			IF i % 2 = 0 THEN
				RAISE division_by_zero;
			END IF;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
END $$;
SELECT i, pg_temp.found(i) FROM generate_series(301, 310) i ORDER BY i;
SELECT rows FROM vector_index_stats('waiting_index');
SELECT count(*) FROM vector_check('waiting_index');

-- rows that may go before their transaction does are not gathered
INSERT INTO waiting SELECT i, pg_temp.v(i) FROM generate_series(305, 330) i ON CONFLICT DO NOTHING;
INSERT INTO waiting VALUES (330, pg_temp.v(331)) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v;
SELECT pg_temp.found(329), count(*) FROM vector_check('waiting_index');

-- what the transaction itself does to the index
BEGIN;
INSERT INTO waiting VALUES (401, pg_temp.v(401));
REINDEX INDEX waiting_index;
INSERT INTO waiting VALUES (402, pg_temp.v(402));
ALTER TABLE waiting ALTER id TYPE bigint;
INSERT INTO waiting VALUES (403, pg_temp.v(403));
COMMIT;
SELECT i, pg_temp.found(i) FROM generate_series(401, 403) i ORDER BY i;
SELECT count(*) FROM vector_check('waiting_index');
BEGIN;
INSERT INTO waiting VALUES (404, pg_temp.v(404));
TRUNCATE waiting;
INSERT INTO waiting VALUES (405, pg_temp.v(405));
COMMIT;
SELECT pg_temp.found(405), count(*) FROM vector_check('waiting_index');
BEGIN;
INSERT INTO waiting VALUES (406, pg_temp.v(406));
DROP INDEX waiting_index;
COMMIT;
BEGIN;
CREATE INDEX waiting_index ON waiting USING ivf (v vector_l2_ops) WITH (lists = 4);
INSERT INTO waiting VALUES (407, pg_temp.v(407));
DROP TABLE waiting;
COMMIT;

-- more than work_mem, several indexes, columns beside the vector; COPY
CREATE TABLE waiting (id int, tenant int, v vector(16), w halfvec(32)) WITH (autovacuum_enabled = off);
CREATE INDEX waiting_v ON waiting USING ivf (v vector_cosine_ops, tenant) WITH (lists = 4);
CREATE INDEX waiting_w ON waiting USING ivf (w halfvec_ip_ops) WITH (lists = 3);
SET work_mem = '64kB';
INSERT INTO waiting SELECT i, i % 7, pg_temp.v(i), (pg_temp.v(i)::float4[] || pg_temp.v(-i)::float4[])::halfvec
	FROM generate_series(1, 3000) i;
SELECT count(*) FROM vector_check('waiting_v');
SELECT count(*) FROM vector_check('waiting_w');
SELECT id FROM waiting WHERE tenant = 2 ORDER BY v <=> pg_temp.v(2998) LIMIT 1;
RESET work_mem;

-- parallel workers, which cannot see this backend's memory
SELECT pg_temp.v(4001) AS wanted \gset
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
-- its name until 15, and since
SELECT count(set_config(name, 'on', true)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
INSERT INTO waiting VALUES (4000, 2, pg_temp.v(4000), NULL);
CREATE FUNCTION nearest_waiting(q vector) RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS
	$$ SELECT id FROM waiting ORDER BY v <=> q LIMIT 1 $$;
INSERT INTO waiting VALUES (4001, 3, pg_temp.v(4001), NULL);
SELECT nearest_waiting(:'wanted');
COMMIT;
DROP FUNCTION nearest_waiting;
DROP TABLE waiting;
