-- Ranges of a distance: the index's answer is the sequential scan's, row for row, for every metric and type; the plain
-- spelling of a range is answered by the index where it means the same, and left alone elsewhere.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

-- the types' text
SELECT '[1,2.5]<0.5'::vector_sphere, ' [1,2.5] <= 1e-3 '::vector_sphere, '[1]<-Infinity'::halfvec_sphere, '[1]<=NaN'::vector_sphere;
SET extra_float_digits = -5;
SELECT sphere('[0.1,3]'::vector, 1.0 / 3), closed_sphere('[0.1,3]'::halfvec, 1e300);
RESET extra_float_digits;
SELECT sphere(NULL::vector, 1) IS NULL AND closed_sphere('[1]'::halfvec, NULL) IS NULL AS strict;
CREATE FUNCTION pg_temp.try(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ': ' || sqlerrm;
END $$;
SELECT pg_temp.try(format('SELECT %L::vector_sphere', t)) FROM unnest(ARRAY['', '[1]', '[1]<', '[1]<x', '[1]<=', '<1', '[]<1', '[1,a]<1', '[1]<1<2']) t;
SELECT pg_temp.try('SELECT ''[1,2]''::vector <<->> sphere(''[1]''::vector, 1)');
SELECT pg_temp.try('SELECT ''[1,2]''::halfvec <<=>> sphere(''[1]''::halfvec, 1)');

-- open and closed, NaN greater than anything
SELECT '[3,4]'::vector <<->> sphere('[0,0]'::vector, 5) AS open, '[3,4]'::vector <<->> closed_sphere('[0,0]'::vector, 5) AS closed,
	'[3,4]'::halfvec <<#>> sphere('[1,1]'::halfvec, -7) AS open, '[3,4]'::halfvec <<#>> closed_sphere('[1,1]'::halfvec, -7) AS closed,
	'[3,4]'::vector <<=>> sphere('[6,8]'::vector, 0) AS open, '[3,4]'::vector <<=>> closed_sphere('[6,8]'::vector, 0) AS closed,
	'[3,4]'::vector <<->> sphere('[0,0]'::vector, 'NaN') AS nan, '[0,0]'::vector <<=>> closed_sphere('[1,0]'::vector, 'NaN') AS nan;

-- 4,000 rows, some alike, some zero, some NULL, some inserted after the build
SELECT setseed(0.4) IS NOT NULL AS seeded;
CREATE TABLE ivf_range AS
SELECT id::int, (id % 7)::int AS seventh, a::vector(32) AS v, a::halfvec(32) AS h FROM pg_temp.clustered(4000, 32, 50);
UPDATE ivf_range SET v = array_fill(0, ARRAY[32])::vector, h = array_fill(0, ARRAY[32])::halfvec WHERE id % 1000 = 7;
UPDATE ivf_range t SET v = s.v, h = s.h FROM ivf_range s WHERE t.id % 1000 = 8 AND s.id = 8;
UPDATE ivf_range SET v = v * array_fill(20, ARRAY[32])::vector, h = h * array_fill(20, ARRAY[32])::halfvec WHERE id % 1000 = 9;
UPDATE ivf_range SET v = NULL, h = NULL WHERE id % 1000 = 10;
CREATE TABLE ivf_range_late AS SELECT * FROM ivf_range WHERE id % 3 = 0;
DELETE FROM ivf_range WHERE id % 3 = 0;
CREATE INDEX ON ivf_range USING ivf (v vector_l2_ops);
CREATE INDEX ON ivf_range USING ivf (v vector_ip_ops);
CREATE INDEX ON ivf_range USING ivf (v vector_cosine_ops);
CREATE INDEX ON ivf_range USING ivf (h halfvec_l2_ops);
CREATE INDEX ON ivf_range USING ivf (h halfvec_ip_ops);
CREATE INDEX ON ivf_range USING ivf (h halfvec_cosine_ops);
INSERT INTO ivf_range SELECT * FROM ivf_range_late;
ANALYZE ivf_range;

CREATE FUNCTION pg_temp.force(way text) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('enable_seqscan', (way = 'table')::text, false), set_config('enable_indexscan', (way = 'index')::text, false),
		set_config('enable_bitmapscan', (way = 'bitmap')::text, false), set_config('enable_sort', (way <> 'index')::text, false)
$$;

-- Each query's ranges by each way; radii are distances of rows, so that some lie on the edge.
CREATE FUNCTION pg_temp.compare_ranges(col text, op text, queries int, OUT ranges int, OUT rows_found bigint, OUT differ int)
LANGUAGE plpgsql AS $$
DECLARE
	q text;
	r float8;
	sphere text;
	plain text;
	by_table int[];
	by_bitmap int[];
	by_index int[];
	by_order int[];
BEGIN
	ranges := 0; rows_found := 0; differ := 0;
	FOR n IN 1..queries LOOP
		EXECUTE format('SELECT %I::text FROM ivf_range WHERE id = %s', col, n * 37 + 1) INTO q;
		CONTINUE WHEN q IS NULL;
		EXECUTE format('SELECT d FROM (SELECT %I %s %L AS d FROM ivf_range WHERE id %% 5 <> 4) s WHERE d = d ORDER BY d OFFSET %s LIMIT 1', col, op, q,
					   (ARRAY[0, 3, 30, 300, 2000])[1 + n % 5]) INTO r;
		FOREACH sphere IN ARRAY ARRAY['sphere', 'closed_sphere'] LOOP
			sphere := format('%I <%s> %s(%L::%s, %L)', col, op, sphere, q, CASE col WHEN 'v' THEN 'vector' ELSE 'halfvec' END, r);
			PERFORM pg_temp.force('table');
			EXECUTE 'SELECT coalesce(array_agg(id ORDER BY id), ''{}'') FROM ivf_range WHERE ' || sphere INTO by_table;
			PERFORM pg_temp.force('bitmap');
			EXECUTE 'SELECT coalesce(array_agg(id ORDER BY id), ''{}'') FROM ivf_range WHERE ' || sphere INTO by_bitmap;
			PERFORM pg_temp.force('index');
			EXECUTE 'SELECT coalesce(array_agg(id ORDER BY id), ''{}'') FROM ivf_range WHERE ' || sphere INTO by_index;
			EXECUTE format('SELECT coalesce(array_agg(id ORDER BY id), ''{}'') FROM (SELECT id FROM ivf_range WHERE %s ORDER BY %I %s %L) s', sphere, col, op, q)
			INTO by_order;
			ranges := ranges + 1;
			rows_found := rows_found + cardinality(by_table);
			differ := differ + (by_table <> by_bitmap)::int + (by_table <> by_index)::int + (by_table <> by_order)::int;
		END LOOP;
	END LOOP;
	PERFORM pg_temp.plan_as_usual();
END $$;
SELECT col, op, ranges, rows_found > 5000 AS enough, differ
FROM unnest(ARRAY['v', 'h']) col, unnest(ARRAY['<->', '<#>', '<=>']) op, pg_temp.compare_ranges(col, op, 25) ORDER BY col, op;

-- plans: which ways there are
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		RETURN NEXT regexp_replace(line, '\[[-0-9.e,]+\]', '[...]', 'g');
	END LOOP;
END $$;
SELECT v AS q FROM ivf_range WHERE id = 77 \gset
SELECT pg_temp.force('bitmap');
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_range WHERE v <<->> sphere(%L::vector, 0.5)', :'q'));
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_range WHERE v <<->> sphere(%1$L::vector, 0.5) OR v <<=>> sphere(%1$L::vector, 0.1)', :'q'));
SELECT pg_temp.force('index');
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_range WHERE v <<->> sphere(%1$L::vector, 0.5) ORDER BY v <-> %1$L LIMIT 3', :'q'));

-- the plain spelling
SELECT pg_temp.force('bitmap');
SELECT condition, pg_temp.plan_of(format('SELECT id FROM ivf_range WHERE ' || condition, :'q'))
FROM unnest(ARRAY['v <-> %L < 0.5', '%L <-> v < 0.5', 'v <-> %L <= 0.5', '0.5 > v <-> %L', '0.5 >= v <-> %L', 'l2_distance(v, %L) < 1',
	'v <=> %L < 0.5', 'v <#> %L < -2', 'h <-> %L < 0.5', 'seventh = 3 AND v <-> %L BETWEEN 0.1 AND 0.5']) condition;
-- no range, another distance, not that column's, no constant to the table
SELECT pg_temp.plan_as_usual();
SELECT condition, (SELECT bool_or(line ~ '<<') FROM pg_temp.plan_of(format('SELECT id FROM ivf_range a WHERE ' || condition, :'q')) line) AS derived
FROM unnest(ARRAY['v <-> %L > 0.5', 'v <-> %L >= 0.5', 'v <-> %L = 0.5', '0.5 < v <-> %L', 'v <+> %L < 0.5', 'v <-> v < 0.5', 'v::halfvec <-> %L < 0.5', 'v <-> %L < seventh',
	'v <-> (SELECT v FROM ivf_range b WHERE b.id = a.id) < 0.5', 'abs(id) < 0.5']) condition;
-- through parameters, subqueries, views, joins, outer joins, updates; and what is not a condition stays as it is
SELECT pg_temp.force('bitmap');
PREPARE near AS SELECT count(*) FROM ivf_range WHERE v <-> $1 < $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS off) EXECUTE near(:'q', 0.5);
EXECUTE near(:'q', 0.5);
EXECUTE near(NULL, 0.5);
EXECUTE near(:'q', NULL);
RESET plan_cache_mode;
CREATE VIEW ivf_range_view AS SELECT id, seventh, v AS w FROM ivf_range WHERE seventh < 5;
SELECT pg_temp.plan_of(format('SELECT id FROM (SELECT id, w FROM ivf_range_view) s WHERE w <-> %L < 0.5', :'q'));
SELECT pg_temp.plan_of('SELECT a.id, b.id FROM ivf_range a JOIN ivf_range b ON b.v <-> a.v < 0.2 WHERE a.id < 4');
SELECT pg_temp.plan_of('SELECT a.id, b.id FROM ivf_range_late a LEFT JOIN ivf_range b ON b.v <-> a.v < 0.2 AND b.seventh = 1 WHERE a.id < 4');
SELECT pg_temp.plan_of(format('DELETE FROM ivf_range WHERE v <-> %L < 0.2 AND seventh = 9', :'q'));
SELECT pg_temp.plan_of(format('SELECT v <-> %1$L < 1 FROM ivf_range_late GROUP BY 1 HAVING v <-> %1$L < 1', :'q')) LIMIT 2;
SELECT count(*) AS by_join FROM ivf_range a JOIN ivf_range b ON b.v <-> a.v < 0.2 WHERE a.id < 40 \gset
SELECT pg_temp.force('table');
SELECT count(*) = :by_join AND :by_join > 0 AS same FROM ivf_range a JOIN ivf_range b ON b.v <-> a.v < 0.2 WHERE a.id < 40;
SELECT pg_temp.plan_as_usual();

-- order and range: k rows when k are within, all of them when fewer are, nothing out of order
CREATE FUNCTION pg_temp.ordered(queries int, r float8, k int, condition text, OUT short bigint, OUT misplaced bigint, OUT outside bigint) LANGUAGE plpgsql AS $$
DECLARE
	q vector;
	within bigint;
	found float8[];
BEGIN
	short := 0; misplaced := 0; outside := 0;
	FOR n IN 1..queries LOOP
		SELECT v INTO q FROM ivf_range WHERE id = n * 31;
		PERFORM pg_temp.force('table');
		EXECUTE format('SELECT count(*) FROM ivf_range WHERE v <-> $1 < $2 AND %s', condition) INTO within USING q, r;
		PERFORM pg_temp.force('index');
		EXECUTE format('SELECT coalesce(array_agg(d), ''{}'') FROM (SELECT v <-> $1 AS d FROM ivf_range WHERE v <-> $1 < $2 AND %s ORDER BY v <-> $1 LIMIT $3) s', condition)
		INTO found USING q, r, k;
		short := short + least(within, k) - cardinality(found);
		SELECT misplaced + count(*) INTO misplaced FROM generate_series(2, cardinality(found)) i WHERE found[i] < found[i - 1];
		SELECT outside + count(*) INTO outside FROM unnest(found) d WHERE d >= r;
	END LOOP;
	PERFORM pg_temp.plan_as_usual();
END $$;
SELECT r, k, condition, o.* FROM unnest(ARRAY[0.3, 0.95, 1.1, 9]) r, unnest(ARRAY[1, 10, 500]) k, unnest(ARRAY['true', 'seventh = 2']) condition,
	pg_temp.ordered(CASE WHEN k = 500 THEN 3 ELSE 12 END, r, k, condition) o ORDER BY r, k, condition DESC;

-- an order by another vector than the sphere's centre
SELECT pg_temp.force('index');
SELECT array_agg(id) AS by_index FROM (SELECT id FROM ivf_range WHERE v <<->> sphere(:'q'::vector, 1.0) ORDER BY v <-> (SELECT v FROM ivf_range WHERE id = 500)) s \gset
SELECT pg_temp.force('table');
SELECT array_agg(id) = :'by_index' AS same, count(*) > 20 AS enough FROM (SELECT id FROM ivf_range WHERE v <<->> sphere(:'q'::vector, 1.0) ORDER BY v <-> (SELECT v FROM ivf_range WHERE id = 500)) s;
SELECT pg_temp.plan_as_usual();

-- an index on an expression, one of a part of the table, a partitioned table, an empty one
CREATE TABLE ivf_range_any (id int, v vector) PARTITION BY HASH (id);
CREATE TABLE ivf_range_any_0 PARTITION OF ivf_range_any FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE ivf_range_any_1 PARTITION OF ivf_range_any FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON ivf_range_any USING ivf ((v::vector(32)));
SELECT pg_temp.force('bitmap');
SELECT count(*) FROM ivf_range_any WHERE v::vector(32) <-> :'q' < 1;
INSERT INTO ivf_range_any SELECT id, v FROM ivf_range;
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_range_any WHERE v::vector(32) <-> %L < 0.5', :'q'));
SELECT (SELECT count(*) FROM ivf_range_any WHERE v::vector(32) <-> :'q' < 1) = (SELECT count(*) FROM ivf_range WHERE v <-> :'q' < 1) AS same;
SELECT pg_temp.plan_as_usual();

-- with a column beside the vector; any of several ranges; NULL
CREATE INDEX ivf_range_keys ON ivf_range USING ivf (v, seventh);
SELECT pg_temp.force('bitmap');
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_range WHERE v <-> %L < 0.9 AND seventh = 3', :'q'));
SELECT array_agg(id ORDER BY id) AS by_index FROM ivf_range WHERE v <-> :'q' < 0.9 AND seventh = 3 \gset
SELECT count(*) AS null_too FROM ivf_range WHERE v <<->> NULL::vector_sphere AND seventh = 3;
SELECT pg_temp.force('table');
SELECT array_agg(id ORDER BY id) = :'by_index' AS same, count(*) > 3 AS enough FROM ivf_range WHERE v <-> :'q' < 0.9 AND seventh = 3;
SELECT count(*) AS one_or_other FROM ivf_range WHERE v <<->> sphere(:'q'::vector, 0.9) OR v <<->> sphere((SELECT v FROM ivf_range WHERE id = 78), 0.9) \gset
SELECT pg_temp.force('index');
SELECT count(*) = :one_or_other AS same FROM (SELECT FROM ivf_range
	WHERE v <<->> ANY (ARRAY[sphere(:'q'::vector, 0.9), sphere((SELECT v FROM ivf_range WHERE id = 78), 0.9)]) ORDER BY v <-> :'q') s;
SELECT pg_temp.plan_as_usual();
DROP INDEX ivf_range_keys;

-- deleted rows stay away, and vacuum's new lists (coded from codes) still bring every row
DROP INDEX ivf_range_h_idx, ivf_range_h_idx1, ivf_range_h_idx2;
DELETE FROM ivf_range WHERE id % 2 = 0;
VACUUM ivf_range;
INSERT INTO ivf_range SELECT id + 10000 * n, seventh, v, h FROM ivf_range, generate_series(1, 6) n;
VACUUM ANALYZE ivf_range;
SELECT op, ranges, rows_found > 5000 AS enough, differ FROM unnest(ARRAY['<->', '<#>', '<=>']) op, pg_temp.compare_ranges('v', op, 10) ORDER BY op;
DROP TABLE ivf_range, ivf_range_late, ivf_range_any CASCADE;

-- an ordered path is no bitmap's: without a range the index is of no use for one
CREATE TABLE ivf_range_other AS SELECT id::int, (id % 3)::int AS third, a::vector(4) AS v FROM pg_temp.clustered(300, 4);
CREATE INDEX ON ivf_range_other USING ivf (v, third);
ANALYZE ivf_range_other;
SELECT pg_temp.force('bitmap');
SELECT bool_or(line ~ 'Bitmap') AS by_bitmap FROM pg_temp.plan_of('SELECT v FROM ivf_range_other WHERE third = 1 ORDER BY v <-> ''[0,0,0,0]'' LIMIT 1000') line;
SELECT pg_temp.plan_as_usual();
DROP TABLE ivf_range_other;
