/*
 * lsa_train.h - latent semantic analysis of a corpus.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_LSA_TRAIN_H
#define OMEN_LSA_TRAIN_H

#include "lsa_model.h"
#include "sparse.h"

typedef struct OmenLsaOptions
{
	uint32_t	dim;
	uint32_t	word_documents_min;		/* rarer words are left out */
	uint32_t	pair_documents_min;		/* and rarer pairs */
	uint32_t	terms_max;				/* the most frequent ones are kept */
	float		stop_share;				/* words in more than this share of the documents are stop words */
	float		pair_weight;			/* what a pair counts beside a word */
	float		singular_power;			/* rows lie at U S^power: 1 keeps the spectrum, 0 whitens it */
	float		term_power;				/* 1 gives every term a row of one length, 0 leaves V's */
	uint32_t	oversample;
	uint32_t	power_iterations;
	uint64_t	seed;
	unsigned	threads;				/* 0: as many as there are processors */
} OmenLsaOptions;

/* The settings chosen in README.md. */
OmenLsaOptions omen_lsa_options_default(void);

/*
 * Learns a model from `count` documents.  Deterministic: the same texts,
 * options and machine give the same model to the byte, whatever the threads.
 */
OmenStatus	omen_lsa_train(const OmenText *documents, size_t count, const OmenLsaOptions *options,
						   OmenLsaModel *model, OmenReport *report, OmenError *err);

/* The steps of training, for tests: first the terms and their weights ... */
OmenStatus	omen_lsa_choose_terms(const OmenText *documents, size_t count, const OmenLsaOptions *options,
								  OmenLsaModel *model, OmenReport *report, OmenError *err);

/* ... then the tf-idf matrix, one row of length 1 (or 0) a document. */
OmenStatus	omen_lsa_weigh_documents(const OmenLsaModel *model, const OmenText *documents, size_t count,
									 OmenSparse *matrix, OmenReport *report, OmenError *err);

#endif							/* OMEN_LSA_TRAIN_H */
