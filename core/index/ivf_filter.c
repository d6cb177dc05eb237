/*
 * ivf_filter.c - a search's filter at work: which postings of a list pass, and
 * how far to go for those that do.
 *
 * The best k of the rows that pass are among the best k / share of all rows,
 * so a filtered search has to go farther than the calibration says for k.  But
 * the share near the query may be another than farther away: with the rows
 * that pass all on the other side of the table, going by it ends too early.
 * The stop rule knows better: once k rows that pass are known, a list is
 * hopeless, or it is not, by its distance alone.  So its threshold alone
 * decides, that of the calibration for k / share; there is an end where no
 * list farther away could be anything but hopeless.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "ivf_filter.h"

/* ---- which pass ---- */

/* A page of the run of keys, held while lanes on it are read. */
typedef struct LaneReader
{
	const uint8_t *body;
	uint64_t	page;
	uintptr_t	handle;
} LaneReader;

static void
release_lanes(OmenIvfSearch *search, LaneReader *reader)
{
	if (reader->body != NULL)
		search->store.release(search->store.context, reader->handle);
	reader->body = NULL;
}

/* The lane's keys, or NULL with the failure in search->error. */
static const uint64_t *
read_lane(OmenIvfSearch *search, LaneReader *reader, uint64_t lane)
{
	uint64_t	page = lane / OMEN_LANES_PER_PAGE;

	if (reader->body == NULL || reader->page != page)
	{
		uint32_t	block = search->model->key_map[page];
		const void *memory;

		release_lanes(search, reader);
		memory = search->store.read(search->store.context, block, &reader->handle);
		if (memory == NULL)
		{
			omen_fail(&search->error, OMEN_STALE, "block %u does not exist", block);
			return NULL;
		}
		reader->body = omen_page_body_const(memory);
		reader->page = page;
		if (omen_page_check(memory, block, OMEN_PAGE_KEYS, search->meta.generation, &search->error) != OMEN_OK)
		{
			release_lanes(search, reader);
			return NULL;
		}
	}
	return (const uint64_t *) (reader->body + lane % OMEN_LANES_PER_PAGE * OMEN_LANE_BYTES);
}

static OmenStatus
room_for_masks(OmenIvfSearch *search, uint32_t blocks)
{
	if (blocks <= search->mask_room)
		return OMEN_OK;
	search->masks = omen_arena_alloc(search->arena, (size_t) blocks * 2, sizeof(uint32_t));
	search->mask_room = search->masks ? blocks * 2 : 0;
	return search->masks ? OMEN_OK : omen_fail(&search->error, OMEN_NO_MEMORY, "out of memory while searching");
}

OmenStatus
omen_ivf_test_list(OmenIvfSearch *search, uint32_t list, uint32_t *passed)
{
	const OmenIvfModel *model = search->model;
	const OmenFilter *filter = &search->filter;
	uint32_t	count = model->start[list].count;
	uint32_t	blocks = (count + OMEN_BLOCK_CODES - 1) / OMEN_BLOCK_CODES;
	uint64_t	lane = (uint64_t) model->key_start[list] * model->keys;
	LaneReader	reader = {NULL};
	OmenStatus	status = room_for_masks(search, blocks);

	*passed = 0;
	if (status != OMEN_OK)
		return status;
	for (uint32_t b = 0; b < blocks; b++, lane += model->keys)
	{
		uint32_t	left = count - b * OMEN_BLOCK_CODES;
		uint32_t	mask = left < OMEN_BLOCK_CODES ? (1u << left) - 1 : UINT32_MAX;

		for (uint32_t c = 0; c < filter->count && mask != 0; c++)
		{
			const uint64_t *keys = read_lane(search, &reader, lane + filter->conditions[c].column);

			if (keys == NULL)
				return search->error.status;
			mask &= omen_condition_mask(&filter->conditions[c], keys);
		}
		search->masks[b] = mask;
		*passed += (uint32_t) __builtin_popcount(mask);
	}
	release_lanes(search, &reader);
	search->stats.keys_tested += count;
	search->stats.keys_passed += *passed;
	return OMEN_OK;
}

int
omen_ivf_test_posting(OmenIvfSearch *search, const uint8_t *keys)
{
	int			passes = 1;

	for (uint32_t c = 0; c < search->filter.count && passes; c++)
	{
		uint64_t	key;

		memcpy(&key, keys + search->filter.conditions[c].column * OMEN_KEY_BYTES, sizeof(key));
		passes = omen_condition_met(&search->filter.conditions[c], key);
	}
	search->stats.keys_tested++;
	search->stats.keys_passed += passes;
	return passes;
}

/* ---- how far ---- */

/* Added to the stop threshold: without it 0.87 of the true ten were found of rows that begin far away. */
#define SCATTER_Z 0.05f

/* The effort for the best k of the rows that pass, by the share of them so far. */
static OmenIvfEffort
effort_by_share(const OmenIvfSearch *search, uint32_t k)
{
	double		share = (search->stats.keys_passed + 1.0) / (search->stats.keys_tested + 1.0);
	double		among = k / share;

	return omen_ivf_effort(search->model, among < UINT32_MAX ? (uint32_t) among : UINT32_MAX,
						   search->filter.recall, search->filter.grown);
}

static void
find_spreads(OmenIvfSearch *search)
{
	const OmenIvfModel *model = search->model;

	search->spread_least = INFINITY;
	search->spread_most = 0;
	for (uint32_t l = 0; l < model->lists; l++)
	{
		float		spread = model->start[l].spread;

		if (spread > search->spread_most)
			search->spread_most = spread;
		if (spread > 0 && spread < search->spread_least)
			search->spread_least = spread;
	}
}

/* Whether all lists from this distance on are hopeless, whatever their spread. */
static int
all_hopeless(OmenIvfSearch *search, float distance, float worst, float stop_z)
{
	float		spread = stop_z > 0 ? stop_z * stop_z * distance : 0.0f;

	if (search->spread_most == 0)
		find_spreads(search);
	/* The spread for which the stop rule's left side, less its right, is least. */
	spread = spread < search->spread_most ? spread : search->spread_most;
	spread = spread > search->spread_least ? spread : search->spread_least;
	return distance + spread - worst > stop_z * 2.0f * sqrtf(distance * spread);
}

uint32_t
omen_ivf_filter_probes(OmenIvfSearch *search, uint32_t k, uint32_t done, float worst, float *stop_z)
{
	const OmenIvfModel *model = search->model;
	/* Not too far at once: share and k-th best change on the way.  Each step ranks the lists left anew. */
	uint32_t	next = done > 0 && done < model->lists / 4 ? done * 4 : model->lists;
	OmenIvfEffort effort;

	if (worst == INFINITY)
		return next;
	effort = effort_by_share(search, k);
	/* At least that for k, and more: rows far away lie more scattered than the nearest of many. */
	effort.stop_z = fmaxf(effort.stop_z, omen_ivf_effort(model, k, search->filter.recall,
														 search->filter.grown).stop_z) + SCATTER_Z;
	*stop_z = effort.stop_z;
	if (effort.stop_z == INFINITY)
		return effort.probes < next ? effort.probes : next;
	if (done > 0 && all_hopeless(search, search->ranking.ranks[done - 1].distance, worst, effort.stop_z))
		return done;
	return next;
}
