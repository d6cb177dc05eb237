/*
 * row_function.c - bench_row(source text, row bigint) returns vector: a row by
 * its number, for an index over an expression where no table could hold the rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "row_source.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(bench_row);

/* As pgvector's type "vector" lies in memory. */
typedef struct RowVector
{
	int32		length;
	int16		dim;
	int16		unused;
	float		x[FLEXIBLE_ARRAY_MEMBER];
} RowVector;

/* The source is opened once a backend, for the name it was first called with. */
Datum
bench_row(PG_FUNCTION_ARGS)
{
	static BenchRows rows;
	static char name[64];
	text	   *source = PG_GETARG_TEXT_PP(0);
	int64		row = PG_GETARG_INT64(1);
	int			length = VARSIZE_ANY_EXHDR(source);
	RowVector  *vector;
	Size		bytes;

	if (strncmp(name, VARDATA_ANY(source), length) != 0 || name[length] != '\0' || length == 0)
	{
		if (name[0] != '\0' || length == 0 || length >= (int) sizeof(name))
			elog(ERROR, "one source a session, of at most %zu characters", sizeof(name) - 1);
		text_to_cstring_buffer(source, name, sizeof(name));
		if (!bench_rows_open(name, "rows", &rows))
		{
			name[0] = '\0';
			elog(ERROR, "no such source; the server's log says why");
		}
	}
	if (row < 0 || (uint64) row >= rows.count)
		elog(ERROR, "row " INT64_FORMAT " of " UINT64_FORMAT, row, rows.count);
	bytes = offsetof(RowVector, x) + rows.dim * sizeof(float);
	vector = palloc(bytes);
	SET_VARSIZE(vector, bytes);
	vector->dim = (int16) rows.dim;
	vector->unused = 0;
	rows.read(&rows, row, 1, vector->x);
	PG_RETURN_POINTER(vector);
}
