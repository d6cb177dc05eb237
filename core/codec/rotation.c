/*
 * rotation.c - random signs, then a flat orthogonal matrix, three times.
 *
 * The padded length is m x 2^k with m odd.  The flat matrix is the Kronecker
 * product of the m x m discrete Hartley matrix (Bracewell 1983: entries
 * cas(2 pi i j / m) / sqrt m, symmetric and orthogonal) and the 2^k Hadamard
 * matrix, so no length has to be padded to a power of two.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/random.h"
#include "omen/rotation.h"
#include "omen/simd.h"

#define ROUNDS 3

OmenStatus
omen_rotation_init(OmenRotation *rotation, OmenArena *arena, uint32_t dim, uint64_t seed)
{
	uint32_t	padded = omen_dim_padded(dim);
	uint32_t	block = padded & -padded;
	uint32_t	count = padded / block;
	OmenRandom	random = {seed};
	uint32_t   *signs = omen_arena_alloc(arena, (size_t) ROUNDS * padded, sizeof(uint32_t));
	float	   *mix = NULL;

	if (signs == NULL)
		return OMEN_NO_MEMORY;
	for (uint32_t word = 0; word < ROUNDS * padded / 64; word++)
	{
		uint64_t	bits = omen_random_next(&random);

		for (uint32_t i = 0; i < 64; i++)
			signs[word * 64 + i] = (uint32_t) (bits >> i & 1) << 31;
	}
	if (count > 1)
	{
		mix = omen_arena_alloc(arena, (size_t) count * count, sizeof(float));
		if (mix == NULL)
			return OMEN_NO_MEMORY;
		for (uint32_t i = 0; i < count; i++)
			for (uint32_t j = 0; j < count; j++)
			{
				double		angle = 2.0 * M_PI * (double) ((uint64_t) i * j % count) / count;

				mix[(size_t) i * count + j] = (float) ((cos(angle) + sin(angle)) / sqrt(count));
			}
	}
	*rotation = (OmenRotation) {dim, padded, block, count, signs, mix, 1.0f};
	return OMEN_OK;
}

typedef uint32_t __attribute__((may_alias)) FloatBits;

/* Flips the sign bit rather than multiplying: exact, NaN included. */
static void
flip_signs(float *values, const uint32_t *restrict signs, uint32_t dim)
{
	FloatBits  *restrict bits = (FloatBits *) values;

	for (uint32_t i = 0; i < dim; i++)
		bits[i] ^= signs[i];
}

/* Columns multiplied together: the width of the widest vector register. */
#define COLUMNS 16

/*
 * Multiplies the m x 2^k matrix of values (row per block) by the Hartley matrix
 * from the left.  Sums run in the order of j, so that every build of the
 * library rotates alike.
 */
static void
mix_blocks(const OmenRotation *rotation, float *values, float *in)
{
	uint32_t	count = rotation->block_count;
	uint32_t	block = rotation->block;

	for (uint32_t column = 0; column < block; column += COLUMNS)
	{
		for (uint32_t i = 0; i < count; i++)
			memcpy(in + i * COLUMNS, values + (size_t) i * block + column, COLUMNS * sizeof(float));
		for (uint32_t i = 0; i < count; i++)
		{
			const float *row = rotation->mix + (size_t) i * count;
			float		sum[COLUMNS] = {0};

			for (uint32_t j = 0; j < count; j++)
				for (uint32_t c = 0; c < COLUMNS; c++)
					sum[c] += row[j] * in[j * COLUMNS + c];
			memcpy(values + (size_t) i * block + column, sum, sizeof(sum));
		}
	}
}

/* The common case of three blocks (384, 768, 1536, 3072 dimensions), a row at a time. */
static void
mix_three(const float *mix, float *values, uint32_t block)
{
	float	   *a = values;
	float	   *b = values + block;
	float	   *c = values + 2 * block;

	for (uint32_t i = 0; i < block; i++)
	{
		float		x = a[i];
		float		y = b[i];
		float		z = c[i];

		a[i] = mix[0] * x + mix[1] * y + mix[2] * z;
		b[i] = mix[3] * x + mix[4] * y + mix[5] * z;
		c[i] = mix[6] * x + mix[7] * y + mix[8] * z;
	}
}

void
omen_rotation_apply(const OmenRotation *rotation, const float *in, float *out, float *scratch)
{
	uint32_t	dim = rotation->dim_padded;
	float		scale = 1.0f / sqrtf((float) rotation->block);

	memcpy(out, in, rotation->dim * sizeof(float));
	memset(out + rotation->dim, 0, (dim - rotation->dim) * sizeof(float));
	for (uint32_t round = 0; round < ROUNDS; round++)
	{
		flip_signs(out, rotation->signs + (size_t) round * dim, dim);
		for (uint32_t b = 0; b < rotation->block_count; b++)
			omen_simd->hadamard_f32(out + b * rotation->block, rotation->block);
		if (rotation->block_count == 3)
			mix_three(rotation->mix, out, rotation->block);
		else if (rotation->block_count > 1)
			mix_blocks(rotation, out, scratch);
		/* Each round's scale at once, so that large inputs do not overflow on the way. */
		if (round == ROUNDS - 1)
			scale *= rotation->unit;
		for (uint32_t i = 0; i < dim; i++)
			out[i] *= scale;
	}
}
