/*
 * stores.c - the whole of it, step by step; points on their way from a store's file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db/query.h"
#include "stores/store_parts.h"

static const OmenStoreKind *const kinds[] = {
	&omen_store_pinecone, &omen_store_qdrant, &omen_store_weaviate, &omen_store_chroma
};

const OmenStoreKind *
omen_store_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

/* The first name of each is the one that is shown. */
static const struct
{
	const char *name;
	OmenMetric	metric;
}			metrics[] = {
	{"cosine", OMEN_METRIC_COSINE},
	{"l2", OMEN_METRIC_L2}, {"euclid", OMEN_METRIC_L2}, {"euclidean", OMEN_METRIC_L2}, {"l2-squared", OMEN_METRIC_L2},
	{"ip", OMEN_METRIC_IP}, {"dot", OMEN_METRIC_IP}, {"dotproduct", OMEN_METRIC_IP},
	{"l1", OMEN_METRIC_L1}, {"manhattan", OMEN_METRIC_L1},
};

OmenMetric
omen_metric_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		if (strcasecmp(metrics[i].name, name) == 0)
			return metrics[i].metric;
	return OMEN_METRIC_UNKNOWN;
}

const char *
omen_metric_name(OmenMetric metric)
{
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		if (metrics[i].metric == metric)
			return metrics[i].name;
	return "unknown";
}

bool
omen_store_take(OmenStoreRun *run, OmenPoint *point)
{
	char		kind = omen_json_kind(point->id);

	run->place++;
	if (kind != '"' && kind != '-' && (kind < '0' || kind > '9'))
		return omen_complain(run->complaint, "point %lld has no id", (long long) run->place);
	if (omen_json_kind(point->metadata) == 'n')
		point->metadata.data = NULL;
	return run->place <= run->skip || run->take(run, point);
}

bool
omen_store_add_vector(OmenStoreRun *run, OmenPoint *point, OmenJson name, OmenJson value)
{
	char		kind = omen_json_kind(value);

	/* Weaviate prints [] for none. */
	if (kind == '\0' || kind == 'n' || (kind == '[' && omen_json_empty(value)))
		return true;
	if (kind != '[' && kind != '{')
		return omen_complain(run->complaint, "point %lld: its vector is neither an array nor an object",
							 (long long) run->place + 1);
	if (point->vector_count == OMEN_STORE_VECTORS_MAX)
		return omen_complain(run->complaint, "point %lld has more than %d vectors", (long long) run->place + 1,
							 OMEN_STORE_VECTORS_MAX);
	point->vectors[point->vector_count].name = name;
	point->vectors[point->vector_count++].value = value;
	return true;
}

bool
omen_store_add_vectors(OmenStoreRun *run, OmenPoint *point, OmenJson vectors)
{
	OmenJsonWalk walk = omen_json_walk(vectors);

	while (walk.object && omen_json_step(&walk))
		if (!omen_store_add_vector(run, point, walk.key, walk.value))
			return false;
	return true;
}

bool
omen_store_each(OmenStoreRun *run, OmenJson points, bool (*read) (OmenStoreRun *run, OmenJson value))
{
	OmenJsonWalk walk = omen_json_walk(points);

	while (omen_json_step(&walk))
		if (!read(run, walk.value))
			return false;
	return true;
}

/* It becomes a column and goes into questions as it is. */
static bool
plain(const char *name)
{
	for (; *name != '\0'; name++)
		if (*name == '"' || *name == '\\' || (unsigned char) *name < ' ' || *name == 127)
			return false;
	return true;
}

OmenVectorName *
omen_store_vector(OmenStoreRun *run, const char *name)
{
	OmenVectorName *vector;

	for (int i = 0; i < run->vector_count; i++)
		if (strcmp(run->vectors[i].name, name) == 0)
			return &run->vectors[i];
	if (run->vector_count == OMEN_STORE_VECTORS_MAX || strlen(name) >= sizeof(vector->name) || !plain(name))
	{
		omen_complain(run->complaint, run->vector_count == OMEN_STORE_VECTORS_MAX ? "too many names of vectors" :
					  "a vector's name is longer than 63 bytes, or has a quote, backslash or control character");
		return NULL;
	}
	vector = &run->vectors[run->vector_count++];
	memset(vector, 0, sizeof(*vector));
	strcpy(vector->name, name);
	return vector;
}

/* What columns there must be: a file is read through once for that, of a URL the first page. */
static bool
look_at_source(OmenStoreRun *run)
{
	run->take = omen_store_observe;
	if (run->by_http)
	{
		if (!omen_store_open_url(run) || !omen_store_read_page(run))
			return false;
	}
	else
	{
		if (!omen_store_read_file(run, "looking through the file"))
			return false;
		run->total = run->place;
	}
	run->place = 0;
	if (!run->by_http)
		for (int i = 0; i < run->vector_count; i++)
			run->vectors[i].metric = run->options->metric;
	return omen_store_name_columns(run);
}

static bool
run_steps(OmenStoreRun *run)
{
	bool		finished;

	return omen_db_execute(run->options->target, "SET statement_timeout = 0; SET lock_timeout = 0; "
						   "SET idle_in_transaction_session_timeout = 0; SET extra_float_digits = 1", run->complaint) &&
		look_at_source(run) &&
		omen_store_open_table(run, &finished) &&
		(finished || omen_store_copy(run)) &&
		omen_store_make_indexes(run) &&
		omen_store_compare(run) &&
		(!run->report->same || omen_store_close_notes(run));
}

bool
omen_stores_run(const OmenStoreOptions *options, OmenStoreReport *report, OmenComplaint *complaint)
{
	OmenStoreRun *run = calloc(1, sizeof(*run));
	bool		done;

	memset(report, 0, sizeof(*report));
	if (run == NULL)
		return omen_complain(complaint, "out of memory");
	run->options = options;
	run->report = report;
	run->complaint = complaint;
	run->by_http = strncmp(options->from, "http://", 7) == 0 || strncmp(options->from, "https://", 8) == 0;
	done = run_steps(run);
	if (!done && *options->stop)
	{
		omen_complain(complaint, "interrupted");
		omen_advise(complaint, "The same command goes on from here.");
	}
	omen_store_free_samples(run);
	omen_http_close(&run->http);
	omen_buffer_free(&run->url);
	omen_buffer_free(&run->body);
	omen_target_free(&run->table);
	free(run);
	return done;
}

void
omen_stores_report_free(OmenStoreReport *report)
{
	free(report->table);
	memset(report, 0, sizeof(*report));
}
