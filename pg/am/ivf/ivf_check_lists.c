/*
 * ivf_check_lists.c - vector_check(): model, lists, and the chain of row pages
 * with room.
 *
 * What the sweep has noted of pages that no insert changes (model, maps,
 * packed lists) is gone by; pages that inserts change are read again, each
 * after what leads to it, so that a longer chain is no finding.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_check.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

/* Of the widest coordinate: what other instructions may make of one that is next to zero. */
#define MOVED_NEXT_TO_ZERO 1e-4f

/*
 * Something leads to this page, which must be of this kind and the generation
 * in force, and not have been led to before.  False when it cannot be followed.
 */
static bool
reach(IvfCheck *check, BlockNumber block, OmenPageKind kind, int64 list, const char *from)
{
	CheckedPage *page;

	/* A page that came to be after the sweep. */
	if (block >= check->blocks && block < RelationGetNumberOfBlocks(check->index))
		return true;
	if (block >= check->blocks)
	{
		check_report(check, block, list, CHECK_NOTHING, "%s leads to a block that does not exist", from);
		return false;
	}
	page = &check->pages[block];
	if (page->reached)
	{
		check_report(check, block, list, CHECK_NOTHING, "%s leads to a page that something else led to before", from);
		return false;
	}
	page->reached = true;
	/* Inserts take free and new pages for tails. */
	if (kind == OMEN_PAGE_TAIL && (page->kind == OMEN_PAGE_FREE || page->kind == 0))
		return true;
	if (page->kind != kind || page->generation != check->meta.generation)
	{
		check_report(check, block, list, CHECK_NOTHING,
					 "%s leads to a page of kind %u, generation %u, where kind %u, generation %u is due",
					 from, page->kind, page->generation, (unsigned) kind, check->meta.generation);
		return false;
	}
	return true;
}

/* ---- the model ---- */

/* A map's pages are a run: each knows its place in it. */
static void
check_map(IvfCheck *check, const uint32 *map, uint32 count, OmenPageKind kind, const char *from)
{
	for (uint32 i = 0; i < count; i++)
		if (reach(check, map[i], kind, CHECK_NOTHING, from) && map[i] < check->blocks &&
			check->pages[map[i]].place != i)
			check_report(check, map[i], CHECK_NOTHING, CHECK_NOTHING, "%s leads to page %u of its run as page %u",
						 from, check->pages[map[i]].place, i);
}

bool
check_model(IvfCheck *check)
{
	const OmenIvfMeta *meta = &check->meta;
	uint64		packed = 0;
	OmenError	err;

	if (meta->packed_pages > check->blocks || meta->key_pages > check->blocks || meta->lists_per_tail == 0)
	{
		check_report(check, OMEN_META_BLOCK, CHECK_NOTHING, CHECK_NOTHING, "the meta page holds impossible numbers");
		return false;
	}
	for (BlockNumber block = meta->model_block; block != OMEN_NO_BLOCK; block = check->pages[block].next)
		if (!reach(check, block, OMEN_PAGE_MODEL, CHECK_NOTHING, "the model's chain") || block >= check->blocks)
			break;
	if (ivf_read_model(check->index, meta, &check->arena, &check->model, &err) != OMEN_OK)
	{
		check_report(check, CHECK_NOTHING, CHECK_NOTHING, CHECK_NOTHING, "the model cannot be read: %s", err.text);
		return false;
	}
	check_map(check, check->model.packed_map, meta->packed_pages, OMEN_PAGE_PACKED, "the model's map of packed pages");
	check_map(check, check->model.directory_map, omen_directory_pages(omen_tails(meta)), OMEN_PAGE_DIRECTORY,
			  "the model's map of the directory");
	if (meta->key_pages > 0)
		check_map(check, check->model.key_map, meta->key_pages, OMEN_PAGE_KEYS, "the model's map of keys");
	for (uint32 l = 0; l < meta->lists; l++)
		packed += check->model.start[l].count;
	if (packed != meta->packed_rows)
		check_report(check, OMEN_META_BLOCK, CHECK_NOTHING, CHECK_NOTHING,
					 "the meta page counts " UINT64_FORMAT " packed postings, the lists " UINT64_FORMAT,
					 meta->packed_rows, packed);
	return true;
}

/* ---- postings ---- */

/*
 * Whether the posting's code and keys are the record's.  A coordinate next to zero
 * may be coded on either side of it.
 */
static bool
same_row(const IvfCheck *check, const OmenRowRecord *record, const uint8 *posting)
{
	const uint8 *fine = (const uint8 *) (record + 1);

	for (uint32 d = 0; d < check->dim; d++)
	{
		uint32		level = fine[d / 2] >> 4 * (d & 1) & 15;

		if ((level >> 3) != (posting[d / 8] >> d % 8 & 1u) && level != 7 && level != 8)
			return false;
	}
	return memcmp(posting + omen_sign_code_bytes(check->dim), omen_row_keys(record, check->dim),
				  check->meta.keys * OMEN_KEY_BYTES) == 0;
}

/*
 * Whether the posting is what the record, coded relative to a list that has
 * been retired, makes for this one: made once more, with coordinates next to
 * zero on either side of it.
 */
static bool
same_moved_row(IvfCheck *check, const OmenRowRecord *record, uint32 list, const uint8 *posting)
{
	const OmenIvfModel *model = &check->model;
	float	   *vector = palloc(check->dim * sizeof(float));
	float	   *center = palloc(check->dim * sizeof(float));
	float		widest = 0;
	bool		same = true;

	omen_ivf_decode(model, record, vector, center);
	omen_ivf_centroid(model, list, center);
	for (uint32 d = 0; d < check->dim; d++)
	{
		vector[d] -= model->mean[d] + center[d];
		widest = Max(widest, fabsf(vector[d]));
	}
	if (record->factors.add != OMEN_ADD_LAST)
		for (uint32 d = 0; d < check->dim && same; d++)
			same = (vector[d] >= 0) == (posting[d / 8] >> d % 8 & 1) || fabsf(vector[d]) < MOVED_NEXT_TO_ZERO * widest;
	pfree(vector);
	pfree(center);
	return same && memcmp(posting + omen_sign_code_bytes(check->dim), omen_row_keys(record, check->dim),
						  check->meta.keys * OMEN_KEY_BYTES) == 0;
}

/* By the record itself, when what the sweep saw does not settle it. */
static void
check_posting_closely(IvfCheck *check, int64 block, uint32 list, const uint8 *posting, uint32 slot)
{
	uint32		per_page = check->per_page;
	PGAlignedBlock page;
	const OmenPageTrailer *trailer = omen_page_trailer_const(page.data);
	const OmenRowRecord *record = check_record(check, page.data, slot % per_page);

	if (!check_read_page(check, slot / per_page, &page))
		check_report(check, block, list, slot, "a posting points to a block that does not exist");
	else if (omen_page_check(page.data, slot / per_page, OMEN_PAGE_ROW, check->meta.row_generation, NULL) != OMEN_OK)
		check_report(check, block, list, slot, "a posting points to a page that holds no records");
	else if (slot % per_page >= trailer->count || record->state == OMEN_ROW_FREE)
		check_report(check, block, list, slot, "a posting points to a record that is not there");
	else if (record->state == OMEN_ROW_LIVE && record->list != list && record->list < check->meta.lists &&
			 omen_list_retired(&check->model, record->list))
	{
		if (!same_moved_row(check, record, list, posting))
			check_report(check, block, list, slot, "a posting is not that of its record");
	}
	else if (record->state == OMEN_ROW_LIVE && record->list != list)
		check_report(check, block, list, slot, "a posting points to a record of list %u", record->list);
	else if (record->state == OMEN_ROW_LIVE && !same_row(check, record, posting))
		check_report(check, block, list, slot, "a posting is not that of its record");
}

/* With spilling, a posting that is not the one in its record's own list, or not as that should be. */
static void
check_second_posting(IvfCheck *check, int64 block, uint32 list, const uint8 *posting, uint32 slot)
{
	uint32		keys_at = omen_sign_code_bytes(check->dim);
	uint8		bit = (uint8) (1 << slot % 8);
	PGAlignedBlock page;
	const OmenRowRecord *record = check_record(check, page.data, slot % check->per_page);

	if (!check_read_page(check, slot / check->per_page, &page) || record->state != OMEN_ROW_LIVE ||
		record->list == list ||
		(record->list < check->meta.lists && omen_list_retired(&check->model, record->list) &&
		 (!(check->posted[slot / 8] & bit) || !same_moved_row(check, record, list, posting))) ||
		memcmp(posting + keys_at, omen_row_keys(record, check->dim), check->meta.keys * OMEN_KEY_BYTES) != 0)
	{
		check->posted[slot / 8] |= bit;
		check_posting_closely(check, block, list, posting, slot);
		return;
	}
	if (check->posted_again[slot / 8] & bit)
		check_report(check, block, list, slot, "a third posting points to this record");
	check->posted_again[slot / 8] |= bit;
}

/* A posting with its slot, found in this list (on this block, if that is known). */
static void
check_posting(IvfCheck *check, int64 block, uint32 list, const uint8 *posting)
{
	OmenPostingFactors factors;
	uint32		proof;

	memcpy(&factors, posting + check_factors_at(check), sizeof(factors));
	if (factors.slot >= check->slots)
	{
		check_posting_closely(check, block, list, posting, factors.slot);
		return;
	}
	proof = check->proof[factors.slot];
	if (*check->model.spilled && proof != check_proof(check, posting, list))
	{
		if (proof != PROOF_DEAD)
			check_second_posting(check, block, list, posting, factors.slot);
		return;
	}
	if (check->posted[factors.slot / 8] >> factors.slot % 8 & 1)
		check_report(check, block, list, factors.slot, "a second posting points to this record");
	check->posted[factors.slot / 8] |= (uint8) (1 << factors.slot % 8);
	if (proof != PROOF_DEAD && proof != check_proof(check, posting, list))
		check_posting_closely(check, block, list, posting, factors.slot);
}

static OmenStatus
take_packed(void *context, uint32_t list, const uint8_t *posting)
{
	IvfCheck   *check = context;

	if (check->meta.keys > 0 &&
		!omen_digest_has(&check->model, list, posting + omen_sign_code_bytes(check->dim)))
		check_report(check, CHECK_NOTHING, list, CHECK_NOTHING, "its digest of keys does not know one of them");
	check_posting(check, CHECK_NOTHING, list, posting);
	return OMEN_OK;
}

static void
check_packed(IvfCheck *check)
{
	OmenArena	scratch;
	OmenError	err;

	ivf_arena_init(&scratch, CurrentMemoryContext);
	for (uint32 l = 0; l < check->meta.lists; l++)
	{
		CHECK_FOR_INTERRUPTS();
		if (omen_ivf_unpack(&check->model, &check->meta, check->store, &scratch, l,
							take_packed, check, &err) != OMEN_OK)
			check_report(check, CHECK_NOTHING, l, CHECK_NOTHING, "its packed part cannot be read: %s", err.text);
		omen_arena_reset(&scratch);
	}
}

/* ---- tails ---- */

static bool
read_entry(IvfCheck *check, uint32 tail, OmenDirectoryEntry *entry)
{
	BlockNumber block = check->model.directory_map[tail / OMEN_DIRECTORY_PER_PAGE];
	PGAlignedBlock page;

	if (!check_read_page(check, block, &page) ||
		omen_page_check(page.data, block, OMEN_PAGE_DIRECTORY, check->meta.generation, NULL) != OMEN_OK)
		return false;			/* told already: the map leads to a wrong page */
	memcpy(entry, omen_page_body_const(page.data) + (tail % OMEN_DIRECTORY_PER_PAGE) * sizeof(*entry), sizeof(*entry));
	return true;
}

/* One page of a tail; false when the chain cannot be followed from here. */
static bool
check_tail_page(IvfCheck *check, uint32 tail, BlockNumber block, const char *page)
{
	const OmenPageTrailer *trailer = omen_page_trailer_const(page);
	uint32		per_page = check->per_tail_page;
	uint32		bytes = omen_tail_posting_bytes(check->dim, check->meta.keys);
	OmenError	err;

	if (omen_page_check(page, block, OMEN_PAGE_TAIL, check->meta.generation, &err) != OMEN_OK)
	{
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "tail %u: %s", tail, err.text);
		return false;
	}
	if (trailer->list != tail)
	{
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "a page of tail %u in the chain of tail %u",
					 trailer->list, tail);
		return false;
	}
	if (trailer->count > per_page || (trailer->count < per_page && trailer->next != OMEN_NO_BLOCK))
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "a tail page counts %u postings where %u are due",
					 trailer->count, per_page);
	for (uint32 i = 0; i < Min(trailer->count, per_page); i++)
	{
		const uint8 *posting = omen_page_body_const(page) + (size_t) i * bytes;
		OmenPostingFactors factors;
		uint32		list;

		memcpy(&factors, posting + check_factors_at(check), sizeof(factors));
		memcpy(&list, posting + bytes - sizeof(list), sizeof(list));
		if (list >= check->meta.lists || list / check->meta.lists_per_tail != tail)
			check_report(check, block, list, CHECK_NOTHING, "a posting is in the wrong tail");
		else if (factors.slot != OMEN_NO_SLOT)
			check_posting(check, block, list, posting);
	}
	return true;
}

/*
 * Follows a tail to where the directory says it ends.  Inserts may have
 * lengthened it: then the directory, read again, names another end.
 */
static void
check_tail(IvfCheck *check, uint32 tail)
{
	OmenDirectoryEntry entry;
	uint32		pages = 0;
	BlockNumber block;

	if (!read_entry(check, tail, &entry))
		return;
	if ((entry.tail_first == OMEN_NO_BLOCK) != (entry.tail_last == OMEN_NO_BLOCK))
		check_report(check, check->model.directory_map[tail / OMEN_DIRECTORY_PER_PAGE], CHECK_NOTHING, CHECK_NOTHING,
					 "tail %u has a first page or a last, but not both", tail);
	for (block = entry.tail_first; block != OMEN_NO_BLOCK;)
	{
		PGAlignedBlock page;
		BlockNumber next;

		CHECK_FOR_INTERRUPTS();
		if (!reach(check, block, OMEN_PAGE_TAIL, CHECK_NOTHING, "the chain of a tail") ||
			!check_read_page(check, block, &page) || !check_tail_page(check, tail, block, page.data))
			return;
		pages++;
		next = omen_page_trailer_const(page.data)->next;
		if (block == entry.tail_last && next != OMEN_NO_BLOCK)
		{
			if (!read_entry(check, tail, &entry))
				return;
			if (block == entry.tail_last)
			{
				check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "tail %u goes on behind its last page", tail);
				return;
			}
		}
		if (block != entry.tail_last && next == OMEN_NO_BLOCK)
		{
			check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "tail %u ends before its last page, block %u",
						 tail, entry.tail_last);
			return;
		}
		block = next;
	}
	if (pages != entry.tail_pages)
		check_report(check, check->model.directory_map[tail / OMEN_DIRECTORY_PER_PAGE], CHECK_NOTHING, CHECK_NOTHING,
					 "the directory counts %u pages of tail %u, which has %u", entry.tail_pages, tail, pages);
}

static void
check_tails(IvfCheck *check)
{
	OmenIvfMeta now;
	bool		any = false;

	for (uint32 t = 0; t < omen_tails(&check->meta); t++)
	{
		OmenDirectoryEntry entry;

		check_tail(check, t);
		any |= read_entry(check, t, &entry) && entry.tail_first != OMEN_NO_BLOCK;
	}
	ivf_read_meta(check->index, &now);
	if (any && !now.has_tails)
		check_report(check, OMEN_META_BLOCK, CHECK_NOTHING, CHECK_NOTHING,
					 "there are tails, but the meta page tells searches that there are none");
}

/* ---- what nothing leads to ---- */

static void
check_unreached(IvfCheck *check)
{
	for (BlockNumber block = 1; block < check->blocks; block++)
	{
		const CheckedPage *page = &check->pages[block];

		if (page->kind != 0 && page->kind != OMEN_PAGE_ROW && page->kind < OMEN_PAGE_FREE && !page->reached &&
			page->generation == check->meta.generation)
			check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "nothing leads to this page of kind %u",
						 page->kind);
	}
}

void
check_lists(IvfCheck *check)
{
	check_packed(check);
	check_tails(check);
	check_unreached(check);
}

/* ---- the chain of row pages with room ---- */

/*
 * Follows the chain.  Returns the block at which it cannot go on, or
 * OMEN_NO_BLOCK at its end; marks the pages it has reached.
 */
static BlockNumber
follow_free_rows(IvfCheck *check, uint8 *reached, BlockNumber blocks)
{
	OmenIvfMeta meta;
	BlockNumber block;

	memset(reached, 0, blocks / 8 + 1);
	ivf_read_meta(check->index, &meta);
	for (block = meta.free_rows; block != OMEN_NO_BLOCK;)
	{
		PGAlignedBlock page;

		CHECK_FOR_INTERRUPTS();
		if (block >= blocks || (reached[block / 8] >> block % 8 & 1) || !check_read_page(check, block, &page) ||
			omen_page_check(page.data, block, OMEN_PAGE_ROW, meta.row_generation, NULL) != OMEN_OK ||
			omen_page_trailer_const(page.data)->list != 1)
			return block;
		reached[block / 8] |= (uint8) (1 << block % 8);
		block = omen_page_trailer_const(page.data)->next;
	}
	return OMEN_NO_BLOCK;
}

/* Whether the page says still that it is in the chain. */
static bool
is_chained(IvfCheck *check, BlockNumber block)
{
	PGAlignedBlock page;

	return check_read_page(check, block, &page) &&
		omen_page_check(page.data, block, OMEN_PAGE_ROW, check->meta.row_generation, NULL) == OMEN_OK &&
		omen_page_trailer_const(page.data)->list == 1;
}

/*
 * Inserts take pages off the chain's front and put new ones there, so what
 * looks wrong is looked at once more with inserts waiting.
 */
void
check_free_rows(IvfCheck *check)
{
	bool		wrong = false;

	for (int attempt = 0; attempt < 2; attempt++)
	{
		bool		certain = attempt > 0;
		BlockNumber blocks;
		BlockNumber stuck;
		uint8	   *reached;

		if (certain)
			LockPage(check->index, OMEN_META_BLOCK, ExclusiveLock);
		blocks = RelationGetNumberOfBlocks(check->index);
		reached = palloc(blocks / 8 + 1);
		stuck = follow_free_rows(check, reached, blocks);
		wrong = stuck != OMEN_NO_BLOCK;
		if (wrong && certain)
			check_report(check, stuck, CHECK_NOTHING, CHECK_NOTHING,
						 "the chain of row pages with room leads to a page that is not in it, or in a circle");
		for (BlockNumber block = 1; block < check->blocks; block++)
			if (check->pages[block].kind == OMEN_PAGE_ROW && check->pages[block].place == 1 &&
				check->pages[block].generation == check->meta.row_generation &&
				!(reached[block / 8] >> block % 8 & 1) && is_chained(check, block))
			{
				wrong = true;
				if (certain && stuck == OMEN_NO_BLOCK)
					check_report(check, block, CHECK_NOTHING, CHECK_NOTHING,
								 "a row page with room that the chain of such pages does not lead to");
			}
		pfree(reached);
		if (certain)
			UnlockPage(check->index, OMEN_META_BLOCK, ExclusiveLock);
		if (!wrong)
			return;
	}
}
