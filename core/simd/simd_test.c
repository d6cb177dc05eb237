/*
 * simd_test.c - every kernel of every table this processor can run.
 *
 * Goal: a table agrees with plain arithmetic written without regard to speed,
 * at every ragged length, on every alignment, and never reads past its input.
 * Integers must be equal.  Floats must be equal on small whole numbers, whose
 * sums are exact in any order (this finds a lost element); and on fractions
 * within (dim + 8) * 2^-24 of the sum of the terms' magnitudes, the bound for
 * any order of summation (Higham, "Accuracy and Stability of Numerical
 * Algorithms", section 4.2).
 *
 * Prints TAP.  OMENDB_TEST_SEED sets the seed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "simd_test.h"

#define TABLES_MAX 8

static uint64_t random_state;
static int	checks_failed;
static int	tests_run;
static int	tests_failed;

uint32_t const test_lengths[] = {
#define FIVE(n) n, n + 1, n + 2, n + 3, n + 4
#define FIFTY(n) FIVE(n), FIVE(n + 5), FIVE(n + 10), FIVE(n + 15), FIVE(n + 20), \
	FIVE(n + 25), FIVE(n + 30), FIVE(n + 35), FIVE(n + 40), FIVE(n + 45)
	FIFTY(0), FIFTY(50), FIFTY(100), FIFTY(150),
	RAGGED_MAX, 255, 256, 257, 384, 511, 512, 513, 768, 1023, 1024, 1025, 1536, 2047, 2048, 2049, 16000
};
uint32_t const test_length_count = sizeof(test_lengths) / sizeof(test_lengths[0]);

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t
random_u64(void)
{
	uint64_t	z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

int
random_between(int low, int high)
{
	return low + (int) (random_u64() % (uint64_t) (high - low + 1));
}

float
random_float(void)
{
	return (float) (int32_t) random_u64() / 0x1p31f;
}

void *
guarded(int slot, size_t bytes)
{
	static char *end[GUARDED_SLOTS];

	if (bytes > GUARDED_BYTES_MAX || slot >= GUARDED_SLOTS)
		abort();
	if (end[slot] == NULL)
	{
		size_t		page = (size_t) sysconf(_SC_PAGESIZE);
		char	   *map = mmap(NULL, GUARDED_BYTES_MAX + page, PROT_READ | PROT_WRITE,
							   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (map == MAP_FAILED || mprotect(map + GUARDED_BYTES_MAX, page, PROT_NONE) != 0)
		{
			perror("guarded memory");
			exit(1);
		}
		end[slot] = map + GUARDED_BYTES_MAX;
	}
	return end[slot] - bytes;
}

bool
check(bool ok, const char *format,...)
{
	va_list		args;

	if (ok)
		return true;
	if (checks_failed++ < 20)
	{
		printf("# ");
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n");
	}
	return false;
}

static void
report(const char *name, const char *table_name)
{
	tests_run++;
	tests_failed += checks_failed > 0;
	printf("%s %d - %s: %s\n", checks_failed > 0 ? "not ok" : "ok", tests_run, table_name, name);
	fflush(stdout);
	checks_failed = 0;
}

void
run_table_test(const char *name, TableTest test, const OmenSimd *table)
{
	test(table);
	report(name, table->name);
}

/* ---- selection ---- */

static bool
selects(const char *name, const char *environment, const char *expected)
{
	OmenError	err;

	if (environment != NULL)
		setenv("OMENDB_SIMD", environment, 1);
	else
		unsetenv("OMENDB_SIMD");
	return omen_simd_select(name, &err) == OMEN_OK && strcmp(omen_simd->name, expected) == 0;
}

static bool
refuses(const char *name, const char *environment)
{
	const OmenSimd *tables[TABLES_MAX];
	uint32_t	count = omen_simd_available(tables, TABLES_MAX);
	const OmenSimd *before = omen_simd;
	OmenError	err = {0};
	bool		ok;

	if (environment != NULL)
		setenv("OMENDB_SIMD", environment, 1);
	ok = omen_simd_select(name, &err) == OMEN_UNSUPPORTED && err.status == OMEN_UNSUPPORTED &&
		omen_simd_select(name, NULL) == OMEN_UNSUPPORTED && omen_simd == before &&
		strstr(err.text, name ? name : environment) != NULL;
	for (uint32_t i = 0; i < count; i++)	/* the choices there are */
		ok = ok && strstr(err.text, tables[i]->name) != NULL;
	return ok;
}

static void
test_select(void)
{
	const OmenSimd *tables[TABLES_MAX];
	uint32_t	count;
	const char *best;

	check(strcmp(omen_simd->name, "scalar") == 0, "%s before any choice", omen_simd->name);
	count = omen_simd_available(tables, TABLES_MAX);
	check(count >= 1 && strcmp(tables[0]->name, "scalar") == 0, "scalar is not first");
	check(omen_simd_available(tables, 1) == 1, "more tables than asked for");
	omen_simd_available(tables, TABLES_MAX);
	best = tables[count - 1]->name;
	printf("# %u tables, best %s\n", count, best);

	check(selects(NULL, NULL, best), "the best is not chosen");
	check(selects(NULL, "", best), "an empty OMENDB_SIMD is not as none");
	for (uint32_t i = 0; i < count; i++)
	{
		check(selects(tables[i]->name, NULL, tables[i]->name), "%s by name", tables[i]->name);
		check(selects(NULL, tables[i]->name, tables[i]->name), "%s by environment", tables[i]->name);
		check(selects(tables[i]->name, "scalar", tables[i]->name), "%s over environment", tables[i]->name);
	}
	check(refuses("altivec", NULL), "unknown name");
	check(refuses(NULL, "sse9"), "unknown name in the environment");
#if defined(__aarch64__)
	check(refuses("avx2", NULL), "another processor's");
#else
	check(refuses("neon", NULL), "another processor's");
#endif
	check(refuses("AVX2", NULL), "names are in lower case");
	unsetenv("OMENDB_SIMD");
}

int
main(void)
{
	const OmenSimd *tables[TABLES_MAX];
	uint32_t	count = omen_simd_available(tables, TABLES_MAX);
	const char *seed_text = getenv("OMENDB_TEST_SEED");

	random_state = seed_text ? strtoull(seed_text, NULL, 10) : 1;
	printf("# seed %" PRIu64 "\n", random_state);
	test_select();
	report("selection", "all");
	for (uint32_t i = 0; i < count; i++)
	{
		test_dense(tables[i]);
		test_halves(tables[i]);
		test_encoding(tables[i]);
		test_codes(tables[i]);
	}
	printf("1..%d\n", tests_run);
	return tests_failed > 0;
}
