/*
 * query_client.c - asks one query after another, as an application would, and times each.
 *
 *	bench_query CONNECTION QUERIES.npy K SECONDS CONNECTIONS SETTINGS TIMED_SQL
 *				[CHECKED_SQL NEIGHBOURS.npy DISTANCES.npy]
 *
 * TIMED_SQL takes the query vector as $1 and returns one column.  It is prepared once a
 * connection; parameters and answers are binary; the next query is sent when
 * the last row of the one before has arrived.  SETTINGS ("SET x = 1; ...", may
 * be empty) come first on each connection.
 *
 * First CHECKED_SQL, which returns (id, distance), is run once for every query,
 * untimed: it warms the caches, and its rows are compared with the true ones.
 * "recall" counts the true rows found, "recall_ties" the rows that are at most
 * as far as the true k-th: rows at one place are as good as each other.  Then
 * TIMED_SQL goes round for SECONDS, through the queries by long strides: those
 * of a file may be sorted, and a slow server answers only some of them.
 *
 * Prints JSON.  server_cpu_us is the time the server was on a processor for one
 * query: on a machine with other work it says more than the clock.  The
 * histogram is [microseconds, count] by eighths of an octave.
 *
 * With BENCH_ONE_PROCESSOR in the environment, a single connection and its
 * backend, which take turns anyway, are bound to one processor: none has to be
 * woken, which in a virtual machine may take as long as a query.
 *
 * Each connection asks BENCH_WARM queries (10) before it is timed: plans settle
 * after five, but a backend's page tables of shared memory fill with the pages
 * that it reads for the first time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <libpq-fe.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "npy_file.h"

#define CONNECTIONS_MAX 256
#define WARMING 10
#define BUCKETS 256
#define BUCKETS_AN_OCTAVE 8
/* What single precision may make of one distance in two ways of computing it. */
#define DISTANCE_NOISE 2e-6

typedef struct Work
{
	const char *connection;
	const char *settings;
	const char *sql;
	char	   *encoded;		/* the queries as parameters, parameter_bytes each */
	uint64_t	queries;
	int			parameter_bytes;
	double		seconds;
	bool		one_processor;
	unsigned	warming;		/* queries of each connection before it is timed */
	pthread_barrier_t *start;
} Work;

typedef struct Client
{
	const Work *work;
	unsigned	number;
	bool		done;
	double		began;
	double		ended;
	double		server_cpu;		/* seconds that the backend was on a processor; below 0 when not to be known */
	float	   *latency;		/* microseconds */
	size_t		count;
	size_t		room;
} Client;

typedef struct Found
{
	double		recall;
	double		recall_ties;
	double		recall_twentieth;	/* of the query at the worst twentieth, ties counted */
	uint64_t	rows_short;		/* queries that returned fewer rows than there are */
	uint64_t	rows_twice;		/* rows returned more than once */
} Found;

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

static char *
queries_encode(const BenchNpy *queries)
{
	size_t		bytes = 4 + (size_t) queries->columns * 4;
	char	   *encoded = malloc(queries->rows * bytes);

	for (uint64_t q = 0; q < queries->rows; q++)
	{
		const uint32_t *values = (const uint32_t *) queries->items + q * queries->columns;
		uint16_t	dim = htobe16((uint16_t) queries->columns);
		char	   *to = encoded + q * bytes;

		memcpy(to, &dim, 2);
		memset(to + 2, 0, 2);
		for (uint32_t i = 0; i < queries->columns; i++)
		{
			uint32_t	value = htobe32(values[i]);

			memcpy(to + 4 + (size_t) i * 4, &value, 4);
		}
	}
	return encoded;
}

/* A connection with its settings made and `sql` prepared; NULL when that failed. */
static PGconn *
client_connect(const Work *work, const char *sql)
{
	PGconn	   *db = PQconnectdb(work->connection);
	PGresult   *result = NULL;
	bool		ready = PQstatus(db) == CONNECTION_OK;

	if (ready && work->settings[0] != '\0')
	{
		result = PQexec(db, work->settings);
		ready = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
	}
	if (ready)
	{
		result = PQprepare(db, "query", sql, 0, NULL);
		ready = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
	}
	if (ready)
		return db;
	complain(db);
	PQfinish(db);
	return NULL;
}

static PGresult *
query_run(PGconn *db, const Work *work, uint64_t q)
{
	const char *values[] = {work->encoded + q * (size_t) work->parameter_bytes};
	int			formats[] = {1};
	PGresult   *result = PQexecPrepared(db, "query", 1, values, &work->parameter_bytes, formats, 1);

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	complain(db);
	PQclear(result);
	return NULL;
}

/* ---- what is found ---- */

static uint64_t
value_u64(const PGresult *result, int row, int column)
{
	uint64_t	value;

	memcpy(&value, PQgetvalue(result, row, column), sizeof(value));
	return be64toh(value);
}

static int
compare_u64(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *) a;
	uint64_t	y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

static int
compare_double(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* Compares one answer with the truth; returns the share found with ties counted. */
static double
answer_check(const PGresult *result, const int32_t *neighbours, const double *distances, uint32_t k,
			 uint64_t *ids, uint64_t *truth, Found *found)
{
	uint32_t	rows = (uint32_t) PQntuples(result);
	double		limit = distances[k - 1] + DISTANCE_NOISE * fmax(1.0, fabs(distances[k - 1]));
	uint32_t	same = 0;
	uint32_t	near_enough = 0;

	rows = rows < k ? rows : k;
	for (uint32_t i = 0; i < k; i++)
		truth[i] = (uint64_t) neighbours[i];
	for (uint32_t i = 0; i < rows; i++)
	{
		uint64_t	bits = value_u64(result, (int) i, 1);
		double		distance;

		memcpy(&distance, &bits, sizeof(distance));
		near_enough += distance <= limit;
		ids[i] = value_u64(result, (int) i, 0);
	}
	qsort(ids, rows, sizeof(*ids), compare_u64);
	qsort(truth, k, sizeof(*truth), compare_u64);
	for (uint32_t i = 0; i < rows; i++)
	{
		if (i > 0 && ids[i] == ids[i - 1])
		{
			found->rows_twice++;
			near_enough -= near_enough > 0;
		}
		else
			same += bsearch(&ids[i], truth, k, sizeof(*truth), compare_u64) != NULL;
	}
	found->rows_short += rows < k;
	found->recall += (double) same / k;
	return (double) near_enough / k;
}

static bool
answers_check(const Work *work, const char *sql, const char *neighbours_path, const char *distances_path,
			  uint32_t k, Found *found)
{
	BenchNpy	neighbours;
	BenchNpy	distances;
	PGconn	   *db;
	double	   *share = calloc(work->queries, sizeof(double));
	uint64_t   *ids = calloc(k, sizeof(uint64_t));
	uint64_t   *truth = calloc(k, sizeof(uint64_t));
	bool		done = true;

	memset(found, 0, sizeof(*found));
	if (!bench_npy_map(neighbours_path, "<i4", &neighbours) || !bench_npy_map(distances_path, "<f8", &distances))
		return false;
	if (neighbours.rows < work->queries || distances.rows < work->queries || neighbours.columns != distances.columns)
	{
		fprintf(stderr, "omendb bench: the true neighbours are of other queries\n");
		return false;
	}
	k = k < neighbours.columns ? k : neighbours.columns;
	db = client_connect(work, sql);
	for (uint64_t q = 0; db != NULL && done && q < work->queries; q++)
	{
		PGresult   *result = query_run(db, work, q);

		done = result != NULL;
		if (done)
			share[q] = answer_check(result, (const int32_t *) neighbours.items + q * neighbours.columns,
									(const double *) distances.items + q * distances.columns, k, ids, truth, found);
		found->recall_ties += share[q];
		PQclear(result);
	}
	PQfinish(db);
	qsort(share, work->queries, sizeof(double), compare_double);
	found->recall_twentieth = share[work->queries / 20];
	found->recall /= (double) work->queries;
	found->recall_ties /= (double) work->queries;
	free(share);
	free(ids);
	free(truth);
	return db != NULL && done;
}

/* ---- how fast ---- */

static bool
latency_add(Client *client, double microseconds)
{
	if (client->count == client->room)
	{
		size_t		room = client->room > 0 ? client->room * 2 : 4096;
		float	   *latency = realloc(client->latency, room * sizeof(float));

		if (latency == NULL)
			return false;
		client->latency = latency;
		client->room = room;
	}
	client->latency[client->count++] = (float) microseconds;
	return true;
}

/* The first number from the golden section on that shares no divisor with `count`. */
static uint64_t
stride_of(uint64_t count)
{
	for (uint64_t stride = (uint64_t) (0.618 * (double) count) + 1;; stride++)
	{
		uint64_t	a = count;
		uint64_t	b = stride;

		while (b != 0)
		{
			uint64_t	rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return stride;
	}
}

/* Seconds the connection's backend has been on a processor; needs the same machine and Linux. */
static double
server_cpu(PGconn *db)
{
	char		path[64];
	FILE	   *file;
	double		nanoseconds = -1e9;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", PQbackendPID(db));
	file = fopen(path, "r");
	if (file != NULL)
	{
		if (fscanf(file, "%lf", &nanoseconds) != 1)
			nanoseconds = -1e9;
		fclose(file);
	}
	return nanoseconds * 1e-9;
}

/* The last processor allowed; of no effect on a server elsewhere, or of somebody else. */
static void
bind_both(PGconn *db)
{
#ifdef __linux__
	cpu_set_t	allowed;
	cpu_set_t	one;
	int			last = CPU_SETSIZE - 1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return;
	while (last > 0 && !CPU_ISSET(last, &allowed))
		last--;
	CPU_ZERO(&one);
	CPU_SET(last, &one);
	if (sched_setaffinity(PQbackendPID(db), sizeof(one), &one) == 0)
		sched_setaffinity(0, sizeof(one), &one);
#else
	(void) db;
#endif
}

static void *
client_run(void *arg)
{
	Client	   *client = arg;
	const Work *work = client->work;
	PGconn	   *db = client_connect(work, work->sql);
	uint64_t	stride = stride_of(work->queries);
	uint64_t	q = work->queries * client->number / CONNECTIONS_MAX;
	double		before;

	if (db != NULL && work->one_processor)
		bind_both(db);
	for (unsigned i = 0; i < work->warming && db != NULL; i++, q = (q + stride) % work->queries)
		PQclear(query_run(db, work, q));
	pthread_barrier_wait(work->start);
	client->done = db != NULL;
	client->server_cpu = db != NULL ? -server_cpu(db) : 0.0;
	client->began = before = now();
	while (client->done && before - client->began < work->seconds)
	{
		PGresult   *result = query_run(db, work, q);
		double		after = now();

		client->done = result != NULL && latency_add(client, (after - before) * 1e6);
		PQclear(result);
		before = after;
		q = (q + stride) % work->queries;
	}
	client->ended = before;
	client->server_cpu = client->done && client->server_cpu <= 0.0 ? client->server_cpu + server_cpu(db) : -1.0;
	PQfinish(db);
	return NULL;
}

static int
compare_float(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : x > y;
}

static double
quantile(const float *sorted, size_t count, double at)
{
	return count > 0 ? sorted[(size_t) (at * (double) (count - 1))] : 0.0;
}

static void
latencies_print(const float *sorted, size_t count)
{
	size_t		bucket[BUCKETS] = {0};
	double		sum = 0.0;
	const char *separator = "";

	for (size_t i = 0; i < count; i++)
	{
		int			at = (int) (log2(fmax(1.0, sorted[i])) * BUCKETS_AN_OCTAVE);

		bucket[at < BUCKETS ? at : BUCKETS - 1]++;
		sum += sorted[i];
	}
	printf("\"mean_us\": %.2f, \"p50_us\": %.2f, \"p95_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f, "
		   "\"histogram\": [", count > 0 ? sum / (double) count : 0.0, quantile(sorted, count, 0.5),
		   quantile(sorted, count, 0.95), quantile(sorted, count, 0.99), quantile(sorted, count, 1.0));
	for (int i = 0; i < BUCKETS; i++)
		if (bucket[i] > 0)
		{
			printf("%s[%.2f, %zu]", separator, exp2((double) i / BUCKETS_AN_OCTAVE), bucket[i]);
			separator = ", ";
		}
	printf("]");
}

static bool
queries_time(Work *work, unsigned connections)
{
	static Client client[CONNECTIONS_MAX];
	pthread_t	thread[CONNECTIONS_MAX];
	pthread_barrier_t start;
	float	   *latency;
	double		rate = 0.0;
	double		cpu = 0.0;
	size_t		count = 0;
	bool		done = true;

	pthread_barrier_init(&start, NULL, connections);
	work->start = &start;
	work->one_processor = connections == 1 && getenv("BENCH_ONE_PROCESSOR") != NULL;
	work->warming = getenv("BENCH_WARM") != NULL ? (unsigned) strtoul(getenv("BENCH_WARM"), NULL, 10) : WARMING;
	for (unsigned i = 0; i < connections; i++)
	{
		client[i] = (Client) {.work = work,.number = i};
		if (pthread_create(&thread[i], NULL, client_run, &client[i]) != 0)
			return fprintf(stderr, "omendb bench: no thread to be had\n"), false;
	}
	for (unsigned i = 0; i < connections; i++)
	{
		pthread_join(thread[i], NULL);
		done = done && client[i].done;
		count += client[i].count;
		cpu = cpu >= 0.0 && client[i].server_cpu >= 0.0 ? cpu + client[i].server_cpu : -1.0;
		rate += (double) client[i].count / (client[i].ended - client[i].began);
	}
	latency = malloc((count + 1) * sizeof(float));
	if (!done || latency == NULL)
		return false;
	count = 0;
	for (unsigned i = 0; i < connections; i++)
	{
		memcpy(latency + count, client[i].latency, client[i].count * sizeof(float));
		count += client[i].count;
	}
	qsort(latency, count, sizeof(float), compare_float);
	printf("\"connections\": %u, \"queries\": %zu, \"queries_per_second\": %.1f, ", connections, count, rate);
	if (cpu >= 0.0 && count > 0)
		printf("\"server_cpu_us\": %.2f, ", cpu / (double) count * 1e6);
	latencies_print(latency, count);
	return true;
}

int
main(int argc, char **argv)
{
	Work		work;
	BenchNpy	queries;
	Found		found;
	unsigned	connections;
	uint32_t	k;

	if (argc != 8 && argc != 11)
		return fprintf(stderr, "usage: bench_query CONNECTION QUERIES.npy K SECONDS CONNECTIONS SETTINGS TIMED_SQL"
					   " [CHECKED_SQL NEIGHBOURS.npy DISTANCES.npy]\n"), 2;
	if (!bench_npy_map(argv[2], "<f4", &queries))
		return 1;
	k = (uint32_t) strtoul(argv[3], NULL, 10);
	connections = (unsigned) strtoul(argv[5], NULL, 10);
	if (k < 1 || connections > CONNECTIONS_MAX || queries.rows == 0)
		return fprintf(stderr, "omendb bench: K is at least 1, connections are at most %d\n", CONNECTIONS_MAX), 2;
	work = (Work) {.connection = argv[1],.settings = argv[6],.sql = argv[7],.encoded = queries_encode(&queries),
		.queries = queries.rows,.parameter_bytes = (int) (4 + queries.columns * 4),.seconds = strtod(argv[4], NULL)};
	printf("{");
	if (argc > 8)
	{
		if (!answers_check(&work, argv[8], argv[9], argv[10], k, &found))
			return 1;
		printf("\"recall\": %.5f, \"recall_ties\": %.5f, \"recall_twentieth\": %.5f, \"rows_short\": %llu, "
			   "\"rows_twice\": %llu%s", found.recall, found.recall_ties, found.recall_twentieth,
			   (unsigned long long) found.rows_short, (unsigned long long) found.rows_twice,
			   connections > 0 ? ", " : "");
	}
	/* no connections: only what is found */
	if (connections > 0 && !queries_time(&work, connections))
		return 1;
	printf("}\n");
	return 0;
}
