/*
 * byte_source.c - a file or standard input as a window of bytes in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/byte_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t) 256 * 1024)

OmenStatus
omen_source_open(OmenByteSource *source, const char *path, size_t bytes_max, OmenError *err)
{
	struct stat info;

	memset(source, 0, sizeof(*source));
	source->bytes_max = bytes_max;
	source->read_bytes = SIZE_MAX;
	source->fd = -1;
	if (strcmp(path, "-") == 0)
		source->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		source->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (source->fd < 0)
		return omen_fail(err, OMEN_INVALID, "cannot open %s: %s", path, strerror(errno));
	if (fstat(source->fd, &info) == 0)
	{
		if (S_ISDIR(info.st_mode))
		{
			omen_source_close(source);
			return omen_fail(err, OMEN_INVALID, "%s is a folder, not a file", path);
		}
		if (S_ISREG(info.st_mode))
		{
			/* Standard input may have been read from already: count from where it stands. */
			off_t		at = lseek(source->fd, 0, SEEK_CUR);

			if (at >= 0 && info.st_size > at)
				source->size = (uint64_t) (info.st_size - at);
			(void) posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		}
	}
	return OMEN_OK;
}

OmenStatus
omen_source_open_memory(OmenByteSource *source, const void *data, size_t bytes,
						size_t bytes_max, OmenError *err)
{
	memset(source, 0, sizeof(*source));
	source->fd = -1;
	source->bytes_max = bytes_max;
	source->size = bytes;
	source->eof = true;
	source->buffer = malloc(bytes + 1);
	if (source->buffer == NULL)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory");
	if (bytes > 0)
		memcpy(source->buffer, data, bytes);
	source->end = bytes;
	source->capacity = bytes + 1;
	return OMEN_OK;
}

void
omen_source_close(OmenByteSource *source)
{
	if (source->fd >= 0)
		close(source->fd);
	free(source->buffer);
	memset(source, 0, sizeof(*source));
	source->fd = -1;
}

/* Moves the window to the front of the buffer, or doubles the buffer, so that a read has room. */
static OmenStatus
make_room(OmenByteSource *source, OmenError *err)
{
	size_t		bytes = omen_source_bytes(source);
	size_t		capacity;
	char	   *buffer;

	if (bytes >= source->bytes_max)
		return omen_fail(err, OMEN_RANGE, "a record longer than the limit of %zu bytes", source->bytes_max);
	if (source->begin > 0)
	{
		memmove(source->buffer, source->buffer + source->begin, bytes);
		source->begin = 0;
		source->end = bytes;
	}
	if (source->capacity - source->end >= READ_BYTES)
		return OMEN_OK;
	capacity = source->capacity * 2 > 2 * READ_BYTES ? source->capacity * 2 : 2 * READ_BYTES;
	if (capacity > source->bytes_max + READ_BYTES)
		capacity = source->bytes_max + READ_BYTES;
	if (capacity <= source->capacity)
		return OMEN_OK;
	buffer = realloc(source->buffer, capacity);
	if (buffer == NULL)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory for a record of more than %zu bytes", bytes);
	source->buffer = buffer;
	source->capacity = capacity;
	return OMEN_OK;
}

OmenStatus
omen_source_more(OmenByteSource *source, OmenError *err)
{
	OmenStatus	status;
	size_t		room;
	ssize_t		got;

	if (source->stop != NULL && *source->stop)
		return omen_fail(err, OMEN_CANCELLED, "interrupted");
	if (source->eof)
		return OMEN_OK;
	status = make_room(source, err);
	if (status != OMEN_OK)
		return status;
	room = source->capacity - source->end;
	if (room > source->bytes_max - source->end)
		room = source->bytes_max - source->end;
	if (room > source->read_bytes)
		room = source->read_bytes;
	for (;;)
	{
		got = read(source->fd, source->buffer + source->end, room);
		if (got >= 0)
			break;
		if (errno != EINTR)
			return omen_fail(err, OMEN_INVALID, "cannot read: %s", strerror(errno));
		if (source->stop != NULL && *source->stop)
			return omen_fail(err, OMEN_CANCELLED, "interrupted");
	}
	if (got == 0)
		source->eof = true;
	source->end += (size_t) got;
	return OMEN_OK;
}

OmenStatus
omen_source_want(OmenByteSource *source, size_t bytes, OmenError *err)
{
	while (omen_source_bytes(source) < bytes && !source->eof)
	{
		OmenStatus	status = omen_source_more(source, err);

		if (status != OMEN_OK)
			return status;
	}
	return OMEN_OK;
}

void
omen_source_consume(OmenByteSource *source, size_t bytes)
{
	source->begin += bytes;
	source->offset += bytes;
}
