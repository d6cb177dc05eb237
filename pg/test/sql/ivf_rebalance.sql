-- Lists are split where rows have gathered and merged where few are left, by
-- vector_maintain() and VACUUM, and the index stays what it is: every row is
-- found once, by its nearest, within ranges, by keys, and vector_check() is silent.

SET enable_seqscan = off;
CREATE TABLE moved (id int, kind int, v vector(16)) WITH (autovacuum_enabled = off);
-- rows around 40 centres, which lie elsewhere for each `age`
CREATE FUNCTION pg_temp.rows_of(age int, first int, last int, centres int DEFAULT 40)
	RETURNS TABLE (id int, kind int, v vector) LANGUAGE sql AS $$
	SELECT i, i % 7, (SELECT array_agg(10 * sin((i % centres + 40 * age) * (j * j + 3)) + sin(i * 0.37 * j + age)) FROM generate_series(1, 16) j)::vector
	FROM generate_series(first, last) i
$$;
-- the share of the nearest ten that the index finds, over some of the rows
CREATE FUNCTION pg_temp.recall() RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	q vector;
	farthest float8;
	found float8;
	total float8 := 0;
BEGIN
	FOR q IN SELECT v FROM moved ORDER BY hashint4(id) LIMIT 40 LOOP
		SET LOCAL enable_indexscan = off;
		EXECUTE 'SELECT max(d) FROM (SELECT v <-> $1 AS d FROM moved ORDER BY 1 LIMIT 10) t' INTO farthest USING q;
		SET LOCAL enable_indexscan = on;
		EXECUTE 'SELECT avg((d <= $2 + 1e-6)::int) FROM (SELECT v <-> $1 AS d FROM moved ORDER BY v <-> $1 LIMIT 10) t'
			INTO found USING q, farthest;
		total := total + found / 40;
	END LOOP;
	RETURN total;
END $$;
-- rows that a range or a condition finds by index and not by reading the table, or the other way
CREATE FUNCTION pg_temp.differing() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	q vector;
	r float8;
	total bigint := 0;
	n bigint;
BEGIN
	FOR q, r IN SELECT v, 2.0 + id % 5 FROM moved ORDER BY hashint4(id + 1) LIMIT 40 LOOP
		EXECUTE format('SELECT count(*) FROM (SELECT id FROM moved WHERE v <<->> sphere(%1$L::vector, %2$s)) a
			FULL JOIN (SELECT id FROM (SELECT id, v FROM moved OFFSET 0) s WHERE (v <-> %1$L::vector) < %2$s) b USING (id)
			WHERE a.id IS NULL OR b.id IS NULL', q, r) INTO n;
		total := total + n;
	END LOOP;
	FOR n IN 0 .. 6 LOOP
		SELECT total + abs(count(*) - (SELECT count(*) FROM moved WHERE kind = n)) INTO total
		FROM (SELECT id FROM moved WHERE kind = n ORDER BY v <-> array_fill(1, ARRAY[16])::vector) t;
	END LOOP;
	RETURN total;
END $$;
CREATE FUNCTION pg_temp.all_found() RETURNS boolean LANGUAGE sql AS $$
	SELECT count(*) = count(DISTINCT id) AND count(*) = (SELECT count(*) FROM (SELECT id FROM moved OFFSET 0) m)
	FROM (SELECT id FROM moved ORDER BY v <-> array_fill(0, ARRAY[16])::vector) t
$$;

INSERT INTO moved SELECT * FROM pg_temp.rows_of(1, 1, 6000);
CREATE INDEX moved_index ON moved USING ivf (v, kind) WITH (spill = off);
SELECT lists AS lists_before FROM vector_index_stats('moved_index') \gset

-- a tenth more, in one place only: lists are split there, and the emptiest of the others merged
INSERT INTO moved SELECT * FROM pg_temp.rows_of(2, 6001, 6700, 1);
SELECT largest_list > 300 AS gathered FROM vector_index_stats('moved_index');
SELECT vector_maintain('moved_index');
SELECT largest_list < 300 AS scattered, tail_rows, abs(lists - :lists_before) <= :lists_before / 5 AS as_many
FROM vector_index_stats('moved_index');
SELECT * FROM vector_check('moved_index');
SELECT pg_temp.recall() >= 0.95 AS recall, pg_temp.differing(), pg_temp.all_found();
SELECT tail_rows FROM vector_index_stats('moved_index');

-- rows that were moved are deleted, updated, and their places taken
DELETE FROM moved WHERE id BETWEEN 6001 AND 6350 OR id % 10 = 3;
VACUUM moved;
UPDATE moved SET v = v + array_fill(0.1, ARRAY[16])::vector WHERE id % 20 = 4 OR id > 6600;
SELECT * FROM vector_check('moved_index');
SELECT pg_temp.recall() >= 0.95 AS recall, pg_temp.differing(), pg_temp.all_found();

-- again and again elsewhere: retired lists are taken again, and the model does not grow for ever
DO $$
BEGIN
	FOR age IN 3 .. 14 LOOP
		DELETE FROM moved WHERE id % 12 = age - 3;
		INSERT INTO moved SELECT id * 12 + age - 3, kind, v FROM pg_temp.rows_of(age, 600 * age, 600 * age + 540, 3);
		PERFORM vector_maintain('moved_index');
	END LOOP;
END $$;
VACUUM moved;
SELECT vector_maintain('moved_index') IS NOT NULL AS maintained;
SELECT model_bytes < 40 * 8192 AS small FROM vector_index_stats('moved_index');
SELECT * FROM vector_check('moved_index');
SELECT pg_temp.recall() >= 0.95 AS recall, pg_temp.differing(), pg_temp.all_found();

-- many rows that are all the same cannot be split
INSERT INTO moved SELECT 200000 + i, 1, array_fill(3, ARRAY[16])::vector FROM generate_series(1, 900) i;
SELECT vector_maintain('moved_index') IS NOT NULL AS maintained;
INSERT INTO moved SELECT * FROM pg_temp.rows_of(1, 300001, 300010);
SELECT vector_maintain('moved_index') IS NOT NULL AS maintained;
INSERT INTO moved SELECT * FROM pg_temp.rows_of(1, 300011, 300020);
SELECT vector_maintain('moved_index') IS NOT NULL AS maintained, model_bytes < 40 * 8192 AS small
FROM vector_index_stats('moved_index');
SELECT * FROM vector_check('moved_index');
SELECT pg_temp.recall() >= 0.95 AS recall, pg_temp.all_found();

-- cosine, by VACUUM itself
CREATE INDEX moved_cosine ON moved USING ivf (v vector_cosine_ops) WITH (spill = off);
INSERT INTO moved SELECT * FROM pg_temp.rows_of(20, 400001, 402600, 2);
VACUUM moved;
SELECT tail_rows FROM vector_index_stats('moved_cosine');
SELECT i, c.* FROM unnest('{moved_index, moved_cosine}'::regclass[]) i, vector_check(i) c;
SELECT i, recall > 0.9 AS recall FROM unnest('{moved_index, moved_cosine}'::regclass[]) i, vector_recall(i, 60, 10);
DROP TABLE moved;

-- with a second list a row: both of its postings move
CREATE TABLE moved (id int, kind int, v vector(16)) WITH (autovacuum_enabled = off);
INSERT INTO moved SELECT * FROM pg_temp.rows_of(1, 1, 6000);
CREATE INDEX moved_index ON moved USING ivf (v, kind) WITH (spill = on);
INSERT INTO moved SELECT * FROM pg_temp.rows_of(2, 6001, 6700, 1);
SELECT largest_list AS gathered FROM vector_index_stats('moved_index') \gset
SELECT vector_maintain('moved_index');
SELECT largest_list < :gathered AS scattered, tail_rows FROM vector_index_stats('moved_index');
CREATE INDEX moved_new ON moved USING ivf (v, kind) WITH (spill = on);
SELECT a.packed_bytes > 0.94 * b.packed_bytes AS both_postings
FROM vector_index_stats('moved_index') a, vector_index_stats('moved_new') b;
DROP INDEX moved_new;
SELECT * FROM vector_check('moved_index');
SELECT pg_temp.recall() >= 0.95 AS recall, pg_temp.differing(), pg_temp.all_found();
DO $$
BEGIN
	FOR age IN 3 .. 8 LOOP
		DELETE FROM moved WHERE id % 12 = age - 3;
		INSERT INTO moved SELECT id * 12 + age - 3, kind, v FROM pg_temp.rows_of(age, 600 * age, 600 * age + 540, 3);
		PERFORM vector_maintain('moved_index');
	END LOOP;
END $$;
SELECT * FROM vector_check('moved_index');

-- VACUUM with workers, which may not lock indexes to shorten them
CREATE INDEX moved_cosine ON moved USING ivf (v vector_cosine_ops) WITH (spill = off);
SET min_parallel_index_scan_size = 0;
DELETE FROM moved WHERE id % 3 > 0;
VACUUM (PARALLEL 2) moved;
INSERT INTO moved SELECT * FROM pg_temp.rows_of(3, 200001, 204000, 2);
DELETE FROM moved WHERE id % 3 > 0;
VACUUM (PARALLEL 2) moved;
RESET min_parallel_index_scan_size;
SELECT i, c.* FROM unnest('{moved_index, moved_cosine}'::regclass[]) i, vector_check(i) c;
SELECT pg_temp.recall() >= 0.95 AS recall, pg_temp.all_found();
DROP TABLE moved;
