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

#include "miscadmin.h"
#include "page/index_page.h"
#include "storage/buf_internals.h"
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

	shared = !RELATION_IS_LOCAL(index);
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

/* Room for a block's place; not worth an error. */
static void
note_place(IndexPagePlaces *places, BlockNumber block, Buffer buffer)
{
	if (block >= places->room)
	{
		BlockNumber room = Max(block + block / 4, 256);
		Buffer	   *buffers = MemoryContextAllocExtended(places->context, room * sizeof(Buffer),
														 MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);

		if (buffers == NULL)
			return;
		if (places->buffers != NULL)
		{
			memcpy(buffers, places->buffers, places->room * sizeof(Buffer));
			pfree(places->buffers);
		}
		places->buffers = buffers;
		places->room = room;
	}
	places->buffers[block] = buffer;
}

/* Where the block was last, if that is known: in shared buffers. */
static inline Buffer
known_place(const IndexPageReader *reader, BlockNumber block)
{
	return reader->places != NULL && block < reader->places->room ?
		reader->places->buffers[block] : InvalidBuffer;
}

static const void *
store_read(void *context, uint32_t block, uintptr_t *handle)
{
	IndexPageReader *reader = context;
	Buffer		buffer = known_place(reader, block);

	CHECK_FOR_INTERRUPTS();
	if (!BufferIsValid(buffer) || !ReadRecentBuffer(OMEN_RELATION_LOCATOR(reader->index), MAIN_FORKNUM, block, buffer))
	{
		/*
		 * A damaged pointer must not make the buffer manager complain about a
		 * file.  Asking for the length is a system call, so only when in doubt.
		 */
		if (block >= reader->blocks)
		{
			reader->blocks = RelationGetNumberOfBlocks(reader->index);
			if (block >= reader->blocks)
				return NULL;
		}
		buffer = ReadBuffer(reader->index, block);
		if (reader->places != NULL && !BufferIsLocal(buffer))
			note_place(reader->places, block, buffer);
	}
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	*handle = (uintptr_t) buffer;
	return BufferGetPage(buffer);
}

static void
store_release(void *context, uintptr_t handle)
{
	UnlockReleaseBuffer((Buffer) handle);
}

#define CACHE_LINE 64

/*
 * In shared buffers: descriptor and bytes into the processor's cache, without
 * a pin, for nothing is read.  Elsewhere: from disk into the kernel's cache.
 */
static void
store_expect(void *context, uint32_t block, uint32_t offset, uint32_t bytes)
{
	IndexPageReader *reader = context;
	Buffer		buffer = known_place(reader, block);

	if (BufferIsValid(buffer))
	{
		const char *page = BufferGetPage(buffer);
		const char *from = page + OMEN_PAGE_HEAD_BYTES + offset;

		__builtin_prefetch(GetBufferDescriptor(buffer - 1), 1);
		__builtin_prefetch(omen_page_trailer_const(page));
		for (uint32_t i = 0; i < bytes; i += CACHE_LINE)
			__builtin_prefetch(from + i);
	}
	else if (block < reader->blocks)
		(void) PrefetchBuffer(reader->index, MAIN_FORKNUM, block);
}

OmenPageStore
index_page_store(IndexPageReader *reader, Relation index, IndexPagePlaces *places)
{
	*reader = (IndexPageReader) {index, 0, places};
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
