/*
 * page_edit.h - changing index pages so that a crash or a standby sees all of
 * a change or none of it.
 *
 * A thin cover over generic WAL, and the only user of it: a resource manager
 * of our own could take its place here.
 *
 *	PageEdit edit;
 *	page_edit_begin(&edit, index);
 *	page = page_edit_add(&edit, buffer);	// exclusively locked by the caller
 *	... change page; keep its pd_lower right with page_set_used() ...
 *	page_edit_commit(&edit);				// one record; locks stay the caller's
 *
 * At most PAGE_EDIT_MAX pages a change.  Between begin and commit nothing may
 * fail but the edit itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_PAGE_EDIT_H
#define OMEN_PAGE_EDIT_H

#include "postgres.h"
#include "compat.h"

#include "access/generic_xlog.h"
#include "storage/buf.h"
#include "utils/relcache.h"

#define PAGE_EDIT_MAX MAX_GENERIC_XLOG_PAGES

typedef struct PageEdit
{
	GenericXLogState *state;	/* NULL: no record */
	char	   *pages[PAGE_EDIT_MAX];
	Buffer		buffers[PAGE_EDIT_MAX]; /* without a record */
	int			count;
} PageEdit;

extern void page_edit_begin(PageEdit *edit, Relation index);

/*
 * The same without a record, on the pages themselves: for an index being
 * built, whose pages are logged when all are written, and which an error
 * leaves to nobody.
 */
extern void page_edit_begin_unlogged(PageEdit *edit);

/* The page as it will be: a copy until commit, if there is to be a record.  Its differences are logged. */
extern char *page_edit_add(PageEdit *edit, Buffer buffer);

/* The same for a page written anew: logged whole. */
extern char *page_edit_add_new(PageEdit *edit, Buffer buffer);

/* Seals the pages (page_seal.h) and makes the change. */
extern void page_edit_commit(PageEdit *edit);

#endif							/* OMEN_PAGE_EDIT_H */
