/*
 * graph_order.c - an order of level 0 in which linked nodes lie together.
 *
 * A search reads all that a node links to, and goes on from the nearest of it.
 * Nodes of one page cost it one pin, and fewer translations of addresses than
 * as many pages would (the idea: Coleman et al., "Graph Reordering for
 * Cache-Efficient Near Neighbor Search", NeurIPS 2022; the way, page by page,
 * is ours).
 *
 * Pages are filled one after another.  To those on a page comes the node that
 * most of them link to; the first of a page is the one that most of the page
 * before link to, so that neighbouring pages are near as well.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "graph_work.h"

#define PLACED UINT16_MAX

typedef struct Filling
{
	const OmenGraphMemory *memory;
	uint32_t	first;			/* number of the first node */
	uint32_t	count;
	uint32_t	room;			/* for links */
	uint16_t   *wanted;			/* by how many of the page; PLACED: it has its place */
	uint32_t   *open;			/* those that are wanted, and some that have been placed since */
	uint32_t	open_count;
} Filling;

/* Who this node links to is wanted, too. */
static void
want_links(Filling *filling, uint32_t at)
{
	const OmenGraphNode *node = omen_graph_item(filling->memory, OMEN_GRAPH_NODES, filling->first + at);
	uint32_t	links = node->link_count < filling->room ? node->link_count : filling->room;

	for (uint32_t i = 0; i < links; i++)
	{
		uint32_t	to = omen_graph_links_const(node)[i] - filling->first;

		if (to >= filling->count || filling->wanted[to] == PLACED)
			continue;
		if (filling->wanted[to]++ == 0)
			filling->open[filling->open_count++] = to;
	}
}

/* The most wanted, the one seen first among equals; `count` when none is. */
static uint32_t
most_wanted(const Filling *filling)
{
	uint32_t	best = filling->count;

	for (uint32_t i = 0; i < filling->open_count; i++)
	{
		uint32_t	at = filling->open[i];

		if (filling->wanted[at] != PLACED && (best == filling->count || filling->wanted[at] > filling->wanted[best]))
			best = at;
	}
	return best;
}

/* A new page: nobody is wanted. */
static void
forget_wanted(Filling *filling)
{
	for (uint32_t i = 0; i < filling->open_count; i++)
		if (filling->wanted[filling->open[i]] != PLACED)
			filling->wanted[filling->open[i]] = 0;
	filling->open_count = 0;
}

OmenStatus
omen_graph_order(const OmenGraphMemory *memory, uint32_t m, uint32_t first, uint32_t per_page, OmenArena *arena,
				 uint32_t **order)
{
	Filling		filling = {
		.memory = memory,
		.first = first,
		.count = omen_graph_item_count(memory, OMEN_GRAPH_NODES),
		.room = omen_graph_room(m, 0),
	};
	uint32_t	next = 0;		/* all before it have a place */

	*order = omen_arena_alloc(arena, filling.count + 1, sizeof(uint32_t));
	filling.wanted = omen_arena_zero(arena, filling.count + 1, sizeof(uint16_t));
	filling.open = omen_arena_alloc(arena, (size_t) per_page * filling.room + 1, sizeof(uint32_t));
	if (*order == NULL || filling.wanted == NULL || filling.open == NULL)
		return OMEN_NO_MEMORY;
	for (uint32_t done = 0; done < filling.count; done++)
	{
		uint32_t	at = most_wanted(&filling);

		if (done % per_page == 0)
			forget_wanted(&filling);
		while (next < filling.count && filling.wanted[next] == PLACED)
			next++;
		if (at == filling.count)
			at = next;
		(*order)[done] = at;
		filling.wanted[at] = PLACED;
		want_links(&filling, at);
	}
	return OMEN_OK;
}
