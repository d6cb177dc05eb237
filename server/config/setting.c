/*
 * setting.c - every setting there is, in one table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/nearest_word.h"
#include "config/setting.h"

const OmenSetting omen_settings[] = {
	{"data", "data", OMEN_SETTING_PATH, "", 0, 0,
	"folder that holds the database, its log and its password"},
	{"database", "database", OMEN_SETTING_URL, "", 0, 0,
	"connection string of a PostgreSQL to use instead of the one in the data folder"},
	{"postgres.port", "pg-port", OMEN_SETTING_NUMBER, "54330", 0, 65535,
	"TCP port of the database; 0 takes any free one"},
	{"postgres.listen", "listen", OMEN_SETTING_TEXT, "127.0.0.1", 0, 0,
	"addresses the database listens on, separated by commas; * for all"},
	{"postgres.prefix", "postgres-prefix", OMEN_SETTING_PATH, "", 0, 0,
	"folder of the PostgreSQL tree (holds lib/postgresql/N/bin or bin)"},
	{"postgres.user", "postgres-user", OMEN_SETTING_TEXT, "", 0, 0,
	"system user to become when started by root"},
};

const size_t omen_setting_count = sizeof(omen_settings) / sizeof(omen_settings[0]);

int
omen_setting_find(const char *name)
{
	for (size_t i = 0; i < omen_setting_count; i++)
		if (strcmp(omen_settings[i].name, name) == 0)
			return (int) i;
	return -1;
}

void
omen_setting_environment(const OmenSetting *setting, char *text, size_t text_bytes)
{
	snprintf(text, text_bytes, "OMENDB_%s", setting->name);
	for (char *at = text; *at != '\0'; at++)
		*at = *at == '.' ? '_' : (char) toupper((unsigned char) *at);
}

bool
omen_setting_accepts(const OmenSetting *setting, const char *value, OmenComplaint *complaint)
{
	char	   *end;
	long		number;

	for (const char *at = value; *at != '\0'; at++)
		if ((unsigned char) *at < 0x20 || *at == 0x7F)
			return omen_complain(complaint, "%s contains a control character", setting->name);
	switch (setting->kind)
	{
		case OMEN_SETTING_TEXT:
		case OMEN_SETTING_URL:
			return true;
		case OMEN_SETTING_PATH:
			if (value[0] == '\0')
				return omen_complain(complaint, "%s must name a folder, not be empty", setting->name);
			return true;
		case OMEN_SETTING_NUMBER:
			errno = 0;
			number = strtol(value, &end, 10);
			if (end == value || *end != '\0' || isspace((unsigned char) value[0]) ||
				errno != 0 || number < setting->least || number > setting->most)
				return omen_complain(complaint, "%s must be a whole number from %ld to %ld, not \"%s\"",
									 setting->name, setting->least, setting->most, value);
			return true;
	}
	return true;
}

const char *
omen_setting_nearest(const char *name)
{
	const char *names[64];
	size_t		count = 0;

	for (size_t i = 0; i < omen_setting_count && count < 64; i++)
		names[count++] = omen_settings[i].name;
	return omen_nearest_word(name, names, count);
}
