/*
 * pinecone_store.c - Pinecone's records, from a file.
 *
 * Read are records as the API names their parts (id, values, sparse_values or
 * sparseValues, metadata), one by one, or as in the answer of fetch ("vectors",
 * an object by id), the body of an upsert ("vectors", an array) or the answer of
 * a query ("matches").  In the Parquet files that Pinecone imports, metadata is
 * JSON in a string; it may be that here too.
 *
 * Source: docs.pinecone.io, "Fetch vectors", "Upsert vectors", "Import vectors".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stores/store_parts.h"

static OmenJson
first_of(OmenJson object, const char *key, const char *other)
{
	OmenJson	found = omen_json_find(object, key);

	return found.data != NULL ? found : omen_json_find(object, other);
}

/* JSON in a string, which lives in `inner`; anything else as it is. */
static bool
unwrap(OmenStoreRun *run, OmenJson *metadata, OmenBuffer *inner)
{
	const char *reason;

	if (omen_json_kind(*metadata) != '"')
		return true;
	reason = omen_json_unescape(metadata->data, metadata->bytes, inner);
	if (reason == NULL)
		*metadata = omen_json_check(inner->data, inner->bytes, &reason);
	return metadata->data != NULL ||
		omen_complain(run->complaint, "point %lld: its metadata is a string that is not JSON: %s",
					  (long long) run->place + 1, reason);
}

static bool
read_record(OmenStoreRun *run, OmenJson value)
{
	static const OmenJson sparse_name = {"\"sparse_values\"", 15};
	OmenPoint	point = {.id = omen_json_find(value, "id"),.metadata = omen_json_find(value, "metadata")};
	OmenBuffer	inner = {0};
	bool		good;

	good = omen_store_add_vector(run, &point, (OmenJson) {0}, omen_json_find(value, "values")) &&
		omen_store_add_vector(run, &point, sparse_name, first_of(value, "sparse_values", "sparseValues")) &&
		unwrap(run, &point.metadata, &inner) && omen_store_take(run, &point);
	omen_buffer_free(&inner);
	return good;
}

static bool
read_pinecone(OmenStoreRun *run, OmenJson value)
{
	OmenJson	list = first_of(value, "vectors", "matches");

	return list.data != NULL ? omen_store_each(run, list, read_record) : read_record(run, value);
}

const OmenStoreKind omen_store_pinecone = {
	.name = "pinecone",.title = "Pinecone",.read = read_pinecone,
};
