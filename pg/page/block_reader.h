/*
 * block_reader.h - many blocks of one relation, read quickly.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_BLOCK_READER_H
#define OMEN_BLOCK_READER_H

#include "postgres.h"
#include "compat.h"

#include "access/tableam.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

/*
 * In which shared buffer each block of a relation was found last.  Looking
 * there first saves the way through the buffer table, whose cache misses would
 * otherwise be a good part of a search.  Outlives the reader that notes them.
 * Those of a large relation are all backends' (shared_room.h): what is read
 * there may be wrong at any time, as it may after a page was evicted.
 */
typedef struct BufferHints
{
	MemoryContext context;		/* of whoever keeps them */
	MemoryContext held;			/* a child of it, as long as there are buffers */
	Buffer	   *buffers;		/* [room] InvalidBuffer: not known; maybe with a mark */
	BlockNumber room;
} BufferHints;

typedef struct BlockReader
{
	Relation	relation;
	BlockNumber blocks;			/* known to exist */
	BufferHints *hints;			/* NULL: not kept */
} BlockReader;

/* The block, pinned and locked for reading; InvalidBuffer when there is no such block. */
extern Buffer block_reader_lock(BlockReader *reader, BlockNumber block);

/*
 * The page will be read soon, from byte `offset` of it on and `bytes` far.  In
 * shared buffers: descriptor and bytes into the processor's cache, without a
 * pin, for nothing is read.  Elsewhere: from disk into the kernel's cache.
 */
extern void block_reader_expect(BlockReader *reader, BlockNumber block, uint32 offset, uint32 bytes);

/*
 * The same for an item that a page expected before points to: `bytes` of it,
 * or none when nothing is known.
 */
extern void block_reader_expect_item(BlockReader *reader, BlockNumber block, OffsetNumber offset, uint32 bytes);

/*
 * Has a heap table's fetch hold the block already, so that it need not look
 * for it.  `reader` reads that table; of other kinds of tables nothing is known.
 */
extern void block_reader_turn(BlockReader *reader, IndexFetchTableData *fetch, BlockNumber block);

/*
 * A reader may mark a block whose page it has looked through, as long as it
 * stays in its buffer: whoever needs no more of it than a part need not wait
 * for, nor expect, its trailer.  No mark where nothing is known of the block.
 */
extern void block_reader_mark(BlockReader *reader, BlockNumber block);
extern bool block_reader_is_marked(const BlockReader *reader, BlockNumber block);

/* Notes where a block is. */
extern void block_reader_note(BlockReader *reader, BlockNumber block, Buffer buffer);

/* They are to be of another relation. */
extern void buffer_hints_forget(BufferHints *hints);

#endif							/* OMEN_BLOCK_READER_H */
