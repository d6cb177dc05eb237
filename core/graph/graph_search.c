/*
 * graph_search.c - finding the nearest nodes: greedily down the levels, then
 * best first on level 0 (Malkov & Yashunin, algorithms 2 and 5).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "graph_work.h"

/* ---- heaps ---- */

static void
min_heap_push(OmenKeyed *heap, uint32_t count, OmenKeyed item)
{
	uint32_t	at = count;

	while (at > 0 && item.key < heap[(at - 1) / 2].key)
	{
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = item;
}

/* Takes the least out; `count` is what remains. */
static OmenKeyed
min_heap_pop(OmenKeyed *heap, uint32_t count)
{
	OmenKeyed	top = heap[0];
	OmenKeyed	last = heap[count];
	uint32_t	at = 0;

	for (uint32_t child = 1; child < count; child = 2 * at + 1)
	{
		if (child + 1 < count && heap[child + 1].key < heap[child].key)
			child++;
		if (last.key <= heap[child].key)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return top;
}

static void
max_heap_push(OmenKeyed *heap, uint32_t count, OmenKeyed item)
{
	uint32_t	at = count;

	while (at > 0 && item.key > heap[(at - 1) / 2].key)
	{
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = item;
}

/* Puts the item in the greatest one's place. */
static void
max_heap_replace(OmenKeyed *heap, uint32_t count, OmenKeyed item)
{
	uint32_t	at = 0;

	for (uint32_t child = 1; child < count; child = 2 * at + 1)
	{
		if (child + 1 < count && heap[child + 1].key > heap[child].key)
			child++;
		if (item.key >= heap[child].key)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = item;
}

/* ---- what has been visited ---- */

static uint32_t
visited_place(const OmenGraphWork *work, uint32_t number)
{
	uint32_t	mask = work->visited_room - 1;
	uint32_t	at = (number * 2654435769u) >> 7 & mask;

	while (work->visited[at] != OMEN_GRAPH_NONE && work->visited[at] != number)
		at = (at + 1) & mask;
	return at;
}

OmenStatus
omen_graph_room_for(OmenGraphWork *work, void **array, uint32_t *room, uint32_t want, size_t item_bytes)
{
	uint32_t	grown = *room ? *room : 64;
	void	   *memory;

	if (want <= *room)
		return OMEN_OK;
	while (grown < want)
		grown *= 2;
	memory = omen_arena_alloc(work->arena, grown, item_bytes);
	if (memory == NULL)
		return OMEN_NO_MEMORY;
	if (*room > 0)
		memcpy(memory, *array, *room * item_bytes);
	*array = memory;
	*room = grown;
	return OMEN_OK;
}

static OmenStatus
grow_visited(OmenGraphWork *work)
{
	uint32_t   *old = work->visited;
	uint32_t	old_room = work->visited_room;

	work->visited = omen_arena_alloc(work->arena, (size_t) old_room * 2, sizeof(uint32_t));
	if (work->visited == NULL)
	{
		work->visited = old;
		return OMEN_NO_MEMORY;
	}
	work->visited_room = old_room * 2;
	memset(work->visited, 0xFF, (size_t) work->visited_room * sizeof(uint32_t));
	for (uint32_t i = 0; i < old_room; i++)
		if (old[i] != OMEN_GRAPH_NONE)
			work->visited[visited_place(work, old[i])] = old[i];
	return OMEN_OK;
}

/* Notes a number; *first when it had not been. */
static OmenStatus
visit(OmenGraphWork *work, uint32_t number, int *first)
{
	uint32_t	at = visited_place(work, number);

	*first = number != OMEN_GRAPH_NONE && work->visited[at] != number;
	if (!*first)
		return OMEN_OK;
	work->visited[at] = number;
	if (++work->visited_count * 2 > work->visited_room)
		return grow_visited(work);
	return OMEN_OK;
}

/* ---- one level ---- */

/* Measures a node and takes it among the best `ef`, and among those to follow. */
static OmenStatus
meet(OmenGraphWork *work, const void *query, uint32_t level, uint32_t number, uint32_t ef)
{
	uintptr_t	handle;
	const OmenGraphNode *node = work->store.read(work->store.context, level, number, &handle);
	OmenGraphHit hit;

	if (node == NULL)
		return OMEN_OK;
	hit.bound = 0;
	hit.distance = work->space.distance(&work->space, query, omen_graph_payload(work, node), &hit.bound);
	hit.number = number;
	hit.down = node->down;
	hit.row = node->row;
	hit.state = node->state;
	work->store.release(work->store.context, handle);
	work->measured++;
	if (work->best_count == ef && !(hit.distance < work->best[0].key))
		return OMEN_OK;
	if (omen_graph_room_for(work, (void **) &work->seen, &work->seen_room, work->seen_count + 1,
							sizeof(OmenGraphHit)) != OMEN_OK ||
		omen_graph_room_for(work, (void **) &work->open, &work->open_room, work->open_count + 1,
							sizeof(OmenKeyed)) != OMEN_OK)
		return OMEN_NO_MEMORY;
	work->seen[work->seen_count] = hit;
	min_heap_push(work->open, work->open_count++, (OmenKeyed) {hit.distance, work->seen_count});
	if (hit.state == OMEN_NODE_LIVE)
	{
		OmenKeyed	item = {hit.distance, work->seen_count};

		if (work->best_count < ef)
			max_heap_push(work->best, work->best_count++, item);
		else
			max_heap_replace(work->best, work->best_count, item);
	}
	work->seen_count++;
	return OMEN_OK;
}

/* Copies the links of a node that have not been visited yet. */
static OmenStatus
new_links(OmenGraphWork *work, uint32_t level, uint32_t number, uint32_t *links, uint32_t *count)
{
	uintptr_t	handle;
	const OmenGraphNode *node = work->store.read(work->store.context, level, number, &handle);
	uint32_t	all;
	uint32_t	fresh = 0;

	*count = 0;
	if (node == NULL)
		return OMEN_OK;
	all = omen_graph_link_count(work, node);
	memcpy(links, omen_graph_links_const(node), all * sizeof(uint32_t));
	work->store.release(work->store.context, handle);
	for (uint32_t i = 0; i < all; i++)
	{
		int			first;

		if (visit(work, links[i], &first) != OMEN_OK)
			return OMEN_NO_MEMORY;
		if (first)
			links[fresh++] = links[i];
	}
	*count = fresh;
	return OMEN_OK;
}

OmenStatus
omen_graph_search_level(OmenGraphWork *work, const void *query, uint32_t level, const OmenGraphEntries *entries,
						uint32_t ef)
{
	uint32_t	links[OMEN_GRAPH_LINKS_MAX];
	uint32_t	count;

	work->seen_count = work->open_count = work->best_count = work->visited_count = work->hit_count = 0;
	memset(work->visited, 0xFF, (size_t) work->visited_room * sizeof(uint32_t));
	if (omen_graph_room_for(work, (void **) &work->best, &work->best_room, ef, sizeof(OmenKeyed)) != OMEN_OK ||
		omen_graph_room_for(work, (void **) &work->hits, &work->hits_room, ef, sizeof(OmenGraphHit)) != OMEN_OK)
		return OMEN_NO_MEMORY;
	for (uint32_t i = 0; i < entries->count; i++)
	{
		int			first;

		if (visit(work, entries->numbers[i], &first) != OMEN_OK ||
			(first && meet(work, query, level, entries->numbers[i], ef) != OMEN_OK))
			return OMEN_NO_MEMORY;
	}
	while (work->open_count > 0)
	{
		OmenKeyed	next = min_heap_pop(work->open, --work->open_count);

		if (work->best_count == ef && next.key > work->best[0].key)
			break;
		if (new_links(work, level, work->seen[next.value].number, links, &count) != OMEN_OK)
			return OMEN_NO_MEMORY;
		if (work->store.prefetch != NULL)
			for (uint32_t i = 0; i < count; i++)
				work->store.prefetch(work->store.context, level, links[i]);
		for (uint32_t i = 0; i < count; i++)
			if (meet(work, query, level, links[i], ef) != OMEN_OK)
				return OMEN_NO_MEMORY;
	}
	omen_sort_keyed(work->best, work->best_count);
	for (uint32_t i = 0; i < work->best_count; i++)
		work->hits[i] = work->seen[work->best[i].value];
	work->hit_count = work->best_count;
	return OMEN_OK;
}

void
omen_graph_step_down(const OmenGraphWork *work, OmenGraphEntries *reached)
{
	reached->count = 0;
	for (uint32_t i = 0; i < work->hit_count && i < OMEN_GRAPH_ENTRIES; i++)
		reached->numbers[reached->count++] = work->hits[i].down;
	/* All that there is may be dead: any of it leads on. */
	if (reached->count == 0 && work->seen_count > 0)
		reached->numbers[reached->count++] = work->seen[0].down;
}

OmenStatus
omen_graph_descend(OmenGraphWork *work, const void *query, OmenGraphEntry entry, uint32_t level,
				   OmenGraphEntries *reached)
{
	*reached = (OmenGraphEntries) {entry.number != OMEN_GRAPH_NONE, {entry.number}};
	for (uint32_t at = entry.level; at > level && reached->count > 0; at--)
	{
		OmenStatus	status = omen_graph_search_level(work, query, at, reached, OMEN_GRAPH_ENTRIES);

		if (status != OMEN_OK)
			return status;
		omen_graph_step_down(work, reached);
	}
	return OMEN_OK;
}

OmenStatus
omen_graph_search(OmenGraphWork *work, const void *query, OmenGraphEntry entry, uint32_t ef)
{
	OmenGraphEntries reached;
	OmenStatus	status = omen_graph_descend(work, query, entry, 0, &reached);

	if (status == OMEN_OK)
		status = omen_graph_search_level(work, query, 0, &reached, ef);
	return status;
}

OmenStatus
omen_graph_work_init(OmenGraphWork *work, OmenArena *arena, const OmenGraphSpace *space, const OmenGraphStore *store,
					 uint32_t m, uint32_t ef_construction)
{
	memset(work, 0, sizeof(*work));
	work->space = *space;
	work->store = *store;
	work->arena = arena;
	work->m = m;
	work->ef_construction = ef_construction;
	work->visited_room = 2048;
	work->visited = omen_arena_alloc(arena, work->visited_room, sizeof(uint32_t));
	if (work->visited == NULL)
		return OMEN_NO_MEMORY;
	return ef_construction > 0 ? omen_graph_build_init(work) : OMEN_OK;
}
