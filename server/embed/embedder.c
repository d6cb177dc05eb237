/*
 * embedder.c - the embedders there are, by name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "embedder.h"
#include "lsa_embedder.h"

static const OmenEmbedderMethods *const embedders[] = {
	&omen_lsa_embedder,
};

#define EMBEDDER_COUNT (sizeof(embedders) / sizeof(embedders[0]))

OmenStatus
omen_embedder_open(const char *name, const OmenEmbedderOptions *options, OmenEmbedder **embedder, OmenError *err)
{
	char		known[160] = "";

	for (size_t i = 0; i < EMBEDDER_COUNT; i++)
	{
		size_t		used = strlen(known);

		if (strcmp(embedders[i]->name, name) == 0)
			return embedders[i]->open(options, embedder, err);
		snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "", embedders[i]->name);
	}
	*embedder = NULL;
	return omen_fail(err, OMEN_INVALID, "no embedder is called \"%.40s\"; there are: %s", name, known);
}
