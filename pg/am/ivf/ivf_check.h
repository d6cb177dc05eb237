/*
 * ivf_check.h - what the parts of vector_check() share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_CHECK_H
#define OMEN_IVF_CHECK_H

#include "am/ivf/ivf_inspect.h"

#include "storage/itemptr.h"

/* What the sweep saw on a page. */
typedef struct CheckedPage
{
	uint32		generation;
	uint32		place;			/* the trailer's `list` */
	uint32		next;
	uint32		count;
	uint16		kind;			/* 0: new, or not one of ours */
	bool		reached;		/* by a chain or a map */
} CheckedPage;

/* A live record's way into the table. */
typedef struct CheckedPointer
{
	ItemPointerData tid;
	uint32		slot;
	bool		seen;			/* its row is visible and as coded */
} CheckedPointer;

/* What a posting to a slot must hash to; values that are no hash: */
#define PROOF_NONE 0			/* no record */
#define PROOF_DEAD 1			/* a deleted row's, with or without a posting */

typedef struct IvfCheck
{
	Relation	table;
	Relation	index;
	Tuplestorestate *rows;		/* findings */
	TupleDesc	desc;
	uint64		found;
	OmenArena	arena;
	OmenIvfMeta meta;
	OmenIvfModel model;
	uint32		dim;			/* padded */
	uint32		per_page;		/* records */
	uint32		per_tail_page;	/* postings */
	BlockReader reader;
	OmenPageStore store;
	Snapshot	snapshot;		/* older than the sweep */

	/* by the sweep */
	CheckedPage *pages;			/* [blocks] */
	BlockNumber blocks;
	uint32	   *proof;			/* [slots] */
	uint8	   *posted;			/* [slots / 8] a posting points here */
	uint8	   *posted_again;	/* with spilling: one of a second list */
	uint64		slots;
	CheckedPointer *pointers;	/* by tid once the table is looked at */
	uint64		pointer_count;
	uint64		pointer_room;
} IvfCheck;

#define CHECK_NOTHING (-1)

/* Notes a finding; block, list and slot may be CHECK_NOTHING. */
extern void check_report(IvfCheck *check, int64 block, int64 list, int64 slot, const char *format,...)
			pg_attribute_printf(5, 6);

/* The page as it is now; false when the file does not reach so far. */
extern bool check_read_page(IvfCheck *check, BlockNumber block, PGAlignedBlock *copy);

static inline int64
check_block_of(const IvfCheck *check, uint32 slot)
{
	return slot / check->per_page;
}

static inline const OmenRowRecord *
check_record(const IvfCheck *check, const char *page, uint32 place)
{
	size_t		bytes = omen_row_bytes(check->dim, check->meta.keys);

	return (const OmenRowRecord *) (omen_page_body_const(page) + place * bytes);
}

/* Model, maps and lists; false when the model is unusable. */
extern bool check_model(IvfCheck *check);
extern void check_lists(IvfCheck *check);
extern void check_free_rows(IvfCheck *check);

/* Records and rows of the table, both ways. */
extern void check_table(IvfCheck *check);

/* A posting begins with sign code and keys, which its record has as well; its factors are behind them. */
static inline uint32
check_factors_at(const IvfCheck *check)
{
	return omen_posting_bytes(check->dim, check->meta.keys) - (uint32) sizeof(OmenPostingFactors);
}

/* What a record's posting should begin with: the sign code lies in the four-bit code. */
extern void check_begin_posting(const IvfCheck *check, const OmenRowRecord *record, uint8 *posting);

/* What that and the list hash to: never PROOF_NONE or PROOF_DEAD. */
extern uint32 check_proof(const IvfCheck *check, const uint8 *posting, uint32 list);

#endif							/* OMEN_IVF_CHECK_H */
