/*
 * setting.h - every setting there is, in one table.
 *
 * A setting has one name, and from it come its three spellings: the key
 * "postgres.port" is `port` under `[postgres]` in the INI file and
 * OMENDB_POSTGRES_PORT in the environment; its flag stands in the table.  A
 * new setting is one line in setting.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_SETTING_H
#define OMENDB_SETTING_H

#include <stddef.h>

#include "term/complaint.h"

typedef enum OmenSettingKind
{
	OMEN_SETTING_TEXT,
	OMEN_SETTING_PATH,			/* made absolute where it is read */
	OMEN_SETTING_NUMBER,		/* a whole number within least..most */
	OMEN_SETTING_URL			/* may hold a password: shown masked */
} OmenSettingKind;

typedef struct OmenSetting
{
	const char *name;			/* "postgres.port" */
	const char *flag;			/* "pg-port" for --pg-port; NULL: no flag */
	OmenSettingKind kind;
	const char *initial;		/* "" means unset */
	long		least;			/* of a number */
	long		most;
	const char *summary;		/* one line for help */
} OmenSetting;

extern const OmenSetting omen_settings[];
extern const size_t omen_setting_count;

/* Index of the setting in omen_settings, or -1. */
int			omen_setting_find(const char *name);

/* "OMENDB_POSTGRES_PORT" into text[text_bytes]. */
void		omen_setting_environment(const OmenSetting *setting, char *text, size_t text_bytes);

/* Does the value suit the setting's kind?  The complaint names the value, not where it came from. */
bool		omen_setting_accepts(const OmenSetting *setting, const char *value, OmenComplaint *complaint);

/* The name nearest to one that is unknown, or NULL. */
const char *omen_setting_nearest(const char *name);

#endif							/* OMENDB_SETTING_H */
