/*
 * ivf_condition.h - a search's filter at work, for ivf_search.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IVF_CONDITION_H
#define IVF_CONDITION_H

#include "omen/ivf.h"

/*
 * Tests the keys of a list's packed postings: search->masks gets a bit for
 * each that meets all conditions.  *passed is how many do.
 */
OmenStatus	omen_ivf_test_list(OmenIvfSearch *search, uint32_t list, uint32_t *passed);

/* Whether a posting with these keys meets all conditions. */
int			omen_ivf_test_posting(OmenIvfSearch *search, const uint8_t *keys);

#endif							/* IVF_CONDITION_H */
