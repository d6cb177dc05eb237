/*
 * ivf_filter.c - a search's filter at work: which postings of a list pass, and
 * how far to go for those that do.
 *
 * The best k of the rows that pass are among the best k / share of all rows,
 * so a filtered search has to go as far as the calibration says for those.
 * But the share near the query may be another than farther away: with the rows
 * that pass all on the other side of the table, going by it would end too
 * early.  So the search goes on without news for as many lists again as it has
 * looked at, and once it has looked at some it goes by the odds of what it would
 * miss, as those show (ivf_odds.c).  Lists that the digests of keys rule out
 * (ivf_digest.c) are no lists to it, nor their rows rows.
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

/* The baseline has no instruction for it, and the compiler would call a function. */
static inline uint32_t
bits_set(uint32_t mask)
{
	mask -= mask >> 1 & 0x55555555;
	mask = (mask & 0x33333333) + (mask >> 2 & 0x33333333);
	return ((mask + (mask >> 4)) & 0x0F0F0F0F) * 0x01010101 >> 24;
}

static inline uint32_t
packed_blocks(const OmenIvfModel *model, uint32_t list)
{
	return (model->start[list].count + OMEN_BLOCK_CODES - 1) / OMEN_BLOCK_CODES;
}

/* Tests a list's keys; returns by *passed how many postings meet the filter. */
static OmenStatus
test_keys(OmenIvfSearch *search, LaneReader *reader, uint32_t list, uint32_t *masks, uint32_t *passed)
{
	const OmenIvfModel *model = search->model;
	const OmenFilter *filter = &search->filter;
	uint32_t	left = model->start[list].count;
	uint64_t	lane = (uint64_t) model->key_start[list] * model->keys;

	*passed = 0;
	for (; left > 0; left -= left < OMEN_BLOCK_CODES ? left : OMEN_BLOCK_CODES, lane += model->keys)
	{
		uint32_t	mask = left < OMEN_BLOCK_CODES ? (1u << left) - 1 : UINT32_MAX;

		for (uint32_t c = 0; c < filter->count && mask != 0; c++)
		{
			const uint64_t *keys = read_lane(search, reader, lane + filter->conditions[c].column);

			if (keys == NULL)
				return search->error.status;
			mask &= omen_condition_mask(&filter->conditions[c], keys);
		}
		*masks++ = mask;
		*passed += bits_set(mask);
	}
	return OMEN_OK;
}

OmenStatus
omen_ivf_test_list(OmenIvfSearch *search, uint32_t list, const uint32_t **masks)
{
	uint32_t	blocks = packed_blocks(search->model, list);
	uint32_t	passed = 0;
	OmenStatus	status = OMEN_OK;

	if (search->sifted)
	{
		*masks = search->masks + search->model->key_start[list];
		for (uint32_t b = 0; b < blocks; b++)
			passed += bits_set((*masks)[b]);
	}
	else
	{
		LaneReader	reader = {NULL};

		status = room_for_masks(search, blocks);
		if (status == OMEN_OK)
			status = test_keys(search, &reader, list, search->masks, &passed);
		release_lanes(search, &reader);
		*masks = search->masks;
	}
	search->stats.keys_tested += search->model->start[list].count;
	search->stats.keys_passed += passed;
	if (passed == 0)
		*masks = NULL;
	return status;
}

/* What a list looked at out of turn costs besides its keys, in blocks of keys in turn. */
#define OUT_OF_TURN 32
/* Not unless, so far, at most one row in so many lists has passed. */
#define SIFT_LISTS 4

OmenStatus
omen_ivf_sift(OmenIvfSearch *search, uint32_t done)
{
	const OmenIvfModel *model = search->model;
	LaneReader	reader = {NULL};
	OmenStatus	status = OMEN_OK;
	uint32_t	blocks;

	if (search->filter.count == 0)
		return OMEN_OK;
	blocks = model->key_start[model->lists - 1] + packed_blocks(model, model->lists - 1);
	/* As many as were looked at are expected to be looked at still, most of them for nothing. */
	if (search->sifted || search->scan_max > 0 ||
		search->stats.keys_passed * SIFT_LISTS > search->stats.lists_probed ||
		done * ((double) blocks / model->lists + OUT_OF_TURN) < (double) blocks)
		return OMEN_OK;
	status = room_for_masks(search, blocks);
	for (uint32_t l = 0; l < model->lists && status == OMEN_OK; l++)
		if (search->possible[l])
		{
			uint32_t	passed;

			status = test_keys(search, &reader, l, search->masks + model->key_start[l], &passed);
			/* With tails a list is looked at all the same. */
			search->possible[l] = passed > 0 || search->meta.has_tails;
		}
	release_lanes(search, &reader);
	search->sifted = status == OMEN_OK;
	if (search->sifted && !search->meta.has_tails)
		search->stats.keys_spared += omen_ranking_drop(&search->ranking, model, done, search->possible);
	return status;
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

void
omen_ivf_leave_out_lists(OmenIvfSearch *search)
{
	const OmenIvfModel *model = search->model;

	omen_digest_test(model, &search->filter, search->possible);
	for (uint32_t l = 0; l < model->lists; l++)
		search->stats.keys_spared += search->possible[l] ? 0 : model->start[l].count;
	if (!search->meta.has_tails)
		omen_ranking_only(&search->ranking, model, search->possible);
}

/* ---- how far ---- */

/*
 * A query farther from all lists that have rows for it than rows are from
 * their own: neighbours of such a stranger lie scattered, and until the odds
 * are known it skips next to nothing, nothing at all when it is twice as far.
 */
#define SCATTER_Z 1.0f
#define STRANGE_FROM 1.2f
/* At least this is added where a tenth or more pass: few lists are looked at then, and a few more cost little. */
#define WIDE_SHARE 0.1
#define WIDE_Z 0.05f

/* 0 for a query from among the rows, 1 for a stranger to them. */
static float
strangeness(const OmenIvfSearch *search)
{
	float		spread = search->model->calibration->spread;
	float		far = spread > 0 ? search->ranking.ranks[0].distance / spread - STRANGE_FROM : 0;

	return fminf(fmaxf(far, 0), 1);
}

OmenIvfEffort
omen_ivf_filter_effort(OmenIvfSearch *search, uint32_t k, uint32_t done)
{
	const OmenFilter *filter = &search->filter;
	double		share = (search->stats.keys_passed + 1.0) / (search->stats.keys_tested + 1.0);
	double		among = k / share;
	OmenIvfEffort least = omen_ivf_query_effort(search, k, filter->recall, filter->grown);
	OmenIvfEffort effort = omen_ivf_query_effort(search, among < UINT32_MAX ? (uint32_t) among : UINT32_MAX,
												 filter->recall, filter->grown);

	/* At least that for k. */
	effort.stop_z = fmaxf(effort.stop_z, least.stop_z) +
		fmaxf(SCATTER_Z * strangeness(search), share >= WIDE_SHARE ? WIDE_Z : 0);
	effort.reach = fmaxf(effort.reach, least.reach);
	if (effort.patience > 0)
	{
		effort.patience = (effort.patience > least.patience ? effort.patience : least.patience) + done;
		if (omen_ivf_judge(search, done, share))
			effort.stop_z = search->odds.stop_z;
	}
	return effort;
}
