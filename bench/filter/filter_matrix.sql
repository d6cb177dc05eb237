-- Filtered searches: see README.md.  Variables: rows, dim, queries, k.
-- SPDX-License-Identifier: Apache-2.0
\set ON_ERROR_STOP on
\pset pager off
SET client_min_messages = warning;
SELECT setseed(0.125) \g /dev/null

-- Rows around topics of uneven sizes, and queries made the same way.
CREATE TABLE direction AS
SELECT n, array_agg((random() - 0.5) * CASE WHEN n <= 500 THEN 1.5 ELSE 0.8 END)::vector AS v
FROM generate_series(1, 1100) n, generate_series(1, :dim) GROUP BY n;
ALTER TABLE direction ADD PRIMARY KEY (n);

-- `dice` is random; `side` tells how far along one direction a row lies: 0 to 9999, each as often as any other.
CREATE TABLE item AS
SELECT id, dice, (ntile(10000) OVER (ORDER BY v <#> (SELECT v FROM direction WHERE n = 1)) - 1)::int AS side, v
FROM (SELECT i AS id, dice, (t.v + a.v + b.v + c.v)::vector(:dim) AS v
	FROM (SELECT i, floor(random() * 10000)::int AS dice, 1 + floor(random() * random() * 500)::int AS t,
		501 + floor(random() * 600)::int AS a, 501 + floor(random() * 600)::int AS b, 501 + floor(random() * 600)::int AS c
		FROM generate_series(1, :rows + :queries * 40) i OFFSET 0) s
	JOIN direction t ON t.n = s.t JOIN direction a ON a.n = s.a JOIN direction b ON b.n = s.b JOIN direction c ON c.n = s.c) r;
-- queries come from the twentieth where `side` is least
CREATE TABLE query AS SELECT row_number() OVER () AS n, v FROM (SELECT v FROM item WHERE side < 500 ORDER BY random() LIMIT :queries) s;
DELETE FROM item WHERE v IN (SELECT v FROM query);
DELETE FROM item WHERE id > :rows;
CREATE TABLE by_ivf AS TABLE item;
CREATE TABLE by_btree AS TABLE item;
CREATE TABLE by_none AS TABLE item;
CREATE INDEX ON by_ivf USING ivf (v vector_l2_ops, dice, side);
CREATE INDEX ON by_btree USING ivf (v vector_l2_ops);
CREATE INDEX ON by_btree (dice);
CREATE INDEX ON by_btree (side);
CREATE INDEX ON by_none USING ivf (v vector_l2_ops);
VACUUM ANALYZE item, by_ivf, by_btree, by_none;

CREATE FUNCTION allow(way text) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('enable_seqscan', CASE WHEN way IN ('chosen', 'table') THEN 'on' ELSE 'off' END, true),
		set_config('enable_bitmapscan', CASE WHEN way IN ('chosen', 'other') THEN 'on' ELSE 'off' END, true),
		set_config('enable_indexscan', CASE WHEN way IN ('chosen', 'ivf') THEN 'on' ELSE 'off' END, true),
		set_config('enable_sort', CASE WHEN way = 'ivf' THEN 'off' ELSE 'on' END, true)
$$;

-- Over all queries: fewest rows over those there are, recall (as far as the k-th, ties too), the median of the best times.
CREATE FUNCTION ask(query text, exact text, way text, k int, OUT rows float8, OUT recall float8, OUT ms float8) LANGUAGE plpgsql AS $$
DECLARE
	q record;
	begun timestamptz;
	best float8;
	times float8[] := '{}';
	truth float8[];
	found float8[];
BEGIN
	rows := 1;
	recall := 0;
	FOR q IN SELECT * FROM query LOOP
		PERFORM allow('table');
		EXECUTE 'SELECT array_agg(d ORDER BY d) FROM (' || exact || ') s' INTO truth USING q.v;
		PERFORM allow(way);
		best := 'Infinity';
		FOR again IN 1..3 LOOP
			begun := clock_timestamp();
			EXECUTE 'SELECT array_agg(d) FROM (' || query || ') s' INTO found USING q.v;
			best := least(best, 1000 * extract(epoch FROM clock_timestamp() - begun)::float8);
		END LOOP;
		times := times || best;
		rows := least(rows, coalesce(cardinality(found), 0)::float8 / cardinality(truth));
		recall := recall + (SELECT count(*) FROM unnest(found) f WHERE f <= truth[cardinality(truth)] * (1 + 1e-6))::float8 / cardinality(truth);
	END LOOP;
	recall := recall / cardinality(times);
	SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) INTO ms FROM unnest(times) t;
END $$;

CREATE TABLE cell (filter text, share float8, filter_in text, rows float8, recall float8, ms float8, free float8, forced float8);

CREATE PROCEDURE measure(k int) LANGUAGE plpgsql AS $$
DECLARE
	filter text;
	share float8;
	place text;
	condition text;
	query text;
	exact text;
	free float8;
	forced float8;
BEGIN
	SELECT ms INTO free FROM ask('SELECT v <-> $1 AS d FROM by_ivf ORDER BY d LIMIT ' || k, 'SELECT v <-> $1 AS d FROM item ORDER BY d LIMIT ' || k, 'chosen', k);
	FOREACH filter IN ARRAY ARRAY['random', 'with', 'against'] LOOP
		FOREACH share IN ARRAY ARRAY[0.5, 0.1, 0.01, 0.001, 0.0001] LOOP
			condition := CASE filter WHEN 'random' THEN format('dice < %s', 10000 * share) WHEN 'with' THEN format('side < %s', 10000 * share)
				ELSE format('side >= %s', 10000 * (1 - share)) END;
			exact := format('SELECT v <-> $1 AS d FROM item WHERE %s ORDER BY d LIMIT %s', condition, k);
			FOREACH place IN ARRAY ARRAY['by_ivf', 'by_btree', 'by_none', 'join'] LOOP
				IF place = 'join' THEN
					EXECUTE format('CREATE TABLE picked AS SELECT id FROM item WHERE %s', condition);
					ALTER TABLE picked ADD PRIMARY KEY (id);
					ANALYZE picked;
				END IF;
				query := CASE place WHEN 'join' THEN format('SELECT v <-> $1 AS d FROM by_ivf JOIN picked USING (id) ORDER BY d LIMIT %s', k)
					ELSE format('SELECT v <-> $1 AS d FROM %s WHERE %s ORDER BY d LIMIT %s', place, condition, k) END;
				forced := NULL;
				IF place = 'by_btree' THEN
					SELECT min(a.ms) INTO forced FROM unnest(ARRAY['ivf', 'other', 'table']) way, ask(query, exact, way, k) a;
				END IF;
				INSERT INTO cell SELECT filter, share, place, a.rows, a.recall, a.ms, free, forced FROM ask(query, exact, 'chosen', k) a;
				DROP TABLE IF EXISTS picked;
				COMMIT;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
CALL measure(:k);

CREATE VIEW verdict AS
SELECT *, rows >= 1 AND recall >= 0.95 AND CASE filter_in
	WHEN 'by_ivf' THEN share < 0.001 OR ms <= CASE WHEN share >= 0.01 THEN 3 ELSE 6 END * free
	WHEN 'by_btree' THEN ms <= 1.5 * forced ELSE true END AS good FROM cell;
SELECT filter_in, filter, 100 * share AS percent, round(rows::numeric, 2) AS rows, round(recall::numeric, 3) AS recall, round(ms::numeric, 2) AS ms,
	round((ms / free)::numeric, 2) AS times_unfiltered, round((ms / forced)::numeric, 2) AS times_best, CASE WHEN good THEN '' ELSE 'MISSED' END AS bar
FROM verdict ORDER BY filter_in, filter, share DESC;
SELECT count(*) AS cells, count(*) FILTER (WHERE good) AS good, round(min(recall)::numeric, 3) AS least_recall, round(max(free)::numeric, 2) AS unfiltered_ms FROM verdict;
