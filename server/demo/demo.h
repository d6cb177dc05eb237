/*
 * demo.h - OmenDB on real text: what `omendb demo` does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_DEMO_H
#define OMENDB_DEMO_H

#include <stdio.h>

#include "config/config.h"

typedef struct OmenDemoOptions
{
	const char *wordnet;		/* folder of WordNet's data files; NULL: where Debian puts them */
	const char *question;		/* answer this one and be done; NULL: the whole demo */
	FILE	   *out;			/* answers */
	FILE	   *progress;		/* what is being done meanwhile */
} OmenDemoOptions;

/*
 * Makes what is not there yet (the embedder's model, the table, the index),
 * then answers and measures.  Each part is made whole or not at all, so that
 * a demo that was interrupted is simply run again.
 */
bool		omen_demo_run(const OmenConfig *config, const OmenDemoOptions *options, OmenComplaint *complaint);

#endif							/* OMENDB_DEMO_H */
