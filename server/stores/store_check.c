/*
 * store_check.c - is the collection what the table is?
 *
 * Points by their number, and by a checksum of ids, vectors and documents that
 * was made as they were read; metadata by points kept as they came; vectors by
 * what is asked of them: rows are taken as queries, and the store's answers and
 * the index's are held against exact search in the table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "db/query.h"
#include "stores/store_parts.h"

/* A store may have added in another order, or in single precision. */
#define DISTANCE_TOLERANCE 1e-4

/* Below this the data or the distance is another one: stores' own graphs answer far better. */
#define STORE_RECALL_MIN 0.5

static char *
copy_json(OmenJson value)
{
	char	   *text = malloc(value.bytes + 1);

	if (text != NULL && !omen_json_copy(value, text, value.bytes + 1))
	{
		free(text);
		return NULL;
	}
	return text;
}

/* Keeps each point with the same chance (reservoir sampling), as many as queries are asked. */
bool
omen_store_keep_sample(OmenStoreRun *run, const OmenPoint *point)
{
	uint64_t	seen = (uint64_t) run->report->copied + run->writer->row_count;
	int			at = run->sample_count;
	OmenStoreSample sample;

	if (run->samples == NULL)
		run->samples = calloc((size_t) run->options->samples + 1, sizeof(OmenStoreSample));
	if (run->samples == NULL)
		return omen_complain(run->complaint, "out of memory");
	if (run->sample_count < run->options->samples)
		run->sample_count++;
	else
	{
		run->sample_state = run->sample_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		if ((run->sample_state >> 33) % seen >= (uint64_t) run->options->samples)
			return true;
		at = (int) ((run->sample_state >> 33) % seen);
	}
	sample.id = copy_json(point->id);
	/* As written: the server reads it as JSON. */
	sample.metadata = point->metadata.data == NULL ? NULL : strndup(point->metadata.data, point->metadata.bytes);
	free(run->samples[at].id);
	free(run->samples[at].metadata);
	run->samples[at] = sample;
	return sample.id != NULL || omen_complain(run->complaint, "out of memory");
}

void
omen_store_free_samples(OmenStoreRun *run)
{
	for (int i = 0; i < run->sample_count; i++)
	{
		free(run->samples[i].id);
		free(run->samples[i].metadata);
	}
	free(run->samples);
}

static PGresult *
ask(OmenStoreRun *run, int parameter_count, const char *const *values, const char *format,...)
			__attribute__((format(printf, 4, 5)));

static PGresult *
ask(OmenStoreRun *run, int parameter_count, const char *const *values, const char *format,...)
{
	va_list		arguments;
	char	   *sql = NULL;
	PGresult   *result = NULL;

	va_start(arguments, format);
	if (vasprintf(&sql, format, arguments) < 0)
		omen_complain(run->complaint, "out of memory");
	else
		result = omen_db_query(run->options->target, sql, parameter_count, values, run->complaint);
	va_end(arguments);
	free(sql);
	return result;
}

/* The bytes of a row that the checksum is of, as SQL: see add_checksum() in store_copy.c. */
static void
append_row_bytes(OmenStoreRun *run, OmenBuffer *sql)
{
	for (uint32_t i = 0; i < run->table.column_count; i++)
	{
		const OmenColumn *column = &run->table.columns[i];
		bool		text = column->encoding->encode == omen_encode_text;
		char	   *name = PQescapeIdentifier(run->options->target, column->name, strlen(column->name));
		char	   *part = NULL;

		if (column->encoding->encode != omen_encode_jsonb && name != NULL &&
			asprintf(&part, "%1$scoalesce(int4send(octet_length(%2$s%3$ssend(%4$s))) || %2$s%3$ssend(%4$s), "
					 "int4send(-1))",
					 i > 0 ? " || " : "", column->encoding->type_name, text ? "" : "_", name) < 0)
			part = NULL;
		if (part != NULL)
			omen_buffer_append_text(sql, part);
		sql->failed = sql->failed || name == NULL;
		free(part);
		PQfreemem(name);
	}
	omen_buffer_append_byte(sql, '\0');
}

static bool
compare_rows(OmenStoreRun *run)
{
	OmenStoreReport *report = run->report;
	OmenBuffer	bytes = {0};
	PGresult   *result = NULL;

	run->options->progress(run->options->context, "comparing", "", 0, 0);
	append_row_bytes(run, &bytes);
	if (bytes.failed)
		omen_complain(run->complaint, "out of memory");
	else
		result = ask(run, 0, NULL, "SELECT count(*), coalesce(bit_xor(('x' || encode(substr(sha256(%s), 1, 8), 'hex'))"
					 "::bit(64)::bigint), 0) FROM %s", bytes.data, run->table.qualified);
	omen_buffer_free(&bytes);
	if (result == NULL)
		return false;
	report->here_rows = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	report->same_checksum = run->checksum == (uint64_t) strtoll(PQgetvalue(result, 0, 1), NULL, 10);
	PQclear(result);
	report->there_rows = run->total;
	/* Once more: others may have written to it meanwhile. */
	return !run->by_http || run->options->kind->count(run, &report->there_rows);
}

static bool
compare_metadata(OmenStoreRun *run)
{
	for (int i = 0; i < run->sample_count; i++)
	{
		const char *values[] = {run->samples[i].id, run->samples[i].metadata};
		PGresult   *result = ask(run, 2, values, "SELECT metadata IS NOT DISTINCT FROM $2::jsonb FROM %s WHERE id = $1",
								 run->table.qualified);

		if (result == NULL)
			return false;
		run->report->metadata_asked++;
		run->report->metadata_same += PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == 't';
		PQclear(result);
	}
	return true;
}

/* How many of the distances are no farther than the tenth exact one. */
static int
count_hits(const PGresult *exact, const PGresult *found)
{
	int			count = PQntuples(exact);
	double		farthest = count > 0 ? strtod(PQgetvalue(exact, count - 1, 0), NULL) : 0;
	int			hits = 0;

	for (int i = 0; i < PQntuples(found); i++)
		hits += isnan(farthest) ||	/* cosine distances of zero vectors come last */
			strtod(PQgetvalue(found, i, 0), NULL) <= farthest + DISTANCE_TOLERANCE * fmax(1.0, fabs(farthest));
	return hits < count ? hits : count;
}

/* {"id", ...} of the ids in a store's answer, as an array of text. */
static bool
ids_as_array(OmenJson answer, OmenBuffer *array)
{
	OmenJsonWalk walk = omen_json_walk(answer);

	omen_buffer_append_byte(array, '{');
	while (omen_json_step(&walk))
	{
		OmenJson	id = walk.value;
		char		text[OMEN_STORE_ID_BYTES];

		if (omen_json_kind(id) == '{')
			id = omen_json_find(walk.value, "id");
		if (id.data == NULL)
			id = omen_json_find(omen_json_find(walk.value, "_additional"), "id");
		if (!omen_json_copy(id, text, sizeof(text)))
			return false;
		omen_buffer_append_text(array, array->bytes > 1 ? ",\"" : "\"");
		for (const char *at = text; *at != '\0'; at++)
		{
			if (*at == '"' || *at == '\\')
				omen_buffer_append_byte(array, '\\');
			omen_buffer_append_byte(array, *at);
		}
		omen_buffer_append_byte(array, '"');
	}
	omen_buffer_append_text(array, "}");
	omen_buffer_append_byte(array, '\0');
	return !array->failed;
}

/* The distances here of what the store says is nearest; NULL and no complaint when it does not answer. */
static PGresult *
ask_store(OmenStoreRun *run, const OmenVectorName *vector, const char *distance, const char *query, bool *failed)
{
	OmenComplaint unheard = *run->complaint;
	OmenJson	answer = run->options->kind->nearest(run, vector, query);
	OmenBuffer	ids = {0};
	PGresult   *result = NULL;

	*failed = false;
	if (answer.data != NULL && ids_as_array(answer, &ids))
	{
		const char *values[] = {query, ids.data};

		result = ask(run, 2, values, "SELECT %s FROM %s WHERE id = ANY ($2)", distance, run->table.qualified);
		*failed = result == NULL;
	}
	else
		*run->complaint = unheard;
	omen_buffer_free(&ids);
	return result;
}

static bool
plan_by(OmenStoreRun *run, bool index)
{
	return omen_db_execute(run->options->target, index ? "SET enable_seqscan = off; SET enable_indexscan = on" :
						   "SET enable_seqscan = on; SET enable_indexscan = off", run->complaint);
}

typedef struct Hits
{
	int			exact;			/* rows of exact search */
	int			index;
	int			store;
	int			store_exact;	/* rows of exact search where the store answered */
} Hits;

/* One query, three ways. */
static bool
ask_one(OmenStoreRun *run, const OmenVectorName *vector, const char *quoted, bool indexed, const char *query,
		Hits *hits)
{
	char		distance[192];
	const char *values[] = {query};
	PGresult   *exact;
	PGresult   *found;
	bool		failed = false;

	snprintf(distance, sizeof(distance), "%s %s $1::vector", quoted, omen_metric_operator(vector->metric));
	if (!plan_by(run, false))
		return false;
	exact = ask(run, 1, values, "SELECT %1$s FROM %2$s WHERE %3$s IS NOT NULL ORDER BY %1$s LIMIT %4$d", distance,
				run->table.qualified, quoted, OMEN_STORE_NEAREST);
	if (exact == NULL)
		return false;
	hits->exact += PQntuples(exact);
	if (indexed)
	{
		found = plan_by(run, true) ? ask(run, 1, values, "SELECT %1$s FROM %2$s ORDER BY %1$s LIMIT %3$d", distance,
										 run->table.qualified, OMEN_STORE_NEAREST) : NULL;
		failed = found == NULL;
		if (!failed)
			hits->index += count_hits(exact, found);
		PQclear(found);
	}
	if (!failed && run->by_http)
	{
		found = ask_store(run, vector, distance, query, &failed);
		if (found != NULL)
		{
			hits->store += count_hits(exact, found);
			hits->store_exact += PQntuples(exact);
		}
		PQclear(found);
	}
	PQclear(exact);
	return !failed;
}

static bool
compare_answers(OmenStoreRun *run, const OmenVectorName *vector, OmenStoreColumn *column)
{
	const OmenStoreOptions *options = run->options;
	char	   *quoted = PQescapeIdentifier(options->target, vector->column, strlen(vector->column));
	bool		indexed = strcmp(column->index, "none") != 0;
	Hits		hits = {0};
	PGresult   *queries = NULL;
	char		title[160];
	bool		good;

	snprintf(title, sizeof(title), "asking %s", vector->column);
	options->progress(options->context, title, "queries", 0, (uint64_t) options->samples);
	/* Rows from all over, the same in each run. */
	if (quoted != NULL)
		queries = ask(run, 0, NULL, "SELECT %1$s FROM %2$s WHERE %1$s IS NOT NULL ORDER BY md5(id) LIMIT %3$d", quoted,
					  run->table.qualified, options->samples);
	good = queries != NULL;
	for (int i = 0; good && i < PQntuples(queries); i++)
	{
		good = !*options->stop && ask_one(run, vector, quoted, indexed, PQgetvalue(queries, i, 0), &hits);
		column->asked++;
		options->progress(options->context, NULL, "queries", (uint64_t) i + 1, 0);
	}
	PQclear(queries);
	PQfreemem(quoted);
	if (indexed && hits.exact > 0)
		column->here_recall = (double) hits.index / hits.exact;
	if (hits.store_exact > 0)
		column->there_recall = (double) hits.store / hits.store_exact;
	return good;
}

bool
omen_store_compare(OmenStoreRun *run)
{
	OmenStoreReport *report = run->report;

	if (!compare_rows(run) || !compare_metadata(run))
		return false;
	report->same = report->here_rows == report->there_rows && report->same_checksum &&
		report->metadata_same == report->metadata_asked;
	for (int i = 0; i < run->vector_count && run->options->samples > 0; i++)
	{
		OmenStoreColumn *column = &report->columns[i];

		if (run->vectors[i].shape != OMEN_SHAPE_DENSE || run->vectors[i].metric == OMEN_METRIC_UNKNOWN)
			continue;
		if (!compare_answers(run, &run->vectors[i], column))
			return false;
		report->same = report->same && (column->there_recall < 0 || column->there_recall >= STORE_RECALL_MIN);
	}
	run->options->progress(run->options->context, NULL, "", UINT64_MAX, 0);
	return true;
}
