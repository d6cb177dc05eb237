/*
 * reader_sample.h - for the readers' tests: a reader over bytes given in the
 * test, brought to it a few at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_READER_SAMPLE_H
#define OMEN_READER_SAMPLE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "import/import_reader.h"

typedef struct ReaderSample
{
	OmenByteSource source;
	OmenReader	reader;
	OmenRecord	record;
	OmenError	err;
	OmenStatus	opened;
} ReaderSample;

/* read_bytes 0: all from memory. */
static inline void
sample_open(ReaderSample *sample, const OmenReaderFormat *format, const OmenReaderOptions *options,
			const void *data, size_t bytes, size_t read_bytes, size_t bytes_max)
{
	OmenReaderOptions plain = {.delimiter = ',', .null_text = "", .header = false, .columns_expected = 3};

	memset(sample, 0, sizeof(*sample));
	if (read_bytes == 0)
		(void) omen_source_open_memory(&sample->source, data, bytes, bytes_max, NULL);
	else
	{
		int			fd = memfd_create("sample", MFD_CLOEXEC);

		if (fd < 0 || write(fd, data, bytes) != (ssize_t) bytes || lseek(fd, 0, SEEK_SET) != 0)
			abort();
		sample->source.fd = fd;
		sample->source.size = bytes;
		sample->source.bytes_max = bytes_max;
		sample->source.read_bytes = read_bytes;
	}
	sample->opened = omen_reader_open(&sample->reader, format, &sample->source,
									  options != NULL ? options : &plain, &sample->err);
}

static inline OmenReadResult
sample_next(ReaderSample *sample)
{
	return sample->reader.format->next(&sample->reader, &sample->record, &sample->err);
}

static inline void
sample_close(ReaderSample *sample)
{
	omen_reader_close(&sample->reader);
	omen_record_free(&sample->record);
	omen_source_close(&sample->source);
}

#endif							/* OMEN_READER_SAMPLE_H */
