-- Ranges of a distance by the index and by a sequential scan: the same rows.  Variable: queries.
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
CREATE INDEX ON items USING ivf (v vector_l2_ops);
CREATE INDEX ON items USING ivf (v vector_ip_ops);
CREATE INDEX ON items USING ivf (v vector_cosine_ops);
VACUUM ANALYZE items;

CREATE FUNCTION compare(queries int, OUT run int, OUT differ int, OUT rows_within bigint, OUT times_faster numeric) LANGUAGE plpgsql AS $$
DECLARE
	op text;
	q vector;
	r float8;
	begun timestamptz;
	by_index record;
	by_table record;
	index_time interval := '0';
	table_time interval := '0';
BEGIN
	run := 0; differ := 0; rows_within := 0;
	FOR i IN 1..queries LOOP
		op := (ARRAY['<->', '<#>', '<=>'])[1 + i % 3];
		-- every other query is a row; a third of the radii are some row's very distance
		SELECT CASE WHEN i % 2 = 0 THEN v ELSE v + (SELECT d.v FROM direction d WHERE n = 51 + i % 300) END INTO q FROM items WHERE id = 1 + i % 1500;
		EXECUTE format('SELECT v %s $1 FROM items WHERE id = $2', op) INTO r USING q, 1 + floor(random() * 1500)::int;
		r := CASE WHEN i % 3 = 1 THEN r WHEN op = '<#>' THEN r - random() * 10 ELSE r * random() * random() END;
		PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'on', true);
		begun := clock_timestamp();
		EXECUTE format('SELECT count(*) AS n, sum(id) AS s, sum(id::bigint * id) AS t FROM items WHERE v %s $1 <= $2', op) INTO by_index USING q, r;
		index_time := index_time + (clock_timestamp() - begun);
		PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_indexscan', 'off', true);
		begun := clock_timestamp();
		EXECUTE format('SELECT count(*) AS n, sum(id) AS s, sum(id::bigint * id) AS t FROM items WHERE v %s $1 <= $2', op) INTO by_table USING q, r;
		table_time := table_time + (clock_timestamp() - begun);
		PERFORM set_config('enable_indexscan', 'on', true);
		run := run + 1;
		differ := differ + (by_index IS DISTINCT FROM by_table)::int;
		rows_within := rows_within + by_table.n;
	END LOOP;
	times_faster := round((extract(epoch FROM table_time) / extract(epoch FROM index_time))::numeric, 2);
END $$;
SELECT * FROM compare(:queries);
