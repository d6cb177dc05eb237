/*
 * ivf_rebalance.c - lists split and merged where the rows have moved.
 *
 * A list that holds many times the rows that suit one, or rows that lie much
 * farther from its centroid than those it was made for, is given up for
 * several, whose centroids are trained on a sample of its rows; when that makes
 * too many lists, the emptiest are given up for none.  Rows of lists given up go to the
 * nearest of all: their postings are made anew, from their records, which stay
 * as they are.  A record is coded relative to the list it was written for, so
 * that list is retired: its centroid stays in the model, out of every search's
 * and insert's way (omen/ivf.h), until no record is coded relative to it and
 * its number is taken by another.  Nothing is lost by this: a record decoded
 * and coded again would carry both codes' errors.
 *
 * What this costs beyond repacking, of which it is a variant, is in proportion
 * to the rows of the lists given up: reading and decoding their records.  When
 * those are half of all, or when the retired come to outnumber the others,
 * all lists are trained anew.  So they are for inner products: rows that have
 * moved may be longer than what all rows were lifted to, and only training
 * lifts them anew.
 *
 * With spilling a row's two lists are chosen together: when one of them is given
 * up, both postings are made anew.  So it must be known of every row whether one
 * is, before the first posting is copied (`fate`).
 *
 * How far to search was found out by searching the rows as they were.  Once so
 * many have come or moved that this may be true no more, it is found out anew,
 * which reads all records: a cost that is in proportion to those rows.
 *
 * The same protocol as repacking's: a new generation is written beside the old
 * (ivf_maintain.c).  Rows inserted meanwhile into a list that is given up are
 * met in its old tail, and moved like the others.
 *
 * Splitting in place as rows come: SPFresh (Xu et al., SOSP 2023).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_rebalance.h"
#include "miscadmin.h"
#include "omen/select.h"
#include "omen/spill.h"

/* Split a list of so many times the rows that suit one, into parts that suit. */
#define SPLIT_AT 2.5
/* Or one whose rows' mean squared residual is so many times what it was, if it has a few rows to tell. */
#define STRAINED_AT 1.25
#define STRAINED_ROWS_MIN 16
/* A list of less than this share of what suits may be merged. */
#define MERGE_AT 0.5
/* Rows that a part is trained on, at most. */
#define SAMPLE_PER_PART 64
#define ITERATIONS 6
/* A split that brings rows no nearer to their centroids than so is none: many rows may be the same. */
#define SPLIT_GAIN 0.95
/* Train all lists anew when so large a share of the rows would move. */
#define MOVED_MAX 0.5
/* Or, where they are trained as a whole or not at all, when they are so many times as uneven as they were then. */
#define UNEVEN_AT 1.5
/* Look for retired lists that can be taken again when they are so many beside the others. */
#define RETIRED_MANY 0.25
/* Calibrate anew when so large a share of the rows has come or moved since. */
#define CALIBRATE_AT 0.2f

static void *
balance_alloc(IvfMaintenance *m, size_t count, size_t item_bytes)
{
	void	   *memory = omen_arena_zero(&m->rebalance->arena, count, item_bytes);

	if (memory == NULL)
		index_page_report(m->index, OMEN_NO_MEMORY, "");
	return memory;
}

void
ivf_rebalance_check(IvfMaintenance *m, OmenStatus status)
{
	if (status != OMEN_OK)
		index_page_report(m->index, status, "its lists could not be split");
}

/* ---- deciding ---- */

/* A code's factors tell its residual's length: scale^2 d - error^2 (d - 1) / 4 (core/index/ivf_range.c). */
static void
count_posting(IvfMaintenance *m, uint32 list, const uint8 *posting, uint32 slot)
{
	OmenPostingFactors factors;
	double		scale;
	double		error;

	memcpy(&factors, posting + omen_posting_bytes(m->dim, m->meta.keys) - sizeof(factors), sizeof(factors));
	scale = omen_float_from_bf16(factors.scale);
	error = omen_float_from_bf16(factors.error);
	m->rebalance->rows[list]++;
	m->rebalance->strain[list] += Max(scale * scale * m->dim - error * error * (m->dim - 1) / 4, 0);
}

static bool
is_strained(const IvfMaintenance *m, uint32 list)
{
	const IvfRebalance *b = m->rebalance;
	double		spread = m->model->view.start[list].spread;

	/* The spread is that of rows whose first list it is; of the second ones nothing is known. */
	return spread > 0 && !b->spilled && b->rows[list] >= STRAINED_ROWS_MIN &&
		b->strain[list] > STRAINED_AT * spread * b->rows[list];
}

static void
take_all(IvfMaintenance *m, bool (*wants) (const IvfRebalance *b, uint32 list))
{
	for (uint32 l = 0; l < m->rebalance->lists; l++)
		if (wants == NULL || wants(m->rebalance, l))
			ivf_maintain_take_packed(m, l);
	ivf_maintain_rewind_tails(m);
	ivf_maintain_take_tails(m);
}

/* Of the lists that stay, the emptiest are merged as long as there are too many. */
static void
choose_merges(IvfMaintenance *m)
{
	IvfRebalance *b = m->rebalance;
	OmenKeyed  *few = balance_alloc(m, b->lists, sizeof(OmenKeyed));
	uint32		count = 0;
	double		lists = b->live;

	for (uint32 l = 0; l < b->lists; l++)
	{
		b->parts[l] = Max(b->parts[l], 1);
		lists += b->parts[l] - 1;
		if (b->parts[l] == 1 && !omen_list_retired(&m->model->view, l) && b->rows[l] < MERGE_AT * b->target)
			few[count++] = (OmenKeyed) {(float) b->rows[l], l};
	}
	omen_sort_keyed(few, count);
	for (uint32 i = 0; i < count && lists > b->suits; i++, lists--)
		b->parts[few[i].value] = 0;
}

static bool
calibration_due(const IvfMaintenance *m)
{
	return m->meta.moved_share + m->rebalance->came > CALIBRATE_AT && m->model->view.calibration->queries > 0;
}

IvfBalance
ivf_balance(IvfMaintenance *m)
{
	const OmenIvfModel *model = &m->model->view;
	IvfRebalance *b = palloc0(sizeof(IvfRebalance));
	double		rows = 0;
	double		moved = 0;
	uint32		given_up = 0;

	m->rebalance = b;
	ivf_arena_init(&b->arena, CurrentMemoryContext);
	b->spilled = *model->spilled != 0;
	b->lists = model->lists;
	b->rows = balance_alloc(m, b->lists, sizeof(uint32));
	b->strain = balance_alloc(m, b->lists, sizeof(double));
	b->parts = balance_alloc(m, b->lists, sizeof(uint32));
	m->take = count_posting;
	take_all(m, NULL);
	for (uint32 l = 0; l < b->lists; l++)
	{
		rows += b->rows[l];
		b->live += !omen_list_retired(model, l);
	}
	if (m->meta.metric == OMEN_INNER_PRODUCT)
		return ivf_imbalance(b->rows, b->lists, b->live) > UNEVEN_AT * m->meta.imbalance ?
			IVF_OVERTURNED : IVF_BALANCED;
	b->suits = ivf_maintain_lists(m, rows / (1 + b->spilled));
	b->target = Max(rows / b->suits, 1);
	for (uint32 l = 0; l < b->lists; l++)
		if (!omen_list_retired(model, l) && (b->rows[l] >= SPLIT_AT * b->target || is_strained(m, l)))
			b->parts[l] = Max((uint32) (b->rows[l] / b->target + 0.5), 2);
	choose_merges(m);
	for (uint32 l = 0; l < b->lists; l++)
		if (b->parts[l] != 1)
		{
			moved += b->rows[l];
			given_up++;
		}
	b->came = m->tail_rows / Max(rows, 1);
	if (given_up == 0)
		return IVF_BALANCED;
	return moved > MOVED_MAX * rows || b->lists - b->live > b->live ? IVF_OVERTURNED : IVF_UNBALANCED;
}

/* ---- splitting ---- */

static bool
is_split(const IvfRebalance *b, uint32 list)
{
	return b->parts[list] > 1;
}

/* Reservoir sampling (Vitter 1985, algorithm R), list by list. */
static void
sample_posting(IvfMaintenance *m, uint32 list, const uint8 *posting, uint32 slot)
{
	IvfRebalance *b = m->rebalance;
	uint32		room = b->parts[list] * SAMPLE_PER_PART;
	uint64		place = b->seen[list];

	if (!is_split(b, list))
		return;
	if (b->sample[list] == NULL)
		b->sample[list] = balance_alloc(m, room, sizeof(uint32));
	if (place >= room)
		place = omen_random_below(&b->random, place + 1);
	b->seen[list]++;
	if (place < room)
		b->sample[list][place] = slot;
}

/* The record's vector relative to the mean, and all that coding it takes. */
OmenPoint
ivf_rebalance_point(IvfMaintenance *m, const OmenRowRecord *record, float *vector)
{
	const OmenIvfModel *model = &m->model->view;
	float		norm_sq;
	OmenPoint	point = ivf_maintain_decode(m, record, vector, &norm_sq);

	for (uint32 d = 0; d < m->dim; d++)
		vector[d] -= model->mean[d];
	point.keys = m->keys;
	memcpy(m->keys, omen_row_keys(record, m->dim), m->meta.keys * sizeof(uint64));
	return point;
}

/* The same for the record in a slot, and the list it is coded relative to; false when there is none. */
static bool
point_of_slot(IvfMaintenance *m, uint32 slot, float *vector, OmenPoint *point, uint32 *list)
{
	PGAlignedBlock copy;
	const OmenRowRecord *record = ivf_maintain_record(m, slot, &copy);

	if (record == NULL)
		return false;
	*point = ivf_rebalance_point(m, record, vector);
	*list = record->list;
	return true;
}

/* Behind the others, in eight bits. */
void
ivf_rebalance_add_bytes(IvfMaintenance *m, OmenByteRows *rows, const OmenPoint *point)
{
	uint32		r = rows->count++;

	rows->scale[r] = omen_bytes_from_floats(point->vector, m->dim, rows->values + (size_t) r * m->dim);
}

/* Decodes a list's sample. */
static void
read_sample(IvfMaintenance *m, uint32 list, OmenByteRows *rows)
{
	IvfRebalance *b = m->rebalance;
	uint32		count = Min(b->seen[list], b->parts[list] * SAMPLE_PER_PART);

	rows->count = 0;
	for (uint32 i = 0; i < count; i++)
	{
		OmenPoint	point;
		uint32		own;

		CHECK_FOR_INTERRUPTS();
		if (point_of_slot(m, b->sample[list][i], m->vector, &point, &own) && !point.last)
			ivf_rebalance_add_bytes(m, rows, &point);
	}
}

/* Mean squared distance of rows to their centroids: list[i], or all to the first. */
static double
mean_residual(IvfMaintenance *m, const OmenByteRows *rows, const OmenByteRows *centroids, const uint32 *list)
{
	double		sum = 0;

	for (uint32 r = 0; r < rows->count; r++)
	{
		uint32		c = list ? list[r] : 0;

		omen_floats_from_bytes(rows->values + (size_t) r * m->dim, rows->scale[r], m->dim, m->vector);
		omen_floats_from_bytes(centroids->values + (size_t) c * m->dim, centroids->scale[c], m->dim, m->scratch);
		sum += omen_simd->l2sq_f32(m->vector, m->scratch, m->dim);
	}
	return sum / Max(rows->count, 1);
}

/* Trains the parts of a list, behind b->fresh; where that gains nothing, the list stays whole. */
static void
split_list(IvfMaintenance *m, uint32 l, OmenArena *scratch)
{
	IvfRebalance *b = m->rebalance;
	uint32		parts = b->parts[l];
	OmenByteRows rows;
	OmenByteRows one;
	OmenByteRows found;
	OmenAssigner assigner;
	uint32	   *list;

	ivf_rebalance_check(m, omen_byte_rows_init(&rows, scratch, m->dim, parts * SAMPLE_PER_PART, 0));
	ivf_rebalance_check(m, omen_byte_rows_init(&found, scratch, m->dim, parts, 0));
	ivf_rebalance_check(m, omen_byte_rows_init(&one, scratch, m->dim, 1, 0));
	read_sample(m, l, &rows);
	b->parts[l] = 1;
	if (rows.count < parts)
		return;
	ivf_rebalance_check(m, omen_kmeans_train(&rows, &found, ITERATIONS, omen_random_next(&b->random), scratch,
									   &ivf_interrupts));
	list = omen_arena_alloc(scratch, rows.count, sizeof(uint32));
	ivf_rebalance_check(m, list == NULL ? OMEN_NO_MEMORY : omen_assigner_init(&assigner, scratch, &found));
	omen_assigner_refresh(&assigner);
	ivf_rebalance_check(m, omen_assign(&assigner, &rows, list, &ivf_interrupts));
	omen_byte_row_copy(&b->centroids, l, &one, 0);
	if (!(mean_residual(m, &rows, &found, list) < SPLIT_GAIN * mean_residual(m, &rows, &one, NULL)))
		return;
	b->parts[l] = parts;
	for (uint32 i = 0; i < parts; i++)
		omen_byte_row_copy(&found, i, &b->fresh, b->fresh.count++);
}

static void
split_lists(IvfMaintenance *m)
{
	IvfRebalance *b = m->rebalance;
	uint64		parts = 0;
	OmenArena	scratch;

	for (uint32 l = 0; l < b->lists; l++)
		parts += is_split(b, l) ? b->parts[l] : 0;
	ivf_rebalance_check(m, omen_byte_rows_init(&b->fresh, &b->arena, m->dim, (uint32) parts, 0));
	b->fresh.count = 0;
	b->sample = balance_alloc(m, b->lists, sizeof(uint32 *));
	b->seen = balance_alloc(m, b->lists, sizeof(uint32));
	b->random.state = m->meta.seed + m->meta.generation;
	m->take = sample_posting;
	take_all(m, is_split);
	ivf_arena_init(&scratch, CurrentMemoryContext);
	for (uint32 l = 0; l < b->lists; l++)
		if (is_split(b, l))
		{
			split_list(m, l, &scratch);
			omen_arena_reset(&scratch);
		}
}

/* ---- the new model ---- */

static void
note_coded(IvfMaintenance *m, const OmenRowRecord *record)
{
	m->rebalance->coded[record->list] = 1;
}

/*
 * Gives the parts their numbers: those of retired lists that no record is coded
 * relative to any more, then new ones.  Inserts know no retired list, so none
 * comes to be meanwhile.
 */
static uint32
number_parts(IvfMaintenance *m)
{
	IvfRebalance *b = m->rebalance;
	uint32		end = b->lists;
	uint32		next = 0;

	b->coded = balance_alloc(m, b->lists, 1);
	if (b->lists - b->live < RETIRED_MANY * b->live)
		next = b->lists;		/* not worth looking */
	else
		for (BlockNumber block = 1; block < RelationGetNumberOfBlocks(m->index); block++)
			ivf_maintain_visit_rows(m, block, note_coded);
	b->fresh_list = balance_alloc(m, b->fresh.count + 1, sizeof(uint32));
	for (uint32 i = 0; i < b->fresh.count; i++)
	{
		while (next < b->lists && (b->coded[next] || !omen_list_retired(&m->model->view, next)))
			next++;
		b->fresh_list[i] = next < b->lists ? next++ : end++;
	}
	return end;
}

static void
revise_model(IvfMaintenance *m)
{
	IvfRebalance *b = m->rebalance;
	const OmenIvfModel *old = &m->model->view;
	uint32		lists = number_parts(m);
	OmenByteRows before = b->centroids;
	OmenArena	scratch;

	ivf_rebalance_check(m, omen_byte_rows_init(&b->centroids, &b->arena, m->dim, lists, 0));
	b->retired = balance_alloc(m, lists, 1);
	for (uint32 l = 0; l < b->lists; l++)
	{
		omen_byte_row_copy(&before, l, &b->centroids, l);
		b->retired[l] = b->parts[l] != 1 || omen_list_retired(old, l);
	}
	for (uint32 i = 0; i < b->fresh.count; i++)
	{
		omen_byte_row_copy(&b->fresh, i, &b->centroids, b->fresh_list[i]);
		b->retired[b->fresh_list[i]] = 0;
	}
	ivf_arena_init(&scratch, CurrentMemoryContext);
	ivf_rebalance_check(m, omen_ivf_model_revise(&b->model,
										   balance_alloc(m, omen_ivf_model_bytes(old->dim, lists), 1),
										   old, &b->centroids, b->retired, &scratch));
	omen_arena_reset(&scratch);
}

/* ---- rows on their way ---- */

static void
note_list(IvfRebalance *b, uint32 slot, uint32 list)
{
	if (b->list_of == NULL || slot >= b->slots)
		return;
	if (b->list_of[slot] == OMEN_NO_SLOT)
		b->list_of[slot] = list;
	else if (b->second_of != NULL)
		b->second_of[slot] = list;
}

static void
put_moved(IvfMaintenance *m, const OmenPoint *point, uint32 slot, uint32 list)
{
	IvfRebalance *b = m->rebalance;

	omen_ivf_encode_posting(&b->model, point, list, b->scratch, b->posting);
	memcpy(b->posting + omen_posting_bytes(m->dim, m->meta.keys) - sizeof(slot), &slot, sizeof(slot));
	note_list(b, slot, list);
	ivf_writer_add_posting(m->writer, list, b->posting);
}

static void
move_row(IvfMaintenance *m, uint32 slot)
{
	IvfRebalance *b = m->rebalance;
	uint32		list;
	uint32		second;
	OmenPoint	point;

	CHECK_FOR_INTERRUPTS();
	/* A deleted row's posting may as well go. */
	if (!point_of_slot(m, slot, m->vector, &point, &list))
		return;
	b->row.count = 0;
	ivf_rebalance_add_bytes(m, &b->row, &point);
	/* One posting stays in the list that the record is coded relative to, as long as there is that list. */
	if (b->spilled && !b->retired[list])
		omen_spill_second(&b->assigner, &b->row, &list, &second);
	else if (b->spilled)
		omen_spill_assign(&b->assigner, &b->row, &list, &second);
	else
		omen_assign(&b->assigner, &b->row, &list, NULL);
	if (!point.last)
	{
		omen_ivf_centroid(&b->model, list, b->scratch);
		b->residual_sq[list] += Max(omen_simd->l2sq_f32(point.vector, b->scratch, m->dim) -
									point.lost * point.lost, 0.0f);
		b->moved[list]++;
	}
	ivf_writer_note_moved(m->writer, point.lost);
	put_moved(m, &point, slot, list);
	if (b->spilled && !point.last)
		put_moved(m, &point, slot, second);
}

static void
copy_posting(IvfMaintenance *m, uint32 list, const uint8 *posting, uint32 slot)
{
	note_list(m->rebalance, slot, list);
	ivf_writer_add_posting(m->writer, list, posting);
}

static void
move_posting(IvfMaintenance *m, uint32 list, const uint8 *posting, uint32 slot)
{
	if (m->rebalance->parts[list] != 1)
		move_row(m, slot);
	else
		copy_posting(m, list, posting, slot);
}

/* Where a row's fate is noted. */
static uint8 *
fate_of(IvfMaintenance *m, uint32 slot)
{
	IvfRebalance *b = m->rebalance;

	if (slot >= b->fates)
	{
		uint64		fates = Max((uint64) RelationGetNumberOfBlocks(m->index) * omen_rows_per_page(m->dim, m->meta.keys),
								b->fates);

		if (slot >= fates)
			index_page_report(m->index, OMEN_CORRUPT, "a posting leads past the end");
		b->fate = b->fate ? repalloc_huge(b->fate, fates) : MemoryContextAllocHuge(CurrentMemoryContext, fates);
		memset(b->fate + b->fates, FATE_UNKNOWN, fates - b->fates);
		b->fates = fates;
	}
	return &b->fate[slot];
}

static void
decide_fate(IvfMaintenance *m, uint32 list, const uint8 *posting, uint32 slot)
{
	uint8	   *fate = fate_of(m, slot);

	*fate = Max(*fate, m->rebalance->parts[list] != 1 ? FATE_MOVES : FATE_STAYS);
}

/*
 * With spilling.  Of a row that came meanwhile both postings are made when the
 * first is met; where only the second came meanwhile, and to a list that is
 * given up, the row is left with one.
 */
static void
move_spilled_posting(IvfMaintenance *m, uint32 list, const uint8 *posting, uint32 slot)
{
	uint8	   *fate = fate_of(m, slot);

	if (*fate == FATE_STAYS && m->rebalance->parts[list] == 1)
		copy_posting(m, list, posting, slot);
	else if (*fate == FATE_MOVES || *fate == FATE_UNKNOWN)
	{
		*fate = FATE_MOVED;
		move_row(m, slot);
	}
}

bool
ivf_rebalance(IvfMaintenance *m)
{
	IvfRebalance *b = m->rebalance;
	OmenIvfMeta meta = m->meta;
	uint32		given_up = 0;

	ivf_rebalance_check(m, omen_byte_rows_init(&b->centroids, &b->arena, m->dim, b->lists, 0));
	omen_ivf_model_centroids(&m->model->view, &b->centroids);
	split_lists(m);
	choose_merges(m);
	for (uint32 l = 0; l < b->lists; l++)
		given_up += b->parts[l] != 1;
	for (uint32 l = 0; l < b->lists; l++)
		b->came += b->parts[l] != 1 ? (float) (b->rows[l] / (b->target * b->suits)) : 0;
	if (given_up == 0 && !calibration_due(m))
	{
		ivf_maintain_rewind_tails(m);
		return false;
	}
	revise_model(m);
	ivf_rebalance_check(m, omen_ivf_model_assigner(&b->model, &b->arena, &b->model_centroids, &b->assigner));
	ivf_rebalance_check(m, omen_byte_rows_init(&b->row, &b->arena, m->dim, 1, 0));
	b->scratch = balance_alloc(m, omen_ivf_encode_scratch(m->dim), sizeof(float));
	b->posting = balance_alloc(m, omen_posting_bytes(m->dim, m->meta.keys), 1);
	b->residual_sq = balance_alloc(m, b->model.lists, sizeof(double));
	b->moved = balance_alloc(m, b->model.lists, sizeof(uint32));

	meta.generation = ivf_maintain_begin_generation(m);
	meta.last_generation = meta.generation;
	meta.lists = b->model.lists;
	meta.moved_share += b->came;
	if (calibration_due(m))
	{
		meta.moved_share = 0;
		b->slots = (uint64) RelationGetNumberOfBlocks(m->index) * omen_rows_per_page(m->dim, m->meta.keys);
		b->list_of = MemoryContextAllocHuge(CurrentMemoryContext, b->slots * sizeof(uint32));
		memset(b->list_of, 0xFF, b->slots * sizeof(uint32));
		if (b->spilled)
		{
			b->second_of = MemoryContextAllocHuge(CurrentMemoryContext, b->slots * sizeof(uint32));
			memset(b->second_of, 0xFF, b->slots * sizeof(uint32));
		}
	}
	if (b->spilled)
	{
		m->take = decide_fate;
		take_all(m, NULL);
	}
	m->writer = ivf_writer_create(m->index, MAIN_FORKNUM, RelationNeedsWAL(m->index), &b->model, &meta);
	m->take = b->spilled ? move_spilled_posting : move_posting;
	take_all(m, NULL);
	for (uint32 i = 0; i < b->fresh.count; i++)
	{
		uint32		list = b->fresh_list[i];

		if (b->moved[list] > 0)
			b->model.start[list].spread = (float) (b->residual_sq[list] / b->moved[list]);
	}
	if (b->list_of != NULL)
		ivf_rebalance_calibrate(m);
	ivf_maintain_finish_generation(m, true);
	return true;
}
