/*
 * store_copy.c - points into rows, part by part.
 *
 * A part is a page of an API, or so many bytes of a file's points.  Its rows and
 * the note of where the next part begins are one transaction, so that a point is
 * there once however often it is interrupted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "db/query.h"
#include "stores/store_parts.h"

/* What an interruption can cost at most, where the source has no pages. */
#define PART_BYTES ((int64_t) 64 * 1024 * 1024)

#define FIELDS_MAX (OMEN_STORE_VECTORS_MAX + 4)

static int64_t
part_bytes(void)
{
	const char *tested = getenv("OMENDB_TEST_MIGRATE_PART");

	return tested != NULL ? strtoll(tested, NULL, 10) : PART_BYTES;
}

static bool
begin_part(OmenStoreRun *run)
{
	run->part_bytes = 0;
	run->writer = malloc(sizeof(OmenCopyWriter));
	if (run->writer == NULL)
		return omen_complain(run->complaint, "out of memory");
	if (omen_db_execute(run->options->target, "BEGIN", run->complaint) &&
		omen_copy_begin(run->writer, run->options->target, run->table.qualified, run->table.relation,
						run->table.columns, run->table.column_count, run->complaint))
		return true;
	free(run->writer);
	run->writer = NULL;
	return false;
}

/* The server's own words, and the point that they are about. */
static bool
name_place(OmenStoreRun *run, uint64_t place)
{
	OmenComplaint kept = *run->complaint;

	if (place == 0)
		return false;
	omen_complain(run->complaint, "point %llu: %s", (unsigned long long) place, kept.fact);
	return omen_advise(run->complaint, "%s", kept.advice);
}

/* Ends the part, good or not. */
static bool
end_part(OmenStoreRun *run, bool good, bool finished)
{
	uint64_t	rows = run->writer->row_count;
	uint64_t	place = 0;

	good = good && (omen_copy_end(run->writer, run->complaint, &place) || name_place(run, place));
	omen_copy_close(run->writer);
	free(run->writer);
	run->writer = NULL;
	good = good && omen_store_note(run, finished) &&
		omen_db_execute(run->options->target, "COMMIT", run->complaint);
	if (good)
		run->report->copied += (int64_t) rows;
	else
		PQclear(PQexec(run->options->target, "ROLLBACK"));
	return good;
}

/*
 * Adds the row that the buffer ends with, less its JSON, which the server stores
 * in a form of its own, to the checksum.  The other columns' binary form is what
 * their _send functions give: the same is computed in SQL (store_check.c).
 */
static bool
add_checksum(OmenStoreRun *run, size_t row_at)
{
	const unsigned char *at = (const unsigned char *) run->writer->buffer.data + row_at + 2;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	uint64_t	sum = 0;
	bool		good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

	for (uint32_t i = 0; good && i < run->table.column_count; i++)
	{
		uint32_t	bytes = (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
		size_t		whole = bytes == UINT32_MAX ? 4 : (size_t) bytes + 4;

		if (run->table.columns[i].encoding->encode != omen_encode_jsonb)
			good = EVP_DigestUpdate(context, at, whole) == 1;
		at += whole;
	}
	good = good && EVP_DigestFinal_ex(context, digest, NULL) == 1;
	EVP_MD_CTX_free(context);
	if (!good)
		return omen_complain(run->complaint, "no checksum could be made");
	for (int i = 0; i < 8; i++)
		sum = sum << 8 | digest[i];
	run->checksum ^= sum;
	return true;
}

static OmenField
json_field(OmenJson value)
{
	char		kind = omen_json_kind(value);

	return (OmenField) {kind == '\0' || kind == 'n' ? OMEN_FIELD_NULL : OMEN_FIELD_JSON, value.data, value.bytes};
}

/* {"indices": [i, ...], "values": [v, ...]}, counted from 0, as sparsevec's text, counted from 1. */
static bool
sparse_field(OmenStoreRun *run, OmenJson value, OmenBuffer *text, OmenField *field)
{
	OmenJsonWalk indices = omen_json_walk(omen_json_find(value, "indices"));
	OmenJsonWalk values = omen_json_walk(omen_json_find(value, "values"));
	char		number[32];

	omen_buffer_append_byte(text, '{');
	while (omen_json_step(&indices))
	{
		if (!omen_json_step(&values))
			return omen_complain(run->complaint, "point %lld: more indices than values", (long long) run->place);
		snprintf(number, sizeof(number), "%s%lld:", text->bytes > 1 ? "," : "",
				 strtoll(indices.value.data, NULL, 10) + 1);
		omen_buffer_append_text(text, number);
		omen_buffer_append(text, values.value.data, values.value.bytes);
	}
	omen_buffer_append_text(text, "}/1000000000");
	if (omen_json_step(&values))
		return omen_complain(run->complaint, "point %lld: more values than indices", (long long) run->place);
	*field = (OmenField) {OMEN_FIELD_TEXT, text->data, text->bytes};
	return !text->failed || omen_complain(run->complaint, "out of memory");
}

/* Puts the point's vectors under their columns; texts, one for each, hold what had to be written anew. */
static bool
place_vectors(OmenStoreRun *run, const OmenPoint *point, OmenField *fields, OmenBuffer *texts)
{
	for (int i = 0; i < point->vector_count; i++)
	{
		char		name[64] = "";
		int			at = 0;

		if (point->vectors[i].name.data != NULL)
			omen_json_copy(point->vectors[i].name, name, sizeof(name));
		while (at < run->vector_count && strcmp(run->vectors[at].name, name) != 0)
			at++;
		if (at == run->vector_count)
			return omen_complain(run->complaint, "point %lld has a vector that no point before it had",
								 (long long) run->place);
		if (fields[at].kind != OMEN_FIELD_NULL)
			return omen_complain(run->complaint, "point %lld has the same vector twice", (long long) run->place);
		if (run->vectors[at].shape != OMEN_SHAPE_SPARSE)
			fields[at] = json_field(point->vectors[i].value);
		else if (!sparse_field(run, point->vectors[i].value, &texts[at], &fields[at]))
			return false;
	}
	return true;
}

static bool
copy_point(OmenStoreRun *run, const OmenPoint *point)
{
	OmenField	fields[FIELDS_MAX] = {{0}};
	OmenField  *rest = fields + 1 + run->vector_count;
	OmenBuffer	texts[OMEN_STORE_VECTORS_MAX] = {{0}};
	OmenError	err;
	size_t		row_at;
	uint64_t	place = 0;
	bool		good;

	if (run->writer == NULL && !begin_part(run))
		return false;
	fields[0] = json_field(point->id);
	rest[0] = json_field(point->metadata);
	rest[1] = json_field(point->document);
	rest[2] = json_field(point->uri);
	good = place_vectors(run, point, fields + 1, texts);
	row_at = run->writer->buffer.bytes;
	if (good && omen_copy_row(run->writer, fields, (uint64_t) run->place, &err) != OMEN_OK)
	{
		char		shown[3 * OMEN_ERROR_BYTES];

		omen_showable(shown, sizeof(shown), err.text);
		good = omen_complain(run->complaint, "point %lld: %s", (long long) run->place, shown);
	}
	for (int i = 0; i < run->vector_count; i++)
		omen_buffer_free(&texts[i]);
	good = good && add_checksum(run, row_at) && omen_store_keep_sample(run, point);
	if (!good)
		return false;
	run->part_bytes += (int64_t) (run->writer->buffer.bytes - row_at);
	if (!omen_copy_flush(run->writer, false, run->complaint, &place))
		return name_place(run, place);
	return run->by_http || run->part_bytes < part_bytes() || end_part(run, true, false);
}

static bool
copy_pages(OmenStoreRun *run)
{
	const OmenStoreOptions *options = run->options;
	char		title[160];

	snprintf(title, sizeof(title), "copying into %.120s", run->table.qualified);
	options->progress(options->context, title, "points", (uint64_t) run->skip, (uint64_t) run->total);
	run->place = run->skip;
	run->skip = 0;
	do
	{
		if (*options->stop || !omen_store_read_page(run))
			return false;
		if ((run->writer == NULL && !begin_part(run)) || !end_part(run, true, run->next[0] == '\0'))
			return false;
		strcpy(run->cursor, run->next);
		options->progress(options->context, NULL, "points", (uint64_t) run->place, 0);
	} while (run->cursor[0] != '\0');
	options->progress(options->context, NULL, "points", UINT64_MAX, 0);
	return true;
}

bool
omen_store_copy(OmenStoreRun *run)
{
	char		title[160];
	bool		good;

	run->take = copy_point;
	if (run->by_http)
		good = copy_pages(run);
	else
	{
		run->next[0] = '\0';
		snprintf(title, sizeof(title), "copying into %.120s", run->table.qualified);
		good = omen_store_read_file(run, title) &&
			(run->writer != NULL || begin_part(run)) && end_part(run, true, true);
	}
	if (run->writer != NULL)
		end_part(run, false, false);
	return good;
}
