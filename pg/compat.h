/*
 * compat.h - what differs between PostgreSQL 14 and 18.
 *
 * The only file of pg/ that asks for the version.  Every C file of pg/
 * includes it right after postgres.h, before any other PostgreSQL header.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_COMPAT_H
#define OMEN_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 140000
#error "PostgreSQL 14 or later is needed"
#endif

/*
 * We build with -fvisibility=hidden.  PGDLLEXPORT undoes that since 16; before
 * it was empty outside Windows, and a library so built would export not even
 * its magic block.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

#include "fmgr.h"

#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#include "varatt.h"
#endif

/* Declares and registers a function callable from SQL; its body follows. */
#define OMEN_FUNCTION(name) \
	PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

#if PG_VERSION_NUM >= 180000
#define OMEN_MODULE_MAGIC(module_version) PG_MODULE_MAGIC_EXT(.name = "omendb_vector", .version = module_version)
#else
#define OMEN_MODULE_MAGIC(module_version) PG_MODULE_MAGIC
#endif

/*
 * Reports bad input of a type's input function.  Since 16 the caller may ask
 * for such errors to be noted in *context instead of thrown (COPY ... ON_ERROR,
 * pg_input_is_valid); then the enclosing function returns `result`.
 */
#if PG_VERSION_NUM >= 160000
#define OMEN_INPUT_ERROR(context, result, ...) ereturn(context, result, __VA_ARGS__)
#else
#define OMEN_INPUT_ERROR(context, result, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return result; \
	} while (0)
#endif

/* Whether an error has been noted in *context. */
#if PG_VERSION_NUM >= 160000
#define OMEN_INPUT_FAILED(context) SOFT_ERROR_OCCURRED(context)
#else
#define OMEN_INPUT_FAILED(context) false
#endif

/* Lets vacuum pause; since 18 it is told whether for ANALYZE. */
#if PG_VERSION_NUM >= 180000
#define vacuum_delay_point_compat() vacuum_delay_point(false)
#else
#define vacuum_delay_point_compat() vacuum_delay_point()
#endif

#if PG_VERSION_NUM >= 150000
#define OMEN_RESERVE_SETTINGS(prefix) MarkGUCPrefixReserved(prefix)
#else
#define OMEN_RESERVE_SETTINGS(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* Whether the role owns the relation, or may do as its owner. */
#if PG_VERSION_NUM >= 160000
#define OMEN_OWNS_RELATION(oid, role) object_ownercheck(RelationRelationId, oid, role)
#else
#define OMEN_OWNS_RELATION(oid, role) pg_class_ownercheck(oid, role)
#endif

/*
 * Keeps the planner from an index path whose cost is endless, also where a
 * setting disables all others: since 18 fewer disabled nodes come before costs.
 */
#if PG_VERSION_NUM >= 180000
#define OMEN_NEVER_TAKE(index_path) ((index_path)->path.disabled_nodes = 1000)
#else
#define OMEN_NEVER_TAKE(index_path) ((void) 0)
#endif

/* An index scan with nothing but one ORDER BY. */
#if PG_VERSION_NUM >= 180000
#define OMEN_BEGIN_ORDERED_SCAN(table, index, snapshot) index_beginscan(table, index, snapshot, NULL, 0, 1)
#else
#define OMEN_BEGIN_ORDERED_SCAN(table, index, snapshot) index_beginscan(table, index, snapshot, 0, 1)
#endif

/* Where GetXLogReplayRecPtr() is declared. */
#if PG_VERSION_NUM >= 150000
#define OMEN_RECOVERY_HEADER "access/xlogrecovery.h"
#else
#define OMEN_RECOVERY_HEADER "access/xlog.h"
#endif

/* While an index's expressions run for somebody else, as CREATE INDEX has it. */
#if PG_VERSION_NUM >= 170000
#define OMEN_RESTRICT_SEARCH_PATH() RestrictSearchPath()
#else
#define OMEN_RESTRICT_SEARCH_PATH() ((void) 0)
#endif

/*
 * Plans a query and explains it, as EXPLAIN does without a hook.  Since 18
 * there is a hook for each node of the plan instead.
 */
#define OMEN_EXPLAIN_PER_NODE (PG_VERSION_NUM >= 180000)
#if PG_VERSION_NUM >= 170000
#define OMEN_EXPLAIN_QUERY standard_ExplainOneQuery
#else
#define OMEN_EXPLAIN_QUERY(query, options, into, es, text, params, environment) \
	do { \
		BufferUsage used_before = pgBufferUsage; \
		BufferUsage used = {0}; \
		instr_time	started; \
		instr_time	took; \
		PlannedStmt *plan; \
\
		INSTR_TIME_SET_CURRENT(started); \
		plan = pg_plan_query(query, text, options, params); \
		INSTR_TIME_SET_CURRENT(took); \
		INSTR_TIME_SUBTRACT(took, started); \
		BufferUsageAccumDiff(&used, &pgBufferUsage, &used_before); \
		ExplainOnePlan(plan, into, es, text, params, environment, &took, (es)->buffers ? &used : NULL); \
	} while (0)
#endif

/* What names a relation's file: its type's name changed in 16. */
#if PG_VERSION_NUM >= 160000
#define OMEN_RELATION_LOCATOR(relation) ((relation)->rd_locator)
#else
#define OMEN_RELATION_LOCATOR(relation) ((relation)->rd_node)
#endif

/* Since 18 an index scan may count what it does. */
#if PG_VERSION_NUM >= 180000
#define OMEN_INDEX_BEGINSCAN(heap, index, snapshot, keys, orderbys) \
	index_beginscan(heap, index, snapshot, NULL, keys, orderbys)
#else
#define OMEN_INDEX_BEGINSCAN(heap, index, snapshot, keys, orderbys) \
	index_beginscan(heap, index, snapshot, keys, orderbys)
#endif

/* Temporary files that parallel workers share; closed by BufFileClose. */
#if PG_VERSION_NUM >= 150000
#define omen_buffile_create(set, name) BufFileCreateFileSet(&(set)->fs, name)
#define omen_buffile_export(file) BufFileExportFileSet(file)
#define omen_buffile_open(set, name) BufFileOpenFileSet(&(set)->fs, name, O_RDONLY, false)
#else
#define omen_buffile_create(set, name) BufFileCreateShared(set, name)
#define omen_buffile_export(file) BufFileExportShared(file)
#define omen_buffile_open(set, name) BufFileOpenShared(set, name, O_RDONLY)
#endif

#if PG_VERSION_NUM >= 160000
#define omen_buffile_read(file, memory, bytes) BufFileReadExact(file, memory, bytes)
#else
#define omen_buffile_read(file, memory, bytes) \
	do { \
		if (BufFileRead(file, memory, bytes) != (bytes)) \
			ereport(ERROR, (errcode_for_file_access(), errmsg("could not read from shared temporary file: %m"))); \
	} while (0)
#endif

#endif							/* OMEN_COMPAT_H */
