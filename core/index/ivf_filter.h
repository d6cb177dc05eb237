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
 * Tests the keys of a list's packed postings: search->masks gets a bit for
 * each that meets all conditions.  *passed is how many do.
 */
OmenStatus	omen_ivf_test_list(OmenIvfSearch *search, uint32_t list, uint32_t *passed);

/* Whether a posting with these keys meets all conditions. */
int			omen_ivf_test_posting(OmenIvfSearch *search, const uint8_t *keys);

/* How far to go for the best k that pass, now that `done` lists have been looked at. */
OmenIvfEffort omen_ivf_filter_effort(const OmenIvfSearch *search, uint32_t k, uint32_t done);

#endif							/* IVF_FILTER_H */
