/*
 * number_bench.c - microseconds to parse the text of a 1,536-dimensional vector.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "omen/number.h"

#define DIM 1536
#define TEXT_BYTES (DIM * 32)

static char text[TEXT_BYTES];
static volatile float sink;

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static const char *
parse_strtof(const char *p, float *value)
{
	char	   *after;

	*value = strtof(p, &after);
	return after;
}

static double
time_text(const char *end, int by_strtof)
{
	double		best = 1e18;

	for (int round = 0; round < 300; round++)
	{
		double		start = now_us();
		float		value = 0;
		OmenStatus	status;

		for (const char *p = text; p < end; p++)	/* past the comma */
		{
			p = by_strtof ? parse_strtof(p, &value) : omen_float_parse(p, end, &value, &status);
			sink = value;
		}
		start = now_us() - start;
		if (start < best)
			best = start;
	}
	return best;
}

int
main(void)
{
	static const char *const formats[] = {"%.7f", "%.9g", "%.8e", "%.17g"};

	printf("%-8s%14s%10s\n", "format", "us for 1,536", "strtof");
	for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++)
	{
		char	   *end = text;

		srand(1);
		for (int i = 0; i < DIM; i++)
		{
			end += sprintf(end, formats[f], (rand() / (double) RAND_MAX - 0.5) / 5);
			*end++ = ',';
		}
		printf("%-8s%14.1f%10.1f\n", formats[f], time_text(end, 0), time_text(end, 1));
	}
	return 0;
}
