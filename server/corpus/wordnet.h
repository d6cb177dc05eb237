/*
 * wordnet.h - WordNet's definitions as rows of text.
 *
 * The format is WordNet's own, wndb(5): four files, data.noun, data.verb,
 * data.adj and data.adv, one synset a line, the definition after a bar.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_WORDNET_H
#define OMEN_WORDNET_H

#include "omen/status.h"

/* Where Debian's wordnet-base puts the files. */
#define OMEN_WORDNET_FOLDER "/usr/share/wordnet"

typedef struct OmenSynset
{
	const char *id;				/* "02121620-n": offset in its file, part of speech */
	const char *pos;			/* "noun", "verb", "adjective" or "adverb" */
	const char *words;			/* "cat, true cat" */
	const char *gloss;			/* the definition, then its examples */
	const char *parent;			/* id of the first hypernym, or NULL */
} OmenSynset;

typedef struct OmenWordnet
{
	OmenSynset *synsets;		/* nouns, verbs, adjectives, adverbs, each in file order */
	size_t		count;
	char	   *text;			/* what the synsets point into */
} OmenWordnet;

/*
 * Reads the four files of `folder`.  A line that contradicts the format, a
 * file cut short and a file that cannot be read are errors that name the file
 * (and line); then *wordnet is empty.  Release with omen_wordnet_free.
 */
OmenStatus	omen_wordnet_read(const char *folder, OmenWordnet *wordnet, OmenError *err);
void		omen_wordnet_free(OmenWordnet *wordnet);

/*
 * The length of the definition proper: the gloss up to the first example
 * (WordNet puts examples in double quotes after a semicolon).
 */
size_t		omen_synset_definition_bytes(const OmenSynset *synset);

#endif							/* OMEN_WORDNET_H */
