/*
 * shared_settings.h - settings that pgvector has, too.
 *
 * A session that was open when pgvector's files were replaced has its library
 * mapped for good, and that library defined hnsw.ef_search and its like.  A
 * setting cannot be defined twice: in such a session ours are read from there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SHARED_SETTINGS_H
#define OMEN_SHARED_SETTINGS_H

#include "postgres.h"
#include "compat.h"

#include "utils/guc.h"

extern void shared_setting_int(const char *name, const char *text, const char *more, int *variable, int min, int max);
extern void shared_setting_real(const char *name, const char *text, const char *more, double *variable,
								double min, double max);
extern void shared_setting_enum(const char *name, const char *text, const char *more, int *variable,
								const struct config_enum_entry *options);

/* Before variables of those above are read: they are what the session has set. */
extern void shared_settings_read(void);

#endif							/* OMEN_SHARED_SETTINGS_H */
