/*
 * demo_index.c - the index, and how far its building is.
 *
 * CREATE INDEX is sent without waiting; a second connection reads
 * pg_stat_progress_create_index meanwhile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "db/connect.h"
#include "db/query.h"
#include "demo/demo_parts.h"
#include "term/progress.h"
#include "term/progress_line.h"

#define LOOK_EVERY_MS 200

static bool index_create(OmenDemo *demo, OmenProgress *progress);
static bool index_wait(OmenDemo *demo, PGconn *watcher, OmenProgress *progress);
static void index_look(PGconn *watcher, int backend, char *phase, size_t phase_bytes, OmenProgress *progress);

static bool
index_look_for(OmenDemo *demo, bool *there)
{
	char		answer[8];
	bool		done = omen_db_value(demo->connection,
									 "SELECT 't' FROM pg_index WHERE indexrelid = to_regclass('" OMEN_DEMO_INDEX
									 "') AND indrelid = to_regclass('wordnet') AND indisvalid",
									 answer, sizeof(answer), demo->complaint);

	*there = done && answer[0] != '\0';
	return done;
}

bool
omen_demo_index(OmenDemo *demo)
{
	double		started;
	char		duration[32];
	OmenProgress *progress;
	bool		there;
	bool		done;

	if (!index_look_for(demo, &there))
		return false;
	if (there)
		return true;
	if (!omen_demo_lock(demo) || !index_look_for(demo, &there))
		return false;
	if (there)
		return omen_demo_unlock(demo);
	started = omen_demo_clock();
	progress = omen_progress_begin(demo->options->progress, "building the index", "", 0);
	done = index_create(demo, progress);
	omen_progress_end(progress, "");
	if (!done)
		return false;
	fprintf(demo->options->progress, "built the index in %s\n",
			omen_format_duration(duration, omen_demo_clock() - started));

	progress = omen_progress_begin(demo->options->progress, "vacuuming and analyzing", "", 0);
	done = omen_db_execute(demo->connection, "VACUUM (ANALYZE) wordnet", demo->complaint);
	omen_progress_end(progress, done ? NULL : "");
	return done && omen_demo_unlock(demo);
}

static bool
index_create(OmenDemo *demo, OmenProgress *progress)
{
	OmenComplaint unheard;
	PGconn	   *watcher;
	bool		done;

	if (!PQsendQuery(demo->connection,
					 "CREATE INDEX " OMEN_DEMO_INDEX
					 " ON wordnet USING ivf (embedding vector_cosine_ops)"))
		return omen_db_complain(demo->connection, NULL, demo->complaint);
	/* without a second connection the reader sees the time alone */
	watcher = omen_db_connect(demo->config, "omendb demo progress", &unheard);
	done = index_wait(demo, watcher, progress);
	PQfinish(watcher);
	return done;
}

static bool
index_wait(OmenDemo *demo, PGconn *watcher, OmenProgress *progress)
{
	struct pollfd wait = {.fd = PQsocket(demo->connection),.events = POLLIN};
	int			backend = PQbackendPID(demo->connection);
	char		phase[64] = "";
	PGresult   *result;
	bool		done = true;

	while (PQisBusy(demo->connection))
	{
		if (poll(&wait, 1, LOOK_EVERY_MS) > 0 && !PQconsumeInput(demo->connection))
			break;
		if (watcher != NULL && PQisBusy(demo->connection))
			index_look(watcher, backend, phase, sizeof(phase), progress);
	}
	while ((result = PQgetResult(demo->connection)) != NULL)
	{
		if (done && PQresultStatus(result) != PGRES_COMMAND_OK)
			done = omen_db_complain(demo->connection, result, demo->complaint);
		PQclear(result);
	}
	return done;
}

static void
index_look(PGconn *watcher, int backend, char *phase, size_t phase_bytes, OmenProgress *progress)
{
	char		pid[16];
	const char *values[] = {pid};
	OmenComplaint unheard;
	PGresult   *result;

	snprintf(pid, sizeof(pid), "%d", backend);
	result = omen_db_query(watcher,
						   "SELECT phase, CASE WHEN tuples_total > 0 THEN tuples_done ELSE blocks_done END,"
						   " CASE WHEN tuples_total > 0 THEN tuples_total ELSE blocks_total END"
						   " FROM pg_stat_progress_create_index WHERE pid = $1::int", 1, values, &unheard);
	if (result == NULL)
		return;
	if (PQntuples(result) == 1)
	{
		const char *now = PQgetvalue(result, 0, 0);
		uint64_t	total = strtoull(PQgetvalue(result, 0, 2), NULL, 10);
		char		key[64];

		snprintf(key, sizeof(key), "%.40s/%llu", now, (unsigned long long) total);
		if (strcmp(key, phase) != 0)
		{
			char		title[96];

			snprintf(title, sizeof(title), "building the index: %.60s",
					 strncmp(now, "building index: ", 16) == 0 ? now + 16 : now);
			omen_progress_stage(progress, title, "", total);
			snprintf(phase, phase_bytes, "%s", key);
		}
		omen_progress_set(progress, strtoull(PQgetvalue(result, 0, 1), NULL, 10));
	}
	PQclear(result);
}
