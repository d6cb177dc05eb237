/*
 * progress_line.c - the text of a progress, apart from clocks and terminals.
 *
 * The rate is the average since the stage began: steadier than a window, and
 * the remaining time it gives is right whenever the work is even.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "term/glyph.h"
#include "term/progress_line.h"

#define NUMBER_BYTES 32
#define FIGURES_BYTES 320

char *
omen_format_count(char *text, uint64_t count)
{
	char		digits[24];
	int			length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long) count);
	char	   *out = text;

	for (int i = 0; i < length; i++)
	{
		if (i > 0 && (length - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return text;
}

char *
omen_format_duration(char *text, double seconds)
{
	if (!(seconds > 0))
		seconds = 0;
	if (seconds < 0.9995)
		snprintf(text, NUMBER_BYTES, "%.0f ms", seconds * 1000);
	else if (seconds < 99.95)
		snprintf(text, NUMBER_BYTES, "%.1f s", seconds);
	else if (seconds < 3600)
		snprintf(text, NUMBER_BYTES, "%d min %02d s", (int) seconds / 60, (int) seconds % 60);
	else if (seconds < 3.6e9)
		snprintf(text, NUMBER_BYTES, "%d h %02d min", (int) (seconds / 3600), (int) (seconds / 60) % 60);
	else
		strcpy(text, "very long");
	return text;
}

char *
omen_format_bytes(char *text, uint64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	double		scaled = (double) bytes;
	int			unit = 0;

	while (scaled >= 999.95 && unit < 5)
	{
		scaled /= 1000;
		unit++;
	}
	snprintf(text, NUMBER_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", scaled, units[unit]);
	return text;
}

/* A count with its unit, into text[96]. */
static void
format_amount(char *text, const OmenProgressState *state, uint64_t amount)
{
	char		number[NUMBER_BYTES];

	if (strcmp(state->unit, "bytes") == 0)
		snprintf(text, 96, "%s", omen_format_bytes(number, amount));
	else
		snprintf(text, 96, "%s %.60s", omen_format_count(number, amount), state->unit);
}

/* What stands right of the bar: amounts, rate, time.  text has FIGURES_BYTES. */
static void
format_figures(char *text, const OmenProgressState *state)
{
	char		done[96];
	char		total[96];
	char		rate[96];
	char		duration[NUMBER_BYTES];
	size_t		room = FIGURES_BYTES;
	double		per_s = state->elapsed_s > 0 ? (double) state->done / state->elapsed_s : 0;

	if (state->unit[0] == '\0')
	{
		snprintf(text, room, "%s", omen_format_duration(duration, state->elapsed_s));
		return;
	}
	format_amount(done, state, state->done);
	format_amount(rate, state, (uint64_t) (per_s + 0.5));
	/* "500 of 1,000 rows": the unit once, unless it is one that grows with the number */
	if (state->total > 0 && strcmp(state->unit, "bytes") != 0)
		omen_format_count(done, state->done);
	if (state->total == 0)
		snprintf(text, room, "%s, %s/s, %s", done, rate, omen_format_duration(duration, state->elapsed_s));
	else if (state->done == 0 || state->done >= state->total)
	{
		format_amount(total, state, state->total);
		snprintf(text, room, "%s of %s, %s", done, total, omen_format_duration(duration, state->elapsed_s));
	}
	else
	{
		format_amount(total, state, state->total);
		snprintf(text, room, "%s of %s, %s/s, %s left", done, total, rate,
				 omen_format_duration(duration, (double) (state->total - state->done) / per_s));
	}
}

/* The rate of the second count, behind the figures. */
static void
append_also(char *text, const OmenProgressState *state)
{
	char		number[NUMBER_BYTES];
	size_t		used = strlen(text);

	if (state->also_unit == NULL || !(state->elapsed_s > 0))
		return;
	omen_format_count(number, (uint64_t) ((double) state->also_done / state->elapsed_s));
	snprintf(text + used, FIGURES_BYTES - used, ", %s %.60s/s", number, state->also_unit);
}

/* Shortens line in place to at most columns columns. */
static void
clip(char *line, int columns)
{
	char	   *end = line;
	OmenGlyph	glyph;

	while ((glyph = omen_glyph_next(end)).bytes_used > 0 && columns >= glyph.columns)
	{
		columns -= glyph.columns;
		end += glyph.bytes_used;
	}
	*end = '\0';
}

void
omen_progress_line(char *line, const OmenProgressState *state, int bar_line, int columns)
{
	char		figures[FIGURES_BYTES];
	char		bar[64];
	double		share = 0;
	int			bar_columns;
	int			filled;

	format_figures(figures, state);
	append_also(figures, state);
	if (state->total > 0)
		share = state->done >= state->total ? 1 : (double) state->done / (double) state->total;
	if (state->total == 0)
		snprintf(line, OMEN_PROGRESS_LINE_BYTES, "%.100s: %s", state->title, figures);
	else
		snprintf(line, OMEN_PROGRESS_LINE_BYTES, "%.100s: %3d %%, %s", state->title, (int) (share * 100), figures);
	if (!bar_line)
		return;

	bar_columns = columns - 1 - 3 - omen_glyph_columns(line);
	if (state->total > 0 && bar_columns >= 8)
	{
		if (bar_columns > 30)
			bar_columns = 30;
		filled = (int) (share * bar_columns);
		memset(bar, '#', (size_t) filled);
		memset(bar + filled, '.', (size_t) (bar_columns - filled));
		bar[bar_columns] = '\0';
		snprintf(line, OMEN_PROGRESS_LINE_BYTES, "%.100s: [%s] %3d %%, %s",
				 state->title, bar, (int) (share * 100), figures);
	}
	clip(line, columns - 1);
}

void
omen_progress_closing(char *line, const OmenProgressState *state)
{
	char		amount[96];
	char		duration[NUMBER_BYTES];

	omen_format_duration(duration, state->elapsed_s);
	if (state->unit[0] == '\0')
		snprintf(line, OMEN_PROGRESS_LINE_BYTES, "%.100s: %s", state->title, duration);
	else
	{
		format_amount(amount, state, state->done);
		snprintf(line, OMEN_PROGRESS_LINE_BYTES, "%.100s: %s in %s", state->title, amount, duration);
	}
}
