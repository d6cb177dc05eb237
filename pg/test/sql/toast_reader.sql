-- Vectors out of line are read by places noted in the index, by the TOAST
-- index, or by PostgreSQL: the answer is the sequential scan's in every case.
SET client_min_messages = warning;
CREATE FUNCTION random_vector(dim int, seed int) RETURNS vector LANGUAGE sql AS $$
	SELECT array_agg(sin(seed * 12.9898 + i * 78.233) * cos(seed * i))::vector FROM generate_series(1, dim) i
$$;
-- Every row, at its distance, by the index and by a sort.
CREATE FUNCTION answers_agree(t regclass, queries int, dim int) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	by_index text;
	by_sort text;
	sql text := format('SELECT string_agg(id || '':'' || round(d::numeric, 6), '' '' ORDER BY round(d::numeric, 6), id) FROM
		(SELECT id, v <-> $1 AS d FROM %s ORDER BY v <-> $1 LIMIT 1000) x', t);
BEGIN
	FOR q IN 1 .. queries LOOP
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_indexscan = on;
		EXECUTE sql INTO by_index USING random_vector(dim, 1000 + q);
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_seqscan = on;
		EXECUTE sql INTO by_sort USING random_vector(dim, 1000 + q);
		IF by_index IS DISTINCT FROM by_sort THEN
			RAISE NOTICE 'index: %', by_index;
			RAISE NOTICE 'sort:  %', by_sort;
			RETURN false;
		END IF;
	END LOOP;
	RETURN true;
END $$;

-- 1,100 dimensions: three chunks, some over a page's end; 600: two
CREATE TABLE long (id int, v vector(1100));
INSERT INTO long SELECT i, random_vector(1100, i) FROM generate_series(1, 300) i;
CREATE INDEX long_index ON long USING ivf (v vector_l2_ops);
SELECT pg_relation_size(reltoastrelid) > 0 AS out_of_line FROM pg_class WHERE relname = 'long';
SELECT answers_agree('long', 3, 1100) AS noted_places;
INSERT INTO long SELECT i, random_vector(1100, i) FROM generate_series(301, 400) i;
SELECT answers_agree('long', 3, 1100) AS inserted;
-- places of deleted rows are taken by others
DELETE FROM long WHERE id % 2 = 0;
VACUUM long;
INSERT INTO long SELECT i, random_vector(1100, i) FROM generate_series(401, 600) i;
UPDATE long SET v = random_vector(1100, id + 7000) WHERE id % 5 = 0;
SELECT answers_agree('long', 3, 1100) AS after_reuse;
-- the whole table moves
VACUUM FULL long;
SELECT answers_agree('long', 3, 1100) AS after_vacuum_full;

-- where inserted rows' vectors lie is noted too: the TOAST index is left alone
CREATE FUNCTION toast_index_reads(t regclass) RETURNS bigint LANGUAGE sql AS $$
	SELECT tidx_blks_hit + tidx_blks_read FROM pg_statio_user_tables WHERE relid = t
$$;
CREATE TABLE later (id int, v vector(1100));
INSERT INTO later SELECT i, random_vector(1100, i) FROM generate_series(1, 50) i;
CREATE INDEX later_index ON later USING ivf (v vector_l2_ops);
INSERT INTO later SELECT i, random_vector(1100, i) FROM generate_series(51, 150) i;
SELECT random_vector(1100, 1003) AS query \gset
SELECT pg_stat_force_next_flush();
SELECT toast_index_reads('later') AS before \gset
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM later ORDER BY v <-> :'query' LIMIT 100) s;
RESET enable_seqscan;
SELECT pg_stat_force_next_flush();
SELECT toast_index_reads('later') - :before AS toast_index_reads;

-- compressed, in line, and of another TOAST table's making
CREATE TABLE mixed (id int, v vector(600));
ALTER TABLE mixed ALTER v SET STORAGE EXTENDED;
INSERT INTO mixed SELECT i, (SELECT array_agg((i % 7) + (j % 2))::vector FROM generate_series(1, 600) j) FROM generate_series(1, 20) i;
ALTER TABLE mixed ALTER v SET STORAGE EXTERNAL;
INSERT INTO mixed SELECT i, random_vector(600, i) FROM generate_series(21, 120) i;
ALTER TABLE mixed ALTER v SET STORAGE MAIN;
INSERT INTO mixed SELECT i, random_vector(600, i) FROM generate_series(121, 160) i;
INSERT INTO mixed VALUES (161, NULL);
CREATE INDEX mixed_index ON mixed USING ivf (v vector_l2_ops);
SELECT answers_agree('mixed', 3, 600) AS storages;

-- an expression, a temporary table, halfvec
CREATE TABLE halves (id int, v halfvec(1500));
INSERT INTO halves SELECT i, random_vector(1500, i)::halfvec(1500) FROM generate_series(1, 100) i;
CREATE INDEX ON halves USING ivf (v halfvec_l2_ops);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM halves ORDER BY v <-> random_vector(1500, 3)::halfvec(1500) LIMIT 50) x;
CREATE TEMPORARY TABLE passing AS SELECT * FROM long;
CREATE INDEX ON passing USING ivf (v vector_l2_ops);
SELECT answers_agree('passing', 3, 1100) AS temporary;
CREATE INDEX ON passing USING ivf ((v::halfvec(1100)) halfvec_l2_ops);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM passing ORDER BY v::halfvec(1100) <-> random_vector(1100, 3)::halfvec(1100) LIMIT 50) x;

-- two scans at once, and distances to other toasted vectors meanwhile
SELECT count(*), bool_and(near.id = l.id) AS own_first FROM (SELECT * FROM long ORDER BY id LIMIT 30) l
	CROSS JOIN LATERAL (SELECT id FROM long n ORDER BY n.v <-> l.v LIMIT 1) near;
DROP TABLE long, mixed, halves, passing;
DROP FUNCTION answers_agree, random_vector;
