/*
 * demo.c - the demo from its first step to its last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "db/connect.h"
#include "db/query.h"
#include "demo/demo_parts.h"
#include "omen/simd.h"
#include "term/progress.h"

static const char *const questions[] = {
	"fear of spiders",
	"someone who repairs shoes",
	"device for measuring temperature",
	"frozen water falling from clouds",
	"a place where old books are kept",
	"unable to hear",
};

static bool check_extension(OmenDemo *demo);
static bool print_next_steps(OmenDemo *demo);

static bool
demo_whole(OmenDemo *demo)
{
	FILE	   *out = demo->options->out;

	if (demo->options->question != NULL)
		return omen_demo_answer(demo, &demo->options->question, 1, 8);
	fprintf(out, "\nQuestions in plain words, answered from WordNet's definitions:\n\n");
	return omen_demo_answer(demo, questions, sizeof(questions) / sizeof(questions[0]), 3)
		&& omen_demo_measure(demo)
		&& print_next_steps(demo);
}

bool
omen_demo_run(const OmenConfig *config, const OmenDemoOptions *options, OmenComplaint *complaint)
{
	OmenDemo	demo = {.config = config,.options = options,.complaint = complaint};
	OmenError	err;
	bool		done = false;

	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return omen_demo_fail(&demo, &err);
	demo.connection = omen_db_connect(config, "omendb demo", complaint);
	if (demo.connection != NULL)
		done = check_extension(&demo)
			&& omen_demo_open_embedder(&demo)
			&& omen_demo_load(&demo)
			&& omen_demo_index(&demo)
			&& omen_demo_prepare_search(&demo)
			&& demo_whole(&demo);
	omen_embedder_close(demo.embedder);
	omen_wordnet_free(&demo.wordnet);
	PQfinish(demo.connection);
	return done;
}

/* The extension, created if it can be, and its access method. */
static bool
check_extension(OmenDemo *demo)
{
	char		method[16];

	/*
	 * The backend is to notice that its demo is gone, and stop what it was
	 * making; where the system cannot do that, the next demo waits for it.
	 */
	PQclear(PQexec(demo->connection, "SET client_connection_check_interval = '1s'"));

	if (!omen_db_execute(demo->connection, "CREATE EXTENSION IF NOT EXISTS vector", demo->complaint))
		return false;
	if (!omen_db_value(demo->connection, "SELECT amname FROM pg_am WHERE amname = 'ivf'",
					   method, sizeof(method), demo->complaint))
		return false;
	if (method[0] == '\0')
	{
		omen_complain(demo->complaint, "the extension `vector` of this database has no access method `ivf`");
		return omen_advise(demo->complaint, "It is somebody else's, or older than this omendb: "
						   "install OmenDB's with `make install`, or run the demo on `omendb serve`.");
	}
	return true;
}

/* An arbitrary number, the same in every demo. */
#define LOCK_KEY "7023074961358193520"

bool
omen_demo_lock(OmenDemo *demo)
{
	OmenProgress *progress = omen_progress_begin(demo->options->progress, "waiting for another demo", "", 0);

	demo->locked = omen_db_execute(demo->connection, "SELECT pg_advisory_lock(" LOCK_KEY ")", demo->complaint);
	omen_progress_end(progress, "");
	return demo->locked;
}

bool
omen_demo_unlock(OmenDemo *demo)
{
	if (!demo->locked)
		return true;
	demo->locked = false;
	return omen_db_execute(demo->connection, "SELECT pg_advisory_unlock(" LOCK_KEY ")", demo->complaint);
}

static bool
print_next_steps(OmenDemo *demo)
{
	const char *url = omen_config_text(demo->config, "database");
	FILE	   *out = demo->options->out;
	char		shown[PATH_MAX * 3 + 256];
	char		data[PATH_MAX + 16] = "";
	OmenDataFolder folder;
	OmenRunning running;

	if (url[0] != '\0')
	{
		omen_config_shown(demo->config, "database", shown, sizeof(shown));
		snprintf(data, sizeof(data), " --database ...");
	}
	else
	{
		if (!omen_db_find_running(demo->config, &folder, &running, demo->complaint))
			return false;
		omen_running_url(shown, sizeof(shown), &running, &folder);
		if (omen_config_is_set(demo->config, "data"))
			snprintf(data, sizeof(data), " --data %s", folder.root);
	}
	fprintf(out,
			"\nTry next:\n"
			"  %s demo%s --ask \"your own question\"\n"
			"  %s sql%s\n"
			"  psql '%s'\n"
			"and in either of these two, the neighbours of a lighthouse:\n"
			"  SELECT words, gloss FROM wordnet ORDER BY embedding <=>\n"
			"    (SELECT embedding FROM wordnet WHERE words LIKE 'beacon, lighthouse%%') LIMIT 5;\n",
			program_invocation_name, data, program_invocation_name, data, shown);
	fflush(out);
	return true;
}

double
omen_demo_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

bool
omen_demo_fail(OmenDemo *demo, const OmenError *err)
{
	return omen_complain(demo->complaint, "%s", err->text);
}
