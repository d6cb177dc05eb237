/*
 * chroma_store.c - Chroma's records, from its REST API or a file of what get() returns.
 *
 * A page is the answer of POST .../collections/ID/get: arrays of the same length
 * for ids, embeddings, documents, metadatas, uris; what was not asked for is
 * null.  Pages are counted off, so what others delete meanwhile may move rows
 * past: the count at the end tells.  The address may name another tenant and
 * database than the default ones: http://.../api/v2/tenants/T/databases/D.
 *
 * Source: Chroma's OpenAPI document (/openapi.json), version 2 of the API.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "stores/store_parts.h"

static bool
read_chroma(OmenStoreRun *run, OmenJson value)
{
	static const char *const names[] = {"ids", "embeddings", "documents", "metadatas", "uris"};
	OmenJsonWalk walks[5];
	int64_t		before = run->place;

	for (int i = 0; i < 5; i++)
		walks[i] = omen_json_walk(omen_json_find(value, names[i]));
	if (walks[0].scan.at == NULL)
		return run->by_http ? omen_store_strange(run, "ids") :
			omen_complain(run->complaint, "%s: an object without ids, which get() would print", run->options->from);
	while (omen_json_step(&walks[0]))
	{
		OmenJson	parts[5] = {walks[0].value};
		OmenPoint	point = {.id = walks[0].value};

		for (int i = 1; i < 5; i++)
		{
			if (walks[i].scan.at == NULL)
				continue;
			if (!omen_json_step(&walks[i]))
				return omen_complain(run->complaint, "%s is shorter than ids", names[i]);
			parts[i] = walks[i].value;
		}
		point.document = parts[2];
		point.metadata = parts[3];
		point.uri = parts[4];
		if (!omen_store_add_vector(run, &point, (OmenJson) {0}, parts[1]) || !omen_store_take(run, &point))
			return false;
	}
	if (run->by_http && run->place > before)
		snprintf(run->next, sizeof(run->next), "%lld",
				 strtoll(run->cursor, NULL, 10) + (long long) (run->place - before));
	return true;
}

static void
database_url(OmenStoreRun *run, const char *tail)
{
	bool		named = strstr(run->base, "/tenants/") != NULL;

	omen_store_url(run, named ? "" : "/api/v2/tenants/default_tenant/databases/default_database");
	omen_buffer_append_text(&run->url, tail);
}

static void
collection_url(OmenStoreRun *run, const char *tail)
{
	database_url(run, "/collections");
	omen_store_url_name(run, "/", run->collection_id);
	omen_buffer_append_text(&run->url, tail);
}

/* space of configuration_json's hnsw or spann, or of the metadata hnsw:space of older versions; l2 without any. */
static OmenMetric
metric_of(OmenJson collection)
{
	OmenJson	configuration = omen_json_find(collection, "configuration_json");
	OmenJson	space = omen_json_find(omen_json_find(configuration, "hnsw"), "space");
	char		text[64];

	if (space.data == NULL)
		space = omen_json_find(omen_json_find(configuration, "spann"), "space");
	if (space.data == NULL)
		space = omen_json_find(omen_json_find(collection, "metadata"), "hnsw:space");
	return omen_json_copy(space, text, sizeof(text)) ? omen_metric_by_name(text) : OMEN_METRIC_L2;
}

static bool
describe_chroma(OmenStoreRun *run)
{
	OmenJson	answer;
	OmenJson	chosen;
	OmenVectorName *vector = omen_store_vector(run, "");

	database_url(run, "/collections");
	answer = omen_store_ask(run);
	if (answer.data == NULL)
		return false;
	if (omen_json_kind(answer) != '[')
		return omen_store_strange(run, "collections");
	if (!omen_store_choose(run, answer, "name", &chosen))
		return false;
	if (!omen_json_copy(omen_json_find(chosen, "id"), run->collection_id, sizeof(run->collection_id)))
		return omen_store_strange(run, "id in a collection");
	vector->metric = metric_of(chosen);
	return true;
}

static bool
count_chroma(OmenStoreRun *run, int64_t *count)
{
	OmenJson	answer;
	char		digits[32];

	collection_url(run, "/count");
	answer = omen_store_ask(run);
	if (answer.data == NULL)
		return false;
	if (!omen_json_copy(answer, digits, sizeof(digits)))
		return omen_store_strange(run, "count");
	*count = strtoll(digits, NULL, 10);
	return true;
}

static OmenJson
ask_page_chroma(OmenStoreRun *run)
{
	collection_url(run, "/get");
	omen_store_body(run, "{\"limit\":%d,\"offset\":%s,"
					"\"include\":[\"embeddings\",\"documents\",\"metadatas\",\"uris\"]}",
					run->page_points, run->cursor[0] != '\0' ? run->cursor : "0");
	return omen_store_ask(run);
}

static OmenJson
nearest_chroma(OmenStoreRun *run, const OmenVectorName *vector, const char *query)
{
	OmenJsonWalk walk;

	(void) vector;
	collection_url(run, "/query");
	omen_store_body(run, "{\"query_embeddings\":[%s],\"n_results\":%d,\"include\":[]}", query, OMEN_STORE_NEAREST);
	walk = omen_json_walk(omen_json_find(omen_store_ask(run), "ids"));
	return omen_json_step(&walk) ? walk.value : (OmenJson) {0};
}

const OmenStoreKind omen_store_chroma = {
	.name = "chroma",.title = "Chroma",.key_variable = "CHROMA_API_KEY",.key_header = "x-chroma-token: ",
	.address = "http://localhost:8000",.documents = true,
	.read = read_chroma,.describe = describe_chroma,.count = count_chroma,
	.ask_page = ask_page_chroma,.nearest = nearest_chroma,
};
