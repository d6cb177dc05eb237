/*
 * arena_test.c - memory by pieces, all given back at once.
 *
 * Goal: pieces are aligned, apart from one another and as large as asked for;
 * sizes that overflow and allocators that fail give NULL and change nothing;
 * a reset frees each piece once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "failing_arena_test.h"

static void
test_pieces_are_apart(void **state)
{
	enum
	{
		PIECES = 40
	};
	OmenArena	arena;
	uint8_t    *piece[PIECES];

	omen_arena_init(&arena);
	for (uint32_t i = 0; i < PIECES; i++)
	{
		piece[i] = omen_arena_alloc(&arena, i, 7);
		assert_non_null(piece[i]);
		assert_int_equal((uintptr_t) piece[i] % 64, 0);
		memset(piece[i], (int) i, i * 7);
	}
	/* Were two to overlap, the later would have written into the earlier. */
	for (uint32_t i = 0; i < PIECES; i++)
		for (uint32_t b = 0; b < i * 7; b++)
			assert_int_equal(piece[i][b], i);
	omen_arena_reset(&arena);
}

static void
test_zero(void **state)
{
	OmenArena	arena;

	omen_arena_init(&arena);
	for (uint32_t round = 0; round < 10; round++)
	{
		/* Dirtied memory that malloc may hand out again. */
		uint8_t    *dirty = omen_arena_alloc(&arena, 1000, 1);
		uint64_t   *zero;

		memset(dirty, 0xFF, 1000);
		omen_arena_reset(&arena);
		zero = omen_arena_zero(&arena, 125, sizeof(uint64_t));
		assert_int_equal((uintptr_t) zero % 64, 0);
		for (uint32_t i = 0; i < 125; i++)
			assert_int_equal(zero[i], 0);
		omen_arena_reset(&arena);
	}
}

static void
test_overflow(void **state)
{
	static const size_t sizes[][2] = {
		{SIZE_MAX, 1}, {SIZE_MAX, 2}, {SIZE_MAX / 2 + 1, 2}, {SIZE_MAX - 64, 1}, {1, SIZE_MAX - 71},
		{(size_t) 1 << 33, (size_t) 1 << 33}, {3, SIZE_MAX / 2}
	};
	FailingArena failing;

	failing_arena_init(&failing, 1000);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		assert_null(omen_arena_alloc(&failing.arena, sizes[i][0], sizes[i][1]));
		assert_null(omen_arena_zero(&failing.arena, sizes[i][0], sizes[i][1]));
	}
	/* The allocator was not even asked. */
	assert_int_equal(failing.left, 1000);
	assert_null(failing.arena.chunks);
}

static void
test_reset_frees_each_once(void **state)
{
	FailingArena failing;

	failing_arena_init(&failing, 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_non_null(omen_arena_alloc(&failing.arena, 1, 10));
	assert_null(omen_arena_alloc(&failing.arena, 1, 10));
	assert_null(omen_arena_zero(&failing.arena, 1, 10));
	assert_int_equal(failing.refused, 2);
	assert_int_equal(failing.held, 5);
	assert_int_equal(failing_arena_end(&failing), 0);
	/* Usable again, and a second reset frees nothing twice. */
	failing.left = 1;
	assert_non_null(omen_arena_alloc(&failing.arena, 1, 1));
	assert_int_equal(failing_arena_end(&failing), 0);
	assert_int_equal(failing_arena_end(&failing), 0);
}

/* free == NULL: the memory is its context's to give back. */
static void
test_context_frees(void **state)
{
	FailingArena failing;
	void	   *memory[3];
	OmenArena  *arena = &failing.arena;

	failing_arena_init(&failing, 3);
	arena->free = NULL;
	for (uint32_t i = 0; i < 3; i++)
	{
		assert_non_null(omen_arena_alloc(arena, 1, 1));
		memory[i] = arena->chunks;
	}
	omen_arena_reset(arena);
	assert_null(arena->chunks);
	assert_int_equal(failing.held, 3);
	for (uint32_t i = 0; i < 3; i++)
		free(memory[i]);
}

static void
test_error_text(void **state)
{
	OmenError	err;
	char		longer[2 * OMEN_ERROR_BYTES];

	assert_int_equal(omen_fail(&err, OMEN_CORRUPT, "block %u of %s", 7u, "x"), OMEN_CORRUPT);
	assert_int_equal(err.status, OMEN_CORRUPT);
	assert_string_equal(err.text, "block 7 of x");
	assert_int_equal(omen_fail(NULL, OMEN_RANGE, "nobody asks"), OMEN_RANGE);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	omen_fail(&err, OMEN_INVALID, "%s", longer);
	assert_int_equal(strlen(err.text), OMEN_ERROR_BYTES - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_are_apart),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_reset_frees_each_once),
		cmocka_unit_test(test_context_frees),
		cmocka_unit_test(test_error_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
