/*
 * ivf_rebalance_calibrate.c - how far to search, found out anew when lists have
 * been split or many rows have come: as a build does, with rows of the index as
 * queries, but from their records.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivf/ivf_rebalance.h"

#define QUERIES 512

static void
take_query(IvfMaintenance *m, const OmenRowRecord *record)
{
	IvfRebalance *b = m->rebalance;
	OmenPoint	point;

	/* A few of each page. */
	if (b->queries.count == QUERIES || b->list_of[m->slot] == OMEN_NO_SLOT || omen_random_below(&b->random, 8) != 0)
		return;
	point = ivf_rebalance_point(m, record, m->vector);
	if (!point.last)
		ivf_rebalance_add_bytes(m, &b->queries, &point);
}

static void
flush_batch(IvfRebalance *b)
{
	if (b->batch.count > 0)
		omen_calibrator_add(b->calibrator, &b->batch, b->list, b->spilled ? b->second : NULL, b->norm_sq, b->lift_sq);
	b->batch.count = 0;
}

static void
take_neighbour(IvfMaintenance *m, const OmenRowRecord *record)
{
	IvfRebalance *b = m->rebalance;
	uint32		r = b->batch.count;
	OmenPoint	point;

	/* One inserted meanwhile is in no list yet. */
	if (m->slot >= b->slots || b->list_of[m->slot] == OMEN_NO_SLOT)
		return;
	point = ivf_rebalance_point(m, record, m->vector);
	if (point.last)
		return;
	b->list[r] = b->list_of[m->slot];
	if (b->spilled)
		b->second[r] = b->second_of[m->slot] == OMEN_NO_SLOT ? b->list[r] : b->second_of[m->slot];
	b->norm_sq[r] = omen_simd->dot_f32(m->vector, m->vector, m->dim) - point.lost * point.lost;
	ivf_rebalance_add_bytes(m, &b->batch, &point);
	if (b->batch.count == BATCH)
		flush_batch(b);
}

void
ivf_rebalance_calibrate(IvfMaintenance *m)
{
	IvfRebalance *b = m->rebalance;
	BlockNumber blocks = (BlockNumber) (b->slots / omen_rows_per_page(m->dim, m->meta.keys));

	ivf_rebalance_check(m, omen_byte_rows_init(&b->queries, &b->arena, m->dim, QUERIES, 0));
	ivf_rebalance_check(m, omen_byte_rows_init(&b->batch, &b->arena, m->dim, BATCH, 0));
	b->queries.count = b->batch.count = 0;
	for (uint32 i = 0; i < 8 * QUERIES && b->queries.count < QUERIES && blocks > 1; i++)
		ivf_maintain_visit_rows(m, 1 + (BlockNumber) omen_random_below(&b->random, blocks - 1), take_query);
	ivf_rebalance_check(m, omen_calibrator_create(&b->calibrator, &b->arena, &b->model, &b->queries));
	if (b->calibrator == NULL)
		return;
	for (BlockNumber block = 1; block < blocks; block++)
		ivf_maintain_visit_rows(m, block, take_neighbour);
	flush_batch(b);
	ivf_writer_calibrate(m->writer, b->calibrator);
}
