-- What the planner thinks distances cost: more dimensions more, fetching from TOAST most.
-- SPDX-License-Identifier: Apache-2.0

CREATE TABLE vector_cost (v3 vector(3), v300 vector(300), v600 vector(600), v1536 vector(1536), h600 halfvec(600), h1536 halfvec(1536), v vector);
CREATE FUNCTION pg_temp.cost(expression text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
	base json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT ' || expression || ' FROM vector_cost' INTO plan;
	EXECUTE 'EXPLAIN (FORMAT json) SELECT 1 FROM vector_cost' INTO base;
	-- in calls of the cheapest operator, a row
	RETURN round((((plan->0->'Plan'->>'Total Cost')::float8 - (base->0->'Plan'->>'Total Cost')::float8) /
		(plan->0->'Plan'->>'Plan Rows')::float8 / current_setting('cpu_operator_cost')::float8)::numeric, 0);
END $$;
SELECT expression, pg_temp.cost(expression) FROM unnest(ARRAY[
	$$v3 <-> '[1,2,3]'$$, $$v300 <-> v300$$, $$v600 <-> array_fill(1, ARRAY[600])::vector$$, $$v1536 <-> v1536$$,
	$$h600 <-> h600$$, $$h1536 <=> h1536$$, $$v <-> v$$, $$v <-> '[1,2,3]'$$, $$vector_norm(v1536)$$, $$v1536 = v1536$$, $$v3 + v3$$,
	$$v1536::halfvec$$, $$v <-> NULL::vector$$
]) expression;
DROP TABLE vector_cost;
