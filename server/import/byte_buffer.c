/*
 * byte_buffer.c - bytes that grow at the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/byte_buffer.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

void
omen_buffer_free(OmenBuffer *buffer)
{
	free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}

char *
omen_buffer_reserve(OmenBuffer *buffer, size_t bytes)
{
	if (buffer->failed)
		return NULL;
	if (bytes > buffer->capacity - buffer->bytes)
	{
		size_t		capacity = buffer->capacity * 2 > 256 ? buffer->capacity * 2 : 256;
		char	   *data;

		if (capacity < buffer->bytes + bytes)
			capacity = buffer->bytes + bytes;
		data = realloc(buffer->data, capacity);
		if (data == NULL)
		{
			buffer->failed = true;
			return NULL;
		}
		buffer->data = data;
		buffer->capacity = capacity;
	}
	return buffer->data + buffer->bytes;
}

void
omen_buffer_append(OmenBuffer *buffer, const void *data, size_t bytes)
{
	char	   *to;

	if (bytes == 0)
		return;
	to = omen_buffer_reserve(buffer, bytes);
	if (to == NULL)
		return;
	memcpy(to, data, bytes);
	buffer->bytes += bytes;
}

void
omen_buffer_append_text(OmenBuffer *buffer, const char *text)
{
	omen_buffer_append(buffer, text, strlen(text));
}

void
omen_buffer_append_byte(OmenBuffer *buffer, char byte)
{
	omen_buffer_append(buffer, &byte, 1);
}

void
omen_buffer_append_u16(OmenBuffer *buffer, uint16_t value)
{
	value = htobe16(value);
	omen_buffer_append(buffer, &value, sizeof(value));
}

void
omen_buffer_append_u32(OmenBuffer *buffer, uint32_t value)
{
	value = htobe32(value);
	omen_buffer_append(buffer, &value, sizeof(value));
}

void
omen_buffer_append_u64(OmenBuffer *buffer, uint64_t value)
{
	value = htobe64(value);
	omen_buffer_append(buffer, &value, sizeof(value));
}

void
omen_buffer_patch_u32(OmenBuffer *buffer, size_t offset, uint32_t value)
{
	if (buffer->failed)
		return;
	value = htobe32(value);
	memcpy(buffer->data + offset, &value, sizeof(value));
}
