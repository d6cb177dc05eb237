/*
 * demo_measure.c - how right and how fast the index is.
 *
 * The queries are half of the words of a thousand definitions, drawn at
 * random (seeded): texts that are in no row, as a question is.  Recall@10 is
 * measured over the first of them: of the index's ten rows, those at most as
 * far as the tenth of an exact search, which reads every row (index scans off,
 * two parallel workers).  By distance, not by row: definitions that read alike
 * lie at the same place, and either will do.
 *
 * Speed: one connection, prepared statements, binary parameters and answers,
 * one query after another, the table in memory from the exact searches.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db/query.h"
#include "demo/demo_parts.h"
#include "term/progress.h"
#include "term/progress_line.h"

#define NEAREST 10
#define QUERIES_MAX 1000
#define EXACT_QUERIES 100
#define INDEX_SECONDS 2.0

#define SEARCH "SELECT id, embedding <=> $1::vector FROM wordnet ORDER BY embedding <=> $1::vector LIMIT 10"

/* A vector, encoded as a parameter. */
typedef struct Query
{
	OmenBuffer	encoded;
	double		tenth;			/* distance of the tenth row by exact search */
} Query;

typedef struct Measurement
{
	Query		queries[QUERIES_MAX];
	size_t		count;
	size_t		exact_count;
	double		exact_per_second;
	double		index_per_second;
	double		recall;
	bool		index_used;
} Measurement;

static bool queries_make(OmenDemo *demo, Measurement *m);
static bool search_exactly(OmenDemo *demo, Measurement *m);
static bool search_by_index(OmenDemo *demo, Measurement *m);
static bool plan_look(OmenDemo *demo, Measurement *m);
static bool figures_print(OmenDemo *demo, const Measurement *m);

bool
omen_demo_measure(OmenDemo *demo)
{
	Measurement *m = calloc(1, sizeof(*m));
	bool		done;

	if (m == NULL)
		return omen_complain(demo->complaint, "out of memory");
	done = queries_make(demo, m)
		&& search_exactly(demo, m)
		&& search_by_index(demo, m)
		&& plan_look(demo, m)
		&& figures_print(demo, m);
	for (size_t q = 0; q < m->count; q++)
		omen_buffer_free(&m->queries[q].encoded);
	free(m);
	return done;
}

/* splitmix64 */
static uint64_t
random_next(uint64_t *state)
{
	uint64_t	z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Half of the words of the definition, at random; returns the bytes written to text. */
static size_t
half_of(const char *gloss, char *text, uint64_t *random)
{
	OmenSynset	row = {.gloss = gloss};
	size_t		length = omen_synset_definition_bytes(&row);
	size_t		bytes = 0;

	for (size_t at = 0; at < length;)
	{
		size_t		word = strcspn(gloss + at, " ");

		word = at + word < length ? word : length - at;
		if (random_next(random) >> 63)
		{
			memcpy(text + bytes, gloss + at, word);
			bytes += word;
			text[bytes++] = ' ';
		}
		at += word + 1;
	}
	return bytes;
}

static bool
queries_make(OmenDemo *demo, Measurement *m)
{
	uint32_t	dim = omen_embedder_dim(demo->embedder);
	uint64_t	random = 1;
	float	   *vector = malloc(dim * sizeof(float));
	OmenError	err;
	bool		done = vector != NULL || omen_complain(demo->complaint, "out of memory");
	PGresult   *result = omen_db_query(demo->connection, "SELECT gloss FROM wordnet"
									   " WHERE id % (SELECT greatest(max(id) / 1100, 1) FROM wordnet) = 0 ORDER BY id",
									   0, NULL, demo->complaint);

	for (int i = 0; done && result != NULL && i < PQntuples(result) && m->count < QUERIES_MAX; i++)
	{
		const char *gloss = PQgetvalue(result, i, 0);
		char	   *text = malloc(strlen(gloss) + 2);
		bool		known = false;

		if (text == NULL)
			done = omen_complain(demo->complaint, "out of memory");
		else if (omen_embedder_embed(demo->embedder, &(OmenText) {text, half_of(gloss, text, &random)}, 1,
									 vector, &known, &err) != OMEN_OK)
			done = omen_demo_fail(demo, &err);
		else if (known)
			omen_demo_put_vector(&m->queries[m->count++].encoded, vector, dim);
		free(text);
	}
	done = done && result != NULL;
	PQclear(result);
	free(vector);
	m->exact_count = m->count < EXACT_QUERIES ? m->count : EXACT_QUERIES;
	return done;
}

static bool
statement_prepare(OmenDemo *demo, const char *name)
{
	PGresult   *result = PQprepare(demo->connection, name, SEARCH, 0, NULL);
	bool		done = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!done)
		omen_db_complain(demo->connection, result, demo->complaint);
	PQclear(result);
	return done;
}

/* The rows of one query, binary; NULL and a complaint on failure. */
static PGresult *
statement_run(OmenDemo *demo, const char *name, const Query *query)
{
	const char *values[] = {query->encoded.data};
	int			lengths[] = {(int) query->encoded.bytes};
	int			formats[] = {1};
	PGresult   *result = PQexecPrepared(demo->connection, name, 1, values, lengths, formats, 1);

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	omen_db_complain(demo->connection, result, demo->complaint);
	PQclear(result);
	return NULL;
}

static double
distance_of(const PGresult *result, int row)
{
	const unsigned char *bytes = (const unsigned char *) PQgetvalue(result, row, 1);
	uint64_t	bits = 0;
	double		distance;

	for (int i = 0; i < 8; i++)
		bits = bits << 8 | bytes[i];
	memcpy(&distance, &bits, sizeof(distance));
	return distance;
}

static bool
search_exactly(OmenDemo *demo, Measurement *m)
{
	OmenProgress *progress;
	double		started = 0.0;
	bool		done;

	/* prepared within, so that the plan is made under these settings and dies with them */
	if (!omen_db_execute(demo->connection,
						 "BEGIN; SET LOCAL enable_indexscan = off; SET LOCAL max_parallel_workers_per_gather = 2;"
						 "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;"
						 "SET LOCAL min_parallel_table_scan_size = 0", demo->complaint))
		return false;
	progress = omen_progress_begin(demo->options->progress, "measuring exact search", "queries",
								   m->exact_count);
	done = statement_prepare(demo, "demo_exact");
	/* the first one runs twice: once to bring the table into memory */
	for (size_t i = 0; done && i <= m->exact_count && m->exact_count > 0; i++)
	{
		Query	   *query = &m->queries[i == 0 ? 0 : i - 1];
		PGresult   *result = statement_run(demo, "demo_exact", query);
		int			rows = result != NULL ? PQntuples(result) : 0;

		done = result != NULL;
		query->tenth = rows > 0 ? distance_of(result, rows - 1) : 0.0;
		PQclear(result);
		omen_progress_set(progress, i);
		if (i == 0)
			started = omen_demo_clock();
	}
	m->exact_per_second = (double) m->exact_count / (omen_demo_clock() - started);
	omen_progress_end(progress, done ? NULL : "");
	return done && omen_db_execute(demo->connection, "DEALLOCATE demo_exact; COMMIT", demo->complaint);
}

static bool
search_by_index(OmenDemo *demo, Measurement *m)
{
	OmenProgress *progress = omen_progress_begin(demo->options->progress, "measuring the index", "queries", 0);
	size_t		near_enough = 0;
	size_t		asked = 0;
	double		started;
	double		elapsed = 0.0;
	bool		done = statement_prepare(demo, "demo_index");

	for (size_t q = 0; done && q < m->exact_count; q++)
	{
		PGresult   *result = statement_run(demo, "demo_index", &m->queries[q]);

		done = result != NULL;
		for (int i = 0; done && i < PQntuples(result); i++)
			near_enough += distance_of(result, i) <= m->queries[q].tenth + 1e-12;
		PQclear(result);
	}
	m->recall = m->exact_count > 0 ? (double) near_enough / (double) (m->exact_count * NEAREST) : 0.0;

	started = omen_demo_clock();
	while (done && m->count > 0 && elapsed < INDEX_SECONDS)
	{
		PGresult   *result = statement_run(demo, "demo_index", &m->queries[asked % m->count]);

		done = result != NULL;
		PQclear(result);
		omen_progress_set(progress, ++asked);
		elapsed = omen_demo_clock() - started;
	}
	m->index_per_second = elapsed > 0.0 ? (double) asked / elapsed : 0.0;
	omen_progress_end(progress, done ? NULL : "");
	return done;
}

/* Whether the planner takes the index: figures that are not the index's must not pass for it. */
static bool
plan_look(OmenDemo *demo, Measurement *m)
{
	PGresult   *result = omen_db_query(demo->connection,
									   "EXPLAIN SELECT id FROM wordnet ORDER BY embedding <=>"
									   " (SELECT embedding FROM wordnet WHERE id = 1) LIMIT 10",
									   0, NULL, demo->complaint);

	if (result == NULL)
		return false;
	for (int i = 0; i < PQntuples(result); i++)
		m->index_used |= strstr(PQgetvalue(result, i, 0), OMEN_DEMO_INDEX) != NULL;
	PQclear(result);
	return true;
}

static bool
figures_print(OmenDemo *demo, const Measurement *m)
{
	FILE	   *out = demo->options->out;
	PGresult   *result = omen_db_query(demo->connection,
									   "SELECT pg_relation_size(to_regclass('" OMEN_DEMO_INDEX "')),"
									   " pg_table_size(to_regclass('wordnet')),"
									   " (SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass('wordnet'))",
									   0, NULL, demo->complaint);
	char		count[32];
	char		index_size[32];
	char		table_size[32];
	char		rate[32];

	if (result == NULL)
		return false;
	omen_format_count(count, strtoull(PQgetvalue(result, 0, 2), NULL, 10));
	omen_format_bytes(index_size, strtoull(PQgetvalue(result, 0, 0), NULL, 10));
	omen_format_bytes(table_size, strtoull(PQgetvalue(result, 0, 1), NULL, 10));
	PQclear(result);

	fprintf(out, "\nMeasured on %s rows of %" PRIu32 " dimensions, default settings:\n", count,
			omen_embedder_dim(demo->embedder));
	fprintf(out, "  recall@10      %.3f  against exact search, %zu queries\n", m->recall, m->exact_count);
	omen_format_count(rate, (uint64_t) (m->index_per_second + 0.5));
	fprintf(out, "  index          %s queries a second, one connection\n", rate);
	fprintf(out, "  exact search   %.1f queries a second, two parallel workers\n", m->exact_per_second);
	if (m->exact_per_second > 0.0)
		fprintf(out, "  the index is   %.0f times as fast\n", m->index_per_second / m->exact_per_second);
	fprintf(out, "  size           index %s, table %s\n", index_size, table_size);
	if (!m->index_used)
		fprintf(out, "  The planner did not choose the index, so these are figures of a plan without it.\n");
	fflush(out);
	return true;
}
