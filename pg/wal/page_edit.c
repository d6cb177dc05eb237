/*
 * page_edit.c - see page_edit.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "storage/bufmgr.h"
#include "wal/page_edit.h"

void
page_edit_begin(PageEdit *edit, Relation index)
{
	edit->state = GenericXLogStart(index);
}

char *
page_edit_add(PageEdit *edit, Buffer buffer)
{
	return GenericXLogRegisterBuffer(edit->state, buffer, 0);
}

char *
page_edit_add_new(PageEdit *edit, Buffer buffer)
{
	return GenericXLogRegisterBuffer(edit->state, buffer, GENERIC_XLOG_FULL_IMAGE);
}

void
page_edit_commit(PageEdit *edit)
{
	GenericXLogFinish(edit->state);
	edit->state = NULL;
}
