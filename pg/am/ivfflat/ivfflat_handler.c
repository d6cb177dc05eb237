/*
 * ivfflat_handler.c - the access method `ivfflat`: what it can do, its option
 * and settings, with pgvector's names, ranges and defaults; what the planner
 * is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/reloptions.h"
#include "adopt/shared_settings.h"
#include "am/ivfflat/ivfflat_am.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "page/foreign_index.h"
#include "utils/spccache.h"

int			ivfflat_probes = 1;
int			ivfflat_iterative_scan;
int			ivfflat_max_probes = IVFFLAT_LISTS_MAX;

static relopt_kind ivfflat_options_kind;

static const struct config_enum_entry iterative_scans[] = {
	{"off", 0, false},
	{"relaxed_order", 1, false},
	{NULL, 0, false}
};

/* Infinity would become NaN on the way. */
#define COST_NEVER 1e100

void
ivfflat_init(void)
{
	ivfflat_options_kind = add_reloption_kind();
	add_int_reloption(ivfflat_options_kind, "lists", "Lists that rows are divided into.",
					  IVFFLAT_LISTS_DEFAULT, 1, IVFFLAT_LISTS_MAX, AccessExclusiveLock);
	shared_setting_int("ivfflat.probes", "Lists that a search of an ivfflat index looks into.",
					   "More find more, and take longer.", &ivfflat_probes, 1, IVFFLAT_LISTS_MAX);
	shared_setting_enum("ivfflat.iterative_scan",
						"What a search does when it has returned all it found and is asked for more.",
						NULL, &ivfflat_iterative_scan, iterative_scans);
	shared_setting_int("ivfflat.max_probes", "Lists after which an iterative search ends.",
					   "At least as many as ivfflat.probes are looked into.",
					   &ivfflat_max_probes, 1, IVFFLAT_LISTS_MAX);
	OMEN_RESERVE_SETTINGS("ivfflat");
}

static bytea *
ivfflat_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{"lists", RELOPT_TYPE_INT, offsetof(IvfflatOptions, lists)},
	};

	return (bytea *) build_reloptions(reloptions, validate, ivfflat_options_kind, sizeof(IvfflatOptions),
									  table, lengthof(table));
}

/*
 * A scan reads the centroids and the lists it probes, half of it in the order
 * of the file; rows that leave are a share of the table's.
 */
static void
ivfflat_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
					  Cost *startup, Cost *total, Selectivity *selectivity,
					  double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	double		lists = IVFFLAT_LISTS_DEFAULT;
	double		share;
	double		random_page;
	double		next_page;

	shared_settings_read();
	*selectivity = 1;
	*correlation = 0;
	*pages = info->pages;
	if (path->indexorderbys == NIL || foreign_index_path(path))
	{
		*startup = *total = COST_NEVER;
		OMEN_NEVER_TAKE(path);
		return;
	}
	if (!info->hypothetical)
	{
		Relation	index = index_open(info->indexoid, NoLock);
		IvfflatOptions *options = (IvfflatOptions *) index->rd_options;

		if (options != NULL)
			lists = options->lists;
		index_close(index, NoLock);
	}
	share = Min(ivfflat_probes / lists, 1);
	get_tablespace_page_costs(info->reltablespace, &random_page, &next_page);
	*startup = lists * cpu_operator_cost +
		share * (info->pages * (random_page + next_page) / 2 +
				 info->tuples * (cpu_index_tuple_cost + cpu_operator_cost));
	*total = *startup;
	if (ivfflat_iterative_scan == 0)
		*selectivity = share;
	else
		*total /= share;
}

static char *
ivfflat_phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case IVFFLAT_PHASE_KMEANS:
			return "performing k-means";
		case IVFFLAT_PHASE_ASSIGN:
			return "assigning tuples";
		case IVFFLAT_PHASE_LOAD:
			return "loading tuples";
		default:
			return NULL;
	}
}

static bool
ivfflat_validate(Oid opclass)
{
	return true;
}

OMEN_FUNCTION(ivfflathandler);
Datum
ivfflathandler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = 0;
	am->amsupport = IVFFLAT_PROC_COUNT;
	am->amcanorderbyop = true;
	am->amoptionalkey = true;
	am->amkeytype = InvalidOid;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->ambuild = ivfflat_build;
	am->ambuildempty = ivfflat_build_empty;
	am->aminsert = ivfflat_insert;
	am->ambulkdelete = ivfflat_bulk_delete;
	am->amvacuumcleanup = ivfflat_vacuum_cleanup;
	am->amcostestimate = ivfflat_cost_estimate;
	am->amoptions = ivfflat_options;
	am->ambuildphasename = ivfflat_phase_name;
	am->amvalidate = ivfflat_validate;
	am->ambeginscan = ivfflat_begin_scan;
	am->amrescan = ivfflat_rescan;
	am->amgettuple = ivfflat_get_tuple;
	am->amendscan = ivfflat_end_scan;
	PG_RETURN_POINTER(am);
}
