/*
 * lsa_quality.c - measures what a setting of the embedder is worth.
 *
 * Trains on WordNet and prints three figures and some answers.  Not a test:
 * it has no right or wrong, it is what the settings in README.md were chosen
 * with.  Settings are given as name=value.
 *
 *   relatives  of a synset's ten nearest, the share that WordNet itself calls
 *              its parent, child or sister
 *   half       synsets found among the ten nearest to half of the words of
 *              their definition, drawn at random, without their own names
 *   named      synsets' names that find a synset of that name among their ten
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gaussian.h"
#include "lsa_train.h"
#include "tokenizer.h"
#include "../corpus/wordnet.h"

#define SAMPLE 1000
#define NEAREST 10
#define QUESTIONS 14

static const char *const question[QUESTIONS] = {
	"a small animal that catches mice",
	"fear of spiders",
	"someone who repairs shoes",
	"a machine for washing dishes",
	"the feeling of missing home",
	"a doctor who treats children",
	"instrument for looking at distant stars",
	"to move quickly on foot",
	"a drink made from fermented grapes",
	"how do plants turn sunlight into food?",
	"money paid to the government",
	"a place where old books are kept",
	"pain in the head",
	"unable to hear",
};

typedef struct Setting
{
	OmenLsaOptions lsa;
	unsigned	names;			/* how often a document repeats the synset's names */
	unsigned	examples;		/* whether it holds the examples */
} Setting;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static Setting
setting_parse(int argc, char **argv)
{
	Setting		s = {omen_lsa_options_default(), 1, 0};

	for (int i = 1; i < argc; i++)
	{
		float		value = strchr(argv[i], '=') ? strtof(strchr(argv[i], '=') + 1, NULL) : 0.0f;

#define SETTING(name, field, type) if (strncmp(argv[i], name "=", strlen(name) + 1) == 0) field = (type) value
		SETTING("dim", s.lsa.dim, uint32_t);
		SETTING("words", s.lsa.word_documents_min, uint32_t);
		SETTING("pairs", s.lsa.pair_documents_min, uint32_t);
		SETTING("terms", s.lsa.terms_max, uint32_t);
		SETTING("stop", s.lsa.stop_share, float);
		SETTING("pairweight", s.lsa.pair_weight, float);
		SETTING("power", s.lsa.singular_power, float);
		SETTING("termpower", s.lsa.term_power, float);
		SETTING("oversample", s.lsa.oversample, uint32_t);
		SETTING("iterations", s.lsa.power_iterations, uint32_t);
		SETTING("threads", s.lsa.threads, unsigned);
		SETTING("seed", s.lsa.seed, uint64_t);
		SETTING("names", s.names, unsigned);
		SETTING("examples", s.examples, unsigned);
#undef SETTING
	}
	return s;
}

static OmenText
document_make(const OmenSynset *synset, const Setting *setting)
{
	size_t		gloss = setting->examples ? strlen(synset->gloss) : omen_synset_definition_bytes(synset);
	size_t		words = strlen(synset->words);
	char	   *text = malloc(setting->names * (words + 2) + gloss + 1);
	size_t		at = 0;

	for (unsigned i = 0; i < setting->names; i++)
		at += (size_t) sprintf(text + at, "%s: ", synset->words);
	memcpy(text + at, synset->gloss, gloss);
	return (OmenText) {text, at + gloss};
}

/* The NEAREST rows nearest to each query, best first; `skip` (or -1) is left out. */
static void
search(const float *rows, size_t count, uint32_t dim, const float *queries, size_t query_count,
	   const size_t *skip, size_t (*nearest)[NEAREST])
{
	const size_t block = 4096;
	float	   *score = malloc(query_count * block * sizeof(float));
	float	   *best = malloc(query_count * NEAREST * sizeof(float));

	for (size_t i = 0; i < query_count * NEAREST; i++)
		best[i] = -2.0f;
	for (size_t first = 0; first < count; first += block)
	{
		size_t		n = count - first < block ? count - first : block;

		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int) query_count, (int) n, (int) dim, 1.0f,
					queries, (int) dim, rows + first * dim, (int) dim, 0.0f, score, (int) n);
		for (size_t q = 0; q < query_count; q++)
			for (size_t i = 0; i < n; i++)
			{
				float		s = score[q * n + i];
				int			at = NEAREST;

				if (s <= best[q * NEAREST + NEAREST - 1] || (skip != NULL && skip[q] == first + i))
					continue;
				for (at = NEAREST - 1; at > 0 && best[q * NEAREST + at - 1] < s; at--)
				{
					best[q * NEAREST + at] = best[q * NEAREST + at - 1];
					nearest[q][at] = nearest[q][at - 1];
				}
				best[q * NEAREST + at] = s;
				nearest[q][at] = first + i;
			}
	}
	free(score);
	free(best);
}

static bool
are_related(const OmenSynset *a, const OmenSynset *b)
{
	return (a->parent && (strcmp(a->parent, b->id) == 0 || (b->parent && strcmp(a->parent, b->parent) == 0)))
		|| (b->parent && strcmp(b->parent, a->id) == 0);
}

/* Half of the definition's words. */
static OmenText
half_of(const OmenSynset *synset, OmenGaussian *random)
{
	size_t		length = omen_synset_definition_bytes(synset);
	char	   *text = malloc(length + 2);
	size_t		out = 0;

	for (size_t at = 0; at < length;)
	{
		size_t		end = at;

		while (end < length && synset->gloss[end] != ' ')
			end++;
		if (omen_gaussian_bits(random) >> 63)
		{
			memcpy(text + out, synset->gloss + at, end - at);
			out += end - at;
			text[out++] = ' ';
		}
		at = end + 1;
	}
	return (OmenText) {text, out};
}

int
main(int argc, char **argv)
{
	Setting		setting = setting_parse(argc, argv);
	OmenWordnet wordnet;
	OmenError	err;
	OmenLsaModel model;
	OmenLsaTerms terms = {0};
	OmenReport report = {0};
	OmenGaussian random;
	double		begin;
	uint32_t	dim = setting.lsa.dim;

	if (omen_simd_select(NULL, &err) != OMEN_OK || omen_wordnet_read(OMEN_WORDNET_FOLDER, &wordnet, &err) != OMEN_OK)
		return fprintf(stderr, "%s\n", err.text), 1;

	size_t		count = wordnet.count;
	OmenText   *documents = malloc(count * sizeof(*documents));
	float	   *rows = malloc(count * dim * sizeof(float));
	size_t		unknown = 0;

	for (size_t i = 0; i < count; i++)
		documents[i] = document_make(&wordnet.synsets[i], &setting);
	begin = now();
	if (omen_lsa_train(documents, count, &setting.lsa, &model, &report, &err) != OMEN_OK)
		return fprintf(stderr, "%s\n", err.text), 1;
	printf("terms %u, trained in %.1f s", model.terms.count, now() - begin);
	begin = now();
	for (size_t i = 0; i < count; i++)
	{
		bool		known;

		if (omen_lsa_fold_in(&model, documents[i], &terms, rows + i * dim, &known, &err) != OMEN_OK)
			return 1;
		unknown += !known;
	}
	printf(", folded in at %.1f us a document; %zu without a known term; singular values %.2f %.2f .. %.2f\n",
		   1e6 * (now() - begin) / (double) count, unknown,
		   model.singular[0], model.singular[1], model.singular[dim - 1]);
	printf("stop words:");
	for (uint32_t t = 0; t < model.terms.count; t++)
	{
		size_t		bytes;
		const char *term = omen_vocabulary_term(&model.terms, t, &bytes);

		if (model.weight[t] == 0.0f)
			printf(" %.*s", (int) bytes, term);
	}

	size_t		sample[SAMPLE];
	float	   *queries = calloc((size_t) SAMPLE * dim, sizeof(float));
	size_t		(*nearest)[NEAREST] = malloc(SAMPLE * sizeof(*nearest));
	size_t		related = 0;
	size_t		found_half = 0;
	size_t		found_name = 0;
	size_t		same_rank = 0;
	bool		known;

	omen_gaussian_begin(&random, 42);
	for (size_t q = 0; q < SAMPLE; q++)
	{
		do
			sample[q] = omen_gaussian_bits(&random) % count;
		while (wordnet.synsets[sample[q]].parent == NULL);
		memcpy(queries + q * dim, rows + sample[q] * dim, dim * sizeof(float));
	}
	search(rows, count, dim, queries, SAMPLE, sample, nearest);
	for (size_t q = 0; q < SAMPLE; q++)
		for (int i = 0; i < NEAREST; i++)
			related += are_related(&wordnet.synsets[sample[q]], &wordnet.synsets[nearest[q][i]]);

	for (size_t q = 0; q < SAMPLE; q++)
	{
		OmenText	text = half_of(&wordnet.synsets[sample[q]], &random);

		omen_lsa_fold_in(&model, text, &terms, queries + q * dim, &known, &err);
		free((char *) text.bytes);
	}
	search(rows, count, dim, queries, SAMPLE, NULL, nearest);
	for (size_t q = 0; q < SAMPLE; q++)
		for (int i = 0; i < NEAREST; i++)
		{
			found_half += nearest[q][i] == sample[q];
			same_rank += i == 0 && nearest[q][i] == sample[q];
		}

	for (size_t q = 0; q < SAMPLE; q++)
	{
		const char *words = wordnet.synsets[sample[q]].words;

		omen_lsa_fold_in(&model, (OmenText) {words, strcspn(words, ",")}, &terms,
						 queries + q * dim, &known, &err);
	}
	search(rows, count, dim, queries, SAMPLE, NULL, nearest);
	for (size_t q = 0; q < SAMPLE; q++)
	{
		const char *words = wordnet.synsets[sample[q]].words;
		char		name[128];
		bool		found = false;

		snprintf(name, sizeof(name), "%.*s", (int) strcspn(words, ","), words);
		for (int i = 0; i < NEAREST; i++)
			found |= strcasestr(wordnet.synsets[nearest[q][i]].words, name) != NULL;
		found_name += found;
	}
	printf("\nrelatives %.3f  half %.3f (first %.3f)  named %.3f\n", (double) related / (SAMPLE * NEAREST),
		   (double) found_half / SAMPLE, (double) same_rank / SAMPLE, (double) found_name / SAMPLE);

	for (size_t q = 0; q < QUESTIONS; q++)
		omen_lsa_fold_in(&model, (OmenText) {question[q], strlen(question[q])}, &terms,
						 queries + q * dim, &known, &err);
	search(rows, count, dim, queries, QUESTIONS, NULL, nearest);
	for (size_t q = 0; q < QUESTIONS; q++)
	{
		printf("%s\n", question[q]);
		for (int i = 0; i < 4; i++)
		{
			const OmenSynset *s = &wordnet.synsets[nearest[q][i]];

			float		dot = cblas_sdot((int) dim, queries + q * dim, 1, rows + nearest[q][i] * dim, 1);

			printf("    %.3f  %s: %.90s\n", 1.0f - dot, s->words, s->gloss);
		}
	}
	return 0;
}
