/*
 * index_page.h - pages of our indexes in PostgreSQL's buffers.
 *
 * What lies on a page is core's business (omen/page.h, drawn in README.md);
 * here is how it gets there: PostgreSQL's header in front, allocation, reuse,
 * and reading on core's behalf.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_INDEX_PAGE_H
#define OMEN_INDEX_PAGE_H

#include "postgres.h"
#include "compat.h"

#include "omen/page.h"
#include "page/block_reader.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

/* Formats PostgreSQL's header and ours. */
extern void index_page_init(char *page, OmenPageKind kind, uint32 generation, uint32 list);

/*
 * Says that the body's first `bytes` bytes are in use, so that WAL and
 * full-page images carry them and leave out the rest.
 */
extern void index_page_set_used(char *page, uint32 bytes);

/*
 * A page nobody else knows of, exclusively locked: one that was freed, or a
 * new one at the end.  Its contents are undefined; the caller
 * formats it inside its edit.
 */
extern Buffer index_page_new(Relation index, ForkNumber fork);

/*
 * A page to be written later: formatted, so that nobody takes it for a free
 * one, and pinned, but not locked.
 */
extern Buffer index_page_reserve(Relation index, ForkNumber fork, bool log, OmenPageKind kind, uint32 generation);

/*
 * Puts a whole page, prepared elsewhere, into a locked buffer and gives the
 * buffer back.  Without `log` the caller will log the relation as a whole.
 */
extern void index_page_write(Relation index, Buffer buffer, bool log, const char *page);

/* Marks an exclusively locked page free. */
extern void index_page_free(Relation index, Buffer buffer);

/* Whether a page (locked) is free. */
extern bool index_page_is_recyclable(const char *page);

/* Reads for core: share-locked pages of the index, interrupts checked at each. */
extern OmenPageStore index_page_store(BlockReader *reader, Relation index, BufferHints *hints);

/*
 * Turns core's failure into an error about this index.  OMEN_STALE that did
 * not go away by reading the model again is corruption.
 */
extern void index_page_report(Relation index, OmenStatus status, const char *text)
			__attribute__((noreturn, cold));

#endif							/* OMEN_INDEX_PAGE_H */
