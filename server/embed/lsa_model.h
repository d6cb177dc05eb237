/*
 * lsa_model.h - what latent semantic analysis has learned, and its file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_LSA_MODEL_H
#define OMEN_LSA_MODEL_H

#include "embedder.h"
#include "omen/simd.h"
#include "vocabulary.h"

#define OMEN_LSA_DIM_MAX 16000
#define OMEN_LSA_TERMS_MAX 4000000
/* two words and the space between */
#define OMEN_LSA_TERM_BYTES_MAX 121

/*
 * A term is a word ("spider") or a pair of neighbouring words ("fear spider"),
 * as the tokenizer gives them.  Its weight is its inverse document frequency;
 * a weight of zero marks a stop word: not counted, and stepped over when pairs
 * are formed.  Row t of the projection is where term t lies in the latent
 * space, up to one factor for all.
 */
typedef struct OmenLsaModel
{
	uint32_t	dim;
	uint32_t	document_count; /* trained on */
	uint64_t	seed;
	uint64_t	checksum;		/* of the file it came from; 0 while it has none */
	OmenVocabulary terms;
	float	   *weight;			/* one a term, >= 0 */
	float	   *singular;		/* dim of them, descending */
	OmenHalf   *projection;		/* terms.count x dim */
} OmenLsaModel;

void		omen_lsa_model_free(OmenLsaModel *model);

/* Writes the file whole or not at all: beside it first, synced, then renamed. */
OmenStatus	omen_lsa_model_save(const OmenLsaModel *model, const char *path, OmenError *err);

/* OMEN_INVALID if it cannot be read, OMEN_CORRUPT or OMEN_UNSUPPORTED if it is no such model. */
OmenStatus	omen_lsa_model_load(const char *path, OmenLsaModel *model, OmenError *err);

/*
 * The same from memory: checks every byte it relies on, and copies.  `origin`
 * names the bytes in errors.
 */
OmenStatus	omen_lsa_model_parse(const uint8_t *bytes, size_t size, const char *origin,
								 OmenLsaModel *model, OmenError *err);

/* The checksum a file of these bytes should carry; for tests and fuzzing, which make their own files. */
uint64_t	omen_lsa_model_checksum(const uint8_t *bytes, size_t size);

/* Term numbers of one text, with how often each occurs; kept between texts to save allocations. */
typedef struct OmenLsaTerms
{
	uint32_t   *term;			/* ascending, without repeats */
	float	   *count;
	size_t		used;
	size_t		capacity;
} OmenLsaTerms;

void		omen_lsa_terms_free(OmenLsaTerms *terms);

/*
 * Weighs the model's terms in a text: (1 + ln occurrences) x weight, the whole
 * of length 1.  No term at all leaves terms->used zero.
 */
OmenStatus	omen_lsa_terms_weigh(const OmenLsaModel *model, OmenText text, OmenLsaTerms *terms, OmenError *err);

/*
 * Folds a text in: its weighed terms times the projection, of unit length.
 * *known is false, and the row zero, when that leaves nothing.
 */
OmenStatus	omen_lsa_fold_in(const OmenLsaModel *model, OmenText text, OmenLsaTerms *terms,
							 float *row, bool *known, OmenError *err);

#endif							/* OMEN_LSA_MODEL_H */
