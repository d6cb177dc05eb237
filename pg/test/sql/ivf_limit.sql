-- ivf below everything that asks for some of its rows: OFFSET, cursors, ties, parameters, rescans, appends, joins.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

SELECT setseed(0.75) IS NOT NULL AS seeded;
CREATE TABLE ivf_limit AS SELECT id::int, id % 4 AS part, a::vector(12) AS v FROM pg_temp.clustered(10000, 12);
CREATE INDEX ON ivf_limit USING ivf (v);
ANALYZE ivf_limit;
CREATE TABLE ivf_limit_query AS SELECT n, v FROM generate_series(1, 20) n JOIN ivf_limit ON id = n * 487;
-- as texts with a constant for the query
CREATE FUNCTION pg_temp.queries(form text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format(form, v)) FROM ivf_limit_query
$$;

-- OFFSET, no LIMIT, as much as there is, more than there is, nothing
-- (past an offset, which rows come depends on every one before: only number and order are compared)
SELECT tail, c.* FROM unnest(ARRAY['LIMIT 10 OFFSET 90', 'LIMIT 1 OFFSET 500', 'LIMIT 10 OFFSET 9995', 'LIMIT 10 OFFSET 20000', 'LIMIT 0',
	'LIMIT 9223372036854775807 OFFSET 9990', 'LIMIT 10000', 'FETCH FIRST 10 ROWS WITH TIES']) tail,
	pg_temp.compare_all((pg_temp.queries('SELECT id, v <-> %L FROM ivf_limit ORDER BY 2 ' || tail))[1:8], CASE WHEN tail ~ 'OFFSET' THEN 0 ELSE 0.91 END) c;
SELECT q.id AS wrong_limit FROM (SELECT id FROM ivf_limit ORDER BY v <-> (SELECT v FROM ivf_limit_query WHERE n = 1) LIMIT -1) q;
-- without a LIMIT rows that are found late come last: at most one step back, and nothing is missing
SELECT sum(c.short) AS short, sum(c.twice) AS twice, max(c.misplaced) <= 1 AS at_most_one_step_back
FROM unnest(ARRAY['', ' OFFSET 9900', ' LIMIT NULL OFFSET 9000']) tail, unnest((pg_temp.queries('SELECT id, v <-> %L FROM ivf_limit ORDER BY 2' || tail))[1:8]) q,
	pg_temp.compare(q) c;

-- ties: beyond as many as were asked for only equals of the last
CREATE TABLE ivf_limit_tie AS SELECT id, ARRAY[id / 10, 0]::vector(2) AS v FROM generate_series(0, 2999) id;
CREATE INDEX ON ivf_limit_tie USING ivf (v);
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT k, count(*) >= k AS enough, count(*) FILTER (WHERE d < farthest) < k AS but_equals_of_the_last, count(DISTINCT id) = count(*) AS different
FROM (SELECT k, id, d, max(d) OVER (PARTITION BY k) AS farthest FROM unnest(ARRAY[1, 5, 10, 11, 25, 2995]) k, LATERAL
	(SELECT id, v <-> '[100,0]' AS d FROM ivf_limit_tie WHERE k > 0 ORDER BY v <-> '[100,0]' FETCH FIRST (k) ROWS WITH TIES) t) u
GROUP BY k ORDER BY k;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;

-- a LIMIT that is a parameter, planned once for all
SET plan_cache_mode = force_generic_plan;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
PREPARE nearest(vector, int, int) AS SELECT id FROM ivf_limit ORDER BY v <-> $1 LIMIT $2 OFFSET $3;
EXPLAIN (COSTS off) EXECUTE nearest('[1,2,3,4,5,6,7,8,9,10,11,12]', 5, 0);
CREATE FUNCTION pg_temp.prepared(k int, skip int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	q vector := (SELECT v FROM ivf_limit_query WHERE n = 2);
	n bigint;
BEGIN
	SELECT count(*) INTO n FROM (SELECT id FROM ivf_limit ORDER BY v <-> q LIMIT k OFFSET skip) t;
	RETURN n;
END $$;
SELECT k, skip, pg_temp.prepared(k, skip) FROM unnest(ARRAY[0, 1, 10, 700, NULL]) k, unnest(ARRAY[0, 9500]) skip;
RESET plan_cache_mode;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;

-- a subquery run again for every outer row, each time with another query and another limit
CREATE FUNCTION pg_temp.lateral_answers() RETURNS TABLE (n int, place bigint, id int, d float8) LANGUAGE sql AS $$
	SELECT q.n, row_number() OVER (PARTITION BY q.n ORDER BY t.d, t.id), t.id, t.d FROM ivf_limit_query q CROSS JOIN LATERAL
		(SELECT i.id, i.v <-> q.v AS d FROM ivf_limit i WHERE i.part <> q.n % 4 ORDER BY i.v <-> q.v LIMIT q.n % 7 * 3) t
$$;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
CREATE TEMP TABLE by_index AS SELECT * FROM pg_temp.lateral_answers();
SELECT pg_temp.plan_by(false) IS NULL AS by_sort;
SELECT count(*) AS answers, count(b.id) AS in_both,
	avg((EXISTS (SELECT FROM by_index f WHERE f.n = e.n AND f.id = e.id))::int) > 0.91 AS found
FROM pg_temp.lateral_answers() e LEFT JOIN by_index b USING (n, place);
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT count(*) FILTER (WHERE nearest = id) AS themselves FROM
	(SELECT id, (SELECT i.id FROM ivf_limit i ORDER BY i.v <-> o.v LIMIT 1) AS nearest FROM ivf_limit o WHERE id % 101 = 0 OFFSET 0) t WHERE id % 2 = 0;
SELECT count(*) AS asked FROM ivf_limit WHERE id % 101 = 0 AND id % 2 = 0;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;

-- several index scans in one query
SELECT * FROM pg_temp.compare_all(pg_temp.queries('(SELECT id, v <-> %1$L FROM ivf_limit WHERE part = 1 ORDER BY 2 LIMIT 7) UNION ALL (SELECT id, v <-> %1$L FROM ivf_limit WHERE part <> 1 ORDER BY 2 LIMIT 9) ORDER BY 2 LIMIT 12'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT a.id, a.d FROM (SELECT id, v <-> %1$L AS d FROM ivf_limit ORDER BY 2 LIMIT 30) a JOIN (SELECT id FROM ivf_limit ORDER BY v <-> %1$L LIMIT 30) b USING (id) ORDER BY 2 LIMIT 30'), 0.91);
-- what makes other rows of them, or fewer, than the LIMIT above counts
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT max(id), d FROM (SELECT id / 2 AS id, v <-> %L AS d FROM ivf_limit ORDER BY 2 LIMIT 50) t GROUP BY d ORDER BY 2 LIMIT 20'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, d FROM (SELECT id, v <-> %L AS d FROM ivf_limit ORDER BY 2 OFFSET 0) t WHERE id %% 10 = 3 ORDER BY d LIMIT 20'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT DISTINCT ON (d) id, d FROM (SELECT id, v <-> %L AS d FROM ivf_limit) t ORDER BY d LIMIT 20'), 0.91);

-- partitions are merged in order
CREATE TABLE ivf_limit_part (id int, part int, v vector(12)) PARTITION BY LIST (part);
CREATE TABLE ivf_limit_part0 PARTITION OF ivf_limit_part FOR VALUES IN (0);
CREATE TABLE ivf_limit_part1 PARTITION OF ivf_limit_part FOR VALUES IN (1, 2);
CREATE INDEX ivf_limit_part_index ON ivf_limit_part USING ivf (v vector_l2_ops);
CREATE TABLE ivf_limit_part3 PARTITION OF ivf_limit_part DEFAULT;
INSERT INTO ivf_limit_part SELECT id, part, v FROM ivf_limit;
VACUUM ANALYZE ivf_limit_part;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_limit_part ORDER BY 2 LIMIT 25'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('SELECT id, v <-> %L FROM ivf_limit_part WHERE part > 1 AND id %% 20 = 2 ORDER BY 2 LIMIT 25'), 0.91);
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
EXPLAIN (COSTS off) SELECT id FROM ivf_limit_part ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12]' LIMIT 5;

-- cursors: in pieces, moved over, read on after other statements, and not backwards unless scrollable
CREATE FUNCTION pg_temp.pieces(sizes int[]) RETURNS TABLE (piece int, fetched bigint, again bigint, nearer_than_before bigint) LANGUAGE plpgsql AS $$
DECLARE
	c CURSOR (q vector) FOR SELECT id, v <-> q AS d FROM ivf_limit WHERE part < 3 ORDER BY v <-> q;
	r record;
	last_d float8 := 0;
	seen int[] := '{}';
BEGIN
	OPEN c((SELECT v FROM ivf_limit_query WHERE n = 3));
	FOR i IN 1..cardinality(sizes) LOOP
		fetched := 0; again := 0; nearer_than_before := 0;
		FOR j IN 1..sizes[i] LOOP
			FETCH c INTO r;
			EXIT WHEN NOT FOUND;
			fetched := fetched + 1;
			again := again + (r.id = ANY (seen))::int;
			nearer_than_before := nearer_than_before + (r.d < last_d)::int;
			last_d := r.d;
			seen := seen || r.id;
		END LOOP;
		piece := i;
		RETURN NEXT;
	END LOOP;
	CLOSE c;
END $$;
SELECT piece, fetched, again, CASE WHEN piece < 6 THEN nearer_than_before = 0 ELSE nearer_than_before <= 1 END AS in_order
FROM pg_temp.pieces(ARRAY[1, 9, 90, 400, 0, 7500, 10]);
BEGIN;
DECLARE plain CURSOR FOR SELECT id = 1461 AS itself FROM ivf_limit ORDER BY v <-> (SELECT v FROM ivf_limit_query WHERE n = 3) LIMIT 5;
FETCH plain;
MOVE 2 plain;
SELECT id = 1461 AS itself FROM ivf_limit ORDER BY v <-> (SELECT v FROM ivf_limit_query WHERE n = 3) LIMIT 1;
FETCH ALL plain;
FETCH plain;
SAVEPOINT s;
FETCH BACKWARD plain;
ROLLBACK TO s;
DECLARE scrolling SCROLL CURSOR FOR SELECT id, v <-> (SELECT v FROM ivf_limit_query WHERE n = 3) AS d FROM ivf_limit ORDER BY 2 LIMIT 5;
MOVE 5 scrolling;
FETCH ABSOLUTE 1 scrolling;
MOVE ABSOLUTE -1 scrolling;
FETCH PRIOR scrolling \gset
MOVE ABSOLUTE 3 scrolling;
SELECT :d > 0 AS fourth;
FETCH ABSOLUTE 4 scrolling \gset again_
SELECT :id = :again_id AS the_same_again;
COMMIT;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id = 1461 AS itself FROM ivf_limit ORDER BY v <-> (SELECT v FROM ivf_limit_query WHERE n = 3) LIMIT 5;
COMMIT;
FETCH held;
CLOSE held;

-- rows locked: SKIP LOCKED has its own isolation test
SELECT count(*), bool_and(in_order) FROM (SELECT d >= lag(d, 1, 0::float8) OVER () AS in_order FROM
	(SELECT v <-> (SELECT v FROM ivf_limit_query WHERE n = 5) AS d FROM ivf_limit ORDER BY 1 LIMIT 40 FOR UPDATE) t) u;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
DROP TABLE ivf_limit, ivf_limit_query, ivf_limit_tie, ivf_limit_part;
