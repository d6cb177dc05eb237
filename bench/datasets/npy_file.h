/*
 * npy_file.h - arrays in NumPy's .npy files: mapped to read, written in order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_NPY_FILE_H
#define BENCH_NPY_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A two-dimensional array of little-endian items in C order. */
typedef struct BenchNpy
{
	uint64_t	rows;
	uint32_t	columns;
	uint32_t	item_bytes;
	const void *items;			/* mapped; kept until the process ends */
} BenchNpy;

/*
 * Maps a file whose items are of `type` as NumPy writes it: "<f4", "<f8" or
 * "<i4".  Prints why and returns false when it is anything else.
 */
bool		bench_npy_map(const char *path, const char *type, BenchNpy *array);

/*
 * Opens a file and writes its header; the caller then writes the items with
 * fwrite, and bench_npy_close checks that all of it reached the file.
 */
FILE	   *bench_npy_create(const char *path, const char *type, uint64_t rows, uint32_t columns);
bool		bench_npy_close(FILE *file, const char *path);

#endif							/* BENCH_NPY_FILE_H */
