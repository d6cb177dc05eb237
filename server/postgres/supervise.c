/*
 * supervise.c - running PostgreSQL as our child, from start to stop.
 *
 * Two things can go wrong while it serves.  The postmaster dies: its parent
 * hears of it by SIGCHLD, and we end too, saying so; starting again recovers.
 * A backend crashes: the postmaster throws everybody out and recovers by
 * itself; we notice because one idle connection of ours, the watch, is thrown
 * out with SQLSTATE 57P02, say so, and say when the database answers again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "db/connect.h"
#include "postgres/child_process.h"
#include "postgres/server_log.h"
#include "postgres/stop_signals.h"
#include "postgres/supervise.h"
#include "postgres/supply_extension.h"
#include "term/progress.h"
#include "term/progress_line.h"

#define POLL_MS			50		/* while something is expected to happen soon */
#define RECONNECT_MS	250
#define PATIENCE_S		2.0		/* before a second request to stop means "at once" */

typedef struct Supervision
{
	const OmenServing *serving;
	OmenComplaint *complaint;
	OmenLogMark log_before;
	char		start_log[PATH_MAX + 16];	/* what PostgreSQL says before its log opens */
	pid_t		postmaster;
	PGconn	   *watch;
	char		watch_state[8]; /* SQLSTATE of the last message on the watch */
	struct timespec lost;		/* when the watch was thrown out; 0: it was not */
} Supervision;

static bool
start_postmaster(Supervision *supervision)
{
	const OmenServing *serving = supervision->serving;
	char		program[PATH_MAX];
	char		port[32];
	char		listen[1024];
	char		sockets[256];
	const char *argv[] = {omen_tree_program(serving->tree, "postgres", program), "-D", serving->folder->database,
	"-c", port, "-c", listen, "-c", sockets, NULL};
	OmenChild	child = {.argv = argv,.input_fd = -1,.death_signal = SIGINT};

	snprintf(port, sizeof(port), "port=%d", serving->port);
	snprintf(listen, sizeof(listen), "listen_addresses=%s", serving->listen);
	snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", serving->socket_folder);
	snprintf(supervision->start_log, sizeof(supervision->start_log), "%s/start.log", serving->folder->log);
	omen_server_log_mark(&supervision->log_before, serving->folder->log);

	child.output_fd = open(supervision->start_log,
						   O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (child.output_fd < 0)
		return omen_complain(supervision->complaint, "cannot write %s: %s", supervision->start_log, strerror(errno));
	supervision->postmaster = omen_child_start(&child, supervision->complaint);
	close(child.output_fd);
	return supervision->postmaster > 0;
}

/* Has the postmaster ended?  Takes its status if so. */
static bool
has_ended(Supervision *supervision, int *status)
{
	if (waitpid(supervision->postmaster, status, WNOHANG) != supervision->postmaster)
		return false;
	supervision->postmaster = 0;
	return true;
}

static double
seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) (now.tv_sec - then->tv_sec) + (double) (now.tv_nsec - then->tv_nsec) / 1e9;
}

/*
 * Shuts PostgreSQL down: fast at first, at once when asked again after a while.
 * Two requests in a row are one: Ctrl-C reaches a whole process group, and a
 * script in it may pass on what we have had already.  True when it ended after
 * its last checkpoint.  (The code alone does not tell: stopped at once, the
 * postmaster ends with 0 as well.)
 */
static bool
stop_postmaster(Supervision *supervision, int how)
{
	OmenProgress *progress = omen_progress_begin(stderr, "stopping the database", "", 0);
	bool		checkpointed = how != SIGQUIT;
	struct timespec asked;
	int			status = 0;

	PQfinish(supervision->watch);
	supervision->watch = NULL;
	clock_gettime(CLOCK_MONOTONIC, &asked);
	kill(supervision->postmaster, how);
	while (!has_ended(supervision, &status))
	{
		int			sig = omen_signals_next(POLL_MS, -1);

		if (sig == SIGQUIT || ((sig == SIGTERM || sig == SIGINT) && seconds_since(&asked) > PATIENCE_S))
		{
			checkpointed = false;
			kill(supervision->postmaster, SIGQUIT);
		}
	}
	checkpointed = checkpointed && status == 0;
	omen_progress_end(progress, checkpointed ? NULL : "");
	return checkpointed;
}

static int
stop_as_asked(Supervision *supervision, int sig)
{
	if (stop_postmaster(supervision, sig == SIGQUIT ? SIGQUIT : SIGINT))
		return OMEN_SERVE_STOPPED;
	omen_complain(supervision->complaint, "PostgreSQL was stopped without its last checkpoint");
	omen_advise(supervision->complaint, "Nothing committed is lost: the next start recovers.");
	return OMEN_SERVE_FAILED;
}

static int
complain_of_start(Supervision *supervision, int status)
{
	const OmenDataFolder *folder = supervision->serving->folder;
	char		fate[128];

	omen_complain(supervision->complaint, "PostgreSQL did not start: it %s",
				  omen_child_fate(fate, sizeof(fate), status));
	omen_server_log_append(supervision->complaint, supervision->start_log, 0, "");
	omen_server_log_append_news(supervision->complaint, &supervision->log_before, folder->log);
	omen_advise(supervision->complaint, "Its whole log is in %s, its settings in %s/omendb.conf.",
				folder->log, folder->database);
	return OMEN_SERVE_FAILED;
}

/*
 * Waits until PostgreSQL takes connections, however long its recovery takes.
 * False, with *code set, when it ended or we were asked to stop.
 */
static bool
wait_until_ready(Supervision *supervision, OmenRunning *running, int *code)
{
	OmenProgress *progress = omen_progress_begin(stderr, "waiting for the database", "", 0);
	int			status = 0;
	int			sig = 0;
	bool		ended = false;

	for (;;)
	{
		omen_running_look(running, supervision->serving->folder);
		if (running->ready && running->postmaster == supervision->postmaster)
			break;
		ended = has_ended(supervision, &status);
		if (ended)
			break;
		sig = omen_signals_next(POLL_MS, -1);
		if (sig == SIGTERM || sig == SIGINT || sig == SIGQUIT)
			break;
		sig = 0;
	}
	omen_progress_end(progress, "");
	if (ended)
		*code = complain_of_start(supervision, status);
	else if (sig != 0)
		*code = stop_as_asked(supervision, sig);
	return !ended && sig == 0;
}

static void
note_state(void *user, const PGresult *result)
{
	Supervision *supervision = user;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state != NULL)
		snprintf(supervision->watch_state, sizeof(supervision->watch_state), "%.5s", state);
}

/* The watch lies in the database `postgres`, so that `omendb` can be dropped or copied. */
static bool
open_watch(Supervision *supervision, const OmenRunning *running, OmenComplaint *complaint)
{
	supervision->watch = omen_db_connect_running(supervision->serving->folder, running, "postgres",
												 "omendb serve", complaint);
	if (supervision->watch == NULL)
		return false;
	supervision->watch_state[0] = '\0';
	PQsetNoticeReceiver(supervision->watch, note_state, supervision);
	return true;
}

/* Something came on the watch: read it, and see whether it was thrown out. */
static void
read_watch(Supervision *supervision)
{
	bool		alive = PQconsumeInput(supervision->watch) == 1;

	PQnotifies(supervision->watch);	/* makes libpq parse what came */
	if (alive && PQstatus(supervision->watch) == CONNECTION_OK)
		return;
	PQfinish(supervision->watch);
	supervision->watch = NULL;
	clock_gettime(CLOCK_MONOTONIC, &supervision->lost);
	if (strcmp(supervision->watch_state, "57P02") == 0)
		fprintf(stderr, "omendb: a process of PostgreSQL crashed; the database recovers by itself (see %s)\n",
				supervision->serving->folder->log);
}

static void
reopen_watch(Supervision *supervision)
{
	OmenRunning running;
	OmenComplaint ignored;
	bool		crashed = strcmp(supervision->watch_state, "57P02") == 0;
	char		duration[32];

	omen_running_look(&running, supervision->serving->folder);
	if (running.postmaster == supervision->postmaster && open_watch(supervision, &running, &ignored) && crashed)
		fprintf(stderr, "omendb: the database answers again after %s\n",
				omen_format_duration(duration, seconds_since(&supervision->lost)));
}

static int
complain_of_end(Supervision *supervision, int status)
{
	const OmenDataFolder *folder = supervision->serving->folder;
	char		fate[128];

	if (status == 0)
	{
		omen_complain(supervision->complaint, "PostgreSQL was shut down by somebody else");
		omen_advise(supervision->complaint, "To stop it, stop omendb: it then ends with code 0.");
		return OMEN_SERVE_DIED;
	}
	omen_complain(supervision->complaint, "PostgreSQL died: it %s", omen_child_fate(fate, sizeof(fate), status));
	omen_server_log_append_news(supervision->complaint, &supervision->log_before, folder->log);
	omen_advise(supervision->complaint, "Nothing committed is lost: start again and it recovers.  Its log is in %s.",
				folder->log);
	return OMEN_SERVE_DIED;
}

static int
stay(Supervision *supervision)
{
	for (;;)
	{
		int			watch_fd = supervision->watch != NULL ? PQsocket(supervision->watch) : -1;
		int			sig = omen_signals_next(watch_fd >= 0 ? -1 : RECONNECT_MS, watch_fd);
		int			status;

		if (sig == SIGTERM || sig == SIGINT || sig == SIGQUIT)
			return stop_as_asked(supervision, sig);
		if (sig == SIGHUP)
			kill(supervision->postmaster, SIGHUP);
		if (has_ended(supervision, &status))
			return complain_of_end(supervision, status);
		if (sig == 0 && supervision->watch != NULL)
			read_watch(supervision);
		else if (supervision->watch == NULL)
			reopen_watch(supervision);
	}
}

int
omen_supervise(const OmenServing *serving, OmenComplaint *complaint)
{
	Supervision supervision = {.serving = serving,.complaint = complaint};
	OmenRunning running;
	OmenComplaint reason;
	char		url[PATH_MAX * 3 + 256];
	int			code = OMEN_SERVE_FAILED;

	if (!start_postmaster(&supervision))
		return OMEN_SERVE_FAILED;
	if (!wait_until_ready(&supervision, &running, &code))
		return code;
	if (!open_watch(&supervision, &running, &reason) ||
		!omen_supply_extension(serving->folder, &running, supervision.watch, &reason))
	{
		stop_postmaster(&supervision, SIGINT);
		*complaint = reason;
		return OMEN_SERVE_FAILED;
	}
	omen_running_url(url, sizeof(url), &running, serving->folder);
	printf("ready %s\n", url);
	fflush(stdout);
	code = stay(&supervision);
	PQfinish(supervision.watch);
	return code;
}
