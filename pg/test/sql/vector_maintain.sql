-- vector_maintain(): lists follow rows that move, tails are emptied, and what
-- is not needed of the file is given back.

SET enable_seqscan = off;
CREATE TABLE maintained (id int, v vector(16)) WITH (autovacuum_enabled = off);
-- rows around 40 centres, which lie elsewhere for each `age`
CREATE FUNCTION pg_temp.rows_of(age int, first int, last int) RETURNS TABLE (id int, v vector) LANGUAGE sql AS $$
	SELECT i, (SELECT array_agg(10 * sin((i % 40 + 40 * age) * (j * j + 3)) + sin(i * 0.37 * j + age)) FROM generate_series(1, 16) j)::vector
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
	FOR q IN SELECT v FROM maintained ORDER BY hashint4(id) LIMIT 20 LOOP
		SET LOCAL enable_indexscan = off;
		EXECUTE 'SELECT max(d) FROM (SELECT v <-> $1 AS d FROM maintained ORDER BY 1 LIMIT 10) t' INTO farthest USING q;
		SET LOCAL enable_indexscan = on;
		EXECUTE 'SELECT avg((d <= $2 + 1e-6)::int) FROM (SELECT v <-> $1 AS d FROM maintained ORDER BY v <-> $1 LIMIT 10) t'
			INTO found USING q, farthest;
		total := total + found / 20;
	END LOOP;
	RETURN total;
END $$;
INSERT INTO maintained SELECT * FROM pg_temp.rows_of(1, 1, 4000);
CREATE INDEX maintained_index ON maintained USING ivf (v);
SELECT vector_maintain('maintained_index');

-- a few rows more
INSERT INTO maintained SELECT * FROM pg_temp.rows_of(1, 4001, 4050);
SELECT vector_maintain('maintained_index') ~ '^lists (repacked|split)' AS rewritten;
SELECT tail_rows, dead_postings, left_over_bytes FROM vector_index_stats('maintained_index');
SELECT vector_maintain('maintained_index');

-- every row moves away, some at a time
SELECT generation AS before FROM vector_index_stats('maintained_index') \gset
DO $$
BEGIN
	FOR i IN 0 .. 9 LOOP
		UPDATE maintained m SET v = r.v FROM pg_temp.rows_of(2, 1, 4050) r WHERE r.id = m.id AND m.id % 10 = i;
	END LOOP;
END $$;
SELECT drift > 1.2 AS drifted FROM vector_index_stats('maintained_index');
SELECT vector_maintain('maintained_index');
SELECT drift BETWEEN 0.9 AND 1.1 AS fits FROM vector_index_stats('maintained_index');
VACUUM maintained;
SELECT vector_maintain('maintained_index') IS NOT NULL AS maintained;
-- where two of the centres shared a list that is split now, rows lie nearer than the lists were made for
SELECT rows, drift BETWEEN 0.5 AND 1.1 AS fits, tail_rows, generation > :before AS newer
FROM vector_index_stats('maintained_index');
SELECT pg_temp.recall() >= 0.9 AS recall;

-- the file is given back when most rows are gone
SELECT pg_relation_size('maintained_index') AS full_size \gset
DELETE FROM maintained WHERE id > 400;
VACUUM maintained;
SELECT pg_relation_size('maintained_index') < :full_size AS smaller;
SELECT count(*) FROM (SELECT id FROM maintained ORDER BY v <-> array_fill(0, ARRAY[16])::vector) t;
SELECT pg_temp.recall() >= 0.9 AS recall;

-- for the owner of an ivf index
CREATE INDEX maintained_id ON maintained (id);
SELECT vector_maintain('maintained_id');
SELECT vector_maintain('maintained');
CREATE ROLE maintained_stranger;
SET ROLE maintained_stranger;
SELECT vector_maintain('maintained_index');
RESET ROLE;
DROP ROLE maintained_stranger;
DROP TABLE maintained;
