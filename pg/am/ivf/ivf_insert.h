/*
 * ivf_insert.h - what the parts of inserting share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_INSERT_H
#define OMEN_IVF_INSERT_H

#include "am/ivf/ivf_am.h"

#include "omen/select.h"

/* Rows that this transaction has inserted and that its index does not have yet. */
typedef struct IvfPending
{
	struct IvfPending *next;
	Oid			index;
	MemoryContext context;
	uint32		dim;
	uint32		key_count;
	uint32		count;
	uint32		room;
	float	   *vectors;		/* [room][dim] */
	uint64	   *keys;			/* [room][key_count] */
	ItemPointerData *tids;		/* [room] */
	SubTransactionId *subids;	/* [room] */
	bool		torn;			/* some of the rows may be in the index */
} IvfPending;

/* ---- coding (ivf_insert.c) ---- */

/* Codes the rows and puts them into the index. */
extern void ivf_insert_rows(Relation index, IvfPending *rows);

/* ---- pages (ivf_store.c) ---- */

/* So many records, one behind another; slots[i] becomes where the i-th is. */
extern void ivf_store_records(Relation index, const OmenIvfMeta *meta, uint32 dim, const uint8 *records, uint32 count,
							  uint32 *slots);

/*
 * Postings as in a tail page, slots and lists filled in; order[i] is the tail
 * and the number of one, and is sorted here.
 */
extern void ivf_store_postings(Relation index, IvfModel *model, OmenIvfMeta *meta, const uint8 *postings,
							   OmenKeyed *order, uint32 count);

#endif							/* OMEN_IVF_INSERT_H */
