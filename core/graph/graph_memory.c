/*
 * graph_memory.c - nodes in memory: where an index is built before it is
 * written, and where tests look at graphs.
 *
 * All is in one region that knows no addresses, so that processes which map it
 * at different ones may share it.  Items lie in pieces of PIECE_ITEMS that
 * never move; a table in the region says where each piece is.
 *
 * Several may insert at once.  Writers lock: the region to take a place or to
 * raise the entry, a node's stripe to change its links or rows.  Readers do
 * not.  A payload is written before its number is told and never changes; a
 * list of links that is read while it changes may hold some old links and some
 * new ones, and links are hints.
 *
 * Locks are words that spin: they are held for a copy of a few hundred bytes,
 * and nothing that may fail is done under them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sched.h>
#include <string.h>

#include "omen/graph.h"

#define PIECE_ITEMS 64u
#define STRIPES 1024u
/* Offsets in the tables count so many bytes; pieces begin there. */
#define UNIT 64u
#define SPINS 200

typedef struct Kind
{
	uint32_t	item_bytes;
	uint32_t	first;			/* number of the first item */
	uint32_t	count;			/* grows under the region's lock, read without */
	uint32_t	table_room;
	uint64_t	table;			/* offset of the pieces' offsets, uint32 each */
} Kind;

struct OmenGraphMemory
{
	uint64_t	bytes;
	uint64_t	used;
	uint32_t	m;
	uint32_t	lock;			/* of the region: what follows, and counts */
	uint32_t	failed;
	OmenGraphEntry entry;
	Kind		kinds[OMEN_GRAPH_KINDS];
	uint32_t	stripes[STRIPES];
};

static void
lock_word(uint32_t *word)
{
	for (uint32_t spins = 0; __atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE) != 0;)
		while (__atomic_load_n(word, __ATOMIC_RELAXED) != 0)
			if (++spins > SPINS)
				sched_yield();
}

static void
unlock_word(uint32_t *word)
{
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

static uint32_t *
stripe_of(OmenGraphMemory *memory, uint32_t level, uint32_t number)
{
	return &memory->stripes[(number * 2654435769u >> 8 ^ level) % STRIPES];
}

/* ---- items ---- */

uint32_t
omen_graph_item_count(const OmenGraphMemory *memory, uint32_t kind)
{
	return __atomic_load_n(&memory->kinds[kind].count, __ATOMIC_ACQUIRE);
}

void *
omen_graph_item(const OmenGraphMemory *memory, uint32_t kind, uint32_t number)
{
	const Kind *k = &memory->kinds[kind];
	uint32_t	at = number - k->first;
	const uint32_t *table = (const uint32_t *) ((const char *) memory + k->table);

	if (number < k->first || at >= omen_graph_item_count(memory, kind))
		return NULL;
	return (char *) memory + (uint64_t) table[at / PIECE_ITEMS] * UNIT + (size_t) (at % PIECE_ITEMS) * k->item_bytes;
}

static uint64_t
piece_bytes(const Kind *kind)
{
	return ((uint64_t) PIECE_ITEMS * kind->item_bytes + UNIT - 1) / UNIT * UNIT;
}

/* Puts a new item in its place; its number, or OMEN_GRAPH_NONE when the region is full. */
static uint32_t
add_item(OmenGraphMemory *memory, uint32_t kind, const void *item)
{
	Kind	   *k = &memory->kinds[kind];
	uint32_t   *table = (uint32_t *) ((char *) memory + k->table);
	uint32_t	number = OMEN_GRAPH_NONE;
	uint32_t	piece;
	int			room;

	lock_word(&memory->lock);
	piece = k->count / PIECE_ITEMS;
	room = k->count % PIECE_ITEMS != 0 || (piece < k->table_room && memory->used + piece_bytes(k) <= memory->bytes);
	if (room && k->count % PIECE_ITEMS == 0)
	{
		table[piece] = (uint32_t) (memory->used / UNIT);
		memory->used += piece_bytes(k);
	}
	if (room)
	{
		number = k->first + k->count;
		/* Written before it is counted: nobody reads a place that holds nothing yet. */
		memcpy((char *) memory + (uint64_t) table[piece] * UNIT + (size_t) (k->count % PIECE_ITEMS) * k->item_bytes,
			   item, k->item_bytes);
		__atomic_store_n(&k->count, k->count + 1, __ATOMIC_RELEASE);
	}
	else
		memory->failed = 1;
	unlock_word(&memory->lock);
	return number;
}

static uint32_t
kind_of_level(uint32_t level)
{
	return level == 0 ? OMEN_GRAPH_NODES : OMEN_GRAPH_UPPER;
}

/* ---- the store ---- */

static const OmenGraphNode *
memory_read(void *context, uint32_t level, uint32_t number, uintptr_t *handle)
{
	const OmenGraphNode *node = omen_graph_item(context, kind_of_level(level), number);

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
	const OmenGraphMemory *memory = context;
	uint32_t	kind = kind_of_level(level);
	const char *node = omen_graph_item(memory, kind, number);

	for (uint32_t at = 0; node != NULL && at < memory->kinds[kind].item_bytes; at += 64)
		__builtin_prefetch(node + at);
}

static uint32_t
memory_add(void *context, const OmenGraphNode *node)
{
	return add_item(context, kind_of_level(node->level), node);
}

static int
memory_add_row(void *context, uint32_t number, const uint8_t *payload, OmenGraphRow row)
{
	OmenGraphMemory *memory = context;
	OmenGraphNode *node = omen_graph_item(memory, OMEN_GRAPH_NODES, number);
	uint32_t   *stripe = stripe_of(memory, 0, number);
	OmenGraphRows *rows;

	lock_word(stripe);
	rows = node->down == OMEN_GRAPH_NONE ? NULL : omen_graph_item(memory, OMEN_GRAPH_ROW_CHUNKS, node->down);
	if (rows != NULL && rows->count < OMEN_GRAPH_ROWS)
		rows->rows[rows->count++] = row;
	else
	{
		OmenGraphRows chunk = {.owner = number, .next = node->down, .count = 1, .rows = {row}};
		uint32_t	added = add_item(memory, OMEN_GRAPH_ROW_CHUNKS, &chunk);

		if (added != OMEN_GRAPH_NONE)
			node->down = added;
	}
	unlock_word(stripe);
	return 1;
}

static int
memory_change_links(void *context, uint32_t level, uint32_t number, const uint32_t *was, uint32_t was_count,
					const uint32_t *links, uint32_t link_count)
{
	OmenGraphMemory *memory = context;
	OmenGraphNode *node = omen_graph_item(memory, kind_of_level(level), number);
	uint32_t   *stripe = stripe_of(memory, level, number);
	uint32_t	room = omen_graph_room(memory->m, level);
	int			same;

	lock_word(stripe);
	same = (node->link_count < room ? node->link_count : room) == was_count &&
		memcmp(omen_graph_links(node), was, was_count * sizeof(uint32_t)) == 0;
	if (same)
	{
		memcpy(omen_graph_links(node), links, link_count * sizeof(uint32_t));
		node->link_count = (uint16_t) link_count;
	}
	unlock_word(stripe);
	return same;
}

static OmenGraphEntry
memory_raise_entry(void *context, uint32_t level, uint32_t number, uint32_t dead_end)
{
	OmenGraphMemory *memory = context;
	OmenGraphEntry entry;

	lock_word(&memory->lock);
	if (memory->entry.number == OMEN_GRAPH_NONE || level > memory->entry.level ||
		memory->entry.number == dead_end)
		memory->entry = (OmenGraphEntry) {number, level};
	entry = memory->entry;
	unlock_word(&memory->lock);
	return entry;
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

/* ---- the region ---- */

static uint64_t
round_up(uint64_t bytes)
{
	return (bytes + UNIT - 1) / UNIT * UNIT;
}

OmenGraphMemory *
omen_graph_memory_init(void *region, uint64_t bytes, uint32_t m, uint32_t payload_bytes, uint32_t first_node)
{
	OmenGraphMemory *memory = region;

	if (bytes < OMEN_GRAPH_MEMORY_MIN)
		return NULL;
	memset(memory, 0, sizeof(*memory));
	memory->bytes = bytes;
	memory->used = round_up(sizeof(*memory));
	memory->m = m;
	memory->entry.number = OMEN_GRAPH_NONE;
	memory->kinds[OMEN_GRAPH_NODES].item_bytes = omen_graph_node_bytes(m, 0, payload_bytes);
	memory->kinds[OMEN_GRAPH_NODES].first = first_node;
	memory->kinds[OMEN_GRAPH_UPPER].item_bytes = omen_graph_node_bytes(m, 1, payload_bytes);
	memory->kinds[OMEN_GRAPH_ROW_CHUNKS].item_bytes = sizeof(OmenGraphRows);
	for (uint32_t kind = 0; kind < OMEN_GRAPH_KINDS; kind++)
	{
		Kind	   *k = &memory->kinds[kind];

		k->table = memory->used;
		k->table_room = (uint32_t) (bytes / piece_bytes(k)) + 1;
		memory->used = round_up(memory->used + (uint64_t) k->table_room * sizeof(uint32_t));
	}
	return memory;
}

uint64_t
omen_graph_memory_bytes(uint32_t m, uint32_t payload_bytes, uint64_t rows, uint32_t inserters)
{
	uint64_t	upper = omen_graph_node_bytes(m, 1, payload_bytes) / (m - 1) + 1;
	uint64_t	node = omen_graph_node_bytes(m, 0, payload_bytes) + upper;

	/* Tables take little; a sixteenth is more than they and what is kept free need. */
	return OMEN_GRAPH_MEMORY_MIN + rows * node * 17 / 16 + (inserters + 2) * 96ull * node;
}

int
omen_graph_memory_is_full(OmenGraphMemory *memory, uint32_t inserters)
{
	/* Items that all who are at an insertion may still add. */
	uint64_t	most[OMEN_GRAPH_KINDS] = {1, OMEN_GRAPH_LEVEL_MAX, 1};
	uint64_t	wanted = 0;
	uint64_t	used;

	for (uint32_t kind = 0; kind < OMEN_GRAPH_KINDS; kind++)
		wanted += (most[kind] * inserters / PIECE_ITEMS + 1) * piece_bytes(&memory->kinds[kind]);
	lock_word(&memory->lock);
	used = memory->used;
	unlock_word(&memory->lock);
	return used + wanted > memory->bytes;
}

OmenGraphEntry
omen_graph_memory_entry(OmenGraphMemory *memory)
{
	OmenGraphEntry entry;

	lock_word(&memory->lock);
	entry = memory->entry;
	unlock_word(&memory->lock);
	return entry;
}

void
omen_graph_memory_set_entry(OmenGraphMemory *memory, OmenGraphEntry entry)
{
	memory->entry = entry;
}

int
omen_graph_memory_failed(const OmenGraphMemory *memory)
{
	return memory->failed != 0;
}
