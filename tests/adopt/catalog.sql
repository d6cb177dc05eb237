-- What the catalogs say of the extension's members, free of object identifiers.
-- SPDX-License-Identifier: Apache-2.0
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog;
CREATE TEMP VIEW member AS SELECT classid, objid, pg_describe_object(classid, objid, 0) AS name FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector') AND deptype = 'e';
SELECT 'member', name FROM member ORDER BY 2;
SELECT 'function', name, p.proname, p.prolang, p.procost, p.prorows, p.provariadic, p.prosupport::regproc, p.prokind, p.prosecdef, p.proleakproof,
	p.proisstrict, p.proretset, p.provolatile, p.proparallel, p.prorettype::regtype, p.proargtypes::regtype[], p.proallargtypes::regtype[],
	p.proargmodes, p.proargnames, pg_get_expr(p.proargdefaults, 0), p.prosrc, p.probin, p.proconfig, p.proacl, pg_get_function_sqlbody(p.oid)
FROM pg_proc p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid ORDER BY 2;
SELECT 'aggregate', name, a.aggkind, a.aggnumdirectargs, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn,
	a.aggfinalextra, a.aggfinalmodify, a.aggsortop::regoper, a.aggtranstype::regtype, a.aggtransspace, a.agginitval
FROM pg_aggregate a JOIN member ON classid = 'pg_proc'::regclass AND objid = a.aggfnoid ORDER BY 2;
SELECT 'type', name, t.typlen, t.typbyval, t.typtype, t.typcategory, t.typispreferred, t.typisdefined, t.typdelim, t.typinput, t.typoutput, t.typreceive,
	t.typsend, t.typmodin, t.typmodout, t.typanalyze, t.typalign, t.typstorage, t.typnotnull, t.typcollation, t.typdefault, t.typacl
FROM pg_type t JOIN member ON classid = 'pg_type'::regclass AND objid = t.oid ORDER BY 2;
SELECT 'operator', name, o.oprkind, o.oprcanmerge, o.oprcanhash, o.oprresult::regtype, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprcode, o.oprrest, o.oprjoin
FROM pg_operator o JOIN member ON classid = 'pg_operator'::regclass AND objid = o.oid ORDER BY 2;
SELECT 'cast', name, c.castfunc::regprocedure, c.castcontext, c.castmethod FROM pg_cast c JOIN member ON classid = 'pg_cast'::regclass AND objid = c.oid ORDER BY 2;
SELECT 'access method', name, a.amhandler, a.amtype FROM pg_am a JOIN member ON classid = 'pg_am'::regclass AND objid = a.oid ORDER BY 2;
SELECT 'operator class', name, o.opcdefault, o.opckeytype, o.opcintype::regtype FROM pg_opclass o JOIN member ON classid = 'pg_opclass'::regclass AND objid = o.oid ORDER BY 2;
SELECT 'operators of a family', name, o.amoplefttype::regtype, o.amoprighttype::regtype, o.amopstrategy, o.amoppurpose, o.amopopr::regoperator,
	(SELECT opfname FROM pg_opfamily WHERE oid = o.amopsortfamily)
FROM pg_amop o JOIN member ON classid = 'pg_opfamily'::regclass AND objid = o.amopfamily ORDER BY 2, 3, 4, 5, 7;
SELECT 'functions of a family', name, p.amproclefttype::regtype, p.amprocrighttype::regtype, p.amprocnum, p.amproc::regprocedure
FROM pg_amproc p JOIN member ON classid = 'pg_opfamily'::regclass AND objid = p.amprocfamily ORDER BY 2, 3, 4, 5;
SELECT 'comment', name, d.description FROM pg_description d JOIN member ON d.classoid = classid AND d.objoid = objid ORDER BY 2, 3;
SELECT DISTINCT 'depends', m.name, pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), d.deptype
FROM pg_depend d JOIN member m ON d.classid = m.classid AND d.objid = m.objid ORDER BY 2, 3, 4;
SELECT 'depends', pg_describe_object(d.classid, d.objid, 0), pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), d.deptype
FROM pg_depend d WHERE d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass) AND d.objid >= 16384 ORDER BY 2, 3, 4;
