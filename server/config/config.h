/*
 * config.h - the effective configuration, and where each value came from.
 *
 * In rising order: built-in default, INI file, environment, flags.  The INI
 * file is the one that --config or OMENDB_CONFIG names; else
 * $XDG_CONFIG_HOME/omendb/omendb.ini (~/.config/omendb/omendb.ini), else
 * /etc/omendb/omendb.ini, whichever exists first.  Nothing is guessed: an
 * unknown key, an unknown OMENDB_ variable or a value that does not fit its
 * kind is an error that says where it stands.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_CONFIG_H
#define OMENDB_CONFIG_H

#include "config/setting.h"

typedef struct OmenConfig OmenConfig;

/*
 * Reads defaults, file and environment, and takes the flags of settings out of
 * argv, leaving the other arguments in order (argc is lowered).  argv[0] is
 * kept; "--" and all that follows it are left alone.  NULL on failure.
 */
OmenConfig *omen_config_read(int *argc, char **argv, OmenComplaint *complaint);

void		omen_config_free(OmenConfig *config);

/*
 * A value by the setting's name: "" when it is unset.  The name must be one of
 * the table's (an assertion otherwise).
 */
const char *omen_config_text(const OmenConfig *config, const char *name);
long		omen_config_number(const OmenConfig *config, const char *name);
bool		omen_config_is_set(const OmenConfig *config, const char *name);	/* not by default alone */

/* "default", "/etc/omendb/omendb.ini:3", "environment OMENDB_DATA", "flag --data". */
const char *omen_config_origin(const OmenConfig *config, const char *name);

/* The INI file that was read, or NULL. */
const char *omen_config_file(const OmenConfig *config);

/* Overrides one value; origin is copied.  The file reader and the tests use it. */
bool		omen_config_set(OmenConfig *config, const char *name, const char *value,
							const char *origin, OmenComplaint *complaint);

/* The value as it may be shown: passwords in a connection string are masked. */
void		omen_config_shown(const OmenConfig *config, const char *name, char *text, size_t text_bytes);

/* Any text that may hold a connection string, its password masked. */
void		omen_mask_password(const char *value, char *text, size_t text_bytes);

/* Reads one INI file over what is there (config_file.c). */
bool		omen_config_read_file(OmenConfig *config, const char *path, OmenComplaint *complaint);

#endif							/* OMENDB_CONFIG_H */
