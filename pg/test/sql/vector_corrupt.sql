-- Values whose length contradicts their header, as a damaged page may hold: reported, never read past.
-- SPDX-License-Identifier: Apache-2.0

CREATE FUNCTION pg_temp.try(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	state text;
	message text;
BEGIN
	EXECUTE 'SELECT (' || expression || ')::text' INTO answer;
	RETURN coalesce(answer, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	RETURN state || ' ' || message;
END $$;

-- Only here: bytes taken for values as they are.  What follows the varlena
-- header, in the machine's order (little-endian where this test runs).
BEGIN;
CREATE CAST (bytea AS vector) WITHOUT FUNCTION;
CREATE CAST (bytea AS halfvec) WITHOUT FUNCTION;
CREATE CAST (bytea AS sparsevec) WITHOUT FUNCTION;
SELECT type, bytes, pg_temp.try(format('%L::bytea::%s', decode(replace(bytes, ' ', ''), 'hex'), type))
FROM (VALUES
	('vector', '0200 0000 0000803f 00000040'), ('vector', '0300 0000 0000803f 00000040'), ('vector', '0100 0000 0000803f 00000040'),
	('vector', '0000 0000'), ('vector', 'ffff 0000 0000803f'), ('vector', '813e 0000'), ('vector', '0100'), ('vector', ''),
	('halfvec', '0200 0000 003c 0040'), ('halfvec', '0300 0000 003c 0040'), ('halfvec', '0000 0000'), ('halfvec', 'ffff 0000 003c'), ('halfvec', ''),
	('sparsevec', '03000000 01000000 00000000 02000000 0000803f'), ('sparsevec', '03000000 02000000 00000000 02000000 0000803f'),
	('sparsevec', '03000000 ffffffff 00000000'), ('sparsevec', '00000000 00000000 00000000'), ('sparsevec', '03000000 ffffff7f 00000000'), ('sparsevec', '')
) t(type, bytes);
-- positions outside the vector
SELECT cast_to, pg_temp.try(format('%L::bytea::sparsevec::%s', decode('030000000100000000000000030000000000803f', 'hex'), cast_to)),
	pg_temp.try(format('%L::bytea::sparsevec::%s', decode('030000000100000000000000ffffffff0000803f', 'hex'), cast_to))
FROM unnest(ARRAY['vector', 'halfvec']) cast_to;
SELECT pg_temp.try($$vector_dims('\x01'::bytea::vector)$$), pg_temp.try($$vector_dims(''::bytea::halfvec)$$);
ROLLBACK;
