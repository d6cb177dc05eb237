/*
 * ivf_odds.c - how many of the k best a filtered search would miss if it ended.
 *
 * The calibrated stop threshold is that of unfiltered searches from among the
 * rows.  Rows that meet a condition may lie anywhere else, where lists are
 * alike and neighbours scattered over many of them, or nearer than others of
 * their lists.  But the search sees where: as the stop rule has it, a row's
 * distance is
 *
 *	distance + spread + angle * 2 sqrt(distance * spread)
 *
 * of its list, and the angles of the codes that passed so far have a mean and
 * a variance (that of the codes' own errors taken off).  Were angles normal, so
 * many rows of a list not looked at yet would be expected to be nearer than
 * the k-th best; the stop threshold is the one by which, over all such lists,
 * few enough are missed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "ivf_filter.h"
#include "omen/select.h"

/* The odds are judged from so many lists and codes on, and again when the lists have doubled. */
#define LISTS_FEW 32
#define ANGLES_FEW 100
/* By then they are known. */
#define ANGLES_MANY 2000
/* Of the lists not looked at yet so many are, twice: of those ranked, and of the others. */
#define LISTS_SAMPLED 64
/*
 * This much of what a recall allows to miss: the rest goes to the codes' bounds,
 * and to angles that are not normal, which strangers to the rows are hurt by.
 */
#define SHARE_MISSED 0.25
#define SHARE_STRANGE 0.1
#define VARIANCE_LEAST 1e-5

void
omen_ivf_note_angles(OmenIvfSearch *search, float distance, float spread, const float *estimate, const float *lower,
					 uint32_t mask)
{
	float		middle = distance + spread;
	float		unit = 1 / (2.0f * sqrtf(distance * spread));
	float		per_error = 1 / search->epsilon;
	float		sum = 0;
	float		sum_sq = 0;

	if (!(unit < INFINITY) || search->odds.count >= ANGLES_MANY)
		return;
	for (; mask != 0; mask &= mask - 1)
	{
		uint32_t	i = (uint32_t) __builtin_ctz(mask);
		float		angle = (estimate[i] - middle) * unit;
		float		error = (estimate[i] - lower[i]) * unit * per_error;

		sum += angle;
		sum_sq += angle * angle - error * error;
		search->odds.count++;
	}
	search->odds.sum += sum;
	search->odds.sum_sq += sum_sq;
}

/* Lists not looked at yet, each standing for some, by the angle from which on their rows matter. */
typedef struct Unseen
{
	OmenKeyed	lists[2 * (LISTS_SAMPLED + 1)]; /* by the angle, negative; value: place in `rows` */
	float		rows[2 * (LISTS_SAMPLED + 1)];	/* nearer than the k-th best, by the odds */
	uint32_t	count;
	float		mean;			/* of angles */
	float		deviation;
	float		share;			/* of postings that pass */
	float		worst;			/* the k-th best so far */
} Unseen;

/* How likely a standard normal number is to exceed x >= 0 (Lopez-Benitez and Casadevall 2011). */
static inline float
normal_tail(float x)
{
	return expf(-(0.3842f * x + 0.7640f) * x - 0.6964f);
}

static void
add_unseen(Unseen *unseen, const OmenListStart *start, float distance, uint32_t stands_for)
{
	float		unit = 2.0f * sqrtf(distance * start->spread);
	float		angle = (distance + start->spread - unseen->worst) / unit;
	float		x = (angle + unseen->mean) / unseen->deviation;

	if (!(unit > 0) || !(distance < OMEN_ADD_LAST))
		return;
	unseen->rows[unseen->count] = (float) stands_for * (float) start->count * unseen->share *
		normal_tail(x > 0 ? x : 0);
	unseen->lists[unseen->count] = (OmenKeyed) {-angle, unseen->count};
	unseen->count++;
}

/* The threshold by which lists are skipped that would bring `most` of the k best altogether. */
static float
threshold(const OmenIvfSearch *search, Unseen *unseen, uint32_t done, double most)
{
	const OmenRanking *ranking = &search->ranking;
	const OmenIvfModel *model = search->model;
	uint32_t	step = (ranking->ready - done) / LISTS_SAMPLED + 1;
	double		missed = 0;

	for (uint32_t r = done + step / 2; r < ranking->ready; r += step)
		add_unseen(unseen, &model->start[ranking->ranks[r].list], ranking->ranks[r].distance, step);
	step = model->lists / LISTS_SAMPLED + 1;
	for (uint32_t l = step / 2; l < model->lists; l += step)
		if (ranking->coarse[l] < OMEN_ADD_LAST)
			add_unseen(unseen, &model->start[l], ranking->coarse[l], step);
	omen_sort_keyed(unseen->lists, unseen->count);
	for (uint32_t i = 0; i < unseen->count; i++)
	{
		missed += unseen->rows[unseen->lists[i].value];
		if (missed > most)
			return -unseen->lists[i].key;
	}
	return -INFINITY;
}

int
omen_ivf_judge(OmenIvfSearch *search, uint32_t done, double share)
{
	uint32_t	k = search->nearest_room;
	double		count = search->odds.count;
	double		mean = search->odds.sum / count;
	double		variance = search->odds.sum_sq / count - mean * mean;
	int			strange = search->ranking.ranks[0].distance > search->model->calibration->strange;
	Unseen		unseen = {.count = 0};

	if (search->odds.lists > 0 && done < 2 * search->odds.lists)
		return 1;
	if (done < LISTS_FEW || count < ANGLES_FEW || k == 0 || search->nearest_count < k || !(variance < INFINITY))
		return 0;
	unseen.mean = (float) mean;
	unseen.deviation = sqrtf((float) (variance > VARIANCE_LEAST ? variance : VARIANCE_LEAST));
	unseen.share = (float) share;
	unseen.worst = search->likely[0];
	search->odds.stop_z = threshold(search, &unseen, done,
									(1 - search->filter.recall) * (strange ? SHARE_STRANGE : SHARE_MISSED) * k);
	search->odds.lists = done;
	return 1;
}
