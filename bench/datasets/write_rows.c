/*
 * write_rows.c - writes rows of a source to a .npy file.
 *
 *	bench_rows SOURCE PART COUNT FILE.npy
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "npy_file.h"
#include "row_source.h"

#define ROWS_AT_A_TIME 256

int
main(int argc, char **argv)
{
	BenchRows	rows;
	uint64_t	count;
	float	   *batch;
	FILE	   *file;

	if (argc != 5)
		return fprintf(stderr, "usage: bench_rows SOURCE rows|queries|outside COUNT FILE.npy\n"), 2;
	if (!bench_rows_open(argv[1], argv[2], &rows))
		return 1;
	count = strtoull(argv[3], NULL, 10);
	batch = malloc((size_t) ROWS_AT_A_TIME * rows.dim * sizeof(float));
	file = batch != NULL ? bench_npy_create(argv[4], "<f4", count, rows.dim) : NULL;
	if (file == NULL)
		return 1;
	for (uint64_t first = 0; first < count; first += ROWS_AT_A_TIME)
	{
		uint32_t	n = count - first < ROWS_AT_A_TIME ? (uint32_t) (count - first) : ROWS_AT_A_TIME;

		rows.read(&rows, first, n, batch);
		fwrite(batch, sizeof(float) * rows.dim, n, file);
	}
	return bench_npy_close(file, argv[4]) ? 0 : 1;
}
