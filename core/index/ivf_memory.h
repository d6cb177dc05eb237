/*
 * ivf_memory.h - a whole inverted file in memory, for tests: rows in, pages
 * out, the same steps as pg/am/ivf takes over a table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IVF_MEMORY_H
#define IVF_MEMORY_H

#include "omen/ivf.h"

typedef struct MemoryOptions
{
	uint32_t	lists;			/* 0: automatic */
	uint32_t	queries;		/* to calibrate with; 0: 200 */
	int			spill;			/* 1: every row in two lists; -1: where that pays */
} MemoryOptions;

typedef struct MemoryIndex
{
	OmenArena	arena;
	OmenRotation rotation;
	OmenIvfModel model;
	OmenIvfMeta meta;
	uint8_t    *pages;			/* [page_count][OMEN_PAGE_BYTES] */
	uint32_t	page_count;
	uint32_t	page_room;
	uint32_t   *packed_map;
	uint32_t   *directory_map;
	uint32_t   *key_start;
	uint32_t   *key_map;
	uint64_t	reads;			/* pages read and not yet released must come out even */
	int64_t		held;
} MemoryIndex;

/*
 * Indexes rows[count][dim], each with so many keys; tid.offset and block hold
 * the row number.
 */
OmenStatus	memory_index_build_with(MemoryIndex *index, const float *rows, uint32_t count, uint32_t dim,
									uint32_t keys, OmenMetric metric, MemoryOptions options, uint64_t seed);

static inline OmenStatus
memory_index_build(MemoryIndex *index, const float *rows, uint32_t count, uint32_t dim, uint32_t keys,
				   OmenMetric metric, uint32_t lists, uint64_t seed)
{
	return memory_index_build_with(index, rows, count, dim, keys, metric, (MemoryOptions) {.lists = lists}, seed);
}

/* The row's key of a column: 0 .. 999, at random. */
uint64_t	memory_index_key(uint32_t row, uint32_t column);
OmenPageStore memory_index_store(MemoryIndex *index);
void		memory_index_free(MemoryIndex *index);

/* Appends one row to the tail that its list is in. */
OmenStatus	memory_index_insert(MemoryIndex *index, const float *row, uint32_t number);

/* The same for a point that is in index space already. */
OmenStatus	memory_index_add(MemoryIndex *index, const OmenPoint *point, uint32_t number);

static inline uint32_t
row_of_tid(OmenTid tid)
{
	return (uint32_t) tid.block_hi << 16 | tid.block_lo;
}

#endif							/* IVF_MEMORY_H */
