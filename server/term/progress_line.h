/*
 * progress_line.h - the text of a progress, apart from clocks and terminals.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_PROGRESS_LINE_H
#define OMENDB_PROGRESS_LINE_H

#include <stddef.h>
#include <stdint.h>

#define OMEN_PROGRESS_LINE_BYTES 512

typedef struct OmenProgressState
{
	const char *title;
	const char *unit;			/* "bytes" is scaled; "" shows no count */
	uint64_t	done;
	uint64_t	total;			/* 0: unknown */
	double		elapsed_s;
	uint64_t	also_done;		/* a second count, of which the rate is shown; also_unit NULL: none */
	const char *also_unit;
} OmenProgressState;

/* "1,234,567" into text, which has room for 32 bytes; returns text. */
char	   *omen_format_count(char *text, uint64_t count);

/* "850 ms", "12.3 s", "4 min 05 s", "3 h 07 min"; same room. */
char	   *omen_format_duration(char *text, double seconds);

/* "512 B", "1.5 kB", "64.0 MB": powers of 1,000; same room. */
char	   *omen_format_bytes(char *text, uint64_t bytes);

/*
 * One line without newline into line[OMEN_PROGRESS_LINE_BYTES]: with a bar
 * when bar_line is set, and then never wider than columns - 1.
 */
void		omen_progress_line(char *line, const OmenProgressState *state, int bar_line, int columns);

/* The closing line. */
void		omen_progress_closing(char *line, const OmenProgressState *state);

#endif							/* OMENDB_PROGRESS_LINE_H */
