/*
 * lsa_model_fuzz.c - any bytes as a model file.
 *
 * Sizes that agree with one another are hard to come by at random, so the
 * input is a list of changes to a real model: two bytes of place, one of value;
 * or, when its first byte is odd, the file itself.  The checksum is made right,
 * or nothing would get past it.  A model that loads is then used, for a field
 * that was not checked shows there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lsa_train.h"

#define CHECKSUM_AT 48

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A small real model, as it would lie on disk. */
static const uint8_t *
model_bytes(size_t *size)
{
	static const OmenText texts[] = {
		{"a cat with fur", 14}, {"a dog with fur", 14}, {"night sky", 9}, {"sky at night", 12},
		{"the cat, the dog", 16},
	};
	static uint8_t bytes[65536];
	static size_t used;
	char		path[] = "/tmp/lsa_model_fuzz.XXXXXX";

	if (used == 0)
	{
		OmenLsaOptions options = omen_lsa_options_default();
		OmenReport	report = {0};
		OmenLsaModel model;
		FILE	   *file = fdopen(mkstemp(path), "rb");

		options.dim = 4;
		options.word_documents_min = 1;
		options.pair_documents_min = 1;
		options.stop_share = 0.5f;
		if (file == NULL || omen_lsa_train(texts, 5, &options, &model, &report, NULL) != OMEN_OK ||
			omen_lsa_model_save(&model, path, NULL) != OMEN_OK || (file = freopen(path, "rb", file)) == NULL)
			abort();
		used = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		unlink(path);
		omen_lsa_model_free(&model);
	}
	*size = used;
	return bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const OmenText text = {"a question about cats, and the night sky", 40};
	bool		whole = size > 0 && data[0] % 2 == 1;
	size_t		file_size = size;
	const uint8_t *base = whole ? data : model_bytes(&file_size);
	uint8_t    *bytes = malloc(file_size + 1);
	OmenLsaModel model;

	if (bytes == NULL)
		return 0;
	memcpy(bytes, base, file_size);
	for (size_t at = 1; !whole && at + 3 <= size; at += 3)
		bytes[(size_t) (data[at] | data[at + 1] << 8) % file_size] = data[at + 2];
	if (file_size >= CHECKSUM_AT + 8)
	{
		uint64_t	checksum = omen_lsa_model_checksum(bytes, file_size);

		memcpy(bytes + CHECKSUM_AT, &checksum, sizeof(checksum));
	}
	if (omen_lsa_model_parse(bytes, file_size, "fuzz", &model, NULL) == OMEN_OK)
	{
		OmenLsaTerms terms = {0};
		float	   *row = malloc(model.dim * sizeof(float));
		bool		known;

		if (row != NULL)
			(void) omen_lsa_fold_in(&model, text, &terms, row, &known, NULL);
		free(row);
		omen_lsa_terms_free(&terms);
		omen_lsa_model_free(&model);
	}
	free(bytes);
	return 0;
}
