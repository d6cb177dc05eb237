/*
 * json_scan.h - checks JSON (RFC 8259) and finds where its values lie.
 *
 * An importer needs spans of text, not values: a number goes to the exact
 * float parser, a nested object to the server as it was written, so that
 * 12345678901234567890.1 arrives with every digit.  Hence no tree is built.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_JSON_SCAN_H
#define OMEN_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "import/byte_buffer.h"

/* Arrays and objects inside one another. */
#define OMEN_JSON_DEPTH_MAX 256

typedef struct OmenJsonScan
{
	const char *at;
	const char *end;
	const char *reason;			/* why the last call returned false */
	int			depth;
} OmenJsonScan;

/* Steps over white space. */
void		omen_json_space(OmenJsonScan *scan);

/*
 * Steps over one value of any kind, which must be written as RFC 8259 says;
 * the bytes must be UTF-8 already.  Leaves `at` behind it, or on the culprit.
 */
bool		omen_json_value(OmenJsonScan *scan);

/* Steps over a string, quotes included. */
bool		omen_json_string(OmenJsonScan *scan);

/*
 * Appends the characters that the checked string raw[0 .. bytes) (with its
 * quotes) stands for.  NULL, or the reason it has none that PostgreSQL can
 * store: \u0000, or half a surrogate pair.  out may be NULL, to check only.
 */
const char *omen_json_unescape(const char *raw, size_t bytes, OmenBuffer *out);

/*
 * Whether every string inside the checked JSON text can be stored by jsonb:
 * NULL or the reason as above.
 */
const char *omen_json_storable(const char *text, size_t bytes);

#endif							/* OMEN_JSON_SCAN_H */
