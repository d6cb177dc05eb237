/*
 * vector_file_test.c - goal: .fvecs, .bvecs, .ivecs and .npy give back the
 * numbers they were written from, and a file that lies about itself is refused
 * before it is believed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "import/reader_sample.h"

#define MAX_BYTES ((size_t) 1 << 20)

static void
append_i32(OmenBuffer *file, int32_t value)
{
	omen_buffer_append(file, &value, 4);
}

static void
check_floats(const OmenRecord *record, const float *values, size_t count)
{
	assert_int_equal(record->count, 1);
	assert_int_equal(record->fields[0].kind, OMEN_FIELD_FLOATS);
	assert_int_equal(record->fields[0].bytes, count * sizeof(float));
	assert_memory_equal(record->fields[0].data, values, count * sizeof(float));
}

static void
vecs_come_back(void **state)
{
	static const float values[] = {1, -2.5f, 3e-40f};
	static const float bytes[] = {0, 127, 255};
	static const float ints[] = {-7, 0, 16777216};

	for (size_t read_bytes = 0; read_bytes < 4; read_bytes++)
	{
		OmenBuffer	file = {0};
		ReaderSample sample;

		append_i32(&file, 3);
		omen_buffer_append(&file, values, sizeof(values));
		append_i32(&file, 2);
		omen_buffer_append(&file, values, 8);
		sample_open(&sample, &omen_format_fvecs, NULL, file.data, file.bytes, read_bytes, MAX_BYTES);
		assert_int_equal(sample.reader.dim, 3);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		check_floats(&sample.record, values, 3);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		assert_int_equal(sample.record.place, 2);
		check_floats(&sample.record, values, 2);
		assert_int_equal(sample_next(&sample), OMEN_READ_END);
		sample_close(&sample);

		file.bytes = 0;
		append_i32(&file, 3);
		omen_buffer_append(&file, "\x00\x7f\xff", 3);
		sample_open(&sample, &omen_format_bvecs, NULL, file.data, file.bytes, read_bytes, MAX_BYTES);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		check_floats(&sample.record, bytes, 3);
		assert_int_equal(sample_next(&sample), OMEN_READ_END);
		sample_close(&sample);

		file.bytes = 0;
		append_i32(&file, 1);
		append_i32(&file, 16777217);	/* no float is that */
		append_i32(&file, 3);
		for (int i = 0; i < 3; i++)
			append_i32(&file, (int32_t) ints[i]);
		sample_open(&sample, &omen_format_ivecs, NULL, file.data, file.bytes, read_bytes, MAX_BYTES);
		assert_int_equal(sample_next(&sample), OMEN_READ_BAD);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		check_floats(&sample.record, ints, 3);
		sample_close(&sample);
		omen_buffer_free(&file);
	}
}

/* Every proper beginning of a two-row file either ends between rows or is told to be cut. */
static void
cut_vecs_are_told(void **state)
{
	OmenBuffer	file = {0};
	ReaderSample sample;

	for (int row = 0; row < 2; row++)
	{
		append_i32(&file, 2);
		append_i32(&file, 0);
		append_i32(&file, 0);
	}
	for (size_t bytes = 0; bytes <= file.bytes; bytes++)
	{
		size_t		rows = bytes / 12;

		sample_open(&sample, &omen_format_fvecs, NULL, file.data, bytes, 5, MAX_BYTES);
		assert_int_equal(sample.opened, OMEN_OK);
		for (size_t row = 0; row < rows; row++)
			assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		assert_int_equal(sample_next(&sample), bytes % 12 == 0 ? OMEN_READ_END : OMEN_READ_FAILED);
		if (bytes % 12 != 0)
			assert_int_equal(sample.record.place, rows + 1);
		sample_close(&sample);
	}
	omen_buffer_free(&file);
}

static void
impossible_dimensions_are_refused(void **state)
{
	static const int32_t dims[] = {0, -1, INT32_MIN, INT32_MAX, (1 << 20) + 1};
	ReaderSample sample;

	for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
	{
		int32_t		file[4] = {1, 0, dims[i], 0};

		sample_open(&sample, &omen_format_fvecs, NULL, file, sizeof(file), 0, MAX_BYTES);
		assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
		assert_int_equal(sample_next(&sample), OMEN_READ_FAILED);
		assert_int_equal(sample.record.place, 2);
		assert_non_null(strstr(sample.err.text, "this is no .fvecs file, or it is damaged here"));
		sample_close(&sample);

		sample_open(&sample, &omen_format_fvecs, NULL, file + 2, 8, 0, MAX_BYTES);
		assert_int_equal(sample.opened, OMEN_CORRUPT);
		sample_close(&sample);
	}
}

static void
write_npy(OmenBuffer *file, int version, const char *header, const void *data, size_t bytes)
{
	uint32_t	length = (uint32_t) strlen(header);
	char		start[8] = {(char) 0x93, 'N', 'U', 'M', 'P', 'Y', (char) version, 0};

	file->bytes = 0;
	omen_buffer_append(file, start, 8);
	omen_buffer_append(file, &length, version == 1 ? 2 : 4);
	omen_buffer_append_text(file, header);
	omen_buffer_append(file, data, bytes);
}

static void
npy_comes_back(void **state)
{
	static const float f4[] = {1, -2.5f, 3e38f, 0, 1e-40f, 7};
	static const double f8[] = {1, -2.5, 3e38, 0, 1e-40, 7};
	static const float halves[] = {1, -2.5f, 65504, 0, 5.9604645e-8f, 7};
	static const uint16_t f2[] = {0x3C00, 0xC100, 0x7BFF, 0, 1, 0x4700};
	static const struct
	{
		const char *header;
		const void *data;
		size_t		bytes;
		const float *values;
	}			cases[] = {
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", f4, sizeof(f4), f4},
		{"{\"shape\":(2L,3L),\"fortran_order\":False,\"descr\":\"<f8\"}", f8, sizeof(f8), f4},
		{" { 'descr' : '<f2' , 'fortran_order' : False , 'shape' : ( 2 , 3 , ) }\n", f2, sizeof(f2), halves},
	};
	OmenBuffer	file = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int version = 1; version <= 3; version++)
			for (size_t read_bytes = 0; read_bytes < 8; read_bytes += 7)
			{
				ReaderSample sample;

				write_npy(&file, version, cases[i].header, cases[i].data, cases[i].bytes);
				sample_open(&sample, &omen_format_npy, NULL, file.data, file.bytes, read_bytes, MAX_BYTES);
				if (sample.opened != OMEN_OK)
					fail_msg("%s", sample.err.text);
				assert_int_equal(sample.reader.dim, 3);
				for (int row = 0; row < 2; row++)
				{
					assert_int_equal(sample_next(&sample), OMEN_READ_ROW);
					check_floats(&sample.record, cases[i].values + 3 * row, 3);
				}
				assert_int_equal(sample_next(&sample), OMEN_READ_END);
				sample_close(&sample);
			}
	omen_buffer_free(&file);
}

static void
lying_headers_are_refused(void **state)
{
#define SHAPED(shape) "{'descr': '<f4', 'fortran_order': False, 'shape': " shape ", }"
#define TYPED(type) "{'descr': '" type "', 'fortran_order': False, 'shape': (2, 3), }"
	static const struct
	{
		const char *header;
		const char *reason;
	}			cases[] = {
		{SHAPED("(3, 3)"), "the header promises 3 rows of 3 dimensions, 36 bytes, but 24 follow it"},
		{SHAPED("(1, 3)"), "the header promises 1 rows of 3 dimensions, 12 bytes, but 24 follow it"},
		{SHAPED("(6148914691236517205, 3)"), "the header promises 6148914691236517205 rows of 3 dimensions, more"},
		{SHAPED("(2, 4611686018427387904)"), "the header promises vectors of 4611686018427387904 dimensions"},
		{SHAPED("(2, 0)"), "the header promises vectors of 0 dimensions"},
		{SHAPED("(99999999999999999999, 3)"), "the .npy header's shape cannot be read"},
		{SHAPED("(-2, 3)"), "the .npy header's shape cannot be read"},
		{SHAPED("(2, 3"), "the .npy header's shape cannot be read"},
		{SHAPED("2"), "the .npy header's shape cannot be read"},
		{SHAPED("(6,)"), "the array has 1 dimension; two are needed"},
		{SHAPED("()"), "the array has 0 dimensions; two are needed"},
		{SHAPED("(1, 2, 3)"), "the array has 3 dimensions; two are needed"},
		{TYPED(">f4"), "the array is big-endian (>f4)"},
		{TYPED("<i4"), "the array's type is <i4; <f2, <f4 or <f8 is needed"},
		{TYPED("|u1"), "the array's type is |u1"},
		{TYPED("<f16"), "the array's type is <f16"},
		{TYPED("<f"), "the array's type is <f;"},
		{TYPED(""), "the array's type is ;"},
		{"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", "the array has structured records"},
		{"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "the array is in Fortran order"},
		{"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }", "the .npy header's fortran_order is neither"},
		{"{'descr': '<f4', 'shape': (2, 3), }", "the .npy header lacks"},
		{"{'descr': '<f4', 'more': 1, 'shape': (2, 3), }", "the .npy header has an unknown key \"more\""},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", "the .npy header's dictionary does not end"},
		{"import os", "the .npy header is no dictionary"},
		{"", "the .npy header is no dictionary"},
	};
	static const float data[6] = {0};
	OmenBuffer	file = {0};
	ReaderSample sample;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		write_npy(&file, 1, cases[i].header, data, sizeof(data));
		sample_open(&sample, &omen_format_npy, NULL, file.data, file.bytes, 0, MAX_BYTES);
		assert_int_not_equal(sample.opened, OMEN_OK);
		if (strncmp(sample.err.text, cases[i].reason, strlen(cases[i].reason)) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", cases[i].header, sample.err.text, cases[i].reason);
		sample_close(&sample);
	}

	/* Every proper beginning of a good file, its size known and not. */
	write_npy(&file, 2, SHAPED("(2, 3)"), data, sizeof(data));
	for (size_t bytes = 0; bytes < file.bytes; bytes++)
		for (int known = 0; known < 2; known++)
		{
			OmenReaderOptions options = {0};
			OmenReadResult result = OMEN_READ_FAILED;

			memset(&sample, 0, sizeof(sample));
			assert_int_equal(omen_source_open_memory(&sample.source, file.data, bytes, MAX_BYTES, NULL), OMEN_OK);
			if (!known)
				sample.source.size = 0;
			if (omen_reader_open(&sample.reader, &omen_format_npy, &sample.source, &options, &sample.err) == OMEN_OK)
			{
				assert_false(known && bytes > 0);
				while ((result = sample_next(&sample)) == OMEN_READ_ROW)
					;
			}
			assert_int_equal(result, OMEN_READ_FAILED);
			sample_close(&sample);
		}

	/* A header longer than its file, and one longer than any header. */
	file.data[8] = 100;
	file.data[9] = 1;
	sample_open(&sample, &omen_format_npy, NULL, file.data, file.bytes, 0, MAX_BYTES);
	assert_string_equal(sample.err.text, "the file ends inside its .npy header");
	sample_close(&sample);
	memset(file.data + 8, 0xFF, 4);
	sample_open(&sample, &omen_format_npy, NULL, file.data, file.bytes, 0, MAX_BYTES);
	assert_string_equal(sample.err.text, "a .npy header of 4294967295 bytes; at most 65536 are read");
	sample_close(&sample);
	file.data[6] = 4;
	sample_open(&sample, &omen_format_npy, NULL, file.data, file.bytes, 0, MAX_BYTES);
	assert_string_equal(sample.err.text, ".npy version 4.0 is not known; 1.0, 2.0 and 3.0 are");
	sample_close(&sample);
	omen_buffer_free(&file);
}

/* Past 4 GB: a sparse file, whose last row is the only one that is not zero. */
static void
large_files_keep_their_place(void **state)
{
	static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (1048577, 1024), }";
	const uint64_t rows = 1048577;
	OmenBuffer	start = {0};
	ReaderSample sample;
	OmenReaderOptions options = {0};
	float		last = 42;
	off_t		size;
	OmenReadResult result;

	memset(&sample, 0, sizeof(sample));
	write_npy(&start, 1, header, "", 0);
	size = (off_t) (start.bytes + rows * 4096);
	sample.source.fd = memfd_create("large", MFD_CLOEXEC);
	assert_int_equal(ftruncate(sample.source.fd, size), 0);
	assert_int_equal(pwrite(sample.source.fd, start.data, start.bytes, 0), start.bytes);
	assert_int_equal(pwrite(sample.source.fd, &last, sizeof(last), size - 4), sizeof(last));
	sample.source.size = (uint64_t) size;
	sample.source.bytes_max = MAX_BYTES;
	sample.source.read_bytes = SIZE_MAX;
	assert_int_equal(omen_reader_open(&sample.reader, &omen_format_npy, &sample.source, &options, &sample.err),
					 OMEN_OK);
	while ((result = sample_next(&sample)) == OMEN_READ_ROW)
		assert_true(((const float *) sample.record.fields[0].data)[1023] == (sample.record.place == rows ? last : 0));
	assert_int_equal(result, OMEN_READ_END);
	assert_int_equal(sample.source.offset, size);
	sample_close(&sample);
	omen_buffer_free(&start);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vecs_come_back),
		cmocka_unit_test(cut_vecs_are_told),
		cmocka_unit_test(impossible_dimensions_are_refused),
		cmocka_unit_test(npy_comes_back),
		cmocka_unit_test(lying_headers_are_refused),
		cmocka_unit_test(large_files_keep_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
