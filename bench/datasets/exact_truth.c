/*
 * exact_truth.c - the true nearest rows of every query, and their distances.
 *
 *	bench_truth SOURCE QUERIES.npy l2|ip|cosine K NEIGHBOURS.npy DISTANCES.npy [ROWS]
 *
 * NEIGHBOURS.npy holds row numbers (from 0) in order of distance, ties by
 * number; DISTANCES.npy what the operators <->, <#> and <=> return for them.
 * Both have min(K, rows) columns.
 *
 * All rows are compared with all queries in single precision, block by block
 * as the second cache holds them; each thread keeps the K + MARGIN best of its
 * rows.  What remains is compared again in double precision, which settles the
 * order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "embed/worker_rows.h"
#include "npy_file.h"
#include "omen/select.h"
#include "omen/simd.h"
#include "row_source.h"

#define MARGIN 32
#define ROWS_A_BLOCK 64
#define QUERIES_A_BLOCK 16

typedef enum Metric
{
	METRIC_L2,
	METRIC_IP,
	METRIC_COSINE
} Metric;

/* The best rows of one query so far, in no order until `used` reaches `room` and they are sifted. */
typedef struct Best
{
	OmenKeyed  *items;
	uint32_t	used;
	float		limit;			/* no row above it can be among the best */
} Best;

typedef struct Search
{
	BenchRows	rows;
	BenchNpy	queries;
	Metric		metric;
	uint32_t	keep;			/* K + MARGIN */
	pthread_mutex_t lock;
	Best	   *best;			/* of all threads, one a query */
} Search;

typedef struct Final
{
	double		distance;
	uint32_t	row;
} Final;

static void
best_sift(Best *best, uint32_t keep)
{
	if (best->used <= keep)
		return;
	omen_select_least(best->items, best->used, keep);
	best->used = keep;
	best->limit = -INFINITY;
	for (uint32_t i = 0; i < keep; i++)
		best->limit = fmaxf(best->limit, best->items[i].key);
}

static void
best_offer(Best *best, uint32_t keep, float key, uint32_t row)
{
	if (key > best->limit)
		return;
	best->items[best->used++] = (OmenKeyed) {key, row};
	if (best->used == 2 * keep)
		best_sift(best, keep);
}

static Best *
best_make(uint64_t queries, uint32_t keep)
{
	Best	   *best = calloc(queries, sizeof(*best));

	for (uint64_t q = 0; q < queries; q++)
	{
		best[q].items = malloc((size_t) keep * 2 * sizeof(OmenKeyed));
		best[q].limit = INFINITY;
	}
	return best;
}

/* Lower is nearer; the query's own length is left out, for it changes no order. */
static float
key_of(Metric metric, float dot, float norm_sq)
{
	switch (metric)
	{
		case METRIC_L2:
			return norm_sq - 2.0f * dot;
		case METRIC_IP:
			return -dot;
		default:
			return norm_sq > 0.0f ? -dot / sqrtf(norm_sq) : INFINITY;
	}
}

static void
search_run(void *arg, size_t first, size_t count)
{
	Search	   *search = arg;
	uint32_t	dim = search->rows.dim;
	uint64_t	query_count = search->queries.rows;
	const float *queries = search->queries.items;
	Best	   *best = best_make(query_count, search->keep);
	float	   *block = malloc((size_t) ROWS_A_BLOCK * dim * sizeof(float));
	float		norm_sq[ROWS_A_BLOCK];

	for (size_t at = first; at < first + count; at += ROWS_A_BLOCK)
	{
		uint32_t	n = first + count - at < ROWS_A_BLOCK ? (uint32_t) (first + count - at) : ROWS_A_BLOCK;

		search->rows.read(&search->rows, at, n, block);
		for (uint32_t r = 0; r < n; r++)
			norm_sq[r] = (float) omen_simd->norm_sq_f32(block + (size_t) r * dim, dim);
		for (uint64_t q_first = 0; q_first < query_count; q_first += QUERIES_A_BLOCK)
			for (uint32_t r = 0; r < n; r++)
				for (uint64_t q = q_first; q < q_first + QUERIES_A_BLOCK && q < query_count; q++)
				{
					float		dot = omen_simd->dot_f32(block + (size_t) r * dim, queries + q * dim, dim);

					best_offer(&best[q], search->keep, key_of(search->metric, dot, norm_sq[r]), (uint32_t) (at + r));
				}
	}

	pthread_mutex_lock(&search->lock);
	for (uint64_t q = 0; q < search->queries.rows; q++)
	{
		best_sift(&best[q], search->keep);
		for (uint32_t i = 0; i < best[q].used; i++)
			best_offer(&search->best[q], search->keep, best[q].items[i].key, best[q].items[i].value);
		free(best[q].items);
	}
	pthread_mutex_unlock(&search->lock);
	free(best);
	free(block);
}

static int
final_compare(const void *a, const void *b)
{
	const Final *x = a;
	const Final *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static double
distance_of(Metric metric, const float *x, const float *y, uint32_t dim)
{
	double		dot = 0.0;
	double		apart = 0.0;
	double		norm_x = 0.0;
	double		norm_y = 0.0;

	for (uint32_t i = 0; i < dim; i++)
	{
		double		difference = (double) x[i] - (double) y[i];

		dot += (double) x[i] * (double) y[i];
		apart += difference * difference;
		norm_x += (double) x[i] * (double) x[i];
		norm_y += (double) y[i] * (double) y[i];
	}
	if (metric == METRIC_L2)
		return sqrt(apart);
	return metric == METRIC_IP ? -dot : 1.0 - dot / sqrt(norm_x * norm_y);
}

static bool
answers_write(Search *search, uint32_t k, const char *neighbours_path, const char *distances_path)
{
	uint64_t	query_count = search->queries.rows;
	FILE	   *neighbours = bench_npy_create(neighbours_path, "<i4", query_count, k);
	FILE	   *distances = bench_npy_create(distances_path, "<f8", query_count, k);
	Final	   *final = malloc(search->keep * 2 * sizeof(*final));
	float	   *row = malloc(search->rows.dim * sizeof(float));

	if (neighbours == NULL || distances == NULL || final == NULL || row == NULL)
		return false;
	for (uint64_t q = 0; q < query_count; q++)
	{
		Best	   *best = &search->best[q];

		best_sift(best, search->keep);
		for (uint32_t i = 0; i < best->used; i++)
		{
			search->rows.read(&search->rows, best->items[i].value, 1, row);
			final[i].row = best->items[i].value;
			final[i].distance = distance_of(search->metric, row,
											(const float *) search->queries.items + q * search->rows.dim,
											search->rows.dim);
		}
		qsort(final, best->used, sizeof(*final), final_compare);
		for (uint32_t i = 0; i < k; i++)
		{
			fwrite(&final[i].row, sizeof(uint32_t), 1, neighbours);
			fwrite(&final[i].distance, sizeof(double), 1, distances);
		}
	}
	return bench_npy_close(neighbours, neighbours_path) && bench_npy_close(distances, distances_path);
}

int
main(int argc, char **argv)
{
	Search		search = {.lock = PTHREAD_MUTEX_INITIALIZER};
	OmenReport	report = {0};
	OmenError	err;
	unsigned	threads = omen_threads_available();
	uint32_t	k = argc > 4 ? (uint32_t) strtoul(argv[4], NULL, 10) : 0;

	if (argc < 7 || k == 0)
		return fprintf(stderr, "usage: bench_truth SOURCE QUERIES.npy l2|ip|cosine K"
					   " NEIGHBOURS.npy DISTANCES.npy [ROWS]\n"), 2;
	if (!bench_rows_open(argv[1], "rows", &search.rows) || !bench_npy_map(argv[2], "<f4", &search.queries))
		return 1;
	if (argc > 7 && strtoull(argv[7], NULL, 10) < search.rows.count)
		search.rows.count = strtoull(argv[7], NULL, 10);
	search.metric = strcmp(argv[3], "l2") == 0 ? METRIC_L2 : strcmp(argv[3], "ip") == 0 ? METRIC_IP : METRIC_COSINE;
	if (search.queries.columns != search.rows.dim || search.rows.count == 0 || search.rows.count > INT32_MAX)
		return fprintf(stderr, "omendb bench: rows and queries do not fit together\n"), 1;
	k = k < search.rows.count ? k : (uint32_t) search.rows.count;
	search.keep = k + MARGIN;
	omen_simd_select(NULL, NULL);
	search.best = best_make(search.queries.rows, search.keep);
	if (omen_rows_share(threads, search.rows.count, (search.rows.count + threads - 1) / threads,
						search_run, &search, &report, &err) != OMEN_OK)
		return fprintf(stderr, "omendb bench: %s\n", err.text), 1;
	return answers_write(&search, k, argv[5], argv[6]) ? 0 : 1;
}
