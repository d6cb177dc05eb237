/*
 * status.h - how core reports failure.
 *
 * Core never prints, exits or aborts on input.  A function that can fail
 * returns an OmenStatus; when the caller passes an OmenError, the function
 * also leaves one sentence there.  pg/ turns it into ereport once, server/api
 * into HTTP and gRPC codes once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_STATUS_H
#define OMEN_STATUS_H

#include <stddef.h>
#include <stdint.h>

typedef enum OmenStatus
{
	OMEN_OK = 0,
	OMEN_NO_MEMORY,				/* an allocation failed */
	OMEN_INVALID,				/* the caller's input breaks a documented rule */
	OMEN_RANGE,					/* a number does not fit its type */
	OMEN_CORRUPT,				/* bytes from disk or network contradict their format */
	OMEN_UNSUPPORTED,			/* a version, kind or processor this build does not know */
	OMEN_CANCELLED,				/* the caller's interrupt callback asked to stop */
	OMEN_STALE					/* the index was rebuilt under its reader: begin again */
} OmenStatus;

#define OMEN_ERROR_BYTES 256

typedef struct OmenError
{
	OmenStatus	status;
	char		text[OMEN_ERROR_BYTES]; /* one sentence, NUL-terminated, no newline */
} OmenError;

/* Fills *err (which may be NULL) and returns status, so that callers can `return omen_fail(...)`. */
OmenStatus	omen_fail(OmenError *err, OmenStatus status, const char *format,...)
			__attribute__((format(printf, 3, 4)));

#endif							/* OMEN_STATUS_H */
