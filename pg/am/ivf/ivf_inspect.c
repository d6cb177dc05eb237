/*
 * ivf_inspect.c - see ivf_inspect.h.
 *
 * What is in an index is in its table, whatever row-level security hides from
 * others: so all of these functions are for the owner.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "am/ivf/ivf_inspect.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/* Before anything is locked. */
static void
check_owner(Oid oid)
{
	if (!OMEN_OWNS_RELATION(oid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, get_rel_name(oid));
}

static void
check_kind(Oid oid)
{
	char		kind = get_rel_relkind(oid);

	if (kind == '\0')
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", oid)));
	if (kind == RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partitioned index", get_rel_name(oid)),
				 errhint("Name an index of one of its partitions: "
						 "SELECT relid FROM pg_partition_tree(%u) WHERE isleaf.", oid)));
	if (kind != RELKIND_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an ivf index", get_rel_name(oid)),
				 errhint("Name an index that was made by CREATE INDEX ... USING ivf.")));
}

IvfInspected
ivf_inspect_open(Oid oid, LOCKMODE lock)
{
	IvfInspected inspected;
	Oid			table;

	check_kind(oid);
	check_owner(oid);
	/* Table before index, as everywhere. */
	table = IndexGetRelation(oid, false);
	inspected.table = table_open(table, lock);
	inspected.index = index_open(oid, AccessShareLock);
	if (inspected.index->rd_indam->ambeginscan != ivf_begin_scan)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an ivf index", RelationGetRelationName(inspected.index)),
				 errhint("Name an index that was made by CREATE INDEX ... USING ivf.")));
	if (RELATION_IS_OTHER_TEMP(inspected.index))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary indexes of other sessions")));
	if (RecoveryInProgress() && !RelationIsPermanent(inspected.index))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot access unlogged indexes during recovery")));
	if (!inspected.index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", RelationGetRelationName(inspected.index)),
				 errhint("Its building has not come to an end: wait for it, or REINDEX.")));
	ivf_pending_flush(inspected.index);
	return inspected;
}

void
ivf_inspect_close(IvfInspected *inspected, LOCKMODE lock)
{
	index_close(inspected->index, AccessShareLock);
	table_close(inspected->table, lock);
}

void
ivf_inspect_snapshot(const IvfInspected *inspected, Snapshot snapshot)
{
	if (inspected->index->rd_index->indcheckxmin &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(inspected->index->rd_indextuple->t_data), snapshot->xmin))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("index \"%s\" cannot be compared with its table yet",
						RelationGetRelationName(inspected->index)),
				 errhint("Transactions that began before the index was built must come to their ends.")));
}

void
ivf_row_fetch_begin(IvfRowFetch *rows, const IvfInspected *at, Snapshot snapshot)
{
	rows->snapshot = snapshot;
	rows->fetch = table_index_fetch_begin(at->table);
	rows->slot = table_slot_create(at->table, NULL);
	rows->info = BuildIndexInfo(at->index);
	rows->estate = CreateExecutorState();
	GetPerTupleExprContext(rows->estate)->ecxt_scantuple = rows->slot;
}

Datum
ivf_row_fetch(IvfRowFetch *rows, ItemPointerData tid)
{
	bool		again = false;
	bool		dead = false;
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];

	ResetPerTupleExprContext(rows->estate);
	if (!table_index_fetch_tuple(rows->fetch, &tid, rows->snapshot, rows->slot, &again, &dead))
		return (Datum) 0;
	FormIndexDatum(rows->info, rows->slot, rows->estate, values, isnull);
	return isnull[0] ? (Datum) 0 : values[0];
}

void
ivf_row_fetch_end(IvfRowFetch *rows)
{
	ExecDropSingleTupleTableSlot(rows->slot);
	table_index_fetch_end(rows->fetch);
	FreeExecutorState(rows->estate);
}

IvfOwnerRights
ivf_take_owner_rights(Relation table)
{
	IvfOwnerRights rights;

	GetUserIdAndSecContext(&rights.user, &rights.security);
	SetUserIdAndSecContext(table->rd_rel->relowner, rights.security | SECURITY_RESTRICTED_OPERATION);
	rights.settings = NewGUCNestLevel();
	OMEN_RESTRICT_SEARCH_PATH();
	return rights;
}

void
ivf_give_back_rights(const IvfOwnerRights *rights)
{
	AtEOXact_GUC(false, rights->settings);
	SetUserIdAndSecContext(rights->user, rights->security);
}

Tuplestorestate *
ivf_inspect_rows(FunctionCallInfo fcinfo, TupleDesc *desc)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (result == NULL || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a function that returns rows is called where none can be taken")));
	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result->returnMode = SFRM_Materialize;
	result->setDesc = *desc;
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(old);
	return result->setResult;
}

Datum
ivf_inspect_row(FunctionCallInfo fcinfo, Datum *values, const bool *nulls, int columns)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != columns)
		elog(ERROR, "function %u is declared otherwise than it is built", fcinfo->flinfo->fn_oid);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, unconstify(bool *, nulls)));
}
