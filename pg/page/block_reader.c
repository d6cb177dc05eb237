/*
 * block_reader.c - see block_reader.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/heapam.h"
#include "page/block_reader.h"
#include "page/shared_room.h"
#include "port/pg_bitutils.h"
#include "storage/buf_internals.h"
#include "utils/memutils.h"

#define CACHE_LINE 64
/* Hints take four bytes a block: 8 MB at most, for 16 GB of blocks. */
#define HINTED_BLOCKS_MAX ((BlockNumber) 2 * 1024 * 1024)
/* Beside a buffer's number, which is at most half of the greatest int. */
#define MARK ((Buffer) 1 << 30)

void
buffer_hints_forget(BufferHints *hints)
{
	if (hints->held != NULL)
		MemoryContextDelete(hints->held);
	hints->held = NULL;
	hints->buffers = NULL;
	hints->room = 0;
}

/* Makes room for all blocks that there are; false when that is not worth an error. */
static bool
make_room(BlockReader *reader, BlockNumber block)
{
	BufferHints *hints = reader->hints;
	BlockNumber room = Max(block + 1, RelationGetNumberOfBlocks(reader->relation));
	SharedRoomKey key = {SHARED_HINTS, {0, 0, 0, 0}};
	SharedRoom *shared;
	BufferHints more = {hints->context};
	bool		ready;

	/* All backends should come to the same. */
	room = pg_nextpower2_32(Max(Min(room, HINTED_BLOCKS_MAX), 256));
	memcpy(key.words, &OMEN_RELATION_LOCATOR(reader->relation), 3 * sizeof(uint32));
	key.words[3] = room;
	more.held = AllocSetContextCreate(hints->context, "buffer hints", ALLOCSET_SMALL_SIZES);
	shared = shared_room_take(&key, room * sizeof(Buffer), more.held, &ready);
	more.buffers = shared != NULL ? shared_room_memory(shared) :
		MemoryContextAllocExtended(more.held, room * sizeof(Buffer), MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (more.buffers == NULL)
	{
		MemoryContextDelete(more.held);
		return false;
	}
	if (shared == NULL || !ready)
	{
		memset(more.buffers, 0, room * sizeof(Buffer));
		if (hints->room > 0)
			memcpy(more.buffers, hints->buffers, Min(hints->room, room) * sizeof(Buffer));
	}
	if (shared != NULL && !ready)
	{
		shared_room_publish(shared);
		more.buffers = shared_room_memory(shared);
	}
	more.room = room;
	buffer_hints_forget(hints);
	*hints = more;
	return true;
}

void
block_reader_note(BlockReader *reader, BlockNumber block, Buffer buffer)
{
	if (reader->hints == NULL || BufferIsLocal(buffer) || block >= HINTED_BLOCKS_MAX)
		return;
	if (block < reader->hints->room || make_room(reader, block))
		reader->hints->buffers[block] = buffer;
}

/* With its mark. */
static inline Buffer
noted(const BlockReader *reader, BlockNumber block)
{
	return reader->hints != NULL && block < reader->hints->room ? reader->hints->buffers[block] : InvalidBuffer;
}

static inline Buffer
hint_of(const BlockReader *reader, BlockNumber block)
{
	return noted(reader, block) & ~MARK;
}

void
block_reader_mark(BlockReader *reader, BlockNumber block)
{
	if (BufferIsValid(hint_of(reader, block)))
		reader->hints->buffers[block] |= MARK;
}

bool
block_reader_is_marked(const BlockReader *reader, BlockNumber block)
{
	return (noted(reader, block) & MARK) != 0;
}

Buffer
block_reader_lock(BlockReader *reader, BlockNumber block)
{
	Buffer		buffer = hint_of(reader, block);

	if (!BufferIsValid(buffer) ||
		!ReadRecentBuffer(OMEN_RELATION_LOCATOR(reader->relation), MAIN_FORKNUM, block, buffer))
	{
		/*
		 * A damaged pointer must not make the buffer manager complain about a
		 * file.  Asking for the length is a system call, so only when in doubt.
		 */
		if (block >= reader->blocks)
		{
			reader->blocks = RelationGetNumberOfBlocks(reader->relation);
			if (block >= reader->blocks)
				return InvalidBuffer;
		}
		buffer = ReadBuffer(reader->relation, block);
		block_reader_note(reader, block, buffer);
	}
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	return buffer;
}

void
block_reader_expect(BlockReader *reader, BlockNumber block, uint32 offset, uint32 bytes)
{
	Buffer		buffer = hint_of(reader, block);

	if (BufferIsValid(buffer))
	{
		const char *page = BufferGetPage(buffer);

		__builtin_prefetch(GetBufferDescriptor(buffer - 1), 1);
		/* Our trailer, or the first tuple of a table's page. */
		if (!block_reader_is_marked(reader, block))
			__builtin_prefetch(page + BLCKSZ - CACHE_LINE);
		for (uint32 i = 0; i < bytes; i += CACHE_LINE)
			__builtin_prefetch(page + offset + i);
	}
	else
	{
		if (reader->blocks == 0)
			reader->blocks = RelationGetNumberOfBlocks(reader->relation);
		if (block < reader->blocks)
		{
			buffer = PrefetchBuffer(reader->relation, MAIN_FORKNUM, block).recent_buffer;
			if (BufferIsValid(buffer))
				block_reader_note(reader, block, buffer);
		}
	}
}

/* The page is not held, so its item pointer may be any: it is not followed, only expected. */
void
block_reader_expect_item(BlockReader *reader, BlockNumber block, OffsetNumber offset, uint32 bytes)
{
	Buffer		buffer = hint_of(reader, block);
	uint32		at = SizeOfPageHeaderData + offset * sizeof(ItemIdData);
	const char *page;
	ItemIdData	item;

	if (!BufferIsValid(buffer) || at > BLCKSZ)
		return;
	page = BufferGetPage(buffer);
	memcpy(&item, page + at - sizeof(item), sizeof(item));
	for (uint32 i = 0; i < bytes && item.lp_off + i < BLCKSZ; i += CACHE_LINE)
		__builtin_prefetch(page + item.lp_off + i);
}

void
block_reader_turn(BlockReader *reader, IndexFetchTableData *fetch, BlockNumber block)
{
	IndexFetchHeapData *heap = (IndexFetchHeapData *) fetch;
	Buffer		buffer = hint_of(reader, block);

	if (!BufferIsValid(buffer) || reader->relation->rd_tableam != GetHeapamTableAmRoutine())
		return;
	if (BufferIsValid(heap->xs_cbuf))
	{
		if (heap->xs_cbuf == buffer && BufferGetBlockNumber(buffer) == block)
			return;
		ReleaseBuffer(heap->xs_cbuf);
		heap->xs_cbuf = InvalidBuffer;
	}
	if (ReadRecentBuffer(OMEN_RELATION_LOCATOR(reader->relation), MAIN_FORKNUM, block, buffer))
		heap->xs_cbuf = buffer;
}
