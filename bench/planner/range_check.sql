-- Ranges of a distance by the index and by a sequential scan: the same rows, or the same error.  Variable: queries.
-- SPDX-License-Identifier: Apache-2.0
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SELECT setseed(0.75) \g /dev/null
CREATE TABLE direction AS
SELECT n, array_agg((random() - 0.5) * CASE WHEN n <= 50 THEN 1.5 ELSE 0.7 END)::vector AS v
FROM generate_series(1, 350) n, generate_series(1, 96) GROUP BY n;
CREATE TABLE items AS
SELECT i AS id, (t.v + a.v + b.v)::vector(96) AS v
FROM (SELECT i, 1 + floor(random() * 50)::int AS t, 51 + floor(random() * 300)::int AS a, 51 + floor(random() * 300)::int AS b
	FROM generate_series(1, 1500) i OFFSET 0) s
JOIN direction t ON t.n = s.t JOIN direction a ON a.n = s.a JOIN direction b ON b.n = s.b;
-- many at the very same distance, some without a direction, some without a vector
INSERT INTO items SELECT 1500 + id, v FROM items WHERE id <= 300;
INSERT INTO items SELECT 1800 + i, CASE WHEN i <= 20 THEN array_fill(0, ARRAY[96])::vector END FROM generate_series(1, 40) i;
CREATE INDEX ON items USING ivf (v vector_l2_ops);
CREATE INDEX ON items USING ivf (v vector_ip_ops);
CREATE INDEX ON items USING ivf (v vector_cosine_ops);
VACUUM ANALYZE items;

-- How many rows, which, in a number or two; or the error.
CREATE FUNCTION answer(query text, q vector, r float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found record;
BEGIN
	EXECUTE query INTO found USING q, r;
	RETURN found::text;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

CREATE FUNCTION compare(queries int, OUT run int, OUT differ int, OUT ragged int, OUT errors int, OUT empty int, OUT by_index int,
	OUT times_faster numeric) LANGUAGE plpgsql AS $$
DECLARE
	op text;
	condition text;
	query text;
	q vector;
	r float8;
	begun timestamptz;
	found text;
	truth text;
	line text;
	index_time interval := '0';
	table_time interval := '0';
BEGIN
	run := 0; differ := 0; ragged := 0; errors := 0; empty := 0; by_index := 0;
	FOR i IN 1..queries LOOP
		op := (ARRAY['<->', '<#>', '<=>'])[1 + i % 3];
		-- every other query is a row, some are no direction; a third of the radii are some row's very distance
		SELECT CASE WHEN i % 50 = 0 THEN array_fill(0, ARRAY[96])::vector WHEN i % 2 = 0 THEN v
			ELSE v + (SELECT d.v FROM direction d WHERE n = 51 + i % 300) END INTO q FROM items WHERE id = 1 + i % 1500;
		EXECUTE format('SELECT v %s $1 FROM items WHERE id = $2', op) INTO r USING q, 1 + floor(random() * 1800)::int;
		r := CASE WHEN i % 3 = 1 THEN r WHEN op = '<#>' THEN r - random() * 10 ELSE r * random() * random() END;
		IF i % 7 = 0 THEN
			ragged := ragged + 1;
			r := (ARRAY[0, -0.0, -1, 1e-30, 'NaN', 'Infinity', '-Infinity', 1e300, -1e300]::float8[])[1 + i / 7 % 9];
		END IF;
		-- the plain spellings, and the operator that they become
		condition := CASE i % 4 WHEN 0 THEN format('v %s $1 <= $2', op) WHEN 1 THEN format('v %s $1 < $2', op)
			WHEN 2 THEN format('$2 >= $1 %s v', op) ELSE format('v <%s> sphere($1, $2)', op) END;
		query := 'SELECT count(*), sum(id), sum(id::bigint * id) FROM items WHERE ' || condition;
		PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'on', true);
		begun := clock_timestamp();
		found := answer(query, q, r);
		index_time := index_time + (clock_timestamp() - begun);
		IF i % 100 < 12 THEN
			FOR line IN EXECUTE 'EXPLAIN ' || replace(replace(query, '$1', quote_literal(q) || '::vector'), '$2', quote_literal(r) || '::float8') LOOP
				by_index := by_index + (line ~ 'Index Scan')::int;
			END LOOP;
		END IF;
		PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_indexscan', 'off', true);
		begun := clock_timestamp();
		truth := answer(query, q, r);
		table_time := table_time + (clock_timestamp() - begun);
		PERFORM set_config('enable_indexscan', 'on', true);
		run := run + 1;
		IF found IS DISTINCT FROM truth THEN
			differ := differ + 1;
			RAISE WARNING '% with radius %: % by the index, % by the table', condition, r, found, truth;
		END IF;
		errors := errors + (truth !~ ',')::int;
		empty := empty + (truth = '(0,,)')::int;
	END LOOP;
	times_faster := round((extract(epoch FROM table_time) / extract(epoch FROM index_time))::numeric, 2);
END $$;
SELECT * FROM compare(:queries);
