/*
 * fvecs_reader_fuzz.c - any bytes as a fvecs file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/reader_fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_reader(&omen_format_fvecs, data, size);
}
