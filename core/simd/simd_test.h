/*
 * simd_test.h - what the kernel tests share: guarded memory, random numbers, checks.
 *
 * The tests use no test library, so that the same program can be cross-built
 * and run under an emulator (tools/test_neon.sh).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SIMD_TEST_H
#define OMEN_SIMD_TEST_H

#include <stdbool.h>
#include <stddef.h>

#include "omen/simd.h"

/* Every length a kernel's tail may see, then those of real vectors. */
#define RAGGED_MAX 200
extern const uint32_t test_lengths[];
extern const uint32_t test_length_count;

/*
 * `bytes` bytes that end where an unreadable page begins; one buffer for each
 * slot, contents undefined.  A kernel that reads past the end dies here.
 */
#define GUARDED_SLOTS 8
#define GUARDED_BYTES_MAX (1 << 20)
void	   *guarded(int slot, size_t bytes);

uint64_t	random_u64(void);
int			random_between(int low, int high);	/* both included */
float		random_float(void);	/* about -1 to 1 */

/* Counts a failure and prints it (the first few); `ok` is returned. */
bool		check(bool ok, const char *format,...) __attribute__((format(printf, 2, 3)));

/* One line of the test's report each: a check for a table, against the scalar one. */
typedef void (*TableTest) (const OmenSimd *table);
void		run_table_test(const char *name, TableTest test, const OmenSimd *table);

void		test_dense(const OmenSimd *table);
void		test_halves(const OmenSimd *table);
void		test_encoding(const OmenSimd *table);
void		test_codes(const OmenSimd *table);

#endif							/* OMEN_SIMD_TEST_H */
