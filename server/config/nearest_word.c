/*
 * nearest_word.c - "did you mean …?"
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <limits.h>
#include <string.h>

#include "config/nearest_word.h"

#define WORD_BYTES_MAX 63

static int
smallest(int a, int b, int c)
{
	int			least = a < b ? a : b;

	return least < c ? least : c;
}

int
omen_word_distance(const char *a, const char *b)
{
	int			length_a = (int) strnlen(a, WORD_BYTES_MAX + 1);
	int			length_b = (int) strnlen(b, WORD_BYTES_MAX + 1);
	int			edits[WORD_BYTES_MAX + 1][WORD_BYTES_MAX + 1];

	if (length_a > WORD_BYTES_MAX || length_b > WORD_BYTES_MAX)
		return INT_MAX;
	for (int i = 0; i <= length_a; i++)
		edits[i][0] = i;
	for (int j = 0; j <= length_b; j++)
		edits[0][j] = j;
	for (int i = 1; i <= length_a; i++)
		for (int j = 1; j <= length_b; j++)
		{
			int			differ = a[i - 1] != b[j - 1];

			edits[i][j] = smallest(edits[i - 1][j] + 1, edits[i][j - 1] + 1, edits[i - 1][j - 1] + differ);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				edits[i - 2][j - 2] + 1 < edits[i][j])
				edits[i][j] = edits[i - 2][j - 2] + 1;
		}
	return edits[length_a][length_b];
}

/*
 * Near enough: no more edits than a third of the longer word, and one at the
 * least; or the one candidate that begins with the word.
 */
const char *
omen_nearest_word(const char *word, const char *const *candidates, size_t candidate_count)
{
	const char *nearest = NULL;
	const char *longer = NULL;
	int			nearest_edits = INT_MAX;
	size_t		longer_count = 0;

	for (size_t i = 0; i < candidate_count; i++)
	{
		int			edits = omen_word_distance(word, candidates[i]);

		if (edits < nearest_edits)
		{
			nearest_edits = edits;
			nearest = candidates[i];
		}
		if (word[0] != '\0' && strncmp(word, candidates[i], strlen(word)) == 0)
		{
			longer = candidates[i];
			longer_count++;
		}
	}
	if (nearest != NULL && nearest_edits < INT_MAX)
	{
		size_t		length = strlen(word) > strlen(nearest) ? strlen(word) : strlen(nearest);

		if (nearest_edits <= (length < 3 ? 1 : (int) length / 3))
			return nearest;
	}
	return longer_count == 1 ? longer : NULL;
}
