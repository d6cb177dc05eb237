-- Answers of an ivf index beside exact ones: included by test/sql/ivf_*.sql.
-- A query here is a text that yields an id and a distance, in order.
-- SPDX-License-Identifier: Apache-2.0

-- switched-off plans look dear enough to be compiled
SET jit = off;

-- Rows that form clusters, as text embeddings do; dim numbers each.
CREATE FUNCTION pg_temp.clustered(row_count int, dim int, cluster_count int DEFAULT 40)
RETURNS TABLE (id bigint, a real[]) LANGUAGE sql AS $$
	WITH center AS MATERIALIZED (
		SELECT c, array_agg(random() - 0.5) AS a
		FROM generate_series(0, cluster_count - 1) c, generate_series(1, dim) GROUP BY c)
	SELECT i, (SELECT array_agg(a[j] + 0.4 * (random() - 0.5))::real[] FROM generate_series(1, dim) j WHERE i = i)
	FROM generate_series(1, row_count) i JOIN center ON c = (i * 7919) % cluster_count ORDER BY i
$$;

-- Whether the planner may use an ordered index, or has to sort.
CREATE FUNCTION pg_temp.plan_by(index boolean) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('enable_indexscan', CASE WHEN index THEN 'on' ELSE 'off' END, false),
		set_config('enable_seqscan', CASE WHEN index THEN 'off' ELSE 'on' END, false),
		set_config('enable_bitmapscan', CASE WHEN index THEN 'off' ELSE 'on' END, false),
		set_config('enable_sort', CASE WHEN index THEN 'off' ELSE 'on' END, false),
		set_config('enable_hashjoin', CASE WHEN index THEN 'off' ELSE 'on' END, false),
		set_config('enable_mergejoin', CASE WHEN index THEN 'off' ELSE 'on' END, false)
$$;

CREATE FUNCTION pg_temp.plan_as_usual() RETURNS void LANGUAGE sql AS $$
	SELECT set_config(name, 'on', false)
	FROM unnest(ARRAY['enable_indexscan', 'enable_seqscan', 'enable_bitmapscan', 'enable_sort', 'enable_hashjoin', 'enable_mergejoin']) name
$$;

-- How often the plan orders by an ivf index.
CREATE FUNCTION pg_temp.ordered_scans(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found int := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		found := found + (line ~ '^\s+Order By: ')::int;
	END LOOP;
	RETURN found;
END $$;

CREATE FUNCTION pg_temp.rows_of(query text) RETURNS TABLE (place bigint, id bigint, d float8) LANGUAGE plpgsql AS $$
BEGIN
	place := 0;
	FOR id, d IN EXECUTE query LOOP
		place := place + 1;
		RETURN NEXT;
	END LOOP;
END $$;

-- by_index: the index was used.  short: rows missing.  misplaced: a row nearer than the one before it.
-- twice: ids that came more than once.  recall: the share of rows no farther than the exact last one.
CREATE FUNCTION pg_temp.compare(query text, OUT by_index boolean, OUT row_count bigint, OUT short bigint, OUT misplaced bigint,
	OUT twice bigint, OUT recall float8) LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[];
	ds float8[];
	exact_count bigint;
	exact_last float8;
BEGIN
	PERFORM pg_temp.plan_by(true);
	by_index := pg_temp.ordered_scans(query) > 0;
	SELECT coalesce(array_agg(r.id ORDER BY r.place), '{}'), coalesce(array_agg(coalesce(r.d, 'NaN') ORDER BY r.place), '{}')
	INTO ids, ds FROM pg_temp.rows_of(query) r;
	PERFORM pg_temp.plan_by(false);
	IF pg_temp.ordered_scans(query) > 0 THEN
		RAISE EXCEPTION 'the exact plan uses the index';
	END IF;
	SELECT count(*), max(coalesce(r.d, 'NaN')) INTO exact_count, exact_last FROM pg_temp.rows_of(query) r;
	PERFORM pg_temp.plan_as_usual();
	row_count := cardinality(ids);
	short := exact_count - row_count;
	SELECT row_count - count(DISTINCT i) INTO twice FROM unnest(ids) i;
	SELECT count(*) INTO misplaced FROM generate_series(2, row_count) i WHERE ds[i] < ds[i - 1];
	SELECT coalesce(avg((x <= exact_last + 1e-6 * abs(exact_last))::int), 1) INTO recall FROM unnest(ds) x;
END $$;

-- The same over several queries: one line that is all true and 0 when all is well.
CREATE FUNCTION pg_temp.compare_all(queries text[], recall_min float8, OUT queries_run int, OUT by_index boolean, OUT short bigint,
	OUT misplaced bigint, OUT twice bigint, OUT recall text) LANGUAGE sql AS $$
	SELECT count(*), bool_and(c.by_index), sum(abs(c.short)), sum(c.misplaced), sum(c.twice),
		CASE WHEN avg(c.recall) >= recall_min THEN 'enough' ELSE avg(c.recall)::text END
	FROM unnest(queries) q, pg_temp.compare(q) c
$$;
