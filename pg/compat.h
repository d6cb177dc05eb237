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

#endif							/* OMEN_COMPAT_H */
