/*
 * page_edit.c - see page_edit.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "storage/bufmgr.h"
#include "wal/page_edit.h"
#include "wal/page_seal.h"

void
page_edit_begin(PageEdit *edit, Relation index)
{
	edit->state = GenericXLogStart(index);
	edit->count = 0;
}

void
page_edit_begin_unlogged(PageEdit *edit)
{
	edit->state = NULL;
	edit->count = 0;
}

/* The same page may be added twice: it is one copy. */
static char *
add(PageEdit *edit, Buffer buffer, int flags)
{
	char	   *page = edit->state != NULL ? GenericXLogRegisterBuffer(edit->state, buffer, flags)
		: BufferGetPage(buffer);

	for (int i = 0; i < edit->count; i++)
		if (edit->pages[i] == page)
			return page;
	Assert(edit->count < PAGE_EDIT_MAX);
	edit->buffers[edit->count] = buffer;
	edit->pages[edit->count++] = page;
	return page;
}

char *
page_edit_add(PageEdit *edit, Buffer buffer)
{
	return add(edit, buffer, 0);
}

char *
page_edit_add_new(PageEdit *edit, Buffer buffer)
{
	return add(edit, buffer, GENERIC_XLOG_FULL_IMAGE);
}

void
page_edit_commit(PageEdit *edit)
{
	for (int i = 0; i < edit->count; i++)
		page_seal(edit->pages[i]);
	if (edit->state != NULL)
		GenericXLogFinish(edit->state);
	else
		for (int i = 0; i < edit->count; i++)
			MarkBufferDirty(edit->buffers[i]);
	edit->state = NULL;
}
