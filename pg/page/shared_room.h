/*
 * shared_room.h - memory that all backends of the server have in common.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SHARED_ROOM_H
#define OMEN_SHARED_ROOM_H

#include "postgres.h"
#include "compat.h"

typedef enum SharedRoomKind
{
	SHARED_MODEL = 1,			/* database, index's identity (two words), generation, calibrations */
	SHARED_HINTS				/* a relation's file (three words), blocks that there is room for */
} SharedRoomKind;

/* What a room holds.  No padding: keys are compared as bytes. */
typedef struct SharedRoomKey
{
	uint32		kind;			/* SharedRoomKind */
	uint32		words[5];
} SharedRoomKey;

typedef struct SharedRoom SharedRoom;

/*
 * A room of at least so many bytes for what the key names, mapped until
 * `holder` is reset or deleted.  *ready: somebody has filled it.  Else it is
 * the caller's to fill, from whatever is in it, and to publish.  NULL when there
 * is none to be had, or when it is not worth one: then private memory must do.
 */
extern SharedRoom *shared_room_take(const SharedRoomKey *key, Size bytes, MemoryContext holder, bool *ready);

/*
 * Gives a room that is filled to whoever asks for it from now on.  When another
 * came first with the same, it becomes that one: ask for its memory again.
 */
extern void shared_room_publish(SharedRoom *room);

extern void *shared_room_memory(const SharedRoom *room);

#endif							/* OMEN_SHARED_ROOM_H */
