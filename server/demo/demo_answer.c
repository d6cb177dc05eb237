/*
 * demo_answer.c - questions to answers.
 *
 * The way an application would do it: embed the question, pass the vector as
 * a binary parameter to a prepared statement, read the rows.  The time shown
 * is all of that, but for the question's printing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "db/query.h"
#include "demo/demo_parts.h"
#include "term/table.h"

static PGresult *question_ask(OmenDemo *demo, const char *question, int nearest, bool *known, double *seconds);

bool
omen_demo_prepare_search(OmenDemo *demo)
{
	PGresult   *result = PQprepare(demo->connection, "demo_answer",
								   "SELECT words, gloss, embedding <=> $1::vector FROM wordnet"
								   " ORDER BY embedding <=> $1::vector LIMIT $2::int", 0, NULL);
	bool		done = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!done)
		omen_db_complain(demo->connection, result, demo->complaint);
	PQclear(result);
	return done;
}

bool
omen_demo_answer(OmenDemo *demo, const char *const *questions, size_t count, int nearest)
{
	OmenTable  *table = omen_table_begin(4);
	bool		done = true;
	bool		known;
	double		seconds;

	omen_table_column(table, 0, "question", OMEN_LEFT);
	omen_table_column(table, 1, "nearest definitions", OMEN_LEFT);
	omen_table_column(table, 2, "distance", OMEN_RIGHT);
	omen_table_column(table, 3, "ms", OMEN_RIGHT);

	/* once for nothing, so that the first answer's time is not that of reading the index from disk */
	PQclear(question_ask(demo, questions[0], nearest, &known, &seconds));
	for (size_t q = 0; q < count && done; q++)
	{
		PGresult   *result = question_ask(demo, questions[q], nearest, &known, &seconds);

		done = result != NULL || !known;
		for (int i = 0; result != NULL && i < PQntuples(result); i++)
		{
			const char *gloss = PQgetvalue(result, i, 1);
			OmenSynset	row = {.gloss = gloss};

			omen_table_cell(table, "%s", i == 0 ? questions[q] : "");
			omen_table_cell(table, "%s: %.*s", PQgetvalue(result, i, 0),
							(int) omen_synset_definition_bytes(&row), gloss);
			omen_table_cell(table, "%.3f", strtod(PQgetvalue(result, i, 2), NULL));
			if (i == 0)
				omen_table_cell(table, "%.2f", seconds * 1e3);
			else
				omen_table_cell(table, "%s", "");
		}
		if (!known)
		{
			omen_table_cell(table, "%s", questions[q]);
			omen_table_cell(table, "(the embedder knows no word of this: it learned English from WordNet alone)");
			omen_table_cell(table, "%s", "");
			omen_table_cell(table, "%s", "");
		}
		PQclear(result);
	}
	if (done)
		omen_table_print(table, demo->options->out, 0);
	fflush(demo->options->out);
	omen_table_end(table);
	return done;
}

/* The rows, or NULL: with *known false for want of a known word, else with a complaint. */
static PGresult *
question_ask(OmenDemo *demo, const char *question, int nearest, bool *known, double *seconds)
{
	uint32_t	dim = omen_embedder_dim(demo->embedder);
	float	   *vector = malloc(dim * sizeof(float));
	OmenText	text = {question, strlen(question)};
	OmenBuffer	encoded = {0};
	PGresult   *result = NULL;
	char		limit[16];
	OmenError	err;

	*known = true;
	*seconds = omen_demo_clock();
	if (vector == NULL)
		omen_complain(demo->complaint, "out of memory");
	else if (omen_embedder_embed(demo->embedder, &text, 1, vector, known, &err) != OMEN_OK)
	{
		*known = true;
		omen_demo_fail(demo, &err);
	}
	else if (*known)
	{
		omen_demo_put_vector(&encoded, vector, dim);
		snprintf(limit, sizeof(limit), "%d", nearest);
		result = PQexecPrepared(demo->connection, "demo_answer", 2, (const char *const[]) {encoded.data, limit},
								(const int[]) {(int) encoded.bytes, 0}, (const int[]) {1, 0}, 0);
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
		{
			omen_db_complain(demo->connection, result, demo->complaint);
			PQclear(result);
			result = NULL;
		}
	}
	*seconds = omen_demo_clock() - *seconds;
	omen_buffer_free(&encoded);
	free(vector);
	return result;
}

/* int16 dimensions, int16 zero, then the numbers, all big-endian. */
void
omen_demo_put_vector(OmenBuffer *buffer, const float *vector, uint32_t dim)
{
	omen_buffer_append_u16(buffer, (uint16_t) dim);
	omen_buffer_append_u16(buffer, 0);
	for (uint32_t i = 0; i < dim; i++)
	{
		uint32_t	bits;

		memcpy(&bits, &vector[i], sizeof(bits));
		omen_buffer_append_u32(buffer, bits);
	}
}
