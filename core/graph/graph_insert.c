/*
 * graph_insert.c - adding a vector to the graph, and mending links.
 *
 * A node's neighbours are chosen so that none is nearer to a chosen one than
 * to the node (Malkov & Yashunin, algorithm 4): links then lead in many
 * directions.  A node linked back to is added to a neighbour's list as long as
 * that has room; a full list is chosen anew, an eighth shorter, so that the
 * cost of choosing is shared by those that are added afterwards.
 *
 * Nothing is locked here.  A change to a node's links says what they were, and
 * is thought over when they are no longer that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "graph_work.h"

/* Nodes looked at for having the very same payload; equal ones are the nearest. */
#define TWINS_LOOKED_AT 4
/* A full list that takes one more loses one in so many. */
#define THINNED_BY 8
/* Neighbours are sought anew for a node that has lost more than one link in so many, or more than so many. */
#define SEARCH_WHEN_LOST 6
#define PASSED_MAX 8

typedef struct Links
{
	uint32_t	count;
	uint32_t	to[OMEN_GRAPH_LINKS_MAX];
} Links;

typedef struct OmenGraphBuild
{
	uint8_t    *payloads;		/* of candidates */
	uint32_t	payload_room;
	uint32_t   *numbers;		/* of candidates */
	uint32_t	number_room;
	OmenKeyed  *candidates;		/* distance; value indexes payloads and numbers */
	uint32_t	candidate_room;
	uint8_t    *covered;
	uint32_t	covered_room;
	uint32_t	count;
	uint8_t    *own;			/* payload of a node at hand */
	void	   *own_query;		/* that node as a query */
	void	   *pair_query;		/* a candidate as a query */
	OmenGraphNode *node;		/* a new node as it will be stored */
	Links		links[OMEN_GRAPH_LEVEL_MAX + 1];	/* of a new node, level by level */
} OmenGraphBuild;

OmenStatus
omen_graph_build_init(OmenGraphWork *work)
{
	OmenGraphBuild *build = omen_arena_zero(work->arena, 1, sizeof(OmenGraphBuild));

	if (build == NULL)
		return OMEN_NO_MEMORY;
	work->build = build;
	build->own = omen_arena_alloc(work->arena, 1, work->space.payload_bytes);
	build->own_query = omen_arena_alloc(work->arena, 1, work->space.query_bytes);
	build->pair_query = omen_arena_alloc(work->arena, 1, work->space.query_bytes);
	build->node = omen_arena_zero(work->arena, 1, omen_graph_node_bytes(work->m, 0, work->space.payload_bytes));
	if (build->own == NULL || build->own_query == NULL || build->pair_query == NULL || build->node == NULL)
		return OMEN_NO_MEMORY;
	return OMEN_OK;
}

uint32_t
omen_graph_draw_level(OmenRandom *random, uint32_t m)
{
	double		level = -log(1.0 - omen_random_unit(random)) / log(m);

	return level < OMEN_GRAPH_LEVEL_MAX ? (uint32_t) level : OMEN_GRAPH_LEVEL_MAX;
}

static float
measure(const OmenGraphWork *work, const void *query, const uint8_t *payload)
{
	return work->space.distance(&work->space, query, payload, NULL);
}

/* ---- candidates ---- */

static OmenStatus
room_for_candidates(OmenGraphWork *work, uint32_t want)
{
	OmenGraphBuild *build = work->build;

	if (omen_graph_room_for(work, (void **) &build->payloads, &build->payload_room, want,
							work->space.payload_bytes) != OMEN_OK ||
		omen_graph_room_for(work, (void **) &build->numbers, &build->number_room, want,
							sizeof(uint32_t)) != OMEN_OK ||
		omen_graph_room_for(work, (void **) &build->candidates, &build->candidate_room, want,
							sizeof(OmenKeyed)) != OMEN_OK ||
		omen_graph_room_for(work, (void **) &build->covered, &build->covered_room, want, 1) != OMEN_OK)
		return OMEN_NO_MEMORY;
	return OMEN_OK;
}

static uint8_t *
candidate_payload(const OmenGraphWork *work, uint32_t index)
{
	return work->build->payloads + (size_t) index * work->space.payload_bytes;
}

/* Copies a live node among the candidates; its distance to `query` is measured unless known (not NaN). */
static void
add_candidate(OmenGraphWork *work, const void *query, uint32_t level, uint32_t number, float distance)
{
	OmenGraphBuild *build = work->build;
	uintptr_t	handle;
	const OmenGraphNode *node = work->store.read(work->store.context, level, number, &handle);
	uint32_t	at = build->count;

	if (node == NULL)
		return;
	if (node->state == OMEN_NODE_LIVE)
	{
		memcpy(candidate_payload(work, at), omen_graph_payload(work, node), work->space.payload_bytes);
		build->count++;
	}
	work->store.release(work->store.context, handle);
	if (build->count == at)
		return;
	if (isnan(distance))
		distance = measure(work, query, candidate_payload(work, at));
	build->numbers[at] = number;
	build->candidates[at] = (OmenKeyed) {distance, at};
}

/*
 * Chooses at most `want` of the candidates, nearest first, none of them nearer
 * to one chosen before than to the centre; when those are fewer, the nearest
 * of the others as well.
 */
static void
choose(OmenGraphWork *work, uint32_t want, Links *links)
{
	OmenGraphBuild *build = work->build;

	omen_sort_keyed(build->candidates, build->count);
	memset(build->covered, 0, build->count);
	links->count = 0;
	for (uint32_t i = 0; i < build->count && links->count < want; i++)
	{
		if (build->covered[i])
			continue;
		links->to[links->count++] = build->numbers[build->candidates[i].value];
		if (links->count == want)
			break;
		work->space.query_of(&work->space, candidate_payload(work, build->candidates[i].value), build->pair_query);
		for (uint32_t j = i + 1; j < build->count; j++)
			if (!build->covered[j])
				build->covered[j] = measure(work, build->pair_query,
											candidate_payload(work, build->candidates[j].value)) <
					build->candidates[j].key;
	}
	for (uint32_t i = 0; i < build->count && links->count < want; i++)
		if (build->covered[i])
			links->to[links->count++] = build->numbers[build->candidates[i].value];
}

/* ---- linking back ---- */

static int
is_among(const uint32_t *numbers, uint32_t count, uint32_t number)
{
	for (uint32_t i = 0; i < count; i++)
		if (numbers[i] == number)
			return 1;
	return 0;
}

/*
 * Chooses anew from a full list (of the node in `own`) and one more: fewer
 * than there is room for, so that it is not to be done again for some time.
 */
static OmenStatus
thin_out(OmenGraphWork *work, uint32_t level, const Links *was, uint32_t to, int force, Links *now)
{
	OmenGraphBuild *build = work->build;
	uint32_t	room = omen_graph_room(work->m, level);

	if (room_for_candidates(work, was->count + 1) != OMEN_OK)
		return OMEN_NO_MEMORY;
	work->space.query_of(&work->space, build->own, build->own_query);
	build->count = 0;
	for (uint32_t i = 0; i < was->count; i++)
		add_candidate(work, build->own_query, level, was->to[i], NAN);
	add_candidate(work, build->own_query, level, to, NAN);
	choose(work, room - room / THINNED_BY, now);
	if (force && !is_among(now->to, now->count, to))
		now->to[now->count++] = to;
	return OMEN_OK;
}

/* Adds to node `number` a link to `to`, if it is worth it (or `force`): *linked. */
static OmenStatus
link_back(OmenGraphWork *work, uint32_t level, uint32_t number, uint32_t to, int force, int *linked)
{
	OmenGraphBuild *build = work->build;
	Links		was;
	Links		now;

	do
	{
		uintptr_t	handle;
		const OmenGraphNode *node = work->store.read(work->store.context, level, number, &handle);
		int			live;

		*linked = 0;
		if (node == NULL)
			return OMEN_OK;
		live = node->state == OMEN_NODE_LIVE;
		was.count = omen_graph_link_count(work, node);
		memcpy(was.to, omen_graph_links_const(node), was.count * sizeof(uint32_t));
		memcpy(build->own, omen_graph_payload(work, node), work->space.payload_bytes);
		work->store.release(work->store.context, handle);
		*linked = is_among(was.to, was.count, to);
		if (!live || number == to || *linked)
			return OMEN_OK;
		if (was.count < omen_graph_room(work->m, level))
		{
			now = was;
			now.to[now.count++] = to;
		}
		else if (thin_out(work, level, &was, to, force, &now) != OMEN_OK)
			return OMEN_NO_MEMORY;
		*linked = is_among(now.to, now.count, to);
	} while (!work->store.change_links(work->store.context, level, number, was.to, was.count, now.to, now.count));
	return OMEN_OK;
}

/*
 * Links back to a node from all it links to; from the nearest whatever it
 * costs when no other would.
 */
static OmenStatus
link_all_back(OmenGraphWork *work, uint32_t level, const Links *links, uint32_t to)
{
	uint32_t	linked = 0;
	OmenStatus	status = OMEN_OK;
	int			one;

	for (uint32_t i = 0; i < links->count && status == OMEN_OK; i++)
	{
		status = link_back(work, level, links->to[i], to, 0, &one);
		linked += one;
	}
	if (status == OMEN_OK && linked == 0 && links->count > 0)
		status = link_back(work, level, links->to[0], to, 1, &one);
	return status;
}

/* ---- insertion ---- */

/* Finds neighbours for levels `top` and below; *twin is a node with the same payload, if there is one. */
static OmenStatus
find_links(OmenGraphWork *work, const void *query, const uint8_t *payload, uint32_t top, OmenGraphEntry entry,
		   uint32_t *twin)
{
	OmenGraphBuild *build = work->build;
	OmenGraphEntries reached;
	OmenStatus	status = omen_graph_descend(work, query, entry, top, &reached);

	*twin = OMEN_GRAPH_NONE;
	for (uint32_t level = top + 1; level-- > 0 && status == OMEN_OK;)
	{
		status = omen_graph_search_level(work, query, level, &reached, work->ef_construction);
		if (status == OMEN_OK)
			status = room_for_candidates(work, work->hit_count);
		if (status != OMEN_OK)
			break;
		omen_graph_step_down(work, &reached);
		build->count = 0;
		for (uint32_t i = 0; i < work->hit_count; i++)
			add_candidate(work, query, level, work->hits[i].number, work->hits[i].distance);
		for (uint32_t i = 0; i < build->count && i < TWINS_LOOKED_AT && level == 0; i++)
			if (memcmp(candidate_payload(work, i), payload, work->space.payload_bytes) == 0)
			{
				*twin = build->numbers[i];
				return OMEN_OK;
			}
		choose(work, work->m, &build->links[level]);
	}
	return status;
}

/* Stores the new node of one level, with its links. */
static uint32_t
add_node(OmenGraphWork *work, const uint8_t *payload, OmenGraphRow row, uint32_t level, uint32_t down, uint32_t base)
{
	OmenGraphNode *node = work->build->node;
	const Links *links = &work->build->links[level];
	uint32_t	room = omen_graph_room(work->m, level);

	*node = (OmenGraphNode) {
		.state = OMEN_NODE_LIVE,
		.level = (uint8_t) level,
		.link_count = (uint16_t) links->count,
		.row = row,
		.down = down,
		.base = base,
	};
	memset(omen_graph_links(node), 0, room * sizeof(uint32_t));
	memcpy(omen_graph_links(node), links->to, links->count * sizeof(uint32_t));
	memcpy(omen_graph_links(node) + room, payload, work->space.payload_bytes);
	return work->store.add(work->store.context, node);
}

OmenStatus
omen_graph_insert(OmenGraphWork *work, const void *query, const uint8_t *payload, OmenGraphRow row,
				  uint32_t level, OmenGraphEntry entry)
{
	OmenGraphBuild *build = work->build;
	uint32_t	base = OMEN_GRAPH_NONE;
	uint32_t	down = OMEN_GRAPH_NONE;
	uint32_t	dead_end = OMEN_GRAPH_NONE;
	uint32_t	numbers[OMEN_GRAPH_LEVEL_MAX + 1];
	OmenStatus	status = OMEN_OK;

	for (uint32_t at = 0; at <= level; at++)
		build->links[at].count = 0;
	if (entry.number != OMEN_GRAPH_NONE)
	{
		uint32_t	twin;

		status = find_links(work, query, payload, level < entry.level ? level : entry.level, entry, &twin);
		if (status != OMEN_OK)
			return status;
		if (twin != OMEN_GRAPH_NONE && work->store.add_row(work->store.context, twin, payload, row))
			return OMEN_OK;
		/* The twin went away meanwhile: links as if it had not been seen would cost another search. */
		if (twin != OMEN_GRAPH_NONE)
			choose(work, work->m, &build->links[0]);
		/* The entry is gone, or else all it leads to is dead: then searches must find the new node elsewhere. */
		if (work->seen_count == 0)
			return OMEN_STALE;
		if (build->links[0].count == 0)
			dead_end = entry.number;
	}
	for (uint32_t at = 0; at <= level; at++)
	{
		OmenGraphRow none = {0, 0, 0};
		uint32_t	number = add_node(work, payload, at == 0 ? row : none, at, down, base);

		if (number == OMEN_GRAPH_NONE)
			return OMEN_NO_MEMORY;
		status = link_all_back(work, at, &build->links[at], number);
		if (status != OMEN_OK)
			return status;
		base = at == 0 ? number : base;
		down = numbers[at] = number;
	}
	if (entry.number == OMEN_GRAPH_NONE || level > entry.level || dead_end != OMEN_GRAPH_NONE)
	{
		int			alone = build->links[0].count == 0;

		entry = work->store.raise_entry(work->store.context, level, down, dead_end);
		/* Another was the first, meanwhile: the new node still has no neighbours. */
		for (uint32_t at = 0; at <= level && alone && entry.number != down && status == OMEN_OK; at++)
			status = omen_graph_repair(work, at, numbers[at], entry);
	}
	return status;
}

/* ---- repair ---- */

/* Reads a node's links; 0 when it is not live.  With `own`, its payload as well. */
static int
read_links(OmenGraphWork *work, uint32_t level, uint32_t number, uint8_t *own, Links *links, int *live)
{
	uintptr_t	handle;
	const OmenGraphNode *node = work->store.read(work->store.context, level, number, &handle);

	links->count = 0;
	*live = 0;
	if (node == NULL)
		return 0;
	*live = node->state == OMEN_NODE_LIVE;
	links->count = omen_graph_link_count(work, node);
	memcpy(links->to, omen_graph_links_const(node), links->count * sizeof(uint32_t));
	if (own != NULL)
		memcpy(own, omen_graph_payload(work, node), work->space.payload_bytes);
	work->store.release(work->store.context, handle);
	return 1;
}

/* Candidates: the live that the node links to.  Those that are not live go to `dead`. */
static OmenStatus
collect_live(OmenGraphWork *work, uint32_t level, uint32_t number, const Links *links, Links *dead)
{
	OmenGraphBuild *build = work->build;

	dead->count = 0;
	if (room_for_candidates(work, build->count + links->count) != OMEN_OK)
		return OMEN_NO_MEMORY;
	for (uint32_t i = 0; i < links->count; i++)
	{
		uint32_t	before = build->count;

		if (links->to[i] == number || is_among(build->numbers, build->count, links->to[i]))
			continue;
		add_candidate(work, build->own_query, level, links->to[i], NAN);
		if (build->count == before)
			dead->to[dead->count++] = links->to[i];
	}
	return OMEN_OK;
}

/* More candidates: what the dead link to. */
static OmenStatus
collect_past_dead(OmenGraphWork *work, uint32_t level, uint32_t number, const Links *dead)
{
	OmenStatus	status = OMEN_OK;
	Links		further;
	Links		none;
	int			live;

	for (uint32_t i = 0; i < dead->count && status == OMEN_OK; i++)
		if (read_links(work, level, dead->to[i], NULL, &further, &live))
			status = collect_live(work, level, number, &further, &none);
	return status;
}

/*
 * More candidates, from a search such as an insertion makes.  When that does not
 * come across the node itself, *from is the nearest that it found instead: where
 * searches for what lies here end.
 */
static OmenStatus
collect_by_search(OmenGraphWork *work, uint32_t level, uint32_t number, OmenGraphEntry entry, uint32_t *from)
{
	OmenGraphBuild *build = work->build;
	OmenGraphEntries reached = {0};
	OmenStatus	status = OMEN_OK;

	if (entry.level >= level)
		status = omen_graph_descend(work, build->own_query, entry, level, &reached);
	if (status == OMEN_OK)
		status = omen_graph_search_level(work, build->own_query, level, &reached, work->ef_construction);
	if (status == OMEN_OK)
		status = room_for_candidates(work, build->count + work->hit_count);
	if (status != OMEN_OK)
		return status;
	*from = work->hit_count > 0 ? work->hits[0].number : OMEN_GRAPH_NONE;
	for (uint32_t i = 0; i < work->hit_count; i++)
		if (work->hits[i].number == number)
			*from = OMEN_GRAPH_NONE;
		else if (!is_among(build->numbers, build->count, work->hits[i].number))
			add_candidate(work, build->own_query, level, work->hits[i].number, work->hits[i].distance);
	return OMEN_OK;
}

/*
 * What the dead link to is near them, not near the node: it stands in for a few
 * links.  For a node that has lost more, and for upper ones, which are few and
 * lead to whole clusters, neighbours are sought as for a new one.
 */
static int
wants_search(uint32_t level, uint32_t links, uint32_t dead)
{
	return level > 0 || dead * SEARCH_WHEN_LOST > links || dead > PASSED_MAX || links == 0;
}

OmenStatus
omen_graph_repair(OmenGraphWork *work, uint32_t level, uint32_t number, OmenGraphEntry entry)
{
	OmenGraphBuild *build = work->build;
	Links	   *chosen = &build->links[0];
	Links		was;
	Links		dead;
	uint32_t	from;
	OmenStatus	status;
	int			live;
	int			linked;

	do
	{
		from = OMEN_GRAPH_NONE;

		if (!read_links(work, level, number, build->own, &was, &live) || !live)
			return OMEN_OK;
		work->space.query_of(&work->space, build->own, build->own_query);
		build->count = 0;
		status = collect_live(work, level, number, &was, &dead);
		if (status == OMEN_OK && dead.count == 0 && was.count > 0)
			return OMEN_OK;
		if (status == OMEN_OK)
			status = wants_search(level, was.count, dead.count)
				? collect_by_search(work, level, number, entry, &from)
				: collect_past_dead(work, level, number, &dead);
		if (status != OMEN_OK)
			return status;
		choose(work, omen_graph_room(work->m, level) - omen_graph_room(work->m, level) / THINNED_BY, chosen);
		if (chosen->count == 0 && was.count == 0)
			return OMEN_OK;
	} while (!work->store.change_links(work->store.context, level, number, was.to, was.count,
									   chosen->to, chosen->count));
	for (uint32_t i = 0; i < chosen->count && status == OMEN_OK; i++)
		if (!is_among(was.to, was.count, chosen->to[i]))
			status = link_back(work, level, chosen->to[i], number, 0, &linked);
	if (from != OMEN_GRAPH_NONE && status == OMEN_OK)
		status = link_back(work, level, from, number, 1, &linked);
	return status;
}
