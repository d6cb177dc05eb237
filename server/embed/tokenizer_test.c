/*
 * tokenizer_test.c - words out of text, whatever the bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gaussian.h"
#include "tokenizer.h"

/* All words joined by spaces, "|" before the first of a phrase. */
static void
assert_words(const char *text, const char *expected)
{
	OmenTokenizer tokenizer;
	OmenToken	token;
	char		words[1024] = "";

	omen_tokenizer_begin(&tokenizer, text, strlen(text));
	while (omen_tokenizer_next(&tokenizer, &token))
	{
		assert_int_equal(token.bytes, strlen(token.text));
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s%s",
				 words[0] != '\0' ? " " : "", token.starts_phrase ? "|" : "", token.text);
	}
	assert_string_equal(words, expected);
}

static void
words_are_found(void **state)
{
	assert_words("", "");
	assert_words(" .,;!? ", "");
	assert_words("A cat", "|a cat");
	assert_words("Cat, dog; (bird) \"x\"", "|cat |dog |bird |x");
	assert_words("x-ray vision", "|x ray vision");
	assert_words("vitamin B12", "|vitamin b12");
	assert_words("line\nbreak\ttab", "|line break tab");
	assert_words("the dog's bone", "|the dog bone");
	assert_words("the dog\xe2\x80\x99s bone", "|the dog bone");
	assert_words("s", "|s");
	assert_words("don't", "|don t");
}

static void
letters_beyond_ascii_are_lowered(void **state)
{
	assert_words("\xc3\x89" "CLAIR", "|\xc3\xa9" "clair");
	assert_words("\xc5\xb9" "D\xc5\xb9", "|\xc5\xba" "d\xc5\xba");	/* Latin Extended-A, odd capital */
	assert_words("\xc4\x8c" "AS", "|\xc4\x8d" "as"); /* ... and even */
	assert_words("\xce\x91\xce\x98\xce\x97\xce\x9d\xce\x91", "|\xce\xb1\xce\xb8\xce\xb7\xce\xbd\xce\xb1");
	assert_words("\xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0",
				 "|\xd0\xbc\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0");
	assert_words("\xe7\x8c\xab\xe3\x80\x82\xe7\x8a\xac", "|\xe7\x8c\xab |\xe7\x8a\xac"); /* ideographic full stop */
	assert_words("3 \xc3\x97 4", "|3 |4");
	assert_words("cat\xe2\x80\x94" "dog", "|cat |dog");	/* dash */
}

static void
bytes_that_are_not_utf8_separate(void **state)
{
	assert_words("cat\xff" "dog", "|cat |dog");
	assert_words("cat\xc3", "|cat");	/* cut short */
	assert_words("a\xc0\xaf" "b", "|a |b");	/* overlong */
	assert_words("a\xed\xa0\x80" "b", "|a |b"); /* surrogate */
	assert_words("a\xf4\x90\x80\x80" "b", "|a |b"); /* past U+10FFFF */
}

static void
endless_words_are_left_out(void **state)
{
	char		text[256];
	char		word[OMEN_TOKEN_BYTES_MAX + 2];

	memset(word, 'q', sizeof(word));
	word[OMEN_TOKEN_BYTES_MAX] = '\0';
	snprintf(text, sizeof(text), "cat %s dog", word);
	{
		char		expected[256];

		snprintf(expected, sizeof(expected), "|cat %s dog", word);
		assert_words(text, expected);
	}
	memset(word, 'q', OMEN_TOKEN_BYTES_MAX + 1);
	word[OMEN_TOKEN_BYTES_MAX + 1] = '\0';
	snprintf(text, sizeof(text), "cat %s dog", word);
	assert_words(text, "|cat |dog");
}

static void
endings_are_folded(void **state)
{
	static const char *const same[][4] = {
		{"house", "houses", "housed", "housing"},
		{"hope", "hopes", "hoped", "hoping"},
		{"hop", "hops", "hopped", "hopping"},
		{"make", "makes", "making", "make"},
		{"carry", "carries", "carried", "carrying"},
		{"fall", "falls", "falling", "fall"},
		{"decide", "decides", "decided", "deciding"},
		{"compute", "computes", "computed", "computing"},
		{"create", "creates", "created", "creating"},
		{"travel", "travels", "travelled", "travelling"},
		{"force", "forces", "forced", "forcing"},
		{"change", "changes", "changed", "changing"},
		{"hang", "hangs", "hanged", "hanging"},
		{"sing", "sings", "singing", "sing"},
		{"dish", "dishes", "dished", "dishing"},
		{"use", "uses", "used", "using"},
		{"die", "dies", "die", "die"},
	};
	static const char *const untouched[] = {
		"bed", "red", "ring", "thing", "string", "glass", "genus", "basis", "feed", "speed", "is", "us", "tie",
	};
	char		word[64];

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
	{
		char		first[64];

		strcpy(first, same[i][0]);
		first[omen_english_fold(first, strlen(first))] = '\0';
		for (int j = 1; j < 4; j++)
		{
			strcpy(word, same[i][j]);
			word[omen_english_fold(word, strlen(word))] = '\0';
			assert_string_equal(word, first);
		}
	}
	for (size_t i = 0; i < sizeof(untouched) / sizeof(untouched[0]); i++)
	{
		strcpy(word, untouched[i]);
		assert_int_equal(omen_english_fold(word, strlen(word)), strlen(untouched[i]));
		assert_memory_equal(word, untouched[i], strlen(untouched[i]));
	}
}

/* Random bytes: words stay within bounds, are found in finite time, and hold no separator. */
static void
any_bytes_are_safe(void **state)
{
	uint64_t	seed = 20260101;
	OmenGaussian random;

	print_message("# seed %llu\n", (unsigned long long) seed);
	omen_gaussian_begin(&random, seed);
	for (int round = 0; round < 20000; round++)
	{
		size_t		bytes = omen_gaussian_bits(&random) % 200;
		char	   *text = malloc(bytes + 1);	/* on the heap, so that a sanitizer sees its end */
		OmenTokenizer tokenizer;
		OmenToken	token;

		for (size_t i = 0; i < bytes; i++)
		{
			uint64_t	bits = omen_gaussian_bits(&random);

			text[i] = (char) (bits & 0x300 ? 'a' + (bits & 31) : bits);
		}
		omen_tokenizer_begin(&tokenizer, text, bytes);
		while (omen_tokenizer_next(&tokenizer, &token))
		{
			assert_in_range(token.bytes, 1, OMEN_TOKEN_BYTES_MAX);
			assert_null(memchr(token.text, ' ', token.bytes));
			assert_null(memchr(token.text, '\0', token.bytes));
		}
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found),
		cmocka_unit_test(letters_beyond_ascii_are_lowered),
		cmocka_unit_test(bytes_that_are_not_utf8_separate),
		cmocka_unit_test(endless_words_are_left_out),
		cmocka_unit_test(endings_are_folded),
		cmocka_unit_test(any_bytes_are_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
