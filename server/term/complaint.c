/*
 * complaint.c - filling in and printing an OmenComplaint.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <string.h>

#include "term/complaint.h"

/* libpq ends its messages with a newline; ours end without one. */
static void
strip_newlines(char *text)
{
	size_t		length = strlen(text);

	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = '\0';
}

bool
omen_complain(OmenComplaint *complaint, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(complaint->fact, sizeof(complaint->fact), format, args);
	va_end(args);
	strip_newlines(complaint->fact);
	complaint->advice[0] = '\0';
	return false;
}

bool
omen_advise(OmenComplaint *complaint, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(complaint->advice, sizeof(complaint->advice), format, args);
	va_end(args);
	strip_newlines(complaint->advice);
	return false;
}

void
omen_complaint_print(const OmenComplaint *complaint, FILE *out)
{
	fprintf(out, "omendb: %s\n", complaint->fact);
	if (complaint->advice[0] != '\0')
		fprintf(out, "omendb: %s\n", complaint->advice);
	fflush(out);
}
