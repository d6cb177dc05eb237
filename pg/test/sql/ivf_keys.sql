-- ivf with further columns: conditions on them give what a sequential scan gives, for every type, operator and odd value
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check
SET timezone = 'Europe/Berlin';

SELECT setseed(0.25) IS NOT NULL AS seeded;
CREATE COLLATION ivf_keys_caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
-- values of each type, odd ones among them
CREATE TABLE ivf_keys_value (type text, n int, value text);
INSERT INTO ivf_keys_value SELECT type, row_number() OVER (PARTITION BY type), value FROM (
	SELECT 'int2' AS type, unnest('{-32768,32767,-1,0,1,2,100}'::text[]) AS value UNION ALL
	SELECT 'int4', unnest('{-2147483648,2147483647,-1,0,1,2,40000}'::text[]) UNION ALL
	SELECT 'int8', unnest('{-9223372036854775808,9223372036854775807,9223372036854775806,9223372036854775805,-1,0,1,2,5000000000}'::text[]) UNION ALL
	SELECT 'float4', unnest('{NaN,-Infinity,Infinity,-0,0,0.1,1e-45,-3.4e38,2}'::text[]) UNION ALL
	SELECT 'float8', unnest('{NaN,-Infinity,Infinity,-0,0,0.1,5e-324,-1.7e308,2,0.10000000149011612}'::text[]) UNION ALL
	SELECT 'numeric', unnest('{NaN,-1e400,1e400,0,-0.0,0.1,2,9007199254740993,9007199254740992,9007199254740992.5,1e-400}'::text[]) UNION ALL
	SELECT 'text', unnest(ARRAY['', 'a', 'A', 'ab', 'B', 'ä', 'a ', repeat('long', 3000)]) UNION ALL
	SELECT 'caseless', unnest(ARRAY['', 'a', 'A', 'ab', 'AB', 'ä', 'Ä', 'b']) UNION ALL
	SELECT 'bpchar', unnest(ARRAY['', 'a', 'A', 'ab', 'a  ', 'b']) UNION ALL
	SELECT 'uuid', unnest('{00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff,ffffffff-ffff-ffff-ffff-fffffffffffe,12345678-1234-1234-1234-123456789abc,12345678-1234-1234-0000-000000000000,80000000-0000-0000-0000-000000000000}'::text[]) UNION ALL
	SELECT 'date', unnest(ARRAY['-infinity', 'infinity', '4714-11-24 BC', '5874897-12-31', '294277-01-01', '0044-03-15 BC', '2000-01-01', '2024-03-31', '2024-10-27', '2024-10-28']) UNION ALL
	SELECT 'timestamp', unnest(ARRAY['-infinity', 'infinity', '4714-11-24 00:00:00 BC', '294276-12-31 23:59:59.999999', '0044-03-15 12:00 BC', '2000-01-01', '2024-03-31 02:30', '2024-03-31 03:10', '2024-10-27 02:30', '2024-10-27 00:30', '2024-10-27']) UNION ALL
	SELECT 'timestamptz', unnest(ARRAY['-infinity', 'infinity', '4714-11-25 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00', '0044-03-15 12:00+00 BC', '2000-01-01+00', '2024-03-31 00:30+00', '2024-03-31 01:10+00', '2024-10-27 00:30+00', '2024-10-27 01:30+00', '2024-10-26 22:00+00']) UNION ALL
	SELECT 'bool', unnest('{true,false}'::text[])) t;

CREATE TABLE ivf_keys (id int, v vector(8), c_int2 int2, c_int4 int4, c_int8 int8, c_float4 float4, c_float8 float8, c_numeric numeric,
	c_text text, c_caseless text COLLATE ivf_keys_caseless, c_bpchar char(4), c_uuid uuid, c_date date, c_timestamp timestamp, c_timestamptz timestamptz,
	c_bool bool, c_ints int[], c_texts text[]);
CREATE FUNCTION pg_temp.pick(type text, seed int) RETURNS text LANGUAGE sql AS $$
	SELECT value FROM ivf_keys_value v WHERE v.type = pick.type
	AND n = 1 + (hashint4(seed) & 1023) % (SELECT count(*) + 1 FROM ivf_keys_value w WHERE w.type = pick.type)
$$;
INSERT INTO ivf_keys SELECT i, (SELECT array_agg(random()) FROM generate_series(1, 8) WHERE i = i)::vector(8),
	pg_temp.pick('int2', i)::int2, pg_temp.pick('int4', i + 100000)::int4, pg_temp.pick('int8', i + 200000)::int8,
	pg_temp.pick('float4', i + 300000)::float4, pg_temp.pick('float8', i + 400000)::float8, pg_temp.pick('numeric', i + 500000)::numeric,
	pg_temp.pick('text', i + 600000), pg_temp.pick('caseless', i + 650000), pg_temp.pick('bpchar', i + 700000), pg_temp.pick('uuid', i + 800000)::uuid,
	pg_temp.pick('date', i + 900000)::date, pg_temp.pick('timestamp', i + 1000000)::timestamp, pg_temp.pick('timestamptz', i + 1100000)::timestamptz,
	pg_temp.pick('bool', i + 1200000)::bool,
	CASE WHEN i % 17 > 0 THEN (SELECT coalesce(array_agg(nullif((hashint4(i * 10 + j) & 1023) % 30, 29)), '{}') FROM generate_series(1, i % 5) j) END,
	CASE WHEN i % 19 > 0 THEN (SELECT coalesce(array_agg('label ' || (hashint4(i * 10 + j) & 1023) % 30), '{}') FROM generate_series(1, i % 6) j) END
FROM generate_series(1, 700) i;
-- a few without a vector, which no ordered scan by index returns
INSERT INTO ivf_keys (id, c_int4) SELECT i, 1 FROM generate_series(1001, 1005) i;

CREATE INDEX ivf_keys_index ON ivf_keys USING ivf (v vector_l2_ops, c_int2, c_int4, c_int8, c_float4, c_float8, c_numeric, c_text, c_caseless, c_bpchar,
	c_uuid, c_date, c_timestamp, c_timestamptz, c_bool, c_ints, c_texts) WITH (lists = 7);
-- the other half is inserted
INSERT INTO ivf_keys SELECT id + 2000, v, c_int2, c_int4, c_int8, c_float4, c_float8, c_numeric, c_text, c_caseless, c_bpchar, c_uuid, c_date, c_timestamp,
	c_timestamptz, c_bool, c_ints, c_texts FROM ivf_keys WHERE v IS NOT NULL;
ANALYZE ivf_keys;

-- Rows by the index and without it, the same; and how many conditions are the index's.
CREATE FUNCTION pg_temp.differ(condition text, OUT index_conditions int, OUT rows int, OUT wrong int) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM ivf_keys WHERE v IS NOT NULL AND (%s) ORDER BY v <-> ''[1,0,1,0,1,0,1,0]'' LIMIT 5000) t', condition);
	line text;
	by_index int[];
	exact int[];
BEGIN
	PERFORM pg_temp.plan_by(true);
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		IF line ~ '^\s+Order By: ' THEN
			index_conditions := coalesce(index_conditions, 0);
		ELSIF line ~ 'Index Cond: ' THEN
			index_conditions := cardinality(string_to_array(line, ' AND ')) - (line ~ 'v IS NOT NULL')::int;
		END IF;
	END LOOP;
	EXECUTE query INTO by_index;
	PERFORM pg_temp.plan_by(false);
	EXECUTE query INTO exact;
	PERFORM pg_temp.plan_as_usual();
	rows := coalesce(cardinality(exact), 0);
	wrong := (by_index IS DISTINCT FROM exact)::int;
END $$;
-- one line a type: conditions tried, of them by the index, answers that differ
CREATE FUNCTION pg_temp.try_all(conditions text[], OUT conditions_tried int, OUT by_index int, OUT some_rows boolean, OUT wrong int, OUT which text)
LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE index_conditions > 0), sum(rows) > 500, sum(d.wrong), min(c) FILTER (WHERE d.wrong > 0)
	FROM unnest(conditions) c, pg_temp.differ(c) d
$$;

-- every comparison with every value of the column's own type
SELECT type, t.* FROM unnest('{int2,int4,int8,float4,float8,numeric,uuid,date,timestamp,timestamptz}'::text[]) types (type),
	pg_temp.try_all(ARRAY(SELECT format('c_%s %s %L::%s', v.type, op, value, v.type)
		FROM ivf_keys_value v, unnest('{<,<=,=,>=,>}'::text[]) op WHERE v.type = types.type)) t;
-- of another type that there are operators for
SELECT pair[1] AS col, pair[2] AS value, t.* FROM (VALUES ('{int2,int4}'::text[]), ('{int2,int8}'), ('{int4,int2}'), ('{int4,int8}'), ('{int8,int4}'),
	('{float4,float8}'), ('{float8,float4}'), ('{date,timestamp}'), ('{date,timestamptz}'), ('{timestamp,date}'), ('{timestamp,timestamptz}'),
	('{timestamptz,date}'), ('{timestamptz,timestamp}')) pairs (pair),
	pg_temp.try_all(ARRAY(SELECT format('c_%s %s %L::%s', pair[1], op, value, pair[2])
		FROM ivf_keys_value v, unnest('{<,<=,=,>=,>}'::text[]) op WHERE v.type = pair[2])) t;
-- equality of texts, whatever equality means in the collation; order is left to the row
SELECT col, t.* FROM (VALUES ('text', 'text'), ('caseless', 'text'), ('bpchar', 'bpchar')) cols (col, type),
	pg_temp.try_all(ARRAY(SELECT format('c_%s = %L::%s', col, value, cols.type) FROM ivf_keys_value v WHERE v.type = col)) t;
SELECT t.* FROM pg_temp.try_all(ARRAY['c_text < ''b''', 'c_text LIKE ''a%''', 'c_text COLLATE "C" = ''a''', 'c_caseless COLLATE "C" = ''a''', 'c_text <> ''a''']) t;
-- NULL or not; with NULL
SELECT t.* FROM pg_temp.try_all(ARRAY(SELECT format('c_%s %s', col, rest) FROM unnest('{int2,numeric,text,uuid,timestamp,bool,ints,texts}'::text[]) col,
	unnest('{IS NULL,IS NOT NULL}'::text[]) rest)) t;
SELECT conditions_tried, wrong, which FROM pg_temp.try_all(ARRAY['c_int4 = NULL::int', 'c_int4 = ANY (ARRAY[NULL]::int[])', 'c_int4 = ANY (''{}''::int[])', 'c_ints @> NULL::int[]',
	'c_int4 IN (1, NULL)']) t;
-- between, in, a bool as it is
SELECT t.* FROM pg_temp.try_all(ARRAY['c_int4 BETWEEN 0 AND 2', 'c_float8 BETWEEN ''-Infinity'' AND 0.1', 'c_date BETWEEN ''0044-03-15 BC'' AND ''2024-04-01''',
	'c_int2 BETWEEN 2 AND 1', 'c_numeric BETWEEN 0 AND 9007199254740992']) t;
SELECT conditions_tried, wrong, which FROM pg_temp.try_all(ARRAY['c_int4 IN (1, 2, 40000)', 'c_int8 IN (1, 9223372036854775807, 2, 3, 4, 5, 6)', 'c_text IN (''a'', ''A'', ''zz'')',
	'c_float8 IN (''NaN'', 0)', 'c_int4 > ANY (''{0,1}''::int[])', 'c_int4 < ALL (''{5,40000}''::int[])', 'c_uuid = ANY (''{00000000-0000-0000-0000-000000000000}'')']) t;
SELECT conditions_tried, wrong, which FROM pg_temp.try_all(ARRAY['c_bool', 'NOT c_bool', 'c_bool IS TRUE', 'c_bool IS NOT TRUE', 'c_bool IS FALSE', 'c_bool = true', 'c_bool < true']) t;
-- labels
SELECT t.* FROM pg_temp.try_all(ARRAY(SELECT format('c_%s %s %L', col, op, (SELECT array_agg(prefix || e) FROM unnest(elements) e))
	FROM (VALUES ('ints', ''), ('texts', 'label ')) cols (col, prefix), unnest('{@>,&&}'::text[]) op,
	(SELECT (ARRAY[i, i * 7 % 30, i * 11 % 30, i * 13 % 30])[1:1 + i % 4] AS elements FROM generate_series(0, 29) i) e)) t;
SELECT t.* FROM pg_temp.try_all(ARRAY['c_ints @> ''{}''', 'c_ints && ''{}''', 'c_ints @> ''{1,NULL}''', 'c_ints && ''{1,NULL}''', 'c_ints <@ ''{1,2,3}''', 'c_ints = ''{1,2}''',
	'3 = ANY (c_ints)', '''label 3'' = ANY (c_texts)', '3 <> ANY (c_ints)', '3 = ALL (c_ints)']) t;
-- several at once, at random
SELECT t.* FROM pg_temp.try_all(ARRAY(SELECT string_agg(condition, ' AND ') FROM (
	SELECT i, format('c_%s %s %L', type, (ARRAY['<', '<=', '=', '>=', '>'])[1 + (random() * 4)::int], value) AS condition
	FROM generate_series(1, 120) i, LATERAL (SELECT * FROM ivf_keys_value
		WHERE type = ANY ('{int2,int4,int8,float4,float8,numeric,uuid,date,timestamp,timestamptz}') AND i > 0 ORDER BY random() LIMIT 1 + i % 3) v) c GROUP BY i)) t;

-- what the planner keeps from an index, on one version or all, is tested on keys all the same
CREATE FUNCTION pg_temp.tested(condition text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.plan_by(true);
	EXECUTE format('SELECT id FROM ivf_keys WHERE %s ORDER BY v <-> ''[1,0,1,0,1,0,1,0]'' LIMIT 5', condition);
	PERFORM pg_temp.plan_as_usual();
	RETURN (SELECT rows_removed_by_index > 0 FROM vector_last_scan());
END $$;
SELECT condition, pg_temp.tested(condition) FROM unnest(ARRAY['c_int4 IN (1, 2)', 'c_text IN (''a'', ''B'')', 'c_bool', 'NOT c_bool', 'c_bool IS FALSE',
	'3 = ANY (c_ints)', 'c_int4 = ANY (ARRAY[(SELECT 2)])', 'c_int4 <> 1', 'c_bool IS NOT TRUE', '3 <> ANY (c_ints)']) condition;

-- values that are known only when the query runs
PREPARE by_value (int, text[]) AS SELECT count(*) FROM (SELECT id FROM ivf_keys WHERE c_int4 >= $1 AND c_text = ANY ($2) ORDER BY v <-> '[1,0,1,0,1,0,1,0]' LIMIT 5000) t;
SET plan_cache_mode = force_generic_plan;
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
EXECUTE by_value (0, '{a,ab}');
EXECUTE by_value (2, '{B}');
SELECT pg_temp.plan_by(false) IS NULL AS exactly;
EXECUTE by_value (0, '{a,ab}');
EXECUTE by_value (2, '{B}');
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
RESET plan_cache_mode;
-- and for each row of another table
SELECT sum(c.wrong), sum(c.rows) > 100 AS some_rows FROM generate_series(1, 1) one, LATERAL (
	SELECT (array_agg(id ORDER BY x, id))::text AS ids, count(*) AS rows, 0 AS wrong FROM unnest('{0,1,2}'::int[]) x,
		LATERAL (SELECT id FROM ivf_keys WHERE c_int4 = x ORDER BY v <-> '[1,0,1,0,1,0,1,0]' LIMIT 50) t) c;

-- a column outside the index, a partial index, a column that is an expression
SELECT t.* FROM pg_temp.try_all(ARRAY['c_int4 = 1 AND id % 3 = 0', 'c_int4 = 1 AND id < 100 AND c_bool']) t;
DROP INDEX ivf_keys_index;
CREATE INDEX ivf_keys_index ON ivf_keys USING ivf (v vector_l2_ops, (abs(c_int4 / 2)), lower(c_text)) WHERE c_int4 > 0;
SELECT conditions_tried, wrong, which FROM pg_temp.try_all(ARRAY['c_int4 > 0 AND abs(c_int4 / 2) = 1', 'c_int4 > 0 AND abs(c_int4 / 2) < 3 AND lower(c_text) = ''a''', 'c_int4 > 0 AND abs(c_int4 / 2) IN (1, 2)']) t;

-- what cannot be
CREATE INDEX ON ivf_keys USING ivf (c_int4, v);
\set VERBOSITY sqlstate
CREATE INDEX ON ivf_keys USING ivf (v, (v::vector(8)));
\set VERBOSITY default
CREATE INDEX ON ivf_keys USING ivf (v, id) INCLUDE (c_int4);
CREATE INDEX ON ivf_keys USING ivf (v, (c_int4::regclass));
CREATE TABLE ivf_keys_wide (v vector(16000), a int, b int, c int, d int, e int, f int, g int, h int, i int, j int, k int, l int, m int, n int);
CREATE INDEX ON ivf_keys_wide USING ivf (v, a, b, c, d, e, f, g, h, i, j, k, l, m, n);
CREATE INDEX ivf_keys_wide_index ON ivf_keys_wide USING ivf (v, a, b, c, d, e, f, g, h, i, j);
-- conditions alone are not for this index
CREATE INDEX ON ivf_keys USING ivf (v, id);
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT id FROM ivf_keys WHERE id = 5;
RESET enable_seqscan;
SELECT pg_get_indexdef('ivf_keys_wide_index'::regclass);
DROP TABLE ivf_keys, ivf_keys_value, ivf_keys_wide;
DROP COLLATION ivf_keys_caseless;
