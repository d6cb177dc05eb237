/*
 * npy_file.c - arrays in NumPy's .npy files: mapped to read, written in order.
 *
 * A file is written under another name and renamed when it is whole, so that
 * an interrupted run leaves nothing that a later one would take for data.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "npy_file.h"

#define HEADER_BYTES 128		/* ours; what others wrote may have more */
#define UNFINISHED ".part"

static bool
refuse(const char *path, const char *why)
{
	fprintf(stderr, "omendb bench: %s %s\n", path, why);
	return false;
}

bool
bench_npy_map(const char *path, const char *type, BenchNpy *array)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat file;
	const uint8_t *bytes;
	char		header[4096];
	char		wanted[32];
	char	   *shape;
	size_t		begin;

	if (fd < 0 || fstat(fd, &file) != 0)
		return refuse(path, "cannot be read");
	bytes = mmap(NULL, (size_t) file.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED || file.st_size < 16 || memcmp(bytes, "\223NUMPY\001", 7) != 0)
		return refuse(path, "is no .npy file of version 1");
	begin = 10 + (size_t) (bytes[8] | bytes[9] << 8);
	if (begin - 10 >= sizeof(header) || begin > (size_t) file.st_size)
		return refuse(path, "has a header that is too long");
	memcpy(header, bytes + 10, begin - 10);
	header[begin - 10] = '\0';
	snprintf(wanted, sizeof(wanted), "'descr': '%s'", type);
	shape = strstr(header, "'shape': (");
	if (strstr(header, wanted) == NULL || strstr(header, "'fortran_order': False") == NULL || shape == NULL ||
		sscanf(shape, "'shape': (%" SCNu64 ", %" SCNu32 ")", &array->rows, &array->columns) != 2)
		return refuse(path, "holds no two-dimensional array of the type wanted");
	array->item_bytes = (uint32_t) (type[2] - '0');
	if (array->columns == 0 || array->rows > UINT64_MAX / 8 / array->columns ||
		array->rows * array->columns * array->item_bytes != (uint64_t) file.st_size - begin)
		return refuse(path, "is shorter or longer than its header says");
	array->items = bytes + begin;
	return true;
}

FILE *
bench_npy_create(const char *path, const char *type, uint64_t rows, uint32_t columns)
{
	char		unfinished[PATH_MAX];
	char		header[HEADER_BYTES + 1];
	FILE	   *file;
	int			length;

	snprintf(unfinished, sizeof(unfinished), "%s%s", path, UNFINISHED);
	file = fopen(unfinished, "wb");
	if (file == NULL)
	{
		refuse(unfinished, "cannot be written");
		return NULL;
	}
	memcpy(header, "\223NUMPY\001\000", 8);
	header[8] = (char) (HEADER_BYTES - 10);
	header[9] = 0;
	length = snprintf(header + 10, sizeof(header) - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64
					  ", %" PRIu32 "), }", type, rows, columns);
	memset(header + 10 + length, ' ', (size_t) (HEADER_BYTES - 10 - length));
	header[HEADER_BYTES - 1] = '\n';
	fwrite(header, 1, HEADER_BYTES, file);
	return file;
}

bool
bench_npy_close(FILE *file, const char *path)
{
	char		unfinished[PATH_MAX];
	bool		whole = ferror(file) == 0;

	snprintf(unfinished, sizeof(unfinished), "%s%s", path, UNFINISHED);
	whole = fclose(file) == 0 && whole;
	if (!whole || rename(unfinished, path) != 0)
		return refuse(path, "could not be written whole");
	return true;
}
