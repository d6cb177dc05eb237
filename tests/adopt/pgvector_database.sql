-- A database as pgvector's users have them: every type, both access methods and
-- all operator classes, generated columns, indexes on expressions and of some
-- rows, partitions, unlogged tables, functions and views over vectors.
-- SPDX-License-Identifier: Apache-2.0
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION vector;
CREATE TABLE items (id int PRIMARY KEY, kind int, v vector(16), h halfvec(16), s sparsevec(16), b bit(16),
	twice vector(16) GENERATED ALWAYS AS (v + v) STORED, note text DEFAULT 'none');
INSERT INTO items (id, kind, v, h, s, b)
SELECT i, i % 5, v, v::halfvec, v::sparsevec, binary_quantize(v)::bit(16) FROM (SELECT i, array_agg(sin(i * j + i)::real ORDER BY j)::vector(16) AS v
	FROM generate_series(1, 2000) i, generate_series(1, 16) j GROUP BY i) r;
CREATE INDEX items_hnsw_l2 ON items USING hnsw (v vector_l2_ops) WITH (m = 12, ef_construction = 50);
CREATE INDEX items_hnsw_ip ON items USING hnsw (v vector_ip_ops);
CREATE INDEX items_hnsw_cosine ON items USING hnsw (v vector_cosine_ops);
CREATE INDEX items_hnsw_l1 ON items USING hnsw (v vector_l1_ops);
CREATE INDEX items_hnsw_half ON items USING hnsw (h halfvec_cosine_ops);
CREATE INDEX items_hnsw_half_l1 ON items USING hnsw (h halfvec_l1_ops);
CREATE INDEX items_hnsw_sparse ON items USING hnsw (s sparsevec_l2_ops);
CREATE INDEX items_hnsw_hamming ON items USING hnsw (b bit_hamming_ops);
CREATE INDEX items_hnsw_jaccard ON items USING hnsw (b bit_jaccard_ops);
CREATE INDEX items_ivfflat_l2 ON items USING ivfflat (v vector_l2_ops) WITH (lists = 10);
CREATE INDEX items_ivfflat_ip ON items USING ivfflat (v vector_ip_ops) WITH (lists = 10);
CREATE INDEX items_ivfflat_cosine ON items USING ivfflat (v vector_cosine_ops) WITH (lists = 10);
CREATE INDEX items_ivfflat_half ON items USING ivfflat (h halfvec_l2_ops) WITH (lists = 10);
CREATE INDEX items_ivfflat_hamming ON items USING ivfflat (b bit_hamming_ops) WITH (lists = 10);
CREATE INDEX items_generated ON items USING hnsw (twice vector_l2_ops);
CREATE INDEX items_expression ON items USING hnsw ((v::halfvec(16)) halfvec_l2_ops);
CREATE INDEX items_quantized ON items USING hnsw ((binary_quantize(v)::bit(16)) bit_hamming_ops);
CREATE INDEX items_partial ON items USING hnsw (v vector_l2_ops) WHERE kind = 3;
CREATE INDEX items_btree ON items (v);
CREATE TABLE parts (id int, kind int, v vector(16)) PARTITION BY LIST (kind);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0, 1);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
CREATE INDEX parts_index ON parts USING hnsw (v vector_l2_ops);
INSERT INTO parts SELECT id, kind, v FROM items;
CREATE UNLOGGED TABLE fleeting AS SELECT id, v FROM items LIMIT 500;
CREATE INDEX fleeting_index ON fleeting USING ivfflat (v vector_l2_ops) WITH (lists = 3);
-- of these no row changes before the update
CREATE TABLE still AS SELECT id, v FROM items;
CREATE INDEX still_hnsw ON still USING hnsw (v vector_l2_ops);
CREATE INDEX still_ivfflat ON still USING ivfflat (v vector_cosine_ops) WITH (lists = 10);
CREATE VIEW near AS SELECT id, v <-> array_fill(0.5, ARRAY[16])::vector AS distance FROM items;
CREATE FUNCTION average_of(wanted int) RETURNS vector LANGUAGE sql STABLE AS 'SELECT avg(v) FROM items WHERE kind = wanted';
CREATE DOMAIN unit AS vector(2) CHECK (abs(vector_norm(VALUE) - 1) < 1e-6);
CREATE TABLE composite (d unit, a vector(2)[]);
INSERT INTO composite VALUES ('[1,0]', ARRAY['[1,2]', '[3,4]']::vector(2)[]);
ANALYZE;
