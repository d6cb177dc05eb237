/*
 * rabitq_avx2.c - scoring RaBitQ codes, 32 codes a register.
 *
 * A position's 32 bytes are looked up nibble by nibble in two tables of 16
 * entries (after Andre, Kermarrec, Le Scouarnec, "Cache locality is not
 * enough", VLDB 2015).  Entries are at most 31, so four positions, eight
 * lookups, fit eight bits; then they are widened to sixteen, and those are
 * added to the caller's sums before they can overflow.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx2.h"
#include "rabitq_query.h"
#include "simd_kernels.h"

/* Positions until a 16-bit sum of entries must be emptied: 2 * 31 * 1,024 < 2^16. */
#define POSITIONS_BEFORE_FLUSH 1024
/* How far ahead of the scan to ask for codes. */
#define PREFETCH_BYTES 1024

static inline __m256i
score_position(const uint8_t *lut, const uint8_t *codes)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i		row = _mm256_loadu_si256((const __m256i *) codes);
	__m256i		table_low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) lut));
	__m256i		table_high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) (lut + 16)));

	return _mm256_add_epi8(_mm256_shuffle_epi8(table_low, _mm256_and_si256(row, nibble)),
						   _mm256_shuffle_epi8(table_high, _mm256_and_si256(_mm256_srli_epi16(row, 4), nibble)));
}

/* sums[first..first + 7] += the eight values */
static inline void
add_to_sums(uint32_t *sums, __m256i values)
{
	_mm256_storeu_si256((__m256i *) sums,
						_mm256_add_epi32(_mm256_loadu_si256((const __m256i *) sums), values));
}

/* Sums of codes 0, 2, 4, ... and of 1, 3, 5, ..., as sixteen 16-bit numbers each. */
static inline void
flush_sums(__m256i even, __m256i odd, uint32_t sums[OMEN_BLOCK_CODES])
{
	/* in each half: codes 0-7 (then 16-23), and 8-15 (then 24-31) */
	__m256i		first = _mm256_unpacklo_epi16(even, odd);
	__m256i		second = _mm256_unpackhi_epi16(even, odd);

	add_to_sums(sums, _mm256_cvtepu16_epi32(_mm256_castsi256_si128(first)));
	add_to_sums(sums + 8, _mm256_cvtepu16_epi32(_mm256_castsi256_si128(second)));
	add_to_sums(sums + 16, _mm256_cvtepu16_epi32(_mm256_extracti128_si256(first, 1)));
	add_to_sums(sums + 24, _mm256_cvtepu16_epi32(_mm256_extracti128_si256(second, 1)));
}

void
omen_lut_scan_avx2(const uint8_t *lut, const uint8_t *codes, uint32_t positions,
				   uint32_t sums[OMEN_BLOCK_CODES])
{
	while (positions > 0)
	{
		uint32_t	run = positions < POSITIONS_BEFORE_FLUSH ? positions : POSITIONS_BEFORE_FLUSH;
		__m256i		pairs = _mm256_setzero_si256();	/* even + 256 * odd, mod 2^16 */
		__m256i		odd = _mm256_setzero_si256();
		uint32_t	p = 0;

		while (p < run)
		{
			__m256i		sum;

			_mm_prefetch((const char *) codes + PREFETCH_BYTES, _MM_HINT_T0);
			_mm_prefetch((const char *) codes + PREFETCH_BYTES + 64, _MM_HINT_T0);
			sum = score_position(lut, codes);
			if (p + 4 <= run)
			{
				sum = _mm256_add_epi8(sum, score_position(lut + 32, codes + 32));
				sum = _mm256_add_epi8(sum, score_position(lut + 64, codes + 64));
				sum = _mm256_add_epi8(sum, score_position(lut + 96, codes + 96));
				p += 4;
				lut += 128;
				codes += 128;
			}
			else
			{
				p++;
				lut += 32;
				codes += 32;
			}
			pairs = _mm256_add_epi16(pairs, sum);
			odd = _mm256_add_epi16(odd, _mm256_srli_epi16(sum, 8));
		}
		flush_sums(_mm256_sub_epi16(pairs, _mm256_slli_epi16(odd, 8)), odd, sums);
		positions -= run;
	}
}

int32_t
omen_dot_u4_i16_avx2(const uint8_t *code, const int16_t *query, uint32_t dim)
{
	const __m256i nibbles = _mm256_set1_epi32(0x000f000f);
	__m256i		sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
	int32_t		total;
	uint32_t	i = 0;

	for (; i + 32 <= dim; i += 32)
		for (int lane = 0; lane < 2; lane++)
		{
			/* a byte in each 32 bits: its low nibble stays, its high one goes to bit 16 */
			__m256i		wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *) (code + i / 2 + 8 * lane)));
			__m256i		split = _mm256_and_si256(_mm256_or_si256(wide, _mm256_slli_epi32(wide, 12)), nibbles);
			__m256i		q = _mm256_loadu_si256((const __m256i *) (query + i + 16 * lane));

			sum[lane] = _mm256_add_epi32(sum[lane], _mm256_madd_epi16(split, q));
		}
	total = add_lanes_i32(_mm256_add_epi32(sum[0], sum[1]));
	for (; i < dim; i += 2)
		total += (code[i / 2] & 15) * query[i] + (code[i / 2] >> 4) * query[i + 1];
	return total;
}

int32_t
omen_dot_u8_i16_avx2(const uint8_t *code, const int16_t *query, uint32_t dim)
{
	__m256i		sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
	int32_t		total;
	uint32_t	i = 0;

	for (; i + 32 <= dim; i += 32)
		for (int lane = 0; lane < 2; lane++)
		{
			__m256i		wide = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *) (code + i + 16 * lane)));
			__m256i		q = _mm256_loadu_si256((const __m256i *) (query + i + 16 * lane));

			sum[lane] = _mm256_add_epi32(sum[lane], _mm256_madd_epi16(wide, q));
		}
	total = add_lanes_i32(_mm256_add_epi32(sum[0], sum[1]));
	for (; i < dim; i++)
		total += code[i] * query[i];
	return total;
}

/* Eight entries from their sums, as the low bytes of 32-bit lanes. */
static inline __m256i
lut_levels(__m256 entry, __m256 scale)
{
	__m256i		level = _mm256_cvttps_epi32(_mm256_fmadd_ps(entry, scale, _mm256_set1_ps(0.5f)));

	level = _mm256_max_epi32(level, _mm256_setzero_si256());
	return _mm256_min_epi32(level, _mm256_set1_epi32(OMEN_LUT_MAX));
}

void
omen_lut_fill_avx2(const float *query, uint32_t dim, float inverse, uint8_t *lut)
{
	const __m256 scale = _mm256_set1_ps(inverse);

	for (uint32_t i = 0; i < dim; i += 4)
	{
		const float *q = query + i;
		__m256		entry = _mm256_set1_ps(lut_offset(q));
		__m256i		low;
		__m256i		high;
		__m128i		low_words;
		__m128i		high_words;

		/* Entry k has the coordinates whose bit is set in k. */
		entry = _mm256_add_ps(entry, _mm256_blend_ps(_mm256_setzero_ps(), _mm256_set1_ps(q[0]), 0xAA));
		entry = _mm256_add_ps(entry, _mm256_blend_ps(_mm256_setzero_ps(), _mm256_set1_ps(q[1]), 0xCC));
		entry = _mm256_add_ps(entry, _mm256_blend_ps(_mm256_setzero_ps(), _mm256_set1_ps(q[2]), 0xF0));
		low = lut_levels(entry, scale);
		high = lut_levels(_mm256_add_ps(entry, _mm256_set1_ps(q[3])), scale);
		low_words = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
		high_words = _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
		_mm_storeu_si128((__m128i *) (lut + i * 4), _mm_packus_epi16(low_words, high_words));
	}
}

void
omen_i16_from_f32_avx2(int16_t *out, const float *in, float inverse, uint32_t dim)
{
	i16_from_f32(out, in, inverse, dim);
}

uint32_t
omen_sum_bounds_avx2(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
					 const float add[OMEN_BLOCK_CODES], const uint16_t scale[OMEN_BLOCK_CODES],
					 const uint16_t error[OMEN_BLOCK_CODES], float worst,
					 float estimate[OMEN_BLOCK_CODES], float lower[OMEN_BLOCK_CODES])
{
	return sum_bounds(sums, terms, add, scale, error, worst, estimate, lower);
}

void
omen_sum_estimates_avx2(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
						const float add[OMEN_BLOCK_CODES], const float scale[OMEN_BLOCK_CODES],
						float estimate[OMEN_BLOCK_CODES])
{
	sum_estimates(sums, terms, add, scale, estimate);
}
