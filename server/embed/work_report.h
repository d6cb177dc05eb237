/*
 * work_report.h - how long work tells its caller where it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_WORK_REPORT_H
#define OMEN_WORK_REPORT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * `tell` gets the phase and how far it has come (done of total, in units of
 * the phase's own), several times a second, always on the thread that called.
 * It returns false to stop the work, which then ends with OMEN_CANCELLED.
 * NULL: nobody listens.
 */
typedef struct OmenReport
{
	bool		(*tell) (void *arg, const char *phase, uint64_t done, uint64_t total);
	void	   *arg;
	const char *phase;
	uint64_t	done;
	uint64_t	total;
} OmenReport;

/* Begins a phase of `total` units. */
static inline void
omen_report_begin(OmenReport *report, const char *phase, uint64_t total)
{
	report->phase = phase;
	report->done = 0;
	report->total = total;
}

/* Adds to what is done and tells it; false means stop. */
static inline bool
omen_report_add(OmenReport *report, uint64_t done)
{
	report->done += done;
	return report->tell == NULL || report->tell(report->arg, report->phase, report->done, report->total);
}

#endif							/* OMEN_WORK_REPORT_H */
