/*
 * stores_fuzz.c - any bytes as an answer of any store.
 *
 * Byte 0 chooses the store, and whether it is asked over HTTP; the rest is the
 * answer.  Points are looked at for their shape, as the first page is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "stores/store_parts.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const OmenStoreKind *const kinds[] = {
		&omen_store_pinecone, &omen_store_qdrant, &omen_store_weaviate, &omen_store_chroma
	};
	OmenComplaint complaint = {0};
	OmenStoreReport report = {0};
	OmenStoreOptions options = {.from = "fuzz"};
	OmenStoreRun *run = calloc(1, sizeof(*run));
	const char *reason;
	char	   *copy;
	OmenJson	value;

	if (size < 1 || run == NULL || (copy = malloc(size)) == NULL)
	{
		free(run);
		return 0;
	}
	/* Of its exact size, so that a step past the end shows. */
	for (size_t i = 1; i < size; i++)
		copy[i - 1] = (char) data[i];
	options.kind = kinds[data[0] % 4];
	run->options = &options;
	run->report = &report;
	run->complaint = &complaint;
	run->by_http = data[0] / 4 % 2 == 1 && options.kind->ask_page != NULL;
	run->take = omen_store_observe;
	omen_buffer_append_text(&run->url, "fuzz");
	omen_buffer_append_byte(&run->url, '\0');
	value = omen_json_check(copy, size - 1, &reason);
	if (value.data != NULL && options.kind->read(run, value))
		(void) omen_store_name_columns(run);
	omen_buffer_free(&run->url);
	free(run);
	free(copy);
	return 0;
}
