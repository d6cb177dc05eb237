/*
 * ivf_train.h - from some of the rows to a model: mean, sample, lists.
 *
 * The same for CREATE INDEX, which sees rows of the table, and maintenance,
 * which sees rows decoded from the index:
 *
 *	ivf_train_begin
 *	ivf_train_look		for some rows, not yet relative to a mean
 *	ivf_train_sample	then, for each row, while ivf_train_wants: relative to the mean
 *	ivf_train_finish	model and centroids are there
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_TRAIN_H
#define OMEN_IVF_TRAIN_H

#include "am/ivf/ivf_am.h"

#define IVF_LOOK_BLOCKS 300
#define IVF_LOOK_ROWS 1000

typedef struct IvfTraining
{
	Relation	index;
	OmenMetric	metric;
	uint32		dim;
	uint32		dim_padded;
	OmenRandom	random;
	OmenArena	arena;			/* of the model and centroids */
	OmenArena	sample_arena;	/* of the sample: see ivf_train_forget_sample */
	float	   *vector;			/* [dim_padded] room for a point on its way here */

	double	   *mean_sum;		/* [dim_padded] */
	double		longest_sq;		/* of those looked at */
	float		unit;			/* rows are multiplied by; 0: to be chosen by the longest looked at */
	uint32		mean_rows;
	float	   *mean;			/* [dim_padded] NULL until the sample begins */

	OmenByteRows sample;
	float	   *norm_sq;		/* [sample_room] |x|^2: inner product's lift comes from it */
	uint32		sample_room;
	uint32		sample_place;	/* where the row that is wanted goes */
	double		sample_share;	/* of the rows, that the sample is taken from */
	double		rows_seen;		/* of those */

	OmenByteRows centroids;
	OmenIvfModel model;
} IvfTraining;

extern void ivf_train_begin(IvfTraining *training, Relation index, OmenMetric metric, uint32 dim, uint64 seed);
extern void ivf_train_look(IvfTraining *training, const OmenPoint *point);

/* Fixes the mean and makes room for the sample that so many lists and rows want, within memory. */
extern void ivf_train_begin_sample(IvfTraining *training, uint32 lists, double rows);

/* Whether the next row is to be sampled: call once a row. */
extern bool ivf_train_wants(IvfTraining *training);

/* The wanted row; norm_sq is |x|^2 of the row itself. */
extern void ivf_train_sample(IvfTraining *training, const OmenPoint *point, float norm_sq);

/* Trains so many lists, or fewer when there are too few of those rows, and decides about spilling. */
extern void ivf_train_finish(IvfTraining *training, uint32 lists, double rows);

/* Some of the sample, as queries to calibrate with: after training, which shuffles it. */
extern OmenByteRows ivf_train_queries(IvfTraining *training);

extern void ivf_train_forget_sample(IvfTraining *training);
extern void ivf_train_end(IvfTraining *training);

#endif							/* OMEN_IVF_TRAIN_H */
