/*
 * page.c - making and checking pages; see omen/page.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "omen/ivf.h"
#include "omen/page.h"
#include "omen/rotation.h"

void
omen_page_init(void *page, OmenPageKind kind, uint32_t generation, uint32_t list)
{
	OmenPageTrailer *trailer = omen_page_trailer(page);

	memset(omen_page_body(page), 0, OMEN_BODY_BYTES);
	*trailer = (OmenPageTrailer) {
		.generation = generation,
		.next = OMEN_NO_BLOCK,
		.list = list,
		.kind = (uint16_t) kind,
		.version = OMEN_PAGE_VERSION,
		.magic = OMEN_PAGE_MAGIC,
	};
}

OmenStatus
omen_page_check(const void *page, uint32_t block, OmenPageKind kind, uint32_t generation, OmenError *err)
{
	const OmenPageTrailer *trailer = omen_page_trailer_const(page);

	if (trailer->magic != OMEN_PAGE_MAGIC)
		return omen_fail(err, OMEN_CORRUPT, "block %u is not a page of an OmenDB index", block);
	if (trailer->version != OMEN_PAGE_VERSION)
		return omen_fail(err, OMEN_UNSUPPORTED, "block %u has page format version %u, this build reads %u",
						 block, trailer->version, OMEN_PAGE_VERSION);
	if (trailer->kind != kind || trailer->generation != generation)
		return omen_fail(err, OMEN_STALE,
						 "block %u is of kind %u, generation %u where kind %u, generation %u was expected",
						 block, trailer->kind, trailer->generation, (unsigned) kind, generation);
	return OMEN_OK;
}

OmenStatus
omen_ivf_meta_check(const void *page, OmenIvfMeta *meta, OmenError *err)
{
	memcpy(meta, omen_page_body_const(page), sizeof(*meta));
	if (omen_page_trailer_const(page)->magic != OMEN_PAGE_MAGIC ||
		omen_page_trailer_const(page)->kind != OMEN_PAGE_META || meta->magic != OMEN_META_MAGIC)
		return omen_fail(err, OMEN_CORRUPT, "its first block is not the meta page of an ivf index");
	if (omen_page_trailer_const(page)->version != OMEN_PAGE_VERSION)
		return omen_fail(err, OMEN_UNSUPPORTED, "its pages have format version %u, this build reads %u",
						 omen_page_trailer_const(page)->version, OMEN_PAGE_VERSION);
	if (meta->version != OMEN_META_VERSION)
		return omen_fail(err, OMEN_UNSUPPORTED, "it has format version %u, this build reads %u",
						 meta->version, OMEN_META_VERSION);
	if (meta->dim < 1 || meta->dim > 16000 || meta->lists < 1 || meta->lists > (1u << 22) ||
		meta->lists_per_tail < 1 || meta->lists_per_tail > meta->lists ||
		meta->metric < OMEN_L2 || meta->metric > OMEN_COSINE || meta->keys > OMEN_KEYS_MAX ||
		omen_row_bytes(omen_dim_padded(meta->dim), meta->keys) > OMEN_BODY_BYTES ||
		(meta->keys == 0 ? meta->key_pages != 0 || meta->digest_words != 0
		 : !omen_digest_words_valid(meta->digest_words)))
		return omen_fail(err, OMEN_CORRUPT, "its meta page holds impossible numbers");
	return OMEN_OK;
}
