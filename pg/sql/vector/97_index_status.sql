-- indexes, and what has to be done about them
-- SPDX-License-Identifier: Apache-2.0

CREATE FUNCTION vector_index_is_foreign(index regclass) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_index_is_foreign(regclass) IS 'whether an index is in pgvector''s page format';

CREATE FUNCTION vector_index_status(OUT index regclass, OUT "table" regclass, OUT method name, OUT status text, OUT cure text)
RETURNS SETOF record LANGUAGE sql VOLATILE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT s.index, s.indrelid::pg_catalog.regclass, s.amname,
		CASE WHEN s.is_foreign THEN 'in pgvector''s page format' WHEN NOT s.usable THEN 'not valid' ELSE 'ready' END,
		-- what an interrupted REINDEX CONCURRENTLY has left behind is beside the index itself
		CASE WHEN NOT s.usable AND s.relname OPERATOR(pg_catalog.~) '_cc(new|old)[0-9]*$' THEN pg_catalog.format('DROP INDEX CONCURRENTLY %s;', s.index)
			WHEN s.is_foreign OR NOT s.usable THEN pg_catalog.format('REINDEX INDEX CONCURRENTLY %s;', s.index) END
	FROM (SELECT i.indexrelid::pg_catalog.regclass AS index, c.relname, i.indrelid, a.amname, i.indisvalid AND i.indisready AS usable,
			vector_index_is_foreign(i.indexrelid) AS is_foreign
		FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am a ON a.oid = c.relam
		WHERE a.amname IN ('ivf', 'hnsw', 'ivfflat') AND c.relkind = 'i' AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace)) s
	ORDER BY s.index::text;
END;
COMMENT ON FUNCTION vector_index_status() IS 'the database''s indexes of vectors, and the cure of those that queries do without';
