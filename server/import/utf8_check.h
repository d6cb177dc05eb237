/*
 * utf8_check.h - whether bytes are text that PostgreSQL stores.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_UTF8_CHECK_H
#define OMEN_UTF8_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The first byte at which text[0 .. bytes) stops being valid UTF-8 (RFC 3629:
 * shortest forms only, no surrogates, nothing past U+10FFFF) or holds a zero
 * byte, which PostgreSQL's text cannot; NULL when all of it is good.
 */
const char *omen_utf8_first_bad(const char *text, size_t bytes);

/* Characters in text already known to be UTF-8. */
size_t		omen_utf8_length(const char *text, size_t bytes);

#endif							/* OMEN_UTF8_CHECK_H */
