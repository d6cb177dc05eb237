/*
 * ivf_maintain.h - what the parts of maintenance share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_MAINTAIN_H
#define OMEN_IVF_MAINTAIN_H

#include "am/ivf/ivf_train.h"

/* In a tail, which only grows, at its end: behind so many postings of a page. */
typedef struct IvfTailPlace
{
	BlockNumber block;
	uint32		postings;
} IvfTailPlace;

typedef struct IvfMaintenance
{
	Relation	index;
	BufferAccessStrategy strategy;
	OmenIvfMeta meta;
	const IvfModel *model;
	uint32		dim;			/* padded */
	BlockReader reader;
	OmenPageStore store;
	double		tail_rows;
	uint64		tail_pages;
	float	   *vector;			/* [dim] */
	float	   *scratch;		/* [dim] */
	uint64		keys[OMEN_KEYS_MAX];	/* of the row on its way to the writer */
	double		residual_sq;	/* of the rows measured */
	double		spread;			/* what it was when their lists were written */
	IvfTraining training;
	IvfWriter  *writer;
	IvfTailPlace *walked;		/* [tails] how far each was taken over */
	uint8	   *taken;			/* retraining: one bit a slot: the new generation has its row */
	uint64		slots;			/* with a bit */
	uint32		slot;			/* of the record being visited */
	struct IvfRebalance *rebalance; /* NULL unless lists are looked at one by one */
	/* Takes over the row of a posting in a tail. */
	void		(*take) (struct IvfMaintenance *m, uint32 list, const uint8 *posting, uint32 slot);
} IvfMaintenance;

/* ---- for all kinds of work (ivf_maintain.c) ---- */

/* About how many. */
extern double ivf_maintain_rows(const IvfMaintenance *m);

/* Lists that suit so many rows, or as many as the index was told to have. */
extern uint32 ivf_maintain_lists(const IvfMaintenance *m, double rows);

/* Calls back for each live record of a row page; false when the block is no row page. */
extern bool ivf_maintain_visit_rows(IvfMaintenance *m, BlockNumber block,
									void (*visit) (IvfMaintenance *m, const OmenRowRecord *record));

/* The live record in a slot, in a copy of its page; NULL when there is none. */
extern const OmenRowRecord *ivf_maintain_record(IvfMaintenance *m, uint32 slot, PGAlignedBlock *copy);

/* The row as a point, not relative to any mean; *norm_sq is its squared length. */
extern OmenPoint ivf_maintain_decode(IvfMaintenance *m, const OmenRowRecord *record, float *out, float *norm_sq);

/* Calls m->take for what tails hold that was not taken yet; returns how many postings. */
extern uint64 ivf_maintain_take_tails(IvfMaintenance *m);

/* Has tails walked from their beginnings again. */
extern void ivf_maintain_rewind_tails(IvfMaintenance *m);

/* Calls m->take for each posting in a list's packed part. */
extern void ivf_maintain_take_packed(IvfMaintenance *m, uint32 list);

/* A generation number that no page has, not even one of an attempt that failed. */
extern uint32 ivf_maintain_begin_generation(IvfMaintenance *m);

/* Everything is in the writer but what was inserted meanwhile: to that, and into force. */
extern void ivf_maintain_finish_generation(IvfMaintenance *m, bool keeps_row_pages);

/* ---- lists split and merged (ivf_rebalance.c) ---- */

typedef enum IvfBalance
{
	IVF_BALANCED,
	IVF_UNBALANCED,				/* some lists are to be split or merged */
	IVF_OVERTURNED				/* so many that new ones are better trained for all rows */
} IvfBalance;

/* Counts what each list holds and decides which are to be split or merged. */
extern IvfBalance ivf_balance(IvfMaintenance *m);

/*
 * Does that, in a new generation, and calibrates when that is due; false when
 * there was nothing to be gained by it, and none begun.
 */
extern bool ivf_rebalance(IvfMaintenance *m);

#endif							/* OMEN_IVF_MAINTAIN_H */
