/*
 * lsa_embedder.c - a model file as an embedder.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "lsa_embedder.h"
#include "lsa_model.h"

typedef struct LsaEmbedder
{
	OmenEmbedder base;
	OmenLsaModel model;
	OmenLsaTerms terms;
} LsaEmbedder;

static OmenStatus
lsa_open(const OmenEmbedderOptions *options, OmenEmbedder **embedder, OmenError *err)
{
	LsaEmbedder *lsa;
	OmenStatus	status;

	*embedder = NULL;
	if (options->model == NULL)
		return omen_fail(err, OMEN_INVALID, "the embedder \"lsa\" needs a model file");
	lsa = calloc(1, sizeof(*lsa));
	if (lsa == NULL)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory opening the embedder");
	lsa->base.methods = &omen_lsa_embedder;
	status = omen_lsa_model_load(options->model, &lsa->model, err);
	if (status != OMEN_OK)
		free(lsa);
	else
		*embedder = &lsa->base;
	return status;
}

static uint32_t
lsa_dim(const OmenEmbedder *embedder)
{
	return ((const LsaEmbedder *) embedder)->model.dim;
}

static void
lsa_identity(const OmenEmbedder *embedder, char *text)
{
	const LsaEmbedder *lsa = (const LsaEmbedder *) embedder;

	snprintf(text, OMEN_EMBEDDER_IDENTITY_BYTES, "lsa %u %016llx", lsa->model.dim,
			 (unsigned long long) lsa->model.checksum);
}

static OmenStatus
lsa_embed(OmenEmbedder *embedder, const OmenText *texts, size_t count, float *rows, bool *known, OmenError *err)
{
	LsaEmbedder *lsa = (LsaEmbedder *) embedder;
	OmenStatus	status = OMEN_OK;

	for (size_t i = 0; i < count && status == OMEN_OK; i++)
		status = omen_lsa_fold_in(&lsa->model, texts[i], &lsa->terms, rows + i * lsa->model.dim, &known[i], err);
	return status;
}

static void
lsa_close(OmenEmbedder *embedder)
{
	LsaEmbedder *lsa = (LsaEmbedder *) embedder;

	omen_lsa_model_free(&lsa->model);
	omen_lsa_terms_free(&lsa->terms);
	free(lsa);
}

const OmenEmbedderMethods omen_lsa_embedder = {
	.name = "lsa",
	.open = lsa_open,
	.dim = lsa_dim,
	.identity = lsa_identity,
	.embed = lsa_embed,
	.close = lsa_close,
};
