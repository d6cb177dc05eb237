/*
 * simd_select.c - the kernel tables, and which of them this processor can run.
 *
 * Nothing here, and nothing called from here, is compiled with more than the
 * baseline instruction set: a table is only data until it is chosen.  The
 * processor is asked directly (CPUID, and XGETBV for whether the operating
 * system saves the registers), because compilers differ in which feature
 * names their own query knows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "simd_kernels.h"

/* `sparse` is the set whose sparse inner product serves `isa`. */
#define KERNEL_TABLE(isa, sparse) { \
	.name = #isa, \
	.l2sq_f32 = omen_l2sq_f32_##isa, \
	.dot_f32 = omen_dot_f32_##isa, \
	.l1_f32 = omen_l1_f32_##isa, \
	.cosine_f32 = omen_cosine_f32_##isa, \
	.norm_sq_f32 = omen_norm_sq_f32_##isa, \
	.l2sq_f16 = omen_l2sq_f16_##isa, \
	.dot_f16 = omen_dot_f16_##isa, \
	.l1_f16 = omen_l1_f16_##isa, \
	.cosine_f16 = omen_cosine_f16_##isa, \
	.norm_sq_f16 = omen_norm_sq_f16_##isa, \
	.f32_from_f16 = omen_f32_from_f16_##isa, \
	.f16_from_f32 = omen_f16_from_f32_##isa, \
	.hamming_bits = omen_hamming_bits_##isa, \
	.jaccard_bits = omen_jaccard_bits_##isa, \
	.dot_sparse = omen_dot_sparse_##sparse, \
	.keys_within = omen_keys_within_##isa, \
	.keys_covering = omen_keys_covering_##isa, \
	.lut_fill = omen_lut_fill_##isa, \
	.i16_from_f32 = omen_i16_from_f32_##isa, \
	.lut_scan = omen_lut_scan_##isa, \
	.sum_bounds = omen_sum_bounds_##isa, \
	.sum_estimates = omen_sum_estimates_##isa, \
	.dot_u4_i16 = omen_dot_u4_i16_##isa, \
	.dot_u8_i16 = omen_dot_u8_i16_##isa, \
	.dots_i8 = omen_dots_i8_##isa, \
	.near_i32 = omen_near_i32_##isa, \
	.max_abs_f32 = omen_max_abs_f32_##isa, \
	.i8_from_f32 = omen_i8_from_f32_##isa, \
	.sign_code_f32 = omen_sign_code_f32_##isa, \
	.u4_fit_f32 = omen_u4_fit_f32_##isa, \
	.u4_code_f32 = omen_u4_code_f32_##isa, \
	.hadamard_f32 = omen_hadamard_f32_##isa, \
}

static const OmenSimd table_scalar = KERNEL_TABLE(scalar, scalar);
#if defined(__x86_64__)
static const OmenSimd table_avx2 = KERNEL_TABLE(avx2, scalar);
static const OmenSimd table_avx512 = KERNEL_TABLE(avx512, avx512);
#elif defined(__aarch64__)
static const OmenSimd table_neon = KERNEL_TABLE(neon, scalar);
#endif

const OmenSimd *omen_simd = &table_scalar;

static bool
has_always(void)
{
	return true;
}

#if defined(__x86_64__)

/* Register sets that the operating system saves, as bits of XCR0. */
#define STATE_AVX ((1 << 1) | (1 << 2))
#define STATE_AVX512 (STATE_AVX | (1 << 5) | (1 << 6) | (1 << 7))

static bool
system_saves(uint32_t state)
{
	uint32_t	eax;
	uint32_t	ebx;
	uint32_t	ecx;
	uint32_t	edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & bit_OSXSAVE) == 0)
		return false;
	/* XGETBV, spelt out because its intrinsic needs -mxsave */
	__asm__("xgetbv" : "=a" (eax), "=d" (edx) : "c" (0));
	return (eax & state) == state;
}

static bool
has_avx2(void)
{
	const uint32_t leaf1_ecx = bit_FMA | bit_AVX | bit_F16C | bit_POPCNT;
	const uint32_t leaf7_ebx = bit_AVX2;
	uint32_t	eax;
	uint32_t	ebx;
	uint32_t	ecx;
	uint32_t	edx;

	return system_saves(STATE_AVX) &&
		__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & leaf1_ecx) == leaf1_ecx &&
		__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & leaf7_ebx) == leaf7_ebx;
}

/* Ice Lake, Zen 4 and later; older AVX-512 processors run the AVX2 table. */
static bool
has_avx512(void)
{
	const uint32_t leaf7_ebx = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
	const uint32_t leaf7_ecx = bit_AVX512VBMI | bit_AVX512VNNI | bit_AVX512VPOPCNTDQ;
	uint32_t	eax;
	uint32_t	ebx;
	uint32_t	ecx;
	uint32_t	edx;

	return has_avx2() && system_saves(STATE_AVX512) &&
		__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
		(ebx & leaf7_ebx) == leaf7_ebx && (ecx & leaf7_ecx) == leaf7_ecx;
}

#endif

/* In rising order of preference. */
static const struct
{
	const OmenSimd *table;
	bool		(*runs_here) (void);
}			choices[] = {
	{&table_scalar, has_always},
#if defined(__x86_64__)
	{&table_avx2, has_avx2},
	{&table_avx512, has_avx512},
#elif defined(__aarch64__)
	{&table_neon, has_always},	/* part of every 64-bit ARM */
#endif
};

#define CHOICE_COUNT (sizeof(choices) / sizeof(choices[0]))

uint32_t
omen_simd_available(const OmenSimd **tables, uint32_t max)
{
	uint32_t	count = 0;

	for (size_t i = 0; i < CHOICE_COUNT && count < max; i++)
		if (choices[i].runs_here())
			tables[count++] = choices[i].table;
	return count;
}

static OmenStatus
fail_impossible(const char *name, const OmenSimd **tables, uint32_t count, OmenError *err)
{
	char		names[64] = "";

	for (uint32_t i = 0; i < count; i++)
	{
		if (i > 0)
			strcat(names, ", ");
		strcat(names, tables[i]->name);
	}
	return omen_fail(err, OMEN_UNSUPPORTED,
					 "instruction set \"%.32s\" cannot be used here; this processor and build have: %s",
					 name, names);
}

OmenStatus
omen_simd_select(const char *name, OmenError *err)
{
	const OmenSimd *tables[CHOICE_COUNT];
	uint32_t	count = omen_simd_available(tables, CHOICE_COUNT);

	if (name == NULL)
		name = getenv("OMENDB_SIMD");
	if (name == NULL || name[0] == '\0')
	{
		omen_simd = tables[count - 1];
		return OMEN_OK;
	}
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(tables[i]->name, name) == 0)
		{
			omen_simd = tables[i];
			return OMEN_OK;
		}
	return fail_impossible(name, tables, count, err);
}
