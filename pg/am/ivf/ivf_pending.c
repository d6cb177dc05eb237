/*
 * ivf_pending.c - inserted rows, gathered until somebody could miss them.
 *
 * An inserted row is seen by nobody but its own transaction before that
 * commits.  So rows need not be in the index at once: they are kept in this
 * backend's memory and put in together, many times cheaper than one by one,
 * when
 *
 *	- this transaction is about to commit or to be prepared;
 *	- this backend begins a scan of the index, looks into it, starts parallel
 *	  workers, which might scan it, or runs a utility statement, which might do
 *	  anything to it;
 *	- they have grown to work_mem.
 *
 * Why no row is lost.  Until the transaction ends, its lock on the table keeps
 * others from rebuilding, validating or dropping the index without its rows:
 * all of these wait for it.  ALTER INDEX ... SET TABLESPACE does not, but moves
 * what is there, and the rows follow.  What this transaction itself does to
 * the index is a utility statement.
 *
 * Why no row is wrong.  When a (sub)transaction is rolled back, VACUUM may
 * remove its rows and others take their places, so what is pending of it is
 * forgotten at that moment.  A row of INSERT ... ON CONFLICT may go before its
 * transaction does: one that is not certain to stay, or not of this
 * transaction (CREATE INDEX CONCURRENTLY inserts others'), is not gathered.
 *
 * When putting rows in fails half-way, some would be in the index twice were
 * it tried again; then the transaction can only be rolled back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "am/ivf/ivf_insert.h"
#include "catalog/pg_am.h"
#include "storage/bufmgr.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#define ROOM_FIRST 16

/* In TopTransactionContext. */
static IvfPending *pending_rows;
static Size pending_bytes;
static ProcessUtility_hook_type previous_utility;

/* ---- putting them in ---- */

static Size
bytes_a_row(const IvfPending *pending)
{
	return pending->dim * sizeof(float) + pending->key_count * sizeof(uint64) + sizeof(ItemPointerData) +
		sizeof(SubTransactionId);
}

static void
put_in(IvfPending *pending, Relation index)
{
	if (pending->count == 0)
		return;
	if (pending->torn)
		ereport(ERROR,
				(errcode(ERRCODE_IN_FAILED_SQL_TRANSACTION),
				 errmsg("index \"%s\" has some of the rows that this transaction inserted, and not the others",
						RelationGetRelationName(index)),
				 errdetail("Putting them in was interrupted by an error."),
				 errhint("Roll the transaction back.")));
	ivf_insert_rows(index, pending);
	pending_bytes -= pending->count * bytes_a_row(pending);
	pending->count = 0;
}

static void
put_all_in(void)
{
	for (IvfPending *pending = pending_rows; pending != NULL; pending = pending->next)
	{
		/* NULL: this transaction has dropped it. */
		Relation	index = pending->count > 0 ? try_relation_open(pending->index, RowExclusiveLock) : NULL;

		if (index == NULL)
			continue;
		put_in(pending, index);
		relation_close(index, RowExclusiveLock);
	}
}

void
ivf_pending_flush(Relation index)
{
	for (IvfPending *pending = pending_rows; pending != NULL; pending = pending->next)
		if (pending->index == RelationGetRelid(index))
			put_in(pending, index);
}

void
ivf_pending_flush_all(void)
{
	if (pending_rows != NULL)
		put_all_in();
}

/* ---- gathering ---- */

static IvfPending *
find_pending(Relation index)
{
	IvfPending *pending = pending_rows;
	MemoryContext context;

	while (pending != NULL && pending->index != RelationGetRelid(index))
		pending = pending->next;
	if (pending != NULL)
		return pending;
	context = AllocSetContextCreate(TopTransactionContext, "ivf pending rows", ALLOCSET_DEFAULT_SIZES);
	pending = MemoryContextAllocZero(context, sizeof(IvfPending));
	pending->context = context;
	pending->index = RelationGetRelid(index);
	pending->dim = (uint32) ivf_dimensions(index);
	pending->key_count = ivf_key_count(index);
	pending->next = pending_rows;
	pending_rows = pending;
	return pending;
}

/* Room for one more. */
static void
make_room(IvfPending *pending)
{
	MemoryContext old;

	if (pending->count < pending->room)
		return;
	old = MemoryContextSwitchTo(pending->context);
	if (pending->room == 0)
	{
		pending->room = ROOM_FIRST;
		pending->vectors = palloc(ROOM_FIRST * pending->dim * sizeof(float));
		pending->keys = palloc((ROOM_FIRST * pending->key_count + 1) * sizeof(uint64));
		pending->tids = palloc(ROOM_FIRST * sizeof(ItemPointerData));
		pending->subids = palloc(ROOM_FIRST * sizeof(SubTransactionId));
	}
	else
	{
		Size		room = (Size) pending->room * 2;

		pending->vectors = repalloc_huge(pending->vectors, room * pending->dim * sizeof(float));
		pending->keys = repalloc_huge(pending->keys, (room * pending->key_count + 1) * sizeof(uint64));
		pending->tids = repalloc_huge(pending->tids, room * sizeof(ItemPointerData));
		pending->subids = repalloc_huge(pending->subids, room * sizeof(SubTransactionId));
		pending->room = (uint32) room;
	}
	MemoryContextSwitchTo(old);
}

static void
add_row(IvfPending *pending, Relation index, Datum *values, bool *isnull, ItemPointer tid)
{
	const IvfType *type = ivf_type(index);
	Datum		value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	float	   *vector;
	const float *floats;

	if (type->dim(value) != (int) pending->dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vector dimensions %d and %d", (int) pending->dim, type->dim(value))));
	make_room(pending);
	vector = pending->vectors + (Size) pending->count * pending->dim;
	floats = type->floats(value, vector);
	if (floats != vector)
		memcpy(vector, floats, pending->dim * sizeof(float));
	if (DatumGetPointer(value) != DatumGetPointer(values[0]))
		pfree(DatumGetPointer(value));
	ivf_row_keys(index, values, isnull, pending->keys + (Size) pending->count * pending->key_count);
	pending->tids[pending->count] = *tid;
	pending->subids[pending->count++] = GetCurrentSubTransactionId();
	pending_bytes += bytes_a_row(pending);
}

/* Whether the row stays in its place until the (sub)transaction that is current ends. */
static bool
is_certain_to_stay(Relation heap, ItemPointer tid)
{
	bool		certain = false;
	Buffer		buffer;
	Page		page;
	OffsetNumber offset = ItemPointerGetOffsetNumber(tid);

	if (heap->rd_rel->relam != HEAP_TABLE_AM_OID)
		return false;
	buffer = ReadBuffer(heap, ItemPointerGetBlockNumber(tid));
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	if (offset <= PageGetMaxOffsetNumber(page) && ItemIdIsNormal(PageGetItemId(page, offset)))
	{
		HeapTupleHeader tuple = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, offset));

		certain = !HeapTupleHeaderIsSpeculative(tuple) &&
			TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(tuple));
	}
	UnlockReleaseBuffer(buffer);
	return certain;
}

bool
ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
		   IndexUniqueCheck unique, bool unchanged, IndexInfo *indexInfo)
{
	IvfPending *pending;

	if (isnull[0])
		return false;
	pending = find_pending(index);
	if (!is_certain_to_stay(heap, tid))
	{
		put_in(pending, index);
		add_row(pending, index, values, isnull, tid);
		put_in(pending, index);
		return false;
	}
	add_row(pending, index, values, isnull, tid);
	if (pending_bytes >= (Size) work_mem * 1024)
		put_all_in();
	return false;
}

/* ---- when ---- */

static void
forget_all(void)
{
	pending_rows = NULL;
	pending_bytes = 0;
}

static void
at_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			ivf_pending_flush_all();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			/* The memory goes with the transaction's. */
			forget_all();
			break;
		default:
			break;
	}
}

static void
copy_row(IvfPending *pending, uint32 from, uint32 to)
{
	memmove(pending->vectors + (Size) to * pending->dim, pending->vectors + (Size) from * pending->dim,
			pending->dim * sizeof(float));
	memmove(pending->keys + (Size) to * pending->key_count, pending->keys + (Size) from * pending->key_count,
			pending->key_count * sizeof(uint64));
	pending->tids[to] = pending->tids[from];
	pending->subids[to] = pending->subids[from];
}

/*
 * A subtransaction's number is higher than those of all that were begun
 * before: rows with one as high are of the one that ends or of those below it.
 */
static void
at_subtransaction(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (IvfPending *pending = pending_rows; pending != NULL; pending = pending->next)
	{
		uint32		kept = 0;

		for (uint32 r = 0; r < pending->count; r++)
			if (pending->subids[r] < subid)
				copy_row(pending, r, kept++);
		pending_bytes -= (pending->count - kept) * bytes_a_row(pending);
		pending->count = kept;
		if (kept == 0)
			pending->torn = false;
	}
}

/* Those that leave indexes alone, and those that are told by what they do: a scan, a commit. */
static bool
may_touch_indexes(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_TransactionStmt:
		case T_CopyStmt:
		case T_ExecuteStmt:
		case T_FetchStmt:
		case T_VariableSetStmt:
			return false;
		default:
			return true;
	}
}

static void
at_utility(PlannedStmt *statement, const char *query, bool read_only, ProcessUtilityContext context,
		   ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	if (pending_rows != NULL && may_touch_indexes(statement->utilityStmt))
		put_all_in();
	if (previous_utility)
		previous_utility(statement, query, read_only, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(statement, query, read_only, context, params, environment, dest, completion);
}

void
ivf_pending_init(void)
{
	RegisterXactCallback(at_transaction, NULL);
	RegisterSubXactCallback(at_subtransaction, NULL);
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = at_utility;
}
