/*
 * nearest_word.h - "did you mean …?"
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_NEAREST_WORD_H
#define OMENDB_NEAREST_WORD_H

#include <stddef.h>

/*
 * Edits (insertion, deletion, substitution, swap of neighbours) that turn a
 * into b: optimal string alignment.  Words past 63 bytes count as infinitely far.
 */
int			omen_word_distance(const char *a, const char *b);

/* The candidate nearest to word, or NULL when none is near enough to be meant. */
const char *omen_nearest_word(const char *word, const char *const *candidates, size_t candidate_count);

#endif							/* OMENDB_NEAREST_WORD_H */
