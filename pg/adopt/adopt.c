/*
 * adopt.c - indexes of a database that pgvector has made, or is to have again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/index.h"
#include "catalog/pg_class_d.h"
#include "commands/defrem.h"
#include "page/foreign_index.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

/* Opened, or NULL: when it has just been dropped, or is no index of an access method that pgvector has. */
static Relation
open_index(Oid oid)
{
	Relation	index = try_relation_open(oid, AccessShareLock);
	const char *method;

	if (index == NULL)
		return NULL;
	method = index->rd_rel->relkind == RELKIND_INDEX ? get_am_name(index->rd_rel->relam) : NULL;
	if (method != NULL && (strcmp(method, "hnsw") == 0 || strcmp(method, "ivfflat") == 0))
		return index;
	relation_close(index, AccessShareLock);
	return NULL;
}

/* Whether an index is in pgvector's page format. */
OMEN_FUNCTION(vector_index_is_foreign);
Datum
vector_index_is_foreign(PG_FUNCTION_ARGS)
{
	Relation	index = open_index(PG_GETARG_OID(0));
	bool		foreign = index != NULL && foreign_index(index);

	if (index != NULL)
		relation_close(index, AccessShareLock);
	PG_RETURN_BOOL(foreign);
}

/*
 * For scripts that go from pgvector's library to ours or back, of each index:
 * sessions forget plans that use it and what they know of its access method;
 * its owner is told if it has to be written anew.  Returns whether it has.
 */
OMEN_FUNCTION(vector_index_change_hands);
Datum
vector_index_change_hands(PG_FUNCTION_ARGS)
{
	bool		leaving = PG_GETARG_BOOL(1);
	Relation	index = open_index(PG_GETARG_OID(0));
	bool		anew;

	if (index == NULL)
		PG_RETURN_BOOL(false);
	anew = foreign_index(index) != leaving;
	CacheInvalidateRelcache(index);
	CacheInvalidateRelcacheByRelid(index->rd_index->indrelid);
	if (anew)
	{
		char	   *name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(index)),
													  RelationGetRelationName(index));

		ereport(WARNING,
				(errmsg(leaving ? "index %s is not in pgvector's page format" :
						"index %s is in pgvector's page format", name),
				 errdetail("Queries that would use it are answered without it."),
				 errhint(leaving ? "When pgvector's files are back: REINDEX INDEX %s;" :
						 "REINDEX INDEX CONCURRENTLY %s;", name)));
	}
	relation_close(index, AccessShareLock);
	PG_RETURN_BOOL(anew);
}
