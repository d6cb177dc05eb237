/*
 * ivf.h - the inverted file: lists of RaBitQ codes around trained centroids.
 *
 * Index space.  Every metric is turned into squared L2 distance, so that one
 * search serves all:
 *   L2             |q - x|^2 as it is
 *   cosine         q and x at unit length: |q - x|^2 = 2 (1 - cos)
 *   inner product  x lifted by a coordinate sqrt(lift_sq - |x|^2), q by 0:
 *                  |q|^2 + lift_sq - 2 <q, x>; both are brought to lengths
 *                  whose squares a float holds, for the order stays the same
 * Vectors are rotated (rotation.h) and the rows' mean is subtracted from both
 * sides; neither changes a distance.
 *
 * A search: rank the lists by the distance of their centroids (coded, then
 * eight bits wide for the best), scan the sign codes of the nearest, read the
 * four-bit codes of rows that may still belong to the best k, and return those
 * rows with a distance estimate and its bound.  The caller fetches exact
 * vectors in the order of their lower bounds and stops when the next cannot
 * win any more.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_H
#define OMEN_IVF_H

#include <math.h>

#include "omen/kmeans.h"
#include "omen/page.h"
#include "omen/rotation.h"

/* ---- calibration: how far to search for a recall ---- */

#define OMEN_CALIBRATION_LEVELS 20
#define OMEN_CALIBRATION_KS 4
/* Opening a list, in pages of PostgreSQL, costs about as much as scanning so many codes. */
#define OMEN_LIST_COST 300
/* And measuring how far a list is, also one that is skipped then. */
#define OMEN_LOOK_COST 40
/*
 * So many of the nearest lists are always looked at: they cost next to nothing,
 * and the rows that calibration learns from lie nearer to their centroids than
 * strangers do.
 */
#define OMEN_LISTS_SURE 4

extern const float omen_calibration_levels[OMEN_CALIBRATION_LEVELS];
extern const uint32_t omen_calibration_ks[OMEN_CALIBRATION_KS];

/*
 * For each k and each level the cheapest effort (OmenIvfEffort) with which that
 * share of true neighbours was found.
 */
typedef struct OmenEfforts
{
	float		stop_z[OMEN_CALIBRATION_KS][OMEN_CALIBRATION_LEVELS];
	float		reach[OMEN_CALIBRATION_KS][OMEN_CALIBRATION_LEVELS];
	uint32_t	patience[OMEN_CALIBRATION_KS][OMEN_CALIBRATION_LEVELS];
	/* Where such searches ended, on average. */
	uint32_t	lists[OMEN_CALIBRATION_KS][OMEN_CALIBRATION_LEVELS];
	/* By a number of lists alone: nothing else holds once the rows have grown denser. */
	uint32_t	lists_alone[OMEN_CALIBRATION_KS][OMEN_CALIBRATION_LEVELS];
} OmenEfforts;

typedef struct OmenCalibration
{
	uint32_t	queries;		/* 0: never calibrated, search everything */
	float		spread;			/* of a row's list, on average: the unit of reach */
	float		query_length;	/* inner product: to which queries are brought; 0: as they are */
	float		strange;		/* a query as far from its nearest list is a stranger */
	OmenEfforts own;			/* rows of the table itself were the queries, or those of its users */
	OmenEfforts strangers;		/* queries that lie where no rows lie */
} OmenCalibration;

/* ---- digests: what is known of a list's packed keys without reading them ---- */

typedef struct OmenDigests
{
	uint32_t	words;			/* of bits, a list and column: a power of two */
	uint64_t   *low;			/* [keys][lists] least key */
	uint64_t   *high;			/* [keys][lists] greatest */
	uint64_t   *bits;			/* [keys][lists][words] one set for each key, by a hash */
} OmenDigests;

int			omen_digest_words_valid(uint32_t words);
size_t		omen_digest_bytes(uint32_t lists, uint32_t keys, uint32_t words);

/* Points into omen_digest_bytes() bytes, which begin at a multiple of 8. */
void		omen_digest_lay_out(OmenDigests *digests, uint8_t *bytes, uint32_t lists, uint32_t keys, uint32_t words);

/* ---- the model ---- */

/* Where a list's packed postings begin, and how many there are. */
typedef struct OmenListStart
{
	OmenPackedPlace place;
	uint32_t	count;
	float		spread;			/* mean squared residual, in index space, of rows whose first list it is */
} OmenListStart;

/*
 * A view of the model's bytes: all that a search needs besides list and row
 * pages.  They are written to MODEL pages as they are, with keys the digests
 * behind them, and then the page map: the blocks of the packed run's pages, then
 * the directory's; with keys also where each list's keys begin, and the blocks
 * of theirs.
 */
typedef struct OmenIvfModel
{
	uint8_t    *bytes;
	size_t		byte_count;
	uint32_t	dim;
	uint32_t	dim_padded;
	uint32_t	lists;
	uint32_t	keys;			/* a posting */
	OmenMetric	metric;
	float	   *lift_sq;		/* [1] inner product: the greatest |x|^2 when trained */
	float	   *unit;			/* [1] inner product: rows are multiplied by this power of two */
	uint32_t   *spilled;		/* [1] whether rows have a posting in a second list */
	OmenCalibration *calibration;	/* [1] */
	float	   *mean;			/* [dim_padded] rotated */
	float	   *scale;			/* [lists] of the centroid's bytes */
	float	   *extra_sq;		/* [lists] square of the centroid's lift */
	float	   *norm_sq;		/* [lists] centroid's squared length without the lift */
	OmenListStart *start;		/* [lists] */
	float	   *code_add;		/* [lists up to 32s] factors of the centroids' sign codes */
	float	   *code_scale;		/* [lists up to 32s] */
	uint8_t    *codes;			/* [lists up to 32s / 32][dim_padded / 8][32] */
	uint8_t    *values;			/* [lists][dim_padded] centroid bytes + 128 */
	OmenDigests digests;		/* empty until opened or set, and without keys */
	const uint32_t *packed_map; /* [packed_pages] blocks; NULL until opened or set */
	const uint32_t *directory_map;	/* [omen_directory_pages(tails)] blocks */
	const uint32_t *key_start;	/* [lists] packed blocks of the lists before; NULL without keys */
	const uint32_t *key_map;	/* [key_pages] blocks */
} OmenIvfModel;

/* Bytes of a model without digests and page map. */
size_t		omen_ivf_model_bytes(uint32_t dim, uint32_t lists);

/* Bytes of digests and page map. */
size_t		omen_ivf_map_bytes(const OmenIvfMeta *meta);

/* Lays a view over omen_ivf_model_bytes() bytes and writes the header: a new, empty model. */
void		omen_ivf_model_create(OmenIvfModel *model, uint8_t *bytes, uint32_t dim, uint32_t lists,
								  OmenMetric metric);

/* Lays a view over bytes read from pages, page map included.  OMEN_CORRUPT, OMEN_UNSUPPORTED. */
OmenStatus	omen_ivf_model_open(OmenIvfModel *model, uint8_t *bytes, size_t byte_count,
								const OmenIvfMeta *meta, OmenError *err);

/* Takes over trained centroids (relative to the mean) and codes them.  OMEN_NO_MEMORY. */
OmenStatus	omen_ivf_model_set_centroids(OmenIvfModel *model, const OmenByteRows *centroids,
										 OmenArena *scratch);

/*
 * Whether a list has been retired: a place that records are coded relative to,
 * to which neither queries nor new rows are led any more.
 */
static inline int
omen_list_retired(const OmenIvfModel *model, uint32_t list)
{
	return model->code_add[list] == INFINITY;
}

/* out = the centroids; it has room for them, with `extra` or without. */
void		omen_ivf_model_centroids(const OmenIvfModel *model, OmenByteRows *out);

/* Finds the lists of rows: the centroids, copied, and what assigns to those not retired. */
OmenStatus	omen_ivf_model_assigner(const OmenIvfModel *model, OmenArena *arena, OmenByteRows *centroids,
									OmenAssigner *assigner);

/*
 * Lays a view over omen_ivf_model_bytes() bytes: the old model with these
 * centroids.  Lists not retired[list] that it had keep their spread; where
 * lists begin is left empty.  OMEN_NO_MEMORY.
 */
OmenStatus	omen_ivf_model_revise(OmenIvfModel *model, uint8_t *bytes, const OmenIvfModel *old,
								  const OmenByteRows *centroids, const uint8_t *retired, OmenArena *scratch);

/* out[dim_padded] = centroid `list`, as every residual is taken from it. */
void		omen_ivf_centroid(const OmenIvfModel *model, uint32_t list, float *out);

/* Lists that suit this many rows. */
uint32_t	omen_ivf_lists_for(uint64_t rows);

/* How many of them should share a tail, so that its pages fill as the rows grow. */
uint32_t	omen_ivf_lists_per_tail(uint64_t rows, uint32_t lists, uint32_t dim_padded, uint32_t keys);

/* ---- a vector on its way into index space ---- */

typedef struct OmenPoint
{
	float	   *vector;			/* [dim_padded] rotated, normalised for cosine, mean subtracted */
	float		lift_sq;		/* inner product: model's lift_sq - |x|^2 (may be negative); else 0 */
	float		lost;			/* length of what is known to be wrong with `vector`: 0 unless decoded */
	int			last;			/* cosine of a zero vector or nearly so, or overflow: no distance that means anything */
	const uint64_t *keys;		/* [model's keys] the row's; NULL when there are none */
	OmenTid		place;			/* where it was read out of line; zeros: not known */
} OmenPoint;

/* 0 for a row longer than any that was trained on. */
static inline float
omen_point_lift(const OmenPoint *point)
{
	return point->lift_sq > 0 ? sqrtf(point->lift_sq) : 0.0f;
}

/*
 * point = vector[dim] in index space.  `mean` may be NULL (before there is
 * one).  `scratch` as for omen_rotation_apply.
 */
void		omen_ivf_point(const OmenRotation *rotation, OmenMetric metric, const float *mean, float lift_sq,
						   const float *vector, float *scratch, OmenPoint *point);

/*
 * point = a query in index space; `scratch` as for omen_rotation_apply.  By inner
 * product its length changes nothing in the order of rows, but much in that of
 * lists, so it is brought to that of the queries of the calibration, or else of
 * the longest row: returns what that and the rows' unit multiply products by.
 */
double		omen_ivf_query(const OmenRotation *rotation, const OmenIvfModel *model, const float *vector,
						   float *scratch, OmenPoint *point);

/* ---- encoding ---- */

/* Codes one row for list `list`: record (with tid, state, list) and posting (slot left OMEN_NO_SLOT). */
void		omen_ivf_encode(const OmenIvfModel *model, const OmenPoint *point, uint32_t list, OmenTid tid,
							float *scratch, OmenRowRecord *record, uint8_t *posting);

/* The posting alone, for a second list. */
void		omen_ivf_encode_posting(const OmenIvfModel *model, const OmenPoint *point, uint32_t list,
									float *scratch, uint8_t *posting);

/* Floats of scratch that omen_ivf_encode and omen_ivf_encode_posting need. */
#define omen_ivf_encode_scratch(dim_padded) (2 * (size_t) (dim_padded))

/*
 * A row record's vector back in rotated space, the mean added again, as near
 * as four bits tell.  Returns the length of what is wrong (but for what
 * meta.lost says of the record itself), at most.
 */
float		omen_ivf_decode(const OmenIvfModel *model, const OmenRowRecord *record, float *out, float *scratch);

/* ---- ranking lists ---- */

typedef struct OmenListRank
{
	float		distance;		/* query to centroid, squared, in index space */
	uint32_t	list;
} OmenListRank;

typedef struct OmenRanking
{
	OmenListRank *ranks;		/* [lists] nearest first, up to `ready` */
	float	   *coarse;			/* [lists] distances by the centroids' sign codes */
	uint32_t	count;			/* lists that can be ranked: all but those left out */
	uint32_t	ready;			/* how many are exact and in order */
	int64_t		fine_sum;
} OmenRanking;

OmenStatus	omen_ranking_init(OmenRanking *ranking, OmenArena *arena, const OmenIvfModel *model);

/* Starts over for a query whose tables are prepared. */
void		omen_ranking_begin(OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query);

/* Leaves out the lists that are not wanted[list], before any is made ready. */
void		omen_ranking_only(OmenRanking *ranking, const OmenIvfModel *model, const uint8_t *wanted);

/* The same for those behind the first `from` alone; returns how many postings the lists left out have. */
uint64_t	omen_ranking_drop(OmenRanking *ranking, const OmenIvfModel *model, uint32_t from, const uint8_t *wanted);

/* Makes at least `want` lists ready (or all there are). */
void		omen_ranking_extend(OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query,
								uint32_t want);

/*
 * Makes ready what a search wants that is to look at `want` lists, and sorts
 * anew those from `from` on, where it has looked at nothing yet.
 */
void		omen_ranking_ahead(OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query,
							   uint32_t from, uint32_t want);

/* A single list's exact distance. */
float		omen_ranking_distance(const OmenRanking *ranking, const OmenIvfModel *model,
								  const OmenCodeQuery *query, uint32_t list);

/* ---- conditions on keys ---- */

typedef enum OmenConditionKind
{
	OMEN_WITHIN,				/* low <= key <= high */
	OMEN_AMONG,					/* the key is one of the values, which ascend */
	OMEN_COVERS					/* all bits of one of the values are set in the key */
} OmenConditionKind;

typedef struct OmenCondition
{
	OmenConditionKind kind;
	uint32_t	column;			/* from 0 */
	uint64_t	low;
	uint64_t	high;
	const uint64_t *values;
	uint32_t	count;
} OmenCondition;

/* Whether a key meets the condition. */
int			omen_condition_met(const OmenCondition *condition, uint64_t key);

/*
 * Only rows whose keys meet all conditions are found.  With a recall, a search
 * goes on after its effort's probes, as far as the calibration says that the
 * best of all rows must be looked for among which the best k of those that
 * meet the conditions are, by the share of them seen so far.
 */
typedef struct OmenFilter
{
	const OmenCondition *conditions;	/* the caller's */
	uint32_t	count;
	double		recall;			/* 0: keep to the effort */
	int			grown;			/* as for omen_ivf_effort */
} OmenFilter;

/*
 * Gives a model, whose number of keys is known, digests of no key, of a size
 * that suits so many postings, and notes it in the meta page.  OMEN_NO_MEMORY.
 */
OmenStatus	omen_digests_begin(OmenIvfModel *model, OmenIvfMeta *meta, uint64_t postings, OmenArena *arena);

/* Adds a packed posting's keys, if there are any, to the digests of its list. */
void		omen_digest_add(const OmenIvfModel *model, uint32_t list, const uint8_t *keys);

/* Whether they know of such keys, each of them. */
int			omen_digest_has(const OmenIvfModel *model, uint32_t list, const uint8_t *keys);

/* possible[list] = 0 where the digests tell that no packed posting passes, else 1. */
void		omen_digest_test(const OmenIvfModel *model, const OmenFilter *filter, uint8_t *possible);

/* Of a lane's 32 keys those that meet the condition, one bit each. */
uint32_t	omen_condition_mask(const OmenCondition *condition, const uint64_t keys[OMEN_BLOCK_CODES]);

/* ---- searching ---- */

/* How far a search goes along the lists, nearest first. */
typedef struct OmenIvfEffort
{
	float		stop_z;			/* skips lists beyond this many spreads; INFINITY: none */
	uint32_t	probes;			/* looks at so many at most */
	uint32_t	patience;		/* 0: at all of those; else see omen_ivf_end */
	float		reach;			/* goes on whatever its patience while within: see omen_ivf_reach */
	uint32_t	lists;			/* where it will end, more or less: so many are ranked at first */
	float		epsilon;		/* multiple of the codes' error bounds; 0: the usual */
	float		recall;			/* calibrated for this, so that a stranger gets another; 0: it is not */
	int			grown;			/* as it was calibrated */
} OmenIvfEffort;

/* The nearest so many lists, whatever comes. */
static inline OmenIvfEffort
omen_ivf_fixed_effort(uint32_t probes)
{
	return (OmenIvfEffort) {.stop_z = INFINITY, .probes = probes, .lists = probes};
}

/* A search that has had no news since list `last` (from 0) ends before this one. */
static inline uint32_t
omen_ivf_end(uint32_t last, uint32_t patience)
{
	uint64_t	end = (uint64_t) last + last / 4 + patience + 1;

	return end < UINT32_MAX ? (uint32_t) end : UINT32_MAX;
}

/* So many rows that are among the best k so far are news. */
static inline uint32_t
omen_ivf_news(uint32_t k)
{
	return k / 20 > 1 ? k / 20 : 1;
}

/* How far a list may be for a reach, when the nearest is at `nearest`. */
static inline float
omen_ivf_reach(const OmenIvfModel *model, float nearest, float reach)
{
	return nearest + reach * 2.0f * sqrtf(nearest * model->calibration->spread);
}

/*
 * The effort that should reach `recall` (0 .. 1) for the best k, from the
 * calibration; `grown` when there are many more rows than it saw.
 */
OmenIvfEffort omen_ivf_effort(const OmenIvfModel *model, uint32_t k, double recall, int grown);

/* A row that may be among the best k. */
typedef struct OmenHit
{
	float		estimate;		/* squared distance in index space */
	float		bound;			/* the true one is within estimate +- bound, very probably */
	uint32_t	slot;
	OmenTid		tid;
	OmenTid		place;			/* as in the record */
} OmenHit;

typedef struct OmenSearchStats
{
	uint32_t	lists_probed;
	uint32_t	lists_skipped;	/* by the stop rule */
	uint64_t	codes_scanned;
	uint64_t	records_read;
	uint64_t	keys_tested;	/* postings whose keys were looked at */
	uint64_t	keys_passed;
	uint64_t	keys_spared;	/* not looked at: the list's digests told that none passes */
} OmenSearchStats;

/* Slots seen in one run of a search; all zeros to begin with. */
typedef struct OmenSlotSet
{
	uint64_t   *keys;			/* [room] */
	uint32_t	count;
	uint32_t	room;			/* a power of two */
	uint32_t	run;
} OmenSlotSet;

void		omen_slot_set_empty(OmenSlotSet *set);

/* *again: whether it was there.  OMEN_NO_MEMORY. */
OmenStatus	omen_slot_set_add(OmenSlotSet *set, OmenArena *arena, uint32_t slot, int *again);

/* One query at work.  Reusable: set meta and store, and begin() again for the next query. */
/* Of the codes that passed a filter: what tells how many such rows there are in lists not looked at (ivf_odds.c). */
typedef struct OmenOdds
{
	uint32_t	count;			/* angles of codes to their lists */
	double		sum;
	double		sum_sq;			/* the codes' own errors taken off */
	uint32_t	lists;			/* looked at when the threshold was found; 0: it was not */
	float		stop_z;
} OmenOdds;

typedef struct OmenIvfSearch
{
	const OmenIvfModel *model;
	OmenIvfMeta meta;
	OmenPageStore store;
	OmenArena  *arena;
	OmenCodeQuery query;
	OmenRanking ranking;
	float		epsilon;		/* multiple of the codes' error bounds, by the effort */
	OmenHit    *hits;			/* result: hit_count rows, lower bounds ascending */
	uint32_t	hit_count;
	uint32_t	hit_room;
	float		limit;			/* and the k-th best at its worst: of rows farther away only some are among them */
	float	   *nearest;		/* max-heap of the k best, each at its worst: estimate + bound */
	uint32_t	nearest_count;
	uint32_t	nearest_room;	/* k */
	uint32_t	heap_k;			/* that there is memory for */
	float	   *likely;			/* max-heap of the k least estimates: where the k-th is, more or less */
	uint32_t	likely_count;
	float		rounding;		/* by so much two equal distances may differ; see omen_ivf_search_begin */
	uint32_t	entered;		/* rows that came among those, since it was set to 0 */
	uint64_t	packed_seen;	/* postings of the lists looked at: as they were written, */
	uint64_t	tail_seen;		/* and inserted since */
	struct OmenScanned *scanned;	/* codes of the list at hand that passed */
	uint32_t	scanned_count;
	uint32_t	scanned_room;
	OmenSlotSet read;			/* with spilling: the records read */
	uint8_t    *block;			/* one block's codes, widened or packed */
	uint8_t    *gathered;		/* one block's codes, one after another */
	OmenFilter	filter;
	uint64_t	scan_max;		/* postings to look at, over all runs; 0: any number */
	int			stopped;		/* by scan_max */
	int			all_found;		/* every row that meets the filter is among the hits */
	uint8_t    *possible;		/* [lists] with a filter: what its digests leave, or the keys themselves */
	uint32_t   *masks;			/* a bit for each posting that meets it: of the list at hand, or of all */
	uint32_t	mask_room;
	int			sifted;			/* the masks are of all lists */
	OmenOdds	odds;			/* with a filter */
	struct OmenRange *range;	/* NULL: the nearest are wanted */
	OmenSearchStats stats;
	OmenError	error;
} OmenIvfSearch;

/*
 * omen_ivf_effort() for the query, whose nearest list is ranked: another when
 * that is as far as strangers' are.
 */
OmenIvfEffort omen_ivf_query_effort(const OmenIvfSearch *search, uint32_t k, double recall, int grown);

/* Whether many postings have come to the lists looked at so far. */
int			omen_ivf_has_grown(const OmenIvfSearch *search);

#define OMEN_EPSILON_DEFAULT 1.8f
/* Where a bound that fails now and then would be felt. */
#define OMEN_EPSILON_SURE 2.4f

OmenStatus	omen_ivf_search_init(OmenIvfSearch *search, OmenArena *arena, const OmenIvfModel *model,
								 const OmenIvfMeta *meta, OmenPageStore store);

/* The query, in index space (search->query.vector is filled by omen_ivf_point). */
void		omen_ivf_search_begin(OmenIvfSearch *search);

/* A k that no row is too far for. */
#define OMEN_K_ALL UINT32_MAX

/*
 * Finds the best k (k >= 1) within the effort; may be called again with a
 * larger k or effort, which starts from scratch.  OMEN_STALE when pages have
 * been rewritten since the model was read; search->error tells of failures.
 */
OmenStatus	omen_ivf_search_run(OmenIvfSearch *search, uint32_t k, OmenIvfEffort effort);

/* ---- searching within a range ---- */

/*
 * Takes the row pointers of rows that may lie in the range; some come more
 * than once.  Anything but OMEN_OK ends the search.
 */
typedef OmenStatus (*OmenRangeTake) (void *context, const OmenTid *tids, uint32_t count);

/*
 * Finds every row whose distance to the query, as the operator gives it (L2:
 * not squared; inner product: negative), may be `radius` or less.  No row is
 * left out by an estimate, only by bounds that always hold; see ivf_range.c.
 * The query is in search->query.vector by omen_ivf_point() with a mean of NULL;
 * omen_ivf_search_begin() is not called.  Status as of omen_ivf_search_run().
 */
OmenStatus	omen_ivf_search_range(OmenIvfSearch *search, double radius, OmenRangeTake take, void *context);

/* ---- building: packing a list's postings into pages ---- */

typedef struct OmenPacker
{
	/* Called with each finished page body (and the bytes used), in order; returns OMEN_OK to go on. */
	OmenStatus	(*emit) (void *context, OmenPageKind kind, const uint8_t *body, uint32_t used);
	void	   *context;
	uint32_t	code_bytes;
	uint32_t	keys;
	OmenPackedPlace place;
	uint32_t	used;			/* of the page at hand */
	uint8_t    *body;			/* [OMEN_BODY_BYTES] the page at hand */
	uint8_t    *block;			/* [32 x code_bytes] */
	uint8_t    *waiting;		/* [32 x posting bytes] postings not yet a block */
	uint32_t	waiting_count;
	uint32_t	blocks;			/* written */
	uint8_t    *lanes;			/* [OMEN_BODY_BYTES] the page of keys at hand */
	uint32_t	lane_count;
} OmenPacker;

OmenStatus	omen_packer_init(OmenPacker *packer, OmenArena *arena, uint32_t dim_padded, uint32_t keys,
							 OmenStatus (*emit) (void *context, OmenPageKind kind, const uint8_t *body, uint32_t used),
							 void *context);

/* A new list begins: where.  Its keys begin at packer->blocks. */
OmenStatus	omen_packer_list(OmenPacker *packer, OmenPackedPlace *place);
OmenStatus	omen_packer_add(OmenPacker *packer, const uint8_t *posting);

/* The last pages. */
OmenStatus	omen_packer_finish(OmenPacker *packer);

/*
 * The other way: each posting of a list's packed part that has a slot, as it
 * was added.  OMEN_CORRUPT, OMEN_STALE, or what `take` returned.
 */
OmenStatus	omen_ivf_unpack(const OmenIvfModel *model, const OmenIvfMeta *meta, OmenPageStore store,
							OmenArena *scratch, uint32_t list,
							OmenStatus (*take) (void *context, uint32_t list, const uint8_t *posting),
							void *context, OmenError *err);

/* ---- building: calibration ---- */

typedef struct OmenCalibrator OmenCalibrator;

/*
 * Collects the nearest neighbours of some rows among all rows, while those go
 * by.  `queries` are byte rows (relative to the mean) that are copied, and
 * strangers made of them; by inner product the model learns their length.
 * NULL in *calibrator and OMEN_OK when there are too few to tell anything.
 */
OmenStatus	omen_calibrator_create(OmenCalibrator **calibrator, OmenArena *arena,
								   OmenIvfModel *model, const OmenByteRows *queries);

/* Bytes that takes. */
size_t		omen_calibrator_bytes(uint32_t dim_padded, uint32_t queries);

/*
 * Rows, with the lists they went to, the second one too (NULL: to none);
 * norm_sq of each without the lift, and the lift's square.
 */
void		omen_calibrator_add(OmenCalibrator *calibrator, const OmenByteRows *rows, const uint32_t *list,
								const uint32_t *second, const float *norm_sq, const float *lift_sq);

/*
 * Several calibrators of the same queries, each having seen some of the rows:
 * what one has found, as bytes, for another to add.
 */
const void *omen_calibrator_found(const OmenCalibrator *calibrator);
size_t		omen_calibrator_found_bytes(const OmenCalibrator *calibrator);
void		omen_calibrator_add_found(OmenCalibrator *calibrator, const void *found);

/* The queries are no rows of the table: none meets itself. */
void		omen_calibrator_of_strangers(OmenCalibrator *calibrator);

/* Fills in model->calibration; model->start[].spread must be there. */
OmenStatus	omen_calibrator_finish(OmenCalibrator *calibrator, OmenIvfModel *model, OmenArena *scratch);

/* What two kinds of queries take, so that either finds what it is searched for by. */
void		omen_calibration_join(OmenCalibration *to, const OmenCalibration *other);

/*
 * *cost: the codes a search scans (and lists it opens, in codes) to find that
 * share of the best k, one of omen_calibration_ks, by model->start[].count and
 * .spread; with rows in their second lists as well or not.  Infinite when the
 * rows are too few to tell.
 */
OmenStatus	omen_calibrator_cost(OmenCalibrator *calibrator, OmenIvfModel *model, int spilled, uint32_t k,
								 float level, OmenArena *scratch, double *cost);

/*
 * Whether searches get so much cheaper by a second list a row that it is worth
 * its space, judged on some rows that the lists were trained on, `share` of
 * all.  Uses model->start for itself and leaves it empty.
 */
OmenStatus	omen_ivf_spill_pays(OmenIvfModel *model, const OmenByteRows *sample, const OmenByteRows *centroids,
								const OmenByteRows *queries, double share, OmenArena *scratch, int *pays);

#endif							/* OMEN_IVF_H */
