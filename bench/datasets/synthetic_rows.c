/*
 * synthetic_rows.c - rows by formula: topics of Zipf sizes, a power-law spectrum.
 *
 * A row is the centre of its topic plus noise.  Both are normally distributed,
 * independent in an eigenbasis in which direction i has variance i^-EXPONENT;
 * a random rotation hides that basis.  Topic t has a share of 1/t of the rows.
 * Two rows of one topic then have a cosine of about CENTRE_POWER, two of
 * different topics about 0, and a few dozen directions carry most of the
 * variance, as measured on embeddings of text.
 *
 * Numbers come from a counter, not from a state, so that the compiler can make
 * a vector of them: two rounds of an integer hash over the position, keyed by
 * 64 bits of the row.  "Normal" is the sum of four bytes of it, which has no
 * tails beyond 3.5 deviations; nothing here needs them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "omen/random.h"
#include "omen/rotation.h"
#include "omen/simd.h"
#include "synthetic_rows.h"

#define DIM_MAX 16384
#define TOPICS 2000
#define EXPONENT 1.0
#define CENTRE_POWER 0.5
#define OUTSIDE_EXPONENT 0.5
#define LENGTH_DEVIATION 0.3
#define SIFT_SCALE 40.0f
#define SIFT_OFFSET 20.0f
#define SIFT_MAX 218.0f
/* Rows in which a topic of a moving set goes from one centre to the next, which has nothing to do with it. */
#define MOVING_ROWS 1000000

typedef enum Kind
{
	KIND_SPECTRUM,
	KIND_LENGTHS,
	KIND_SIFT,
	KIND_MOVING,
	KIND_COUNT
} Kind;

typedef struct Synthetic
{
	Kind		kind;
	uint64_t	key;			/* of seed and part */
	OmenRotation rotation;
	double		share[TOPICS];	/* running sum of the topics' shares */
	float	   *centre;			/* TOPICS x dim */
	float	   *centre_deviation;	/* of the centres, one a direction */
	float	   *deviation;		/* of the noise, likewise */
	uint64_t	centre_key;
} Synthetic;

/* Loops over positions are compiled for several processors; the loader picks. */
#if defined(__x86_64__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

static uint64_t
mix(uint64_t a, uint64_t b)
{
	OmenRandom	random = {a ^ b * UINT64_C(0xD1342543DE82EF95)};

	return omen_random_next(&random);
}

/* out[i] += deviation[i] * a normal number. */
FOR_EACH_PROCESSOR static void
add_noise(uint64_t key, const float *deviation, float *out, uint32_t dim)
{
	const uint32_t low = (uint32_t) key;
	const uint32_t high = (uint32_t) (key >> 32);

	for (uint32_t i = 0; i < dim; i++)
	{
		uint32_t	h = i * UINT32_C(0x9E3779B1) ^ low;
		uint32_t	sum;

		h = (h ^ h >> 16) * UINT32_C(0x7FEB352D);
		h = ((h ^ h >> 15) + high) * UINT32_C(0x846CA68B);
		h = (h ^ h >> 16) * UINT32_C(0xC2B2AE35);
		h ^= h >> 15;
		sum = (h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24);
		/* four uniform bytes: mean 510, variance 4 * (256^2 - 1) / 12 */
		out[i] += deviation[i] * ((float) (int32_t) sum - 510.0f) * (1.0f / 147.8005f);
	}
}

FOR_EACH_PROCESSOR static void
finish_row(Kind kind, float norm_sq, float length, float *row, uint32_t dim)
{
	float		scale = length / sqrtf(norm_sq);

	if (kind != KIND_SIFT)
	{
		for (uint32_t i = 0; i < dim; i++)
			row[i] *= scale;
		return;
	}
	scale = SIFT_SCALE * sqrtf((float) dim);
	for (uint32_t i = 0; i < dim; i++)
	{
		float		value = row[i] * scale + SIFT_OFFSET;

		value = value < 0.0f ? 0.0f : value > SIFT_MAX ? SIFT_MAX : value;
		row[i] = (float) (int32_t) value;
	}
}

static uint32_t
topic_of(const Synthetic *set, uint64_t key)
{
	double		at = (double) (key >> 11) * 0x1.0p-53 * set->share[TOPICS - 1];
	uint32_t	low = 0;
	uint32_t	high = TOPICS - 1;

	while (low < high)
	{
		uint32_t	middle = (low + high) / 2;

		if (set->share[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The topic's centre at this row: on the way from one to another, along an arc. */
static void
moving_centre(const Synthetic *set, uint32_t topic, uint64_t row, float *out, uint32_t dim)
{
	double		angle = (double) (row % MOVING_ROWS) / MOVING_ROWS * 1.5707963267948966;
	uint64_t	place = row / MOVING_ROWS;
	float		deviation[DIM_MAX];

	memset(out, 0, dim * sizeof(float));
	for (uint64_t i = 0; i < 2; i++)
	{
		float		share = (float) (i == 0 ? cos(angle) : sin(angle));

		for (uint32_t d = 0; d < dim; d++)
			deviation[d] = set->centre_deviation[d] * share;
		add_noise(mix(mix(set->centre_key, place + i), topic), deviation, out, dim);
	}
}

static void
synthetic_read(const BenchRows *rows, uint64_t first, uint32_t count, float *out)
{
	const Synthetic *set = rows->state;
	float		row[DIM_MAX];

	for (uint32_t r = 0; r < count; r++)
	{
		float	   *to = out + (size_t) r * rows->dim;
		uint64_t	key = mix(set->key, first + r);
		uint32_t	topic = topic_of(set, mix(key, 1));
		OmenRandom	random = {key};
		double		normal = -6.0;

		if (set->kind == KIND_MOVING)
			moving_centre(set, topic, first + r, row, rows->dim);
		else
			memcpy(row, set->centre + (size_t) topic * rows->dim, rows->dim * sizeof(float));
		add_noise(mix(key, 2), set->deviation, row, rows->dim);
		omen_rotation_apply(&set->rotation, row, to, NULL);
		for (int i = 0; i < 12; i++)
			normal += omen_random_unit(&random);
		finish_row(set->kind, (float) omen_simd->norm_sq_f32(to, rows->dim),
				   set->kind == KIND_LENGTHS ? expf((float) (LENGTH_DEVIATION * normal)) : 1.0f, to, rows->dim);
	}
}

static void
deviations_fill(float *deviation, uint32_t dim, double exponent, double power)
{
	double		sum = 0.0;

	for (uint32_t i = 0; i < dim; i++)
		sum += pow(i + 1.0, -exponent);
	for (uint32_t i = 0; i < dim; i++)
		deviation[i] = (float) sqrt(pow(i + 1.0, -exponent) / sum * power);
}

bool
bench_synthetic_open(const char *name, const char *part, BenchRows *rows)
{
	static const char *const kinds[] = {"spectrum", "lengths", "sift", "moving"};
	Synthetic  *set = calloc(1, sizeof(*set));
	char		kind[16] = "";
	uint64_t	seed = 1;
	bool		outside = strcmp(part, "outside") == 0;
	OmenArena	arena;
	OmenError	err;

	while (set->kind < KIND_COUNT && (sscanf(name, "%15[a-z]:%" SCNu32 ":%" SCNu64 ":%" SCNu64,
									kind, &rows->dim, &rows->count, &seed) < 3 || strcmp(kind, kinds[set->kind]) != 0))
		set->kind++;
	if (set->kind == KIND_COUNT || rows->dim < 64 || rows->dim % 64 != 0 || rows->dim > DIM_MAX)
	{
		fprintf(stderr, "omendb bench: %s is neither FILE.npy nor (spectrum|lengths|sift|moving):DIM:ROWS[:SEED]"
				" with DIM a multiple of 64\n", name);
		return false;
	}
	omen_simd_select(NULL, NULL);
	omen_arena_init(&arena);
	set->centre = calloc((size_t) TOPICS * rows->dim, sizeof(float));
	set->deviation = calloc(rows->dim, sizeof(float));
	set->centre_deviation = calloc(rows->dim, sizeof(float));
	if (set->centre == NULL || set->centre_deviation == NULL || set->deviation == NULL ||
		omen_rotation_init(&set->rotation, &arena, rows->dim, mix(seed, 3)) != OMEN_OK ||
		(set->rotation.block_count != 1 && set->rotation.block_count != 3))
	{
		omen_fail(&err, OMEN_INVALID, "this many dimensions cannot be rotated: take 2^n or 3 * 2^n");
		fprintf(stderr, "omendb bench: %s\n", err.text);
		return false;
	}
	for (uint32_t t = 0; t < TOPICS; t++)
		set->share[t] = (t > 0 ? set->share[t - 1] : 0.0) + 1.0 / (t + 1.0);
	deviations_fill(set->centre_deviation, rows->dim, outside ? OUTSIDE_EXPONENT : EXPONENT, CENTRE_POWER);
	set->centre_key = mix(seed, outside ? 5 : 4);
	for (uint32_t t = 0; t < TOPICS; t++)
		add_noise(mix(set->centre_key, t), set->centre_deviation, set->centre + (size_t) t * rows->dim, rows->dim);
	deviations_fill(set->deviation, rows->dim, outside ? OUTSIDE_EXPONENT : EXPONENT, 1.0 - CENTRE_POWER);
	set->key = mix(seed, strcmp(part, "rows") == 0 ? 6 : outside ? 8 : 7);
	rows->read = synthetic_read;
	rows->state = set;
	return true;
}
