-- ivf and the planner: chosen without hints where it is the cheaper way, and only there.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

SELECT setseed(0.9) IS NOT NULL AS seeded;
CREATE TABLE ivf_plan AS
SELECT id::int, (id % 10)::int AS tenth, (random() * 4000)::int AS rare, a::vector(48) AS v FROM pg_temp.clustered(20000, 48);
ALTER TABLE ivf_plan ADD PRIMARY KEY (id);
CREATE INDEX ivf_plan_rare ON ivf_plan (rare);
CREATE INDEX ivf_plan_index ON ivf_plan USING ivf (v);
VACUUM ANALYZE ivf_plan;
SELECT v AS q FROM ivf_plan WHERE id = 77 \gset
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		line := regexp_replace(line, '\[[-0-9.e,]+\]', '[...]', 'g');
		-- what an InitPlan yields is written otherwise since 17
		RETURN NEXT regexp_replace(line, ' \(returns \$0\)|\$0|\(InitPlan 1\).col1', '');
	END LOOP;
END $$;
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan ORDER BY v <-> %L LIMIT 100', :'q'));
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan WHERE tenth <> 3 ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan WHERE tenth = 3 ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT pg_temp.plan_of('SELECT id FROM ivf_plan ORDER BY v <-> (SELECT v FROM ivf_plan WHERE id = 1) LIMIT 10');
SELECT pg_temp.plan_of('SELECT o.id, n.id FROM ivf_plan o CROSS JOIN LATERAL (SELECT i.id FROM ivf_plan i ORDER BY i.v <-> o.v LIMIT 3) n WHERE o.id < 5');
PREPARE nearest AS SELECT id FROM ivf_plan ORDER BY v <-> $1 LIMIT 10;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS off) EXECUTE nearest('[1]');
RESET plan_cache_mode;
-- all rows; few rows, by another index; no order; another order
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan ORDER BY v <-> %L', :'q'));
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan WHERE rare = 17 ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan WHERE id BETWEEN 10 AND 20 ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT pg_temp.plan_of('SELECT count(*) FROM ivf_plan');
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan WHERE v <-> %L < 1', :'q'));
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan ORDER BY v <=> %L LIMIT 10', :'q'));
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan ORDER BY v <-> %L DESC LIMIT 10', :'q'));
SELECT pg_temp.plan_of('SELECT id FROM ivf_plan ORDER BY v LIMIT 10');
-- a range's rows are estimated by the lists: within five times of what there are
CREATE FUNCTION pg_temp.estimate(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
SELECT rank, bool_and(pg_temp.estimate(format('SELECT id FROM ivf_plan WHERE v <-> %L < %s', p.v, r.radius)) BETWEEN rank / 5.0 AND rank * 5.0) AS near
FROM unnest(ARRAY[300, 3000, 10000]) rank, (SELECT v FROM ivf_plan WHERE id <= 3) p,
	LATERAL (SELECT i.v <-> p.v AS radius FROM ivf_plan i ORDER BY 1 OFFSET rank LIMIT 1) r
GROUP BY rank ORDER BY rank;
-- a small table is sorted sooner
CREATE TABLE ivf_plan_small AS SELECT * FROM ivf_plan WHERE id <= 20;
CREATE INDEX ON ivf_plan_small USING ivf (v);
ANALYZE ivf_plan_small;
SELECT pg_temp.plan_of(format('SELECT id FROM ivf_plan_small ORDER BY v <-> %L LIMIT 10', :'q'));
DROP TABLE ivf_plan, ivf_plan_small;
