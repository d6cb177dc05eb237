/*
 * byte_source.h - a file or standard input as a window of bytes in memory.
 *
 * Readers look at the window, ask for more when a record does not end inside
 * it, and consume what they are done with.  The window is the reader's to
 * scribble on.  Nothing but the window is kept, and it never grows past
 * `bytes_max`, so memory is bounded by the longest record allowed.
 *
 * Pointers into the window stay good until the next omen_source_more().
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_BYTE_SOURCE_H
#define OMEN_BYTE_SOURCE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "omen/status.h"

typedef struct OmenByteSource
{
	int			fd;				/* -1: memory only */
	char	   *buffer;
	size_t		begin;			/* the window is buffer[begin .. end) */
	size_t		end;
	size_t		capacity;
	size_t		bytes_max;		/* the window never grows past this */
	size_t		read_bytes;		/* asked for at a time at most; tests make it tiny */
	uint64_t	offset;			/* bytes consumed so far: where the window starts in the file */
	uint64_t	size;			/* the file's size, or 0 when it is not known */
	bool		eof;			/* the window reaches the end of the file */
	const volatile sig_atomic_t *stop;	/* when not NULL and set, reading ends with OMEN_CANCELLED */
} OmenByteSource;

/* Opens `path`, or standard input for "-". */
OmenStatus	omen_source_open(OmenByteSource *source, const char *path, size_t bytes_max, OmenError *err);

/* A source over a copy of `bytes` bytes: for samples and tests. */
OmenStatus	omen_source_open_memory(OmenByteSource *source, const void *data, size_t bytes,
									size_t bytes_max, OmenError *err);
void		omen_source_close(OmenByteSource *source);

/*
 * Makes the window longer by at least one byte, or sets eof.  OMEN_RANGE when
 * the window is already bytes_max long; OMEN_INVALID when reading fails.
 */
OmenStatus	omen_source_more(OmenByteSource *source, OmenError *err);

/* Reads on until the window holds `bytes` bytes or the file ends. */
OmenStatus	omen_source_want(OmenByteSource *source, size_t bytes, OmenError *err);

void		omen_source_consume(OmenByteSource *source, size_t bytes);

static inline char *
omen_source_window(const OmenByteSource *source)
{
	return source->buffer + source->begin;
}

static inline size_t
omen_source_bytes(const OmenByteSource *source)
{
	return source->end - source->begin;
}

#endif							/* OMEN_BYTE_SOURCE_H */
