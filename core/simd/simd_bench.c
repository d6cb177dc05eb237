/*
 * simd_bench.c - nanoseconds and bandwidth of every kernel, beside what memory allows.
 *
 * One query, in the first-level cache, against a stream of items that fits
 * the second level, the third, or neither.  Each figure is followed by the
 * share it reaches of this machine's plain reading speed at that level, which
 * is printed first: a kernel near 100 % is limited by memory, not by itself.
 *
 *	ninja -C build core/simd_bench && build/core/simd_bench [TABLE [KERNEL]]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "omen/simd.h"

#define LEVELS 3
#define DIM_MAX 1536
#define ROUND_NS 2e6			/* the least a timed round takes */
#define ROUNDS 4

static const struct
{
	const char *name;
	size_t		bytes;
}			levels[LEVELS] = {{"L2", (size_t) 512 << 10}, {"L3", (size_t) 12 << 20}, {"DRAM", (size_t) 768 << 20}};

static double read_speed[LEVELS];	/* GB/s */
static uint8_t *stream;			/* levels[LEVELS - 1].bytes, and more for what is read ahead */
static uint8_t query[DIM_MAX * 8];	/* room for any kernel's query */
static volatile double sink;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

/* ---- how fast this machine reads ---- */

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static uint64_t
read_all_avx512(const uint8_t *p, size_t bytes)
{
	const __m512i zero = _mm512_setzero_si512();
	__m512i		sum[4] = {zero, zero, zero, zero};

	for (size_t i = 0; i + 256 <= bytes; i += 256)
		for (int lane = 0; lane < 4; lane++)
			sum[lane] = _mm512_or_si512(sum[lane], _mm512_loadu_si512(p + i + 64 * lane));
	return (uint64_t) _mm512_reduce_or_epi64(_mm512_or_si512(_mm512_or_si512(sum[0], sum[1]),
															 _mm512_or_si512(sum[2], sum[3])));
}
#endif

static uint64_t
read_all(const uint8_t *p, size_t bytes)
{
	uint64_t	sum[8] = {0};

	for (size_t i = 0; i + 64 <= bytes; i += 64)
		for (int lane = 0; lane < 8; lane++)
		{
			uint64_t	word;

			memcpy(&word, p + i + 8 * lane, sizeof(word));
			sum[lane] |= word;
		}
	return sum[0] | sum[1] | sum[2] | sum[3] | sum[4] | sum[5] | sum[6] | sum[7];
}

static void
measure_reading(bool wide)
{
	for (int level = 0; level < LEVELS; level++)
	{
		double		best = 1e18;

		for (int round = 0; round < ROUNDS + 1; round++)
		{
			size_t		repeats = 1 + ((size_t) 64 << 20) / levels[level].bytes;
			double		start = now_ns();

			for (size_t i = 0; i < repeats; i++)
#if defined(__x86_64__)
				sink += (double) (wide ? read_all_avx512(stream, levels[level].bytes) :
								  read_all(stream, levels[level].bytes));
#else
				sink += (double) read_all(stream, levels[level].bytes);
#endif
			start = (now_ns() - start) / (double) repeats;
			if (start < best)
				best = start;
		}
		read_speed[level] = (double) levels[level].bytes / best;
	}
}

/* ---- the kernels: one item of the stream against the query ---- */

typedef void (*RunItem) (const OmenSimd *t, const uint8_t *item, uint32_t dim);

#define AS(type, p) ((const type *) (const void *) (p))

static void
run_l2sq_f32(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->l2sq_f32(AS(float, query), AS(float, item), dim);
}

static void
run_dot_f32(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->dot_f32(AS(float, query), AS(float, item), dim);
}

static void
run_l1_f32(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->l1_f32(AS(float, query), AS(float, item), dim);
}

static void
run_cosine_f32(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->cosine_f32(AS(float, query), AS(float, item), dim).dot;
}

static void
run_norm_sq_f32(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->norm_sq_f32(AS(float, item), dim);
}

static void
run_l2sq_f16(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->l2sq_f16(AS(OmenHalf, query), AS(OmenHalf, item), dim);
}

static void
run_dot_f16(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->dot_f16(AS(OmenHalf, query), AS(OmenHalf, item), dim);
}

static void
run_l1_f16(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->l1_f16(AS(OmenHalf, query), AS(OmenHalf, item), dim);
}

static void
run_cosine_f16(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->cosine_f16(AS(OmenHalf, query), AS(OmenHalf, item), dim).dot;
}

static void
run_norm_sq_f16(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->norm_sq_f16(AS(OmenHalf, item), dim);
}

static void
run_f32_from_f16(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	static float out[DIM_MAX];

	t->f32_from_f16(out, AS(OmenHalf, item), dim);
}

static void
run_f16_from_f32(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	static OmenHalf out[DIM_MAX];

	t->f16_from_f32(out, AS(float, item), dim);
}

static void
run_hamming_bits(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = (double) t->hamming_bits(query, item, dim / 8);
}

static void
run_jaccard_bits(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	uint64_t	both;
	uint64_t	either;

	t->jaccard_bits(query, item, dim / 8, &both, &either);
	sink = (double) both;
}

/* a block of 32 codes; reported per code */
static void
run_lut_scan(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	static uint8_t lut[DIM_MAX / 8 * 32];
	uint32_t	sums[OMEN_BLOCK_CODES] = {0};

	t->lut_scan(lut, item, dim / 8, sums);
	sink = sums[0];
}

/* dim / 4 keys */
static void
run_keys_within(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	for (uint32_t i = 0; i < dim / 4; i += OMEN_BLOCK_CODES)
		sink += t->keys_within(AS(uint64_t, item) + i, dim, UINT64_C(1) << 63);
}

static void
run_keys_covering(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	for (uint32_t i = 0; i < dim / 4; i += OMEN_BLOCK_CODES)
		sink += t->keys_covering(AS(uint64_t, item) + i, dim);
}

static void
run_dot_u4_i16(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->dot_u4_i16(item, AS(int16_t, query), dim);
}

static void
run_dot_u8_i16(const OmenSimd *t, const uint8_t *item, uint32_t dim)
{
	sink = t->dot_u8_i16(item, AS(int16_t, query), dim);
}

static const struct
{
	const char *name;
	RunItem		run;
	double		bytes_per_dim;	/* of the item */
	uint32_t	codes;			/* scored in one item */
}			kernels[] = {
	{"l2sq_f32", run_l2sq_f32, 4, 1},
	{"dot_f32", run_dot_f32, 4, 1},
	{"l1_f32", run_l1_f32, 4, 1},
	{"cosine_f32", run_cosine_f32, 4, 1},
	{"norm_sq_f32", run_norm_sq_f32, 4, 1},
	{"l2sq_f16", run_l2sq_f16, 2, 1},
	{"dot_f16", run_dot_f16, 2, 1},
	{"l1_f16", run_l1_f16, 2, 1},
	{"cosine_f16", run_cosine_f16, 2, 1},
	{"norm_sq_f16", run_norm_sq_f16, 2, 1},
	{"f32_from_f16", run_f32_from_f16, 2, 1},
	{"f16_from_f32", run_f16_from_f32, 4, 1},
	{"hamming_bits", run_hamming_bits, 0.125, 1},
	{"jaccard_bits", run_jaccard_bits, 0.125, 1},
	{"keys_within", run_keys_within, 2, 1},
	{"keys_covering", run_keys_covering, 2, 1},
	{"lut_scan", run_lut_scan, 4, OMEN_BLOCK_CODES},
	{"dot_u4_i16", run_dot_u4_i16, 0.5, 1},
	{"dot_u8_i16", run_dot_u8_i16, 1, 1},
};

static const uint32_t dims[] = {384, 768, 1536};

/* Nanoseconds an item, the least of some rounds. */
static double
time_items(const OmenSimd *t, RunItem run, uint32_t dim, size_t item_bytes, size_t level_bytes)
{
	size_t		count = level_bytes / item_bytes;
	size_t		next = 0;
	double		best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		size_t		done = 0;
		double		start = now_ns();
		double		elapsed;

		do
		{
			for (int i = 0; i < 256; i++)
			{
				run(t, stream + next * item_bytes, dim);
				if (++next == count)
					next = 0;
			}
			done += 256;
			elapsed = now_ns() - start;
		} while (elapsed < ROUND_NS);
		if (elapsed / (double) done < best)
			best = elapsed / (double) done;
	}
	return best;
}

static void
bench_streaming(const OmenSimd *t, const char *only)
{
	for (size_t k = 0; k < sizeof(kernels) / sizeof(kernels[0]); k++)
	{
		if (only != NULL && strcmp(only, kernels[k].name) != 0)
			continue;
		for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
		{
			size_t		item_bytes = (size_t) (kernels[k].bytes_per_dim * dims[d]);

			printf("%-8s%-14s%6u", t->name, kernels[k].name, dims[d]);
			for (int level = 0; level < LEVELS; level++)
			{
				double		ns = time_items(t, kernels[k].run, dims[d], item_bytes, levels[level].bytes);
				double		speed = (double) item_bytes / ns;

				printf("  %8.2f %6.1f %4.0f%%", ns / kernels[k].codes, speed, 100 * speed / read_speed[level]);
			}
			printf("\n");
			fflush(stdout);
		}
	}
}

/* Kernels that reuse what they read: their limit is arithmetic. */
static void
bench_computing(const OmenSimd *t, const char *only)
{
	enum { ROWS = 64, COLS = 256 };
	static int32_t out[ROWS * COLS];

	for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]) && (only == NULL || strcmp(only, "dots_i8") == 0); d++)
	{
		const int8_t *rows = (const int8_t *) stream;
		double		best = 1e18;

		for (int round = 0; round < 10; round++)
		{
			double		start = now_ns();

			t->dots_i8(rows, ROWS, rows + ROWS * dims[d], COLS, dims[d], out, COLS);
			start = now_ns() - start;
			if (start < best)
				best = start;
		}
		printf("%-8s%-14s%6u  %8.0f us for %d x %d: %.0f GOP/s\n", t->name, "dots_i8", dims[d],
			   best / 1e3, ROWS, COLS, 2.0 * ROWS * COLS * dims[d] / best);
	}
	for (uint32_t n = 512; n <= 2048 && (only == NULL || strcmp(only, "hadamard_f32") == 0); n *= 2)
	{
		static float values[2048];
		double		best = 1e18;

		for (int round = 0; round < 20; round++)
		{
			double		start = now_ns();

			for (int i = 0; i < 100; i++)	/* of zeros, which stay zeros */
				t->hadamard_f32(values, n);
			start = (now_ns() - start) / 100;
			if (start < best)
				best = start;
		}
		printf("%-8s%-14s%6u  %8.2f\n", t->name, "hadamard_f32", n, best);
	}
}

static void
code_bytes(const OmenSimd *t, const float *row, const float *center, uint32_t dim, uint8_t *out)
{
	t->i8_from_f32(row, 100 / t->max_abs_f32(row, dim), dim, (int8_t *) out);
}

static void
code_signs(const OmenSimd *t, const float *row, const float *center, uint32_t dim, uint8_t *out)
{
	sink = t->sign_code_f32(row, center, dim, out).l1;
}

static void
fit_u4(const OmenSimd *t, const float *row, const float *center, uint32_t dim, uint8_t *out)
{
	sink = t->u4_fit_f32(row, 3.0f, dim).product;
}

static void
code_u4(const OmenSimd *t, const float *row, const float *center, uint32_t dim, uint8_t *out)
{
	sink = t->u4_code_f32(row, center, 3.0f, dim, out);
}

/* One row in the first-level cache, coded again and again. */
static void
bench_encoding(const OmenSimd *t, const char *only)
{
	static const struct
	{
		const char *name;
		void		(*run) (const OmenSimd *t, const float *row, const float *center, uint32_t dim, uint8_t *out);
	}			encoders[] = {
		{"i8_from_f32", code_bytes}, {"sign_code_f32", code_signs}, {"u4_fit_f32", fit_u4}, {"u4_code_f32", code_u4}
	};
	static float rows[2][DIM_MAX];
	static uint8_t out[DIM_MAX];

	for (uint32_t i = 0; i < 2 * DIM_MAX; i++)
		rows[i / DIM_MAX][i % DIM_MAX] = (float) (i * 2654435761u >> 8) / 0x1p23f - 1.0f;
	for (size_t k = 0; k < sizeof(encoders) / sizeof(encoders[0]); k++)
		for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
		{
			double		best = 1e18;

			if (only != NULL && strcmp(only, encoders[k].name) != 0)
				continue;
			for (int round = 0; round < 50; round++)
			{
				double		start = now_ns();

				for (int i = 0; i < 100; i++)
					encoders[k].run(t, rows[0], rows[1], dims[d], out);
				start = (now_ns() - start) / 100;
				if (start < best)
					best = start;
			}
			printf("%-8s%-14s%6u  %8.2f\n", t->name, encoders[k].name, dims[d], best);
		}
}

/* Two sparse vectors of `count` entries among a million, as of vocabularies. */
static void
bench_sparse(const OmenSimd *t, const char *only)
{
	static int32_t index[2][1000];
	static float value[2][1000];

	if (only != NULL && strcmp(only, "dot_sparse") != 0)
		return;
	for (uint32_t count = 100; count <= 1000; count *= 10)
	{
		double		best = 1e18;

		srand(1);
		for (int side = 0; side < 2; side++)
			for (uint32_t i = 0; i < count; i++)
				index[side][i] = (i > 0 ? index[side][i - 1] : 0) + 1 + rand() % 30;
		for (int round = 0; round < 50; round++)
		{
			double		start = now_ns();

			for (int i = 0; i < 20; i++)
				sink = t->dot_sparse(index[0], value[0], count, index[1], value[1], count);
			start = (now_ns() - start) / 20;
			if (start < best)
				best = start;
		}
		printf("%-8s%-14s%6u  %8.2f\n", t->name, "dot_sparse", count, best);
	}
}

int
main(int argc, char **argv)
{
	const OmenSimd *tables[8];
	uint32_t	count = omen_simd_available(tables, 8);
	size_t		bytes = levels[LEVELS - 1].bytes + 65536;

	stream = aligned_alloc(4096, bytes);
	if (stream == NULL)
	{
		fprintf(stderr, "simd_bench: no memory for %zu bytes\n", bytes);
		return 1;
	}
	/* small positive numbers in every format: no kernel slows down on subnormals */
	for (size_t i = 0; i < bytes / 4; i++)
		memcpy(stream + 4 * i, &(uint32_t) {0x3c003c00 + (uint32_t) (i * 2654435761u >> 28)}, 4);
	memcpy(query, stream, sizeof(query));

	measure_reading(strcmp(tables[count - 1]->name, "avx512") == 0);
	printf("reading alone, one thread, GB/s:");
	for (int level = 0; level < LEVELS; level++)
		printf("  %s %.0f", levels[level].name, read_speed[level]);
	printf("\n\n%-8s%-14s%6s", "table", "kernel", "dim");
	for (int level = 0; level < LEVELS; level++)
		printf("  %5s ns %6s %5s", levels[level].name, "GB/s", "read");
	printf("\n");
	for (uint32_t i = 0; i < count; i++)
	{
		if (argc > 1 && strcmp(argv[1], tables[i]->name) != 0)
			continue;
		bench_streaming(tables[i], argc > 2 ? argv[2] : NULL);
		bench_computing(tables[i], argc > 2 ? argv[2] : NULL);
		bench_encoding(tables[i], argc > 2 ? argv[2] : NULL);
		bench_sparse(tables[i], argc > 2 ? argv[2] : NULL);
	}
	free(stream);
	return 0;
}
