/*
 * qdrant_store.c - Qdrant's points, from its REST API or a file of what that prints.
 *
 * A page is the answer of POST /collections/NAME/points/scroll: result.points,
 * and result.next_page_offset, an id, null on the last page.  Points come in
 * the order of their ids.  A point's vector is an array, an array of arrays
 * (several vectors in one), {indices, values} (sparse), or an object of such by
 * name.
 *
 * Source: api.qdrant.tech, "Scroll points", "Collection info", "Query points".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "stores/store_parts.h"

static bool
read_point(OmenStoreRun *run, OmenJson value)
{
	OmenPoint	point = {.id = omen_json_find(value, "id"),.metadata = omen_json_find(value, "payload")};
	OmenJson	vector = omen_json_find(value, "vector");
	bool		named = omen_json_kind(vector) == '{' && omen_json_find(vector, "indices").data == NULL;

	return (named ? omen_store_add_vectors(run, &point, vector) :
			omen_store_add_vector(run, &point, (OmenJson) {0}, vector)) && omen_store_take(run, &point);
}

static bool
read_qdrant(OmenStoreRun *run, OmenJson value)
{
	OmenJson	result = omen_json_find(value, "result");
	OmenJson	points;
	OmenJson	next;

	if (result.data == NULL)
		result = value;
	points = omen_json_kind(result) == '[' ? result : omen_json_find(result, "points");
	if (points.data == NULL)
		return run->by_http ? omen_store_strange(run, "result.points") : read_point(run, value);
	next = omen_json_find(result, "next_page_offset");
	if (next.data != NULL && omen_json_kind(next) != 'n' && next.bytes < sizeof(run->next))
	{
		memcpy(run->next, next.data, next.bytes);
		run->next[next.bytes] = '\0';
	}
	return omen_store_each(run, points, read_point);
}

/* {size, distance} of one vector. */
static bool
describe_vector(OmenStoreRun *run, const char *name, OmenJson parameters)
{
	OmenVectorName *vector = omen_store_vector(run, name);
	char		text[64];

	if (vector == NULL)
		return false;
	if (omen_json_copy(omen_json_find(parameters, "distance"), text, sizeof(text)))
		vector->metric = omen_metric_by_name(text);
	vector->shape = OMEN_SHAPE_DENSE;
	if (omen_json_kind(omen_json_find(parameters, "multivector_config")) == '{')
		vector->shape = OMEN_SHAPE_JSON;
	else if (omen_json_copy(omen_json_find(parameters, "size"), text, sizeof(text)))
		vector->dim = (uint32_t) strtoul(text, NULL, 10);
	return true;
}

static void
collection_url(OmenStoreRun *run, const char *tail)
{
	omen_store_url(run, "/collections");
	omen_store_url_name(run, "/", run->collection);
	omen_buffer_append_text(&run->url, tail);
}

static bool
describe_qdrant(OmenStoreRun *run)
{
	OmenJson	answer;
	OmenJson	chosen;
	OmenJson	parameters;
	OmenJsonWalk walk;
	char		name[64];

	omen_store_url(run, "/collections");
	answer = omen_store_ask(run);
	if (answer.data == NULL)
		return false;
	answer = omen_json_find(omen_json_find(answer, "result"), "collections");
	if (answer.data == NULL)
		return omen_store_strange(run, "result.collections");
	if (!omen_store_choose(run, answer, "name", &chosen))
		return false;
	collection_url(run, "");
	answer = omen_store_ask(run);
	if (answer.data == NULL)
		return false;
	answer = omen_json_find(omen_json_find(answer, "result"), "config");
	parameters = omen_json_find(omen_json_find(answer, "params"), "vectors");
	if (omen_json_find(parameters, "size").data != NULL)
		return describe_vector(run, "", parameters);
	walk = omen_json_walk(parameters);
	while (omen_json_step(&walk))
		if (!omen_json_copy(walk.key, name, sizeof(name)) || !describe_vector(run, name, walk.value))
			return omen_store_strange(run, "names of vectors that a column can have");
	return true;
}

static bool
count_qdrant(OmenStoreRun *run, int64_t *count)
{
	OmenJson	answer;
	char		digits[32];

	collection_url(run, "/points/count");
	omen_store_body(run, "{\"exact\":true}");
	answer = omen_store_ask(run);
	if (answer.data == NULL)
		return false;
	if (!omen_json_copy(omen_json_find(omen_json_find(answer, "result"), "count"), digits, sizeof(digits)))
		return omen_store_strange(run, "result.count");
	*count = strtoll(digits, NULL, 10);
	return true;
}

static OmenJson
ask_page_qdrant(OmenStoreRun *run)
{
	collection_url(run, "/points/scroll");
	omen_store_body(run, "{\"limit\":%d,\"with_payload\":true,\"with_vector\":true%s%s}", run->page_points,
					run->cursor[0] != '\0' ? ",\"offset\":" : "", run->cursor);
	return omen_store_ask(run);
}

/* Exactly, since what is compared is the data and the metric, not two graphs. */
static OmenJson
nearest_qdrant(OmenStoreRun *run, const OmenVectorName *vector, const char *query)
{
	collection_url(run, "/points/query");
	omen_store_body(run, "{\"query\":%s,\"limit\":%d,\"params\":{\"exact\":true}", query, OMEN_STORE_NEAREST);
	if (vector->name[0] != '\0')
		omen_store_body(run, ",\"using\":\"%s\"", vector->name);
	omen_store_body(run, "}");
	return omen_json_find(omen_json_find(omen_store_ask(run), "result"), "points");
}

const OmenStoreKind omen_store_qdrant = {
	.name = "qdrant",.title = "Qdrant",.key_variable = "QDRANT_API_KEY",.key_header = "api-key: ",
	.address = "http://localhost:6333",
	.read = read_qdrant,.describe = describe_qdrant,.count = count_qdrant,
	.ask_page = ask_page_qdrant,.nearest = nearest_qdrant,
};
