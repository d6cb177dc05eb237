/*
 * progress.h - telling whoever waits how far the work is.
 *
 * A thread of the progress redraws it, so that the caller only stores a
 * number and no call, however long, leaves the reader in silence: ten times a
 * second as a bar on a terminal, once a second as a plain line anywhere else.
 * Work that ends within the first interval prints its closing line alone.
 *
 *	OmenProgress *p = omen_progress_begin(stderr, "loading", "rows", total);
 *	...	omen_progress_set(p, rows_done);
 *	omen_progress_end(p, NULL);
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_PROGRESS_H
#define OMENDB_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

typedef struct OmenProgress OmenProgress;

/*
 * total 0 means unknown: elapsed time and count are shown instead of a bar.
 * The unit "bytes" is shown in kB, MB, GB; an empty unit shows no count.
 * Never NULL: without memory or a thread the progress is merely quiet.
 */
OmenProgress *omen_progress_begin(FILE *out, const char *title, const char *unit, uint64_t total);

/* From any thread, as often as one likes: an atomic store. */
void		omen_progress_set(OmenProgress *progress, uint64_t done);
void		omen_progress_add(OmenProgress *progress, uint64_t more);

/* A second count of the same work, whose rate is shown beside the first: "rows" beside bytes. */
void		omen_progress_set_also(OmenProgress *progress, uint64_t done, const char *unit);

/* A new stage of the same work: title and total are replaced, the clock of the rate restarts. */
void		omen_progress_stage(OmenProgress *progress, const char *title, const char *unit, uint64_t total);

/*
 * Stops the thread, prints the closing line ("title: 117,659 rows in 1.2 s",
 * and the remark after it unless NULL) and frees.  A remark of "" leaves
 * out the closing line as well, for work whose caller reports its failure.
 */
void		omen_progress_end(OmenProgress *progress, const char *remark);

#endif							/* OMENDB_PROGRESS_H */
