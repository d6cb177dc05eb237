/*
 * weaviate_store.c - Weaviate's objects, from its REST API or a file of what that prints.
 *
 * A page is the answer of GET /v1/objects?class=NAME&after=ID: "objects", in the
 * order of their ids; the next begins after the last one's.  An object has
 * properties, "vector" (the one without a name) and "vectors" (by name).  Of a
 * class with tenants one is read, which the URL names: http://...?tenant=NAME.
 *
 * Source: docs.weaviate.io, REST API (/v1/schema, /v1/objects), "Read all
 * objects", GraphQL's Aggregate and nearVector.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "stores/store_parts.h"

static bool
read_object(OmenStoreRun *run, OmenJson value)
{
	OmenPoint	point = {.id = omen_json_find(value, "id"),.metadata = omen_json_find(value, "properties")};
	OmenJson	vector = omen_json_find(value, "vector");

	/* As the Python client's objects are. */
	if (point.id.data == NULL)
		point.id = omen_json_find(value, "uuid");
	/* The last one read is where the next page begins. */
	if (run->by_http && !omen_json_copy(point.id, run->next, sizeof(run->next)))
		return omen_store_strange(run, "id in an object");
	return (omen_json_kind(vector) == '{' ? omen_store_add_vectors(run, &point, vector) :
			omen_store_add_vector(run, &point, (OmenJson) {0}, vector)) &&
		omen_store_add_vectors(run, &point, omen_json_find(value, "vectors")) && omen_store_take(run, &point);
}

static bool
read_weaviate(OmenStoreRun *run, OmenJson value)
{
	OmenJson	objects = omen_json_find(value, "objects");
	int64_t		before = run->place;

	if (objects.data == NULL)
		return run->by_http ? omen_store_strange(run, "objects") : read_object(run, value);
	if (!omen_store_each(run, objects, read_object))
		return false;
	if (run->place == before)
		run->next[0] = '\0';
	return true;
}

/* distance of {vectorIndexConfig: {distance}}; cosine where it says nothing. */
static void
describe_index(OmenVectorName *vector, OmenJson holder)
{
	OmenJson	distance = omen_json_find(omen_json_find(holder, "vectorIndexConfig"), "distance");
	char		text[64];

	vector->metric = omen_json_copy(distance, text, sizeof(text)) ? omen_metric_by_name(text) : OMEN_METRIC_COSINE;
}

/* GraphQL takes the class's name as it is, and the tenant's in quotes. */
static bool
is_plain_name(const char *name)
{
	for (const char *at = name; *at != '\0'; at++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", *at) == NULL)
			return false;
	return name[0] != '\0';
}

static bool
describe_weaviate(OmenStoreRun *run)
{
	OmenJson	answer;
	OmenJson	chosen;
	OmenJson	named;
	OmenJsonWalk walk;
	OmenVectorName *vector;
	char		name[64];

	if (run->parameters[0] != '\0' &&
		(strncmp(run->parameters, "tenant=", 7) != 0 || !is_plain_name(run->parameters + 7)))
		return omen_complain(run->complaint, "what is ?%s?  Known is ?tenant=NAME", run->parameters);
	omen_store_url(run, "/v1/schema");
	answer = omen_store_ask(run);
	if (answer.data == NULL)
		return false;
	answer = omen_json_find(answer, "classes");
	if (answer.data == NULL)
		return omen_store_strange(run, "classes");
	if (!omen_store_choose(run, answer, "class", &chosen))
		return false;
	if (!is_plain_name(run->collection))
		return omen_complain(run->complaint, "the class has a name that no class of Weaviate has");
	if (run->parameters[0] == '\0' &&
		omen_json_kind(omen_json_find(omen_json_find(chosen, "multiTenancyConfig"), "enabled")) == 't')
	{
		omen_complain(run->complaint, "%s has tenants", run->collection);
		return omen_advise(run->complaint, "Name one with the URL, %s?tenant=NAME, and a table for each, --table.",
						   run->base);
	}
	named = omen_json_find(chosen, "vectorConfig");
	if (omen_json_kind(omen_json_find(chosen, "vectorIndexConfig")) == '{' || omen_json_empty(named))
	{
		vector = omen_store_vector(run, "");
		if (vector == NULL)
			return false;
		describe_index(vector, chosen);
	}
	walk = omen_json_walk(named);
	while (omen_json_step(&walk))
	{
		vector = omen_json_copy(walk.key, name, sizeof(name)) ? omen_store_vector(run, name) : NULL;
		if (vector == NULL)
			return omen_store_strange(run, "names of vectors that a column can have");
		describe_index(vector, walk.value);
	}
	return true;
}

/* The tenant as an argument of GraphQL; with text[300]. */
static const char *
tenant_argument(const OmenStoreRun *run, char *text)
{
	text[0] = '\0';
	if (run->parameters[0] != '\0')
		snprintf(text, 300, "tenant:\\\"%s\\\"", run->parameters + 7);
	return text;
}

static bool
count_weaviate(OmenStoreRun *run, int64_t *count)
{
	OmenJson	answer;
	OmenJsonWalk walk;
	char		text[300];
	char		digits[32];

	omen_store_url(run, "/v1/graphql");
	tenant_argument(run, text);
	omen_store_body(run, "{\"query\":\"{Aggregate{%s%s%s%s{meta{count}}}}\"}", run->collection,
					text[0] != '\0' ? "(" : "", text, text[0] != '\0' ? ")" : "");
	answer = omen_store_ask(run);
	if (answer.data == NULL)
		return false;
	walk = omen_json_walk(omen_json_find(omen_json_find(omen_json_find(answer, "data"), "Aggregate"), run->collection));
	if (!omen_json_step(&walk) ||
		!omen_json_copy(omen_json_find(omen_json_find(walk.value, "meta"), "count"), digits, sizeof(digits)))
		return omen_store_strange(run, "data.Aggregate with meta.count");
	*count = strtoll(digits, NULL, 10);
	return true;
}

static OmenJson
ask_page_weaviate(OmenStoreRun *run)
{
	char		limit[32];

	omen_store_url(run, "/v1/objects");
	omen_store_url_name(run, "?class=", run->collection);
	snprintf(limit, sizeof(limit), "&limit=%d", run->page_points);
	omen_buffer_append_text(&run->url, limit);
	omen_store_url_name(run, "&include=vector&after=", run->cursor);
	if (run->parameters[0] != '\0')
	{
		omen_buffer_append_byte(&run->url, '&');
		omen_buffer_append_text(&run->url, run->parameters);
	}
	return omen_store_ask(run);
}

static OmenJson
nearest_weaviate(OmenStoreRun *run, const OmenVectorName *vector, const char *query)
{
	OmenJson	answer;
	char		text[300];

	omen_store_url(run, "/v1/graphql");
	omen_store_body(run, "{\"query\":\"{Get{%s(limit:%d,%s%snearVector:{vector:%s", run->collection, OMEN_STORE_NEAREST,
					tenant_argument(run, text), run->parameters[0] != '\0' ? "," : "", query);
	if (vector->name[0] != '\0')
		omen_store_body(run, ",targetVectors:[\\\"%s\\\"]", vector->name);
	omen_store_body(run, "}){_additional{id}}}}\"}");
	answer = omen_store_ask(run);
	return omen_json_find(omen_json_find(omen_json_find(answer, "data"), "Get"), run->collection);
}

const OmenStoreKind omen_store_weaviate = {
	.name = "weaviate",.title = "Weaviate",.key_variable = "WEAVIATE_API_KEY",.key_header = "Authorization: Bearer ",
	.address = "http://localhost:8080",
	.read = read_weaviate,.describe = describe_weaviate,.count = count_weaviate,
	.ask_page = ask_page_weaviate,.nearest = nearest_weaviate,
};
