/*
 * graph_work.h - what searching, inserting and repairing share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_GRAPH_WORK_H
#define OMEN_GRAPH_WORK_H

#include "omen/graph.h"

static inline const uint8_t *
omen_graph_payload(const OmenGraphWork *work, const OmenGraphNode *node)
{
	return (const uint8_t *) (omen_graph_links_const(node) + omen_graph_room(work->m, node->level));
}

/* Never more than there is room for, whatever the node says. */
static inline uint32_t
omen_graph_link_count(const OmenGraphWork *work, const OmenGraphNode *node)
{
	uint32_t	room = omen_graph_room(work->m, node->level);

	return node->link_count < room ? node->link_count : room;
}

/* Makes an array (of work's arena) hold `want` items. */
OmenStatus	omen_graph_room_for(OmenGraphWork *work, void **array, uint32_t *room, uint32_t want, size_t item_bytes);

/*
 * Nodes that a level is entered at.  Several: where vectors form clusters, the
 * nearest node of a level may be in another than the nearest of the next.
 */
#define OMEN_GRAPH_ENTRIES 4

typedef struct OmenGraphEntries
{
	uint32_t	count;
	uint32_t	numbers[OMEN_GRAPH_ENTRIES];
} OmenGraphEntries;

/* The best `ef` of one level, from these entries on: work->hits. */
OmenStatus	omen_graph_search_level(OmenGraphWork *work, const void *query, uint32_t level,
									const OmenGraphEntries *entries, uint32_t ef);

/* Goes down to nodes of `level` near the query. */
OmenStatus	omen_graph_descend(OmenGraphWork *work, const void *query, OmenGraphEntry entry, uint32_t level,
							   OmenGraphEntries *reached);

/* The entries of the next level, after a level has been searched. */
void		omen_graph_step_down(const OmenGraphWork *work, OmenGraphEntries *reached);

OmenStatus	omen_graph_build_init(OmenGraphWork *work);

#endif							/* OMEN_GRAPH_WORK_H */
