/*
 * tokenizer.h - text to words.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_TOKENIZER_H
#define OMEN_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>

/* Longer words are no words (base64, URLs): they are left out. */
#define OMEN_TOKEN_BYTES_MAX 60

typedef struct OmenTokenizer
{
	const char *at;
	const char *end;
	bool		first;
} OmenTokenizer;

typedef struct OmenToken
{
	char		text[OMEN_TOKEN_BYTES_MAX + 4]; /* lower-case, folded, NUL-terminated */
	size_t		bytes;
	bool		starts_phrase;	/* first, or punctuation stands before it */
} OmenToken;

/* `text` need not end in NUL and may hold any bytes. */
void		omen_tokenizer_begin(OmenTokenizer *tokenizer, const char *text, size_t bytes);

/*
 * The next word: a run of letters and digits, in lower case, its English
 * endings folded.  Letters are ASCII's and every other character that is not
 * punctuation or space; bytes that are not UTF-8 separate words.  Hyphens and
 * apostrophes separate words but not phrases; a possessive 's is left out.
 * Returns false at the end.
 */
bool		omen_tokenizer_next(OmenTokenizer *tokenizer, OmenToken *token);

/*
 * Folds the English endings of a lower-case ASCII word in place, so that
 * "houses", "housed" and "housing" meet in "house"; returns the new length.
 * Never longer than before.  Words with other characters stay as they are.
 */
size_t		omen_english_fold(char *word, size_t bytes);

#endif							/* OMEN_TOKENIZER_H */
