/*
 * foreign_index.c - see foreign_index.h.
 *
 * Facts of pgvector's format (src/hnsw.h, src/ivfflat.h; the same from 0.5.0
 * to 0.8.6): every page's special space has 8 bytes, the last two of them a
 * number that is the access method's; block 0 begins, behind PostgreSQL's
 * page header, with a magic number and a version, which pgvector compares
 * before anything else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "omen/page.h"
#include "page/foreign_index.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "wal/page_edit.h"

#define HNSW_PAGE_ID 0xFF90
#define IVFFLAT_PAGE_ID 0xFF84

typedef struct ForeignSpecial
{
	BlockNumber next;
	uint16		unused;
	uint16		page_id;
} ForeignSpecial;

static bool
page_is_foreign(Page page)
{
	const ForeignSpecial *special;

	/* What is not a page at all is for others to complain of. */
	if (PageIsNew(page) || PageGetPageSize(page) != BLCKSZ ||
		((PageHeader) page)->pd_special != BLCKSZ - MAXALIGN(sizeof(ForeignSpecial)))
		return false;
	special = (const ForeignSpecial *) ((char *) page + BLCKSZ - MAXALIGN(sizeof(ForeignSpecial)));
	return special->page_id == HNSW_PAGE_ID || special->page_id == IVFFLAT_PAGE_ID;
}

bool
foreign_index(Relation index)
{
	Buffer		buffer;
	bool		foreign;

	/* As a concurrent build leaves it that was cut off before it began to write. */
	if (RelationGetNumberOfBlocks(index) == 0)
		return false;
	buffer = ReadBuffer(index, OMEN_META_BLOCK);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	foreign = page_is_foreign(BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
	return foreign;
}

bool
foreign_index_path(const IndexPath *path)
{
	Relation	index;
	bool		foreign;

	/* One that an advisor only imagines has no pages. */
	if (path->indexinfo->hypothetical)
		return false;
	index = index_open(path->indexinfo->indexoid, NoLock);
	foreign = foreign_index(index);
	index_close(index, NoLock);
	return foreign;
}

void
foreign_index_stamp(Relation index)
{
	Buffer		buffer = ReadBuffer(index, OMEN_META_BLOCK);
	uint32	   *magic = (uint32 *) PageGetContents(BufferGetPage(buffer));

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (page_is_foreign(BufferGetPage(buffer)) && *magic != 0)
	{
		PageEdit	edit;

		page_edit_begin(&edit, index);
		*(uint32 *) PageGetContents(page_edit_add(&edit, buffer)) = 0;
		page_edit_commit(&edit);
	}
	UnlockReleaseBuffer(buffer);
}

void
foreign_index_refuse(Relation index)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("index \"%s\" is in pgvector's page format", RelationGetRelationName(index)),
			 errhint("REINDEX INDEX CONCURRENTLY %s;",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(index)),
												RelationGetRelationName(index)))));
}
