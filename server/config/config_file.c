/*
 * config_file.c - the INI file, read strictly.
 *
 * inih is lenient in ways that hide mistakes: a line longer than its buffer
 * comes in pieces, an indented line silently replaces the value above it, and
 * it goes on after an error.  So lines are fed to it one at a time by a reader
 * that counts them and refuses what does not fit; a key given twice is
 * refused, which covers continuation lines; and any error is fatal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

typedef struct FileReading
{
	OmenConfig *config;
	const char *path;
	FILE	   *file;
	int			line;			/* the line inih is looking at, from 1 */
	int		   *line_of;		/* where each setting was given, 0: nowhere */
	bool		failed;
	OmenComplaint *complaint;
} FileReading;

/* inih's reader: fgets, but counting, and ending the file at a line that would arrive cut. */
static char *
read_line(char *text, int text_bytes, void *stream)
{
	FileReading *reading = stream;
	size_t		length;

	if (reading->failed || fgets(text, text_bytes, reading->file) == NULL)
		return NULL;
	reading->line++;
	length = strlen(text);
	if (length > 0 && text[length - 1] == '\n')
		return text;
	if (feof(reading->file) && length < (size_t) text_bytes - 1)
		return text;			/* the last line needs no newline */
	reading->failed = true;
	omen_complain(reading->complaint, "%s:%d: the line is longer than %d bytes or holds a NUL byte",
				  reading->path, reading->line, text_bytes - 2);
	omen_advise(reading->complaint, "Shorten the line, or give the value by flag or environment.");
	return NULL;
}

static bool
take_value(FileReading *reading, const char *section, const char *key, const char *value)
{
	char		name[300];
	char		origin[4200];
	int			setting;
	const char *nearest;
	OmenComplaint *complaint = reading->complaint;

	snprintf(name, sizeof(name), section[0] != '\0' ? "%s.%s" : "%s%s", section, key);
	setting = omen_setting_find(name);
	if (setting < 0)
	{
		nearest = omen_setting_nearest(name);
		omen_complain(complaint, "%s:%d: there is no setting \"%s\"", reading->path, reading->line, name);
		if (nearest != NULL)
			return omen_advise(complaint, "Did you mean \"%s\"?  `omendb config` lists all settings.", nearest);
		return omen_advise(complaint, "`omendb config` lists all settings.");
	}
	if (reading->line_of[setting] != 0)
	{
		omen_complain(complaint, "%s:%d: \"%s\" is given again after line %d",
					  reading->path, reading->line, name, reading->line_of[setting]);
		return omen_advise(complaint, "Keep one of them; an indented line counts as more of the key above it.");
	}
	reading->line_of[setting] = reading->line;
	snprintf(origin, sizeof(origin), "%s:%d", reading->path, reading->line);
	return omen_config_set(reading->config, name, value, origin, complaint);
}

/* inih's handler: 0 is an error to it. */
static int
handle_value(void *user, const char *section, const char *key, const char *value)
{
	FileReading *reading = user;

	if (reading->failed)
		return 0;
	reading->failed = !take_value(reading, section, key, value != NULL ? value : "");
	return !reading->failed;
}

bool
omen_config_read_file(OmenConfig *config, const char *path, OmenComplaint *complaint)
{
	FileReading reading = {.config = config,.path = path,.complaint = complaint};
	int			bad_line;

	reading.file = fopen(path, "re");
	if (reading.file == NULL)
	{
		omen_complain(complaint, "cannot read the configuration file %s: %s", path, strerror(errno));
		return omen_advise(complaint, "Check the path given by --config or OMENDB_CONFIG.");
	}
	reading.line_of = calloc(omen_setting_count, sizeof(*reading.line_of));
	if (reading.line_of == NULL)
	{
		fclose(reading.file);
		return omen_complain(complaint, "out of memory");
	}
	bad_line = ini_parse_stream(read_line, &reading, handle_value, &reading);
	if (!reading.failed && ferror(reading.file))
	{
		reading.failed = true;
		omen_complain(complaint, "cannot read the configuration file %s: %s", path, strerror(errno));
	}
	if (!reading.failed && bad_line != 0)
	{
		reading.failed = true;
		omen_complain(complaint, "%s:%d: this is neither [section] nor key = value", path, bad_line);
	}
	free(reading.line_of);
	fclose(reading.file);
	return !reading.failed;
}
