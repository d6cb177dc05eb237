/*
 * store_shape.c - what columns the points need.
 *
 * A vector without a name goes into "embedding", one with a name into a column
 * of that name.  An array of numbers is a vector, {indices, values} a sparsevec,
 * an array of arrays stays JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "stores/store_parts.h"

/* sparsevec's dimensions; hashed words (BM25) may lie past them. */
#define SPARSE_DIM 1000000000L

static bool
within_sparsevec(OmenJson value)
{
	OmenJsonWalk walk = omen_json_walk(omen_json_find(value, "indices"));

	while (omen_json_step(&walk))
		if (strtoll(walk.value.data, NULL, 10) >= SPARSE_DIM)
			return false;
	return true;
}

static uint32_t
count_elements(OmenJson array)
{
	OmenJsonWalk walk = omen_json_walk(array);
	uint32_t	count = 0;

	while (omen_json_step(&walk))
		count++;
	return count;
}

static bool
observe_vector(OmenStoreRun *run, OmenJson name, OmenJson value)
{
	char		text[64] = "";
	OmenVectorName *vector;
	OmenVectorShape shape;
	OmenJsonWalk walk = omen_json_walk(value);
	uint32_t	dim;

	if (name.data != NULL && !omen_json_copy(name, text, sizeof(text)))
		return omen_complain(run->complaint, "point %lld: the name of a vector is longer than a column's can be",
							 (long long) run->place);
	vector = omen_store_vector(run, text);
	if (vector == NULL)
		return false;
	if (walk.object)
		shape = within_sparsevec(value) ? OMEN_SHAPE_SPARSE : OMEN_SHAPE_JSON;
	else
		shape = omen_json_step(&walk) && omen_json_kind(walk.value) == '[' ? OMEN_SHAPE_JSON : OMEN_SHAPE_DENSE;
	if (vector->shape == OMEN_SHAPE_UNKNOWN)
		vector->shape = shape;
	if (vector->shape != shape)
		vector->shape = OMEN_SHAPE_JSON;
	if (shape != OMEN_SHAPE_DENSE)
		return true;
	dim = count_elements(value);
	if (vector->dim != 0 && dim != vector->dim)
	{
		omen_complain(run->complaint, "point %lld has %u dimensions, and others have %u", (long long) run->place, dim,
					  vector->dim);
		return omen_advise(run->complaint, "A column of vectors has one number of dimensions: take the points apart.");
	}
	vector->dim = dim;
	return true;
}

bool
omen_store_observe(OmenStoreRun *run, const OmenPoint *point)
{
	for (int i = 0; i < point->vector_count; i++)
		if (!observe_vector(run, point->vectors[i].name, point->vectors[i].value))
			return false;
	return true;
}

static bool
is_taken(const OmenStoreRun *run, int before, const char *name)
{
	static const char *const others[] = {"id", "metadata", "document", "uri"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(others[i], name) == 0)
			return true;
	for (int i = 0; i < before; i++)
		if (strcmp(run->vectors[i].column, name) == 0)
			return true;
	return false;
}

bool
omen_store_name_columns(OmenStoreRun *run)
{
	for (int i = 0; i < run->vector_count; i++)
	{
		OmenVectorName *vector = &run->vectors[i];

		strcpy(vector->column, vector->name[0] != '\0' ? vector->name : "embedding");
		if (is_taken(run, i, vector->column))
			snprintf(vector->column, sizeof(vector->column), "vector_%.56s", vector->name);
		if (is_taken(run, i, vector->column))
			return omen_complain(run->complaint, "two vectors would go into the column %s", vector->column);
	}
	return true;
}
