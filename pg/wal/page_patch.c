/*
 * page_patch.c - see page_patch.h.
 *
 * The record is that of access/transam/generic_xlog.c, whose layout has been
 * the same since generic WAL came to be: for each page its differences, one
 * after another, each an offset, a length and the bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/rmgr.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "omen/page.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "wal/page_patch.h"
#include "wal/page_seal.h"

#define DIFFERENCE_HEAD (2 * sizeof(uint16))

void
page_patch_begin(PagePatch *patch, Relation index)
{
	patch->index = index;
	patch->count = 0;
}

static void
put(PagePatch *patch, int i, uint16 offset, const void *data, uint16 bytes)
{
	char	   *to = patch->pages[i].delta + patch->pages[i].bytes;

	Assert(patch->pages[i].bytes + DIFFERENCE_HEAD + bytes <= PAGE_PATCH_BYTES_MAX);
	memcpy(to, &offset, sizeof(offset));
	memcpy(to + sizeof(offset), &bytes, sizeof(bytes));
	memcpy(to + DIFFERENCE_HEAD, data, bytes);
	patch->pages[i].bytes += DIFFERENCE_HEAD + bytes;
}

void
page_patch_put(PagePatch *patch, Buffer buffer, const void *at, const void *data, uint32 bytes)
{
	int			i = 0;

	while (i < patch->count && patch->pages[i].buffer != buffer)
		i++;
	if (i == patch->count)
	{
		Assert(i < PAGE_PATCH_MAX);
		patch->count++;
		patch->pages[i].buffer = buffer;
		patch->pages[i].bytes = 0;
	}
	put(patch, i, (uint16) ((const char *) at - (const char *) BufferGetPage(buffer)), data, (uint16) bytes);
}

void
page_patch_put_used(PagePatch *patch, Buffer buffer, uint32 bytes)
{
	LocationIndex lower = OMEN_PAGE_HEAD_BYTES + bytes;

	page_patch_put(patch, buffer, &((PageHeader) BufferGetPage(buffer))->pd_lower, &lower, sizeof(lower));
}

static void
apply(char *page, const char *delta, uint32 bytes)
{
	for (uint32 done = 0; done < bytes;)
	{
		uint16		offset;
		uint16		length;

		memcpy(&offset, delta + done, sizeof(offset));
		memcpy(&length, delta + done + sizeof(offset), sizeof(length));
		memcpy(page + offset, delta + done + DIFFERENCE_HEAD, length);
		done += DIFFERENCE_HEAD + length;
	}
}

void
page_patch_commit(PagePatch *patch)
{
	XLogRecPtr	end;

	START_CRIT_SECTION();
	for (int i = 0; i < patch->count; i++)
	{
		char	   *page = BufferGetPage(patch->pages[i].buffer);
		OmenPageTrailer *trailer = omen_page_trailer(page);

		apply(page, patch->pages[i].delta, patch->pages[i].bytes);
		page_seal(page);
		put(patch, i, (uint16) ((char *) &trailer->checksum - page), &trailer->checksum, sizeof(trailer->checksum));
		MarkBufferDirty(patch->pages[i].buffer);
	}
	if (patch->index != NULL && RelationNeedsWAL(patch->index))
	{
		XLogBeginInsert();
		for (int i = 0; i < patch->count; i++)
		{
			XLogRegisterBuffer((uint8) i, patch->pages[i].buffer, REGBUF_STANDARD);
			XLogRegisterBufData((uint8) i, patch->pages[i].delta, (int) patch->pages[i].bytes);
		}
		end = XLogInsert(RM_GENERIC_ID, 0);
		for (int i = 0; i < patch->count; i++)
			PageSetLSN(BufferGetPage(patch->pages[i].buffer), end);
	}
	END_CRIT_SECTION();
}
