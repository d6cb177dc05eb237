/*
 * store_json.h - walking JSON that has been checked, as spans of its text.
 *
 * The importer's scanner says whether a text is JSON; here its parts are found
 * again.  No tree is built: a vector goes from the answer to its encoder as it
 * was written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_STORE_JSON_H
#define OMEN_STORE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "import/json_scan.h"

/* One value; data NULL: there is none. */
typedef struct OmenJson
{
	const char *data;
	size_t		bytes;
} OmenJson;

typedef struct OmenJsonWalk
{
	OmenJsonScan scan;
	bool		object;
	OmenJson	key;			/* of an object: with its quotes */
	OmenJson	value;
} OmenJsonWalk;

/* The one value that the text consists of; none, and the reason, when it is no JSON that PostgreSQL could store. */
OmenJson	omen_json_check(const char *text, size_t bytes, const char **reason);

/* Over the members of an object or the elements of an array; anything else has none. */
OmenJsonWalk omen_json_walk(OmenJson container);
bool		omen_json_step(OmenJsonWalk *walk);

/* No members or elements: what is neither object nor array has none either. */
bool		omen_json_empty(OmenJson container);

/* The member of that name; none as well when `object` is no object. */
OmenJson	omen_json_find(OmenJson object, const char *key);

/* The character that a value begins with, which tells its kind: { [ " t f n or a number's; 0: none. */
static inline char
omen_json_kind(OmenJson value)
{
	return value.data != NULL ? *value.data : '\0';
}

/* A string's characters, or any other value as written, NUL-terminated into text; false when it does not fit. */
bool		omen_json_copy(OmenJson value, char *text, size_t text_bytes);

#endif							/* OMEN_STORE_JSON_H */
