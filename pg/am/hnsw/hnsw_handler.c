/*
 * hnsw_handler.c - the access method `hnsw`: what it can do, its options and
 * settings, with pgvector's names, ranges and defaults.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/reloptions.h"
#include "adopt/shared_settings.h"
#include "am/hnsw/hnsw_am.h"
#include "commands/progress.h"
#include "commands/vacuum.h"

int			hnsw_ef_search = HNSW_EF_SEARCH_DEFAULT;
int			hnsw_iterative_scan = HNSW_ITERATIVE_OFF;
int			hnsw_max_scan_tuples = 20000;
double		hnsw_scan_mem_multiplier = 1;

static relopt_kind hnsw_options_kind;

static const struct config_enum_entry iterative_scans[] = {
	{"off", HNSW_ITERATIVE_OFF, false},
	{"relaxed_order", HNSW_ITERATIVE_RELAXED, false},
	{"strict_order", HNSW_ITERATIVE_STRICT, false},
	{NULL, 0, false}
};

void
hnsw_init(void)
{
	hnsw_options_kind = add_reloption_kind();
	add_int_reloption(hnsw_options_kind, "m", "Links of a node on each level, twice as many on the lowest.",
					  HNSW_M_DEFAULT, 2, OMEN_GRAPH_M_MAX, AccessExclusiveLock);
	add_int_reloption(hnsw_options_kind, "ef_construction", "Nodes among which the links of a new one are chosen.",
					  HNSW_EF_CONSTRUCTION_DEFAULT, 4, 1000, AccessExclusiveLock);
	shared_setting_int("hnsw.ef_search",
					   "Nodes among which a search of an hnsw index finds the nearest.",
					   "More find more, and take longer. As many as the LIMIT are always searched for.",
					   &hnsw_ef_search, 1, 1000);
	shared_setting_enum("hnsw.iterative_scan",
						"What a search does when it has returned all it found and is asked for more.",
						NULL, &hnsw_iterative_scan, iterative_scans);
	shared_setting_int("hnsw.max_scan_tuples",
					   "Nodes after which an iterative search ends.", NULL, &hnsw_max_scan_tuples, 1, INT_MAX);
	shared_setting_real("hnsw.scan_mem_multiplier",
						"Multiple of work_mem that an iterative search may use.", NULL,
						&hnsw_scan_mem_multiplier, 1, 1000);
	OMEN_RESERVE_SETTINGS("hnsw");
}

static bytea *
hnsw_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{"m", RELOPT_TYPE_INT, offsetof(HnswOptions, m)},
		{"ef_construction", RELOPT_TYPE_INT, offsetof(HnswOptions, ef_construction)},
	};

	return (bytea *) build_reloptions(reloptions, validate, hnsw_options_kind, sizeof(HnswOptions),
									  table, lengthof(table));
}

static char *
hnsw_phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case HNSW_PHASE_LOAD:
			return "loading tuples";
		case HNSW_PHASE_WRITE:
			return "writing graph";
		default:
			return NULL;
	}
}

static bool
hnsw_validate(Oid opclass)
{
	return true;
}

OMEN_FUNCTION(hnswhandler);
Datum
hnswhandler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = 0;
	am->amsupport = HNSW_PROC_COUNT;
	am->amcanorderbyop = true;
	am->amoptionalkey = true;
	am->amkeytype = InvalidOid;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->ambuild = hnsw_build;
	am->ambuildempty = hnsw_build_empty;
	am->aminsert = hnsw_insert;
	am->ambulkdelete = hnsw_bulk_delete;
	am->amvacuumcleanup = hnsw_vacuum_cleanup;
	am->amcostestimate = hnsw_cost_estimate;
	am->amoptions = hnsw_options;
	am->ambuildphasename = hnsw_phase_name;
	am->amvalidate = hnsw_validate;
	am->ambeginscan = hnsw_begin_scan;
	am->amrescan = hnsw_rescan;
	am->amgettuple = hnsw_get_tuple;
	am->amendscan = hnsw_end_scan;
	PG_RETURN_POINTER(am);
}
