/*
 * vocabulary.h - terms and their numbers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_VOCABULARY_H
#define OMEN_VOCABULARY_H

#include "omen/status.h"

#define OMEN_TERM_NONE UINT32_MAX

/* A set of byte strings numbered from 0 in order of arrival. */
typedef struct OmenVocabulary
{
	char	   *text;			/* the terms, one after another, without NULs */
	uint32_t   *offset;			/* count + 1 of them: where each term begins */
	uint32_t	count;
	uint32_t	capacity;		/* of offset, less one */
	uint64_t	text_capacity;
	uint32_t   *slots;			/* open addressing: term number + 1, 0 = empty */
	uint32_t	slot_count;		/* a power of two */
} OmenVocabulary;

/* A vocabulary of zero bytes is empty and ready for use. */
void		omen_vocabulary_free(OmenVocabulary *vocabulary);

/* The number of a term, added if new. */
OmenStatus	omen_vocabulary_add(OmenVocabulary *vocabulary, const char *term, size_t bytes,
								uint32_t *number, OmenError *err);

/* The number of a term, or OMEN_TERM_NONE. */
uint32_t	omen_vocabulary_find(const OmenVocabulary *vocabulary, const char *term, size_t bytes);

static inline const char *
omen_vocabulary_term(const OmenVocabulary *vocabulary, uint32_t number, size_t *bytes)
{
	*bytes = vocabulary->offset[number + 1] - vocabulary->offset[number];
	return vocabulary->text + vocabulary->offset[number];
}

#endif							/* OMEN_VOCABULARY_H */
