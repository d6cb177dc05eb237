/*
 * reader_fuzz.h - what the fuzz targets of all readers do with their input.
 *
 * The same bytes are read twice: from memory in one piece, and from a file a
 * few bytes at a time.  Results, places, reasons and fields must be the same,
 * so that a bug at the edge of a window shows even when nothing crashes.  Every
 * field then goes through every encoder that could meet it.
 *
 * Input: byte 0 says how many bytes a read brings and, for CSV, whether there
 * is a header; the rest is the file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_READER_FUZZ_H
#define OMEN_READER_FUZZ_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "import/import_reader.h"
#include "import/value_encode.h"

#define FUZZ_RECORD_BYTES_MAX ((size_t) 1 << 20)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
fuzz_note(OmenBuffer *log, const OmenField *field)
{
	omen_buffer_append_u32(log, (uint32_t) field->kind);
	omen_buffer_append_u64(log, field->bytes);
	omen_buffer_append(log, field->data, field->bytes);
}

static inline void
fuzz_encode(const OmenField *field, OmenEncodeScratch *scratch)
{
	static const char *const plain[] = {
		"_float4", "bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "uuid", "bytea",
		"json", "jsonb",
	};
	static const char *const vectors[] = {"vector", "halfvec", "sparsevec"};
	OmenColumn	column = {.name = (char *) "c", .type_text = (char *) "t", .typmod = 7};
	OmenBuffer	out = {0};
	OmenError	err;
	uint32_t	culprit;

	if (field->kind == OMEN_FIELD_NULL)
		return;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		(void) omen_encoding_find(plain[i], false)->encode(&column, field, scratch, &out, &err);
	for (int typmod = -1; typmod < 4; typmod++)
	{
		column.typmod = typmod;
		for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
			(void) omen_encoding_find(vectors[i], true)->encode(&column, field, scratch, &out, &err);
	}
	column.is_array = true;
	(void) omen_encode_tuple_text(&column, field, 1, scratch, &out, &culprit, &err);
	omen_buffer_free(&out);
}

/* Reads all of source; what came of it goes to *log, in bytes that can be compared. */
static inline void
fuzz_read(const OmenReaderFormat *format, OmenByteSource *source, bool header, bool encode, OmenBuffer *log)
{
	OmenReaderOptions options = {.delimiter = ',', .null_text = "", .header = header, .columns_expected = 3};
	OmenEncodeScratch scratch = {0};
	OmenReader	reader;
	OmenRecord	record = {0};
	OmenError	err = {0};

	if (omen_reader_open(&reader, format, source, &options, &err) != OMEN_OK)
		omen_buffer_append_text(log, err.text);
	else
		for (;;)
		{
			OmenReadResult result = format->next(&reader, &record, &err);

			omen_buffer_append_u32(log, (uint32_t) result);
			if (result == OMEN_READ_END)
				break;
			omen_buffer_append_u64(log, record.place);
			if (result != OMEN_READ_ROW)
				omen_buffer_append_text(log, err.text);
			if (result == OMEN_READ_FAILED)
				break;
			for (uint32_t i = 0; result == OMEN_READ_ROW && i < record.count; i++)
			{
				if (record.keys != NULL)
					fuzz_note(log, &record.keys[i]);
				fuzz_note(log, &record.fields[i]);
				if (encode)
					fuzz_encode(&record.fields[i], &scratch);
			}
		}
	omen_reader_close(&reader);
	omen_record_free(&record);
	omen_encode_scratch_free(&scratch);
}

static inline int
fuzz_reader(const OmenReaderFormat *format, const uint8_t *data, size_t size)
{
	OmenByteSource source;
	OmenBuffer	whole = {0};
	OmenBuffer	pieces = {0};
	bool		header;
	int			fd;

	if (size < 1)
		return 0;
	header = data[0] & 1;
	if (omen_source_open_memory(&source, data + 1, size - 1, FUZZ_RECORD_BYTES_MAX, NULL) != OMEN_OK)
		return 0;
	fuzz_read(format, &source, header, true, &whole);
	omen_source_close(&source);

	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t) size - 1 || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	memset(&source, 0, sizeof(source));
	source.fd = fd;
	source.size = size - 1;
	source.bytes_max = FUZZ_RECORD_BYTES_MAX;
	source.read_bytes = 1 + data[0] / 2;
	fuzz_read(format, &source, header, false, &pieces);
	omen_source_close(&source);

	if (whole.bytes != pieces.bytes || (whole.bytes > 0 && memcmp(whole.data, pieces.data, whole.bytes) != 0))
		abort();
	omen_buffer_free(&whole);
	omen_buffer_free(&pieces);
	return 0;
}

#endif							/* OMEN_READER_FUZZ_H */
