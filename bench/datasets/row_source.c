/*
 * row_source.c - where rows come from: a file, or a formula.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "npy_file.h"
#include "row_source.h"
#include "synthetic_rows.h"

static void
file_read(const BenchRows *rows, uint64_t first, uint32_t count, float *out)
{
	memcpy(out, (const float *) rows->state + first * rows->dim, (size_t) count * rows->dim * sizeof(float));
}

bool
bench_rows_open(const char *name, const char *part, BenchRows *rows)
{
	size_t		length = strlen(name);
	BenchNpy	array;

	if (length < 4 || strcmp(name + length - 4, ".npy") != 0)
		return bench_synthetic_open(name, part, rows);
	if (!bench_npy_map(name, "<f4", &array))
		return false;
	*rows = (BenchRows) {array.columns, array.rows, file_read, array.items};
	return true;
}
