/*
 * ivf_sweep.c - giving pages back that no generation needs.
 *
 * Pages of generations gone by become free for new ones.  Free pages at the
 * file's end are cut off, as VACUUM does with a table's: that needs the index
 * for itself, for others would read past the end, and is left for the next
 * time when somebody uses it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/xact.h"
#include "am/ivf/ivf_am.h"
#include "catalog/storage.h"
#include "commands/vacuum.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"

/* Cut off so many pages at least, and so large a part of the file. */
#define CUT_PAGES_MIN 16
#define CUT_PART 16
/* Looking for others who wait for the index after so many pages. */
#define CUT_LOOK_PAGES 1024

/* A page of a generation that is not in force, nor ever will be. */
static bool
is_orphan(const OmenPageTrailer *trailer, const OmenIvfMeta *meta)
{
	switch (trailer->kind)
	{
		case OMEN_PAGE_MODEL:
		case OMEN_PAGE_DIRECTORY:
		case OMEN_PAGE_PACKED:
		case OMEN_PAGE_TAIL:
		case OMEN_PAGE_KEYS:
			return trailer->generation != meta->generation;
		case OMEN_PAGE_ROW:
			return trailer->generation != meta->row_generation;
		default:
			return false;
	}
}

/*
 * Frees pages of other generations, and tells the free space map of all that
 * are free.  Returns the block behind the last that is not.
 */
static BlockNumber
free_orphans(Relation index, BufferAccessStrategy strategy)
{
	OmenIvfMeta meta;
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	BlockNumber used_end = 1;
	bool		found = false;

	ivf_read_meta(index, &meta);
	for (BlockNumber block = 1; block < blocks; block++)
	{
		Buffer		buffer;
		const char *page;
		const OmenPageTrailer *trailer;
		bool		free;

		vacuum_delay_point_compat();
		buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buffer);
		trailer = omen_page_trailer_const(page);
		free = index_page_is_recyclable(page);
		if (!free && trailer->magic == OMEN_PAGE_MAGIC && is_orphan(trailer, &meta))
		{
			index_page_free(index, buffer);
			free = true;
		}
		UnlockReleaseBuffer(buffer);
		if (free)
		{
			RecordFreeIndexPage(index, block);
			found = true;
		}
		else
			used_end = block + 1;
	}
	/* Makes the map look for low blocks first, too. */
	if (found)
		IndexFreeSpaceMapVacuum(index);
	return used_end;
}

static bool
is_free(Relation index, BlockNumber block)
{
	Buffer		buffer = ReadBuffer(index, block);
	bool		free;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	free = index_page_is_recyclable(BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
	return free;
}

/*
 * Takes free pages off the file's end.  The lock on the whole index keeps away
 * scans, which know the file's length, and inserts, which may have taken some
 * of the pages since they were looked at: so they are looked at again.  Such a
 * lock needs a transaction's number, which VACUUM's parallel mode does not give.
 */
static void
cut_end(Relation index, BlockNumber used_end)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	BlockNumber end = blocks;

	if (IsInParallelMode() || blocks - used_end < Max(CUT_PAGES_MIN, blocks / CUT_PART) ||
		!ConditionalLockRelation(index, AccessExclusiveLock))
		return;
	end = blocks = RelationGetNumberOfBlocks(index);
	for (; end > used_end && is_free(index, end - 1); end--)
		if ((blocks - end) % CUT_LOOK_PAGES == CUT_LOOK_PAGES - 1 && LockHasWaitersRelation(index, AccessExclusiveLock))
			break;
	if (end < blocks)
		RelationTruncate(index, end);
	UnlockRelation(index, AccessExclusiveLock);
}

BlockNumber
ivf_sweep(Relation index, BufferAccessStrategy strategy)
{
	BlockNumber used_end;

	/* The generation in force must not change meanwhile. */
	LockPage(index, OMEN_META_BLOCK, ShareLock);
	used_end = free_orphans(index, strategy);
	UnlockPage(index, OMEN_META_BLOCK, ShareLock);
	cut_end(index, used_end);
	return used_end;
}
