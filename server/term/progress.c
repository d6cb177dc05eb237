/*
 * progress.c - telling whoever waits how far the work is.
 *
 * `done` is atomic and written by the worker; everything else changes under
 * the mutex.  The ticker thread blocks every signal, so that signals keep
 * going to the thread that asked for them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "term/progress.h"
#include "term/progress_line.h"
#include "term/terminal.h"

#define BAR_INTERVAL_MS		100
#define LINE_INTERVAL_MS	900

struct OmenProgress
{
	FILE	   *out;
	bool		live;			/* a terminal: redraw in place */
	bool		threaded;
	bool		ending;
	bool		drawn;			/* a bar stands on the current line */
	char		title[120];
	char		unit[64];
	_Atomic uint64_t done;
	_Atomic uint64_t also_done;
	_Atomic(const char *) also_unit;	/* a literal of the caller's, or NULL */
	uint64_t	total;
	struct timespec began;
	pthread_t	thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

/* Given out when there is no memory: accepts every call and shows nothing. */
static OmenProgress quiet;

static double
seconds_since(const struct timespec *began)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) (now.tv_sec - began->tv_sec) + (double) (now.tv_nsec - began->tv_nsec) / 1e9;
}

static OmenProgressState
state_of(OmenProgress *progress)
{
	return (OmenProgressState)
	{
		.title = progress->title,
		.unit = progress->unit,
		.done = atomic_load_explicit(&progress->done, memory_order_relaxed),
		.total = progress->total,
		.also_done = atomic_load_explicit(&progress->also_done, memory_order_relaxed),
		.also_unit = atomic_load_explicit(&progress->also_unit, memory_order_relaxed),
		.elapsed_s = seconds_since(&progress->began),
	};
}

/* Under the lock. */
static void
draw(OmenProgress *progress)
{
	OmenProgressState state = state_of(progress);
	char		line[OMEN_PROGRESS_LINE_BYTES];

	omen_progress_line(line, &state, progress->live, omen_terminal_columns(progress->out, 80));
	if (progress->live)
		fprintf(progress->out, "\r%s\033[K", line);
	else
		fprintf(progress->out, "%s\n", line);
	fflush(progress->out);
	progress->drawn = progress->live;
}

static void *
tick(void *argument)
{
	OmenProgress *progress = argument;
	long		interval_ms = progress->live ? BAR_INTERVAL_MS : LINE_INTERVAL_MS;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&progress->lock);
	while (!progress->ending)
	{
		next.tv_nsec += interval_ms % 1000 * 1000000;
		next.tv_sec += interval_ms / 1000 + next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		while (!progress->ending &&
			   pthread_cond_timedwait(&progress->wake, &progress->lock, &next) != ETIMEDOUT)
			;
		if (!progress->ending)
			draw(progress);
	}
	pthread_mutex_unlock(&progress->lock);
	return NULL;
}

/* Under the lock, or before there is a thread. */
static void
set_stage(OmenProgress *progress, const char *title, const char *unit, uint64_t total)
{
	snprintf(progress->title, sizeof(progress->title), "%s", title);
	snprintf(progress->unit, sizeof(progress->unit), "%s", unit);
	progress->total = total;
	atomic_store(&progress->done, 0);
	atomic_store(&progress->also_done, 0);
	clock_gettime(CLOCK_MONOTONIC, &progress->began);
}

OmenProgress *
omen_progress_begin(FILE *out, const char *title, const char *unit, uint64_t total)
{
	OmenProgress *progress = calloc(1, sizeof(*progress));
	pthread_condattr_t monotonic;
	sigset_t	all;
	sigset_t	before;

	if (progress == NULL)
		return &quiet;
	progress->out = out;
	progress->live = omen_terminal_is_live(out);
	set_stage(progress, title, unit, total);
	pthread_mutex_init(&progress->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&progress->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	progress->threaded = pthread_create(&progress->thread, NULL, tick, progress) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return progress;
}

void
omen_progress_set_also(OmenProgress *progress, uint64_t done, const char *unit)
{
	atomic_store_explicit(&progress->also_done, done, memory_order_relaxed);
	atomic_store_explicit(&progress->also_unit, unit, memory_order_relaxed);
}

void
omen_progress_set(OmenProgress *progress, uint64_t done)
{
	atomic_store_explicit(&progress->done, done, memory_order_relaxed);
}

void
omen_progress_add(OmenProgress *progress, uint64_t more)
{
	atomic_fetch_add_explicit(&progress->done, more, memory_order_relaxed);
}

void
omen_progress_stage(OmenProgress *progress, const char *title, const char *unit, uint64_t total)
{
	if (progress == &quiet)
		return;
	pthread_mutex_lock(&progress->lock);
	set_stage(progress, title, unit, total);
	pthread_mutex_unlock(&progress->lock);
}

void
omen_progress_end(OmenProgress *progress, const char *remark)
{
	OmenProgressState state;
	char		line[OMEN_PROGRESS_LINE_BYTES];

	if (progress == &quiet)
		return;
	pthread_mutex_lock(&progress->lock);
	progress->ending = true;
	pthread_cond_signal(&progress->wake);
	pthread_mutex_unlock(&progress->lock);
	if (progress->threaded)
		pthread_join(progress->thread, NULL);

	if (progress->drawn)
		fputs("\r\033[K", progress->out);
	if (remark == NULL || remark[0] != '\0')
	{
		state = state_of(progress);
		omen_progress_closing(line, &state);
		fprintf(progress->out, remark != NULL ? "%s, %s\n" : "%s\n", line, remark);
	}
	fflush(progress->out);
	pthread_cond_destroy(&progress->wake);
	pthread_mutex_destroy(&progress->lock);
	free(progress);
}
