/*
 * ivf_handler.c - the access method `ivf`: what it can do, its options and
 * settings.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <limits.h>

#include "access/reloptions.h"
#include "am/ivf/ivf_am.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "utils/guc.h"
#include "utils/selfuncs.h"

double		ivf_recall_target = 0.95;
int			ivf_probes = 0;
int			ivf_max_scan_tuples = 0;

static relopt_kind ivf_options_kind;

static relopt_enum_elt_def spill_values[] = {
	{"auto", IVF_SPILL_AUTO},
	{"on", IVF_SPILL_ON},
	{"off", IVF_SPILL_OFF},
	{NULL, 0}
};

void
ivf_init(void)
{
	ivf_options_kind = add_reloption_kind();
	add_int_reloption(ivf_options_kind, "lists", "Number of lists; 0 takes it from the number of rows.",
					  0, 0, IVF_MAX_LISTS, AccessExclusiveLock);
	add_enum_reloption(ivf_options_kind, "spill", "Whether rows are in a second list as well.",
					   spill_values, IVF_SPILL_AUTO, "Valid values are \"auto\", \"on\" and \"off\".",
					   AccessExclusiveLock);
	DefineCustomRealVariable("vector.recall_target",
							 "Share of the true nearest rows that a search should find.",
							 "A search of an ivf index goes as far as this took when the index was built.",
							 &ivf_recall_target, 0.95, 0.5, 1.0, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("ivf.probes",
							"Lists that a search of an ivf index looks at.",
							"0 goes by vector.recall_target.", &ivf_probes,
							0, 0, IVF_MAX_LISTS, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("vector.max_scan_tuples",
							"Index entries that a scan of an ivf index looks at before it gives up.",
							"0 lets it look at all, so that LIMIT k gives k rows whenever k qualify.",
							&ivf_max_scan_tuples, 0, 0, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	OMEN_RESERVE_SETTINGS("ivf");
	OMEN_RESERVE_SETTINGS("vector");
	ivf_limit_init();
	ivf_explain_init();
	ivf_rewrite_init();
	ivf_pending_init();
}

static bytea *
ivf_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{"lists", RELOPT_TYPE_INT, offsetof(IvfOptions, lists)},
		{"spill", RELOPT_TYPE_ENUM, offsetof(IvfOptions, spill)},
	};

	return (bytea *) build_reloptions(reloptions, validate, ivf_options_kind, sizeof(IvfOptions),
									  table, lengthof(table));
}

static char *
ivf_phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case IVF_PHASE_SAMPLE:
			return "sampling table";
		case IVF_PHASE_TRAIN:
			return "training lists";
		case IVF_PHASE_CODE:
			return "coding rows";
		case IVF_PHASE_WRITE:
			return "writing lists";
		default:
			return NULL;
	}
}

static bool
ivf_validate(Oid opclass)
{
	return true;
}

OMEN_FUNCTION(ivfhandler);
Datum
ivfhandler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = 0;
	am->amsupport = IVF_PROC_COUNT;
	am->amcanorderbyop = true;
	am->amcanmulticol = true;
	am->amsearcharray = true;
	am->amsearchnulls = true;
	am->amoptionalkey = true;
	am->amkeytype = InvalidOid;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->ambuild = ivf_build;
	am->ambuildempty = ivf_build_empty;
	am->aminsert = ivf_insert;
	am->ambulkdelete = ivf_bulk_delete;
	am->amvacuumcleanup = ivf_vacuum_cleanup;
	am->amcostestimate = ivf_cost_estimate;
	am->amoptions = ivf_options;
	am->ambuildphasename = ivf_phase_name;
	am->amvalidate = ivf_validate;
	am->ambeginscan = ivf_begin_scan;
	am->amrescan = ivf_rescan;
	am->amgettuple = ivf_get_tuple;
	am->amgetbitmap = ivf_get_bitmap;
	am->amendscan = ivf_end_scan;
	PG_RETURN_POINTER(am);
}
