/*
 * lsa_model.c - the model file.
 *
 * Little-endian, sections in this order, each beginning at a multiple of 64
 * bytes, gaps zero:
 *
 *   offset  bytes
 *        0      8  magic "OMENLSA\n"
 *        8      4  format version, 1
 *       12      4  dim
 *       16      4  terms
 *       20      4  documents trained on
 *       24      4  bytes of term text
 *       28      4  zero
 *       32      8  seed
 *       40      8  bytes in the file
 *       48      8  checksum of the whole file, this field taken as zero
 *       56      8  zero
 *       64         weight: one float a term
 *                  term ends: one uint32 a term, where its text ends
 *                  term text, without NULs
 *                  singular values: dim floats
 *                  projection: terms x dim binary16
 *
 * Everything is checked on load, for the checksum guards against accidents,
 * not against a file made on purpose.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lsa_model.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the model file is read and written as little-endian memory"
#endif

#define MODEL_MAGIC "OMENLSA\n"
#define MODEL_VERSION 1
#define SECTION_ALIGN 64

typedef struct Header
{
	char		magic[8];
	uint32_t	version;
	uint32_t	dim;
	uint32_t	terms;
	uint32_t	documents;
	uint32_t	text_bytes;
	uint32_t	zero;
	uint64_t	seed;
	uint64_t	file_bytes;
	uint64_t	checksum;
	uint64_t	zero_too;
} Header;

_Static_assert(sizeof(Header) == 64, "the header is 64 bytes on disk");

/* Where the sections begin. */
typedef struct Layout
{
	uint64_t	weight;
	uint64_t	term_end;
	uint64_t	text;
	uint64_t	singular;
	uint64_t	projection;
	uint64_t	file_bytes;
} Layout;

static Layout layout_of(uint64_t dim, uint64_t terms, uint64_t text_bytes);
static OmenStatus file_write(const uint8_t *bytes, size_t size, const char *path, OmenError *err);
static OmenStatus header_check(const Header *header, size_t size, const char *origin, OmenError *err);
static OmenStatus content_check(const OmenLsaModel *model, const char *origin, OmenError *err);
static OmenStatus terms_parse(const uint8_t *bytes, const Header *header, const Layout *layout, const char *origin,
							  OmenVocabulary *terms, OmenError *err);

void
omen_lsa_model_free(OmenLsaModel *model)
{
	omen_vocabulary_free(&model->terms);
	free(model->weight);
	free(model->singular);
	free(model->projection);
	memset(model, 0, sizeof(*model));
}

OmenStatus
omen_lsa_model_save(const OmenLsaModel *model, const char *path, OmenError *err)
{
	uint32_t	terms = model->terms.count;
	uint32_t	text_bytes = model->terms.offset[terms];
	Layout		layout = layout_of(model->dim, terms, text_bytes);
	uint8_t    *bytes = calloc(1, layout.file_bytes);
	Header		header = {
		.version = MODEL_VERSION,
		.dim = model->dim,
		.terms = terms,
		.documents = model->document_count,
		.text_bytes = text_bytes,
		.seed = model->seed,
		.file_bytes = layout.file_bytes,
	};
	OmenStatus	status;

	if (bytes == NULL)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory saving the model");
	memcpy(header.magic, MODEL_MAGIC, sizeof(header.magic));
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + layout.weight, model->weight, terms * sizeof(float));
	memcpy(bytes + layout.term_end, model->terms.offset + 1, terms * sizeof(uint32_t));
	memcpy(bytes + layout.text, model->terms.text, text_bytes);
	memcpy(bytes + layout.singular, model->singular, model->dim * sizeof(float));
	memcpy(bytes + layout.projection, model->projection, (size_t) terms * model->dim * sizeof(OmenHalf));
	header.checksum = omen_lsa_model_checksum(bytes, layout.file_bytes);
	memcpy(bytes, &header, sizeof(header));
	status = file_write(bytes, layout.file_bytes, path, err);
	free(bytes);
	return status;
}

OmenStatus
omen_lsa_model_load(const char *path, OmenLsaModel *model, OmenError *err)
{
	FILE	   *stream = fopen(path, "rb");
	struct stat st;
	uint8_t    *bytes = NULL;
	OmenStatus	status;

	memset(model, 0, sizeof(*model));
	if (stream == NULL)
		return omen_fail(err, OMEN_INVALID, "could not open the model %.160s: %s", path, strerror(errno));
	if (fstat(fileno(stream), &st) != 0 || !S_ISREG(st.st_mode))
		status = omen_fail(err, OMEN_INVALID, "the model %.180s is not a regular file", path);
	else if ((bytes = malloc((size_t) st.st_size + 1)) == NULL)
		status = omen_fail(err, OMEN_NO_MEMORY, "out of memory reading the model %.160s", path);
	else if (fread(bytes, 1, (size_t) st.st_size, stream) != (size_t) st.st_size)
		status = omen_fail(err, OMEN_INVALID, "could not read the model %.180s whole", path);
	else
		status = omen_lsa_model_parse(bytes, (size_t) st.st_size, path, model, err);
	free(bytes);
	fclose(stream);
	return status;
}

OmenStatus
omen_lsa_model_parse(const uint8_t *bytes, size_t size, const char *origin, OmenLsaModel *model, OmenError *err)
{
	Header		header;
	Layout		layout;
	OmenStatus	status;

	memset(model, 0, sizeof(*model));
	if (size < sizeof(header))
		return omen_fail(err, OMEN_CORRUPT, "%.160s is too short to be a model", origin);
	memcpy(&header, bytes, sizeof(header));
	status = header_check(&header, size, origin, err);
	if (status != OMEN_OK)
		return status;
	if (omen_lsa_model_checksum(bytes, size) != header.checksum)
		return omen_fail(err, OMEN_CORRUPT, "the model %.160s is damaged: its checksum is wrong", origin);

	layout = layout_of(header.dim, header.terms, header.text_bytes);
	model->dim = header.dim;
	model->document_count = header.documents;
	model->seed = header.seed;
	model->checksum = header.checksum;
	model->weight = malloc(header.terms * sizeof(float));
	model->singular = malloc(header.dim * sizeof(float));
	model->projection = malloc((size_t) header.terms * header.dim * sizeof(OmenHalf));
	if (model->weight == NULL || model->singular == NULL || model->projection == NULL)
		status = omen_fail(err, OMEN_NO_MEMORY, "out of memory reading the model %.160s", origin);
	else
	{
		memcpy(model->weight, bytes + layout.weight, header.terms * sizeof(float));
		memcpy(model->singular, bytes + layout.singular, header.dim * sizeof(float));
		memcpy(model->projection, bytes + layout.projection, (size_t) header.terms * header.dim * sizeof(OmenHalf));
		status = terms_parse(bytes, &header, &layout, origin, &model->terms, err);
	}
	if (status == OMEN_OK)
		status = content_check(model, origin, err);
	if (status != OMEN_OK)
		omen_lsa_model_free(model);
	return status;
}

/*
 * In the manner of FNV-1a, over 64-bit words (the file is a multiple of 64
 * bytes), the word at the checksum's own place taken as zero.  Each step is
 * one to one, so damage within one word is always seen.
 */
uint64_t
omen_lsa_model_checksum(const uint8_t *bytes, size_t size)
{
	uint64_t	hash = 0xcbf29ce484222325u;

	for (size_t at = 0; at + 8 <= size; at += 8)
	{
		uint64_t	word = 0;

		if (at != offsetof(Header, checksum))
			memcpy(&word, bytes + at, 8);
		hash = (hash ^ word) * 0x100000001b3u;
		hash ^= hash >> 29;
	}
	return hash;
}

static uint64_t
section_end(uint64_t begin, uint64_t bytes)
{
	return (begin + bytes + SECTION_ALIGN - 1) / SECTION_ALIGN * SECTION_ALIGN;
}

/* No sum overflows while dim and terms are within their bounds. */
static Layout
layout_of(uint64_t dim, uint64_t terms, uint64_t text_bytes)
{
	Layout		layout;

	layout.weight = sizeof(Header);
	layout.term_end = section_end(layout.weight, terms * sizeof(float));
	layout.text = section_end(layout.term_end, terms * sizeof(uint32_t));
	layout.singular = section_end(layout.text, text_bytes);
	layout.projection = section_end(layout.singular, dim * sizeof(float));
	layout.file_bytes = section_end(layout.projection, terms * dim * sizeof(OmenHalf));
	return layout;
}

static OmenStatus
file_write(const uint8_t *bytes, size_t size, const char *path, OmenError *err)
{
	char		beside[4096];
	size_t		written = 0;
	int			fd;

	if ((size_t) snprintf(beside, sizeof(beside), "%s.%ld.new", path, (long) getpid()) >= sizeof(beside))
		return omen_fail(err, OMEN_INVALID, "the model's file name is too long");
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return omen_fail(err, OMEN_INVALID, "could not create %.160s: %s", beside, strerror(errno));
	while (written < size)
	{
		ssize_t		n = write(fd, bytes + written, size - written);

		if (n < 0 && errno != EINTR)
			break;
		written += n > 0 ? (size_t) n : 0;
	}
	if (written < size || fsync(fd) != 0)
	{
		int			why = errno;

		close(fd);
		unlink(beside);
		return omen_fail(err, OMEN_INVALID, "could not write %.160s: %s", beside, strerror(why));
	}
	if (close(fd) != 0 || rename(beside, path) != 0)
	{
		int			why = errno;

		unlink(beside);
		return omen_fail(err, OMEN_INVALID, "could not put %.160s in place: %s", path, strerror(why));
	}
	return OMEN_OK;
}

static OmenStatus
header_check(const Header *header, size_t size, const char *origin, OmenError *err)
{
	if (memcmp(header->magic, MODEL_MAGIC, sizeof(header->magic)) != 0)
		return omen_fail(err, OMEN_CORRUPT, "%.160s is not a model of OmenDB's embedder", origin);
	if (header->version != MODEL_VERSION)
		return omen_fail(err, OMEN_UNSUPPORTED, "the model %.140s is of format %u; this build reads %d: train it again",
						 origin, header->version, MODEL_VERSION);
	if (header->dim < 1 || header->dim > OMEN_LSA_DIM_MAX || header->terms < 1 || header->terms > OMEN_LSA_TERMS_MAX ||
		header->zero != 0 || header->zero_too != 0)
		return omen_fail(err, OMEN_CORRUPT, "the model %.160s is damaged: sizes out of bounds", origin);
	if (header->file_bytes != size ||
		layout_of(header->dim, header->terms, header->text_bytes).file_bytes != size)
		return omen_fail(err, OMEN_CORRUPT,
						 "the model %.140s is cut short or damaged: %zu bytes where its header says %llu",
						 origin, size, (unsigned long long) header->file_bytes);
	return OMEN_OK;
}

static OmenStatus
terms_parse(const uint8_t *bytes, const Header *header, const Layout *layout, const char *origin,
			OmenVocabulary *terms, OmenError *err)
{
	uint32_t	begin = 0;

	for (uint32_t t = 0; t < header->terms; t++)
	{
		uint32_t	end;
		uint32_t	number;
		OmenStatus	status;

		memcpy(&end, bytes + layout->term_end + (uint64_t) t * sizeof(end), sizeof(end));
		if (end <= begin || end > header->text_bytes || end - begin > OMEN_LSA_TERM_BYTES_MAX)
			return omen_fail(err, OMEN_CORRUPT, "the model %.160s is damaged: term %u has no place", origin, t);
		status = omen_vocabulary_add(terms, (const char *) bytes + layout->text + begin, end - begin, &number, err);
		if (status != OMEN_OK)
			return status;
		if (number != t)
			return omen_fail(err, OMEN_CORRUPT, "the model %.160s is damaged: term %u repeats another", origin, t);
		begin = end;
	}
	if (begin != header->text_bytes)
		return omen_fail(err, OMEN_CORRUPT, "the model %.160s is damaged: text beyond its terms", origin);
	return OMEN_OK;
}

/* Numbers that are none would make every vector worthless. */
static OmenStatus
content_check(const OmenLsaModel *model, const char *origin, OmenError *err)
{
	size_t		entries = (size_t) model->terms.count * model->dim;
	uint32_t	bad = 0;

	for (uint32_t t = 0; t < model->terms.count; t++)
		bad |= !(model->weight[t] >= 0.0f && model->weight[t] < 1e6f);
	for (uint32_t i = 0; i < model->dim; i++)
		bad |= !(model->singular[i] >= 0.0f && isfinite(model->singular[i]));
	for (size_t i = 0; i < entries; i++)
		bad |= (model->projection[i] & 0x7c00) == 0x7c00;
	if (bad)
		return omen_fail(err, OMEN_CORRUPT, "the model %.160s is damaged: a number out of bounds", origin);
	return OMEN_OK;
}
