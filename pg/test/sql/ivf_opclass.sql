-- ivf, the six operator classes: answers beside exact ones, for k from 1 to all, with default settings and with every list looked at.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

SELECT setseed(0.25) IS NOT NULL AS seeded;
CREATE TABLE ivf_opclass AS SELECT id::int, a::vector(40) AS v, a::halfvec(40) AS h FROM pg_temp.clustered(12000, 40);
-- inner product: rows of unlike length
UPDATE ivf_opclass SET v = (SELECT array_agg(x * (1 + id % 10 / 5.0)) FROM unnest(v::real[]) x)::vector WHERE id % 2 = 0;
UPDATE ivf_opclass SET h = v::halfvec;
VACUUM ANALYZE ivf_opclass;
CREATE TABLE ivf_opclass_query AS
SELECT n, (SELECT array_agg(x + 0.05 * (random() - 0.5)) FROM unnest(v::real[]) x WHERE n = n)::vector(40) AS v
FROM generate_series(1, 30) n JOIN ivf_opclass ON id = n * 397;

-- as text, so that the planner sees constants
CREATE FUNCTION pg_temp.queries(col text, op text, k text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('SELECT id, %I %s %L FROM ivf_opclass ORDER BY 2 LIMIT %s', col, op, v, k)) FROM ivf_opclass_query
$$;
-- each k to its queries: 1, 2, 3, ... in steps to the whole table
CREATE FUNCTION pg_temp.ladder(col text, op text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('SELECT id, %I %s %L FROM ivf_opclass ORDER BY 2 LIMIT %s', col, op, v, (1.37 ^ n)::int)) FROM ivf_opclass_query
$$;

CREATE INDEX ivf_opclass_index ON ivf_opclass USING ivf (v vector_l2_ops);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('v', '<->', '10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.ladder('v', '<->'), 0.91);
SET ivf.probes = 100000;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('v', '<->', '10'), 0.97);
RESET ivf.probes;
-- an operator class orders by its own operator only
SELECT pg_temp.ordered_scans('SELECT id, v <#> v FROM ivf_opclass ORDER BY v <#> (SELECT v FROM ivf_opclass_query LIMIT 1) LIMIT 1') AS by_another,
	pg_temp.ordered_scans('SELECT id FROM ivf_opclass ORDER BY v <-> (SELECT v FROM ivf_opclass_query LIMIT 1) DESC LIMIT 1') AS farthest_first;
DROP INDEX ivf_opclass_index;

CREATE INDEX ivf_opclass_index ON ivf_opclass USING ivf (v vector_ip_ops);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('v', '<#>', '10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.ladder('v', '<#>'), 0.91);
SET ivf.probes = 100000;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('v', '<#>', '10'), 0.97);
RESET ivf.probes;
DROP INDEX ivf_opclass_index;

CREATE INDEX ivf_opclass_index ON ivf_opclass USING ivf (v vector_cosine_ops);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('v', '<=>', '10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.ladder('v', '<=>'), 0.91);
SET ivf.probes = 100000;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('v', '<=>', '10'), 0.97);
RESET ivf.probes;
DROP INDEX ivf_opclass_index;

CREATE INDEX ivf_opclass_index ON ivf_opclass USING ivf (h halfvec_l2_ops);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('h', '<->', '10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.ladder('h', '<->'), 0.91);
DROP INDEX ivf_opclass_index;

CREATE INDEX ivf_opclass_index ON ivf_opclass USING ivf (h halfvec_ip_ops);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('h', '<#>', '10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.ladder('h', '<#>'), 0.91);
DROP INDEX ivf_opclass_index;

CREATE INDEX ivf_opclass_index ON ivf_opclass USING ivf (h halfvec_cosine_ops);
SELECT * FROM pg_temp.compare_all(pg_temp.queries('h', '<=>', '10'), 0.91);
SELECT * FROM pg_temp.compare_all(pg_temp.ladder('h', '<=>'), 0.91);

-- recall_target is a knob that turns: everything within the codes' bounds against a glance
SET vector.recall_target = 1;
SELECT * FROM pg_temp.compare_all(pg_temp.queries('h', '<=>', '10'), 0.97);
CREATE TEMP TABLE full_effort AS SELECT sum(c.recall) AS recall FROM unnest(pg_temp.queries('h', '<=>', '100')) q, pg_temp.compare(q) c;
SET ivf.probes = 1;
SELECT sum(c.recall) < (SELECT recall FROM full_effort) AS fewer_found_in_one_list, sum(c.short) AS short
FROM unnest(pg_temp.queries('h', '<=>', '100')) q, pg_temp.compare(q) c;
DROP TABLE ivf_opclass, ivf_opclass_query;
