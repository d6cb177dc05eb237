-- Binary form of the vector types: send, receive, COPY.
-- SPDX-License-Identifier: Apache-2.0

SELECT current_setting('data_directory') || '/vector_binary.copy' AS file \gset

-- int16 dim, int16 0, float4 each; the same with halves; int32 dim, nnz, 0, positions from 0, float4 each
SELECT vector_send('[1,-2.5]'), halfvec_send('[1,-2.5]'), sparsevec_send('{2:1,5:-2.5}/7'), sparsevec_send('{}/3');

CREATE TABLE vector_binary (id int, v vector(3), h halfvec(3), s sparsevec(9));
INSERT INTO vector_binary VALUES (1, '[1,2,3]', '[4,5,6]', '{1:7,9:8}/9'), (2, '[-0,1e-45,3.4028235e38]', '[-0,6e-8,65504]', '{}/9'),
	(3, NULL, NULL, NULL);
COPY vector_binary TO :'file' (FORMAT binary);
CREATE TABLE vector_binary_back (LIKE vector_binary);
COPY vector_binary_back FROM :'file' (FORMAT binary);
SELECT a.id, b.v, b.h, b.s, a = b AS same FROM vector_binary a JOIN vector_binary_back b USING (id) ORDER BY id;
-- into other types, or other dimensions, it does not go
CREATE TABLE vector_binary_other (id int, v vector(2), h halfvec(3), s sparsevec(9));
COPY vector_binary_other FROM :'file' (FORMAT binary);
CREATE TABLE vector_binary_crossed (id int, v halfvec(3), h vector(3), s sparsevec(9));
COPY vector_binary_crossed FROM :'file' (FORMAT binary);
DROP TABLE vector_binary_back, vector_binary_other, vector_binary_crossed;

-- long ones, toasted
CREATE TABLE vector_binary_long AS
SELECT i AS id, a::vector AS v, a::halfvec AS h, a::sparsevec AS s
FROM (SELECT i, (SELECT array_agg((j * 7919 + i) % 100 / 8.0) FROM generate_series(1, i * 4000) j) AS a FROM generate_series(1, 4) i) t;
COPY vector_binary_long TO :'file' (FORMAT binary);
CREATE TABLE vector_binary_back (LIKE vector_binary_long);
COPY vector_binary_back FROM :'file' (FORMAT binary);
SELECT count(*), bool_and(a = b) AS same, max(vector_dims(b.v)) FROM vector_binary_long a JOIN vector_binary_back b USING (id);
DROP TABLE vector_binary, vector_binary_back, vector_binary_long;

-- messages that no vector_send wrote: a file with one row and one column each
CREATE FUNCTION pg_temp.receive(type text, message bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	object oid := lo_from_bytea(0, '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001'::bytea ||
		int4send(length(message)) || message || '\xffff'::bytea);
	file text := current_setting('data_directory') || '/vector_binary.copy';
	answer text;
	state text;
	error text;
BEGIN
	PERFORM lo_export(object, file);
	PERFORM lo_unlink(object);
	EXECUTE 'CREATE TEMP TABLE received (x ' || type || ')';
	EXECUTE format('COPY received FROM %L (FORMAT binary)', file);
	SELECT x::text INTO answer FROM received;
	DROP TABLE received;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error = MESSAGE_TEXT;
	RETURN state || ' ' || error;
END $$;
SELECT type, message, pg_temp.receive(type, decode(replace(message, ' ', ''), 'hex'))
FROM (VALUES
	('vector', '0002 0000 3f800000 c0200000'), ('vector(2)', '0002 0000 3f800000 c0200000'), ('vector(3)', '0002 0000 3f800000 c0200000'),
	('vector', '0001 0000 80000000'), ('vector', '0001 0000 00000001'), ('vector', '0000 0000'), ('vector', '3e81 0000'), ('vector', 'ffff 0000'),
	('vector', '0001 0001 3f800000'), ('vector', '0001 0000 7fc00000'), ('vector', '0001 0000 ff800001'), ('vector', '0001 0000 7f800000'),
	('vector', '0001 0000 ff800000'), ('vector', '0002 0000 3f800000'), ('vector', '3e80 0000 3f800000'), ('vector', '0001 0000 3f800000 00'), ('vector', '0001'), ('vector', ''),
	('halfvec', '0002 0000 3c00 c100'), ('halfvec(3)', '0002 0000 3c00 c100'), ('halfvec', '0001 0000 0001'), ('halfvec', '0001 0000 7bff'),
	('halfvec', '0000 0000'), ('halfvec', '3e81 0000'), ('halfvec', '0001 0001 3c00'), ('halfvec', '0001 0000 7c00'), ('halfvec', '0001 0000 fc00'),
	('halfvec', '0001 0000 7c01'), ('halfvec', '0001 0000 fe00'), ('halfvec', '0002 0000 3c00'), ('halfvec', '0001 0000 3c00 3c00'),
	('sparsevec', '00000007 00000002 00000000 00000001 00000004 3f800000 c0200000'), ('sparsevec(8)', '00000007 00000000 00000000'),
	('sparsevec', '00000000 00000000 00000000'), ('sparsevec', 'ffffffff 00000000 00000000'), ('sparsevec', '3b9aca01 00000000 00000000'),
	('sparsevec', '3b9aca00 00000001 00000000 3b9ac9ff 3f800000'), ('sparsevec', '00000007 ffffffff 00000000'), ('sparsevec', '00000007 00000008 00000000'),
	('sparsevec', '3b9aca00 00003e81 00000000'), ('sparsevec', '00000007 00000001 00000001 00000000 3f800000'),
	('sparsevec', '00000007 00000001 00000000 00000007 3f800000'), ('sparsevec', '00000007 00000001 00000000 ffffffff 3f800000'),
	('sparsevec', '00000007 00000002 00000000 00000004 00000001 3f800000 3f800000'), ('sparsevec', '00000007 00000002 00000000 00000004 00000004 3f800000 3f800000'),
	('sparsevec', '00000007 00000001 00000000 00000000 00000000'), ('sparsevec', '00000007 00000001 00000000 00000000 7fc00000'),
	('sparsevec', '00000007 00000001 00000000 00000000 ff800000'), ('sparsevec', '00000007 00000002 00000000 00000000'), ('sparsevec', '00000007 00000000')
) t(type, message);
SELECT 'rm -f ''' || :'file' || '''' AS command \gset
COPY (SELECT WHERE false) TO PROGRAM :'command';
