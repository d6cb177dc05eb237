/*
 * worker_rows.c - rows shared out among threads.
 *
 * Chunks are handed out from one counter, so that threads finish together;
 * which thread does which chunk does not matter to the result, since work
 * depends on the row alone.  That keeps training reproducible whatever the
 * number of threads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "worker_rows.h"

#define THREADS_MAX 64

typedef struct Share
{
	OmenRowWork work;
	void	   *arg;
	size_t		rows;
	size_t		grain;
	atomic_size_t next;			/* first row not handed out; past `rows` at the end */
	atomic_size_t done;			/* rows finished, for the report */
} Share;

unsigned
omen_threads_available(void)
{
	cpu_set_t	set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) < 1)
		return 1;
	return CPU_COUNT(&set) < THREADS_MAX ? (unsigned) CPU_COUNT(&set) : THREADS_MAX;
}

/* Does one chunk; false when none is left. */
static bool
chunk_do(Share *share)
{
	size_t		first = atomic_fetch_add(&share->next, share->grain);
	size_t		count = first < share->rows ? share->rows - first : 0;

	if (count == 0)
		return false;
	if (count > share->grain)
		count = share->grain;
	share->work(share->arg, first, count);
	atomic_fetch_add(&share->done, count);
	return true;
}

static void *
worker_run(void *share)
{
	while (chunk_do(share))
		;
	return NULL;
}

OmenStatus
omen_rows_share(unsigned threads, size_t rows, size_t grain,
				OmenRowWork work, void *arg, OmenReport *report, OmenError *err)
{
	Share		share = {.work = work,.arg = arg,.rows = rows,.grain = grain};
	pthread_t	worker[THREADS_MAX];
	unsigned	started = 0;
	size_t		reported = 0;
	bool		stop = false;

	while (started + 1 < threads && started < THREADS_MAX && (size_t) (started + 1) * grain < rows &&
		   pthread_create(&worker[started], NULL, worker_run, &share) == 0)
		started++;

	while (!stop && chunk_do(&share))
	{
		size_t		done = atomic_load(&share.done);

		stop = !omen_report_add(report, done - reported);
		reported = done;
	}
	if (stop)
		atomic_store(&share.next, rows);
	for (unsigned i = 0; i < started; i++)
		pthread_join(worker[i], NULL);
	if (!stop)
		stop = !omen_report_add(report, rows - reported);
	return stop ? omen_fail(err, OMEN_CANCELLED, "stopped on request") : OMEN_OK;
}
