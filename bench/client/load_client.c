/*
 * load_client.c - puts rows of a source into a table, and times it.
 *
 *	bench_load CONNECTION TABLE SOURCE PART FIRST COUNT copy|ready|freeze|insert STREAMS
 *
 * The table has columns (id bigint, embedding vector); row r of the source
 * gets the id r.  "copy" is binary COPY over STREAMS connections at once, each
 * with its own run of rows; "ready" is the same with all rows made before the
 * clock starts, for what making them costs would be taken from the server's
 * processors; "freeze" empties the table and copies in one
 * transaction, so that neither WAL (where wal_level is minimal) nor vacuum is
 * needed; "insert" is one prepared INSERT a row, a thousand a transaction.
 *
 * Prints JSON: rows, seconds, rows a second.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "row_source.h"

#define ROWS_A_BATCH 64
#define ROWS_A_TRANSACTION 1000
#define STREAMS_MAX 64

typedef enum How
{
	HOW_COPY,
	HOW_READY,
	HOW_FREEZE,
	HOW_INSERT
} How;

typedef struct Load
{
	const char *connection;
	const char *table;
	BenchRows	rows;
	How			how;
	pthread_barrier_t *start;
} Load;

typedef struct Stream
{
	const Load *load;
	uint64_t	first;
	uint64_t	count;
	bool		done;
} Stream;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static bool
complain(PGconn *db)
{
	fprintf(stderr, "omendb bench: %s", PQerrorMessage(db));
	return false;
}

static bool
execute(PGconn *db, const char *sql)
{
	PGresult   *result = PQexec(db, sql);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN || complain(db);
}

static char *
put_u16(char *to, uint16_t value)
{
	value = htobe16(value);
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
}

static char *
put_u32(char *to, uint32_t value)
{
	value = htobe32(value);
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
}

/* The binary format of vector: dimensions, a zero, the values. */
static char *
put_vector(char *to, const float *row, uint32_t dim)
{
	to = put_u16(to, (uint16_t) dim);
	to = put_u16(to, 0);
	for (uint32_t i = 0; i < dim; i++)
	{
		uint32_t	bits;

		memcpy(&bits, row + i, sizeof(bits));
		to = put_u32(to, bits);
	}
	return to;
}

static char *
put_row(char *to, uint64_t id, const float *row, uint32_t dim)
{
	to = put_u16(to, 2);
	to = put_u32(to, 8);
	to = put_u32(to, (uint32_t) (id >> 32));
	to = put_u32(to, (uint32_t) id);
	to = put_u32(to, 4 + dim * 4);
	return put_vector(to, row, dim);
}

/* So many rows from `first` on, as COPY has them; returns their end. */
static char *
put_rows(char *to, const BenchRows *source, uint64_t first, uint32_t count, float *rows)
{
	source->read(source, first, count, rows);
	for (uint32_t i = 0; i < count; i++)
		to = put_row(to, first + i, rows + (size_t) i * source->dim, source->dim);
	return to;
}

static uint32_t
batch_at(const Stream *stream, uint64_t at)
{
	return stream->count - at < ROWS_A_BATCH ? (uint32_t) (stream->count - at) : ROWS_A_BATCH;
}

/* Of one row, in COPY's binary format. */
static size_t
row_bytes(const BenchRows *source)
{
	return 22 + (size_t) source->dim * 4;
}

/* All of a stream's rows; NULL without the memory. */
static char *
make_ready(const Stream *stream, float *rows)
{
	const BenchRows *source = &stream->load->rows;
	char	   *bytes = malloc(stream->count * row_bytes(source) + 1);

	for (uint64_t at = 0; bytes != NULL && at < stream->count; at += ROWS_A_BATCH)
		put_rows(bytes + at * row_bytes(source), source, stream->first + at, batch_at(stream, at), rows);
	return bytes;
}

/* `ready`: all rows as COPY has them, or NULL. */
static bool
copy_rows(PGconn *db, const Stream *stream, float *rows, char *bytes, const char *ready)
{
	static const char header[19] = "PGCOPY\n\377\r\n";	/* signature, flags, no extension */
	static const char end[2] = {'\377', '\377'};
	const BenchRows *source = &stream->load->rows;
	PGresult   *result;
	bool		done = PQputCopyData(db, header, sizeof(header)) == 1;

	for (uint64_t at = 0; done && at < stream->count; at += ROWS_A_BATCH)
	{
		uint32_t	n = batch_at(stream, at);

		if (ready == NULL)
			put_rows(bytes, source, stream->first + at, n, rows);
		done = PQputCopyData(db, ready ? ready + at * row_bytes(source) : bytes, (int) (n * row_bytes(source))) == 1;
	}
	done = done && PQputCopyData(db, end, sizeof(end)) == 1 && PQputCopyEnd(db, NULL) == 1;
	result = PQgetResult(db);
	done = PQresultStatus(result) == PGRES_COMMAND_OK && done;
	PQclear(result);
	while ((result = PQgetResult(db)) != NULL)
		PQclear(result);
	return done || complain(db);
}

static bool
insert_rows(PGconn *db, const Stream *stream, float *rows, char *bytes)
{
	const BenchRows *source = &stream->load->rows;
	char		id[8];
	const char *values[] = {id, bytes};
	int			lengths[] = {8, (int) (4 + source->dim * 4)};
	int			formats[] = {1, 1};

	for (uint64_t at = 0; at < stream->count; at++)
	{
		uint32_t	n = batch_at(stream, at);
		PGresult   *result;
		bool		done;

		if (at % ROWS_A_TRANSACTION == 0 && !execute(db, at == 0 ? "BEGIN" : "COMMIT; BEGIN"))
			return false;
		if (at % ROWS_A_BATCH == 0)
			source->read(source, stream->first + at, n, rows);
		put_u32(put_u32(id, (uint32_t) ((stream->first + at) >> 32)), (uint32_t) (stream->first + at));
		put_vector(bytes, rows + (at % ROWS_A_BATCH) * source->dim, source->dim);
		result = PQexecPrepared(db, "row", 2, values, lengths, formats, 1);
		done = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
		if (!done)
			return complain(db);
	}
	return execute(db, "COMMIT");
}

static void *
stream_run(void *arg)
{
	Stream	   *stream = arg;
	const Load *load = stream->load;
	PGconn	   *db = PQconnectdb(load->connection);
	float	   *rows = malloc((size_t) ROWS_A_BATCH * load->rows.dim * sizeof(float));
	char	   *bytes = malloc((size_t) ROWS_A_BATCH * row_bytes(&load->rows));
	char	   *made = NULL;
	char		sql[512];
	bool		ready = PQstatus(db) == CONNECTION_OK && rows != NULL && bytes != NULL;

	if (!ready)
		complain(db);
	if (ready && load->how == HOW_INSERT)
	{
		PGresult   *result;

		snprintf(sql, sizeof(sql), "INSERT INTO %s (id, embedding) VALUES ($1, $2)", load->table);
		result = PQprepare(db, "row", sql, 0, NULL);
		ready = PQresultStatus(result) == PGRES_COMMAND_OK || complain(db);
		PQclear(result);
	}
	if (ready && load->how == HOW_READY && (made = make_ready(stream, rows)) == NULL)
		ready = fprintf(stderr, "omendb bench: out of memory\n") < 0;
	pthread_barrier_wait(load->start);
	if (ready && load->how == HOW_INSERT)
		stream->done = insert_rows(db, stream, rows, bytes);
	else if (ready)
	{
		snprintf(sql, sizeof(sql), "COPY %s (id, embedding) FROM STDIN WITH (FORMAT binary%s)", load->table,
				 load->how == HOW_FREEZE ? ", FREEZE" : "");
		if (load->how == HOW_FREEZE)
		{
			char		truncate[512];

			snprintf(truncate, sizeof(truncate), "BEGIN; TRUNCATE %s", load->table);
			ready = execute(db, truncate);
		}
		stream->done = ready && execute(db, sql) && copy_rows(db, stream, rows, bytes, made)
			&& (load->how != HOW_FREEZE || execute(db, "COMMIT"));
	}
	free(rows);
	free(bytes);
	free(made);
	PQfinish(db);
	return NULL;
}

int
main(int argc, char **argv)
{
	static const char *const hows[] = {"copy", "ready", "freeze", "insert"};
	Load		load = {.connection = argv[1],.table = argv[2]};
	Stream		stream[STREAMS_MAX];
	pthread_t	thread[STREAMS_MAX];
	pthread_barrier_t start;
	uint64_t	first;
	uint64_t	count;
	unsigned	streams;
	double		began;
	bool		done = true;

	if (argc != 9)
		return fprintf(stderr, "usage: bench_load CONNECTION TABLE SOURCE PART FIRST COUNT"
					   " copy|ready|freeze|insert STREAMS\n"), 2;
	if (!bench_rows_open(argv[3], argv[4], &load.rows))
		return 1;
	first = strtoull(argv[5], NULL, 10);
	count = strtoull(argv[6], NULL, 10);
	while (load.how < HOW_INSERT && strcmp(argv[7], hows[load.how]) != 0)
		load.how++;
	streams = (unsigned) strtoul(argv[8], NULL, 10);
	if (streams < 1 || streams > STREAMS_MAX || (load.how == HOW_FREEZE && streams > 1))
		return fprintf(stderr, "omendb bench: 1 to %d streams, and 1 to freeze\n", STREAMS_MAX), 2;
	/* Synthetic rows are made as asked for; a file ends somewhere. */
	if (strchr(argv[3], ':') == NULL && (first > load.rows.count || count > load.rows.count - first))
		return fprintf(stderr, "omendb bench: %s has %llu rows only\n", argv[3],
					   (unsigned long long) load.rows.count), 2;
	pthread_barrier_init(&start, NULL, streams + 1);
	load.start = &start;
	for (unsigned i = 0; i < streams; i++)
	{
		stream[i] = (Stream) {&load, first + count * i / streams,
			count * (i + 1) / streams - count * i / streams, false};
		if (pthread_create(&thread[i], NULL, stream_run, &stream[i]) != 0)
			return fprintf(stderr, "omendb bench: no thread to be had\n"), 1;
	}
	pthread_barrier_wait(&start);
	began = now();
	for (unsigned i = 0; i < streams; i++)
	{
		pthread_join(thread[i], NULL);
		done = done && stream[i].done;
	}
	began = now() - began;
	if (done)
		printf("{\"rows\": %llu, \"seconds\": %.3f, \"rows_per_second\": %.1f}\n",
			   (unsigned long long) count, began, (double) count / began);
	return done ? 0 : 1;
}
