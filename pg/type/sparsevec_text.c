/*
 * sparsevec_text.c - the text form of sparsevec: {1:0.5,7:-2}/10.
 *
 * Elements may come in any order and zeros may be written out; they are kept
 * in order and without zeros.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "type/dense_text.h"
#include "type/float_text.h"
#include "type/sparsevec.h"
#include "utils/builtins.h"

typedef struct Element
{
	int32		index;			/* from 0; anything when the text was out of bounds */
	float		value;
} Element;

typedef struct ElementList
{
	Element    *elements;
	int			count;
	int			capacity;
	bool		ascending;
} ElementList;

/* Characters an int32 takes at most, with its sign. */
#define INT_TEXT_LEN 11

static void
append_element(ElementList *list, int32 index, float value)
{
	if (list->count == list->capacity)
	{
		list->capacity *= 2;
		list->elements = repalloc(list->elements, sizeof(Element) * list->capacity);
	}
	if (list->count > 0 && index <= list->elements[list->count - 1].index)
		list->ascending = false;
	list->elements[list->count].index = index;
	list->elements[list->count].value = value;
	list->count++;
}

/*
 * Reads an integer as strtol would, keeping it within -PG_INT32_MAX..PG_INT32_MAX: what
 * is too large is out of bounds later anyway.  NULL when there is none.
 */
static const char *
int_text(const char *text, int32 *value)
{
	bool		negative = *text == '-';
	int64		magnitude = 0;

	if (*text == '-' || *text == '+')
		text++;
	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++)
		magnitude = Min(magnitude * 10 + (*text - '0'), PG_INT32_MAX);
	*value = (int32) (negative ? -magnitude : magnitude);
	return text;
}

static const char *
syntax_error(const char *literal, const char *detail, Node *context)
{
	OMEN_INPUT_ERROR(context, NULL,
					 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					  errmsg("invalid input syntax for type sparsevec: \"%s\"", literal),
					  detail != NULL ? errdetail("%s", detail) : 0));
}

/* Reads "index:value" at `text` into the list.  Returns what follows, or NULL after a soft error. */
static const char *
parse_element(const char *literal, const char *text, const char *end, ElementList *list, Node *context)
{
	int32		index;
	float		value;
	bool		out_of_range;
	const char *next = int_text(text, &index);

	if (next == NULL)
		return syntax_error(literal, NULL, context);
	next = omen_skip_space(next);
	if (*next != ':')
		return syntax_error(literal, NULL, context);

	text = omen_skip_space(next + 1);
	next = omen_float_text(text, end, &value, &out_of_range);
	if (next == NULL)
		return syntax_error(literal, NULL, context);
	if (out_of_range)
		OMEN_INPUT_ERROR(context, NULL,
						 (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						  errmsg("\"%s\" is out of range for type sparsevec", pnstrdup(text, next - text))));
	if (isnan(value))
		OMEN_INPUT_ERROR(context, NULL,
						 (errcode(ERRCODE_DATA_EXCEPTION),
						  errmsg("NaN not allowed in sparsevec")));
	if (isinf(value))
		OMEN_INPUT_ERROR(context, NULL,
						 (errcode(ERRCODE_DATA_EXCEPTION),
						  errmsg("infinite value not allowed in sparsevec")));

	if (value != 0)
		append_element(list, index - 1, value);
	return next;
}

/* Reads "{...}" at `text`.  Returns what follows, or NULL after a soft error. */
static const char *
parse_elements(const char *literal, const char *text, const char *end, ElementList *list, Node *context)
{
	int			written = 0;	/* zeros included */

	if (*text != '{')
		return syntax_error(literal, "The value must start with \"{\".", context);
	text = omen_skip_space(text + 1);
	if (*text == '}')
		return text + 1;

	for (;;)
	{
		if (++written > SPARSEVEC_MAX_NNZ)
			OMEN_INPUT_ERROR(context, NULL,
							 (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							  errmsg("sparsevec cannot have more than %d non-zero elements", SPARSEVEC_MAX_NNZ)));
		text = parse_element(literal, text, end, list, context);
		if (text == NULL)
			return NULL;

		text = omen_skip_space(text);
		if (*text == '}')
			return text + 1;
		if (*text != ',')
			return syntax_error(literal, NULL, context);
		text = omen_skip_space(text + 1);
	}
}

/* Reads "/dim" at `text`, which must end the literal.  False after a soft error. */
static bool
parse_dim(const char *literal, const char *text, int32 typmod, int32 *dim, Node *context)
{
	if (*text != '/')
		return syntax_error(literal, "The elements must be followed by \"/\" and the number of dimensions.",
							context) != NULL;
	text = int_text(omen_skip_space(text + 1), dim);
	if (text == NULL)
		return syntax_error(literal, NULL, context) != NULL;
	if (*omen_skip_space(text) != '\0')
		return syntax_error(literal, "There is text after the number of dimensions.", context) != NULL;

	if (*dim < 1)
		OMEN_INPUT_ERROR(context, false,
						 (errcode(ERRCODE_DATA_EXCEPTION),
						  errmsg("sparsevec must have at least 1 dimension")));
	if (*dim > SPARSEVEC_MAX_DIM)
		OMEN_INPUT_ERROR(context, false,
						 (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						  errmsg("sparsevec cannot have more than %d dimensions", SPARSEVEC_MAX_DIM)));
	if (typmod != -1 && typmod != *dim)
		OMEN_INPUT_ERROR(context, false,
						 (errcode(ERRCODE_DATA_EXCEPTION),
						  errmsg("expected %d dimensions, not %d", typmod, *dim)));
	return true;
}

static int
compare_elements(const void *a, const void *b)
{
	int32		index_a = ((const Element *) a)->index;
	int32		index_b = ((const Element *) b)->index;

	return (index_a > index_b) - (index_a < index_b);
}

/* Every position within the vector, none twice; the list is in order.  False after a soft error. */
static bool
check_positions(const ElementList *list, int32 dim, Node *context)
{
	for (int i = 0; i < list->count; i++)
	{
		if (list->elements[i].index < 0 || list->elements[i].index >= dim)
			OMEN_INPUT_ERROR(context, false,
							 (errcode(ERRCODE_DATA_EXCEPTION),
							  errmsg("sparsevec index out of bounds")));
		if (i > 0 && list->elements[i].index == list->elements[i - 1].index)
			OMEN_INPUT_ERROR(context, false,
							 (errcode(ERRCODE_DATA_EXCEPTION),
							  errmsg("sparsevec indices must not contain duplicates")));
	}
	return true;
}

OMEN_FUNCTION(sparsevec_in);
Datum
sparsevec_in(PG_FUNCTION_ARGS)
{
	const char *literal = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	ElementList list = {palloc(sizeof(Element) * 64), 0, 64, true};
	const char *text;
	int32		dim;
	SparseVector *vec;

	text = parse_elements(literal, omen_skip_space(literal), literal + strlen(literal), &list, fcinfo->context);
	if (text == NULL || !parse_dim(literal, omen_skip_space(text), typmod, &dim, fcinfo->context))
		PG_RETURN_NULL();
	if (!list.ascending)
		qsort(list.elements, list.count, sizeof(Element), compare_elements);
	if (!check_positions(&list, dim, fcinfo->context))
		PG_RETURN_NULL();

	vec = omen_sparsevec_new(dim, list.count);
	for (int i = 0; i < list.count; i++)
	{
		vec->indices[i] = list.elements[i].index;
		SPARSEVEC_VALUES(vec)[i] = list.elements[i].value;
	}
	pfree(list.elements);
	PG_RETURN_SPARSEVEC_P(vec);
}

OMEN_FUNCTION(sparsevec_out);
Datum
sparsevec_out(PG_FUNCTION_ARGS)
{
	SparseVector *vec = PG_GETARG_SPARSEVEC_P(0);
	const float *values = SPARSEVEC_VALUES(vec);

	/* an element: position, colon, value and comma, for which the latter's NUL makes room */
	char	   *literal = palloc((INT_TEXT_LEN + 1 + FLOAT_SHORTEST_DECIMAL_LEN) * (Size) vec->nnz +
								 INT_TEXT_LEN + sizeof("{}/"));
	char	   *at = literal;

	*at++ = '{';
	for (int i = 0; i < vec->nnz; i++)
	{
		if (i > 0)
			*at++ = ',';
		at += pg_ltoa(vec->indices[i] + 1, at);
		*at++ = ':';
		at += float_to_shortest_decimal_bufn(values[i], at);
	}
	*at++ = '}';
	*at++ = '/';
	at += pg_ltoa(vec->dim, at);
	*at = '\0';

	PG_FREE_IF_COPY(vec, 0);
	PG_RETURN_CSTRING(literal);
}

OMEN_FUNCTION(sparsevec_typmod_in);
Datum
sparsevec_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(omen_typmod_in(PG_GETARG_ARRAYTYPE_P(0), "sparsevec", SPARSEVEC_MAX_DIM));
}
