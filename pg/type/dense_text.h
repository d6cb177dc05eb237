/*
 * dense_text.h - the text form of vector and halfvec: [1,2.5,-3e-2].
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_DENSE_TEXT_H
#define OMEN_DENSE_TEXT_H

#include "compat.h"

#include "nodes/nodes.h"
#include "utils/array.h"

/* What the parser must know of the type it reads. */
typedef struct OmenDenseType
{
	const char *name;			/* for messages */
	int			dim_max;
	float		overflow;		/* the smallest magnitude the element type cannot hold */
} OmenDenseType;

/*
 * Reads `literal` into `values`, which has room for dim_max floats, and checks
 * everything the type demands, typmod included.  Returns the number of
 * elements.  Errors go to `context` as OMEN_INPUT_ERROR says; then 0 comes back.
 */
extern int	omen_dense_parse(const char *literal, int32 typmod, const OmenDenseType *type,
							 float *values, Node *context);

/* The text form of `dim` finite floats, shortest digits that read back equal; palloc'd. */
extern char *omen_dense_print(const float *values, int dim);

/* The typmod of a type modifier list: one integer, 1 to dim_max. */
extern int32 omen_typmod_in(ArrayType *modifiers, const char *type_name, int dim_max);

#endif							/* OMEN_DENSE_TEXT_H */
