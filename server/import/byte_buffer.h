/*
 * byte_buffer.h - bytes that grow at the end.
 *
 * A failed allocation is remembered in `failed` and makes every later append a
 * no-op, so that writers check once a row instead of once a byte.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_BYTE_BUFFER_H
#define OMEN_BYTE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct OmenBuffer
{
	char	   *data;
	size_t		bytes;
	size_t		capacity;
	bool		failed;			/* an allocation failed: the contents are incomplete */
} OmenBuffer;

void		omen_buffer_free(OmenBuffer *buffer);

/* Room for `bytes` more at data + bytes, or NULL (and failed is set). */
char	   *omen_buffer_reserve(OmenBuffer *buffer, size_t bytes);

void		omen_buffer_append(OmenBuffer *buffer, const void *data, size_t bytes);
void		omen_buffer_append_text(OmenBuffer *buffer, const char *text);
void		omen_buffer_append_byte(OmenBuffer *buffer, char byte);

/* Big-endian, as the wire wants them. */
void		omen_buffer_append_u16(OmenBuffer *buffer, uint16_t value);
void		omen_buffer_append_u32(OmenBuffer *buffer, uint32_t value);
void		omen_buffer_append_u64(OmenBuffer *buffer, uint64_t value);

/* Overwrites four bytes already appended at `offset`; nothing when the buffer failed. */
void		omen_buffer_patch_u32(OmenBuffer *buffer, size_t offset, uint32_t value);

#endif							/* OMEN_BYTE_BUFFER_H */
