/*
 * module.c - what happens when PostgreSQL loads the library.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/hnsw/hnsw_am.h"
#include "am/ivfflat/ivfflat_am.h"
#include "lib/stringinfo.h"
#include "omen/simd.h"

OMEN_MODULE_MAGIC(OMEN_EXTVERSION);

PGDLLEXPORT void _PG_init(void);

/*
 * Chooses the kernels.  OMENDB_SIMD in the server's environment forces a set;
 * one that cannot run is refused rather than replaced, since whoever set it
 * wants to know what runs.
 */
static void
choose_kernels(void)
{
	const OmenSimd *tables[8];
	uint32_t	count;
	OmenError	err;
	StringInfoData names;

	if (omen_simd_select(NULL, &err) == OMEN_OK)
		return;

	initStringInfo(&names);
	count = omen_simd_available(tables, lengthof(tables));
	for (uint32_t i = 0; i < count; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", tables[i]->name);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("could not choose the vector kernels: %s", err.text),
			 errhint("In the server's environment, unset OMENDB_SIMD or set it to one of: %s.", names.data)));
}

void
_PG_init(void)
{
	choose_kernels();
	ivf_init();
	hnsw_init();
	ivfflat_init();
}
