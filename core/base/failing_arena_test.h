/*
 * failing_arena_test.h - an arena whose n-th allocation fails, for tests.
 *
 * What a function allocates is counted by letting it run once; then each of
 * those allocations is made to fail in turn:
 *
 *	FailingArena failing;
 *	for (uint32_t n = 0;; n++)
 *	{
 *		failing_arena_init(&failing, n);		the n-th from now fails, and all after it
 *		status = function(&failing.arena, ...);
 *		assert(status == OMEN_OK || status == OMEN_NO_MEMORY);
 *		failing_arena_end(&failing);			nothing may be left
 *		if (status == OMEN_OK)
 *			break;
 *	}
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_FAILING_ARENA_H
#define OMEN_FAILING_ARENA_H

#include <stdlib.h>

#include "omen/arena.h"

typedef struct FailingArena
{
	OmenArena	arena;
	uint32_t	left;			/* allocations that will succeed */
	uint32_t	refused;
	int64_t		held;			/* allocated and not yet freed */
} FailingArena;

static inline void *
failing_alloc(void *context, size_t bytes)
{
	FailingArena *failing = context;

	if (failing->left == 0)
	{
		failing->refused++;
		return NULL;
	}
	failing->left--;
	failing->held++;
	return malloc(bytes);
}

static inline void
failing_free(void *context, void *memory)
{
	((FailingArena *) context)->held--;
	free(memory);
}

static inline void
failing_arena_init(FailingArena *failing, uint32_t allowed)
{
	*failing = (FailingArena) {{failing_alloc, failing_free, failing, NULL}, allowed, 0, 0};
}

/* Gives everything back; returns how many allocations that did not free (0 unless arena.c is broken). */
static inline int64_t
failing_arena_end(FailingArena *failing)
{
	omen_arena_reset(&failing->arena);
	return failing->held;
}

#endif							/* OMEN_FAILING_ARENA_H */
