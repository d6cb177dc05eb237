/*
 * ivf_effort.c - the effort that a recall takes, looked up in the calibration; and two of them joined.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "ivf_calibrate.h"

/*
 * Aims two fifths of the way from the target to one: the codes' bounds lose a
 * little, rows as queries are easier than strangers, and what was measured on
 * a thousand of them is itself not sure within half a percent.
 */
#define AIM 0.4
/* For more neighbours than were looked at, more. */
#define AIM_BEYOND 0.7
/* And for strangers, who are of more kinds than those calibrated with. */
#define AIM_STRANGE 0.7
/* Looked at besides, once the rows have grown. */
#define GROWN_LISTS 8
/* So large a share of what a list was written with. */
#define GROWN_SHARE 0.2
/* Of so few rows, or where so many are wanted, none is left to chance. */
#define SURE_K 10
#define SURE_RECALL 0.98

/*
 * How many of a code's deviations its row is given.  What a narrow bound loses
 * are rows about the k-th place: of ten a good part of the recall, of a
 * thousand hardly any, while the codes that pass grow with k.
 */
static float
epsilon_for(uint32_t k, double recall)
{
	if (k < SURE_K)
		return OMEN_EPSILON_SURE;
	if (recall >= SURE_RECALL)
		return k < 10 * SURE_K ? OMEN_EPSILON_SURE : OMEN_EPSILON_DEFAULT;
	return k < 10 * SURE_K ? OMEN_EPSILON_DEFAULT : k < 100 * SURE_K ? 1.4f : 1.1f;
}

static inline uint32_t
greater(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* So many lists for k, when OMEN_NEIGHBOURS_MANY take `lists` of them. */
static uint32_t
lists_beyond(uint32_t lists, uint32_t k, uint32_t most)
{
	return (uint32_t) fmin((double) lists * fmax(k / (double) OMEN_NEIGHBOURS_MANY, 1), most);
}

static OmenIvfEffort
find_effort(const OmenIvfModel *model, int strange, uint32_t k, double recall, int grown)
{
	const OmenEfforts *efforts = strange ? &model->calibration->strangers : &model->calibration->own;
	OmenIvfEffort effort = omen_ivf_fixed_effort(model->lists);
	uint32_t	below;
	uint32_t	above = 0;
	uint32_t	l = 0;
	double		aim = recall + (1.0 - recall) * (strange ? AIM_STRANGE : k > OMEN_NEIGHBOURS_MANY ? AIM_BEYOND : AIM);

	effort.epsilon = epsilon_for(k, recall);
	if (model->calibration->queries == 0 || recall >= 1.0)
		return effort;
	effort.recall = (float) recall;
	effort.grown = grown;
	while (l + 1 < OMEN_CALIBRATION_LEVELS && omen_calibration_levels[l] < aim)
		l++;
	/* Effort does not grow steadily with k; between two that were looked at, the greater of theirs. */
	while (above + 1 < OMEN_CALIBRATION_KS && omen_calibration_ks[above] < k)
		above++;
	below = above > 0 && omen_calibration_ks[above] > k ? above - 1 : above;
	/*
	 * Beyond the neighbours that were looked at, the ranking must be followed
	 * further: in proportion to them, which is more than enough in most data.
	 */
	if (grown)
	{
		uint32_t	alone = greater(efforts->lists_alone[below][l], efforts->lists_alone[above][l]);

		/* Among more rows the neighbours are others, in lists that were not trained on them. */
		effort.probes = alone > 0 ? lists_beyond(alone, k, model->lists) * 3 / 2 + GROWN_LISTS : model->lists;
		effort.probes = effort.probes < model->lists ? effort.probes : model->lists;
		effort.lists = effort.probes;
		return effort;
	}
	effort.stop_z = fmaxf(efforts->stop_z[below][l], efforts->stop_z[above][l]);
	effort.reach = fmaxf(efforts->reach[below][l], efforts->reach[above][l]);
	/* One neighbour of a row is found within next to no reach, which is too little for a stranger's. */
	if (above == 0)
		effort.reach = fmaxf(effort.reach, efforts->reach[1][l]);
	effort.patience = lists_beyond(greater(efforts->patience[below][l], efforts->patience[above][l]), k,
								   model->lists);
	effort.lists = lists_beyond(greater(efforts->lists[below][l], efforts->lists[above][l]), k, model->lists);
	effort.lists = greater(effort.lists, 1);
	/* Damage would show as one of these; it costs time, nothing else. */
	if (effort.patience == 0)
		effort.patience = model->lists;
	if (!(effort.stop_z == effort.stop_z))
		effort.stop_z = INFINITY;
	return effort;
}

OmenIvfEffort
omen_ivf_effort(const OmenIvfModel *model, uint32_t k, double recall, int grown)
{
	return find_effort(model, 0, k, recall, grown);
}

OmenIvfEffort
omen_ivf_query_effort(const OmenIvfSearch *search, uint32_t k, double recall, int grown)
{
	const OmenCalibration *calibration = search->model->calibration;
	int			strange = search->ranking.ready > 0 && search->ranking.ranks[0].distance > calibration->strange;

	return find_effort(search->model, strange, k, recall, grown);
}

/*
 * That the index's file is longer tells of most growth, but not where pages
 * were taken that lists rewritten before had left free, nor where rows came to
 * some lists only.  Rows updated or deleted count until VACUUM, as they should:
 * they are among the k best that the search looks for.
 */
int
omen_ivf_has_grown(const OmenIvfSearch *search)
{
	return search->tail_seen > GROWN_SHARE * search->packed_seen;
}

/*
 * The greater of each limit: such a search looks at every list that either of
 * the two would have looked at.
 */
static void
join_efforts(OmenEfforts *to, const OmenEfforts *other)
{
	for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
		for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
		{
			to->stop_z[s][l] = fmaxf(to->stop_z[s][l], other->stop_z[s][l]);
			to->reach[s][l] = fmaxf(to->reach[s][l], other->reach[s][l]);
			to->patience[s][l] = greater(to->patience[s][l], other->patience[s][l]);
			to->lists[s][l] = greater(to->lists[s][l], other->lists[s][l]);
			to->lists_alone[s][l] = greater(to->lists_alone[s][l], other->lists_alone[s][l]);
		}
}

void
omen_calibration_join(OmenCalibration *to, const OmenCalibration *other)
{
	to->strange = fmaxf(to->strange, other->strange);
	join_efforts(&to->own, &other->own);
	join_efforts(&to->strangers, &other->strangers);
}
