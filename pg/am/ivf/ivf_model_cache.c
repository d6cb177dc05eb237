/*
 * ivf_model_cache.c - the meta page, and the models this backend keeps.
 *
 * A model is read whole, once, into memory that all backends share, and kept for
 * later scans and inserts: 200 bytes a list at 1,536 dimensions for ranking and 1,536 for the
 * few lists measured, which through the buffer manager would cost more pins a
 * query than everything else together.  It is known by the index's identity
 * (random, from its build) and generation, so no invalidation has to reach it:
 * a rebuilt index has another identity, rewritten lists another generation.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivf/ivf_am.h"
#include "miscadmin.h"
#include "page/shared_room.h"
#include "utils/memutils.h"

/* Models that this backend does not use are kept up to this many bytes, shared ones in full. */
#define KEPT_BYTES_MAX ((Size) 256 * 1024 * 1024)

static IvfModel *models;
static uint64 clock_tick;

/* ---- arenas ---- */

static void *
arena_alloc(void *context, size_t bytes)
{
	return MemoryContextAllocExtended((MemoryContext) context, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void
arena_free(void *context, void *memory)
{
	pfree(memory);
}

void
ivf_arena_init(OmenArena *arena, MemoryContext context)
{
	*arena = (OmenArena) {arena_alloc, arena_free, context, NULL};
}

/* ---- the meta page ---- */

void
ivf_read_meta(Relation index, OmenIvfMeta *meta)
{
	Buffer		buffer = ReadBuffer(index, OMEN_META_BLOCK);
	OmenError	err;
	OmenStatus	status;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	status = omen_ivf_meta_check(BufferGetPage(buffer), meta, &err);
	UnlockReleaseBuffer(buffer);
	if (status == OMEN_OK && meta->keys != ivf_key_count(index))
		status = omen_fail(&err, OMEN_CORRUPT, "its meta page names another number of columns");
	if (status != OMEN_OK)
		index_page_report(index, status, err.text);
}

/* ---- reading a model ---- */

/* Pages of a model that are asked for ahead: mostly they lie one behind another. */
#define MODEL_AHEAD 64

/* Follows the chain; false when a page is not of this generation (any more). */
static bool
read_chain(Relation index, const OmenIvfMeta *meta, uint8 *bytes, size_t byte_count, OmenError *err)
{
	BlockNumber block = meta->model_block;
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	BlockNumber ahead = block;
	size_t		done = 0;

	for (uint32 sequence = 0; done < byte_count; sequence++)
	{
		Buffer		buffer;
		const OmenPageTrailer *trailer;
		OmenStatus	status;
		uint32		count;

		if (block >= blocks)
		{
			omen_fail(err, OMEN_STALE, "its model ends early");
			return false;
		}
		/* The chain has gone elsewhere. */
		if (block >= ahead || ahead - block > MODEL_AHEAD)
			ahead = block;
		while (ahead < blocks && ahead - block < Min(MODEL_AHEAD, (byte_count - done) / OMEN_BODY_BYTES + 1))
			PrefetchBuffer(index, MAIN_FORKNUM, ahead++);
		buffer = ReadBuffer(index, block);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		trailer = omen_page_trailer_const(BufferGetPage(buffer));
		status = omen_page_check(BufferGetPage(buffer), block, OMEN_PAGE_MODEL, meta->generation, err);
		count = trailer->count;
		if (status == OMEN_OK &&
			(trailer->list != sequence || count == 0 || count > OMEN_BODY_BYTES || count > byte_count - done))
			status = omen_fail(err, OMEN_STALE, "block %u is not the next page of its model", block);
		if (status != OMEN_OK)
		{
			UnlockReleaseBuffer(buffer);
			return false;
		}
		memcpy(bytes + done, omen_page_body_const(BufferGetPage(buffer)), count);
		done += count;
		block = trailer->next;
		UnlockReleaseBuffer(buffer);
	}
	return true;
}

static size_t
bytes_of_model(const OmenIvfMeta *meta)
{
	return omen_ivf_model_bytes(meta->dim, meta->lists) + omen_ivf_map_bytes(meta);
}

/* Into so many bytes, unless there is no memory. */
static OmenStatus
read_into(Relation index, const OmenIvfMeta *meta, uint8 *bytes, OmenIvfModel *view, OmenError *err)
{
	if (bytes == NULL)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory while reading a model");
	if (!read_chain(index, meta, bytes, bytes_of_model(meta), err))
		return OMEN_STALE;
	return omen_ivf_model_open(view, bytes, bytes_of_model(meta), meta, err);
}

OmenStatus
ivf_read_model(Relation index, const OmenIvfMeta *meta, OmenArena *arena, OmenIvfModel *view, OmenError *err)
{
	return read_into(index, meta, omen_arena_alloc(arena, 1, bytes_of_model(meta)), view, err);
}

/* The same from shared memory, read into it when nobody has, or from the arena's. */
static OmenStatus
share_model(Relation index, const OmenIvfMeta *meta, OmenArena *arena, IvfModel *model, OmenError *err)
{
	SharedRoomKey key = {SHARED_MODEL, {MyDatabaseId, (uint32) (meta->identity >> 32), (uint32) meta->identity,
	meta->generation, meta->calibrations}};
	SharedRoom *shared = NULL;
	OmenStatus	status = OMEN_OK;
	bool		ready;

	if (!RelationUsesLocalBuffers(index))
		shared = shared_room_take(&key, bytes_of_model(meta), model->context, &ready);
	if (shared == NULL)
		return ivf_read_model(index, meta, arena, &model->view, err);
	if (!ready)
	{
		status = read_into(index, meta, shared_room_memory(shared), &model->view, err);
		if (status != OMEN_OK)
			return status;
		shared_room_publish(shared);
	}
	model->shared_bytes = bytes_of_model(meta);
	return omen_ivf_model_open(&model->view, shared_room_memory(shared), bytes_of_model(meta), meta, err);
}

static IvfModel *
load_model(Relation index, OmenIvfMeta *meta)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf model", ALLOCSET_SMALL_SIZES);
	IvfModel   *model = MemoryContextAllocZero(context, sizeof(IvfModel));
	OmenError	err;
	OmenStatus	status = OMEN_STALE;
	OmenArena	arena;

	model->context = context;
	model->hints.context = model->row_hints.table.context = model->row_hints.toast.context = context;
	ivf_arena_init(&arena, context);
	for (int attempt = 0; attempt < 3 && status == OMEN_STALE; attempt++)
	{
		/* Rewritten since *meta was read, perhaps: once more from the start. */
		if (attempt > 0)
			ivf_read_meta(index, meta);
		status = share_model(index, meta, &arena, model, &err);
	}
	if (status == OMEN_OK)
		status = omen_rotation_init(&model->rotation, &arena, meta->dim, meta->seed);
	if (status == OMEN_OK)
		model->rotation.unit = *model->view.unit;
	if (status != OMEN_OK)
	{
		MemoryContextDelete(context);
		index_page_report(index, status, err.text);
	}
	model->identity = meta->identity;
	model->generation = meta->generation;
	model->calibrations = meta->calibrations;
	/* Only now may it outlive an error. */
	MemoryContextSetParent(context, CacheMemoryContext);
	return model;
}

/* ---- keeping models ---- */

static void
forget_surplus(void)
{
	for (;;)
	{
		Size		kept = 0;
		IvfModel  **oldest = NULL;

		for (IvfModel **link = &models; *link != NULL; link = &(*link)->next)
			if ((*link)->users == 0)
			{
				kept += MemoryContextMemAllocated((*link)->context, true) + (*link)->shared_bytes;
				if (oldest == NULL || (*link)->last_used < (*oldest)->last_used)
					oldest = link;
			}
		if (oldest == NULL || (kept <= KEPT_BYTES_MAX && (*oldest)->last_used > 0))
			return;
		{
			IvfModel   *model = *oldest;

			*oldest = model->next;
			MemoryContextDelete(model->context);
		}
	}
}

static void
release_model(void *arg)
{
	((IvfModel *) arg)->users--;
}

IvfModel *
ivf_model(Relation index, OmenIvfMeta *meta, MemoryContext holder)
{
	IvfModel   *model;
	MemoryContextCallback *callback;

	for (model = models; model != NULL; model = model->next)
		if (model->identity == meta->identity && model->generation == meta->generation &&
			model->calibrations == meta->calibrations)
			break;
	if (model == NULL)
	{
		/*
		 * An older generation or calibration of this index will not be asked for
		 * again by anyone who starts now: it goes when its scans have ended.
		 */
		for (IvfModel *old = models; old != NULL; old = old->next)
			if (old->identity == meta->identity)
				old->last_used = 0;
		model = load_model(index, meta);
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

OmenAssigner *
ivf_assigner(Relation index, IvfModel *model)
{
	if (model->assigner == NULL)
	{
		OmenByteRows *centroids = MemoryContextAllocZero(model->context, sizeof(OmenByteRows));
		OmenAssigner *assigner = MemoryContextAllocZero(model->context, sizeof(OmenAssigner));
		OmenArena	arena;

		ivf_arena_init(&arena, model->context);
		if (omen_ivf_model_assigner(&model->view, &arena, centroids, assigner) != OMEN_OK)
		{
			omen_arena_reset(&arena);
			index_page_report(index, OMEN_NO_MEMORY, "");
		}
		model->assigner = assigner;
	}
	return model->assigner;
}

/* ---- searches ---- */

/* A search's memory is kept for the next one unless it has grown beyond this. */
#define IDLE_BYTES_MAX ((Size) 4 * 1024 * 1024)

typedef struct IvfSearchRoom
{
	IvfModel   *model;
	MemoryContext context;
	OmenArena	arena;
	OmenIvfSearch search;
} IvfSearchRoom;

/* Callbacks run last registered first: the model is still held. */
static void
release_search(void *arg)
{
	IvfSearchRoom *room = arg;

	if (room->model->idle == NULL && MemoryContextMemAllocated(room->context, false) <= IDLE_BYTES_MAX)
		room->model->idle = room;
	else
		MemoryContextDelete(room->context);
}

OmenIvfSearch *
ivf_search(Relation index, IvfModel *model, const OmenIvfMeta *meta, OmenPageStore store, MemoryContext holder)
{
	IvfSearchRoom *room = model->idle;
	MemoryContextCallback *callback;

	if (room == NULL)
	{
		MemoryContext context = AllocSetContextCreate(model->context, "ivf search", ALLOCSET_DEFAULT_SIZES);

		room = MemoryContextAllocZero(context, sizeof(IvfSearchRoom));
		room->model = model;
		room->context = context;
		ivf_arena_init(&room->arena, context);
		if (omen_ivf_search_init(&room->search, &room->arena, &model->view, meta, store) != OMEN_OK)
		{
			MemoryContextDelete(context);
			index_page_report(index, OMEN_NO_MEMORY, "");
		}
	}
	callback = MemoryContextAlloc(holder, sizeof(MemoryContextCallback));
	callback->func = release_search;
	callback->arg = room;
	MemoryContextRegisterResetCallback(holder, callback);
	model->idle = NULL;
	room->search.meta = *meta;
	room->search.store = store;
	return &room->search;
}

/* ---- writing a model ---- */

/* A stream of bytes over new MODEL pages, each linked to the next. */
typedef struct ModelStream
{
	Relation	index;
	ForkNumber	fork;
	bool		log;
	uint32		generation;
	uint32		sequence;
	Buffer		buffer;			/* the page to be filled, locked; not yet written */
	uint32		first_block;
	uint32		used;
	PGAlignedBlock page;
} ModelStream;

static void
stream_page_out(ModelStream *stream, bool last)
{
	Buffer		next = last ? InvalidBuffer : index_page_new(stream->index, stream->fork);
	OmenPageTrailer *trailer = omen_page_trailer(stream->page.data);

	index_page_set_used(stream->page.data, stream->used);
	trailer->count = stream->used;
	trailer->next = last ? OMEN_NO_BLOCK : BufferGetBlockNumber(next);
	index_page_write(stream->index, stream->buffer, stream->log, stream->page.data);
	index_page_init(stream->page.data, OMEN_PAGE_MODEL, stream->generation, ++stream->sequence);
	stream->buffer = next;
	stream->used = 0;
}

static void
stream_put(ModelStream *stream, const void *bytes, size_t count)
{
	while (count > 0)
	{
		uint32		room = OMEN_BODY_BYTES - stream->used;
		uint32		take = count < room ? (uint32) count : room;

		if (room == 0)
		{
			stream_page_out(stream, false);
			continue;
		}
		memcpy(omen_page_body(stream->page.data) + stream->used, bytes, take);
		stream->used += take;
		bytes = (const uint8 *) bytes + take;
		count -= take;
	}
}

void
ivf_write_model(Relation index, ForkNumber fork, bool log, const OmenIvfModel *model, OmenIvfMeta *meta)
{
	ModelStream *stream = palloc0(sizeof(ModelStream));

	stream->index = index;
	stream->fork = fork;
	stream->log = log;
	stream->generation = meta->generation;
	stream->buffer = index_page_new(index, fork);
	index_page_init(stream->page.data, OMEN_PAGE_MODEL, meta->generation, 0);
	meta->model_block = BufferGetBlockNumber(stream->buffer);
	stream_put(stream, model->bytes, model->byte_count);
	if (meta->keys > 0)
		stream_put(stream, model->digests.low, omen_digest_bytes(model->lists, model->keys, model->digests.words));
	if (meta->packed_pages > 0)
		stream_put(stream, model->packed_map, (size_t) meta->packed_pages * sizeof(uint32));
	stream_put(stream, model->directory_map, omen_directory_pages(omen_tails(meta)) * sizeof(uint32));
	if (meta->keys > 0)
		stream_put(stream, model->key_start, (size_t) model->lists * sizeof(uint32));
	if (meta->key_pages > 0)
		stream_put(stream, model->key_map, (size_t) meta->key_pages * sizeof(uint32));
	stream_page_out(stream, true);
	pfree(stream);
}
