/*
 * wordnet_rows.c - WordNet's definitions as rows, by latent semantic analysis.
 *
 *	bench_texts demo|textbook DIM HELD_OUT FOLDER
 *
 * "demo" embeds as `omendb demo` does, words and definition.  "textbook" is
 * plain tf-idf and a truncated SVD of the definitions alone, which leaves many
 * rows at the same place and near neighbours scattered: harder to index.
 *
 * Writes rows.npy; queries.npy, definitions held out of the rows and of the
 * training, drawn evenly; half.npy, the first half of each of those; outside.npy,
 * the examples of use that WordNet quotes, which are texts of another kind; and
 * the same texts a line each, for other embedders: rows.txt and so on.  Texts
 * without a known word are left out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/wordnet.h"
#include "embed/lsa_train.h"
#include "embed/worker_rows.h"
#include "import/byte_buffer.h"
#include "npy_file.h"

#define NEVER 1000000000

/* Texts one after another in a buffer, and where each begins. */
typedef struct Texts
{
	OmenBuffer	bytes;
	size_t	   *begin;			/* count + 1 of them */
	OmenText   *text;
	size_t		count;
} Texts;

typedef struct FoldIn
{
	const OmenLsaModel *model;
	const Texts *texts;
	float	   *rows;
	bool	   *known;
} FoldIn;

static bool
complain(const char *what)
{
	fprintf(stderr, "omendb bench: %s\n", what);
	return false;
}

static void
texts_begin(Texts *texts, size_t count_max)
{
	*texts = (Texts) {.begin = calloc(count_max + 1, sizeof(size_t)),.text = calloc(count_max, sizeof(OmenText))};
}

static void
texts_end_one(Texts *texts)
{
	texts->begin[++texts->count] = texts->bytes.bytes;
}

static void
texts_finish(Texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		texts->text[i] = (OmenText) {texts->bytes.data + texts->begin[i], texts->begin[i + 1] - texts->begin[i]};
}

static void
definition_add(Texts *texts, const OmenSynset *synset, bool with_words)
{
	if (with_words)
	{
		omen_buffer_append_text(&texts->bytes, synset->words);
		omen_buffer_append_text(&texts->bytes, ": ");
	}
	omen_buffer_append(&texts->bytes, synset->gloss, omen_synset_definition_bytes(synset));
	texts_end_one(texts);
}

/* As many of a definition's words as begin in its first half. */
static void
half_add(Texts *texts, const OmenSynset *synset)
{
	size_t		bytes = omen_synset_definition_bytes(synset);
	size_t		half = bytes / 2;

	while (half < bytes && synset->gloss[half] != ' ')
		half++;
	omen_buffer_append(&texts->bytes, synset->gloss, half);
	texts_end_one(texts);
}

/* The first quotation after the definition, if there is one. */
static void
example_add(Texts *texts, const OmenSynset *synset)
{
	const char *begin = strchr(synset->gloss + omen_synset_definition_bytes(synset), '"');
	const char *end = begin != NULL ? strchr(begin + 1, '"') : NULL;

	if (end == NULL)
		return;
	omen_buffer_append(&texts->bytes, begin + 1, (size_t) (end - begin - 1));
	texts_end_one(texts);
}

static void
fold_in(void *arg, size_t first, size_t count)
{
	FoldIn	   *job = arg;
	OmenLsaTerms terms = {0};
	OmenError	err;

	for (size_t i = first; i < first + count; i++)
		if (omen_lsa_fold_in(job->model, job->texts->text[i], &terms, job->rows + i * job->model->dim,
							 &job->known[i], &err) != OMEN_OK)
			job->known[i] = false;
	omen_lsa_terms_free(&terms);
}

static bool
texts_write(const char *folder, const char *name, const OmenLsaModel *model, const Texts *texts, size_t count_max)
{
	char		path[PATH_MAX];
	FoldIn		job = {model, texts, calloc(texts->count * model->dim, sizeof(float)),
		calloc(texts->count, sizeof(bool))};
	OmenReport	report = {0};
	OmenError	err;
	FILE	   *lines;
	FILE	   *rows;
	size_t		count = 0;

	if (job.rows == NULL || job.known == NULL)
		return complain("out of memory");
	if (omen_rows_share(omen_threads_available(), texts->count, 256, fold_in, &job, &report, &err) != OMEN_OK)
		return complain(err.text);
	for (size_t i = 0; i < texts->count; i++)
		count += job.known[i];
	count = count < count_max ? count : count_max;
	snprintf(path, sizeof(path), "%s/%s.txt", folder, name);
	lines = fopen(path, "w");
	snprintf(path, sizeof(path), "%s/%s.npy", folder, name);
	rows = bench_npy_create(path, "<f4", count, model->dim);
	if (lines == NULL || rows == NULL)
		return complain("cannot write to the folder");
	for (size_t i = 0, written = 0; i < texts->count && written < count; i++)
		if (job.known[i])
		{
			fprintf(lines, "%.*s\n", (int) texts->text[i].length, texts->text[i].bytes);
			fwrite(job.rows + i * model->dim, sizeof(float), model->dim, rows);
			written++;
		}
	free(job.rows);
	free(job.known);
	return fclose(lines) == 0 && bench_npy_close(rows, path);
}

int
main(int argc, char **argv)
{
	OmenLsaOptions options = omen_lsa_options_default();
	OmenReport	report = {0};
	OmenLsaModel model;
	OmenWordnet wordnet;
	OmenError	err;
	Texts		rows;
	Texts		queries;
	Texts		halves;
	Texts		outside;
	bool		textbook = argc > 1 && strcmp(argv[1], "textbook") == 0;
	size_t		held_out = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;

	if (argc != 5 || held_out == 0 || (!textbook && strcmp(argv[1], "demo") != 0))
		return fprintf(stderr, "usage: bench_texts demo|textbook DIM HELD_OUT FOLDER\n"), 2;
	options.dim = (uint32_t) strtoul(argv[2], NULL, 10);
	if (textbook)
	{
		options.singular_power = 1.0f;
		options.term_power = 0.0f;
		options.pair_documents_min = NEVER;
	}
	if (omen_simd_select(NULL, &err) != OMEN_OK || omen_wordnet_read(OMEN_WORDNET_FOLDER, &wordnet, &err) != OMEN_OK)
		return complain(err.text), 1;
	texts_begin(&rows, wordnet.count);
	texts_begin(&queries, wordnet.count);
	texts_begin(&halves, wordnet.count);
	texts_begin(&outside, wordnet.count);
	for (size_t i = 0; i < wordnet.count; i++)
	{
		/* held_out of them, evenly, a few more in case a text is left out */
		bool		held = i * (held_out + held_out / 16) / wordnet.count !=
			(i + 1) * (held_out + held_out / 16) / wordnet.count;

		definition_add(held ? &queries : &rows, &wordnet.synsets[i], !textbook);
		if (held)
			half_add(&halves, &wordnet.synsets[i]);
		if (i % 8 == 0)
			example_add(&outside, &wordnet.synsets[i]);
	}
	if (rows.bytes.failed || queries.bytes.failed || halves.bytes.failed || outside.bytes.failed)
		return complain("out of memory"), 1;
	texts_finish(&rows);
	texts_finish(&queries);
	texts_finish(&halves);
	texts_finish(&outside);
	if (omen_lsa_train(rows.text, rows.count, &options, &model, &report, &err) != OMEN_OK)
		return complain(err.text), 1;
	return texts_write(argv[4], "rows", &model, &rows, rows.count)
		&& texts_write(argv[4], "queries", &model, &queries, held_out)
		&& texts_write(argv[4], "half", &model, &halves, held_out)
		&& texts_write(argv[4], "outside", &model, &outside, held_out) ? 0 : 1;
}
