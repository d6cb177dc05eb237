/*
 * hnsw_sparse_space.c - sparse rows as points of a graph; see omen/hnsw.h.
 *
 * Every metric is a sum over each row's elements, known beforehand, and one
 * over the elements that both have:
 *
 *	L2		|a|^2 + |b|^2 - 2 sum(a_i b_i), as are the others but L1 (ivf.h)
 *	L1		|a| + |b| + sum(|a_i - b_i| - |a_i| - |b_i|)
 *
 * A query is a hash table of its elements, so that a distance costs a look for
 * each element of the payload and none for the query's.
 *
 * Of a row with more elements than a payload has room for, the greatest are
 * kept.  What the others may add to the second sum is bounded: by the product
 * of lengths (Cauchy-Schwarz), or by twice their own L1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/hnsw.h"

#define LEVEL_MAX 32767
/* Slots of the hash table for each element, at least: most looks end at the first. */
#define SLOTS_EACH 4

/* Followed by indexes and levels: int32 [kept], int16 [kept]. */
typedef struct SparseHead
{
	float		add;			/* squared length, the lift included; L1: sum of magnitudes */
	float		step;			/* value = step x level */
	float		rest;			/* length of what is left out; L1: sum of magnitudes */
	float		lift;			/* inner product: the coordinate added, less than 0 for -sqrt(-lift_sq) */
	uint32_t	count;
} SparseHead;

typedef struct Slot
{
	int32_t		index;			/* -1: none */
	float		value;
} Slot;

typedef struct SparseQuery
{
	float		add;
	float		norm;			/* the lift left out */
	float		lift;
	uint32_t	shift;			/* a hash is 32 - shift bits long */
	Slot		slots[];
} SparseQuery;

static uint32_t
payload_bytes(uint32_t kept)
{
	return ((uint32_t) sizeof(SparseHead) + kept * 6 + 3) & ~3u;
}

uint32_t
omen_hnsw_sparse_kept(uint32_t want, uint32_t m)
{
	uint32_t	empty = omen_graph_node_bytes(m, 0, payload_bytes(0));
	uint32_t	most = (OMEN_BODY_BYTES - empty) / 6;
	uint32_t	per_page;

	want = want < 8 ? 8 : want;
	if (want >= most)
		return most;
	per_page = OMEN_BODY_BYTES / omen_graph_node_bytes(m, 0, payload_bytes(want));
	/* All that the page has for each; two bytes of padding may be in the way. */
	want = (OMEN_BODY_BYTES / per_page - empty) / 6;
	while (OMEN_BODY_BYTES / omen_graph_node_bytes(m, 0, payload_bytes(want)) < per_page)
		want--;
	return want;
}

static uint32_t
hash_of(int32_t index, uint32_t shift)
{
	return ((uint32_t) index * 2654435769u) >> shift;
}

/* Bits of a hash for so many elements. */
static uint32_t
hash_bits(uint32_t count)
{
	uint32_t	bits = 3;

	while (1u << bits < SLOTS_EACH * count)
		bits++;
	return bits;
}

/* The slot of an index, or the empty one where it would be. */
static const Slot *
find(const SparseQuery *query, int32_t index)
{
	uint32_t	mask = UINT32_MAX >> query->shift;
	uint32_t	at = hash_of(index, query->shift);

	while (query->slots[at].index != index && query->slots[at].index >= 0)
		at = (at + 1) & mask;
	return &query->slots[at];
}

static void
fill(SparseQuery *query, uint32_t count)
{
	uint32_t	bits = hash_bits(count);

	query->shift = 32 - bits;
	/* -1 in each index, and what does not matter in each value. */
	memset(query->slots, 0xFF, sizeof(Slot) << bits);
}

static void
put(SparseQuery *query, int32_t index, float value)
{
	Slot	   *slot = (Slot *) find(query, index);

	*slot = (Slot) {index, value};
}

/* ---- distances ---- */

/* How many elements there are, whatever a damaged page says. */
static uint32_t
count_of(const OmenHnswSparse *sparse, const SparseHead *head)
{
	return head->count < sparse->kept ? head->count : sparse->kept;
}

static float
distance(const OmenGraphSpace *space, const void *context, const uint8_t *payload, float *bound)
{
	const OmenHnswSparse *sparse = space->context;
	const SparseQuery *query = context;
	const SparseHead *head = (const SparseHead *) payload;
	const int32_t *indexes = (const int32_t *) (head + 1);
	const int16_t *levels = (const int16_t *) (indexes + sparse->kept);
	uint32_t	count = count_of(sparse, head);
	float		dot = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		/* A negative index is damage, and finds an empty slot, whose value is no number. */
		const Slot *slot = find(query, indexes[i]);

		if (slot->index == indexes[i] && slot->index >= 0)
			dot += slot->value * (float) levels[i];
	}
	if (bound != NULL)
		*bound = omen_hnsw_bounded(2 * query->norm * (head->rest + OMEN_HNSW_EPSILON * head->step * 0.29f));
	return omen_hnsw_bounded(query->add + head->add - 2 * head->step * dot -
							 2 * query->lift * (head->lift > 0 ? head->lift : 0));
}

static float
distance_l1(const OmenGraphSpace *space, const void *context, const uint8_t *payload, float *bound)
{
	const OmenHnswSparse *sparse = space->context;
	const SparseQuery *query = context;
	const SparseHead *head = (const SparseHead *) payload;
	const int32_t *indexes = (const int32_t *) (head + 1);
	const int16_t *levels = (const int16_t *) (indexes + sparse->kept);
	uint32_t	count = count_of(sparse, head);
	float		saved = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		const Slot *slot = find(query, indexes[i]);

		if (slot->index == indexes[i] && slot->index >= 0)
		{
			float		value = head->step * (float) levels[i];

			saved += fabsf(slot->value) + fabsf(value) - fabsf(slot->value - value);
		}
	}
	if (bound != NULL)
		*bound = omen_hnsw_bounded(2 * head->rest +
								   OMEN_HNSW_EPSILON * head->step * sqrtf((float) count / 12));
	return omen_hnsw_bounded(query->add + head->add - saved);
}

static void
query_of(const OmenGraphSpace *space, const uint8_t *payload, void *context)
{
	const OmenHnswSparse *sparse = space->context;
	SparseQuery *query = context;
	const SparseHead *head = (const SparseHead *) payload;
	const int32_t *indexes = (const int32_t *) (head + 1);
	const int16_t *levels = (const int16_t *) (indexes + sparse->kept);
	uint32_t	count = count_of(sparse, head);
	float		norm_sq = head->add - head->lift * fabsf(head->lift);

	fill(query, count);
	for (uint32_t i = 0; i < count; i++)
		if (indexes[i] >= 0)
			put(query, indexes[i], head->step * (float) levels[i]);
	query->lift = head->lift > 0 ? head->lift : 0;
	query->norm = sqrtf(norm_sq > 0 ? norm_sq : 0);
	query->add = sparse->metric == OMEN_HNSW_L1 ? head->add : norm_sq + query->lift * query->lift;
}

OmenGraphSpace
omen_hnsw_sparse_space(const OmenHnswSparse *sparse)
{
	return (OmenGraphSpace) {
		.payload_bytes = payload_bytes(sparse->kept),
		.query_bytes = sizeof(SparseQuery) + (sizeof(Slot) << hash_bits(OMEN_HNSW_ELEMENTS_MAX)),
		.distance = sparse->metric == OMEN_HNSW_L1 ? distance_l1 : distance,
		.query_of = query_of,
		.context = sparse,
	};
}

/* ---- rows ---- */

/* What a row's values are multiplied by: 1, or what makes its length 1; 0 for a row that is behind all others. */
static float
unit(const OmenHnswSparse *sparse, OmenSparseRow row)
{
	double		norm_sq = omen_simd->norm_sq_f32(row.values, row.count);

	if (sparse->metric == OMEN_HNSW_L1)
		return 1;
	if (sparse->metric == OMEN_COSINE)
		return norm_sq > 0 && norm_sq < INFINITY ? (float) (1 / sqrt(norm_sq)) : 0;
	return norm_sq < OMEN_ADD_LAST ? 1 : 0;
}

/* The sum that `add` begins with. */
static double
own_sum(const OmenHnswSparse *sparse, OmenSparseRow row, float factor)
{
	double		sum = 0;

	for (uint32_t i = 0; i < row.count; i++)
	{
		double		value = (double) row.values[i] * factor;

		sum += sparse->metric == OMEN_HNSW_L1 ? fabs(value) : value * value;
	}
	return sum;
}

static float
lift_of(const OmenHnswSparse *sparse, double norm_sq)
{
	double		lift_sq = sparse->metric == OMEN_INNER_PRODUCT ? sparse->lift_sq - norm_sq : 0;

	return (float) (lift_sq < 0 ? -sqrt(-lift_sq) : sqrt(lift_sq));
}

/* Which of the row's elements are kept, in their order: the values of scratch. */
static uint32_t
choose(const OmenHnswSparse *sparse, OmenSparseRow row, OmenKeyed *scratch)
{
	uint32_t	kept = row.count < sparse->kept ? row.count : sparse->kept;

	for (uint32_t i = 0; i < row.count; i++)
		scratch[i] = (OmenKeyed) {-fabsf(row.values[i]), i};
	if (kept == row.count)
		return kept;
	omen_select_least(scratch, row.count, kept);
	for (uint32_t i = 0; i < kept; i++)
		scratch[i].key = (float) scratch[i].value;
	omen_sort_keyed(scratch, kept);
	return kept;
}

void
omen_hnsw_sparse_encode(const OmenHnswSparse *sparse, OmenSparseRow row, OmenKeyed *scratch, uint8_t *payload)
{
	SparseHead *head = (SparseHead *) payload;
	int32_t    *indexes = (int32_t *) (head + 1);
	int16_t    *levels = (int16_t *) (indexes + sparse->kept);
	float		factor = unit(sparse, row);
	double		sum = own_sum(sparse, row, factor);
	double		rest = sum;
	float		widest = 0;

	memset(payload, 0, payload_bytes(sparse->kept));
	if (factor == 0 || !(sum < OMEN_ADD_LAST))
	{
		head->add = OMEN_ADD_LAST;
		return;
	}
	head->count = choose(sparse, row, scratch);
	for (uint32_t i = 0; i < row.count; i++)
		widest = fabsf(row.values[i]) > widest ? fabsf(row.values[i]) : widest;
	head->step = widest * factor / LEVEL_MAX;
	for (uint32_t i = 0; i < head->count; i++)
	{
		double		value = (double) row.values[scratch[i].value] * factor;

		indexes[i] = row.indexes[scratch[i].value];
		levels[i] = (int16_t) (head->step > 0 ? lrint(value / head->step) : 0);
		rest -= sparse->metric == OMEN_HNSW_L1 ? fabs(value) : value * value;
	}
	if (head->count < row.count && rest > 0)
		head->rest = (float) (sparse->metric == OMEN_HNSW_L1 ? rest : sqrt(rest));
	head->lift = lift_of(sparse, sum);
	head->add = (float) (sum + (double) head->lift * fabsf(head->lift));
}

void
omen_hnsw_sparse_query(const OmenHnswSparse *sparse, OmenSparseRow row, int lifted, void *context)
{
	SparseQuery *query = context;
	float		factor = unit(sparse, row);
	double		sum = own_sum(sparse, row, factor);

	/* Nothing is nearer than anything else. */
	if (factor == 0 || !(sum < OMEN_ADD_LAST))
		sum = row.count = 0;
	fill(query, row.count);
	for (uint32_t i = 0; i < row.count; i++)
		put(query, row.indexes[i], row.values[i] * factor);
	query->lift = lifted ? lift_of(sparse, sum) : 0;
	query->lift = query->lift > 0 ? query->lift : 0;
	query->norm = (float) sqrt(sum);
	query->add = (float) (sum + (double) query->lift * query->lift);
}
