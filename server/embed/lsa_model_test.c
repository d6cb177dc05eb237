/*
 * lsa_model_test.c - the model file: what is saved comes back, and no damaged
 * file is taken for a model or read past its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gaussian.h"
#include "lsa_embedder.h"
#include "lsa_train.h"

#define HEADER_CHECKSUM_AT 48

static char folder[64];
static char path[128];
static uint8_t *file_bytes;		/* a good model, as saved */
static size_t file_size;

static const char *const lines[] = {
	"a cat is a small animal with fur", "a dog is an animal with fur", "a star shines in the sky at night",
	"the moon is in the sky at night", "the cat and the dog", "an animal in the sky",
};

static uint8_t *
file_get(const char *name, size_t *size)
{
	FILE	   *stream = fopen(name, "rb");
	uint8_t    *bytes;

	assert_non_null(stream);
	fseek(stream, 0, SEEK_END);
	*size = (size_t) ftell(stream);
	rewind(stream);
	bytes = malloc(*size);
	assert_int_equal(fread(bytes, 1, *size, stream), *size);
	fclose(stream);
	return bytes;
}

static void
model_train(OmenLsaModel *model)
{
	OmenText	text[6];
	OmenLsaOptions options = omen_lsa_options_default();
	OmenReport	report = {0};

	for (int i = 0; i < 6; i++)
		text[i] = (OmenText) {lines[i], strlen(lines[i])};
	options.dim = 5;
	options.word_documents_min = 1;
	options.pair_documents_min = 1;
	options.stop_share = 0.6f;
	assert_int_equal(omen_lsa_train(text, 6, &options, model, &report, NULL), OMEN_OK);
}

static int
model_save(void **state)
{
	OmenLsaModel model;
	OmenError	err = {0};

	strcpy(folder, "/tmp/lsa_model_test.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/small.lsa", folder);
	model_train(&model);
	assert_int_equal(omen_lsa_model_save(&model, path, &err), OMEN_OK);
	omen_lsa_model_free(&model);
	file_bytes = file_get(path, &file_size);
	return 0;
}

static int
model_remove(void **state)
{
	free(file_bytes);
	unlink(path);
	return rmdir(folder);
}

static void
what_is_saved_is_loaded(void **state)
{
	OmenLsaModel saved;
	OmenLsaModel loaded;
	OmenError	err = {0};

	model_train(&saved);
	assert_int_equal(omen_lsa_model_load(path, &loaded, &err), OMEN_OK);
	assert_int_equal(loaded.dim, saved.dim);
	assert_int_equal(loaded.document_count, 6);
	assert_true(loaded.seed == saved.seed);
	assert_int_equal(loaded.terms.count, saved.terms.count);
	for (uint32_t t = 0; t < saved.terms.count; t++)
	{
		size_t		bytes;
		const char *term = omen_vocabulary_term(&saved.terms, t, &bytes);

		assert_int_equal(omen_vocabulary_find(&loaded.terms, term, bytes), t);
	}
	assert_memory_equal(loaded.weight, saved.weight, saved.terms.count * sizeof(float));
	assert_memory_equal(loaded.singular, saved.singular, saved.dim * sizeof(float));
	assert_memory_equal(loaded.projection, saved.projection, (size_t) saved.terms.count * saved.dim * sizeof(OmenHalf));
	omen_lsa_model_free(&saved);
	omen_lsa_model_free(&loaded);
}

/* The whole way an application takes, and the promise about texts without a known word. */
static void
the_embedder_opens_by_name(void **state)
{
	OmenEmbedderOptions options = {.model = path};
	OmenEmbedder *embedder;
	OmenText	texts[] = {{"cat", 3}, {"zzz", 3}, {"night sky", 9}};
	float		rows[3 * 5];
	bool		known[3];
	OmenError	err = {0};

	assert_int_equal(omen_embedder_open("lsa", &options, &embedder, &err), OMEN_OK);
	assert_int_equal(omen_embedder_dim(embedder), 5);
	assert_int_equal(omen_embedder_embed(embedder, texts, 3, rows, known, &err), OMEN_OK);
	assert_true(known[0] && !known[1] && known[2]);
	for (int i = 0; i < 5; i++)
		assert_true(rows[5 + i] == 0.0f);
	omen_embedder_close(embedder);

	assert_int_equal(omen_embedder_open("nobody", &options, &embedder, &err), OMEN_INVALID);
	assert_null(embedder);
	assert_non_null(strstr(err.text, "lsa"));
	options.model = "/nonexistent/model";
	assert_int_equal(omen_embedder_open("lsa", &options, &embedder, &err), OMEN_INVALID);
	assert_null(embedder);
	options.model = folder;
	assert_int_equal(omen_embedder_open("lsa", &options, &embedder, &err), OMEN_INVALID);
	omen_embedder_close(NULL);
}

/* An exact copy on the heap, so that a sanitizer sees reads past the end. */
static OmenStatus
parse_copy(const uint8_t *bytes, size_t size)
{
	uint8_t    *copy = malloc(size + (size == 0));
	OmenLsaModel model;
	OmenStatus	status;

	memcpy(copy, bytes, size);
	status = omen_lsa_model_parse(copy, size, "test", &model, NULL);
	if (status == OMEN_OK)
		omen_lsa_model_free(&model);
	free(copy);
	return status;
}

static void
every_truncation_is_refused(void **state)
{
	assert_int_equal(parse_copy(file_bytes, file_size), OMEN_OK);
	for (size_t size = 0; size < file_size; size++)
		assert_int_equal(parse_copy(file_bytes, size), OMEN_CORRUPT);
}

static void
every_flipped_bit_is_refused(void **state)
{
	uint8_t    *bytes = malloc(file_size);

	memcpy(bytes, file_bytes, file_size);
	for (size_t bit = 0; bit < file_size * 8; bit++)
	{
		OmenStatus	status;

		bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);
		status = parse_copy(bytes, file_size);
		assert_true(status == OMEN_CORRUPT || (status == OMEN_UNSUPPORTED && bit / 32 == 2));
		bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);
	}
	free(bytes);
}

/* As lsa_model.c computes it; a second writing, so that a change of the format is noticed. */
static void
checksum_mend(uint8_t *bytes, size_t size)
{
	uint64_t	hash = 0xcbf29ce484222325u;

	memset(bytes + HEADER_CHECKSUM_AT, 0, 8);
	for (size_t at = 0; at < size; at += 8)
	{
		uint64_t	word;

		memcpy(&word, bytes + at, 8);
		hash = (hash ^ word) * 0x100000001b3u;
		hash ^= hash >> 29;
	}
	memcpy(bytes + HEADER_CHECKSUM_AT, &hash, 8);
}

/* With the checksum made right again, every byte changed at random still never reads past the end. */
static void
forged_files_are_survived(void **state)
{
	uint64_t	seed = 5150;
	OmenGaussian random;
	uint8_t    *bytes = malloc(file_size);
	size_t		refused = 0;

	print_message("# seed %llu\n", (unsigned long long) seed);
	omen_gaussian_begin(&random, seed);
	for (int round = 0; round < 20000; round++)
	{
		memcpy(bytes, file_bytes, file_size);
		for (uint64_t i = omen_gaussian_bits(&random) % 4; i < 4; i++)
		{
			uint64_t	bits = omen_gaussian_bits(&random);

			bytes[(bits >> 8) % file_size] = (uint8_t) bits;
		}
		checksum_mend(bytes, file_size);
		refused += parse_copy(bytes, file_size) != OMEN_OK;
	}
	/* many such files are models, with other numbers in them; many are not */
	assert_in_range(refused, 1000, 19999);
	free(bytes);
}

static void
field_put(uint8_t *bytes, size_t at, uint32_t value)
{
	memcpy(bytes + at, &value, sizeof(value));
	checksum_mend(bytes, file_size);
}

static void
forged_fields_are_refused(void **state)
{
	static const struct
	{
		size_t		at;
		uint32_t	value;
	}			forged[] = {
		{8, 2}, {12, 0}, {12, 16001}, {12, UINT32_MAX}, {16, 0}, {16, UINT32_MAX}, {16, 4000001}, {24, UINT32_MAX},
		{24, 0}, {28, 1}, {40, 1}, {56, 1},
		{64, 0xbf800000},		/* the first weight: -1 */
		{64, 0x7fc00000},		/* NaN */
	};
	uint8_t    *bytes = malloc(file_size);

	memcpy(bytes, file_bytes, file_size);
	checksum_mend(bytes, file_size);
	assert_memory_equal(bytes, file_bytes, file_size);
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
	{
		memcpy(bytes, file_bytes, file_size);
		field_put(bytes, forged[i].at, forged[i].value);
		assert_true(parse_copy(bytes, file_size) != OMEN_OK);
	}
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_saved_is_loaded),
		cmocka_unit_test(the_embedder_opens_by_name),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(forged_files_are_survived),
		cmocka_unit_test(forged_fields_are_refused),
	};

	return cmocka_run_group_tests(tests, model_save, model_remove);
}
