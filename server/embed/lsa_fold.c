/*
 * lsa_fold.c - texts into the latent space.
 *
 * Training rows, stored rows and questions all take this one path, so a text
 * has one vector however it comes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lsa_model.h"
#include "tokenizer.h"

static OmenStatus terms_collect(const OmenLsaModel *model, OmenText text, OmenLsaTerms *terms, OmenError *err);
static OmenStatus terms_push(OmenLsaTerms *terms, uint32_t term, OmenError *err);

void
omen_lsa_terms_free(OmenLsaTerms *terms)
{
	free(terms->term);
	free(terms->count);
	memset(terms, 0, sizeof(*terms));
}

static int
term_compare(const void *a, const void *b)
{
	uint32_t	left = *(const uint32_t *) a;
	uint32_t	right = *(const uint32_t *) b;

	return (left > right) - (left < right);
}

OmenStatus
omen_lsa_terms_weigh(const OmenLsaModel *model, OmenText text, OmenLsaTerms *terms, OmenError *err)
{
	OmenStatus	status = terms_collect(model, text, terms, err);
	size_t		distinct = 0;
	double		square = 0.0;

	if (status != OMEN_OK || terms->used == 0)
		return status;
	qsort(terms->term, terms->used, sizeof(*terms->term), term_compare);
	for (size_t i = 0; i < terms->used;)
	{
		size_t		run = i;
		float		value;

		while (run < terms->used && terms->term[run] == terms->term[i])
			run++;
		value = (1.0f + logf((float) (run - i))) * model->weight[terms->term[i]];
		terms->term[distinct] = terms->term[i];
		terms->count[distinct++] = value;
		square += (double) value * value;
		i = run;
	}
	terms->used = distinct;
	for (size_t i = 0; i < distinct; i++)
		terms->count[i] = (float) (terms->count[i] / sqrt(square));
	return OMEN_OK;
}

OmenStatus
omen_lsa_fold_in(const OmenLsaModel *model, OmenText text, OmenLsaTerms *terms,
				 float *row, bool *known, OmenError *err)
{
	OmenStatus	status = omen_lsa_terms_weigh(model, text, terms, err);
	uint32_t	dim = model->dim;
	float		latent[256];
	double		square;

	if (status != OMEN_OK)
		return status;
	memset(row, 0, dim * sizeof(*row));
	for (size_t t = 0; t < terms->used; t++)
	{
		const OmenHalf *projection = model->projection + (size_t) terms->term[t] * dim;

		for (uint32_t first = 0; first < dim; first += 256)
		{
			uint32_t	count = dim - first < 256 ? dim - first : 256;

			omen_simd->f32_from_f16(latent, projection + first, count);
			for (uint32_t i = 0; i < count; i++)
				row[first + i] += terms->count[t] * latent[i];
		}
	}
	square = omen_simd->norm_sq_f32(row, dim);
	*known = square > 0.0 && isfinite(square);
	for (uint32_t i = 0; i < dim; i++)
		row[i] = *known ? (float) (row[i] / sqrt(square)) : 0.0f;
	return OMEN_OK;
}

/* The numbers of all known words and pairs, in order of occurrence. */
static OmenStatus
terms_collect(const OmenLsaModel *model, OmenText text, OmenLsaTerms *terms, OmenError *err)
{
	OmenTokenizer tokenizer;
	OmenToken	token;
	char		pair[2 * sizeof(token.text)];
	size_t		before = 0;		/* bytes of the word before in `pair`, 0 if none */
	OmenStatus	status = OMEN_OK;

	terms->used = 0;
	omen_tokenizer_begin(&tokenizer, text.bytes, text.length);
	while (status == OMEN_OK && omen_tokenizer_next(&tokenizer, &token))
	{
		uint32_t	word = omen_vocabulary_find(&model->terms, token.text, token.bytes);

		if (token.starts_phrase)
			before = 0;
		if (word != OMEN_TERM_NONE && model->weight[word] == 0.0f)
			continue;
		if (word != OMEN_TERM_NONE)
			status = terms_push(terms, word, err);
		if (before > 0 && word != OMEN_TERM_NONE && status == OMEN_OK)
		{
			uint32_t	both;

			pair[before] = ' ';
			memcpy(pair + before + 1, token.text, token.bytes);
			both = omen_vocabulary_find(&model->terms, pair, before + 1 + token.bytes);
			if (both != OMEN_TERM_NONE && model->weight[both] > 0.0f)
				status = terms_push(terms, both, err);
		}
		/* a word unknown alone is in no pair either */
		before = word == OMEN_TERM_NONE ? 0 : token.bytes;
		memcpy(pair, token.text, token.bytes);
	}
	return status;
}

static OmenStatus
terms_push(OmenLsaTerms *terms, uint32_t term, OmenError *err)
{
	if (terms->used == terms->capacity)
	{
		size_t		capacity = terms->capacity == 0 ? 256 : terms->capacity * 2;
		uint32_t   *number = realloc(terms->term, capacity * sizeof(*number));
		float	   *count;

		if (number == NULL)
			return omen_fail(err, OMEN_NO_MEMORY, "out of memory embedding a text");
		terms->term = number;
		count = realloc(terms->count, capacity * sizeof(*count));
		if (count == NULL)
			return omen_fail(err, OMEN_NO_MEMORY, "out of memory embedding a text");
		terms->count = count;
		terms->capacity = capacity;
	}
	terms->term[terms->used++] = term;
	return OMEN_OK;
}
