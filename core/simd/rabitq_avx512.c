/*
 * rabitq_avx512.c - scoring RaBitQ codes, two byte positions a register.
 *
 * The lookup table of two positions is one register of 64 entries: low
 * nibbles of the first in entries 0-15, its high ones in 16-31, the second
 * position's in 32-63.  VPERMB (VBMI) looks up in all 64 by six-bit index, so
 * the nibble only needs its quarter's number above it, and the table is used
 * as it lies in memory.  A byte lane sees one position a step, two lookups of
 * at most 31: four steps fit eight bits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx512.h"
#include "rabitq_query.h"
#include "simd_kernels.h"

/*
 * Positions until a 16-bit sum of entries must be emptied: each half of the
 * register sees every other one, so 2 * 31 * 1,024 < 2^16.
 */
#define POSITIONS_BEFORE_FLUSH 2048
#define PREFETCH_BYTES 1024

#define TERNARY_AND_OR 0xea		/* (a & b) | c */

/* Sum of the two lookups of each byte; `codes` and `lut` hold two positions. */
static inline __m512i
score_pair(__m512i lut, __m512i codes)
{
	const __m512i nibble = _mm512_set1_epi8(15);
	const __m512i low_quarter = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi8(32), 1);
	const __m512i high_quarter = _mm512_inserti64x4(_mm512_set1_epi8(16), _mm256_set1_epi8(48), 1);
	__m512i		low = _mm512_ternarylogic_epi64(codes, nibble, low_quarter, TERNARY_AND_OR);
	__m512i		high = _mm512_ternarylogic_epi64(_mm512_srli_epi16(codes, 4), nibble, high_quarter, TERNARY_AND_OR);

	return _mm512_add_epi8(_mm512_permutexvar_epi8(low, lut), _mm512_permutexvar_epi8(high, lut));
}

static inline __m512i
load_and_score_pair(const uint8_t *lut, const uint8_t *codes)
{
	return score_pair(_mm512_loadu_si512(lut), _mm512_loadu_si512(codes));
}

/* Both halves of sixteen-bit lanes, added, as 32-bit lanes. */
static inline __m512i
add_halves(__m512i v)
{
	return _mm512_add_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(v)),
							_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(v, 1)));
}

static inline void
flush_sums(__m512i even, __m512i odd, uint32_t sums[OMEN_BLOCK_CODES])
{
	const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
	const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
	__m512i		e = add_halves(even);
	__m512i		o = add_halves(odd);

	_mm512_storeu_si512(sums, _mm512_add_epi32(_mm512_loadu_si512(sums),
											   _mm512_permutex2var_epi32(e, first, o)));
	_mm512_storeu_si512(sums + 16, _mm512_add_epi32(_mm512_loadu_si512(sums + 16),
													_mm512_permutex2var_epi32(e, second, o)));
}

void
omen_lut_scan_avx512(const uint8_t *lut, const uint8_t *codes, uint32_t positions,
					 uint32_t sums[OMEN_BLOCK_CODES])
{
	while (positions > 0)
	{
		uint32_t	run = positions < POSITIONS_BEFORE_FLUSH ? positions : POSITIONS_BEFORE_FLUSH;
		__m512i		pairs = _mm512_setzero_si512();	/* even + 256 * odd, mod 2^16 */
		__m512i		odd = _mm512_setzero_si512();
		__m512i		sum;
		uint32_t	p = 0;

		for (; p + 8 <= run; p += 8)
		{
			_mm_prefetch((const char *) codes + PREFETCH_BYTES, _MM_HINT_T0);
			_mm_prefetch((const char *) codes + PREFETCH_BYTES + 64, _MM_HINT_T0);
			_mm_prefetch((const char *) codes + PREFETCH_BYTES + 128, _MM_HINT_T0);
			_mm_prefetch((const char *) codes + PREFETCH_BYTES + 192, _MM_HINT_T0);
			sum = load_and_score_pair(lut, codes);
			sum = _mm512_add_epi8(sum, load_and_score_pair(lut + 64, codes + 64));
			sum = _mm512_add_epi8(sum, load_and_score_pair(lut + 128, codes + 128));
			sum = _mm512_add_epi8(sum, load_and_score_pair(lut + 192, codes + 192));
			pairs = _mm512_add_epi16(pairs, sum);
			odd = _mm512_add_epi16(odd, _mm512_srli_epi16(sum, 8));
			lut += 256;
			codes += 256;
		}
		sum = _mm512_setzero_si512();
		for (; p < run; p += 2)	/* the block's last seven at most, the last perhaps alone */
		{
			__mmask64	mask = mask_up_to_64((run - p) * 32);

			/* where nothing is loaded, every entry is zero */
			sum = _mm512_add_epi8(sum, _mm512_maskz_mov_epi8(mask, score_pair(_mm512_maskz_loadu_epi8(mask, lut),
																			  _mm512_maskz_loadu_epi8(mask, codes))));
			lut += 64;
			codes += 64;
		}
		pairs = _mm512_add_epi16(pairs, sum);
		odd = _mm512_add_epi16(odd, _mm512_srli_epi16(sum, 8));
		flush_sums(_mm512_sub_epi16(pairs, _mm512_slli_epi16(odd, 8)), odd, sums);
		positions -= run;
	}
}

int32_t
omen_dot_u4_i16_avx512(const uint8_t *code, const int16_t *query, uint32_t dim)
{
	const __m512i nibbles = _mm512_set1_epi32(0x000f000f);
	__m512i		sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
	uint32_t	i = 0;

	for (; i + 64 <= dim; i += 64)
		for (int lane = 0; lane < 2; lane++)
		{
			/* a byte in each 32 bits: its low nibble stays, its high one goes to bit 16 */
			__m512i		wide = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *) (code + i / 2 + 16 * lane)));
			__m512i		split = _mm512_and_si512(_mm512_or_si512(wide, _mm512_slli_epi32(wide, 12)), nibbles);

			sum[lane] = _mm512_dpwssd_epi32(sum[lane], split, _mm512_loadu_si512(query + i + 32 * lane));
		}
	for (; i < dim; i += 32)
	{
		__mmask16	mask = mask_up_to_16((dim - i) / 2);
		__m512i		wide = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, code + i / 2));
		__m512i		split = _mm512_and_si512(_mm512_or_si512(wide, _mm512_slli_epi32(wide, 12)), nibbles);

		sum[0] = _mm512_dpwssd_epi32(sum[0], split, _mm512_maskz_loadu_epi32(mask, query + i));
	}
	return _mm512_reduce_add_epi32(_mm512_add_epi32(sum[0], sum[1]));
}

int32_t
omen_dot_u8_i16_avx512(const uint8_t *code, const int16_t *query, uint32_t dim)
{
	__m512i		sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
	uint32_t	i = 0;

	for (; i + 64 <= dim; i += 64)
		for (int lane = 0; lane < 2; lane++)
		{
			__m512i		wide = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *) (code + i + 32 * lane)));

			sum[lane] = _mm512_dpwssd_epi32(sum[lane], wide, _mm512_loadu_si512(query + i + 32 * lane));
		}
	for (; i < dim; i += 32)
	{
		__mmask32	mask = (__mmask32) mask_up_to_64(dim - i);
		__m512i		wide = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(mask, code + i));

		sum[0] = _mm512_dpwssd_epi32(sum[0], wide, _mm512_maskz_loadu_epi16(mask, query + i));
	}
	return _mm512_reduce_add_epi32(_mm512_add_epi32(sum[0], sum[1]));
}

void
omen_lut_fill_avx512(const float *query, uint32_t dim, float inverse, uint8_t *lut)
{
	const __m512 scale = _mm512_set1_ps(inverse);

	for (uint32_t i = 0; i < dim; i += 4)
	{
		const float *q = query + i;
		__m512		entry = _mm512_set1_ps(lut_offset(q));
		__m512i		level;

		/* Entry k has the coordinates whose bit is set in k. */
		entry = _mm512_mask_add_ps(entry, 0xAAAA, entry, _mm512_set1_ps(q[0]));
		entry = _mm512_mask_add_ps(entry, 0xCCCC, entry, _mm512_set1_ps(q[1]));
		entry = _mm512_mask_add_ps(entry, 0xF0F0, entry, _mm512_set1_ps(q[2]));
		entry = _mm512_mask_add_ps(entry, 0xFF00, entry, _mm512_set1_ps(q[3]));
		level = _mm512_cvttps_epi32(_mm512_fmadd_ps(entry, scale, _mm512_set1_ps(0.5f)));
		level = _mm512_max_epi32(level, _mm512_setzero_si512());
		level = _mm512_min_epi32(level, _mm512_set1_epi32(OMEN_LUT_MAX));
		_mm_storeu_si128((__m128i *) (lut + i * 4), _mm512_cvtepi32_epi8(level));
	}
}

void
omen_i16_from_f32_avx512(int16_t *out, const float *in, float inverse, uint32_t dim)
{
	i16_from_f32(out, in, inverse, dim);
}

uint32_t
omen_sum_bounds_avx512(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
					   const float add[OMEN_BLOCK_CODES], const uint16_t scale[OMEN_BLOCK_CODES],
					   const uint16_t error[OMEN_BLOCK_CODES], float worst,
					   float estimate[OMEN_BLOCK_CODES], float lower[OMEN_BLOCK_CODES])
{
	return sum_bounds(sums, terms, add, scale, error, worst, estimate, lower);
}

void
omen_sum_estimates_avx512(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
						  const float add[OMEN_BLOCK_CODES], const float scale[OMEN_BLOCK_CODES],
						  float estimate[OMEN_BLOCK_CODES])
{
	sum_estimates(sums, terms, add, scale, estimate);
}
