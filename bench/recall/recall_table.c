/*
 * recall_table.c - does a search reach the recall it was asked for?
 *
 * Builds an inverted file in memory, from a dataset of bench/datasets or from
 * rows made here, by the steps the access method takes, and searches it by its
 * calibration: no lists, no probes are given.  Prints one line a metric, set of
 * queries, k and target:
 *
 *   mean      recall@k over all queries, ties by distance counted as found
 *   p5        that of the query at the worst twentieth's edge
 *   worst     mean over the worst twentieth
 *   lists, codes, records, fetched   a query
 *   us        a query, in memory, the exact re-rank left out
 *   fixed     cost of the fewest fixed probes that reach the same mean, over
 *             this one's; cost = codes + OMEN_LIST_COST x lists
 *   LOW       mean more than 0.01 below the target (0.99: below 0.98), or p5
 *             below 0.7 at a target below 0.99
 *   SLOW      fixed below 0.8
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../core/base/random_rows_test.h"
#include "../../core/index/ivf_memory.h"
#include "omen/select.h"
#include "row_source.h"

static const char *const metric_names[] = {"", "l2", "ip", "cosine"};

typedef struct Data
{
	uint32_t	dim;
	uint32_t	row_count;
	uint32_t	query_count;
	float	   *rows;
	float	   *queries;
	float	   *held_out;		/* those that came with rows made here */
} Data;

typedef struct Result
{
	double		mean;
	double		p5;
	double		worst;
	double		lists;
	double		codes;
	double		records;
	double		fetched;
	double		us;
} Result;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void
fail(const char *what, const char *which)
{
	fprintf(stderr, "recall_table: %s%s\n", what, which);
	exit(1);
}

/* ---- data ---- */

/* Topics of Zipf sizes, each with a power-law spectrum of its own scale. */
static void
make_zipf(Data *data, OmenRandom *random)
{
	uint32_t	topics = data->row_count / 100 + 1;
	uint32_t	dim = data->dim;
	float	   *centre = malloc((size_t) topics * dim * sizeof(float));
	float	   *width = malloc(topics * sizeof(float));
	double	   *upto = malloc(topics * sizeof(double));
	double		sum = 0;

	for (uint32_t t = 0; t < topics; t++)
	{
		sum += 1.0 / (t + 1);
		upto[t] = sum;
		width[t] = 0.4f + 0.4f * (float) omen_random_unit(random);
		for (uint32_t d = 0; d < dim; d++)
			centre[(size_t) t * dim + d] = random_normal(random) * powf(d + 1.0f, -0.35f);
	}
	for (uint32_t r = 0; r < data->row_count + data->query_count; r++)
	{
		float	   *row = r < data->row_count ? data->rows + (size_t) r * dim
			: data->queries + (size_t) (r - data->row_count) * dim;
		double		at = sum * omen_random_unit(random);
		uint32_t	low = 0;
		uint32_t	high = topics - 1;

		while (low < high)
		{
			uint32_t	middle = (low + high) / 2;

			if (upto[middle] < at)
				low = middle + 1;
			else
				high = middle;
		}
		for (uint32_t d = 0; d < dim; d++)
			row[d] = centre[(size_t) low * dim + d] + width[low] * random_normal(random) * powf(d + 1.0f, -0.35f);
	}
	free(centre);
	free(width);
	free(upto);
}

static void
make_uniform(Data *data, OmenRandom *random)
{
	for (size_t i = 0; i < (size_t) data->row_count * data->dim; i++)
		data->rows[i] = (float) omen_random_unit(random);
	for (size_t i = 0; i < (size_t) data->query_count * data->dim; i++)
		data->queries[i] = (float) omen_random_unit(random);
}

/* Every row a few times over, and a tenth of all rows one and the same. */
static void
make_duplicates(Data *data, OmenRandom *random)
{
	uint32_t	dim = data->dim;
	uint32_t	distinct = data->row_count / 8 + 1;

	make_zipf(data, random);
	for (uint32_t r = distinct; r < data->row_count; r++)
		memcpy(data->rows + (size_t) r * dim,
			   data->rows + (size_t) (r % 10 == 0 ? 0 : omen_random_below(random, distinct)) * dim,
			   dim * sizeof(float));
}

/* Lengths from 1e-15 to 1e15, each as likely as the others; queries of length one or so. */
static void
make_spans(Data *data, OmenRandom *random)
{
	for (uint32_t r = 0; r < data->row_count + data->query_count; r++)
	{
		float	   *row = r < data->row_count ? data->rows + (size_t) r * data->dim
			: data->queries + (size_t) (r - data->row_count) * data->dim;
		float		length = r < data->row_count ? (float) pow(10, 30 * omen_random_unit(random) - 15) : 1;

		for (uint32_t d = 0; d < data->dim; d++)
			row[d] = length * random_normal(random);
	}
}

/*
 * Queries from the rows: `rows` are rows with a little noise, `noise` rows
 * with as much of it as there is of them, `far` as much again outside, `mix`
 * the sums of two.
 */
static bool
make_queries(Data *data, const char *kind, OmenRandom *random)
{
	uint32_t	dim = data->dim;
	float		noise = strcmp(kind, "rows") == 0 ? 0.05f : strcmp(kind, "noise") == 0 ? 1.0f : 0.0f;

	if (noise == 0 && strcmp(kind, "far") != 0 && strcmp(kind, "mix") != 0)
		return false;
	for (uint32_t q = 0; q < data->query_count; q++)
	{
		float	   *query = data->queries + (size_t) q * dim;
		const float *a = data->rows + (size_t) omen_random_below(random, data->row_count) * dim;
		const float *b = data->rows + (size_t) omen_random_below(random, data->row_count) * dim;
		float		length = sqrtf((float) omen_simd->norm_sq_f32(a, dim) / (float) dim);

		for (uint32_t d = 0; d < dim; d++)
		{
			if (strcmp(kind, "mix") == 0)
				query[d] = 0.5f * (a[d] + b[d]);
			else if (strcmp(kind, "far") == 0)
				query[d] = 2.0f * length * random_normal(random);
			else
				query[d] = a[d] + noise * length * random_normal(random);
		}
	}
	return true;
}

/* At most so many rows of a source, from its first on or evenly chosen. */
static float *
read_rows(const char *name, const char *part, uint32_t most, bool evenly, uint32_t *count, uint32_t *dim)
{
	BenchRows	source;
	float	   *rows;

	if (!bench_rows_open(name, part, &source))
		exit(1);
	*dim = source.dim;
	*count = source.count < most ? (uint32_t) source.count : most;
	rows = malloc((size_t) *count * source.dim * sizeof(float));
	for (uint32_t r = 0; r < *count; r++)
		source.read(&source, evenly ? r * source.count / *count : r, 1, rows + (size_t) r * source.dim);
	return rows;
}

static Data
make_rows(const char *name, uint32_t query_count, uint32_t rows_max)
{
	OmenRandom	random = {test_seed(1)};
	Data		data = {.query_count = query_count};
	char		kind[32];
	char		path[4096];
	unsigned	count = 0;
	unsigned	dim = 0;

	if (sscanf(name, "%31[a-z]:%u:%u", kind, &dim, &count) != 3)
	{
		snprintf(path, sizeof(path), "%s/rows.npy", name);
		data.rows = read_rows(path, "rows", rows_max, true, &data.row_count, &data.dim);
		data.queries = malloc((size_t) query_count * data.dim * sizeof(float));
		return data;
	}
	if (strcmp(kind, "zipf") != 0 && strcmp(kind, "uniform") != 0 && strcmp(kind, "dup") != 0 &&
		strcmp(kind, "spans") != 0)
	{
		data.rows = read_rows(name, "rows", rows_max, false, &data.row_count, &data.dim);
		data.queries = malloc((size_t) query_count * data.dim * sizeof(float));
		return data;
	}
	if (count < 1 || dim < 1 || dim > 16000)
		fail("no such data: ", name);
	data.row_count = count;
	data.dim = dim;
	data.rows = malloc((size_t) count * dim * sizeof(float));
	data.queries = malloc((size_t) query_count * dim * sizeof(float));
	if (strcmp(kind, "zipf") == 0)
		make_zipf(&data, &random);
	else if (strcmp(kind, "uniform") == 0)
		make_uniform(&data, &random);
	else if (strcmp(kind, "spans") == 0)
		make_spans(&data, &random);
	else
		make_duplicates(&data, &random);
	data.held_out = malloc((size_t) query_count * dim * sizeof(float));
	memcpy(data.held_out, data.queries, (size_t) query_count * dim * sizeof(float));
	return data;
}

static void
fill_queries(Data *data, const char *name, const char *part)
{
	OmenRandom	random = {test_seed(2)};
	char		path[4096];
	bool		file = strchr(name, ':') == NULL;
	uint32_t	dim;

	if (make_queries(data, part, &random))
		return;
	if (data->held_out != NULL)
	{
		if (strcmp(part, "queries") != 0)
			fail("no such queries: ", part);
		memcpy(data->queries, data->held_out, (size_t) data->query_count * data->dim * sizeof(float));
		return;
	}
	if (file)
		snprintf(path, sizeof(path), "%s/%s.npy", name, part);
	free(data->queries);
	data->queries = read_rows(file ? path : name, part, data->query_count, file, &data->query_count, &dim);
	if (dim != data->dim)
		fail("other dimensions in ", path);
}

/* ---- truth ---- */

static float
exact(OmenMetric metric, const float *q, const float *x, uint32_t dim)
{
	OmenCosineParts parts;

	if (metric == OMEN_L2)
		return omen_simd->l2sq_f32(q, x, dim);
	if (metric == OMEN_INNER_PRODUCT)
		return -omen_simd->dot_f32(q, x, dim);
	parts = omen_simd->cosine_f32(q, x, dim);
	return 1.0f - parts.dot / sqrtf(parts.norm_sq_a * parts.norm_sq_b);
}

/* truth[q * ks + i]: the distance of query q's k[i]-th nearest. */
static float *
find_truth(const Data *data, OmenMetric metric, const uint32_t *k, uint32_t ks)
{
	float	   *truth = malloc((size_t) data->query_count * ks * sizeof(float));
	OmenKeyed  *keyed = malloc(data->row_count * sizeof(OmenKeyed));

	for (uint32_t q = 0; q < data->query_count; q++)
	{
		for (uint32_t r = 0; r < data->row_count; r++)
		{
			float		distance = exact(metric, data->queries + (size_t) q * data->dim,
										 data->rows + (size_t) r * data->dim, data->dim);

			keyed[r] = (OmenKeyed) {distance == distance ? distance : INFINITY, r};
		}
		omen_select_least(keyed, data->row_count, k[ks - 1]);
		omen_sort_keyed(keyed, k[ks - 1]);
		for (uint32_t i = 0; i < ks; i++)
			truth[(size_t) q * ks + i] = keyed[k[i] - 1].key;
	}
	free(keyed);
	return truth;
}

/* ---- searching ---- */

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static Result
measure(const Data *data, MemoryIndex *index, OmenIvfSearch *search, OmenMetric metric, uint32_t k, double target,
		uint32_t probes, const float *truth, uint32_t stride)
{
	Result		result = {0};
	double	   *recall = malloc(data->query_count * sizeof(double));
	float	   *scratch = malloc(index->model.dim_padded * sizeof(float));
	float	   *nearest = malloc(k * sizeof(float));
	uint32_t	twentieth = (data->query_count + 19) / 20;

	for (uint32_t q = 0; q < data->query_count; q++)
	{
		const float *query = data->queries + (size_t) q * data->dim;
		OmenPoint	point = {.vector = search->query.vector};
		float		edge = truth[(size_t) q * stride];
		double		query_sq = omen_simd->norm_sq_f32(query, data->dim);
		double		scale;
		double		begin = now();
		uint32_t	nearest_count = 0;
		uint32_t	good = 0;
		OmenIvfEffort effort = omen_ivf_fixed_effort(probes);

		scale = omen_ivf_query(&index->rotation, &index->model, query, scratch, &point);
		omen_ivf_search_begin(search);
		if (probes == 0)
			effort = omen_ivf_effort(&index->model, k, target, 0);
		else
			effort.epsilon = omen_ivf_effort(&index->model, k, target, 0).epsilon;
		if (omen_ivf_search_run(search, k, effort) != OMEN_OK)
			fail("the search failed: ", search->error.text);
		result.us += now() - begin;
		for (uint32_t h = 0; h < search->hit_count; h++)
		{
			const OmenHit *hit = &search->hits[h];
			float		distance;
			float		squared;

			if (nearest_count == k && hit->estimate - hit->bound > nearest[0])
				break;
			distance = exact(metric, query, data->rows + (size_t) row_of_tid(hit->tid) * data->dim, data->dim);
			squared = metric == OMEN_L2 ? distance : metric == OMEN_COSINE ? 2 * distance :
				(float) (2 * scale * distance + scale * scale * query_sq + *index->model.lift_sq);
			omen_heap_offer(nearest, &nearest_count, k, squared);
			result.fetched++;
			good += distance <= edge + 1e-6f * fabsf(edge) + 1e-12f;
		}
		recall[q] = (good < k ? good : k) / (double) k;
		result.mean += recall[q] / data->query_count;
		result.lists += search->stats.lists_probed;
		result.codes += (double) search->stats.codes_scanned;
		result.records += (double) search->stats.records_read;
	}
	qsort(recall, data->query_count, sizeof(double), compare_doubles);
	for (uint32_t q = 0; q < twentieth; q++)
		result.worst += recall[q] / twentieth;
	result.p5 = recall[data->query_count / 20];
	result.lists /= data->query_count;
	result.codes /= data->query_count;
	result.records /= data->query_count;
	result.fetched /= data->query_count;
	result.us *= 1e6 / data->query_count;
	free(recall);
	free(scratch);
	free(nearest);
	return result;
}

/* The cost of the fewest probes that reach this recall. */
static double
fixed_cost(const Data *data, MemoryIndex *index, OmenIvfSearch *search, OmenMetric metric, uint32_t k, double target,
		   const float *truth, uint32_t stride, double mean)
{
	uint32_t	low = 1;
	uint32_t	high = index->model.lists;
	Result		fixed;

	while (low < high)
	{
		uint32_t	middle = (low + high) / 2;

		if (measure(data, index, search, metric, k, target, middle, truth, stride).mean >= mean)
			high = middle;
		else
			low = middle + 1;
	}
	fixed = measure(data, index, search, metric, k, target, low, truth, stride);
	return fixed.codes + OMEN_LIST_COST * fixed.lists;
}

static int
compare_counts(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return x > y ? -1 : x < y;
}

/* How long the longest lists are, and what a list holds for the average of its rows. */
static void
print_sizes(const OmenIvfModel *model)
{
	uint32_t   *count = malloc(model->lists * sizeof(uint32_t));
	double		sum = 0;
	double		square = 0;

	for (uint32_t l = 0; l < model->lists; l++)
	{
		count[l] = model->start[l].count;
		sum += count[l];
		square += (double) count[l] * count[l];
	}
	qsort(count, model->lists, sizeof(uint32_t), compare_counts);
	printf("# list sizes: mean %.0f, longest %u, 10th %u, 1 %% %u, middle %u, shortest %u; a row's list %.0f\n",
		   sum / model->lists, count[0], count[model->lists > 10 ? 10 : 0], count[model->lists / 100],
		   count[model->lists / 2], count[model->lists - 1], square / sum);
	free(count);
}

static const char *
option(int argc, char **argv, const char *name, const char *otherwise)
{
	size_t		length = strlen(name);

	for (int i = 2; i < argc; i++)
		if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=')
			return argv[i] + length + 1;
	return otherwise;
}

static uint32_t
numbers(const char *text, double *out, uint32_t most)
{
	uint32_t	count = 0;
	char	   *end;

	for (; *text && count < most; text = *end ? end + 1 : end)
		out[count++] = strtod(text, &end);
	return count;
}

/* Asks everything of one query set; counts the cells in which the bar is met. */
static void
print_cells(const Data *data, MemoryIndex *index, OmenMetric metric, const char *set, const uint32_t *k, uint32_t ks,
			const double *target, uint32_t targets, bool with_fixed, uint32_t *met, uint32_t *cells)
{
	OmenIvfSearch search;
	float	   *truth = find_truth(data, metric, k, ks);

	if (omen_ivf_search_init(&search, &index->arena, &index->model, &index->meta, memory_index_store(index)) != OMEN_OK)
		fail("out of memory", "");
	for (uint32_t i = 0; i < ks; i++)
		for (uint32_t t = 0; t < targets; t++)
		{
			Result		r = measure(data, index, &search, metric, k[i], target[t], 0, truth + i, ks);
			double		fixed = 1;
			bool		good = r.mean >= (target[t] < 0.99 ? target[t] - 0.01 : 0.98) &&
				(r.p5 >= 0.7 || target[t] >= 0.99);

			if (with_fixed)
				fixed = fixed_cost(data, index, &search, metric, k[i], target[t], truth + i, ks, r.mean) /
					(r.codes + OMEN_LIST_COST * r.lists);
			printf("| %s | %s | %u | %.3g | %.4f | %.2f | %.2f | %.1f | %.0f | %.0f | %.0f | %.0f |",
				   metric_names[metric], set, k[i], target[t], r.mean, r.p5, r.worst, r.lists, r.codes, r.records,
				   r.fetched, r.us);
			if (with_fixed)
				printf(" %.2f |", fixed);
			printf("%s%s\n", good ? "" : " LOW", fixed >= 0.8 ? "" : " SLOW");
			fflush(stdout);
			*met += good && fixed >= 0.8;
			++*cells;
		}
	free(truth);
}

int
main(int argc, char **argv)
{
	const char *metrics = option(argc, argv, "metric", "l2");
	const char *spill = option(argc, argv, "spill", "auto");
	const char *sets = option(argc, argv, "queries", "queries");
	bool		with_fixed = atoi(option(argc, argv, "fixed", "0")) != 0;
	double		target[8];
	double		wanted[8];
	uint32_t	k[8];
	uint32_t	targets = numbers(option(argc, argv, "target", "0.95,0.99"), target, 8);
	uint32_t	ks = numbers(option(argc, argv, "k", "1,10,100,1000"), wanted, 8);
	uint32_t	query_count = (uint32_t) atoi(option(argc, argv, "count", "400"));
	uint32_t	met = 0;
	uint32_t	cells = 0;
	OmenError	err;
	Data		data;

	if (argc < 2)
		fail("recall_table DATA [queries=queries,outside,half,rows,noise,far,mix] [metric=l2,ip,cosine] [k=...] "
			 "[target=...] [count=QUERIES] [rows=N] [lists=N] [spill=auto|on|off] [fixed=1]", "");
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		fail(err.text, "");
	data = make_rows(argv[1], query_count, (uint32_t) atoi(option(argc, argv, "rows", "100000000")));
	for (uint32_t i = 0; i < ks; i++)
		k[i] = (uint32_t) wanted[i];
	while (ks > 1 && k[ks - 1] > data.row_count / 2)
		ks--;
	for (uint32_t m = 1; m <= 3; m++)
	{
		MemoryIndex index;
		double		begin = now();
		char		set[32];

		if (strstr(metrics, metric_names[m]) == NULL)
			continue;
		if (memory_index_build_with(&index, data.rows, data.row_count, data.dim, 0, (OmenMetric) m,
									(MemoryOptions) {.lists = (uint32_t) atoi(option(argc, argv, "lists", "0")),
									.queries = 1024,
									.spill = strcmp(spill, "on") == 0 ? 1 : strcmp(spill, "off") == 0 ? 0 : -1}, 7)
			!= OMEN_OK)
			fail("cannot build", "");
		printf("# %s %s: %u x %u, %u lists, %s, built in %.1f s\n", argv[1], metric_names[m], data.row_count, data.dim,
			   index.model.lists, *index.model.spilled ? "spilled" : "not spilled", now() - begin);
		print_sizes(&index.model);
		printf("| metric | queries | k | target | mean | p5 | worst | lists | codes | records | fetched | us |%s\n",
			   with_fixed ? " fixed |" : "");
		for (const char *s = sets; sscanf(s, "%31[^,]", set) == 1; s += strlen(set) + (s[strlen(set)] == ','))
		{
			data.query_count = query_count;
			fill_queries(&data, argv[1], set);
			print_cells(&data, &index, (OmenMetric) m, set, k, ks, target, targets, with_fixed, &met, &cells);
		}
		memory_index_free(&index);
	}
	printf("# %u of %u cells meet the bar\n", met, cells);
	free(data.rows);
	free(data.queries);
	free(data.held_out);
	return 0;
}
