/*
 * simd_kernels.h - every kernel's name and shape, once per instruction set.
 *
 * Private to core/simd.  A kernel's contract is in omen/simd.h; its name is
 * omen_<op>_<type>_<isa>.  An instruction set that has nothing better for an
 * operation puts another set's function in its table (simd_select.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SIMD_KERNELS_H
#define OMEN_SIMD_KERNELS_H

#include "omen/simd.h"

#define OMEN_DECLARE_KERNELS(isa) \
	float		omen_l2sq_f32_##isa(const float *a, const float *b, uint32_t dim); \
	float		omen_dot_f32_##isa(const float *a, const float *b, uint32_t dim); \
	float		omen_l1_f32_##isa(const float *a, const float *b, uint32_t dim); \
	OmenCosineParts omen_cosine_f32_##isa(const float *a, const float *b, uint32_t dim); \
	double		omen_norm_sq_f32_##isa(const float *a, uint32_t dim); \
	float		omen_l2sq_f16_##isa(const OmenHalf *a, const OmenHalf *b, uint32_t dim); \
	float		omen_dot_f16_##isa(const OmenHalf *a, const OmenHalf *b, uint32_t dim); \
	float		omen_l1_f16_##isa(const OmenHalf *a, const OmenHalf *b, uint32_t dim); \
	OmenCosineParts omen_cosine_f16_##isa(const OmenHalf *a, const OmenHalf *b, uint32_t dim); \
	double		omen_norm_sq_f16_##isa(const OmenHalf *a, uint32_t dim); \
	void		omen_f32_from_f16_##isa(float *out, const OmenHalf *in, uint32_t dim); \
	void		omen_f16_from_f32_##isa(OmenHalf *out, const float *in, uint32_t dim); \
	uint64_t	omen_hamming_bits_##isa(const uint8_t *a, const uint8_t *b, uint32_t bytes); \
	void		omen_jaccard_bits_##isa(const uint8_t *a, const uint8_t *b, uint32_t bytes, \
										uint64_t *both, uint64_t *either); \
	float		omen_dot_sparse_##isa(const int32_t *index_a, const float *value_a, uint32_t count_a, \
									  const int32_t *index_b, const float *value_b, uint32_t count_b); \
	uint32_t	omen_keys_within_##isa(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t low, uint64_t high); \
	uint32_t	omen_keys_covering_##isa(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t bits); \
	void		omen_lut_fill_##isa(const float *query, uint32_t dim, float inverse, uint8_t *lut); \
	void		omen_i16_from_f32_##isa(int16_t *out, const float *in, float inverse, uint32_t dim); \
	void		omen_lut_scan_##isa(const uint8_t *lut, const uint8_t *codes, uint32_t positions, \
									uint32_t sums[OMEN_BLOCK_CODES]); \
	uint32_t	omen_sum_bounds_##isa(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms, \
									  const float add[OMEN_BLOCK_CODES], const uint16_t scale[OMEN_BLOCK_CODES], \
									  const uint16_t error[OMEN_BLOCK_CODES], float worst, \
									  float estimate[OMEN_BLOCK_CODES], float lower[OMEN_BLOCK_CODES]); \
	void		omen_sum_estimates_##isa(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms, \
										 const float add[OMEN_BLOCK_CODES], const float scale[OMEN_BLOCK_CODES], \
										 float estimate[OMEN_BLOCK_CODES]); \
	int32_t		omen_dot_u4_i16_##isa(const uint8_t *code, const int16_t *query, uint32_t dim); \
	int32_t		omen_dot_u8_i16_##isa(const uint8_t *code, const int16_t *query, uint32_t dim); \
	void		omen_dots_i8_##isa(const int8_t *rows, uint32_t row_count, \
								   const int8_t *cols, uint32_t col_count, \
								   uint32_t dim, int32_t *out, uint32_t out_stride); \
	uint32_t	omen_near_i32_##isa(const int32_t *products, const float *base, const float *scale, \
									uint32_t count, float factor, float limit, uint32_t *index, float *values); \
	float		omen_max_abs_f32_##isa(const float *values, uint32_t dim); \
	void		omen_i8_from_f32_##isa(const float *values, float inverse, uint32_t dim, int8_t *out); \
	OmenSignSums omen_sign_code_f32_##isa(const float *residual, const float *center, uint32_t dim, \
										  uint8_t *code); \
	OmenU4Fit	omen_u4_fit_f32_##isa(const float *residual, float inverse, uint32_t dim); \
	float		omen_u4_code_f32_##isa(const float *residual, const float *center, float inverse, \
									   uint32_t dim, uint8_t *code); \
	void		omen_hadamard_f32_##isa(float *values, uint32_t n)

OMEN_DECLARE_KERNELS(scalar);
OMEN_DECLARE_KERNELS(avx2);
OMEN_DECLARE_KERNELS(avx512);
OMEN_DECLARE_KERNELS(neon);

#endif							/* OMEN_SIMD_KERNELS_H */
