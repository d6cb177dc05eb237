/*
 * ivf_model_fuzz.c - a model whose bytes are damaged, opened and used.
 *
 * The first bytes choose its shape; the rest are laid over a valid model, a
 * place and a value at a time.  Whatever opens must be usable without harm.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "omen/ivf.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No page exists: reading a list ends at its first. */
static const void *
read_nothing(void *context, uint32_t block, uintptr_t *handle)
{
	return NULL;
}

static void
release_nothing(void *context, uintptr_t handle)
{
	abort();
}

static OmenStatus
take_nothing(void *context, uint32_t list, const uint8_t *posting)
{
	abort();
}

static void
use_model(OmenIvfModel *model, const OmenIvfMeta *meta, OmenArena *arena)
{
	OmenCodeQuery query;
	OmenRanking ranking;
	OmenError	err;

	if (omen_code_query_init(&query, arena, model->dim_padded) != OMEN_OK ||
		omen_ranking_init(&ranking, arena, model) != OMEN_OK)
		abort();
	for (uint32_t d = 0; d < model->dim_padded; d++)
		query.vector[d] = (float) d / 16 - 2;
	omen_code_query_prepare(&query);
	omen_ranking_begin(&ranking, model, &query);
	for (uint32_t want = 1; ranking.ready < model->lists; want *= 3)
		omen_ranking_extend(&ranking, model, &query, want);
	for (uint32_t r = 0; r < model->lists; r++)
		if (ranking.ranks[r].list >= model->lists)
			abort();
	for (uint32_t k = 1; k <= 1000; k *= 10)
		for (uint32_t percent = 50; percent <= 100; percent += 5)
		{
			OmenIvfEffort effort = omen_ivf_effort(model, k, percent / 100.0, (int) percent % 2);

			if (effort.probes < 1 || effort.probes > model->lists || effort.stop_z != effort.stop_z ||
				effort.patience > model->lists || effort.lists > model->lists)
				abort();
		}
	for (uint32_t l = 0; l < model->lists; l++)
	{
		omen_ivf_centroid(model, l, query.vector);
		omen_ivf_unpack(model, meta, (OmenPageStore) {read_nothing, release_nothing, NULL, NULL}, arena, l,
						take_nothing, NULL, &err);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OmenIvfMeta meta = {.magic = OMEN_META_MAGIC, .version = OMEN_META_VERSION};
	OmenIvfModel model;
	OmenArena	arena;
	OmenError	err;
	size_t		byte_count;
	uint8_t    *bytes;

	if (size < 5)
		return 0;
	meta.dim = 1 + data[0] % 130;
	meta.lists = 1 + data[1] % 70;
	meta.lists_per_tail = 1 + data[1] / 70 % meta.lists;
	meta.packed_pages = data[2];
	meta.metric = 1 + data[3] % 3;
	byte_count = omen_ivf_model_bytes(meta.dim, meta.lists) +
		(meta.packed_pages + omen_directory_pages(omen_tails(&meta))) * sizeof(uint32_t);
	omen_arena_init(&arena);
	/* Memory that ends where the bytes do, so that AddressSanitizer sees what reads past them. */
	bytes = aligned_alloc(64, (byte_count + 63) / 64 * 64 + 64);
	memset(bytes, 0, (byte_count + 63) / 64 * 64 + 64);
	omen_ivf_model_create(&model, bytes, meta.dim, meta.lists, (OmenMetric) meta.metric);
	/* Some inputs are of another length. */
	if (data[4] % 8 == 0)
		byte_count -= data[4] < byte_count ? data[4] : byte_count;
	model.calibration->queries = 100;
	for (size_t i = 5; i + 4 <= size; i += 4)
	{
		size_t		at = ((size_t) data[i] << 16 | (size_t) data[i + 1] << 8 | data[i + 2]) % (byte_count + 1);

		bytes[at] ^= data[i + 3];
	}
	if (omen_ivf_model_open(&model, bytes, byte_count, &meta, &err) == OMEN_OK)
		use_model(&model, &meta, &arena);
	else if (err.status == OMEN_OK || err.text[0] == '\0')
		abort();
	omen_arena_reset(&arena);
	free(bytes);
	return 0;
}
