/*
 * index_page.c - see index_page.h.
 *
 * Reuse.  A freed page may be taken again at once.  A scan may still remember
 * its number, from the model it began with; but a page never comes back with
 * the kind and generation it had, and whoever reads a page looks at both
 * first.  Such a scan starts over with the model in force.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "page/index_page.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "wal/page_edit.h"
#include "wal/page_seal.h"

StaticAssertDecl(BLCKSZ == OMEN_PAGE_BYTES, "core's pages are PostgreSQL's blocks");
StaticAssertDecl(SizeOfPageHeaderData <= OMEN_PAGE_HEAD_BYTES, "PostgreSQL's header fits core's head");

void
index_page_init(char *page, OmenPageKind kind, uint32 generation, uint32 list)
{
	PageInit((Page) page, BLCKSZ, OMEN_PAGE_TRAILER_BYTES);
	omen_page_init(page, kind, generation, list);
	index_page_set_used(page, 0);
}

void
index_page_set_used(char *page, uint32 bytes)
{
	((PageHeader) page)->pd_lower = OMEN_PAGE_HEAD_BYTES + bytes;
}

bool
index_page_is_recyclable(const char *page)
{
	const OmenPageTrailer *trailer = omen_page_trailer_const(page);

	/* New: taken once, and never written because of an error. */
	return PageIsNew((Page) page) ||
		(trailer->magic == OMEN_PAGE_MAGIC && trailer->kind == OMEN_PAGE_FREE);
}

Buffer
index_page_new(Relation index, ForkNumber fork)
{
	Buffer		buffer;
	bool		shared;

	while (fork == MAIN_FORKNUM)
	{
		BlockNumber block = GetFreeIndexPage(index);

		if (block == InvalidBlockNumber)
			break;
		/* The map is only a hint: another backend may have taken the page. */
		buffer = ReadBuffer(index, block);
		if (ConditionalLockBuffer(buffer))
		{
			if (index_page_is_recyclable(BufferGetPage(buffer)))
				return buffer;
			UnlockReleaseBuffer(buffer);
		}
		else
			ReleaseBuffer(buffer);
	}

	/* A relation made by this transaction is its workers' as well. */
	shared = !RELATION_IS_LOCAL(index) || IsInParallelMode();
	if (shared)
		LockRelationForExtension(index, ExclusiveLock);
	/*
	 * Locked before anybody else can see it: a sweep that met the empty page
	 * first would give it away.
	 */
	buffer = ReadBufferExtended(index, fork, P_NEW, RBM_ZERO_AND_LOCK, NULL);
	if (shared)
		UnlockRelationForExtension(index, ExclusiveLock);
	return buffer;
}

void
index_page_write(Relation index, Buffer buffer, bool log, const char *page)
{
	if (log)
	{
		PageEdit	edit;

		page_edit_begin(&edit, index);
		memcpy(page_edit_add_new(&edit, buffer), page, BLCKSZ);
		page_edit_commit(&edit);
	}
	else
	{
		memcpy(BufferGetPage(buffer), page, BLCKSZ);
		page_seal(BufferGetPage(buffer));
		MarkBufferDirty(buffer);
	}
	UnlockReleaseBuffer(buffer);
}

Buffer
index_page_reserve(Relation index, ForkNumber fork, bool log, OmenPageKind kind, uint32 generation)
{
	Buffer		buffer = index_page_new(index, fork);
	PGAlignedBlock page;

	index_page_init(page.data, kind, generation, 0);
	IncrBufferRefCount(buffer);
	index_page_write(index, buffer, log, page.data);
	return buffer;
}

void
index_page_free(Relation index, Buffer buffer)
{
	PageEdit	edit;

	page_edit_begin(&edit, index);
	index_page_init(page_edit_add_new(&edit, buffer), OMEN_PAGE_FREE, 0, 0);
	page_edit_commit(&edit);
}

static const void *
store_read(void *context, uint32_t block, uintptr_t *handle)
{
	Buffer		buffer;

	CHECK_FOR_INTERRUPTS();
	buffer = block_reader_lock(context, block);
	if (!BufferIsValid(buffer))
		return NULL;
	*handle = (uintptr_t) buffer;
	return BufferGetPage(buffer);
}

static void
store_release(void *context, uintptr_t handle)
{
	UnlockReleaseBuffer((Buffer) handle);
}

static void
store_expect(void *context, uint32_t block, uint32_t offset, uint32_t bytes)
{
	block_reader_expect(context, block, OMEN_PAGE_HEAD_BYTES + offset, bytes);
}

OmenPageStore
index_page_store(BlockReader *reader, Relation index, BufferHints *hints)
{
	*reader = (BlockReader) {index, 0, hints};
	return (OmenPageStore) {store_read, store_release, reader, store_expect};
}

void
index_page_report(Relation index, OmenStatus status, const char *text)
{
	int			code = ERRCODE_INDEX_CORRUPTED;

	if (status == OMEN_NO_MEMORY)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory in index \"%s\"", RelationGetRelationName(index))));
	if (status == OMEN_UNSUPPORTED)
		code = ERRCODE_FEATURE_NOT_SUPPORTED;
	ereport(ERROR,
			(errcode(code),
			 errmsg("cannot use index \"%s\": %s", RelationGetRelationName(index), text),
			 errhint("REINDEX INDEX %s;",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(index)),
												RelationGetRelationName(index)))));
}
