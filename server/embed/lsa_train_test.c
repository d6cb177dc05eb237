/*
 * lsa_train_test.c - terms, weights and vectors against simpler models.
 *
 * The corpus is made up: three subjects of ten words each, and words in every
 * text.  Its tf-idf matrix is recomputed densely from counted strings.
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
#include <math.h>

#include "gaussian.h"
#include "lsa_train.h"

#define DOCUMENTS 300
#define SUBJECTS 3
#define SUBJECT_WORDS 10

/* No two fold to one form. */
static const char *const subject_word[SUBJECTS][SUBJECT_WORDS] = {
	{"cat", "dog", "horn", "tail", "fur", "paw", "wolf", "fox", "bear", "lamb"},
	{"bread", "milk", "salt", "corn", "soup", "rice", "plum", "leek", "beer", "cake"},
	{"moon", "star", "sun", "comet", "orbit", "planet", "sky", "dawn", "night", "world"},
};

typedef struct Corpus
{
	OmenText	text[DOCUMENTS];
	int			subject[DOCUMENTS];
} Corpus;

static Corpus corpus;

static int
corpus_make(void **state)
{
	OmenGaussian random;

	omen_gaussian_begin(&random, 4);
	for (int d = 0; d < DOCUMENTS; d++)
	{
		char	   *text = malloc(256);
		int			subject = d % SUBJECTS;

		strcpy(text, "the");
		for (int w = 0; w < 8; w++)
			sprintf(text + strlen(text), "%s%s", w == 4 ? ", " : " ",
					subject_word[subject][omen_gaussian_bits(&random) % SUBJECT_WORDS]);
		corpus.text[d] = (OmenText) {text, strlen(text)};
		corpus.subject[d] = subject;
	}
	return 0;
}

static int
corpus_free(void **state)
{
	for (int d = 0; d < DOCUMENTS; d++)
		free((char *) corpus.text[d].bytes);
	return 0;
}

static OmenLsaOptions
options_small(void)
{
	OmenLsaOptions options = omen_lsa_options_default();

	options.dim = 8;
	options.stop_share = 0.5f;
	options.word_documents_min = 2;
	options.pair_documents_min = 2;
	options.pair_weight = 0.5f;
	options.oversample = 10;
	options.threads = 2;
	return options;
}

/* Whether word `a` stands directly before word `b` in one phrase, and how often. */
static int
occurrences(const char *text, const char *term)
{
	size_t		bytes = strlen(term);
	int			count = 0;

	for (const char *at = text; (at = strstr(at, term)) != NULL; at++)
		count += (at == text || at[-1] == ' ') && (at[bytes] == ' ' || at[bytes] == ',' || at[bytes] == '\0');
	return count;
}

/* The weight of a term in a document, from strings alone, before normalising. */
static double
plain_weight(const char *term, const OmenText *text, const OmenLsaOptions *options)
{
	int			documents = 0;
	int			here = occurrences(text->bytes, term);

	for (int d = 0; d < DOCUMENTS; d++)
		documents += occurrences(corpus.text[d].bytes, term) > 0;
	if (here == 0 || documents < 2 || documents > DOCUMENTS / 2)
		return 0.0;
	return (1.0 + log(here)) * log(1.0 + (double) DOCUMENTS / documents)
		* (strchr(term, ' ') != NULL ? (double) options->pair_weight : 1.0);
}

static void
weights_are_those_of_a_dense_model(void **state)
{
	OmenLsaOptions options = options_small();
	OmenLsaModel model;
	OmenSparse	matrix;
	OmenReport	report = {0};
	OmenError	err = {0};
	size_t		seen = 0;

	assert_int_equal(omen_lsa_choose_terms(corpus.text, DOCUMENTS, &options, &model, &report, &err), OMEN_OK);
	assert_int_equal(omen_lsa_weigh_documents(&model, corpus.text, DOCUMENTS, &matrix, &report, &err), OMEN_OK);
	for (int d = 0; d < DOCUMENTS; d++)
	{
		double		square = 0.0;
		double		expected[SUBJECT_WORDS * (SUBJECT_WORDS + 1)];
		char		term[SUBJECT_WORDS * (SUBJECT_WORDS + 1)][64];
		size_t		terms = 0;

		/* each word of the subject, and each ordered pair of them */
		for (int a = 0; a < SUBJECT_WORDS; a++)
			for (int b = -1; b < SUBJECT_WORDS; b++)
			{
				const char *const *word = subject_word[corpus.subject[d]];

				snprintf(term[terms], sizeof(term[terms]), "%s%s%s", word[a], b < 0 ? "" : " ", b < 0 ? "" : word[b]);
				expected[terms] = plain_weight(term[terms], &corpus.text[d], &options);
				square += expected[terms] * expected[terms];
				terms++;
			}
		for (size_t t = 0; t < terms; t++)
		{
			uint32_t	number = omen_vocabulary_find(&model.terms, term[t], strlen(term[t]));
			float		found = 0.0f;

			for (size_t e = matrix.start[d]; e < matrix.start[d + 1]; e++)
				if (matrix.col[e] == number)
					found = matrix.value[e];
			assert_float_equal(found, (float) (expected[t] / sqrt(square)), 1e-5f);
			seen += expected[t] > 0.0;
		}
	}
	/* and nothing else is in the matrix: "the" is a stop word, rare pairs are left out */
	assert_int_equal(matrix.start[DOCUMENTS], seen);
	assert_true(model.weight[omen_vocabulary_find(&model.terms, "the", 3)] == 0.0f);
	omen_sparse_free(&matrix);
	omen_lsa_model_free(&model);
}

static void
pairs_step_over_stop_words_within_a_phrase(void **state)
{
	static const char *const lines[] = {
		"fear of the dark", "fear of the dark", "a cat, dark", "of the of the a", "of a the",
	};
	OmenText	text[5];
	OmenLsaOptions options = options_small();
	OmenLsaModel model;
	OmenReport	report = {0};

	for (int i = 0; i < 5; i++)
		text[i] = (OmenText) {lines[i], strlen(lines[i])};
	options.stop_share = 0.7f;
	options.word_documents_min = 1;
	options.pair_documents_min = 1;
	assert_int_equal(omen_lsa_choose_terms(text, 5, &options, &model, &report, NULL), OMEN_OK);
	assert_true(omen_vocabulary_find(&model.terms, "fear dark", 9) != OMEN_TERM_NONE);
	assert_int_equal(omen_vocabulary_find(&model.terms, "cat dark", 8), OMEN_TERM_NONE);
	assert_int_equal(omen_vocabulary_find(&model.terms, "of the", 6), OMEN_TERM_NONE);
	omen_lsa_model_free(&model);
}

static void
model_make(const OmenLsaOptions *options, OmenLsaModel *model)
{
	OmenReport	report = {0};
	OmenError	err = {0};

	assert_int_equal(omen_lsa_train(corpus.text, DOCUMENTS, options, model, &report, &err), OMEN_OK);
}

static double
cosine(const float *a, const float *b, uint32_t dim)
{
	double		sum = 0.0;

	for (uint32_t i = 0; i < dim; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

/* Unit length, and texts of one subject nearer to each other than to the rest. */
static void
vectors_have_unit_length_and_meaning(void **state)
{
	OmenLsaOptions options = options_small();
	OmenLsaModel model;
	OmenLsaTerms terms = {0};
	float	   *rows = malloc(DOCUMENTS * options.dim * sizeof(float));
	size_t		wrong = 0;

	model_make(&options, &model);
	for (int d = 0; d < DOCUMENTS; d++)
	{
		bool		known;

		float	   *row = rows + d * options.dim;

		assert_int_equal(omen_lsa_fold_in(&model, corpus.text[d], &terms, row, &known, NULL), OMEN_OK);
		assert_true(known);
		assert_float_equal((float) cosine(row, row, options.dim), 1.0f, 1e-5f);
	}
	for (int a = 0; a < DOCUMENTS; a++)
	{
		int			nearest = -1;
		double		best = -2.0;

		for (int b = 0; b < DOCUMENTS; b++)
			if (b != a && cosine(rows + a * options.dim, rows + b * options.dim, options.dim) > best)
			{
				best = cosine(rows + a * options.dim, rows + b * options.dim, options.dim);
				nearest = b;
			}
		wrong += corpus.subject[a] != corpus.subject[nearest];
	}
	assert_int_equal(wrong, 0);
	free(rows);
	omen_lsa_terms_free(&terms);
	omen_lsa_model_free(&model);
}

/*
 * With powers 1 and 0 (no scaling at all), folding in a training text gives
 * its row of U S up to rounding: here A V from the sparse matrix, in double.
 */
static void
folding_in_is_the_training_row(void **state)
{
	OmenLsaOptions options = options_small();
	OmenLsaModel model;
	OmenLsaTerms terms = {0};
	OmenSparse	matrix;
	OmenReport	report = {0};
	float		row[8];

	options.singular_power = 1.0f;
	options.term_power = 0.0f;
	model_make(&options, &model);
	assert_int_equal(omen_lsa_weigh_documents(&model, corpus.text, DOCUMENTS, &matrix, &report, NULL), OMEN_OK);
	for (int d = 0; d < DOCUMENTS; d++)
	{
		double		expected[8] = {0};
		double		square = 0.0;
		bool		known;

		for (size_t e = matrix.start[d]; e < matrix.start[d + 1]; e++)
			for (uint32_t i = 0; i < 8; i++)
			{
				float		v;

				omen_simd->f32_from_f16(&v, &model.projection[matrix.col[e] * 8 + i], 1);
				expected[i] += (double) matrix.value[e] * v;
			}
		for (int i = 0; i < 8; i++)
			square += expected[i] * expected[i];
		assert_int_equal(omen_lsa_fold_in(&model, corpus.text[d], &terms, row, &known, NULL), OMEN_OK);
		for (int i = 0; i < 8; i++)
			assert_float_equal(row[i], (float) (expected[i] / sqrt(square)), 1e-5f);
	}
	/* and V's columns are orthonormal still, but for one factor and half precision */
	for (int a = 0; a < 8; a++)
		for (int b = 0; b < a; b++)
		{
			double		both = 0.0;
			double		one = 0.0;

			for (uint32_t t = 0; t < model.terms.count; t++)
			{
				float		v[8];

				omen_simd->f32_from_f16(v, &model.projection[t * 8], 8);
				both += (double) v[a] * v[b];
				one += (double) v[a] * v[a];
			}
			assert_true(fabs(both) < 2e-3 * one);
		}
	omen_sparse_free(&matrix);
	omen_lsa_terms_free(&terms);
	omen_lsa_model_free(&model);
}

static void
the_same_seed_gives_the_same_model(void **state)
{
	OmenLsaOptions options = options_small();
	OmenLsaModel one;
	OmenLsaModel two;
	OmenLsaModel other;

	model_make(&options, &one);
	options.threads = 1;
	model_make(&options, &two);
	options.seed = 99;
	model_make(&options, &other);
	assert_int_equal(one.terms.count, two.terms.count);
	assert_memory_equal(one.terms.text, two.terms.text, one.terms.offset[one.terms.count]);
	assert_memory_equal(one.weight, two.weight, one.terms.count * sizeof(float));
	assert_memory_equal(one.singular, two.singular, one.dim * sizeof(float));
	assert_memory_equal(one.projection, two.projection, (size_t) one.terms.count * one.dim * sizeof(OmenHalf));
	assert_memory_not_equal(one.projection, other.projection, (size_t) one.terms.count * one.dim * sizeof(OmenHalf));
	omen_lsa_model_free(&one);
	omen_lsa_model_free(&two);
	omen_lsa_model_free(&other);
}

static void
texts_without_a_known_word_are_zero(void **state)
{
	static const char *const nothing[] = {"", "   ", "xylophone", "the the the", "!?", "\xff\xfe"};
	OmenLsaOptions options = options_small();
	OmenLsaModel model;
	OmenLsaTerms terms = {0};
	float		row[8];

	model_make(&options, &model);
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
	{
		OmenText	text = {nothing[i], strlen(nothing[i])};
		bool		known = true;

		row[3] = 5.0f;
		assert_int_equal(omen_lsa_fold_in(&model, text, &terms, row, &known, NULL), OMEN_OK);
		assert_false(known);
		for (int k = 0; k < 8; k++)
			assert_true(row[k] == 0.0f);
	}
	omen_lsa_terms_free(&terms);
	omen_lsa_model_free(&model);
}

static void
hopeless_requests_are_refused(void **state)
{
	OmenLsaOptions options = options_small();
	OmenText	empty = {"", 0};
	OmenReport	report = {0};
	OmenLsaModel model;

	assert_int_equal(omen_lsa_train(&empty, 1, &options, &model, &report, NULL), OMEN_INVALID);
	assert_int_equal(omen_lsa_train(NULL, 0, &options, &model, &report, NULL), OMEN_INVALID);
	options.stop_share = 0.0f;	/* every word a stop word */
	options.pair_documents_min = 1000;
	assert_int_equal(omen_lsa_train(corpus.text, DOCUMENTS, &options, &model, &report, NULL), OMEN_INVALID);
	options.dim = 0;
	assert_int_equal(omen_lsa_train(corpus.text, DOCUMENTS, &options, &model, &report, NULL), OMEN_INVALID);
	options.dim = OMEN_LSA_DIM_MAX + 1;
	assert_int_equal(omen_lsa_train(corpus.text, DOCUMENTS, &options, &model, &report, NULL), OMEN_INVALID);
}

/* Fewer texts than dimensions: vectors of the full length, the rest zero. */
static void
a_small_corpus_keeps_the_dimension(void **state)
{
	OmenLsaOptions options = options_small();
	OmenReport	report = {0};
	OmenLsaModel model;
	OmenLsaTerms terms = {0};
	float		row[64];
	bool		known;

	options.dim = 64;
	options.word_documents_min = 1;
	options.stop_share = 1.0f;
	assert_int_equal(omen_lsa_train(corpus.text, 6, &options, &model, &report, NULL), OMEN_OK);
	assert_int_equal(omen_lsa_fold_in(&model, corpus.text[0], &terms, row, &known, NULL), OMEN_OK);
	assert_true(known);
	assert_float_equal((float) cosine(row, row, 64), 1.0f, 1e-5f);
	for (int i = 6; i < 64; i++)
		assert_true(row[i] == 0.0f);
	omen_lsa_terms_free(&terms);
	omen_lsa_model_free(&model);
}

/* More dimensions than words, and stop words, whose columns are zero: every number stays one. */
static void
every_number_is_finite(void **state)
{
	OmenLsaOptions options = options_small();
	OmenLsaModel model;
	OmenLsaTerms terms = {0};
	float		row[100];

	options.dim = 100;
	options.pair_documents_min = 1000;
	options.stop_share = 0.2f;
	model_make(&options, &model);
	for (size_t i = 0; i < (size_t) model.terms.count * model.dim; i++)
		assert_true((model.projection[i] & 0x7c00) != 0x7c00);
	for (int d = 0; d < DOCUMENTS; d++)
	{
		bool		known;

		assert_int_equal(omen_lsa_fold_in(&model, corpus.text[d], &terms, row, &known, NULL), OMEN_OK);
		assert_float_equal((float) cosine(row, row, 100), known ? 1.0f : 0.0f, 1e-5f);
	}
	omen_lsa_terms_free(&terms);
	omen_lsa_model_free(&model);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_those_of_a_dense_model),
		cmocka_unit_test(pairs_step_over_stop_words_within_a_phrase),
		cmocka_unit_test(vectors_have_unit_length_and_meaning),
		cmocka_unit_test(folding_in_is_the_training_row),
		cmocka_unit_test(the_same_seed_gives_the_same_model),
		cmocka_unit_test(texts_without_a_known_word_are_zero),
		cmocka_unit_test(hopeless_requests_are_refused),
		cmocka_unit_test(a_small_corpus_keeps_the_dimension),
		cmocka_unit_test(every_number_is_finite),
	};

	return cmocka_run_group_tests(tests, corpus_make, corpus_free);
}
