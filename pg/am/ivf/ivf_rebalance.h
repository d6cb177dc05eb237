/*
 * ivf_rebalance.h - what the parts of splitting and merging share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_REBALANCE_H
#define OMEN_IVF_REBALANCE_H

#include "am/ivf/ivf_maintain.h"

/* Rows that go to the calibrator at a time. */
#define BATCH 256

/* With spilling, of each row. */
enum
{
	FATE_UNKNOWN,				/* met by no look at the lists: it came meanwhile */
	FATE_STAYS,
	FATE_MOVES,
	FATE_MOVED
};

typedef struct IvfRebalance
{
	OmenArena	arena;
	bool		spilled;
	uint32		lists;			/* of the old model */
	uint32		live;			/* those of them that are not retired */
	uint32		suits;			/* lists that suit the rows */
	double		target;			/* postings that suit a list */
	uint32	   *rows;			/* [lists] postings */
	double	   *strain;			/* [lists] sum of their squared residuals */
	uint32	   *parts;			/* [lists] 1: stays as it is, 0: merged, more: split */
	float		came;			/* share of the rows that came since the last rewriting; then also those that move */

	/* samples of the lists to be split */
	OmenRandom	random;
	uint32	  **sample;			/* [lists] slots; NULL: none wanted */
	uint32	   *seen;			/* [lists] postings so far */

	/* parts, as they are found */
	OmenByteRows fresh;
	uint32	   *fresh_list;		/* [fresh] its number in the new model */

	/* the new model, and rows on their way to it */
	OmenByteRows centroids;
	uint8	   *retired;		/* [lists of the new model] */
	uint8	   *coded;			/* [lists] some record is coded relative to it */
	OmenIvfModel model;
	OmenByteRows model_centroids;
	OmenAssigner assigner;		/* to the new model's lists */
	OmenByteRows row;			/* one */
	float	   *scratch;
	uint8	   *posting;
	double	   *residual_sq;	/* [lists of the new model] sums over rows moved there */
	uint32	   *moved;			/* [lists of the new model] */

	uint8	   *fate;			/* [fates] with spilling */
	uint64		fates;

	/* calibrating: where each row is, and rows on their way to the calibrator */
	uint32	   *list_of;		/* [slots] OMEN_NO_SLOT: in none, or not known; NULL: not wanted */
	uint32	   *second_of;		/* [slots] with spilling: the other list, or OMEN_NO_SLOT */
	uint64		slots;
	OmenByteRows queries;
	OmenCalibrator *calibrator;
	OmenByteRows batch;
	uint32		list[BATCH];
	uint32		second[BATCH];
	float		norm_sq[BATCH];
	float		lift_sq[BATCH]; /* zeros */
} IvfRebalance;

/* An error unless OMEN_OK. */
extern void ivf_rebalance_check(IvfMaintenance *m, OmenStatus status);

/* The record's vector relative to the mean, and all that coding it takes. */
extern OmenPoint ivf_rebalance_point(IvfMaintenance *m, const OmenRowRecord *record, float *vector);

/* Behind the others, in eight bits. */
extern void ivf_rebalance_add_bytes(IvfMaintenance *m, OmenByteRows *rows, const OmenPoint *point);

/*
 * Rows in their new lists are noted: some of them are searched for among all.
 * (ivf_rebalance_calibrate.c)
 */
extern void ivf_rebalance_calibrate(IvfMaintenance *m);

#endif							/* OMEN_IVF_REBALANCE_H */
