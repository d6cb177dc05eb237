/*
 * ivfflat_lists.c - the lists of an index: meta page, mean, centroids.
 *
 * Lists are ranked in a space of their own: vectors less the rows' mean, or of
 * unit length unless the metric is L2, rotated at random, and in eight bits a
 * coordinate, as core/partition makes centroids.  Bit strings are too long
 * for that: those of more than SPACE_MAX bits are folded, each coordinate
 * being a sum of bits with random signs (count sketch: Charikar, Chen and
 * Farach-Colton, 2002), which keeps distances on average.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_am.h"
#include "am/ivfflat/ivfflat_am.h"
#include "omen/simd.h"
#include "page/foreign_index.h"
#include "utils/memutils.h"

/* halfvec's 4,000 dimensions, and a centroid of them fits a page twice. */
#define SPACE_MAX 4032
/* Centroids on a page begin where the kernels read fastest. */
#define CENTROIDS_AT (64 - OMEN_PAGE_HEAD_BYTES)

/* Indexes that a backend keeps buffer hints of; which ones have been used lately. */
#define HINTED_INDEXES 16

/* Where this backend found blocks of the index. */
static BufferHints *
buffer_hints(Relation index)
{
	static struct
	{
		char		file[sizeof(OMEN_RELATION_LOCATOR(index))];
		BufferHints hints;
		uint64		last_used;
	}			known[HINTED_INDEXES];
	static uint64 clock_tick;
	int			at = 0;
	bool		found = false;

	for (int i = 0; i < HINTED_INDEXES && !found; i++)
	{
		found = memcmp(known[i].file, &OMEN_RELATION_LOCATOR(index), sizeof(known[i].file)) == 0;
		if (found || known[i].last_used < known[at].last_used)
			at = i;
	}
	if (!found)
		buffer_hints_forget(&known[at].hints);
	/* Whoever still reads by hints of another index finds other pages there, and looks for its own. */
	memcpy(known[at].file, &OMEN_RELATION_LOCATOR(index), sizeof(known[at].file));
	known[at].hints.context = CacheMemoryContext;
	known[at].last_used = ++clock_tick;
	return &known[at].hints;
}

void
ivfflat_lists_init(IvfflatLists *lists, Relation index, const IvfflatMeta *meta)
{
	uint32		dim_padded;

	memset(lists, 0, sizeof(*lists));
	lists->index = index;
	lists->reader = (BlockReader) {index, 0, buffer_hints(index)};
	lists->type = ivfflat_type(index);
	lists->meta = *meta;
	lists->space_dim = Min(meta->dim, SPACE_MAX);
	ivf_arena_init(&lists->arena, CurrentMemoryContext);
	dim_padded = omen_dim_padded(lists->space_dim);
	lists->bytes = omen_arena_alloc(&lists->arena, dim_padded, 1);
	if (lists->bytes == NULL ||
		omen_rotation_init(&lists->rotation, &lists->arena, lists->space_dim, meta->seed) != OMEN_OK)
		index_page_report(index, OMEN_NO_MEMORY, "");
	lists->item_bytes = sizeof(IvfflatItem) + (meta->dim * meta->element_bits + 31) / 32 * 4;
	lists->items_per_page = OMEN_BODY_BYTES / lists->item_bytes;
	lists->lists_per_page = (OMEN_BODY_BYTES - CENTROIDS_AT) / (dim_padded + sizeof(IvfflatList));
	lists->list_block = 1 + (dim_padded * sizeof(float) + OMEN_BODY_BYTES - 1) / OMEN_BODY_BYTES;
	lists->products = palloc(lists->lists_per_page * sizeof(int32_t));
	lists->mean = palloc0(dim_padded * sizeof(float));
	lists->room = palloc(meta->dim * sizeof(float));
	lists->folded = palloc(lists->space_dim * sizeof(float));
	lists->scratch = palloc(dim_padded * sizeof(float));
	lists->point = palloc(dim_padded * sizeof(float));
}

static void
read_meta(Relation index, IvfflatMeta *meta)
{
	Buffer		buffer = ReadBuffer(index, OMEN_META_BLOCK);
	const IvfflatType *type = ivfflat_type(index);
	OmenError	err = {0};
	OmenStatus	status;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(meta, omen_page_body_const(BufferGetPage(buffer)), sizeof(*meta));
	status = omen_page_check(BufferGetPage(buffer), OMEN_META_BLOCK, OMEN_PAGE_META, 0, &err);
	UnlockReleaseBuffer(buffer);
	if (status != OMEN_OK && foreign_index(index))
		foreign_index_refuse(index);
	if (status == OMEN_OK && meta->magic != IVFFLAT_MAGIC)
		status = omen_fail(&err, OMEN_CORRUPT, "its first block is not the meta page of an ivfflat index");
	else if (status == OMEN_OK && meta->version != IVFFLAT_VERSION)
		status = omen_fail(&err, OMEN_UNSUPPORTED, "it has format version %u, this build reads %u",
						   meta->version, IVFFLAT_VERSION);
	else if (status == OMEN_OK &&
			 (meta->dim < 1 || meta->dim > type->dim_max || meta->element_bits != type->element_bits ||
			  meta->metric != (uint32) type->metric || meta->lists < 1 || meta->lists > IVFFLAT_LISTS_MAX))
		status = omen_fail(&err, OMEN_CORRUPT, "its meta page holds impossible numbers");
	if (status != OMEN_OK)
		index_page_report(index, status, err.text);
}

static Buffer
read_checked(IvfflatLists *lists, BlockNumber block, OmenPageKind kind, uint32 list, int lock)
{
	Buffer		buffer = block_reader_lock(&lists->reader, block);
	const char *page;
	OmenError	err = {0};
	OmenStatus	status;

	if (!BufferIsValid(buffer))
		index_page_report(lists->index, OMEN_CORRUPT, "a list leads nowhere");
	if (lock != BUFFER_LOCK_SHARE)
	{
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		LockBuffer(buffer, lock);
	}
	page = BufferGetPage(buffer);
	status = omen_page_check(page, block, kind, IVFFLAT_GENERATION, &err);
	if (status == OMEN_OK && omen_page_trailer_const(page)->list != list)
		status = omen_fail(&err, OMEN_CORRUPT, "block %u is not where it belongs", block);
	if (status != OMEN_OK)
	{
		UnlockReleaseBuffer(buffer);
		index_page_report(lists->index, OMEN_CORRUPT, err.text);
	}
	return buffer;
}

void
ivfflat_lists_open(IvfflatLists *lists, Relation index)
{
	IvfflatMeta meta;
	uint32		left;

	read_meta(index, &meta);
	ivfflat_lists_init(lists, index, &meta);
	left = lists->rotation.dim_padded * sizeof(float);
	for (uint32 sequence = 0; left > 0; sequence++)
	{
		uint32		take = Min(left, OMEN_BODY_BYTES);
		Buffer		buffer = read_checked(lists, 1 + sequence, OMEN_PAGE_MODEL, sequence, BUFFER_LOCK_SHARE);

		memcpy((char *) lists->mean + (size_t) sequence * OMEN_BODY_BYTES,
			   omen_page_body_const(BufferGetPage(buffer)), take);
		UnlockReleaseBuffer(buffer);
		left -= take;
	}
}

/* ---- vectors ---- */

const void *
ivfflat_elements(const IvfflatLists *lists, Datum detoasted)
{
	uint32		dim;
	const void *elements = lists->type->elements(detoasted, &dim);

	if (dim != lists->meta.dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vector dimensions %u and %u", lists->meta.dim, dim)));
	return elements;
}

float
ivfflat_inverse_length(const IvfflatLists *lists, const void *elements)
{
	double		norm_sq = lists->type->norm_sq(elements, lists->meta.dim);

	return norm_sq > 0 ? (float) (1 / sqrt(norm_sq)) : 0;
}

void
ivfflat_to_point(IvfflatLists *lists, const void *elements)
{
	uint32		dim = lists->meta.dim;
	float	   *in = lists->room;

	lists->type->floats(elements, dim, in);
	if (dim > lists->space_dim)
	{
		memset(lists->folded, 0, lists->space_dim * sizeof(float));
		for (uint32 i = 0; i < dim; i++)
			lists->folded[i % lists->space_dim] += (i * UINT32_C(2654435761)) >> 31 ? in[i] : -in[i];
		in = lists->folded;
	}
	if (lists->type->metric != OMEN_L2)
	{
		float		inverse = ivfflat_inverse_length(lists, elements);

		for (uint32 i = 0; i < dim; i++)
			in[i] *= inverse;
	}
	omen_rotation_apply(&lists->rotation, in, lists->point, lists->scratch);
	for (uint32 d = 0; d < lists->rotation.dim_padded; d++)
		lists->point[d] -= lists->mean[d];
}

void
ivfflat_make_item(const IvfflatLists *lists, const void *elements, ItemPointer tid, IvfflatItem *item)
{
	uint32		bytes = (lists->meta.dim * lists->meta.element_bits + 7) / 8;

	memset(item, 0, lists->item_bytes);
	item->tid = ivf_tid(tid);
	if (lists->type->metric == OMEN_COSINE)
		item->inverse = ivfflat_inverse_length(lists, elements);
	memcpy(item + 1, elements, bytes);
}

float
ivfflat_distance(const IvfflatLists *lists, const void *query, float query_inverse, const IvfflatItem *item)
{
	float		distance = lists->type->measure(query, item + 1, lists->meta.dim);

	/* The cosine of a zero vector is not a number, which PostgreSQL sorts last. */
	if (lists->type->metric == OMEN_COSINE)
		distance = item->inverse > 0 && query_inverse > 0 ? distance * item->inverse * query_inverse : INFINITY;
	return isnan(distance) ? INFINITY : distance;
}

/* ---- pages ---- */

int8_t *
ivfflat_centroid_at(const IvfflatLists *lists, char *page, uint32 place)
{
	return (int8_t *) omen_page_body(page) + CENTROIDS_AT + (size_t) place * lists->rotation.dim_padded;
}

IvfflatList *
ivfflat_list_at(const IvfflatLists *lists, char *page, uint32 place)
{
	return (IvfflatList *) ivfflat_centroid_at(lists, page, lists->lists_per_page) + place;
}

Buffer
ivfflat_list_page(IvfflatLists *lists, uint32 list, int lock, uint32 *place)
{
	uint32		sequence = list / lists->lists_per_page;

	*place = list % lists->lists_per_page;
	return read_checked(lists, lists->list_block + sequence, OMEN_PAGE_DIRECTORY, sequence, lock);
}

Buffer
ivfflat_read_items(IvfflatLists *lists, uint32 list, BlockNumber block, int lock)
{
	Buffer		buffer = read_checked(lists, block, OMEN_PAGE_LIST, list, lock);

	if (omen_page_trailer(BufferGetPage(buffer))->count > lists->items_per_page)
	{
		UnlockReleaseBuffer(buffer);
		index_page_report(lists->index, OMEN_CORRUPT, "a page has more rows than it can hold");
	}
	return buffer;
}

void
ivfflat_rank(IvfflatLists *lists, uint32 want, OmenKeyed *order, uint32 *firsts)
{
	uint32		dim = lists->rotation.dim_padded;
	float		scale = omen_bytes_from_floats(lists->point, dim, lists->bytes);

	for (uint32 list = 0; list < lists->meta.lists;)
	{
		uint32		place;
		uint32		count = Min(lists->meta.lists - list, lists->lists_per_page);
		Buffer		buffer = ivfflat_list_page(lists, list, BUFFER_LOCK_SHARE, &place);
		char	   *page = BufferGetPage(buffer);
		const IvfflatList *entry = ivfflat_list_at(lists, page, 0);

		if (list + count < lists->meta.lists)
			block_reader_expect(&lists->reader, BufferGetBlockNumber(buffer) + 1, OMEN_PAGE_HEAD_BYTES,
								OMEN_BODY_BYTES);
		omen_simd->dots_i8(lists->bytes, 1, ivfflat_centroid_at(lists, page, 0), count, dim, lists->products, count);
		for (uint32 i = 0; i < count; i++, list++, entry++)
		{
			float		distance = entry->norm_sq - 2 * scale * entry->scale * lists->products[i];

			order[list] = (OmenKeyed) {isnan(distance) ? INFINITY : distance, list};
			firsts[list] = entry->first;
		}
		UnlockReleaseBuffer(buffer);
	}
	omen_select_least(order, lists->meta.lists, want);
	omen_sort_keyed(order, want);
}
