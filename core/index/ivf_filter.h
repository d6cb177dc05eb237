/*
 * ivf_filter.h - a search's filter at work, for ivf_search.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IVF_FILTER_H
#define IVF_FILTER_H

#include "omen/ivf.h"

/*
 * Leaves out of the ranking the lists whose digests tell that none of their
 * postings passes; lists that may have some in a tail keep their rank for those.
 */
void		omen_ivf_leave_out_lists(OmenIvfSearch *search);

/*
 * Tests the keys of a list's packed postings, unless that is done: *masks has a
 * bit for each that meets all conditions.  NULL: none does.
 */
OmenStatus	omen_ivf_test_list(OmenIvfSearch *search, uint32_t list, const uint32_t **masks);

/*
 * With `done` lists looked at: tests the keys of all others, in the order in
 * which they lie, when that will cost less than to go on list by list; those
 * in which nothing passes leave the ranking.
 */
OmenStatus	omen_ivf_sift(OmenIvfSearch *search, uint32_t done);

/* Whether a posting with these keys meets all conditions. */
int			omen_ivf_test_posting(OmenIvfSearch *search, const uint8_t *keys);

/* How far to go for the best k that pass, now that `done` lists have been looked at. */
OmenIvfEffort omen_ivf_filter_effort(OmenIvfSearch *search, uint32_t k, uint32_t done);

/* Remembers at which angles to their list, at this distance, a block's codes with a bit in `mask` lie. */
void		omen_ivf_note_angles(OmenIvfSearch *search, float distance, float spread, const float *estimate,
								 const float *lower, uint32_t mask);

/*
 * Whether enough has been seen to tell what would be missed: then the stop
 * threshold is search->odds.stop_z, with `share` of the postings passing.
 */
int			omen_ivf_judge(OmenIvfSearch *search, uint32_t done, double share);

#endif							/* IVF_FILTER_H */
