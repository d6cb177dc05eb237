/*
 * float_text.h - one float of a literal, as every vector type reads it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_FLOAT_TEXT_H
#define OMEN_FLOAT_TEXT_H

#include "compat.h"

#include "omen/number.h"

/* White space allowed between the parts of a literal: that of PostgreSQL's own scanner. */
static inline const char *
omen_skip_space(const char *text)
{
	while (*text == ' ' || (*text >= '\t' && *text <= '\r'))
		text++;
	return text;
}

/*
 * Reads the number at `text`, which ends at `end` with a NUL.  Returns what
 * follows it, or NULL when there is no number.  *out_of_range: the value was
 * too large (now infinite) or too small (now zero).
 *
 * PostgreSQL's own real type reads with strtof, which also knows hexadecimal;
 * so do we, but only when we meet it.
 */
static inline const char *
omen_float_text(const char *text, const char *end, float *value, bool *out_of_range)
{
	OmenStatus	status;
	const char *next = omen_float_parse(text, end, value, &status);

	if (unlikely(next != NULL && (*next == 'x' || *next == 'X')))
	{
		char	   *after;

		errno = 0;
		*value = strtof(text, &after);
		*out_of_range = errno == ERANGE && (*value == 0 || isinf(*value));
		return after;
	}
	*out_of_range = status == OMEN_RANGE;
	return next;
}

#endif							/* OMEN_FLOAT_TEXT_H */
