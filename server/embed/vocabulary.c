/*
 * vocabulary.c - a hash table of terms, by open addressing.
 *
 * Never more than half full, so that a probe is short and always ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "vocabulary.h"

static uint32_t slot_of(const OmenVocabulary *vocabulary, const char *term, size_t bytes);
static OmenStatus vocabulary_grow(OmenVocabulary *vocabulary, size_t bytes, OmenError *err);

void
omen_vocabulary_free(OmenVocabulary *vocabulary)
{
	free(vocabulary->text);
	free(vocabulary->offset);
	free(vocabulary->slots);
	memset(vocabulary, 0, sizeof(*vocabulary));
}

OmenStatus
omen_vocabulary_add(OmenVocabulary *vocabulary, const char *term, size_t bytes,
					uint32_t *number, OmenError *err)
{
	OmenStatus	status;
	uint32_t	slot;

	*number = omen_vocabulary_find(vocabulary, term, bytes);
	if (*number != OMEN_TERM_NONE)
		return OMEN_OK;
	status = vocabulary_grow(vocabulary, bytes, err);
	if (status != OMEN_OK)
		return status;
	slot = slot_of(vocabulary, term, bytes);
	*number = vocabulary->count++;
	if (bytes > 0)
		memcpy(vocabulary->text + vocabulary->offset[*number], term, bytes);
	vocabulary->offset[*number + 1] = vocabulary->offset[*number] + (uint32_t) bytes;
	vocabulary->slots[slot] = *number + 1;
	return OMEN_OK;
}

uint32_t
omen_vocabulary_find(const OmenVocabulary *vocabulary, const char *term, size_t bytes)
{
	if (vocabulary->count == 0)
		return OMEN_TERM_NONE;
	return vocabulary->slots[slot_of(vocabulary, term, bytes)] - 1; /* 0 - 1 is OMEN_TERM_NONE */
}

/* The slot that holds the term, or the empty one where it belongs. */
static uint32_t
slot_of(const OmenVocabulary *vocabulary, const char *term, size_t bytes)
{
	uint64_t	hash = 0xcbf29ce484222325u; /* FNV-1a */
	uint32_t	mask = vocabulary->slot_count - 1;
	uint32_t	slot;

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ (unsigned char) term[i]) * 0x100000001b3u;
	for (slot = (uint32_t) (hash ^ hash >> 32) & mask; vocabulary->slots[slot] != 0; slot = (slot + 1) & mask)
	{
		size_t		other_bytes;
		const char *other = omen_vocabulary_term(vocabulary, vocabulary->slots[slot] - 1, &other_bytes);

		if (other_bytes == bytes && (bytes == 0 || memcmp(other, term, bytes) == 0))
			break;
	}
	return slot;
}

/* Makes room for one more term of `bytes` bytes. */
static OmenStatus
vocabulary_grow(OmenVocabulary *vocabulary, size_t bytes, OmenError *err)
{
	uint64_t	text_bytes = vocabulary->count == 0 ? 0 : vocabulary->offset[vocabulary->count];

	if (text_bytes + bytes > UINT32_MAX || vocabulary->count >= UINT32_MAX / 4)
		return omen_fail(err, OMEN_RANGE, "the vocabulary holds more than a model can");
	if (text_bytes + bytes > vocabulary->text_capacity)
	{
		uint64_t	capacity = (text_bytes + bytes) * 2;
		char	   *text = realloc(vocabulary->text, capacity);

		if (text == NULL)
			goto no_memory;
		vocabulary->text = text;
		vocabulary->text_capacity = capacity;
	}
	if (vocabulary->count == vocabulary->capacity)
	{
		uint32_t	capacity = vocabulary->capacity == 0 ? 1024 : vocabulary->capacity * 2;
		uint32_t   *offset = realloc(vocabulary->offset, ((size_t) capacity + 1) * sizeof(*offset));
		uint32_t   *slots;

		if (offset == NULL)
			goto no_memory;
		vocabulary->offset = offset;
		vocabulary->offset[vocabulary->count] = (uint32_t) text_bytes;
		slots = calloc((size_t) capacity * 2, sizeof(*slots));
		if (slots == NULL)
			goto no_memory;
		free(vocabulary->slots);
		vocabulary->slots = slots;
		vocabulary->capacity = capacity;
		vocabulary->slot_count = capacity * 2;
		for (uint32_t i = 0; i < vocabulary->count; i++)
		{
			size_t		term_bytes;
			const char *term = omen_vocabulary_term(vocabulary, i, &term_bytes);

			slots[slot_of(vocabulary, term, term_bytes)] = i + 1;
		}
	}
	return OMEN_OK;

no_memory:
	return omen_fail(err, OMEN_NO_MEMORY, "out of memory growing the vocabulary");
}
