/*
 * ivf_search.c - one query over lists of codes; see omen/ivf.h.
 *
 * At most one page is held at a time: a list's codes are scanned first and
 * what may matter is noted, then row records are read.  A row record carries
 * its own list and factors, so a slot that was taken by another row between
 * the two steps yields that row with its own right estimate, never a wrong one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ivf_filter.h"
#include "ivf_list.h"
#include "omen/select.h"

#define LAST OMEN_ADD_LAST
/* So many of the first list's rows are looked at, whatever their bounds say. */
#define FIRST_RECORDS 12

/*
 * What single precision loses of the query's square (and the lift's) less a product, beside its sixteen bits:
 * more than is between rows crowded far from the mean, or of very different lengths by inner product.
 */
#define ROUNDING 0x1p-19f

/* One list as the query sees it. */
typedef struct ListView
{
	uint32_t	list;
	float		distance;		/* |q - c|^2 */
	float		gap_sq;			/* the lift left out */
	float		gap_error;		/* epsilon x |q - c|: what a unit of a code's error costs */
	float		blur;			/* and the steps of the query's table, beside that */
} ListView;

OmenStatus
omen_ivf_search_init(OmenIvfSearch *search, OmenArena *arena, const OmenIvfModel *model,
					 const OmenIvfMeta *meta, OmenPageStore store)
{
	OmenStatus	status;

	memset(search, 0, sizeof(*search));
	search->model = model;
	search->meta = *meta;
	search->store = store;
	search->arena = arena;
	status = omen_code_query_init(&search->query, arena, model->dim_padded);
	if (status == OMEN_OK)
		status = omen_ranking_init(&search->ranking, arena, model);
	/* A block of 32 sign codes is 32 x dim / 8 bytes. */
	search->block = omen_arena_alloc(arena, model->dim_padded, 4);
	search->gathered = omen_arena_alloc(arena, model->dim_padded, 4);
	search->possible = omen_arena_alloc(arena, model->lists, 1);
	if (status != OMEN_OK || search->block == NULL || search->gathered == NULL || search->possible == NULL)
		return omen_fail(&search->error, OMEN_NO_MEMORY, "out of memory while searching");
	return OMEN_OK;
}

void
omen_ivf_search_begin(OmenIvfSearch *search)
{
	omen_code_query_prepare(&search->query);
	omen_ranking_begin(&search->ranking, search->model, &search->query);
	memset(&search->stats, 0, sizeof(search->stats));
	search->rounding = ROUNDING * (search->query.norm_sq + *search->model->lift_sq) +
		2.0f * search->query.fine_step * sqrtf(search->query.norm_sq);
	search->stopped = 0;
	search->sifted = 0;
	if (search->filter.count > 0)
		omen_ivf_leave_out_lists(search);
}

static ListView
view_list(const OmenIvfSearch *search, uint32_t list, float distance)
{
	float		gap_sq = distance - search->model->extra_sq[list];

	float		spread = search->epsilon * sqrtf(search->model->start[list].spread);
	float		steps = 0.725f * spread * search->query.lut_step;
	float		code;

	gap_sq = gap_sq > 0 ? gap_sq : 0.0f;
	/* The two are independent, so their squares add. */
	code = 1.5f * spread * sqrtf(gap_sq / (float) search->model->dim_padded);
	return (ListView) {list, distance, gap_sq, search->epsilon * sqrtf(gap_sq),
		sqrtf(steps * steps + code * code) - code};
}

/* The k-th best so far at its worst: what a row must beat. */
static inline float
limit(const OmenIvfSearch *search)
{
	return search->nearest_count < search->nearest_room || search->nearest_room == 0 ?
		INFINITY : search->nearest[0] + search->rounding;
}

/* ---- scanning codes ---- */

/* Notes those of a block's `count` codes with a bit in `mask` whose lower bound beats the k-th best. */
static void
note_block(OmenIvfSearch *search, const ListView *view, const uint32_t *sums, uint32_t count, uint32_t mask,
		   const float *add, const uint16_t *scale, const uint16_t *error, const uint32_t *slot)
{
	const OmenCodeQuery *query = &search->query;
	OmenSumTerms terms = {
		.step = 2.0f * query->lut_step, .base = 2.0f * query->lut_base - query->sum,
		.gap_sq = view->gap_sq, .gap_error = view->gap_error, .blur = view->blur, .most = LAST
	};
	float		estimate[OMEN_BLOCK_CODES];
	float		lower[OMEN_BLOCK_CODES];
	uint32_t	near;

	search->stats.codes_scanned += count;
	if (search->range != NULL)
	{
		omen_range_note(search, sums, count, mask, add, scale, error, slot);
		return;
	}
	near = omen_simd->sum_bounds(sums, &terms, add, scale, error, limit(search), estimate, lower);
	if (count < OMEN_BLOCK_CODES)
		mask &= (1u << count) - 1;
	if (search->filter.count > 0)
		omen_ivf_note_angles(search, view->distance, search->model->start[view->list].spread, estimate, lower, mask);
	mask &= near;
	for (; mask != 0; mask &= mask - 1)
	{
		uint32_t	i = (uint32_t) __builtin_ctz(mask);

		if (slot[i] != OMEN_NO_SLOT)
			search->scanned[search->scanned_count++] = (OmenScanned) {lower[i], estimate[i], slot[i]};
	}
}

static OmenStatus
room_for_block(OmenIvfSearch *search)
{
	return omen_search_grow(search, (void **) &search->scanned, &search->scanned_room,
							search->scanned_count + OMEN_BLOCK_CODES, sizeof(OmenScanned), search->scanned_count);
}

/* A page of the packed run, held while places on it are read. */
typedef struct PackedReader
{
	const uint8_t *body;
	uint32_t	page;
	uintptr_t	handle;
} PackedReader;

static OmenStatus
packed_turn_to(OmenIvfSearch *search, PackedReader *reader, uint32_t page)
{
	const void *memory;
	OmenStatus	status;

	if (reader->body != NULL && reader->page == page)
		return OMEN_OK;
	if (reader->body != NULL)
		search->store.release(search->store.context, reader->handle);
	reader->body = NULL;
	if (page >= search->meta.packed_pages)
		return omen_fail(&search->error, OMEN_CORRUPT, "a list runs past the packed pages");
	status = omen_search_page(search, search->model->packed_map[page], OMEN_PAGE_PACKED, search->meta.generation,
					   &memory, &reader->handle);
	if (status != OMEN_OK)
		return status;
	reader->body = omen_page_body_const(memory);
	reader->page = page;
	return OMEN_OK;
}

/* Adds one packed block's table sums; leaves place at its factors. */
static OmenStatus
scan_packed_codes(OmenIvfSearch *search, PackedReader *reader, OmenPackedPlace *place, uint32_t width,
				  uint32_t *sums)
{
	uint32_t	positions = omen_sign_code_bytes(search->model->dim_padded);

	for (uint32_t position = 0; position < positions;)
	{
		uint32_t	rows = omen_packed_rows_here(place, width);
		OmenStatus	status = packed_turn_to(search, reader, place->page);

		if (status != OMEN_OK)
			return status;
		rows = rows < positions - position ? rows : positions - position;
		if (width == OMEN_BLOCK_CODES)
			omen_simd->lut_scan(search->query.lut + (size_t) position * 32, reader->body + place->offset,
								rows, sums);
		else
		{
			/*
			 * A list's last block has fewer lanes: spread its rows to 32
			 * bytes.  Whole 32-byte copies read into the next row, and past
			 * the last row into what follows (the trailer at the furthest);
			 * those lanes are not looked at.
			 */
			for (uint32_t r = 0; r < rows; r++)
				memcpy(search->block + r * 32, reader->body + place->offset + r * width, 32);
			omen_simd->lut_scan(search->query.lut + (size_t) position * 32, search->block, rows, sums);
		}
		place->offset += rows * width;
		position += rows;
	}
	return OMEN_OK;
}

/* The factors of a list's last block as those of a whole one; what is missing is zero. */
static const uint8_t *
spread_factors(const uint8_t *factors, uint32_t width, uint8_t *whole)
{
	memset(whole, 0, OMEN_BLOCK_CODES * OMEN_POSTING_FACTOR_BYTES);
	memcpy(whole, factors, 4 * width);
	memcpy(whole + 4 * OMEN_BLOCK_CODES, factors + 4 * width, 2 * width);
	memcpy(whole + 6 * OMEN_BLOCK_CODES, factors + 6 * width, 2 * width);
	memcpy(whole + 8 * OMEN_BLOCK_CODES, factors + 8 * width, 4 * width);
	return whole;
}

static OmenStatus
scan_packed(OmenIvfSearch *search, const ListView *view)
{
	const OmenListStart *start = &search->model->start[view->list];
	PackedReader reader = {NULL};
	OmenPackedPlace place = start->place;
	OmenStatus	status = OMEN_OK;
	const uint32_t *masks = NULL;

	if (search->filter.count > 0)
	{
		if (search->range == NULL && !search->possible[view->list])
			return OMEN_OK;
		status = omen_ivf_test_list(search, view->list, &masks);
		if (status != OMEN_OK || masks == NULL)
			return status;
	}
	for (uint32_t done = 0; done < start->count && status == OMEN_OK;)
	{
		uint32_t	left = start->count - done;
		uint32_t	width = left < OMEN_BLOCK_CODES ? left : OMEN_BLOCK_CODES;
		uint32_t	sums[OMEN_BLOCK_CODES];
		uint8_t		last[OMEN_BLOCK_CODES * OMEN_POSTING_FACTOR_BYTES];
		const uint8_t *factors;
		uint32_t	mask = masks != NULL ? masks[done / OMEN_BLOCK_CODES] : UINT32_MAX;

		if (mask == 0)
		{
			omen_packed_pass_codes(&place, width, omen_sign_code_bytes(search->model->dim_padded));
			place.offset += OMEN_POSTING_FACTOR_BYTES * width;
			done += width;
			continue;
		}
		memset(sums, 0, sizeof(sums));
		status = room_for_block(search);
		if (status == OMEN_OK)
			status = scan_packed_codes(search, &reader, &place, width, sums);
		if (status != OMEN_OK)
			break;
		omen_packed_to_factors(&place, width);
		status = packed_turn_to(search, &reader, place.page);
		if (status != OMEN_OK)
			break;
		factors = reader.body + place.offset;
		place.offset += OMEN_POSTING_FACTOR_BYTES * width;
		if (width < OMEN_BLOCK_CODES)
			factors = spread_factors(factors, width, last);
		note_block(search, view, sums, width, mask, (const float *) factors,
				   (const uint16_t *) (factors + 4 * OMEN_BLOCK_CODES),
				   (const uint16_t *) (factors + 6 * OMEN_BLOCK_CODES),
				   (const uint32_t *) (factors + 8 * OMEN_BLOCK_CODES));
		done += width;
	}
	if (reader.body != NULL)
		search->store.release(search->store.context, reader.handle);
	return status;
}

/* Postings of one list, gathered from its tail until they are a block. */
typedef struct TailBlock
{
	uint32_t	count;
	float		add[OMEN_BLOCK_CODES];
	uint16_t	scale[OMEN_BLOCK_CODES];
	uint16_t	error[OMEN_BLOCK_CODES];
	uint32_t	slot[OMEN_BLOCK_CODES];
} TailBlock;

static OmenStatus
scan_gathered(OmenIvfSearch *search, const ListView *view, TailBlock *block)
{
	uint32_t	code_bytes = omen_sign_code_bytes(search->model->dim_padded);
	uint32_t	sums[OMEN_BLOCK_CODES] = {0};
	OmenStatus	status = room_for_block(search);

	if (status != OMEN_OK || block->count == 0)
		return status;
	omen_block_pack(search->gathered, code_bytes, block->count, code_bytes, OMEN_BLOCK_CODES, search->block);
	omen_simd->lut_scan(search->query.lut, search->block, code_bytes, sums);
	note_block(search, view, sums, block->count, UINT32_MAX, block->add, block->scale, block->error, block->slot);
	block->count = 0;
	return OMEN_OK;
}

/* Several lists may share a tail: only this one's postings count. */
static OmenStatus
scan_tail_page(OmenIvfSearch *search, const ListView *view, const void *page, TailBlock *block)
{
	uint32_t	code_bytes = omen_sign_code_bytes(search->model->dim_padded);
	uint32_t	factors_at = code_bytes + search->model->keys * OMEN_KEY_BYTES;
	uint32_t	stride = omen_tail_posting_bytes(search->model->dim_padded, search->model->keys);
	uint32_t	count = omen_page_trailer_const(page)->count;
	const uint8_t *posting = omen_page_body_const(page);
	OmenStatus	status = OMEN_OK;

	if (count > omen_postings_per_tail(search->model->dim_padded, search->model->keys))
		return omen_fail(&search->error, OMEN_CORRUPT, "a tail page of list %u counts %u postings",
						 view->list, count);
	for (uint32_t i = 0; i < count && status == OMEN_OK; i++, posting += stride)
	{
		OmenPostingFactors stored;
		uint32_t	list;

		memcpy(&list, posting + factors_at + sizeof(stored), sizeof(list));
		if (list != view->list)
			continue;
		search->tail_seen++;
		if (search->filter.count > 0 && !omen_ivf_test_posting(search, posting + code_bytes))
			continue;
		memcpy(&stored, posting + factors_at, sizeof(stored));
		memcpy(search->gathered + (size_t) block->count * code_bytes, posting, code_bytes);
		block->add[block->count] = stored.add;
		block->scale[block->count] = stored.scale;
		block->error[block->count] = stored.error;
		block->slot[block->count++] = stored.slot;
		if (block->count == OMEN_BLOCK_CODES)
			status = scan_gathered(search, view, block);
	}
	return status;
}

static OmenStatus
scan_tail(OmenIvfSearch *search, const ListView *view)
{
	uint32_t	tail = view->list / search->meta.lists_per_tail;
	OmenDirectoryEntry entry;
	TailBlock	gathered;
	const void *page;
	uintptr_t	handle;
	OmenStatus	status;
	uint32_t	passed = OMEN_NO_BLOCK;
	uint64_t	pages = 0;

	status = omen_search_page(search, search->model->directory_map[tail / OMEN_DIRECTORY_PER_PAGE], OMEN_PAGE_DIRECTORY,
					   search->meta.generation, &page, &handle);
	if (status != OMEN_OK)
		return status;
	memcpy(&entry, omen_page_body_const(page) + (tail % OMEN_DIRECTORY_PER_PAGE) * sizeof(entry), sizeof(entry));
	search->store.release(search->store.context, handle);

	gathered.count = 0;
	for (uint32_t block = entry.tail_first; block != OMEN_NO_BLOCK && status == OMEN_OK;)
	{
		status = omen_search_page(search, block, OMEN_PAGE_TAIL, search->meta.generation, &page, &handle);
		if (status != OMEN_OK)
			return status;
		if (omen_page_trailer_const(page)->list != tail)
			status = omen_fail(&search->error, OMEN_CORRUPT, "block %u in tail %u belongs to tail %u",
							   block, tail, omen_page_trailer_const(page)->list);
		/* Remembering every page of a number that is a power of two finds any circle (Brent 1980). */
		else if (block == passed)
			status = omen_fail(&search->error, OMEN_CORRUPT, "tail %u runs in a circle", tail);
		else
			status = scan_tail_page(search, view, page, &gathered);
		pages++;
		if ((pages & (pages - 1)) == 0)
			passed = block;
		block = omen_page_trailer_const(page)->next;
		search->store.release(search->store.context, handle);
	}
	return status == OMEN_OK ? scan_gathered(search, view, &gathered) : status;
}

OmenStatus
omen_search_list(OmenIvfSearch *search, uint32_t list, float distance)
{
	ListView	view = view_list(search, list, distance);
	OmenStatus	status = OMEN_OK;

	search->stats.lists_probed++;
	search->scanned_count = 0;
	search->packed_seen += search->model->start[list].count;
	if (search->model->start[list].count > 0)
		status = scan_packed(search, &view);
	return status == OMEN_OK && search->meta.has_tails ? scan_tail(search, &view) : status;
}

/* ---- reading row records ---- */

static OmenStatus
read_record(OmenIvfSearch *search, const ListView *scanned_in, uint32_t slot)
{
	uint32_t	dim = search->model->dim_padded;
	uint32_t	per_page = omen_rows_per_page(dim, search->model->keys);
	uint32_t	place = slot % per_page;
	const OmenRowRecord *record;
	const void *page;
	uintptr_t	handle;
	ListView	view = *scanned_in;
	OmenHit		hit = {.slot = slot};
	float		worst;
	OmenStatus	status;
	int			again = 0;

	/* With spilling it may pass the scan in both of its lists. */
	if (*search->model->spilled && omen_slot_set_add(&search->read, search->arena, slot, &again) != OMEN_OK)
		return omen_fail(&search->error, OMEN_NO_MEMORY, "out of memory while searching");
	if (again)
		return OMEN_OK;
	status = omen_search_page(search, slot / per_page, OMEN_PAGE_ROW, search->meta.row_generation, &page, &handle);
	if (status != OMEN_OK)
		return status;
	search->stats.records_read++;
	record = (const OmenRowRecord *)
		(omen_page_body_const(page) + (size_t) place * omen_row_bytes(dim, search->model->keys));
	if (record->state != OMEN_ROW_LIVE || record->list >= search->model->lists)
	{
		/* Vacuum came between: the row is gone. */
		search->store.release(search->store.context, handle);
		return OMEN_OK;
	}
	/* Another row's slot by now, or a posting outside its row's own list. */
	if (record->list != view.list)
		view = view_list(search, record->list,
						 omen_ranking_distance(&search->ranking, search->model, &search->query, record->list));
	hit.tid = record->tid;
	hit.place = record->place;
	hit.estimate = record->factors.add + view.gap_sq -
		2.0f * record->factors.scale * omen_u4_product(&search->query, (const uint8_t *) (record + 1));
	hit.estimate = hit.estimate < LAST ? hit.estimate : LAST;
	hit.bound = view.gap_error * record->factors.error;
	hit.bound = hit.bound < LAST ? hit.bound : LAST;
	search->store.release(search->store.context, handle);

	if (hit.estimate - hit.bound > limit(search))
		return OMEN_OK;
	status = omen_search_grow(search, (void **) &search->hits, &search->hit_room, search->hit_count + 1,
				  sizeof(OmenHit), search->hit_count);
	if (status != OMEN_OK)
		return status;
	search->hits[search->hit_count++] = hit;
	/* The least of many estimates is one that is too low, and would keep out rows that are nearer and surer. */
	worst = hit.estimate + hit.bound;
	search->entered += limit(search) == INFINITY || worst < search->nearest[0];
	omen_heap_offer(search->nearest, &search->nearest_count, search->nearest_room, worst);
	omen_heap_offer(search->likely, &search->likely_count, search->nearest_room, hit.estimate);
	return OMEN_OK;
}

/* Has the record of a code that passed on its way. */
static inline void
expect_record(OmenIvfSearch *search, uint32_t slot)
{
	uint32_t	per_page = omen_rows_per_page(search->model->dim_padded, search->model->keys);
	uint32_t	row_bytes = omen_row_bytes(search->model->dim_padded, search->model->keys);

	if (search->store.expect != NULL)
		search->store.expect(search->store.context, slot / per_page, slot % per_page * row_bytes, row_bytes);
}

/* Reads the records of the first `count` codes scanned, those that still can be among the k best, or all. */
static OmenStatus
read_records(OmenIvfSearch *search, const ListView *view, uint32_t count, int all)
{
	OmenStatus	status = OMEN_OK;

	for (uint32_t i = 0; i < count; i++)
		expect_record(search, search->scanned[i].slot);
	for (uint32_t i = 0; i < count && status == OMEN_OK; i++)
		if (all || search->scanned[i].lower < limit(search) || limit(search) == INFINITY)
			status = read_record(search, view, search->scanned[i].slot);
	return status;
}

/* Moves the codes scanned whose estimate is at most `threshold` to the front; returns their number. */
static uint32_t
likeliest_first(OmenIvfSearch *search, float threshold)
{
	uint32_t	front = 0;

	for (uint32_t i = 0; i < search->scanned_count; i++)
		if (search->scanned[i].estimate <= threshold)
		{
			OmenScanned likely = search->scanned[i];

			search->scanned[i] = search->scanned[front];
			search->scanned[front++] = likely;
		}
	return front;
}

/*
 * Reads the records of the codes that passed.  While there is no k-th best
 * yet, the likeliest k go first, so that it is found before the others have to
 * be read: FIRST_RECORDS at least, for a bound fails now and then, and of one
 * wanted row that would be all.
 */
static OmenStatus
read_scanned(OmenIvfSearch *search, const ListView *view)
{
	uint32_t	first = search->nearest_room - search->nearest_count;
	uint32_t	done = 0;
	OmenStatus	status = OMEN_OK;

	if (search->nearest_count == 0 && search->nearest_room > 0)
		first = first > FIRST_RECORDS ? first : FIRST_RECORDS;
	if (first > 0 && first < search->scanned_count)
	{
		/* A threshold that about `first` estimates pass, from a small heap of them. */
		uint32_t	count = 0;
		uint32_t	left = 0;
		float	   *heap = search->likely + search->nearest_room;	/* behind it */

		for (uint32_t i = 0; i < search->scanned_count; i++)
			omen_heap_offer(heap, &count, first, search->scanned[i].estimate);
		done = likeliest_first(search, heap[0]);
		status = read_records(search, view, done, 1);
		for (uint32_t i = done; i < search->scanned_count; i++)
			if (search->scanned[i].lower < limit(search) || limit(search) == INFINITY)
				search->scanned[left++] = search->scanned[i];
		search->scanned_count = left;
	}
	if (status == OMEN_OK)
		status = read_records(search, view, search->scanned_count, done == 0 && first >= search->scanned_count);
	return status;
}

/* ---- the whole search ---- */

/*
 * Whether a list at this distance and of this spread can hardly hold one of
 * the k best: a row's distance is about distance + spread, give or take
 * 2 sqrt(distance x spread) times the cosine of a random angle.
 */
static int
hopeless(const OmenIvfSearch *search, const OmenListRank *rank, float stop_z)
{
	/* As calibrated: by where the k-th best is, not by where it is at its worst. */
	float		worst = limit(search) == INFINITY ? INFINITY : search->likely[0];
	float		spread = search->model->start[rank->list].spread;

	if (worst == INFINITY || stop_z == INFINITY || spread <= 0)
		return 0;
	return rank->distance + spread - worst > stop_z * 2.0f * sqrtf(rank->distance * spread);
}

static int
compare_hits(const void *a, const void *b)
{
	float		x = ((const OmenHit *) a)->estimate - ((const OmenHit *) a)->bound;
	float		y = ((const OmenHit *) b)->estimate - ((const OmenHit *) b)->bound;

	return x < y ? -1 : x > y;
}

static void
finish_hits(OmenIvfSearch *search)
{
	uint32_t	kept = 0;
	float		worst = limit(search);

	for (uint32_t i = 0; i < search->hit_count; i++)
		if (search->hits[i].estimate - search->hits[i].bound <= worst)
			search->hits[kept++] = search->hits[i];
	search->hit_count = kept;
	search->limit = worst;
	qsort(search->hits, kept, sizeof(OmenHit), compare_hits);
}

static int
scanned_enough(OmenIvfSearch *search)
{
	uint64_t	looked = search->filter.count > 0 ? search->stats.keys_tested : search->stats.codes_scanned;

	search->stopped = search->scan_max > 0 && looked >= search->scan_max;
	return search->stopped;
}

/* With the odds of what is missed known, so many lists in a row that are not worth a look end a search. */
#define NONE_LEFT 16

/* Where a search is: what it was told, and what has come of it. */
typedef struct Progress
{
	OmenIvfEffort effort;
	uint32_t	probes;
	float		reach;			/* how far lists may be for the effort's */
	uint32_t	last;			/* the list with the latest news */
	uint32_t	news;			/* since */
	uint32_t	tried;			/* the latest list that was looked at */
	uint32_t	look;			/* with a filter: the list to think again at */
} Progress;

static void
take_effort(const OmenIvfSearch *search, Progress *at, OmenIvfEffort effort)
{
	const OmenIvfModel *model = search->model;

	at->effort = effort;
	at->probes = effort.probes < search->ranking.count ? effort.probes : search->ranking.count;
	if (effort.patience > 0 && search->ranking.ready > 0)
		at->reach = omen_ivf_reach(model, search->ranking.ranks[0].distance, effort.reach);
}

/* Whether the search ends before list i: by its effort, or when nothing nearer has come for long. */
static int
is_over(OmenIvfSearch *search, Progress *at, uint32_t k, uint32_t i)
{
	uint32_t	lists = search->ranking.count;

	if (search->filter.count == 0 && at->effort.recall > 0 && !at->effort.grown && omen_ivf_has_grown(search))
		take_effort(search, at, omen_ivf_query_effort(search, k, at->effort.recall, 1));
	if (search->filter.count > 0 && search->filter.recall > 0 && i < lists && (i >= at->look || i >= at->probes))
	{
		take_effort(search, at, omen_ivf_filter_effort(search, k, i));
		/* Without k rows that pass, everything. */
		if (limit(search) == INFINITY)
			at->probes = lists;
		at->look = i + i / 4 + OMEN_LISTS_SURE;
	}
	if (i >= at->probes || i >= lists || scanned_enough(search))
		return 1;
	if (i + i / 8 + 1 > search->ranking.ready && search->ranking.ready < lists)
		omen_ranking_ahead(&search->ranking, search->model, &search->query, i, i * 2);
	if (search->odds.lists > 0 && i - at->tried > NONE_LEFT + i / 8)
		return 1;
	return at->effort.patience > 0 && i >= OMEN_LISTS_SURE && limit(search) < INFINITY &&
		i >= omen_ivf_end(at->last, at->effort.patience) && search->ranking.ranks[i].distance > at->reach;
}

OmenStatus
omen_ivf_search_run(OmenIvfSearch *search, uint32_t k, OmenIvfEffort effort)
{
	const OmenIvfModel *model = search->model;
	Progress	at = {.look = OMEN_LISTS_SURE};
	OmenStatus	status = OMEN_OK;

	search->hit_count = 0;
	search->nearest_count = 0;
	search->likely_count = 0;
	search->packed_seen = 0;
	search->tail_seen = 0;
	memset(&search->odds, 0, sizeof(search->odds));
	omen_slot_set_empty(&search->read);
	if (k > search->heap_k && k != OMEN_K_ALL)
	{
		search->heap_k = 0;
		search->nearest = omen_arena_alloc(search->arena, (size_t) k * 3 + FIRST_RECORDS, sizeof(float));
		if (search->nearest == NULL)
			return omen_fail(&search->error, OMEN_NO_MEMORY, "out of memory while searching");
		search->heap_k = k;
	}
	search->nearest_room = k == OMEN_K_ALL ? 0 : k;
	search->likely = search->nearest + search->nearest_room;
	omen_ranking_ahead(&search->ranking, model, &search->query, 0, effort.lists);
	effort = effort.recall > 0 ? omen_ivf_query_effort(search, k, effort.recall, effort.grown) : effort;
	omen_ranking_ahead(&search->ranking, model, &search->query, 0, effort.lists);
	search->epsilon = effort.epsilon > 0 ? effort.epsilon : OMEN_EPSILON_DEFAULT;
	take_effort(search, &at, effort);
	for (uint32_t i = 0; status == OMEN_OK && !is_over(search, &at, k, i); i++)
	{
		const OmenListRank *rank = &search->ranking.ranks[i];
		ListView	view = view_list(search, rank->list, rank->distance);

		if (i >= OMEN_LISTS_SURE && hopeless(search, rank, at.effort.stop_z))
		{
			search->stats.lists_skipped++;
			continue;
		}
		if (i + 1 < search->ranking.ready &&
			(search->filter.count == 0 || !hopeless(search, rank + 1, at.effort.stop_z)))
			omen_search_expect(search, rank[1].list);
		search->entered = 0;
		at.tried = i;
		status = omen_search_list(search, rank->list, rank->distance);
		status = status == OMEN_OK ? read_scanned(search, &view) : status;
		at.news += search->entered;
		if (at.news >= omen_ivf_news(k))
		{
			at.last = i;
			at.news = 0;
		}
		status = status == OMEN_OK ? omen_ivf_sift(search, i + 1) : status;
	}
	search->all_found = at.probes >= search->ranking.count && !search->stopped && limit(search) == INFINITY;
	if (status == OMEN_OK)
		finish_hits(search);
	return status;
}
