/*
 * graph.h - a navigable graph of layers (HNSW: Malkov & Yashunin, TPAMI 2020)
 * over an abstract store of nodes.
 *
 * Every level is a graph of its own.  Level 0 has a node for each vector; a
 * node of a higher level stands for one of the level below (`down`), carries
 * its own copy of the vector's code, so that descending reads nothing else,
 * and has half as many links.  Nodes are known by number: on level 0 and above
 * numbers are counted apart.
 *
 * A link is a hint.  It may lead to a node that is dead, to a place that is
 * empty, or to one that has been given to another vector meanwhile; searches
 * pass over the first two and take the third for what it is.  So links need
 * no locks but those of the node they are in, and nothing has to be changed in
 * one step with anything else.
 *
 * What a vector is, the graph does not know: a space measures (float
 * distances, lower is nearer, never NaN), a store keeps the nodes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_GRAPH_H
#define OMEN_GRAPH_H

#include "omen/arena.h"
#include "omen/random.h"
#include "omen/select.h"

#define OMEN_GRAPH_NONE UINT32_MAX
#define OMEN_GRAPH_M_MAX 100
#define OMEN_GRAPH_LEVEL_MAX 24
#define OMEN_GRAPH_LINKS_MAX (2 * OMEN_GRAPH_M_MAX)

enum
{
	OMEN_NODE_FREE = 0,			/* nothing there */
	OMEN_NODE_LIVE = 1,
	OMEN_NODE_DEAD = 2			/* has no rows any more; still leads on */
};

/* A row of the table; the third number is 0 where there is none. */
typedef struct OmenGraphRow
{
	uint16_t	block_hi;
	uint16_t	block_lo;
	uint16_t	offset;
} OmenGraphRow;

/* A node as stored, on every level.  Its links follow, then its payload: what the space measures. */
typedef struct OmenGraphNode
{
	uint8_t		state;
	uint8_t		level;
	uint16_t	link_count;
	OmenGraphRow row;			/* level 0 */
	uint16_t	reserved;
	uint32_t	down;			/* level 0: further rows, as the store keeps them, or OMEN_GRAPH_NONE; above:
								 * the node of the level below */
	uint32_t	base;			/* above level 0: the node of level 0 */
} OmenGraphNode;

_Static_assert(sizeof(OmenGraphNode) == 20, "node layout");

/* Room for links: 2m on level 0, m above. */
static inline uint32_t
omen_graph_room(uint32_t m, uint32_t level)
{
	return level == 0 ? 2 * m : m;
}

static inline uint32_t
omen_graph_node_bytes(uint32_t m, uint32_t level, uint32_t payload_bytes)
{
	return ((uint32_t) sizeof(OmenGraphNode) + 4 * omen_graph_room(m, level) + payload_bytes + 3) & ~3u;
}

static inline uint32_t *
omen_graph_links(OmenGraphNode *node)
{
	return (uint32_t *) (node + 1);
}

static inline const uint32_t *
omen_graph_links_const(const OmenGraphNode *node)
{
	return (const uint32_t *) (node + 1);
}

/*
 * How far vectors are from one another.  A payload is a vector as stored; a
 * query is a vector made ready to meet payloads.
 */
typedef struct OmenGraphSpace
{
	uint32_t	payload_bytes;	/* a multiple of 4 */
	size_t		query_bytes;
	/* *bound (which may be NULL): the true distance is that far off at most, very probably. */
	float		(*distance) (const struct OmenGraphSpace *space, const void *query, const uint8_t *payload,
							 float *bound);
	/* Makes a query of a stored vector. */
	void		(*query_of) (const struct OmenGraphSpace *space, const uint8_t *payload, void *query);
	const void *context;
} OmenGraphSpace;

typedef struct OmenGraphEntry
{
	uint32_t	number;			/* OMEN_GRAPH_NONE: the graph is empty */
	uint32_t	level;
} OmenGraphEntry;

/* Where nodes are.  Every method may unwind through core (ereport): nothing here would leak. */
typedef struct OmenGraphStore
{
	/*
	 * The node, which stays as it is until release(*handle); NULL when there
	 * is none of that level at that number (any more).
	 */
	const OmenGraphNode *(*read) (void *context, uint32_t level, uint32_t number, uintptr_t *handle);
	void		(*release) (void *context, uintptr_t handle);
	/* These are about to be read; NULL: of no use. */
	void		(*prefetch) (void *context, uint32_t level, uint32_t number);

	/* ---- writing; NULL for those who only search ---- */

	/* Stores a new node (header, links, payload as in memory) and says where. */
	uint32_t	(*add) (void *context, const OmenGraphNode *node);
	/* Adds a row to a live node of level 0 with this payload; false when it is not there any more. */
	int			(*add_row) (void *context, uint32_t number, const uint8_t *payload, OmenGraphRow row);
	/* Replaces links; false, and no change, when they are not `was` (in this order) any more. */
	int			(*change_links) (void *context, uint32_t level, uint32_t number, const uint32_t *was,
								 uint32_t was_count, const uint32_t *links, uint32_t link_count);
	/*
	 * Enters searches at this node from now on, unless they enter at its level
	 * or above already, elsewhere than at `dead_end` (or OMEN_GRAPH_NONE),
	 * which leads to nothing live.  Returns where searches enter then.
	 */
	OmenGraphEntry (*raise_entry) (void *context, uint32_t level, uint32_t number, uint32_t dead_end);
	void	   *context;
} OmenGraphStore;

/* A node that a search has come across. */
typedef struct OmenGraphHit
{
	float		distance;
	float		bound;
	uint32_t	number;
	uint32_t	down;
	OmenGraphRow row;
	uint16_t	state;
} OmenGraphHit;

/* A search at work, or an insertion; reusable for the next. */
typedef struct OmenGraphWork
{
	OmenGraphSpace space;
	OmenGraphStore store;
	OmenArena  *arena;
	uint32_t	m;
	uint32_t	ef_construction;

	OmenGraphHit *hits;			/* result: hit_count nodes, nearest first */
	uint32_t	hit_count;
	uint64_t	measured;		/* distances computed */

	OmenGraphHit *seen;			/* what has been near enough, as it came */
	uint32_t	seen_count;
	uint32_t	seen_room;
	uint32_t	hits_room;
	OmenKeyed  *open;			/* min-heap of nodes whose links are to be followed; values index seen */
	uint32_t	open_count;
	uint32_t	open_room;
	OmenKeyed  *best;			/* max-heap of the best live nodes */
	uint32_t	best_count;
	uint32_t	best_room;
	uint32_t   *visited;		/* hash set, open addressing */
	uint32_t	visited_room;	/* a power of two */
	uint32_t	visited_count;
	struct OmenGraphBuild *build;	/* of who inserts or repairs */
} OmenGraphWork;

/* For searching; for inserting and repairing as well when ef_construction > 0.  OMEN_NO_MEMORY. */
OmenStatus	omen_graph_work_init(OmenGraphWork *work, OmenArena *arena, const OmenGraphSpace *space,
								 const OmenGraphStore *store, uint32_t m, uint32_t ef_construction);

/* Finds about the `ef` nearest live nodes of level 0: work->hits.  OMEN_NO_MEMORY. */
OmenStatus	omen_graph_search(OmenGraphWork *work, const void *query, OmenGraphEntry entry, uint32_t ef);

/* The highest level of a new node: falls off by m from level to level. */
uint32_t	omen_graph_draw_level(OmenRandom *random, uint32_t m);

/*
 * Adds one row: to the node that has its payload, or as a new node of levels
 * 0 .. level.  The entry is as read before the call; OMEN_STALE, and nothing
 * done, when it leads nowhere: read it again.
 */
OmenStatus	omen_graph_insert(OmenGraphWork *work, const void *query, const uint8_t *payload, OmenGraphRow row,
							  uint32_t level, OmenGraphEntry entry);

/*
 * Leads a node's links past dead nodes and empty places: what those led to
 * takes their place, as far as it is among the best (the manner of
 * FreshDiskANN, Singh et al. 2021), or what a search finds when many are lost;
 * and is linked back (that of MN-RU, Xiao et al. 2024).  A node that the search
 * does not find is linked to from where it ended.  Nothing when there are no
 * such links, or the node is not live.
 */
OmenStatus	omen_graph_repair(OmenGraphWork *work, uint32_t level, uint32_t number, OmenGraphEntry entry);

/* ---- a store in memory ---- */

/* Rows of a node beyond its first, fourteen at a time. */
#define OMEN_GRAPH_ROWS 14

typedef struct OmenGraphRows
{
	uint32_t	owner;			/* node of level 0; OMEN_GRAPH_NONE: free */
	uint32_t	next;			/* further rows of the same node, or OMEN_GRAPH_NONE */
	uint16_t	count;
	uint16_t	reserved;
	OmenGraphRow rows[OMEN_GRAPH_ROWS];
} OmenGraphRows;

_Static_assert(sizeof(OmenGraphRows) == 96, "rows layout");

/* What there is in memory.  Nodes of level 0 are numbered from first_node, all else from 0. */
enum
{
	OMEN_GRAPH_NODES,			/* level 0 */
	OMEN_GRAPH_UPPER,			/* levels above */
	OMEN_GRAPH_ROW_CHUNKS,		/* OmenGraphRows */
	OMEN_GRAPH_KINDS
};

/*
 * A region of memory that holds a graph.  Several processes may insert into it
 * at once, each through a store of its own over the same region, mapped
 * wherever; not repair, which looks for dead nodes, nor change the entry.
 */
typedef struct OmenGraphMemory OmenGraphMemory;

#define OMEN_GRAPH_MEMORY_MIN 16384

/* `region` is aligned to 8 bytes; NULL when it is smaller than the least. */
OmenGraphMemory *omen_graph_memory_init(void *region, uint64_t bytes, uint32_t m, uint32_t payload_bytes,
										uint32_t first_node);

/* About what a region for so many rows, all different, needs. */
uint64_t	omen_graph_memory_bytes(uint32_t m, uint32_t payload_bytes, uint64_t rows, uint32_t inserters);

OmenGraphStore omen_graph_memory_store(OmenGraphMemory *memory);

/*
 * Whether there may be too little room for one more insertion each of so many
 * who insert at a time.  Who asks before each insertion never runs out.
 */
int			omen_graph_memory_is_full(OmenGraphMemory *memory, uint32_t inserters);

/* Whether an insertion ran out of room: the graph is not whole. */
int			omen_graph_memory_failed(const OmenGraphMemory *memory);

OmenGraphEntry omen_graph_memory_entry(OmenGraphMemory *memory);
void		omen_graph_memory_set_entry(OmenGraphMemory *memory, OmenGraphEntry entry);

uint32_t	omen_graph_item_count(const OmenGraphMemory *memory, uint32_t kind);

/*
 * An order of the nodes of level 0, by pages of so many, in which those that
 * link to one another lie together: at each place the number of a node, from
 * the first on.  While nobody inserts.  OMEN_NO_MEMORY.
 */
OmenStatus	omen_graph_order(const OmenGraphMemory *memory, uint32_t m, uint32_t first, uint32_t per_page,
							 OmenArena *arena, uint32_t **order);

/* NULL when there is none of that number. */
void	   *omen_graph_item(const OmenGraphMemory *memory, uint32_t kind, uint32_t number);

#endif							/* OMEN_GRAPH_H */
