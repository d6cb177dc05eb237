/*
 * bit_distance.c - distances between bit strings, and bit strings from signs.
 *
 * PostgreSQL keeps the bits past a string's length zero, so whole bytes may be
 * counted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "omen/simd.h"
#include "type/bits.h"

VarBit *
omen_bits_new(int count)
{
	Size		size = VARBITTOTALLEN((Size) count);
	VarBit	   *result = palloc0(size);

	SET_VARSIZE(result, size);
	VARBITLEN(result) = count;
	return result;
}

void
omen_bits_set_positive(bits8 *bits, const float *values, int count)
{
	for (int i = 0; i < count; i++)
		bits[i / 8] |= (values[i] > 0) << (7 - i % 8);
}

static void
check_same_length(VarBit *a, VarBit *b)
{
	if (VARBITLEN(a) != VARBITLEN(b))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different bit lengths %u and %u", VARBITLEN(a), VARBITLEN(b))));
}

OMEN_FUNCTION(bit_hamming_distance);
Datum
bit_hamming_distance(PG_FUNCTION_ARGS)
{
	VarBit	   *a = PG_GETARG_VARBIT_P(0);
	VarBit	   *b = PG_GETARG_VARBIT_P(1);

	check_same_length(a, b);
	PG_RETURN_FLOAT8((double) omen_simd->hamming_bits(VARBITS(a), VARBITS(b), VARBITBYTES(a)));
}

/* 1 - |a AND b| / |a OR b|; 1, not undefined, when both are all zeros. */
OMEN_FUNCTION(bit_jaccard_distance);
Datum
bit_jaccard_distance(PG_FUNCTION_ARGS)
{
	VarBit	   *a = PG_GETARG_VARBIT_P(0);
	VarBit	   *b = PG_GETARG_VARBIT_P(1);
	uint64_t	both;
	uint64_t	either;

	check_same_length(a, b);
	omen_simd->jaccard_bits(VARBITS(a), VARBITS(b), VARBITBYTES(a), &both, &either);
	if (both == 0)
		PG_RETURN_FLOAT8(1.0);
	PG_RETURN_FLOAT8(1.0 - (double) both / (double) either);
}
