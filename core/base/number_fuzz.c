/*
 * number_fuzz.c - any bytes at all, by omen_float_parse and by strtof.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "omen/number.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What strtof takes and the contract of number.h does not: at `text`, past the sign. */
static int
only_strtof_takes(const char *text)
{
	return strchr(" \t\n\v\f\r", *text) != NULL ||
		(text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) ||
		(strncasecmp(text, "nan", 3) == 0 && text[3] == '(');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size + 1);
	char	   *want_after;
	const char *after;
	float		want;
	float		got;
	OmenStatus	status;

	memcpy(text, data, size);
	text[size] = '\0';
	/* from memory that ends with the text, so that AddressSanitizer sees overreads */
	after = omen_float_parse((const char *) data, (const char *) data + size, &got, &status);
	if (!only_strtof_takes(text + (size > 0 && (text[0] == '-' || text[0] == '+'))) &&
		memchr(data, '\0', size) == NULL)
	{
		want = strtof(text, &want_after);
		if (after == NULL ? want_after != text : after - (const char *) data != want_after - text)
			abort();
		if (after != NULL && (isnan(want) ? !isnan(got) : memcmp(&want, &got, sizeof(got)) != 0))
			abort();
	}
	free(text);
	return 0;
}
