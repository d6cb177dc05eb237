/*
 * complaint.h - why something could not be done, and what to do about it.
 *
 * The server library never prints an error: a function that can fail takes an
 * OmenComplaint, fills it and returns false (or NULL).  The command line
 * prints it once.  A complaint is one sentence of fact and, wherever somebody
 * can act on it, one sentence of advice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_COMPLAINT_H
#define OMENDB_COMPLAINT_H

#include <stdbool.h>
#include <stdio.h>

typedef struct OmenComplaint
{
	char		fact[2048];		/* what went wrong; no trailing newline */
	char		advice[1024];	/* what to do; empty when there is nothing to say */
} OmenComplaint;

/* Fills the fact, clears the advice, returns false so that callers can `return omen_complain(...)`. */
bool		omen_complain(OmenComplaint *complaint, const char *format,...)
			__attribute__((format(printf, 2, 3), nonnull));

/* Adds the advice to a complaint that has its fact; returns false as well. */
bool		omen_advise(OmenComplaint *complaint, const char *format,...)
			__attribute__((format(printf, 2, 3), nonnull));

/* Prints "omendb: fact", and the advice on a line of its own. */
void		omen_complaint_print(const OmenComplaint *complaint, FILE *out);

#endif							/* OMENDB_COMPLAINT_H */
