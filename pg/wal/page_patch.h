/*
 * page_patch.h - changing a few bytes of one or two index pages, as one change
 * for a crash and a standby.
 *
 * As page_edit.h, but for a change whose every byte is known beforehand:
 * generic WAL copies each page and compares the copy with it, twice 8 kB for
 * the hundred bytes of a row.  Here the differences are written as they were
 * told, in generic WAL's own record, so that its replay applies them.
 *
 *	PagePatch patch;
 *	page_patch_begin(&patch, index);
 *	page_patch_put(&patch, buffer, at, &value, sizeof(value));
 *	page_patch_commit(&patch);				// one record; locks stay the caller's
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_PAGE_PATCH_H
#define OMEN_PAGE_PATCH_H

#include "postgres.h"
#include "compat.h"

#include "storage/buf.h"
#include "utils/relcache.h"

#define PAGE_PATCH_MAX 2		/* pages */
/* A page in pieces, even one in two of which only every other item is. */
#define PAGE_PATCH_BYTES_MAX (BLCKSZ + 1024)

typedef struct PagePatch
{
	Relation	index;
	int			count;
	struct
	{
		Buffer		buffer;
		uint32		bytes;		/* of delta */
		/* As replay reads it: offset (2), length (2), so many bytes; and so on. */
		char		delta[PAGE_PATCH_BYTES_MAX];
	}			pages[PAGE_PATCH_MAX];
} PagePatch;

/* Without an index, no record: for one being built, as page_edit_begin_unlogged. */
extern void page_patch_begin(PagePatch *patch, Relation index);

/*
 * `bytes` bytes at `at`, inside the page of an exclusively locked buffer, are
 * to become those of `data`.  Nothing is changed before the commit.
 */
extern void page_patch_put(PagePatch *patch, Buffer buffer, const void *at, const void *data, uint32 bytes);

/* Says that the body's first `bytes` bytes are in use: index_page_set_used, as a patch. */
extern void page_patch_put_used(PagePatch *patch, Buffer buffer, uint32 bytes);

/* Makes the changes, in the order they were put, and seals the pages (page_seal.h). */
extern void page_patch_commit(PagePatch *patch);

#endif							/* OMEN_PAGE_PATCH_H */
