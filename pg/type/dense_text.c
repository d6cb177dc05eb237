/*
 * dense_text.c - reading and writing [1,2.5,-3e-2].
 *
 * One pass over the literal: most of the time of loading embeddings as text
 * goes here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "type/dense_text.h"
#include "type/float_text.h"
#include "utils/array.h"

/* The element at `text`, which runs to `next`, is infinite, NaN or too large: says which. */
static int
element_error(const char *text, const char *next, float value, bool out_of_range,
			  const OmenDenseType *type, Node *context)
{
	if (isnan(value))
		OMEN_INPUT_ERROR(context, 0,
						 (errcode(ERRCODE_DATA_EXCEPTION),
						  errmsg("NaN not allowed in %s", type->name)));
	if (isinf(value) && !out_of_range)
		OMEN_INPUT_ERROR(context, 0,
						 (errcode(ERRCODE_DATA_EXCEPTION),
						  errmsg("infinite value not allowed in %s", type->name)));
	OMEN_INPUT_ERROR(context, 0,
					 (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					  errmsg("\"%s\" is out of range for type %s",
							 pnstrdup(text, next - text), type->name)));
}

static int
syntax_error(const char *literal, const OmenDenseType *type, const char *detail, Node *context)
{
	OMEN_INPUT_ERROR(context, 0,
					 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					  errmsg("invalid input syntax for type %s: \"%s\"", type->name, literal),
					  detail != NULL ? errdetail("%s", detail) : 0));
}

int
omen_dense_parse(const char *literal, int32 typmod, const OmenDenseType *type,
				 float *values, Node *context)
{
	const char *end = literal + strlen(literal);
	const char *text = omen_skip_space(literal);
	int			dim = 0;

	if (*text != '[')
		return syntax_error(literal, type, "The value must start with \"[\".", context);
	text = omen_skip_space(text + 1);
	if (*text == ']')
		OMEN_INPUT_ERROR(context, 0,
						 (errcode(ERRCODE_DATA_EXCEPTION),
						  errmsg("%s must have at least 1 dimension", type->name)));

	for (;;)
	{
		const char *next;
		bool		out_of_range;

		if (dim == type->dim_max)
			OMEN_INPUT_ERROR(context, 0,
							 (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							  errmsg("%s cannot have more than %d dimensions", type->name, type->dim_max)));

		next = omen_float_text(text, end, &values[dim], &out_of_range);
		if (next == NULL)
			return syntax_error(literal, type, NULL, context);
		/* written so that NaN fails it too */
		if (unlikely(!(fabsf(values[dim]) < type->overflow)))
			return element_error(text, next, values[dim], out_of_range, type, context);
		dim++;

		text = omen_skip_space(next);
		if (*text == ']')
			break;
		if (*text != ',')
			return syntax_error(literal, type, NULL, context);
		text = omen_skip_space(text + 1);
	}

	if (*omen_skip_space(text + 1) != '\0')
		return syntax_error(literal, type, "There is text after the closing \"]\".", context);
	if (typmod != -1 && typmod != dim)
		OMEN_INPUT_ERROR(context, 0,
						 (errcode(ERRCODE_DATA_EXCEPTION),
						  errmsg("expected %d dimensions, not %d", typmod, dim)));
	return dim;
}

char *
omen_dense_print(const float *values, int dim)
{
	/* FLOAT_SHORTEST_DECIMAL_LEN counts a NUL, whose place the comma takes */
	char	   *literal = palloc((Size) dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
	char	   *at = literal;

	*at++ = '[';
	for (int i = 0; i < dim; i++)
	{
		if (i > 0)
			*at++ = ',';
		at += float_to_shortest_decimal_bufn(values[i], at);
	}
	*at++ = ']';
	*at = '\0';
	return literal;
}

int32
omen_typmod_in(ArrayType *modifiers, const char *type_name, int dim_max)
{
	int			count;
	int32	   *numbers = ArrayGetIntegerTypmods(modifiers, &count);

	if (count != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type modifier")));
	if (numbers[0] < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type %s must be at least 1", type_name)));
	if (numbers[0] > dim_max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type %s cannot exceed %d", type_name, dim_max)));
	return numbers[0];
}
