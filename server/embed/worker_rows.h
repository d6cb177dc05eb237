/*
 * worker_rows.h - rows shared out among threads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_WORKER_ROWS_H
#define OMEN_WORKER_ROWS_H

#include <stddef.h>

#include "omen/status.h"
#include "work_report.h"

/* Does rows first .. first + count - 1.  What it writes must depend on the row alone. */
typedef void (*OmenRowWork) (void *arg, size_t first, size_t count);

/* The processors this process may use, at least 1. */
unsigned	omen_threads_available(void);

/*
 * Runs `work` over all rows in chunks of `grain`, on `threads` threads of
 * which the caller is one; fewer when the system gives no more.  The caller's
 * thread reports each of its chunks to `report`, whose position and total
 * count rows.  Returns OMEN_CANCELLED when report asks to stop.
 */
OmenStatus	omen_rows_share(unsigned threads, size_t rows, size_t grain,
							OmenRowWork work, void *arg, OmenReport *report, OmenError *err);

#endif							/* OMEN_WORKER_ROWS_H */
