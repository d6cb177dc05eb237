-- hnsw over what is no code: L1, bits, sparse vectors; every operator class against exact answers,
-- through inserts, deletes and vacuum; rows that a node does not hold whole; limits and errors.
-- SPDX-License-Identifier: Apache-2.0
\getenv tests PG_ABS_SRCDIR
SET client_min_messages = warning;
\set check :tests '/ivf_check.sql'
\i :check

SELECT setseed(0.7) IS NOT NULL AS seeded;
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- the same rows dense, as bits, and sparse: some elements of 2,000
CREATE FUNCTION pg_temp.sparse(id bigint, a real[]) RETURNS sparsevec LANGUAGE sql AS $$
	SELECT format('{%s}/2000', string_agg(format('%s:%s', 1 + (i * 83 + (id % 7) * (i % 3)) % 1999, a[i]), ','))::sparsevec
	FROM generate_series(1, cardinality(a)) i WHERE abs(a[i]) > 0.2 OR i = 1
$$;
CREATE TABLE hnsw_items AS
	SELECT id::int, a::vector(48) AS v, a::halfvec(48) AS h, binary_quantize(a::vector)::bit(48) AS b, pg_temp.sparse(id, a)::sparsevec(2000) AS s
	FROM pg_temp.clustered(1500, 48, 50);
CREATE TABLE hnsw_forms (columns text, operator text, opclass text);
INSERT INTO hnsw_forms VALUES ('v', '<+>', 'vector_l1_ops'), ('h', '<+>', 'halfvec_l1_ops'), ('b', '<~>', 'bit_hamming_ops'),
	('b', '<%>', 'bit_jaccard_ops'), ('s', '<->', 'sparsevec_l2_ops'), ('s', '<#>', 'sparsevec_ip_ops'),
	('s', '<=>', 'sparsevec_cosine_ops'), ('s', '<+>', 'sparsevec_l1_ops');
SELECT format('CREATE INDEX ON hnsw_items USING hnsw (%I %I)', columns, opclass) FROM hnsw_forms ORDER BY opclass \gexec
ANALYZE hnsw_items;
CREATE FUNCTION pg_temp.each_form(tail text, recall_min float8) RETURNS TABLE (opclass text, queries_run int, by_index boolean,
	short bigint, misplaced bigint, twice bigint, recall text) LANGUAGE sql AS $$
	SELECT f.opclass, r.* FROM hnsw_forms f, pg_temp.compare_all((SELECT array_agg(format(
			'SELECT id, %s %s %L FROM hnsw_items ' || tail, f.columns, f.operator,
			CASE f.columns WHEN 'v' THEN v::text WHEN 'h' THEN h::text WHEN 'b' THEN b::text ELSE s::text END)) FROM hnsw_items WHERE id % 250 = 1), recall_min) r
	ORDER BY 1
$$;
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 10', 0.9);
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 200', 0.8);
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 4000', 0.999);
SELECT * FROM pg_temp.each_form('WHERE id %% 50 = 3 ORDER BY 2 LIMIT 10', 0.8);

-- rows come, change and go
INSERT INTO hnsw_items SELECT id + 10000, v, h, ~b, s FROM hnsw_items WHERE id % 3 = 0;
UPDATE hnsw_items SET b = b << 1, v = l2_normalize(v) WHERE id % 5 = 1;
DELETE FROM hnsw_items WHERE id % 4 = 0;
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 10', 0.9);
VACUUM hnsw_items;
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 10', 0.9);
INSERT INTO hnsw_items SELECT id + 20000, v, h, b, s FROM hnsw_items WHERE id % 3 = 1;
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 10', 0.9);
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 5000', 0.999);

-- made on an empty table
CREATE TABLE hnsw_copy AS SELECT * FROM hnsw_items;
TRUNCATE hnsw_items;
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 10', 1);
INSERT INTO hnsw_items SELECT * FROM hnsw_copy WHERE id < 1500;
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 10', 0.9);
-- empty, and without a direction: behind all others by cosine, nothing special otherwise
INSERT INTO hnsw_items SELECT i, array_fill(0, ARRAY[48])::vector, array_fill(0, ARRAY[48])::halfvec, repeat('0', 48)::bit(48), '{}/2000' FROM generate_series(90000, 90020) i;
SELECT * FROM pg_temp.each_form('ORDER BY 2 LIMIT 5000', 0.999);
SELECT pg_temp.plan_by(true) IS NULL AS by_index;
SELECT id >= 90000 AS zeros, s <+> '{}/2000' AS distance FROM hnsw_items ORDER BY s <+> '{}/2000' LIMIT 1;
SELECT id >= 90000 AS zeros, b <~> repeat('0', 48)::bit(48) AS distance FROM hnsw_items ORDER BY b <~> repeat('0', 48)::bit(48) LIMIT 1;
SELECT count(*) FROM (SELECT id FROM hnsw_items ORDER BY b <%> repeat('0', 48)::bit(48) LIMIT 7) t;
SELECT count(*) FROM (SELECT id FROM hnsw_items ORDER BY s <=> '{}/2000' LIMIT 7) t;
SELECT count(*) FROM (SELECT id FROM hnsw_items ORDER BY b <~> NULL LIMIT 7) t;
SELECT pg_temp.try('SELECT id FROM hnsw_items ORDER BY b <~> B''101'' LIMIT 1');
SELECT pg_temp.try('SELECT id FROM hnsw_items ORDER BY s <-> ''{1:1}/3'' LIMIT 1');
SELECT pg_temp.try('SELECT id FROM hnsw_items ORDER BY v <+> ''[1,2]'' LIMIT 1');
SELECT pg_temp.plan_as_usual() IS NULL AS as_usual;
DROP TABLE hnsw_items, hnsw_copy;

-- iterative scans
CREATE TABLE hnsw_items AS SELECT id::int, binary_quantize(a::vector)::bit(48) AS b FROM pg_temp.clustered(1500, 48, 50);
CREATE INDEX ON hnsw_items USING hnsw (b bit_hamming_ops);
SET hnsw.iterative_scan = strict_order;
SELECT * FROM pg_temp.compare_all((SELECT array_agg(format('SELECT id, b <~> %L FROM hnsw_items WHERE id %% 20 = 3 ORDER BY 2 LIMIT 10', b)) FROM hnsw_items WHERE id % 250 = 1), 0.7);
RESET hnsw.iterative_scan;
DROP TABLE hnsw_items;

-- more than a page holds: bits, elements, levels of fewer bits
CREATE TABLE hnsw_wide AS
	SELECT id, ('x' || (SELECT string_agg(md5((id % 20)::text || '-' || i), '') FROM generate_series(1, 500) i WHERE id = id))::bit(64000) AS b,
		(SELECT format('{%s}/1000000000', string_agg(format('%s:%s', i * (50000 + id % 20), 0.1 + random()), ','))::sparsevec(1000000000) FROM generate_series(1, 3000) i WHERE id = id) AS s,
		(SELECT array_agg(random() + id % 20 + 0 * i) FROM generate_series(1, 8200) i WHERE id = id)::vector(8200) AS v
	FROM generate_series(1, 60) AS ids (id);
UPDATE hnsw_wide SET b = set_bit(b, id, 1 - get_bit(b, id));
CREATE INDEX ON hnsw_wide USING hnsw (b bit_hamming_ops);
CREATE INDEX ON hnsw_wide USING hnsw (b bit_jaccard_ops) WITH (m = 100, ef_construction = 200);
CREATE INDEX ON hnsw_wide USING hnsw (s sparsevec_l2_ops);
CREATE INDEX ON hnsw_wide USING hnsw (s sparsevec_ip_ops);
CREATE INDEX ON hnsw_wide USING hnsw (s sparsevec_l1_ops);
CREATE INDEX ON hnsw_wide USING hnsw (v vector_l1_ops);
SELECT f.opclass, r.* FROM hnsw_forms f, pg_temp.compare_all((SELECT array_agg(format('SELECT id, %s %s %L FROM hnsw_wide ORDER BY 2 LIMIT 5', f.columns, f.operator,
	CASE f.columns WHEN 'v' THEN v::text WHEN 'b' THEN b::text ELSE s::text END)) FROM hnsw_wide WHERE id % 20 = 1), 0.9) r
WHERE f.columns IN ('b', 's', 'v') AND opclass <> 'sparsevec_cosine_ops' ORDER BY 1;
DROP TABLE hnsw_wide;

-- limits
CREATE TABLE hnsw_items (b bit(64001), c bit(8), s sparsevec, v vector(16000));
SELECT pg_temp.try('CREATE INDEX ON hnsw_items USING hnsw (b bit_hamming_ops)');
SELECT pg_temp.try('CREATE INDEX ON hnsw_items USING hnsw (s sparsevec_l2_ops)');
SELECT pg_temp.try('CREATE INDEX ON hnsw_items USING hnsw ((s::sparsevec(1000000000)) sparsevec_l2_ops)');
SELECT pg_temp.try('CREATE INDEX ON hnsw_items USING hnsw (v vector_l1_ops) WITH (m = 100, ef_construction = 200)');
SELECT pg_temp.try('CREATE INDEX ON hnsw_items USING hnsw (c)');
DROP TABLE hnsw_items, hnsw_forms;
