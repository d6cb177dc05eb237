/*
 * store_json.c - walking JSON that has been checked, as spans of its text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stores/store_json.h"

#include <string.h>

#include "import/utf8_check.h"

OmenJson
omen_json_check(const char *text, size_t bytes, const char **reason)
{
	OmenJsonScan scan = {.at = text, .end = text + bytes};
	OmenJson	none = {0};
	OmenJson	value;

	*reason = "not valid UTF-8";
	if (omen_utf8_first_bad(text, bytes) != NULL)
		return none;
	omen_json_space(&scan);
	value.data = scan.at;
	if (!omen_json_value(&scan))
	{
		*reason = scan.reason;
		return none;
	}
	value.bytes = (size_t) (scan.at - value.data);
	omen_json_space(&scan);
	*reason = "something after the JSON value";
	return scan.at == scan.end ? value : none;
}

OmenJsonWalk
omen_json_walk(OmenJson container)
{
	OmenJsonWalk walk = {0};
	char		kind = omen_json_kind(container);

	if (kind != '{' && kind != '[')
		return walk;
	walk.object = kind == '{';
	walk.scan.at = container.data + 1;
	walk.scan.end = container.data + container.bytes - 1;	/* on the closing bracket */
	return walk;
}

bool
omen_json_step(OmenJsonWalk *walk)
{
	OmenJsonScan *scan = &walk->scan;

	if (scan->at == NULL)
		return false;
	omen_json_space(scan);
	if (scan->at < scan->end && *scan->at == ',')
	{
		scan->at++;
		omen_json_space(scan);
	}
	if (scan->at == scan->end)
		return false;
	if (walk->object)
	{
		walk->key.data = scan->at;
		(void) omen_json_string(scan);
		walk->key.bytes = (size_t) (scan->at - walk->key.data);
		omen_json_space(scan);
		scan->at++;				/* the colon */
		omen_json_space(scan);
	}
	walk->value.data = scan->at;
	(void) omen_json_value(scan);
	walk->value.bytes = (size_t) (scan->at - walk->value.data);
	return true;
}

bool
omen_json_empty(OmenJson container)
{
	OmenJsonWalk walk = omen_json_walk(container);

	return !omen_json_step(&walk);
}

OmenJson
omen_json_find(OmenJson object, const char *key)
{
	OmenJsonWalk walk = omen_json_walk(object);
	size_t		bytes = strlen(key);

	while (walk.object && omen_json_step(&walk))
		if (walk.key.bytes == bytes + 2 && memcmp(walk.key.data + 1, key, bytes) == 0)
			return walk.value;
	return (OmenJson) {0};
}

bool
omen_json_copy(OmenJson value, char *text, size_t text_bytes)
{
	OmenBuffer	unescaped = {0};
	bool		good = value.data != NULL;

	if (omen_json_kind(value) == '"')
		good = omen_json_unescape(value.data, value.bytes, &unescaped) == NULL && !unescaped.failed;
	else if (good)
		omen_buffer_append(&unescaped, value.data, value.bytes);
	good = good && unescaped.bytes < text_bytes;
	if (good && unescaped.bytes > 0)
		memcpy(text, unescaped.data, unescaped.bytes);
	text[good ? unescaped.bytes : 0] = '\0';
	omen_buffer_free(&unescaped);
	return good;
}
