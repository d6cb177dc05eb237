/*
 * memory_speed.c - how fast this machine reads memory: the floor under any search.
 *
 *	bench_floor
 *
 * Prints JSON: gigabytes a second read in sequence by one thread from arrays
 * that fit the second and the third cache and from one that fits neither, and
 * by all threads from the last; and nanoseconds for a read that depends on the
 * one before, anywhere in the last.  Best of several rounds, since whatever
 * else the machine does can only slow a round down.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "embed/worker_rows.h"
#include "omen/random.h"
#include "omen/simd.h"

#define LEVELS 3
#define ROUNDS 5
#define CHASES 500000

static const struct
{
	const char *name;
	size_t		bytes;
}			levels[LEVELS] = {{"L2", (size_t) 512 << 10}, {"L3", (size_t) 8 << 20}, {"DRAM", (size_t) 256 << 20}};

static float *memory;
static volatile uint64_t sink;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* The dot product of the two halves: all of it read once, and little done with it. */
static void
read_in_sequence(const float *from, size_t bytes)
{
	size_t		half = bytes / sizeof(float) / 2;

	sink += (uint64_t) omen_simd->dot_f32(from, from + half, (uint32_t) half);
}

static double
speed_of(size_t bytes)
{
	size_t		repeats = 1 + ((size_t) 128 << 20) / bytes;
	double		best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		double		began = now();
		double		took;

		for (size_t i = 0; i < repeats; i++)
			read_in_sequence(memory, bytes);
		took = (now() - began) / (double) repeats;
		best = took < best ? took : best;
	}
	return (double) bytes / best * 1e-9;
}

static void
read_part(void *arg, size_t first, size_t count)
{
	(void) arg;
	read_in_sequence(memory + first, count * sizeof(float));
}

static double
speed_of_all(unsigned threads)
{
	size_t		words = levels[LEVELS - 1].bytes / sizeof(float);
	double		best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		OmenReport	report = {0};
		OmenError	err;
		double		began = now();
		double		took;

		omen_rows_share(threads, words, words / threads / 16, read_part, NULL, &report, &err);
		took = now() - began;
		best = took < best ? took : best;
	}
	return (double) words * sizeof(float) / best * 1e-9;
}

/* One circle through all cache lines in random order (S. Sattolo, 1986). */
static double
latency(void)
{
	size_t		lines = levels[LEVELS - 1].bytes / 64;
	uint64_t	at = 0;
	uint64_t   *line = (uint64_t *) (void *) memory;
	OmenRandom	random = {1};
	double		began;

	for (size_t i = 0; i < lines; i++)
		line[i * 8] = i;
	for (size_t i = lines - 1; i > 0; i--)
	{
		size_t		j = omen_random_below(&random, i);
		uint64_t	other = line[j * 8];

		line[j * 8] = line[i * 8];
		line[i * 8] = other;
	}
	began = now();
	for (int i = 0; i < CHASES; i++)
		at = line[at * 8];
	sink += at;
	return (now() - began) / CHASES * 1e9;
}

int
main(void)
{
	unsigned	threads = omen_threads_available();
	size_t		bytes = levels[LEVELS - 1].bytes;

	memory = aligned_alloc(4096, bytes);
	if (memory == NULL)
		return fprintf(stderr, "omendb bench: no memory to measure with\n"), 1;
	for (size_t i = 0; i < bytes / sizeof(float); i++)
		memory[i] = 1.0f;
	omen_simd_select(NULL, NULL);
	printf("{");
	for (int level = 0; level < LEVELS; level++)
		printf("\"%s_gb_per_s\": %.1f, ", levels[level].name, speed_of(levels[level].bytes));
	printf("\"DRAM_all_threads_gb_per_s\": %.1f, \"threads\": %u, \"DRAM_latency_ns\": %.1f}\n",
		   speed_of_all(threads), threads, latency());
	return 0;
}
