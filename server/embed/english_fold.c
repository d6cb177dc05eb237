/*
 * english_fold.c - inflected English words to one form.
 *
 * Plurals, past tenses and participles, and a mute final e: in the spirit of
 * steps 1 and 5 of M. Porter's "The English (Porter2) stemming algorithm".
 * The derivational steps are left out on purpose: they join words of different
 * meaning ("university", "universe"), and the latent
 * space finds those relations from use.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "tokenizer.h"

static bool
is_vowel(char c)
{
	return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

static bool
has_vowel(const char *word, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (is_vowel(word[i]))
			return true;
	return false;
}

static bool
ends_with(const char *word, size_t bytes, const char *ending)
{
	size_t		length = strlen(ending);

	return bytes >= length && memcmp(word + bytes - length, ending, length) == 0;
}

/* Runs of vowels: about one a syllable. */
static size_t
vowel_runs(const char *word, size_t bytes)
{
	size_t		runs = 0;

	for (size_t i = 0; i < bytes; i++)
		runs += is_vowel(word[i]) && (i == 0 || !is_vowel(word[i - 1]));
	return runs;
}

/*
 * Whether the word, stripped of -ed or -ing, wants its final e back: hop(e),
 * plac(e).  Only short words matter: longer ones lose that e in any case.
 */
static bool
lost_an_e(const char *word, size_t bytes)
{

	if (ends_with(word, bytes, "at") || ends_with(word, bytes, "bl") || ends_with(word, bytes, "iz"))
		return true;
	/* c, g, s, v and z after a vowel (plac-, rais-, mov-), and after r, l, n (forc-, solv-, chang-) */
	if (bytes >= 3 && strchr("cgsvuz", word[bytes - 1]) != NULL
		&& (is_vowel(word[bytes - 2]) || (strchr("rln", word[bytes - 2]) != NULL && word[bytes - 1] != 's'))
		&& !ends_with(word, bytes, "ing") && !ends_with(word, bytes, "ong")
		&& (!ends_with(word, bytes, "ang") || ends_with(word, bytes, "chang") || ends_with(word, bytes, "rang")))
		return true;
	if (word[bytes - 1] == 'u')
		return true;			/* glu- */
	/* one short syllable: consonants, one vowel, one consonant (us-, hop-, stor-) */
	return vowel_runs(word, bytes) == 1 && !is_vowel(word[bytes - 1]) && strchr("wxy", word[bytes - 1]) == NULL
		&& is_vowel(word[bytes - 2]) && (bytes == 2 || !is_vowel(word[bytes - 3]));
}

static size_t
fold_participle(char *word, size_t bytes, size_t ending)
{
	size_t		stem = bytes - ending;
	char		last;

	if (stem < 2 || !has_vowel(word, stem))
		return bytes;			/* "sing", "bed" */
	last = word[stem - 1];
	if (stem > 3 && last == word[stem - 2] && !is_vowel(last) && strchr("lsfz", last) == NULL)
		return stem - 1;		/* "hopping"; but "falling", "passing" */
	if (stem >= 5 && last == 'l' && word[stem - 2] == 'l' && is_vowel(word[stem - 3]) && has_vowel(word, stem - 3))
		return stem - 1;		/* "travelling" */
	if (last == 'i')
	{
		word[stem - 1] = 'y';	/* "carried" */
		return stem;
	}
	if (lost_an_e(word, stem))
		word[stem++] = 'e';
	return stem;
}

static size_t
fold_inflection(char *word, size_t bytes)
{
	/* 1a: plurals */
	if (ends_with(word, bytes, "ies"))
	{
		if (bytes == 4)
			return bytes - 1;	/* "ties", "pies" */
		word[bytes - 3] = 'y';
		bytes -= 2;
	}
	else if (ends_with(word, bytes, "sses") || ends_with(word, bytes, "xes") || ends_with(word, bytes, "zzes") ||
			 ends_with(word, bytes, "shes") || ends_with(word, bytes, "ches"))
		bytes -= 2;
	else if (word[bytes - 1] == 's' && !ends_with(word, bytes, "ss") && !ends_with(word, bytes, "us") &&
			 !ends_with(word, bytes, "is"))
		bytes -= 1;

	/* 1b: past tenses and participles */
	if (ends_with(word, bytes, "eed"))
		return bytes;
	if (bytes > 3 && ends_with(word, bytes, "ed"))
		return fold_participle(word, bytes, 2);
	if (bytes > 4 && ends_with(word, bytes, "ing"))
		return fold_participle(word, bytes, 3);
	return bytes;
}

size_t
omen_english_fold(char *word, size_t bytes)
{
	if (bytes <= 3 || bytes > OMEN_TOKEN_BYTES_MAX)
		return bytes;
	for (size_t i = 0; i < bytes; i++)
		if (word[i] < 'a' || word[i] > 'z')
			return bytes;

	bytes = fold_inflection(word, bytes);
	/* 5: a mute e, so that "decide" meets "decided" */
	if (bytes > 4 && word[bytes - 1] == 'e' && vowel_runs(word, bytes - 1) > 1)
		bytes--;
	return bytes;
}
