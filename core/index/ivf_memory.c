/*
 * ivf_memory.c - see ivf_memory.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "ivf_memory.h"
#include "omen/select.h"
#include "omen/spill.h"

static uint8_t *
new_page(MemoryIndex *index, OmenPageKind kind, uint32_t generation, uint32_t list)
{
	uint8_t    *page;

	if (index->page_count == index->page_room)
	{
		index->page_room = index->page_room ? index->page_room * 2 : 64;
		index->pages = realloc(index->pages, (size_t) index->page_room * OMEN_PAGE_BYTES);
	}
	page = index->pages + (size_t) index->page_count++ * OMEN_PAGE_BYTES;
	memset(page, 0, OMEN_PAGE_BYTES);
	omen_page_init(page, kind, generation, list);
	return page;
}

static uint8_t *
page_at(MemoryIndex *index, uint32_t block)
{
	return index->pages + (size_t) block * OMEN_PAGE_BYTES;
}

static const void *
store_read(void *context, uint32_t block, uintptr_t *handle)
{
	MemoryIndex *index = context;

	if (block >= index->page_count)
		return NULL;
	index->reads++;
	index->held++;
	*handle = block;
	return page_at(index, block);
}

static void
store_release(void *context, uintptr_t handle)
{
	((MemoryIndex *) context)->held--;
}

OmenPageStore
memory_index_store(MemoryIndex *index)
{
	return (OmenPageStore) {store_read, store_release, index, NULL};
}

static uint32_t
store_record(MemoryIndex *index, const OmenRowRecord *record)
{
	uint32_t	dim = index->model.dim_padded;
	uint32_t	keys = index->model.keys;
	uint32_t	per_page = omen_rows_per_page(dim, keys);
	uint32_t	block = index->page_count - 1;
	uint8_t    *page = page_at(index, block);
	OmenPageTrailer *trailer = omen_page_trailer(page);

	if (trailer->kind != OMEN_PAGE_ROW || trailer->count == per_page)
	{
		block = index->page_count;
		page = new_page(index, OMEN_PAGE_ROW, index->meta.row_generation, 0);
		trailer = omen_page_trailer(page);
	}
	memcpy(omen_page_body(page) + trailer->count * omen_row_bytes(dim, keys), record,
		   omen_row_bytes(dim, keys));
	return block * per_page + trailer->count++;
}

uint64_t
memory_index_key(uint32_t row, uint32_t column)
{
	return (row + UINT64_C(1)) * (column + 1) * UINT64_C(0x9E3779B97F4A7C15) / 1000003 % 1000;
}

static const uint64_t *
keys_of(uint32_t row, uint32_t keys, uint64_t *room)
{
	for (uint32_t column = 0; column < keys; column++)
		room[column] = memory_index_key(row, column);
	return room;
}

static OmenStatus
emit_packed(void *context, OmenPageKind kind, const uint8_t *body, uint32_t used)
{
	MemoryIndex *index = context;
	uint32_t   *pages = kind == OMEN_PAGE_KEYS ? &index->meta.key_pages : &index->meta.packed_pages;
	uint32_t   *map = kind == OMEN_PAGE_KEYS ? index->key_map : index->packed_map;
	uint8_t    *page = new_page(index, kind, index->meta.generation, *pages);

	map[(*pages)++] = index->page_count - 1;
	memcpy(omen_page_body(page), body, OMEN_BODY_BYTES);
	omen_page_trailer(page)->count = used;
	return OMEN_OK;
}

OmenStatus
memory_index_build_with(MemoryIndex *index, const float *rows, uint32_t count, uint32_t dim,
						uint32_t keys, OmenMetric metric, MemoryOptions options, uint64_t seed)
{
	uint32_t	lists = options.lists ? options.lists : omen_ivf_lists_for(count);
	uint32_t	query_count = options.queries ? options.queries : 200;
	uint32_t	padded = omen_dim_padded(dim);
	OmenArena  *arena = &index->arena;
	OmenByteRows bytes;
	OmenByteRows centroids;
	OmenPoint	point;
	OmenPacker	packer;
	OmenCalibrator *calibrator;
	float	   *vectors;
	float	   *norm_sq;
	float	   *lift_sq;
	uint8_t    *last;
	float	   *scratch;
	uint32_t   *list;
	uint32_t   *second;
	uint32_t	postings_count = 0;
	OmenAssigner assigner;
	OmenByteRows queries;
	OmenKeyed  *order;
	uint8_t    *postings;
	OmenRowRecord *record;
	double	   *spread;
	uint32_t   *list_count;
	uint32_t   *own_count;
	uint32_t	posting_bytes = omen_posting_bytes(padded, keys);
	uint64_t	key_room[OMEN_KEYS_MAX];
	OmenStatus	status;

	memset(index, 0, sizeof(*index));
	omen_arena_init(arena);
	status = omen_rotation_init(&index->rotation, arena, dim, seed);
	if (status != OMEN_OK)
		return status;
	omen_ivf_model_create(&index->model, omen_arena_alloc(arena, omen_ivf_model_bytes(dim, lists), 1),
						  dim, lists, metric);
	index->model.keys = keys;
	vectors = omen_arena_alloc(arena, (size_t) count * padded, sizeof(float));
	norm_sq = omen_arena_alloc(arena, count, sizeof(float));
	lift_sq = omen_arena_zero(arena, count, sizeof(float));
	last = omen_arena_zero(arena, count, 1);
	scratch = omen_arena_alloc(arena, omen_ivf_encode_scratch(padded), sizeof(float));
	list = omen_arena_zero(arena, count, sizeof(uint32_t));
	second = omen_arena_zero(arena, count, sizeof(uint32_t));
	order = omen_arena_alloc(arena, (size_t) count * 2, sizeof(OmenKeyed));
	postings = omen_arena_alloc(arena, (size_t) count * 2, posting_bytes);
	record = omen_arena_alloc(arena, 1, omen_row_bytes(padded, keys));
	spread = omen_arena_zero(arena, lists, sizeof(double));
	list_count = omen_arena_zero(arena, lists, sizeof(uint32_t));
	own_count = omen_arena_zero(arena, lists, sizeof(uint32_t));

	/* Into index space: mean and lift first. */
	if (metric == OMEN_INNER_PRODUCT)
		for (uint32_t r = 0; r < count; r++)
		{
			float		sq = (float) omen_simd->norm_sq_f32(rows + (size_t) r * dim, dim);

			*index->model.lift_sq = sq > *index->model.lift_sq ? sq : *index->model.lift_sq;
		}
	for (uint32_t r = 0; r < count; r++)
	{
		point.vector = vectors + (size_t) r * padded;
		omen_ivf_point(&index->rotation, metric, NULL, *index->model.lift_sq, rows + (size_t) r * dim,
					   scratch, &point);
		lift_sq[r] = point.lift_sq;
		last[r] = (uint8_t) point.last;
		for (uint32_t d = 0; d < padded; d++)
			index->model.mean[d] += point.vector[d] / (float) count;
	}
	omen_byte_rows_init(&bytes, arena, padded, count, metric == OMEN_INNER_PRODUCT);
	omen_byte_rows_init(&centroids, arena, padded, lists, metric == OMEN_INNER_PRODUCT);
	for (uint32_t r = 0; r < count; r++)
	{
		float	   *vector = vectors + (size_t) r * padded;

		for (uint32_t d = 0; d < padded; d++)
			vector[d] -= index->model.mean[d];
		norm_sq[r] = omen_simd->dot_f32(vector, vector, padded);
		bytes.scale[r] = omen_bytes_from_floats(vector, padded, bytes.values + (size_t) r * padded);
		if (bytes.extra)
			bytes.extra[r] = __builtin_sqrtf(lift_sq[r] > 0 ? lift_sq[r] : 0.0f);
	}
	/* Rows evenly spread ask. */
	omen_byte_rows_init(&queries, arena, padded, count < query_count ? count : query_count, 0);
	for (uint32_t q = 0; q < queries.count; q++)
	{
		uint32_t	row = q * (count / queries.count);

		memcpy(queries.values + (size_t) q * padded, bytes.values + (size_t) row * padded, padded);
		queries.scale[q] = bytes.scale[row];
	}
	if (lists > 1)
	{
		status = omen_kmeans_train(&bytes, &centroids, 6, seed, arena, NULL);
		if (status == OMEN_OK)
			status = omen_assigner_init(&assigner, arena, &centroids);
		if (status != OMEN_OK)
			return status;
		omen_assigner_refresh(&assigner);
		status = omen_assign(&assigner, &bytes, list, NULL);
		if (status != OMEN_OK)
			return status;
	}
	status = omen_ivf_model_set_centroids(&index->model, &centroids, arena);
	if (status == OMEN_OK && lists > 1)
	{
		int			pays = options.spill > 0;

		if (options.spill < 0)
			status = omen_ivf_spill_pays(&index->model, &bytes, &centroids, &queries, 1.0, arena, &pays);
		*index->model.spilled = (uint32_t) pays;
		if (status == OMEN_OK && pays)
			omen_spill_second(&assigner, &bytes, list, second);
	}
	if (status != OMEN_OK)
		return status;

	index->meta = (OmenIvfMeta) {
		.magic = OMEN_META_MAGIC, .version = OMEN_META_VERSION, .dim = dim, .metric = metric, .seed = seed,
		.generation = 1, .row_generation = 1, .lists = lists,
		.lists_per_tail = omen_ivf_lists_per_tail(count, lists, padded, keys),
		.packed_rows = count, .trained_rows = count, .keys = keys
	};
	new_page(index, OMEN_PAGE_META, 0, 0);
	index->packed_map = omen_arena_alloc(arena, (size_t) count + lists + 10, sizeof(uint32_t));
	index->directory_map = omen_arena_alloc(arena, omen_directory_pages(omen_tails(&index->meta)), sizeof(uint32_t));
	index->key_start = omen_arena_alloc(arena, lists, sizeof(uint32_t));
	index->key_map = omen_arena_alloc(arena, ((size_t) count / 8 + lists + 10) * (keys + 1), sizeof(uint32_t));
	index->model.packed_map = index->packed_map;
	index->model.key_start = index->key_start;
	index->model.key_map = index->key_map;
	index->model.directory_map = index->directory_map;
	status = omen_digests_begin(&index->model, &index->meta, count, arena);
	if (status != OMEN_OK)
		return status;
	for (uint32_t t = 0; t < omen_tails(&index->meta); t++)
	{
		OmenDirectoryEntry entry = {OMEN_NO_BLOCK, OMEN_NO_BLOCK, 0, 0};

		if (t % OMEN_DIRECTORY_PER_PAGE == 0)
		{
			index->directory_map[t / OMEN_DIRECTORY_PER_PAGE] = index->page_count;
			new_page(index, OMEN_PAGE_DIRECTORY, 1, t / OMEN_DIRECTORY_PER_PAGE);
		}
		memcpy(omen_page_body(page_at(index, index->page_count - 1)) +
			   (t % OMEN_DIRECTORY_PER_PAGE) * sizeof(entry), &entry, sizeof(entry));
	}
	for (uint32_t r = 0; r < count; r++)
	{
		OmenTid		tid = {(uint16_t) (r >> 16), (uint16_t) r, 1};
		uint32_t	slot = 0;

		point = (OmenPoint) {
			.vector = vectors + (size_t) r * padded,
			.lift_sq = lift_sq[r],
			.keys = keys_of(r, keys, key_room),
		};
		point.last = last[r];
		for (uint32_t side = 0; side <= *index->model.spilled; side++)
		{
			uint32_t	l = side ? second[r] : list[r];
			uint8_t    *posting = postings + (size_t) postings_count * posting_bytes;

			if (side == 0)
			{
				omen_ivf_encode(&index->model, &point, l, tid, scratch, record, posting);
				slot = store_record(index, record);
			}
			else
				omen_ivf_encode_posting(&index->model, &point, l, scratch, posting);
			memcpy(posting + posting_bytes - sizeof(slot), &slot, sizeof(slot));
			list_count[l]++;
			order[postings_count] = (OmenKeyed) {(float) l, postings_count};
			postings_count++;
		}
	}
	for (uint32_t r = 0; r < count; r++)
	{
		float		gap = metric == OMEN_INNER_PRODUCT ?
			bytes.extra[r] - __builtin_sqrtf(index->model.extra_sq[list[r]]) : 0.0f;

		omen_ivf_centroid(&index->model, list[r], scratch);
		spread[list[r]] += omen_simd->l2sq_f32(vectors + (size_t) r * padded, scratch, padded) + gap * gap;
		own_count[list[r]]++;
	}
	for (uint32_t l = 0; l < lists; l++)
		index->model.start[l].spread = own_count[l] ? (float) (spread[l] / own_count[l]) : 0.0f;

	/* Lists into packed pages. */
	omen_sort_keyed(order, postings_count);
	status = omen_packer_init(&packer, arena, padded, keys, emit_packed, index);
	for (uint32_t l = 0, r = 0; l < lists && status == OMEN_OK; l++)
	{
		status = omen_packer_list(&packer, &index->model.start[l].place);
		index->key_start[l] = packer.blocks;
		index->model.start[l].count = list_count[l];
		for (; r < postings_count && order[r].key == (float) l && status == OMEN_OK; r++)
		{
			const uint8_t *posting = postings + (size_t) order[r].value * posting_bytes;

			omen_digest_add(&index->model, l, posting + omen_sign_code_bytes(padded));
			status = omen_packer_add(&packer, posting);
		}
	}
	if (status == OMEN_OK)
		status = omen_packer_finish(&packer);
	if (status != OMEN_OK)
		return status;

	status = omen_calibrator_create(&calibrator, arena, &index->model, &queries);
	if (status == OMEN_OK && calibrator)
	{
		omen_calibrator_add(calibrator, &bytes, list, *index->model.spilled ? second : NULL, norm_sq, lift_sq);
		status = omen_calibrator_finish(calibrator, &index->model, arena);
	}
	return status;
}

static OmenDirectoryEntry *
directory_entry(MemoryIndex *index, uint32_t tail)
{
	uint8_t    *page = page_at(index, index->directory_map[tail / OMEN_DIRECTORY_PER_PAGE]);

	return (OmenDirectoryEntry *) omen_page_body(page) + tail % OMEN_DIRECTORY_PER_PAGE;
}

/* To its list's tail. */
static void
append_posting(MemoryIndex *index, uint32_t list, const uint8_t *posting, uint32_t slot)
{
	uint32_t	padded = index->model.dim_padded;
	uint32_t	keys = index->model.keys;
	uint32_t	posting_bytes = omen_posting_bytes(padded, keys);
	uint32_t	tail = list / index->meta.lists_per_tail;
	OmenDirectoryEntry *entry = directory_entry(index, tail);
	OmenPageTrailer *trailer;
	uint8_t    *at;

	if (entry->tail_last == OMEN_NO_BLOCK ||
		omen_page_trailer(page_at(index, entry->tail_last))->count == omen_postings_per_tail(padded, keys))
	{
		uint32_t	block = index->page_count;

		new_page(index, OMEN_PAGE_TAIL, index->meta.generation, tail);
		/* The pages may have moved. */
		entry = directory_entry(index, tail);
		if (entry->tail_last != OMEN_NO_BLOCK)
			omen_page_trailer(page_at(index, entry->tail_last))->next = block;
		else
			entry->tail_first = block;
		entry->tail_last = block;
		entry->tail_pages++;
		index->meta.has_tails = 1;
	}
	trailer = omen_page_trailer(page_at(index, entry->tail_last));
	at = omen_page_body(page_at(index, entry->tail_last)) +
		(size_t) trailer->count++ * omen_tail_posting_bytes(padded, keys);
	memcpy(at, posting, posting_bytes);
	memcpy(at + posting_bytes - sizeof(slot), &slot, sizeof(slot));
	memcpy(at + posting_bytes, &list, sizeof(list));
}

OmenStatus
memory_index_insert(MemoryIndex *index, const float *row, uint32_t number)
{
	uint32_t	padded = index->model.dim_padded;
	float	   *scratch = malloc(2 * (size_t) padded * sizeof(float));
	OmenPoint	point = {.vector = scratch + padded};
	OmenStatus	status;

	omen_ivf_point(&index->rotation, index->model.metric, index->model.mean, *index->model.lift_sq,
				   row, scratch, &point);
	status = memory_index_add(index, &point, number);
	free(scratch);
	return status;
}

OmenStatus
memory_index_add(MemoryIndex *index, const OmenPoint *point, uint32_t number)
{
	uint32_t	padded = index->model.dim_padded;
	uint32_t	keys = index->model.keys;
	uint32_t	posting_bytes = omen_posting_bytes(padded, keys);
	uint64_t	key_room[OMEN_KEYS_MAX];
	OmenPoint	keyed = *point;
	OmenArena	arena;
	OmenByteRows centroids;
	OmenByteRows row;
	OmenAssigner assigner;
	OmenRowRecord *record;
	uint8_t    *posting;
	float	   *scratch;
	uint32_t	list;
	uint32_t	second;
	uint32_t	slot;

	omen_arena_init(&arena);
	omen_ivf_model_assigner(&index->model, &arena, &centroids, &assigner);
	omen_byte_rows_init(&row, &arena, padded, 1, centroids.extra != NULL);
	scratch = omen_arena_alloc(&arena, omen_ivf_encode_scratch(padded), sizeof(float));
	record = omen_arena_alloc(&arena, 1, omen_row_bytes(padded, keys));
	posting = omen_arena_alloc(&arena, 1, posting_bytes);
	row.scale[0] = omen_bytes_from_floats(point->vector, padded, row.values);
	if (row.extra)
		row.extra[0] = omen_point_lift(point);
	if (*index->model.spilled)
		omen_spill_assign(&assigner, &row, &list, &second);
	else
		omen_assign(&assigner, &row, &list, NULL);
	keyed.keys = keys_of(number, keys, key_room);
	omen_ivf_encode(&index->model, &keyed, list,
					(OmenTid) {(uint16_t) (number >> 16), (uint16_t) number, 1}, scratch, record, posting);
	slot = store_record(index, record);
	append_posting(index, list, posting, slot);
	if (*index->model.spilled)
	{
		omen_ivf_encode_posting(&index->model, &keyed, second, scratch, posting);
		append_posting(index, second, posting, slot);
	}
	omen_arena_reset(&arena);
	return OMEN_OK;
}

void
memory_index_free(MemoryIndex *index)
{
	free(index->pages);
	omen_arena_reset(&index->arena);
}
