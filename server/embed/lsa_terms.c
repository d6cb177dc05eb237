/*
 * lsa_terms.c - which words and pairs of a corpus become terms.
 *
 * Two passes over the texts: words with their document frequencies, which
 * decide the stop words; then pairs of the words kept, neighbours once stop
 * words are stepped over, within a phrase.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lsa_train.h"
#include "tokenizer.h"

#define TEXTS_A_REPORT 1024

/* Candidate terms, and in how many documents each was seen. */
typedef struct Census
{
	OmenVocabulary terms;
	uint32_t   *documents;
	uint32_t   *last;			/* the document last counted, + 1 */
	size_t		capacity;
} Census;

typedef struct Candidate
{
	const char *text;
	uint32_t	bytes;
	uint32_t	documents;
	bool		is_pair;
} Candidate;

static OmenStatus census_words(Census *words, const OmenText *documents, size_t count,
							   OmenReport *report, OmenError *err);
static OmenStatus census_pairs(Census *pairs, const Census *words, const OmenText *documents, size_t count,
							   const OmenLsaOptions *options, OmenReport *report, OmenError *err);
static OmenStatus terms_select(const Census *words, const Census *pairs, size_t count,
							   const OmenLsaOptions *options, OmenLsaModel *model, OmenError *err);
static OmenStatus census_count(Census *census, const char *term, size_t bytes, size_t document, OmenError *err);
static void census_free(Census *census);

static bool
is_stop_word(uint32_t documents, size_t count, const OmenLsaOptions *options)
{
	return (double) documents > (double) options->stop_share * (double) count;
}

OmenStatus
omen_lsa_choose_terms(const OmenText *documents, size_t count, const OmenLsaOptions *options,
					  OmenLsaModel *model, OmenReport *report, OmenError *err)
{
	Census		words = {0};
	Census		pairs = {0};
	OmenStatus	status;

	memset(model, 0, sizeof(*model));
	status = census_words(&words, documents, count, report, err);
	if (status == OMEN_OK)
		status = census_pairs(&pairs, &words, documents, count, options, report, err);
	if (status == OMEN_OK)
		status = terms_select(&words, &pairs, count, options, model, err);
	census_free(&words);
	census_free(&pairs);
	return status;
}

static OmenStatus
census_words(Census *words, const OmenText *documents, size_t count, OmenReport *report, OmenError *err)
{
	omen_report_begin(report, "reading words", count);
	for (size_t d = 0; d < count; d++)
	{
		OmenTokenizer tokenizer;
		OmenToken	token;

		omen_tokenizer_begin(&tokenizer, documents[d].bytes, documents[d].length);
		while (omen_tokenizer_next(&tokenizer, &token))
		{
			OmenStatus	status = census_count(words, token.text, token.bytes, d, err);

			if (status != OMEN_OK)
				return status;
		}
		if (((d + 1) % TEXTS_A_REPORT == 0 || d + 1 == count) &&
			!omen_report_add(report, d + 1 - report->done))
			return omen_fail(err, OMEN_CANCELLED, "stopped on request");
	}
	return OMEN_OK;
}

static OmenStatus
census_pairs(Census *pairs, const Census *words, const OmenText *documents, size_t count,
			 const OmenLsaOptions *options, OmenReport *report, OmenError *err)
{
	omen_report_begin(report, "pairing words", count);
	for (size_t d = 0; d < count; d++)
	{
		OmenTokenizer tokenizer;
		OmenToken	token;
		char		pair[2 * sizeof(token.text)];
		size_t		before = 0;

		omen_tokenizer_begin(&tokenizer, documents[d].bytes, documents[d].length);
		while (omen_tokenizer_next(&tokenizer, &token))
		{
			uint32_t	seen = words->documents[omen_vocabulary_find(&words->terms, token.text, token.bytes)];

			if (token.starts_phrase)
				before = 0;
			if (is_stop_word(seen, count, options))
				continue;
			if (seen < options->word_documents_min)
			{
				before = 0;
				continue;
			}
			if (before > 0)
			{
				OmenStatus	status;

				pair[before] = ' ';
				memcpy(pair + before + 1, token.text, token.bytes);
				status = census_count(pairs, pair, before + 1 + token.bytes, d, err);
				if (status != OMEN_OK)
					return status;
			}
			before = token.bytes;
			memcpy(pair, token.text, token.bytes);
		}
		if (((d + 1) % TEXTS_A_REPORT == 0 || d + 1 == count) &&
			!omen_report_add(report, d + 1 - report->done))
			return omen_fail(err, OMEN_CANCELLED, "stopped on request");
	}
	return OMEN_OK;
}

/* Most documents first; then words before pairs, then by text, so that the order is fixed. */
static int
candidate_compare(const void *a, const void *b)
{
	const Candidate *left = a;
	const Candidate *right = b;
	uint32_t	shorter = left->bytes < right->bytes ? left->bytes : right->bytes;
	int			order;

	if (left->documents != right->documents)
		return left->documents > right->documents ? -1 : 1;
	if (left->is_pair != right->is_pair)
		return left->is_pair ? 1 : -1;
	order = memcmp(left->text, right->text, shorter);
	return order != 0 ? order : (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

static size_t
candidates_take(const Census *census, uint32_t documents_min, bool is_pair, Candidate *out)
{
	size_t		taken = 0;

	for (uint32_t t = 0; t < census->terms.count; t++)
	{
		size_t		bytes;
		const char *text = omen_vocabulary_term(&census->terms, t, &bytes);

		if (census->documents[t] >= documents_min)
			out[taken++] = (Candidate) {text, (uint32_t) bytes, census->documents[t], is_pair};
	}
	return taken;
}

/* Fills in the model's terms and weights. */
static OmenStatus
terms_select(const Census *words, const Census *pairs, size_t count,
			 const OmenLsaOptions *options, OmenLsaModel *model, OmenError *err)
{
	Candidate  *candidates = malloc(((size_t) words->terms.count + pairs->terms.count + 1) * sizeof(*candidates));
	size_t		found;
	size_t		weighed = 0;
	OmenStatus	status = OMEN_OK;

	if (candidates == NULL)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory choosing terms");
	found = candidates_take(words, options->word_documents_min, false, candidates);
	found += candidates_take(pairs, options->pair_documents_min, true, candidates + found);
	qsort(candidates, found, sizeof(*candidates), candidate_compare);
	if (found > options->terms_max)
		found = options->terms_max;

	model->weight = malloc((found + 1) * sizeof(*model->weight));
	if (model->weight == NULL)
		status = omen_fail(err, OMEN_NO_MEMORY, "out of memory choosing terms");
	for (size_t i = 0; i < found && status == OMEN_OK; i++)
	{
		const Candidate *candidate = &candidates[i];
		uint32_t	number;

		status = omen_vocabulary_add(&model->terms, candidate->text, candidate->bytes, &number, err);
		if (!candidate->is_pair && is_stop_word(candidate->documents, count, options))
			model->weight[i] = 0.0f;
		else
			model->weight[i] = logf(1.0f + (float) count / (float) candidate->documents)
				* (candidate->is_pair ? options->pair_weight : 1.0f);
		weighed += model->weight[i] > 0.0f;
	}
	free(candidates);
	if (status == OMEN_OK && weighed == 0)
		status = omen_fail(err, OMEN_INVALID, "no word occurs in at least %u and at most %.0f %% of the documents: "
						   "there is nothing to learn from", options->word_documents_min, options->stop_share * 100.0);
	return status;
}

static OmenStatus
census_count(Census *census, const char *term, size_t bytes, size_t document, OmenError *err)
{
	uint32_t	number;
	OmenStatus	status = omen_vocabulary_add(&census->terms, term, bytes, &number, err);

	if (status != OMEN_OK)
		return status;
	if (number >= census->capacity)
	{
		size_t		capacity = census->capacity == 0 ? 4096 : census->capacity * 2;
		uint32_t   *documents = realloc(census->documents, capacity * sizeof(*documents));
		uint32_t   *last;

		if (documents == NULL)
			return omen_fail(err, OMEN_NO_MEMORY, "out of memory counting terms");
		census->documents = documents;
		last = realloc(census->last, capacity * sizeof(*last));
		if (last == NULL)
			return omen_fail(err, OMEN_NO_MEMORY, "out of memory counting terms");
		census->last = last;
		memset(documents + census->capacity, 0, (capacity - census->capacity) * sizeof(*documents));
		memset(last + census->capacity, 0, (capacity - census->capacity) * sizeof(*last));
		census->capacity = capacity;
	}
	if (census->last[number] != document + 1)
	{
		census->last[number] = (uint32_t) (document + 1);
		census->documents[number]++;
	}
	return OMEN_OK;
}

static void
census_free(Census *census)
{
	omen_vocabulary_free(&census->terms);
	free(census->documents);
	free(census->last);
}
