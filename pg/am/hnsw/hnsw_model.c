/*
 * hnsw_model.c - the meta page, and what never changes about an index, as this
 * backend keeps it: rotation and mean, which every vector passes through.
 *
 * Known by the index's identity, random from its build, so no invalidation has
 * to reach it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/hnsw/hnsw_am.h"
#include "page/foreign_index.h"
#include "utils/memutils.h"

/* Models nobody uses are kept up to this number; one is at most a few hundred kilobytes. */
#define KEPT_MAX 32

static HnswModel *models;
static uint64 clock_tick;

void
hnsw_read_meta(Relation index, OmenHnswMeta *meta)
{
	Buffer		buffer = ReadBuffer(index, OMEN_META_BLOCK);
	OmenError	err;
	OmenStatus	status;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	status = omen_hnsw_meta_check(BufferGetPage(buffer), meta, &err);
	UnlockReleaseBuffer(buffer);
	if (status != OMEN_OK && foreign_index(index))
		foreign_index_refuse(index);
	if (status != OMEN_OK)
		index_page_report(index, status, err.text);
}

void
hnsw_meta_shape(OmenHnswMeta *meta)
{
	if (meta->form == OMEN_HNSW_CODES)
		meta->bits = omen_hnsw_code_bits(omen_dim_padded(meta->dim), meta->m);
	else if (meta->form == OMEN_HNSW_LEVELS)
		meta->bits = omen_hnsw_level_bits(meta->dim, meta->m);
	else if (meta->form == OMEN_HNSW_BITS)
		meta->kept = omen_hnsw_bytes_kept((meta->dim + 7) / 8, meta->m);
	else
		meta->kept = omen_hnsw_sparse_kept(HNSW_ELEMENTS_UNKNOWN, meta->m);
}

/* What rows become, and how that is measured. */
static void
set_form(Relation index, HnswModel *model, const OmenHnswMeta *meta)
{
	OmenArena	arena;

	switch (model->form)
	{
		case OMEN_HNSW_LEVELS:
			model->levels = (OmenHnswLevels) {meta->dim, meta->bits};
			model->space = omen_hnsw_levels_space(&model->levels);
			return;
		case OMEN_HNSW_BITS:
			model->bits = (OmenHnswBits) {(meta->dim + 7) / 8, meta->kept, meta->metric};
			model->space = omen_hnsw_bits_space(&model->bits);
			return;
		case OMEN_HNSW_SPARSE:
			model->sparse = (OmenHnswSparse) {meta->kept, meta->metric, meta->lift_sq};
			model->space = omen_hnsw_sparse_space(&model->sparse);
			return;
		case OMEN_HNSW_CODES:
			break;
	}
	model->codes = (OmenHnswCodes) {omen_dim_padded(meta->dim), meta->bits};
	model->space = omen_hnsw_space(&model->codes);
	model->mean_bytes = model->codes.dim_padded * sizeof(float);
	ivf_arena_init(&arena, model->context);
	model->mean = omen_arena_zero(&arena, model->codes.dim_padded, sizeof(float));
	model->zeros = omen_arena_zero(&arena, model->codes.dim_padded, sizeof(float));
	if (model->mean == NULL || model->zeros == NULL ||
		omen_rotation_init(&model->rotation, &arena, meta->dim, meta->seed) != OMEN_OK)
		index_page_report(index, OMEN_NO_MEMORY, "");
}

HnswModel *
hnsw_model_new(Relation index, const OmenHnswMeta *meta, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "hnsw model", ALLOCSET_SMALL_SIZES);
	HnswModel  *model = MemoryContextAllocZero(context, sizeof(HnswModel));

	model->context = context;
	model->places.context = model->hints.table.context = model->hints.toast.context = context;
	model->identity = meta->identity;
	model->form = (OmenHnswForm) meta->form;
	model->metric = meta->metric;
	model->dim = meta->dim;
	model->m = meta->m;
	model->ef_construction = meta->ef_construction;
	model->lift_sq = meta->lift_sq;
	set_form(index, model, meta);
	model->item_bytes[OMEN_HNSW_NODES] = omen_graph_node_bytes(meta->m, 0, model->space.payload_bytes);
	model->item_bytes[OMEN_HNSW_UPPER] = omen_graph_node_bytes(meta->m, 1, model->space.payload_bytes);
	model->item_bytes[OMEN_HNSW_ROWS] = sizeof(OmenGraphRows);
	for (int kind = 0; kind < OMEN_HNSW_PLACES; kind++)
		model->per_page[kind] = omen_hnsw_per_page(model->item_bytes[kind]);
	return model;
}

static void
read_mean(Relation index, HnswModel *model)
{
	uint32		left = model->mean_bytes;
	BlockNumber blocks = RelationGetNumberOfBlocks(index);

	for (uint32 sequence = 0; left > 0; sequence++)
	{
		uint32		take = Min(left, OMEN_BODY_BYTES);
		Buffer		buffer;
		OmenError	err;
		OmenStatus	status;

		if (sequence + 1 >= blocks)
			index_page_report(index, OMEN_CORRUPT, "its mean ends early");
		buffer = ReadBuffer(index, sequence + 1);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		status = omen_page_check(BufferGetPage(buffer), sequence + 1, OMEN_PAGE_MODEL, OMEN_HNSW_GENERATION, &err);
		memcpy((char *) model->mean + (size_t) sequence * OMEN_BODY_BYTES,
			   omen_page_body_const(BufferGetPage(buffer)), take);
		UnlockReleaseBuffer(buffer);
		if (status != OMEN_OK)
			index_page_report(index, status, err.text);
		left -= take;
	}
}

static void
forget_surplus(void)
{
	for (;;)
	{
		int			kept = 0;
		HnswModel **oldest = NULL;
		HnswModel  *model;

		for (HnswModel **link = &models; *link != NULL; link = &(*link)->next)
			if ((*link)->users == 0)
			{
				kept++;
				if (oldest == NULL || (*link)->last_used < (*oldest)->last_used)
					oldest = link;
			}
		if (kept <= KEPT_MAX)
			return;
		model = *oldest;
		*oldest = model->next;
		MemoryContextDelete(model->context);
	}
}

static void
release_model(void *arg)
{
	((HnswModel *) arg)->users--;
}

/* Possible numbers may still be those of an index over other vectors, read by which a datum is anything. */
static void
check_kind(Relation index, const OmenHnswMeta *meta)
{
	const HnswType *type = hnsw_type(index);

	if (meta->form != (uint32) type->form || meta->metric != type->metric || meta->dim != hnsw_dimensions(index))
		index_page_report(index, OMEN_CORRUPT, "its meta page is that of an index over other vectors");
}

HnswModel *
hnsw_model(Relation index, const OmenHnswMeta *meta, MemoryContext holder)
{
	HnswModel  *model;
	MemoryContextCallback *callback;

	check_kind(index, meta);
	for (model = models; model != NULL; model = model->next)
		if (model->identity == meta->identity)
			break;
	if (model == NULL)
	{
		model = hnsw_model_new(index, meta, CurrentMemoryContext);
		read_mean(index, model);
		/* Only now may it outlive an error. */
		MemoryContextSetParent(model->context, CacheMemoryContext);
		model->next = models;
		models = model;
	}
	model->last_used = ++clock_tick;
	callback = MemoryContextAlloc(holder, sizeof(MemoryContextCallback));
	callback->func = release_model;
	callback->arg = model;
	MemoryContextRegisterResetCallback(holder, callback);
	model->users++;
	forget_surplus();
	return model;
}
