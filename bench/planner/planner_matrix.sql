-- The planner's choices beside forced plans: see README.md.  Variables: rows, dim, rounds.
-- SPDX-License-Identifier: Apache-2.0
\set ON_ERROR_STOP on
\pset pager off
SET client_min_messages = warning;
SELECT setseed(0.25) \g /dev/null

-- Rows around topics, spread in as many directions as there are sums of three of 600 vectors.
CREATE TABLE direction AS
SELECT n, array_agg((random() - 0.5) * CASE WHEN n <= 200 THEN 1.5 ELSE 0.8 END)::vector AS v
FROM generate_series(1, 800) n, generate_series(1, :dim) GROUP BY n;
ALTER TABLE direction ADD PRIMARY KEY (n);

CREATE FUNCTION make_table(count int, dim int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE items_%s (id int, f int, b bool, v vector(%s))', count, dim);
	EXECUTE format('INSERT INTO items_%s
		SELECT i, f, f < 100, t.v + a.v + b.v + c.v
		FROM (SELECT i, floor(random() * 10000)::int AS f, 1 + floor(random() * random() * 200)::int AS t,
			201 + floor(random() * 600)::int AS a, 201 + floor(random() * 600)::int AS b, 201 + floor(random() * 600)::int AS c
			FROM generate_series(1, %s) i OFFSET 0) s
		JOIN direction t ON t.n = s.t JOIN direction a ON a.n = s.a JOIN direction b ON b.n = s.b JOIN direction c ON c.n = s.c', count, count);
END $$;

-- Whether the plan can be had, and what it takes, in milliseconds: of each query vector's best, the median.
CREATE FUNCTION take_time(query text, way text, rounds int, OUT ms float8, OUT plan text) LANGUAGE plpgsql AS $$
DECLARE
	line text;
	q vector;
	begun timestamptz;
	best float8;
	times float8[] := '{}';
	spent float8 := 0;
BEGIN
	PERFORM set_config('enable_seqscan', CASE WHEN way IN ('chosen', 'table') THEN 'on' ELSE 'off' END, true),
		set_config('enable_bitmapscan', CASE WHEN way IN ('chosen', 'other') THEN 'on' ELSE 'off' END, true),
		set_config('enable_indexscan', CASE WHEN way IN ('chosen', 'ivf') THEN 'on' ELSE 'off' END, true),
		set_config('enable_sort', CASE WHEN way = 'ivf' THEN 'off' ELSE 'on' END, true);
	FOR round IN 0..rounds LOOP
		SELECT t.v + a.v + b.v INTO q FROM direction t, direction a, direction b WHERE t.n = 1 + round * 7 AND a.n = 300 + round AND b.n = 700 - round;
		IF round = 0 THEN
			plan := '';
			FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query USING q LOOP
				plan := plan || coalesce(substring(line FROM '(Seq Scan|Bitmap Index Scan|Index Scan|Sort)(?: on| using|$)') || ' ', '');
			END LOOP;
			EXIT WHEN way = 'ivf' AND plan NOT LIKE 'Index%' OR way = 'table' AND plan NOT LIKE '%Seq%' OR way = 'other' AND plan NOT LIKE '%Bitmap%';
		END IF;
		-- the best of a few: other work on the machine only ever adds
		best := 'Infinity';
		FOR again IN 1..CASE WHEN round = 0 THEN 1 ELSE 4 END LOOP
			begun := clock_timestamp();
			EXECUTE 'SELECT count(*) FROM (' || query || ') s' USING q;
			best := least(best, 1000 * extract(epoch FROM clock_timestamp() - begun)::float8);
		END LOOP;
		IF round > 0 THEN
			times := times || best;
			spent := spent + best;
		END IF;
		EXIT WHEN spent > 1000;
	END LOOP;
	SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) INTO ms FROM unnest(times) t;
END $$;

CREATE TABLE cell (items int, k int, share float8, spelling text, filter_in text, chosen float8, ivf float8, other float8, seq float8, plan text);

CREATE PROCEDURE measure(count int, filter_in text, rounds int) LANGUAGE plpgsql AS $$
DECLARE
	query text;
	share float8;
	spelling text;
	k int;
BEGIN
	FOR spelling, share IN VALUES ('', 1), ('<', 0.5), ('<', 0.1), ('<', 0.01), ('<', 0.001), ('<', 0.0001), ('IN', 0.01), ('IN', 0.001),
		('bool', 0.01) LOOP
		CONTINUE WHEN share = 1 AND filter_in <> 'nothing';
		FOREACH k IN ARRAY ARRAY[1, 10, 100, 1000] LOOP
			query := format('SELECT id FROM items_%s %s ORDER BY v <-> $1 LIMIT %s', count,
							CASE spelling WHEN '<' THEN format('WHERE f < %s', 10000 * share) WHEN 'bool' THEN 'WHERE b'
								WHEN 'IN' THEN 'WHERE f IN (' || (SELECT string_agg((n * 37)::text, ', ') FROM generate_series(1, (10000 * share)::int) n) || ')'
								ELSE '' END, k);
			INSERT INTO cell
			SELECT count, k, share, spelling, filter_in,
				-- the same plan twice is no two plans
				least(c.ms, CASE c.plan WHEN i.plan THEN i.ms WHEN o.plan THEN o.ms WHEN t.plan THEN t.ms END), i.ms, o.ms, t.ms, c.plan
			FROM take_time(query, 'ivf', rounds) i, take_time(query, 'other', rounds) o, take_time(query, 'table', rounds) t,
				take_time(query, 'chosen', rounds) c;
			COMMIT;
		END LOOP;
	END LOOP;
END $$;

-- one statement a line: VACUUM does not go into a block
SELECT unnest(ARRAY[
	format('SELECT make_table(%s, %s)', n, :dim),
	format('CREATE INDEX items_%1$s_ivf ON items_%1$s USING ivf (v vector_l2_ops)', n),
	format('VACUUM ANALYZE items_%s', n),
	format('CALL measure(%s, ''nothing'', %s)', n, :rounds),
	format('CREATE INDEX items_%1$s_f ON items_%1$s (f)', n),
	format('CREATE INDEX items_%1$s_b ON items_%1$s (b)', n),
	format('CALL measure(%s, ''btree'', %s)', n, :rounds),
	format('DROP INDEX items_%1$s_f, items_%1$s_b, items_%1$s_ivf', n),
	format('CREATE INDEX items_%1$s_ivf ON items_%1$s USING ivf (v vector_l2_ops, f, b)', n),
	format('CALL measure(%s, ''ivf'', %s)', n, :rounds)])
FROM unnest(string_to_array(:'rows', ',')::int[]) n
\o /dev/null
\gexec
\o

CREATE VIEW verdict AS
SELECT *, chosen / least(ivf, other, seq, chosen) AS ratio FROM cell;
\echo 'Milliseconds, chosen and forced:'
SELECT items AS rows, filter_in, spelling, 100 * share AS percent, k, round(chosen::numeric, 2) AS chosen, round(ivf::numeric, 2) AS ivf, round(other::numeric, 2) AS other,
	round(seq::numeric, 2) AS "table", round(ratio::numeric, 2) AS ratio, plan FROM verdict ORDER BY items, filter_in, spelling, share DESC, k;
\echo 'Beyond 1.5 times the best:'
SELECT items AS rows, filter_in, spelling, 100 * share AS percent, k, round(chosen::numeric, 2) AS chosen, round(ivf::numeric, 2) AS ivf, round(other::numeric, 2) AS other,
	round(seq::numeric, 2) AS "table", round(ratio::numeric, 2) AS ratio, plan FROM verdict WHERE ratio > 1.5 ORDER BY ratio DESC;
SELECT count(*) AS cells, count(*) FILTER (WHERE ratio <= 1.5) AS good, round(100.0 * count(*) FILTER (WHERE ratio <= 1.5) / count(*), 1) AS percent_good,
	round(sum(chosen)::numeric / sum(least(ivf, other, seq, chosen))::numeric, 2) AS times_the_best_altogether FROM verdict;
