/*
 * hnsw_meta.c - the meta page of a graph; see omen/hnsw.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "omen/hnsw.h"

uint32_t
omen_hnsw_dim_max(OmenHnswForm form)
{
	switch (form)
	{
		case OMEN_HNSW_BITS:
			return 64000;
		case OMEN_HNSW_SPARSE:
			return 1000000000;
		default:
			return 16000;
	}
}

/* Whether metric and size of a payload are what this form has. */
static int
form_is_possible(const OmenHnswMeta *meta)
{
	uint32_t	dim = meta->dim;

	switch (meta->form)
	{
		case OMEN_HNSW_CODES:
			return meta->metric >= OMEN_L2 && meta->metric <= OMEN_COSINE && meta->kept == 0 &&
				meta->bits == omen_hnsw_code_bits(omen_dim_padded(dim), meta->m);
		case OMEN_HNSW_LEVELS:
			return meta->metric == OMEN_HNSW_L1 && meta->kept == 0 &&
				meta->bits == omen_hnsw_level_bits(dim, meta->m);
		case OMEN_HNSW_BITS:
			return (meta->metric == OMEN_HNSW_HAMMING || meta->metric == OMEN_HNSW_JACCARD) && meta->bits == 0 &&
				meta->kept == omen_hnsw_bytes_kept((dim + 7) / 8, meta->m);
		case OMEN_HNSW_SPARSE:
			return meta->metric >= OMEN_L2 && meta->metric <= OMEN_HNSW_L1 && meta->bits == 0 &&
				meta->kept > 0 && meta->kept <= OMEN_HNSW_ELEMENTS_MAX &&
				meta->kept == omen_hnsw_sparse_kept(meta->kept, meta->m);
		default:
			return 0;
	}
}

OmenStatus
omen_hnsw_meta_check(const void *page, OmenHnswMeta *meta, OmenError *err)
{
	const OmenPageTrailer *trailer = omen_page_trailer_const(page);

	memcpy(meta, omen_page_body_const(page), sizeof(*meta));
	if (trailer->magic != OMEN_PAGE_MAGIC || trailer->kind != OMEN_PAGE_META || meta->magic != OMEN_HNSW_MAGIC)
		return omen_fail(err, OMEN_CORRUPT, "its first block is not the meta page of an hnsw index");
	if (trailer->version != OMEN_PAGE_VERSION)
		return omen_fail(err, OMEN_UNSUPPORTED, "its pages have format version %u, this build reads %u",
						 trailer->version, OMEN_PAGE_VERSION);
	if (meta->version != OMEN_HNSW_VERSION)
		return omen_fail(err, OMEN_UNSUPPORTED, "it has format version %u, this build reads %u",
						 meta->version, OMEN_HNSW_VERSION);
	if (meta->form > OMEN_HNSW_SPARSE || meta->dim < 1 || meta->dim > omen_hnsw_dim_max((OmenHnswForm) meta->form) ||
		meta->m < 2 || meta->m > OMEN_GRAPH_M_MAX || meta->ef_construction < 1 || meta->ef_construction > 100000 ||
		!form_is_possible(meta) ||
		(meta->entry_number != OMEN_GRAPH_NONE && meta->entry_level > OMEN_GRAPH_LEVEL_MAX))
		return omen_fail(err, OMEN_CORRUPT, "its meta page holds impossible numbers");
	return OMEN_OK;
}
