-- ivf at the edges: no rows, one, equal ones, zero vectors, NULL, extreme magnitudes, 1 to 16,000 dimensions, and what is refused.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE command;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	-- while an index is made, 17 has no search path and names schemas
	RETURN SQLSTATE || ' ' || replace(SQLERRM, 'public.', '') || CASE WHEN hint = '' THEN '' ELSE ' / ' || hint END;
END $$;

-- nothing, then one row, then NULLs
CREATE TABLE ivf_edge (id int, v vector(3));
CREATE INDEX ivf_edge_index ON ivf_edge USING ivf (v);
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[1,2,3]'' FROM ivf_edge ORDER BY 2 LIMIT 10');
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[1,2,3]'' FROM ivf_edge ORDER BY 2');
VACUUM ivf_edge;
INSERT INTO ivf_edge VALUES (1, '[1,2,4]');
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[1,2,3]'' FROM ivf_edge ORDER BY 2 LIMIT 10');
INSERT INTO ivf_edge SELECT 100 + i, NULL FROM generate_series(1, 100) i;
REINDEX INDEX ivf_edge_index;
INSERT INTO ivf_edge VALUES (99, NULL);
VACUUM ivf_edge;
-- rows without a vector are not in the index: it gives those that have one
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT id, v <-> '[1,2,3]' AS d FROM ivf_edge ORDER BY v <-> '[1,2,3]' LIMIT 10;
-- any row is as near to NULL as any other
INSERT INTO ivf_edge SELECT i, ARRAY[i, i, i]::vector FROM generate_series(2, 9) i;
SELECT count(*), count(DISTINCT id), count(d) AS with_distance FROM (SELECT id, v <-> NULL AS d FROM ivf_edge WHERE v IS NOT NULL ORDER BY v <-> NULL::vector LIMIT 5) t;
PREPARE null_query(vector) AS SELECT id, v <-> $1 AS d FROM ivf_edge ORDER BY v <-> $1 LIMIT 9;
SET plan_cache_mode = force_generic_plan;
CREATE TEMP TABLE null_answer AS EXECUTE null_query(NULL);
SELECT count(*), count(DISTINCT id), count(d) AS with_distance FROM null_answer;
RESET plan_cache_mode;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
-- only NULLs; all deleted
DELETE FROM ivf_edge WHERE v IS NOT NULL;
REINDEX INDEX ivf_edge_index;
VACUUM ivf_edge;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT id FROM ivf_edge ORDER BY v <-> '[1,2,3]' LIMIT 10;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
DROP TABLE ivf_edge;

-- nothing but equal rows; many equal among others
CREATE TABLE ivf_edge AS SELECT id, '[1,2,3]'::vector(3) AS v FROM generate_series(1, 3000) id;
CREATE INDEX ivf_edge_l2 ON ivf_edge USING ivf (v);
SELECT k, c.* FROM unnest(ARRAY[1, 10, 1000, 5000]) k, pg_temp.compare(format('SELECT id, v <-> ''[3,2,1]'' FROM ivf_edge ORDER BY 2 LIMIT %s', k)) c;
INSERT INTO ivf_edge SELECT id, ARRAY[id % 30, 1, 1]::vector(3) FROM generate_series(3001, 9000) id;
VACUUM ivf_edge;
REINDEX INDEX ivf_edge_l2;
SELECT k, c.* FROM unnest(ARRAY[1, 10, 1000, 10000]) k, pg_temp.compare(format('SELECT id, v <-> ''[7,1,1]'' FROM ivf_edge ORDER BY 2 LIMIT %s', k)) c;
DROP INDEX ivf_edge_l2;

-- zero vectors have no direction: behind all others by cosine, as PostgreSQL sorts NaN
INSERT INTO ivf_edge SELECT 10000 + i, '[0,0,0]' FROM generate_series(1, 50) i;
CREATE INDEX ivf_edge_cosine ON ivf_edge USING ivf (v vector_cosine_ops);
INSERT INTO ivf_edge SELECT 10050 + i, '[0,0,0]' FROM generate_series(1, 50) i;
SELECT k, c.* FROM unnest(ARRAY[10, 8999, 9001, 9060, 9100]) k, pg_temp.compare(format('SELECT id, v <=> ''[3,2,1]'' FROM ivf_edge ORDER BY 2 LIMIT %s', k)) c;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT count(*), count(*) FILTER (WHERE id > 10000) AS zero FROM (SELECT id FROM ivf_edge ORDER BY v <=> '[3,2,1]' LIMIT 9001) t;
SELECT count(DISTINCT id) FROM (SELECT id FROM ivf_edge ORDER BY v <=> '[3,2,1]') t;
-- a query without direction: every distance is NaN
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d = 'NaN') AS nan FROM (SELECT id, v <=> '[0,0,0]' AS d FROM ivf_edge ORDER BY v <=> '[0,0,0]' LIMIT 500) t;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
DROP INDEX ivf_edge_cosine;
CREATE INDEX ivf_edge_ip ON ivf_edge USING ivf (v vector_ip_ops);
SELECT * FROM pg_temp.compare('SELECT id, v <#> ''[0,0,0]'' FROM ivf_edge ORDER BY 2 LIMIT 20');
SELECT * FROM pg_temp.compare('SELECT id, v <#> ''[-1,-1,-1]'' FROM ivf_edge ORDER BY 2 LIMIT 60');
DROP TABLE ivf_edge;

-- magnitudes: tiny, huge, both at once, to where the distance overflows
CREATE TABLE ivf_edge (id int, v vector(4), size text);
INSERT INTO ivf_edge SELECT i, (SELECT array_agg(((i * 37 + j * 101) % 997 - 498) * 1e-30) FROM generate_series(1, 4) j)::vector, 'tiny' FROM generate_series(1, 1500) i;
CREATE INDEX ivf_edge_l2 ON ivf_edge USING ivf (v);
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[1e-28,0,0,1e-29]'' FROM ivf_edge ORDER BY 2 LIMIT 10');
INSERT INTO ivf_edge SELECT 2000 + i, (SELECT array_agg(((i * 37 + j * 101) % 997 - 498) * 1e15) FROM generate_series(1, 4) j)::vector, 'huge' FROM generate_series(1, 1500) i;
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[1e17,0,0,1e17]'' FROM ivf_edge ORDER BY 2 LIMIT 10');
REINDEX INDEX ivf_edge_l2;
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[1e17,0,0,1e17]'' FROM ivf_edge ORDER BY 2 LIMIT 10');
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[1e17,0,0,1e17]'' FROM ivf_edge ORDER BY 2 LIMIT 3000');
INSERT INTO ivf_edge SELECT 4000 + i, (SELECT array_agg(CASE WHEN (i + j) % 3 = 0 THEN 3e38 ELSE -3e38 END) FROM generate_series(1, 4) j)::vector, 'extreme' FROM generate_series(1, 20) i;
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[1e17,0,0,1e17]'' FROM ivf_edge ORDER BY 2 LIMIT 3020');
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[3e38,3e38,-3e38,1]'' FROM ivf_edge ORDER BY 2 LIMIT 3020');
REINDEX INDEX ivf_edge_l2;
SELECT * FROM pg_temp.compare('SELECT id, v <-> ''[1e17,0,0,1e17]'' FROM ivf_edge ORDER BY 2 LIMIT 3020');
DROP INDEX ivf_edge_l2;
CREATE INDEX ivf_edge_ip ON ivf_edge USING ivf (v vector_ip_ops);
SELECT c.by_index, c.short, c.twice FROM pg_temp.compare('SELECT id, v <#> ''[1e17,0,0,1e17]'' FROM ivf_edge ORDER BY 2 LIMIT 3020') c;
DROP INDEX ivf_edge_ip;
CREATE INDEX ivf_edge_cosine ON ivf_edge USING ivf (v vector_cosine_ops);
SELECT c.by_index, c.short, c.twice FROM pg_temp.compare('SELECT id, v <=> ''[1e17,0,0,1e17]'' FROM ivf_edge WHERE size = ''huge'' ORDER BY 2 LIMIT 1500') c;
DROP TABLE ivf_edge;
-- inner product: rows longer than any that the index was made with are found as well, if not as many of the best
CREATE TABLE ivf_edge AS SELECT id, (SELECT array_agg(sin(id * j)) FROM generate_series(1, 6) j)::vector(6) AS v FROM generate_series(1, 2000) id;
CREATE INDEX ON ivf_edge USING ivf (v vector_ip_ops);
INSERT INTO ivf_edge SELECT 2000 + id, (SELECT array_agg(sin(id * j) * (1 + id / 1000.0)) FROM generate_series(1, 6) j)::vector(6) FROM generate_series(1, 500) id;
SELECT k, c.by_index, c.row_count, c.short, c.misplaced, c.twice FROM unnest(ARRAY[1, 10, 100, 2500]) k,
	pg_temp.compare(format('SELECT id, v <#> ''[1,2,3,-1,2,0]'' FROM ivf_edge ORDER BY 2 LIMIT %s', k)) c;
REINDEX TABLE ivf_edge;
SELECT * FROM pg_temp.compare_all(ARRAY(SELECT format('SELECT id, v <#> %L FROM ivf_edge ORDER BY 2 LIMIT 20', v) FROM ivf_edge WHERE id % 250 = 0), 0.87);
DROP TABLE ivf_edge;
-- inner product: lengths from one end of what floats can be to the other
CREATE TABLE ivf_edge AS SELECT id, (SELECT array_agg(sin(id * j) * 10::float8 ^ (id * 7919 % 61 - 30)) FROM generate_series(1, 24) j)::vector(24) AS v FROM generate_series(1, 4000) id;
CREATE INDEX ivf_edge_v ON ivf_edge USING ivf (v vector_ip_ops);
SELECT count(*) FROM vector_check('ivf_edge_v');
SELECT k, c.* FROM unnest(ARRAY[1, 10, 100]) k, pg_temp.compare_all(ARRAY(SELECT format('SELECT id, v <#> %L FROM ivf_edge ORDER BY 2 LIMIT %s',
	(SELECT array_agg(sign * cos(q * j)) FROM generate_series(1, 24) j)::vector, k) FROM generate_series(1, 20) q, unnest(ARRAY[-1, 1]) sign), 0.8) c;
-- a range of them, and the same after more of the longest have come and lists were trained on decoded rows
SELECT count(*) = (SELECT count(*) FROM ivf_edge WHERE (v <#> '[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6]') + 0 < -1e20) AS same
FROM ivf_edge WHERE v <<#>> sphere('[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6]'::vector, -1e20);
INSERT INTO ivf_edge SELECT 4000 + id, (SELECT array_agg(sin(id * j + 1) * 1e30) FROM generate_series(1, 24) j)::vector(24) FROM generate_series(1, 4000) id;
VACUUM ivf_edge;
SELECT trained_rows > 7000 AS trained, (SELECT count(*) FROM vector_check('ivf_edge_v')) AS wrong FROM vector_index_stats('ivf_edge_v');
SELECT c.* FROM pg_temp.compare_all(ARRAY(SELECT format('SELECT id, v <#> %L FROM ivf_edge ORDER BY 2 LIMIT 10',
	(SELECT array_agg(sign * cos(q * j)) FROM generate_series(1, 24) j)::vector) FROM generate_series(1, 20) q, unnest(ARRAY[-1, 1]) sign), 0.8) c;
DROP TABLE ivf_edge;

-- dimensions from 1 to the most there may be; the last bits of a code, and codes that fill a page
CREATE FUNCTION pg_temp.dimensions(dims int, type text, row_count int, op text) RETURNS TABLE (by_index boolean, short bigint, misplaced bigint, enough boolean) LANGUAGE plpgsql AS $$
DECLARE
	spread text := format('(SELECT array_agg(sin(id * (j %% 97) + id)) FROM generate_series(1, %s) j)::%s(%1$s)', dims, type);
BEGIN
	EXECUTE format('CREATE TABLE ivf_edge AS SELECT id, %s AS v FROM generate_series(1, %s) id', spread, row_count * 3 / 4);
	EXECUTE format('CREATE INDEX ON ivf_edge USING ivf (v %s_%s_ops)', type, CASE op WHEN '<->' THEN 'l2' WHEN '<#>' THEN 'ip' ELSE 'cosine' END);
	EXECUTE format('INSERT INTO ivf_edge SELECT id, %s FROM generate_series(%s, %s) id', spread, row_count * 3 / 4 + 1, row_count);
	RETURN QUERY SELECT c.by_index, c.short, c.misplaced, c.recall = 'enough' FROM pg_temp.compare_all(ARRAY(
		SELECT format('SELECT id, v %s (SELECT v FROM ivf_edge WHERE id = %s) FROM ivf_edge ORDER BY 2 LIMIT 10', op, row_count * n / 6)
		FROM generate_series(1, 6) n), 0.87) c;
	DROP TABLE ivf_edge;
END $$;
SELECT dims, type, op, d.* FROM (VALUES (1, 600), (2, 600), (3, 300), (31, 300), (63, 200), (64, 200), (65, 200), (127, 100), (1000, 60), (1536, 40), (16000, 12)) t(dims, row_count),
	unnest(ARRAY['vector', 'halfvec']) type, unnest(ARRAY['<->', '<#>', '<=>']) op, pg_temp.dimensions(dims, type, row_count, op) d
WHERE dims > 2 OR op <> '<=>' ORDER BY dims, type, op;

-- what is refused, and how it says so
CREATE TABLE ivf_edge (id int, a vector, v vector(3), h halfvec(3), s sparsevec(3), b bit(3), wide vector(16000));
SELECT pg_temp.try('CREATE INDEX ON ivf_edge USING ivf (' || what) FROM unnest(ARRAY['a)', '(a::vector))', 'id)', 's)', 'b)', 'v vector_l1_ops)', 'h vector_l2_ops)', 'v, h)',
	'v) INCLUDE (id)', 'v DESC)', 'v NULLS FIRST)', 'v) WITH (lists = -1)', 'v) WITH (lists = 262145)', 'v) WITH (lists = many)', 'v) WITH (m = 16)', 'v) WITH (fillfactor = 90)',
	'v) WITH (lists = 0)', 'v) WITH (lists = 262144)', 'wide)', 'h)']) what;
SELECT pg_temp.try('CREATE UNIQUE INDEX ON ivf_edge USING ivf (v)'), pg_temp.try('ALTER TABLE ivf_edge ADD EXCLUDE USING ivf (v WITH =)'),
	pg_temp.try('CLUSTER ivf_edge USING ivf_edge_v_idx'), pg_temp.try('ALTER INDEX ivf_edge_v_idx SET (lists = 300000)');
SELECT pg_temp.try(format('SET %s', s)) FROM unnest(ARRAY['ivf.probes = -1', 'ivf.probes = 262145', 'ivf.probes = 262144', 'ivf.probe = 3', 'vector.recall_target = 0.49',
	'vector.recall_target = 1.01', 'vector.recall_target = 0.5', 'vector.recall_targets = 1']) s;
SHOW ivf.probes;
RESET ivf.probes;
RESET vector.recall_target;
SHOW ivf.probes;
SHOW vector.recall_target;
INSERT INTO ivf_edge (id, v, h) SELECT i, ARRAY[i, 1, 1]::vector, ARRAY[i, 1, 1]::vector FROM generate_series(1, 50) i;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT pg_temp.try(s) FROM unnest(ARRAY['INSERT INTO ivf_edge (v) VALUES (''[1,2]'')', 'SELECT id FROM ivf_edge ORDER BY v <-> ''[1,2]'' LIMIT 1',
	'SELECT id FROM ivf_edge ORDER BY v <-> ''[1,2,3,4]'' LIMIT 1', 'SELECT id FROM ivf_edge ORDER BY h <-> ''[1]''::halfvec LIMIT 1']) s;
SELECT id FROM ivf_edge ORDER BY v <-> '[7,1,1]' LIMIT 1;
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
DROP TABLE ivf_edge;

-- the operator classes, as PostgreSQL sees them
SELECT opcname, opcintype::regtype, opcdefault, amvalidate(opc.oid) FROM pg_opclass opc JOIN pg_am am ON am.oid = opcmethod WHERE amname = 'ivf' ORDER BY 2::text, 1;
SELECT p, pg_indexam_has_property(am.oid, p) FROM pg_am am, unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) p WHERE amname = 'ivf';
