/*
 * demo_model.c - the corpus, and the embedder trained on it.
 *
 * The model lies in DATA/models, beside the database whose rows were made
 * with it; for a database elsewhere, and for a data folder this user may not
 * write, in the user's cache.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demo/demo_parts.h"
#include "embed/lsa_train.h"
#include "instance/data_folder.h"
#include "term/progress.h"
#include "term/progress_line.h"

#define MODEL_NAME "wordnet-384.lsa"

static bool model_path(OmenDemo *demo, char *path, size_t path_bytes);
static bool model_train(OmenDemo *demo, const char *path);

bool
omen_demo_read_corpus(OmenDemo *demo)
{
	const char *folder = demo->options->wordnet != NULL ? demo->options->wordnet : OMEN_WORDNET_FOLDER;
	OmenError	err;

	if (demo->wordnet.count > 0)
		return true;
	if (omen_wordnet_read(folder, &demo->wordnet, &err) == OMEN_OK)
		return true;
	omen_demo_fail(demo, &err);
	return omen_advise(demo->complaint, "Install Debian's package wordnet-base, "
					   "or name a folder with WordNet's data files by --wordnet.");
}

void
omen_demo_document(const OmenSynset *synset, OmenBuffer *text)
{
	omen_buffer_append_text(text, synset->words);
	omen_buffer_append_text(text, ": ");
	omen_buffer_append(text, synset->gloss, omen_synset_definition_bytes(synset));
}

bool
omen_demo_open_embedder(OmenDemo *demo)
{
	char		path[PATH_MAX];
	OmenEmbedderOptions options = {.model = path};
	OmenError	err;
	OmenStatus	status;

	if (!model_path(demo, path, sizeof(path)))
		return false;
	if (access(path, F_OK) != 0 && !model_train(demo, path))
		return false;
	status = omen_embedder_open("lsa", &options, &demo->embedder, &err);
	if (status == OMEN_CORRUPT || status == OMEN_UNSUPPORTED)
	{
		fprintf(demo->options->progress, "%s; training it anew\n", err.text);
		if (!model_train(demo, path))
			return false;
		status = omen_embedder_open("lsa", &options, &demo->embedder, &err);
	}
	return status == OMEN_OK || omen_demo_fail(demo, &err);
}

/* Makes the folder, and those above it; true if files can be made in it. */
static bool
folder_make(const char *folder)
{
	char		part[PATH_MAX];

	if ((size_t) snprintf(part, sizeof(part), "%s", folder) >= sizeof(part))
		return false;
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
	{
		*slash = '\0';
		(void) mkdir(part, 0755);	/* what fails here shows below */
		*slash = '/';
	}
	return (mkdir(part, 0755) == 0 || errno == EEXIST) && access(part, W_OK | X_OK) == 0;
}

static bool
model_path(OmenDemo *demo, char *path, size_t path_bytes)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char		folder[PATH_MAX];

	if (omen_config_text(demo->config, "database")[0] == '\0')
	{
		snprintf(folder, sizeof(folder), "%s/models", omen_config_text(demo->config, "data"));
		if ((size_t) snprintf(path, path_bytes, "%s/%s", folder, MODEL_NAME) < path_bytes &&
			(access(path, R_OK) == 0 || folder_make(folder)))
			return true;
	}
	if (cache != NULL && cache[0] == '/')
		snprintf(folder, sizeof(folder), "%s/omendb", cache);
	else
		snprintf(folder, sizeof(folder), "%s/.cache/omendb", home != NULL ? home : "");
	if ((size_t) snprintf(path, path_bytes, "%s/%s", folder, MODEL_NAME) < path_bytes &&
		(access(path, R_OK) == 0 || folder_make(folder)))
		return true;
	omen_complain(demo->complaint, "there is no place to keep the embedder's model: cannot write to %s", folder);
	return omen_advise(demo->complaint, "Name a folder you may write to in XDG_CACHE_HOME.");
}

typedef struct Watch
{
	OmenProgress *progress;
	const char *phase;			/* shown last */
} Watch;

static bool
show_training(void *arg, const char *phase, uint64_t done, uint64_t total)
{
	Watch	   *watch = arg;

	if (watch->phase != phase)
	{
		char		title[80];

		snprintf(title, sizeof(title), "training the embedder: %s", phase);
		omen_progress_stage(watch->progress, title, "", total);
		watch->phase = phase;
	}
	omen_progress_set(watch->progress, done);
	return true;
}

static bool
model_train(OmenDemo *demo, const char *path)
{
	OmenLsaOptions options = omen_lsa_options_default();
	OmenBuffer	text = {0};
	OmenLsaModel model = {0};
	Watch		watch = {0};
	OmenReport	report = {.tell = show_training,.arg = &watch};
	OmenText   *documents;
	size_t	   *begin;
	OmenError	err;
	OmenStatus	status = OMEN_NO_MEMORY;
	double		started = omen_demo_clock();
	size_t		count;

	if (!omen_demo_read_corpus(demo))
		return false;
	count = demo->wordnet.count;
	documents = malloc(count * sizeof(*documents));
	begin = malloc((count + 1) * sizeof(*begin));
	for (size_t i = 0; i < count && begin != NULL; i++)
	{
		begin[i] = text.bytes;
		omen_demo_document(&demo->wordnet.synsets[i], &text);
		begin[i + 1] = text.bytes;
	}
	if (documents == NULL || begin == NULL || text.failed)
		omen_fail(&err, status, "out of memory training the embedder");
	else
	{
		watch.progress = omen_progress_begin(demo->options->progress, "training the embedder", "", 0);
		for (size_t i = 0; i < count; i++)
			documents[i] = (OmenText) {text.data + begin[i], begin[i + 1] - begin[i]};
		status = omen_lsa_train(documents, count, &options, &model, &report, &err);
		if (status == OMEN_OK)
			status = omen_lsa_model_save(&model, path, &err);
		omen_progress_end(watch.progress, "");
	}
	if (status == OMEN_OK)
	{
		char		texts[32];
		char		terms[32];
		char		duration[32];

		fprintf(demo->options->progress, "trained the embedder: %s texts, %s terms in %s; kept in %s\n",
				omen_format_count(texts, count), omen_format_count(terms, model.terms.count),
				omen_format_duration(duration, omen_demo_clock() - started), path);
	}
	omen_lsa_model_free(&model);
	omen_buffer_free(&text);
	free(documents);
	free(begin);
	return status == OMEN_OK || omen_demo_fail(demo, &err);
}
