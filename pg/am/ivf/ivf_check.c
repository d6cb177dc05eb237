/*
 * ivf_check.c - vector_check(): every page and every pointer of an index,
 * held against each other and against the table.
 *
 * First the sweep: each page's kind, version, generation, counts and seal, and
 * from row pages what each record is.  Then the structures that lead to pages:
 * model, maps, directory, tails (ivf_check_lists.c); each page in force must
 * be led to exactly once, and each posting lead to its record.  Last the table
 * (ivf_check_table.c): each row visible to a snapshot older than the sweep must
 * have one record that codes its vector, that record its posting, and each
 * record lead to a row.
 *
 * Locks.  The table is locked as by VACUUM (SHARE UPDATE EXCLUSIVE): so
 * nothing removes rows, frees pages or rewrites lists meanwhile, while rows
 * are read, inserted, updated and deleted.  Inserts only add: what is looked
 * at later may be more than what was looked at before, never less, and the
 * order of the steps allows for that.  On a standby nothing keeps replay from
 * vacuuming; what is found is told only if replay stood still.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/xlog.h"
#include OMEN_RECOVERY_HEADER
#include "am/ivf/ivf_check.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "wal/page_seal.h"

void
check_report(IvfCheck *check, int64 block, int64 list, int64 slot, const char *format,...)
{
	char		text[512];
	va_list		arguments;
	Datum		values[4] = {Int64GetDatum(block), Int32GetDatum((int32) list), Int64GetDatum(slot)};
	bool		nulls[4] = {block < 0, list < 0, slot < 0, false};

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	values[3] = CStringGetTextDatum(text);
	tuplestore_putvalues(check->rows, check->desc, values, nulls);
	pfree(DatumGetPointer(values[3]));
	check->found++;
}

bool
check_read_page(IvfCheck *check, BlockNumber block, PGAlignedBlock *copy)
{
	uintptr_t	handle;
	const void *page = check->store.read(check->store.context, block, &handle);

	if (page == NULL)
		return false;
	memcpy(copy->data, page, BLCKSZ);
	check->store.release(check->store.context, handle);
	return true;
}

uint32
check_proof(const IvfCheck *check, const uint8 *posting, uint32 list)
{
	uint32		hash = hash_combine(hash_bytes(posting, (int) check_factors_at(check)), list);

	return hash <= PROOF_DEAD ? hash + 2 : hash;
}

void
check_begin_posting(const IvfCheck *check, const OmenRowRecord *record, uint8 *posting)
{
	const uint8 *fine = (const uint8 *) (record + 1);

	for (uint32 p = 0; p < omen_sign_code_bytes(check->dim); p++)
	{
		uint32		bits = 0;

		for (uint32 i = 0; i < 4; i++)
			bits |= (uint32) ((fine[4 * p + i] >> 3 & 1) | (fine[4 * p + i] >> 6 & 2)) << 2 * i;
		posting[p] = (uint8) bits;
	}
	memcpy(posting + omen_sign_code_bytes(check->dim), omen_row_keys(record, check->dim),
		   check->meta.keys * OMEN_KEY_BYTES);
}

/* ---- the meta page ---- */

static bool
check_meta(IvfCheck *check)
{
	PGAlignedBlock page;
	OmenError	err;

	if (!check_read_page(check, OMEN_META_BLOCK, &page))
	{
		check_report(check, OMEN_META_BLOCK, CHECK_NOTHING, CHECK_NOTHING, "the meta page is missing");
		return false;
	}
	if (omen_ivf_meta_check(page.data, &check->meta, &err) != OMEN_OK)
	{
		check_report(check, OMEN_META_BLOCK, CHECK_NOTHING, CHECK_NOTHING, "%s", err.text);
		return false;
	}
	if (!page_seal_holds(page.data))
		check_report(check, OMEN_META_BLOCK, CHECK_NOTHING, CHECK_NOTHING, "the meta page's checksum does not fit");
	if (check->meta.dim != (uint32) ivf_dimensions(check->index) ||
		check->meta.metric != (uint32) ivf_type(check->index)->metric)
	{
		check_report(check, OMEN_META_BLOCK, CHECK_NOTHING, CHECK_NOTHING,
					 "the meta page tells other dimensions or another metric than the index's definition");
		return false;
	}
	check->dim = omen_dim_padded(check->meta.dim);
	check->per_page = omen_rows_per_page(check->dim, check->meta.keys);
	check->per_tail_page = omen_postings_per_tail(check->dim, check->meta.keys);
	return true;
}

/* ---- the sweep ---- */

static void
note_pointer(IvfCheck *check, const OmenRowRecord *record, BlockNumber block, uint32 slot)
{
	ItemPointerData tid = {{record->tid.block_hi, record->tid.block_lo}, record->tid.offset};

	if (!ItemPointerIsValid(&tid))
	{
		check_report(check, block, record->list, slot, "a record points to no row");
		return;
	}
	if (check->pointer_count == check->pointer_room)
	{
		check->pointer_room = check->pointer_room ? check->pointer_room * 2 : 1024;
		check->pointers = check->pointers
			? repalloc_huge(check->pointers, check->pointer_room * sizeof(CheckedPointer))
			: palloc(check->pointer_room * sizeof(CheckedPointer));
	}
	check->pointers[check->pointer_count++] = (CheckedPointer) {tid, slot, false};
}

static void
sweep_rows(IvfCheck *check, BlockNumber block, const char *page)
{
	uint32		per_page = check->per_page;
	uint32		count = omen_page_trailer_const(page)->count;
	uint8	   *posting = palloc(check_factors_at(check));

	if (count > per_page)
	{
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "a row page counts %u records where %u fit",
					 count, per_page);
		count = per_page;
	}
	for (uint32 i = 0; i < count; i++)
	{
		const OmenRowRecord *record = check_record(check, page, i);
		uint32		slot = block * per_page + i;

		if (record->state > OMEN_ROW_DEAD)
			check_report(check, block, CHECK_NOTHING, slot, "a record has the impossible state %u", record->state);
		else if (record->state == OMEN_ROW_DEAD)
			check->proof[slot] = PROOF_DEAD;
		else if (record->state == OMEN_ROW_LIVE && record->list >= check->meta.lists)
			check_report(check, block, record->list, slot, "a record names a list that there is not");
		else if (record->state == OMEN_ROW_LIVE)
		{
			check_begin_posting(check, record, posting);
			check->proof[slot] = check_proof(check, posting, record->list);
			note_pointer(check, record, block, slot);
		}
	}
	pfree(posting);
}

/* Bytes of the body in use, by the page's own count; what pd_lower must agree with. */
static uint32
bytes_counted(const IvfCheck *check, const OmenPageTrailer *trailer)
{
	switch (trailer->kind)
	{
		case OMEN_PAGE_ROW:
			return trailer->count * omen_row_bytes(check->dim, check->meta.keys);
		case OMEN_PAGE_TAIL:
			return trailer->count * omen_tail_posting_bytes(check->dim, check->meta.keys);
		default:
			return trailer->count;
	}
}

static void
sweep_page(IvfCheck *check, BlockNumber block, const char *page)
{
	const OmenPageTrailer *trailer = omen_page_trailer_const(page);
	CheckedPage *noted = &check->pages[block];
	bool		counts = trailer->kind == OMEN_PAGE_ROW || trailer->kind == OMEN_PAGE_TAIL ||
		trailer->kind == OMEN_PAGE_MODEL || trailer->kind == OMEN_PAGE_PACKED || trailer->kind == OMEN_PAGE_KEYS;

	if (PageIsNew((Page) page))
		return;
	if (trailer->magic != OMEN_PAGE_MAGIC)
	{
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "not a page of an OmenDB index");
		return;
	}
	if (trailer->version != OMEN_PAGE_VERSION)
	{
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "page format version %u, this build reads %u",
					 trailer->version, OMEN_PAGE_VERSION);
		return;
	}
	if (!page_seal_holds(page))
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "the page's checksum does not fit");
	*noted = (CheckedPage) {
		.generation = trailer->generation,
		.place = trailer->list,
		.next = trailer->next,
		.count = trailer->count,
		.kind = trailer->kind,
	};
	if (trailer->kind < OMEN_PAGE_MODEL || trailer->kind > OMEN_PAGE_FREE)
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "a page of the unknown kind %u", trailer->kind);
	else if (trailer->generation > check->meta.last_generation)
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "a page of generation %u where %u is the highest",
					 trailer->generation, check->meta.last_generation);
	else if (counts && bytes_counted(check, trailer) + OMEN_PAGE_HEAD_BYTES != ((PageHeader) page)->pd_lower)
		check_report(check, block, CHECK_NOTHING, CHECK_NOTHING, "the page counts %u, which is not what it holds",
					 trailer->count);
	if (trailer->kind == OMEN_PAGE_ROW && trailer->generation == check->meta.row_generation)
		sweep_rows(check, block, page);
}

static void
sweep(IvfCheck *check)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	PGAlignedBlock copy;

	check->blocks = RelationGetNumberOfBlocks(check->index);
	check->slots = (uint64) check->blocks * check->per_page;
	check->pages = MemoryContextAllocExtended(CurrentMemoryContext, check->blocks * sizeof(CheckedPage),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->proof = MemoryContextAllocExtended(CurrentMemoryContext, check->slots * sizeof(uint32),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->posted = MemoryContextAllocExtended(CurrentMemoryContext, check->slots / 8 + 1,
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->posted_again = MemoryContextAllocExtended(CurrentMemoryContext, check->slots / 8 + 1,
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (BlockNumber block = 1; block < check->blocks; block++)
	{
		Buffer		buffer;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(check->index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);
		sweep_page(check, block, copy.data);
	}
	FreeAccessStrategy(strategy);
}

/* ---- the function ---- */

static void
check_everything(IvfCheck *check)
{
	if (!check_meta(check))
		return;
	sweep(check);
	if (!check_model(check))
		return;
	check_lists(check);
	check_free_rows(check);
	check_table(check);
}

OMEN_FUNCTION(vector_check);
Datum
vector_check(PG_FUNCTION_ARGS)
{
	bool		standby = RecoveryInProgress();
	LOCKMODE	lock = standby ? AccessShareLock : ShareUpdateExclusiveLock;
	IvfInspected inspected = ivf_inspect_open(PG_GETARG_OID(0), lock);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vector_check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	IvfCheck	check = {inspected.table, inspected.index};
	XLogRecPtr	replayed = standby ? GetXLogReplayRecPtr(NULL) : InvalidXLogRecPtr;
	IvfOwnerRights rights;

	check.rows = ivf_inspect_rows(fcinfo, &check.desc);
	old = MemoryContextSwitchTo(context);
	ivf_arena_init(&check.arena, context);
	check.store = index_page_store(&check.reader, check.index, NULL);
	check.snapshot = RegisterSnapshot(GetLatestSnapshot());
	ivf_inspect_snapshot(&inspected, check.snapshot);
	/* An index's expressions are its owner's code. */
	rights = ivf_take_owner_rights(check.table);
	check_everything(&check);
	ivf_give_back_rights(&rights);
	UnregisterSnapshot(check.snapshot);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	if (standby && check.found > 0 && GetXLogReplayRecPtr(NULL) != replayed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" may have been changed while it was checked",
						RelationGetRelationName(check.index)),
				 errhint("SELECT pg_wal_replay_pause() first.")));
	ivf_inspect_close(&inspected, lock);
	return (Datum) 0;
}
