/*
 * ivf_effort.c - the effort that a recall takes, looked up in the calibration.
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
/* Looked at besides, once the rows have grown. */
#define GROWN_LISTS 8

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

OmenIvfEffort
omen_ivf_effort(const OmenIvfModel *model, uint32_t k, double recall, int grown)
{
	const OmenCalibration *calibration = model->calibration;
	OmenIvfEffort effort = omen_ivf_fixed_effort(model->lists);
	uint32_t	below;
	uint32_t	above = 0;
	uint32_t	l = 0;
	double		aim = recall + (1.0 - recall) * (k > OMEN_NEIGHBOURS_MANY ? AIM_BEYOND : AIM);

	if (calibration->queries == 0 || recall >= 1.0)
		return effort;
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
		uint32_t	alone = greater(calibration->lists_alone[below][l], calibration->lists_alone[above][l]);

		/* Among more rows the neighbours are others, in lists that were not trained on them. */
		effort.probes = alone > 0 ? lists_beyond(alone, k, model->lists) * 3 / 2 + GROWN_LISTS : model->lists;
		effort.probes = effort.probes < model->lists ? effort.probes : model->lists;
		effort.lists = effort.probes;
		return effort;
	}
	effort.stop_z = fmaxf(calibration->stop_z[below][l], calibration->stop_z[above][l]);
	effort.reach = fmaxf(calibration->reach[below][l], calibration->reach[above][l]);
	/* One neighbour of a row is found within next to no reach, which is too little for a stranger's. */
	if (above == 0)
		effort.reach = fmaxf(effort.reach, calibration->reach[1][l]);
	effort.patience = lists_beyond(greater(calibration->patience[below][l], calibration->patience[above][l]), k,
								   model->lists);
	effort.lists = lists_beyond(greater(calibration->lists[below][l], calibration->lists[above][l]), k, model->lists);
	effort.lists = greater(effort.lists, 1);
	/* Damage would show as one of these; it costs time, nothing else. */
	if (effort.patience == 0)
		effort.patience = model->lists;
	if (!(effort.stop_z == effort.stop_z))
		effort.stop_z = INFINITY;
	return effort;
}
