/*
 * shared_room.c - a directory of segments of dynamic shared memory.
 *
 * What every backend would otherwise keep for itself, and read for itself when
 * it starts: models, and where blocks lie.  A segment is filled by one backend
 * that nobody else knows of yet, and then entered into the directory, so no
 * one waits for anyone and nothing half filled is ever seen.  It lives as long as
 * a backend has it mapped; the last to leave, be it by its exit, takes it out of
 * the directory.  A backend that dies otherwise takes the server's shared
 * memory with it, the directory too.
 *
 * Whatever is wrong (no room in /dev/shm, no segment or place left) is no error:
 * the caller keeps memory of its own.  README.md argues the rest.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "miscadmin.h"
#include "page/shared_room.h"
#include "storage/dsm.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* A segment less is not worth a mapping. */
#define BYTES_MIN ((Size) 64 * 1024)
/* PostgreSQL has 64 segments and five for each backend; parallel queries want some, too. */
#define PLACES 128

typedef struct Place
{
	SharedRoomKey key;
	dsm_handle	handle;
	uint32		users;			/* backends that have it mapped, or are about to; 0: the place is free */
} Place;

/* In the server's fixed shared memory, from what is left over: the library need not be preloaded. */
typedef struct Directory
{
	LWLock		lock;
	Place		places[PLACES];
} Directory;

/* What this backend has mapped; a segment can be mapped only once. */
struct SharedRoom
{
	SharedRoom *next;
	SharedRoomKey key;
	Size		bytes;
	dsm_segment *segment;
	uint32		holders;
};

static Directory *directory;
static SharedRoom *rooms;

/* ---- the directory ---- */

static void
open_directory(void)
{
	bool		found;
	Directory  *opened;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	opened = ShmemInitStruct("omendb shared rooms", sizeof(Directory), &found);
	if (!found)
	{
		memset(opened, 0, sizeof(*opened));
		LWLockInitialize(&opened->lock, LWLockNewTrancheId());
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(opened->lock.tranche, "omendb_shared_rooms");
	directory = opened;
}

/* The place of what the key names, or a free one; NULL when there is neither. */
static Place *
find_place(const SharedRoomKey *key)
{
	Place	   *free_place = NULL;

	for (Place *place = directory->places; place < directory->places + PLACES; place++)
		if (place->users == 0)
			free_place = free_place != NULL ? free_place : place;
		else if (memcmp(&place->key, key, sizeof(*key)) == 0)
			return place;
	return free_place;
}

static void
leave_place(dsm_handle handle)
{
	LWLockAcquire(&directory->lock, LW_EXCLUSIVE);
	for (Place *place = directory->places; place < directory->places + PLACES; place++)
		if (place->users > 0 && place->handle == handle)
			place->users--;
	LWLockRelease(&directory->lock);
}

/* Before the mapping goes, at a backend's exit as well. */
static void
segment_left(dsm_segment *segment, Datum arg)
{
	leave_place(dsm_segment_handle(segment));
}

/* ---- segments ---- */

/* Whoever has a handle, by the directory, is among the place's users. */
static dsm_segment *
attach(dsm_handle handle)
{
	dsm_segment *segment = dsm_attach(handle);

	if (segment != NULL)
		on_dsm_detach(segment, segment_left, (Datum) 0);
	return segment;
}

static void
find_or_create(SharedRoom *room, bool *ready)
{
	dsm_handle	handle = DSM_HANDLE_INVALID;
	Place	   *place;

	if (directory == NULL)
		open_directory();
	LWLockAcquire(&directory->lock, LW_EXCLUSIVE);
	place = find_place(&room->key);
	if (place != NULL && place->users > 0)
	{
		place->users++;
		handle = place->handle;
	}
	LWLockRelease(&directory->lock);
	*ready = handle != DSM_HANDLE_INVALID;
	if (*ready)
	{
		PG_TRY();
		{
			room->segment = attach(handle);
		}
		PG_FINALLY();
		{
			if (room->segment == NULL)
				leave_place(handle);
		}
		PG_END_TRY();
	}
	else if (place != NULL)
	{
		room->segment = dsm_create(room->bytes, DSM_CREATE_NULL_IF_MAXSEGMENTS);
		if (room->segment != NULL)
			on_dsm_detach(room->segment, segment_left, (Datum) 0);
	}
}

/*
 * Runs that, with errors turned into no segment: what an error leaves behind
 * belongs to a resource owner of its own, which gives it back.
 */
static void
find_or_create_quietly(SharedRoom *room, bool *ready)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner outer = CurrentResourceOwner;
	ResourceOwner own = ResourceOwnerCreate(outer, "shared room");
	uint32		holdoff;

	/* A cancel must not be taken for such an error. */
	HOLD_INTERRUPTS();
	holdoff = InterruptHoldoffCount;
	CurrentResourceOwner = own;
	PG_TRY();
	{
		find_or_create(room, ready);
		if (room->segment != NULL)
			dsm_pin_mapping(room->segment);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		/* Throwing an error forgot what was held off. */
		InterruptHoldoffCount = holdoff;
		if (LWLockHeldByMe(AddinShmemInitLock))
		{
			HOLD_INTERRUPTS();
			LWLockRelease(AddinShmemInitLock);
		}
		elog(DEBUG1, "no shared room: %s", error->message);
		FreeErrorData(error);
		room->segment = NULL;
	}
	PG_END_TRY();
	CurrentResourceOwner = outer;
	ResourceOwnerRelease(own, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(own);
	RESUME_INTERRUPTS();
}

/* ---- rooms ---- */

static void
leave_room(void *arg)
{
	SharedRoom *room = arg;

	if (--room->holders > 0)
		return;
	for (SharedRoom **link = &rooms; *link != NULL; link = &(*link)->next)
		if (*link == room)
		{
			*link = room->next;
			break;
		}
	if (room->segment != NULL)
		dsm_detach(room->segment);
	pfree(room);
}

SharedRoom *
shared_room_take(const SharedRoomKey *key, Size bytes, MemoryContext holder, bool *ready)
{
	MemoryContextCallback *callback;
	SharedRoom *room;

	*ready = true;
	if (bytes < BYTES_MIN || !IsUnderPostmaster)
		return NULL;
	callback = MemoryContextAlloc(holder, sizeof(MemoryContextCallback));
	for (room = rooms; room != NULL; room = room->next)
		if (memcmp(&room->key, key, sizeof(*key)) == 0 && room->bytes >= bytes)
			break;
	if (room == NULL)
	{
		room = MemoryContextAllocZero(TopMemoryContext, sizeof(SharedRoom));
		room->key = *key;
		room->bytes = bytes;
		find_or_create_quietly(room, ready);
		/* Shorter than it should be: some damage that others have seen otherwise. */
		if (room->segment == NULL || dsm_segment_map_length(room->segment) < bytes)
		{
			room->holders = 1;
			leave_room(room);
			return NULL;
		}
		if (*ready)
		{
			room->next = rooms;
			rooms = room;
		}
	}
	room->holders++;
	callback->func = leave_room;
	callback->arg = room;
	MemoryContextRegisterResetCallback(holder, callback);
	return room;
}

void
shared_room_publish(SharedRoom *room)
{
	dsm_segment *mine = room->segment;
	Place	   *place;
	bool		ready = false;

	LWLockAcquire(&directory->lock, LW_EXCLUSIVE);
	place = find_place(&room->key);
	if (place != NULL && place->users == 0)
	{
		place->key = room->key;
		place->handle = dsm_segment_handle(mine);
		place->users = 1;
		place = NULL;
	}
	LWLockRelease(&directory->lock);
	if (place != NULL)
	{
		room->segment = NULL;
		find_or_create_quietly(room, &ready);
		if (room->segment != NULL && ready && dsm_segment_map_length(room->segment) >= room->bytes)
			dsm_detach(mine);
		else
		{
			/* It went as we came: ours is as good. */
			if (room->segment != NULL)
				dsm_detach(room->segment);
			room->segment = mine;
		}
	}
	room->next = rooms;
	rooms = room;
}

void *
shared_room_memory(const SharedRoom *room)
{
	return dsm_segment_address(room->segment);
}
