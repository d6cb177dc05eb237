/*
 * row_source.h - where rows come from: a file, or a formula.
 *
 * A source gives any run of its rows at any time and to any thread, so that
 * millions of them can be loaded, and searched exactly, without ever lying on
 * disk.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_ROW_SOURCE_H
#define BENCH_ROW_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct BenchRows BenchRows;

struct BenchRows
{
	uint32_t	dim;
	uint64_t	count;
	/* Writes rows first .. first + count - 1, row by row. */
	void		(*read) (const BenchRows *rows, uint64_t first, uint32_t count, float *out);
	const void *state;
};

/*
 * Opens FILE.npy, or KIND:DIM:ROWS[:SEED] as in synthetic_rows.h; `part` is
 * which part of a synthetic set ("rows", "queries" or "outside").  Prints why
 * and returns false when there is no such thing.
 */
bool		bench_rows_open(const char *name, const char *part, BenchRows *rows);

#endif							/* BENCH_ROW_SOURCE_H */
