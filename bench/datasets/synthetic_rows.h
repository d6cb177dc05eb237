/*
 * synthetic_rows.h - rows by formula: topics of Zipf sizes, a power-law spectrum.
 *
 *	spectrum:DIM:ROWS	unit length, as text embeddings have it; for L2 or cosine
 *	lengths:DIM:ROWS	the same with log-normal lengths; for inner product
 *	sift:DIM:ROWS		small whole numbers, none below 0, as image descriptors; for L2
 *	moving:DIM:ROWS		as spectrum, but the topics move from row to row, and are wholly
 *						elsewhere a million rows on
 *
 * Row r depends on kind, DIM, the seed and r alone: a smaller set is the
 * beginning of a larger one.  DIM is a multiple of 64.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_SYNTHETIC_ROWS_H
#define BENCH_SYNTHETIC_ROWS_H

#include "row_source.h"

/*
 * KIND:DIM:ROWS[:SEED].  part "rows": the rows; "queries": others of the same
 * distribution; "outside": of unknown topics and another spectrum.
 */
bool		bench_synthetic_open(const char *name, const char *part, BenchRows *rows);

#endif							/* BENCH_SYNTHETIC_ROWS_H */
