/*
 * graph_memory.c - nodes in memory: where an index is built before it is
 * written, and where tests look at graphs.
 *
 * Items lie in pieces of PIECE_ITEMS that never move, so what read() returned
 * stays valid while others are added.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "omen/graph.h"

#define PIECE_ITEMS 1024u

void *
omen_graph_item(const OmenGraphItems *items, uint32_t number)
{
	uint32_t	at = number - items->first;

	if (number < items->first || at >= items->count)
		return NULL;
	return items->pieces[at / PIECE_ITEMS] + (size_t) (at % PIECE_ITEMS) * items->item_bytes;
}

/* Room for one more item; NULL when memory is out. */
static void *
add_item(OmenGraphMemory *memory, OmenGraphItems *items, uint32_t *number)
{
	uint32_t	piece = items->count / PIECE_ITEMS;

	if (items->count % PIECE_ITEMS == 0)
	{
		if (piece == items->piece_room)
		{
			uint32_t	room = piece > 0 ? 2 * piece : 64;
			uint8_t   **pieces = omen_arena_alloc(memory->arena, room, sizeof(uint8_t *));

			if (pieces == NULL)
				return NULL;
			if (piece > 0)
				memcpy(pieces, items->pieces, piece * sizeof(uint8_t *));
			items->pieces = pieces;
			items->piece_room = room;
		}
		items->pieces[piece] = omen_arena_zero(memory->arena, PIECE_ITEMS, items->item_bytes);
		if (items->pieces[piece] == NULL)
			return NULL;
		memory->bytes += (uint64_t) PIECE_ITEMS * items->item_bytes;
	}
	*number = items->first + items->count++;
	return omen_graph_item(items, *number);
}

static OmenGraphItems *
level_items(OmenGraphMemory *memory, uint32_t level)
{
	return level == 0 ? &memory->nodes : &memory->upper;
}

static const OmenGraphNode *
memory_read(void *context, uint32_t level, uint32_t number, uintptr_t *handle)
{
	const OmenGraphNode *node = omen_graph_item(level_items(context, level), number);

	*handle = 0;
	return node != NULL && node->state != OMEN_NODE_FREE && node->level == level ? node : NULL;
}

static void
memory_release(void *context, uintptr_t handle)
{
}

static void
memory_prefetch(void *context, uint32_t level, uint32_t number)
{
	const OmenGraphItems *items = level_items(context, level);
	const char *node = omen_graph_item(items, number);

	for (uint32_t at = 0; node != NULL && at < items->item_bytes; at += 64)
		__builtin_prefetch(node + at);
}

static uint32_t
memory_add(void *context, const OmenGraphNode *node)
{
	OmenGraphMemory *memory = context;
	OmenGraphItems *items = level_items(memory, node->level);
	uint32_t	number = OMEN_GRAPH_NONE;
	void	   *place = add_item(memory, items, &number);

	if (place == NULL)
	{
		memory->failed = 1;
		return OMEN_GRAPH_NONE;
	}
	memcpy(place, node, items->item_bytes);
	return number;
}

static int
memory_add_row(void *context, uint32_t number, const uint8_t *payload, OmenGraphRow row)
{
	OmenGraphMemory *memory = context;
	OmenGraphNode *node = omen_graph_item(&memory->nodes, number);
	OmenGraphRows *rows = node->down == OMEN_GRAPH_NONE ? NULL : omen_graph_item(&memory->rows, node->down);

	if (rows == NULL || rows->count == OMEN_GRAPH_ROWS)
	{
		uint32_t	added;

		rows = add_item(memory, &memory->rows, &added);
		if (rows == NULL)
		{
			memory->failed = 1;
			return 1;
		}
		*rows = (OmenGraphRows) {.owner = number, .next = node->down};
		node->down = added;
	}
	rows->rows[rows->count++] = row;
	return 1;
}

static int
memory_change_links(void *context, uint32_t level, uint32_t number, const uint32_t *was, uint32_t was_count,
					const uint32_t *links, uint32_t link_count)
{
	OmenGraphNode *node = omen_graph_item(level_items(context, level), number);

	memcpy(omen_graph_links(node), links, link_count * sizeof(uint32_t));
	node->link_count = (uint16_t) link_count;
	return 1;
}

static OmenGraphEntry
memory_raise_entry(void *context, uint32_t level, uint32_t number, uint32_t dead_end)
{
	OmenGraphMemory *memory = context;

	if (memory->entry.number == OMEN_GRAPH_NONE || level > memory->entry.level ||
		memory->entry.number == dead_end)
		memory->entry = (OmenGraphEntry) {number, level};
	return memory->entry;
}

void
omen_graph_memory_init(OmenGraphMemory *memory, OmenArena *arena, uint32_t m, uint32_t payload_bytes,
					   uint32_t first_node)
{
	memset(memory, 0, sizeof(*memory));
	memory->arena = arena;
	memory->nodes.item_bytes = omen_graph_node_bytes(m, 0, payload_bytes);
	memory->nodes.first = first_node;
	memory->upper.item_bytes = omen_graph_node_bytes(m, 1, payload_bytes);
	memory->rows.item_bytes = sizeof(OmenGraphRows);
	memory->entry.number = OMEN_GRAPH_NONE;
}

OmenGraphStore
omen_graph_memory_store(OmenGraphMemory *memory)
{
	return (OmenGraphStore) {
		.read = memory_read,
		.release = memory_release,
		.prefetch = memory_prefetch,
		.add = memory_add,
		.add_row = memory_add_row,
		.change_links = memory_change_links,
		.raise_entry = memory_raise_entry,
		.context = memory,
	};
}
