/*
 * ivf_calibrate.h - what ivf_calibrate.c has seen, for ivf_grid.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IVF_CALIBRATE_H
#define IVF_CALIBRATE_H

#include "omen/ivf.h"

/* So many nearest of each query; and for every so-manieth query the greater number besides. */
#define OMEN_NEIGHBOURS 100
#define OMEN_NEIGHBOURS_MANY 1000
#define OMEN_NEIGHBOURS_MANY_EVERY 4

typedef struct Neighbour
{
	float		distance;		/* the query's own length left out */
	uint32_t	list[2];		/* the same twice without spilling */
} Neighbour;

/* The nearest seen of a query, a heap with the farthest first; then sorted. */
typedef struct Neighbours
{
	uint32_t	count;
	uint32_t	room;			/* one more than asked for: the query itself is among the rows */
	uint32_t	first;			/* where they are */
	uint32_t	reserved;
} Neighbours;

struct OmenCalibrator
{
	OmenByteRows queries;		/* those that were given, and behind them strangers */
	uint32_t	own;			/* how many were given */
	Neighbours *neighbours;		/* [queries.count], and behind them, in one piece, */
	Neighbour  *nearest;
	size_t		found_bytes;	/* of both */
	float	   *minus_worst;	/* [queries.count] distance to beat, the query's own length left out; negated */
	int32_t    *products;		/* a tile of rows by queries */
	uint32_t   *near;			/* [queries.count] queries that a row is near, */
	float	   *value;			/* and what near_i32 says of them */
	int			skip_self;		/* of those given */
};

#endif							/* IVF_CALIBRATE_H */
