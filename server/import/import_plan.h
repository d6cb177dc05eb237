/*
 * import_plan.h - which field of a record goes to which column.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IMPORT_PLAN_H
#define OMEN_IMPORT_PLAN_H

#include "import/import.h"
#include "import/import_target.h"

typedef enum OmenPlanKind
{
	OMEN_PLAN_BY_POSITION,		/* CSV */
	OMEN_PLAN_BY_KEY,			/* JSON Lines */
	OMEN_PLAN_VECTOR			/* one field of floats */
} OmenPlanKind;

typedef struct OmenImportPlan
{
	OmenPlanKind kind;
	OmenTarget	target;
	OmenColumn *columns;		/* those that are filled; names belong to target */
	uint32_t	column_count;
	int32_t    *slots;			/* CSV: the column of each field, -1 for one left out */
	uint32_t	slot_count;
	bool		other_keys;		/* JSON Lines: keys without a column are passed over */
	bool		numbered;		/* fvecs, npy: column 1 takes the row number */
	char		number_text[24];
	OmenField  *values;			/* one record, as the columns want it */
} OmenImportPlan;

/*
 * Finds or creates the table and settles what goes where.  The reader has
 * begun; its source's window may be read ahead but is not consumed.  Runs
 * inside the import's transaction.
 */
bool		omen_plan_make(OmenImportPlan *plan, PGconn *connection, OmenReader *reader,
						   const OmenImportOptions *options, OmenComplaint *complaint);
void		omen_plan_free(OmenImportPlan *plan);

/* Puts the record's fields into plan->values, in the order of plan->columns. */
OmenStatus	omen_plan_place(OmenImportPlan *plan, const OmenRecord *record, OmenError *err);

/*
 * The names in "a,b,\"c d\"" one by one: copies the next into name[size] and
 * moves *list on; false at the end or when it cannot be read, which *bad tells
 * apart.
 */
bool		omen_plan_next_name(const char **list, char *name, size_t size, bool *bad);

#endif							/* OMEN_IMPORT_PLAN_H */
