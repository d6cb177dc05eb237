-- What the catalogues say of the extension: nothing forgotten.
-- SPDX-License-Identifier: Apache-2.0

CREATE TEMP VIEW member AS
SELECT classid, objid FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector') AND deptype = 'e';

-- functions over the types: all immutable, strict and parallel safe
SELECT oid::regprocedure FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid
WHERE prokind = 'f' AND provolatile <> 'i' AND 'internal'::regtype <> ALL (proargtypes::oid[]) AND prorettype <> 'index_am_handler'::regtype
	AND proargtypes::oid[] && ARRAY['vector', 'halfvec', 'sparsevec']::regtype[]::oid[];
SELECT oid::regprocedure FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid
WHERE (NOT proisstrict AND prokind = 'f' OR proparallel <> 's') AND proargtypes::oid[] && ARRAY['vector', 'halfvec', 'sparsevec', 'bit']::regtype[]::oid[];
-- every function names a symbol the library has
SELECT count(*) > 100 AS all_there, bool_and(probin = '$libdir/omendb_vector') AS ours FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid WHERE prokind = 'f';
-- every binary operator that could be turned round says so
SELECT oid::regoperator FROM pg_operator JOIN member ON classid = 'pg_operator'::regclass AND objid = oid WHERE oprcom = 0 AND oprname NOT IN ('-', '||') AND oprname !~ '^<<';
-- and the turned-round one gives the same value, by a function that is there
SELECT o.oid::regoperator FROM pg_operator o JOIN member ON classid = 'pg_operator'::regclass AND objid = o.oid JOIN pg_operator c ON c.oid = o.oprcom
WHERE c.oprcom <> o.oid OR c.oprleft <> o.oprright OR c.oprright <> o.oprleft OR c.oprcode = 0;
-- every comparison has its negation and its estimators; what lies outside a range is nothing an index could look for
SELECT oid::regoperator FROM pg_operator JOIN member ON classid = 'pg_operator'::regclass AND objid = oid
WHERE oprresult = 'bool'::regtype AND (oprnegate = 0 AND oprname !~ '^<<' OR oprrest = 0 OR oprjoin = 0);
-- distances are no conditions: no estimators
SELECT oid::regoperator FROM pg_operator JOIN member ON classid = 'pg_operator'::regclass AND objid = oid WHERE oprresult <> 'bool'::regtype AND (oprrest <> 0 OR oprjoin <> 0);
-- types can be sent, received, and are stored uncompressed
SELECT typname, typreceive <> 0 AND typsend <> 0 AND typmodin <> 0 AS complete, typstorage, typalign, typlen FROM pg_type
WHERE typname IN ('vector', 'halfvec', 'sparsevec') ORDER BY typname;
SELECT castsource::regtype, casttarget::regtype, castcontext FROM pg_cast JOIN member ON classid = 'pg_cast'::regclass AND objid = oid
ORDER BY castsource::regtype::text, casttarget::regtype::text;
SELECT aggfnoid::regprocedure, aggcombinefn <> 0 AS combines, proparallel FROM pg_aggregate JOIN pg_proc ON pg_proc.oid = aggfnoid
	JOIN member ON classid = 'pg_proc'::regclass AND objid = aggfnoid ORDER BY aggfnoid::regprocedure::text;
-- the default btree classes
SELECT opcname, opcintype::regtype, opcdefault, amvalidate(opclass.oid) FROM pg_opclass opclass JOIN pg_am ON pg_am.oid = opcmethod
WHERE amname = 'btree' AND opcintype::regtype::text IN ('vector', 'halfvec', 'sparsevec') ORDER BY 1;
