/*
 * config.c - the effective configuration, and where each value came from.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

extern char **environ;

typedef struct ConfigValue
{
	char	   *text;
	char	   *origin;
} ConfigValue;

struct OmenConfig
{
	char	   *file;
	ConfigValue values[];		/* omen_setting_count of them */
};

/* OMENDB_ variables that are no settings: where the file is, and core's choice of kernels. */
static const char *const other_variables[] = {"OMENDB_CONFIG", "OMENDB_SIMD"};

#define TEST_VARIABLE_PREFIX "OMENDB_TEST_"

static int
index_of(const char *name)
{
	int			setting = omen_setting_find(name);

	assert(setting >= 0);
	return setting;
}

/* An absolute path for one that is relative to base (a folder), or to the working directory. */
static char *
absolute_path(const char *path, const char *base)
{
	char		cwd[PATH_MAX];
	char	   *absolute = NULL;

	if (path[0] == '/')
		return strdup(path);
	if (base == NULL)
		base = getcwd(cwd, sizeof(cwd));
	if (base == NULL || asprintf(&absolute, "%s/%s", base, path) < 0)
		return NULL;
	return absolute;
}

bool
omen_config_set(OmenConfig *config, const char *name, const char *value,
				const char *origin, OmenComplaint *complaint)
{
	int			setting = index_of(name);
	ConfigValue *slot = &config->values[setting];
	OmenComplaint reason;
	char	   *text;
	char	   *origin_copy;

	if (!omen_setting_accepts(&omen_settings[setting], value, &reason))
		return omen_complain(complaint, "%s: %s", origin, reason.fact);
	if (omen_settings[setting].kind == OMEN_SETTING_PATH)
	{
		/* A path in a file is relative to that file: it must mean the same wherever one stands. */
		char	   *base = origin[0] == '/' ? strdup(origin) : NULL;

		if (base != NULL)
			*strrchr(base, '/') = '\0';
		text = absolute_path(value, base);
		free(base);
	}
	else
		text = strdup(value);
	origin_copy = strdup(origin);
	if (text == NULL || origin_copy == NULL)
	{
		free(text);
		free(origin_copy);
		return omen_complain(complaint, "out of memory");
	}
	free(slot->text);
	free(slot->origin);
	slot->text = text;
	slot->origin = origin_copy;
	return true;
}

/* root's data lives where a system user can reach it; everybody else's at home. */
static char *
default_data(void)
{
	const char *base = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	char	   *path = NULL;

	if (geteuid() == 0)
		return strdup("/var/lib/omendb/data");
	if (base != NULL && base[0] == '/')
		return asprintf(&path, "%s/omendb", base) < 0 ? NULL : path;
	if (home != NULL && home[0] == '/')
		return asprintf(&path, "%s/.local/share/omendb", home) < 0 ? NULL : path;
	return absolute_path("omendb-data", NULL);
}

static bool
set_defaults(OmenConfig *config, OmenComplaint *complaint)
{
	for (size_t i = 0; i < omen_setting_count; i++)
	{
		ConfigValue *slot = &config->values[i];

		slot->text = strcmp(omen_settings[i].name, "data") == 0
			? default_data() : strdup(omen_settings[i].initial);
		slot->origin = strdup("default");
		if (slot->text == NULL || slot->origin == NULL)
			return omen_complain(complaint, "out of memory");
	}
	return true;
}

/* The file to read when nobody named one; NULL when there is none. */
static char *
default_file(void)
{
	const char *base = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char	   *path = NULL;

	if (base != NULL && base[0] == '/')
	{
		if (asprintf(&path, "%s/omendb/omendb.ini", base) < 0)
			return NULL;
	}
	else if (home != NULL && home[0] == '/')
	{
		if (asprintf(&path, "%s/.config/omendb/omendb.ini", home) < 0)
			return NULL;
	}
	if (path != NULL && access(path, F_OK) == 0)
		return path;
	free(path);
	return access("/etc/omendb/omendb.ini", F_OK) == 0 ? strdup("/etc/omendb/omendb.ini") : NULL;
}

static bool
read_file(OmenConfig *config, const char *flag, OmenComplaint *complaint)
{
	const char *named = flag != NULL ? flag : getenv("OMENDB_CONFIG");

	config->file = named != NULL && named[0] != '\0' ? absolute_path(named, NULL) : default_file();
	return config->file == NULL || omen_config_read_file(config, config->file, complaint);
}

static bool
is_other_variable(const char *variable)
{
	for (size_t i = 0; i < sizeof(other_variables) / sizeof(other_variables[0]); i++)
		if (strcmp(variable, other_variables[i]) == 0)
			return true;
	return strncmp(variable, TEST_VARIABLE_PREFIX, strlen(TEST_VARIABLE_PREFIX)) == 0;
}

/* A mistyped variable would otherwise be ignored in silence. */
static bool
complain_of_variable(const char *variable, OmenComplaint *complaint)
{
	char		name[128];
	char		known[128];
	const char *nearest;

	omen_complain(complaint, "environment %s is no setting of omendb", variable);
	/* Compared as a key: the nearest one wins whether its underscore was a point or not. */
	snprintf(name, sizeof(name), "%s", variable + strlen("OMENDB_"));
	for (char *at = name; *at != '\0'; at++)
		*at = *at == '_' ? '.' : (char) (*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
	nearest = omen_setting_nearest(name);
	if (nearest == NULL)
		return omen_advise(complaint, "Unset it; `omendb config` lists all settings.");
	omen_setting_environment(&omen_settings[index_of(nearest)], known, sizeof(known));
	return omen_advise(complaint, "Did you mean %s?  Otherwise unset it.", known);
}

static bool
read_environment(OmenConfig *config, OmenComplaint *complaint)
{
	for (char **entry = environ; *entry != NULL; entry++)
	{
		char		variable[128];
		char		spelling[128];
		char		origin[160];
		const char *value = strchr(*entry, '=');
		bool		known = false;

		if (strncmp(*entry, "OMENDB_", strlen("OMENDB_")) != 0 || value == NULL)
			continue;
		snprintf(variable, sizeof(variable), "%.*s", (int) (value - *entry), *entry);
		if (is_other_variable(variable))
			continue;
		for (size_t i = 0; i < omen_setting_count && !known; i++)
		{
			omen_setting_environment(&omen_settings[i], spelling, sizeof(spelling));
			if (strcmp(spelling, variable) != 0)
				continue;
			known = true;
			snprintf(origin, sizeof(origin), "environment %s", variable);
			if (!omen_config_set(config, omen_settings[i].name, value + 1, origin, complaint))
				return false;
		}
		if (!known)
			return complain_of_variable(variable, complaint);
	}
	return true;
}

/*
 * Is argv[at] the flag --name?  Sets *value to what follows "=" or to the next
 * argument, and *used to how many arguments that takes; *value stays NULL when
 * the value is missing.
 */
static bool
match_flag(int argc, char **argv, int at, const char *name, char **value, int *used)
{
	const char *argument = argv[at];
	size_t		length = strlen(name);

	if (strncmp(argument, "--", 2) != 0 || strncmp(argument + 2, name, length) != 0)
		return false;
	if (argument[2 + length] != '=' && argument[2 + length] != '\0')
		return false;			/* --database is not --data */
	*used = 1;
	if (argument[2 + length] == '=')
		*value = argv[at] + 2 + length + 1;
	else if (at + 1 < argc)
	{
		*value = argv[at + 1];
		*used = 2;
	}
	return true;
}

/* Takes the flags out of argv into values[] (by setting) and *file. */
static bool
take_flags(int *argc, char **argv, char **values, char **file, OmenComplaint *complaint)
{
	int			kept = 1;

	for (int at = 1; at < *argc;)
	{
		char	   *value = NULL;
		int			used = 0;

		if (strcmp(argv[at], "--") == 0)
		{
			while (at < *argc)
				argv[kept++] = argv[at++];
			break;
		}
		if (match_flag(*argc, argv, at, "config", &value, &used))
			*file = value;
		for (size_t i = 0; i < omen_setting_count && used == 0; i++)
			if (omen_settings[i].flag != NULL && match_flag(*argc, argv, at, omen_settings[i].flag, &value, &used))
				values[i] = value;
		if (used == 0)
			argv[kept++] = argv[at++];
		else if (value == NULL)
			return omen_complain(complaint, "%s needs a value", argv[at]);
		else
			at += used;
	}
	*argc = kept;
	argv[kept] = NULL;
	return true;
}

static bool
set_flags(OmenConfig *config, char **values, OmenComplaint *complaint)
{
	for (size_t i = 0; i < omen_setting_count; i++)
	{
		char		origin[64];

		if (values[i] == NULL)
			continue;
		snprintf(origin, sizeof(origin), "flag --%s", omen_settings[i].flag);
		if (!omen_config_set(config, omen_settings[i].name, values[i], origin, complaint))
			return false;
	}
	return true;
}

OmenConfig *
omen_config_read(int *argc, char **argv, OmenComplaint *complaint)
{
	OmenConfig *config = calloc(1, sizeof(*config) + omen_setting_count * sizeof(ConfigValue));
	char	  **flags = calloc(omen_setting_count, sizeof(*flags));
	char	   *file = NULL;

	if (config == NULL || flags == NULL)
		omen_complain(complaint, "out of memory");
	else if (set_defaults(config, complaint) &&
			 take_flags(argc, argv, flags, &file, complaint) &&
			 read_file(config, file, complaint) &&
			 read_environment(config, complaint) &&
			 set_flags(config, flags, complaint))
	{
		free(flags);
		return config;
	}
	free(flags);
	omen_config_free(config);
	return NULL;
}

void
omen_config_free(OmenConfig *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < omen_setting_count; i++)
	{
		free(config->values[i].text);
		free(config->values[i].origin);
	}
	free(config->file);
	free(config);
}

const char *
omen_config_text(const OmenConfig *config, const char *name)
{
	return config->values[index_of(name)].text;
}

long
omen_config_number(const OmenConfig *config, const char *name)
{
	return strtol(omen_config_text(config, name), NULL, 10);
}

bool
omen_config_is_set(const OmenConfig *config, const char *name)
{
	return strcmp(omen_config_origin(config, name), "default") != 0;
}

const char *
omen_config_origin(const OmenConfig *config, const char *name)
{
	return config->values[index_of(name)].origin;
}

const char *
omen_config_file(const OmenConfig *config)
{
	return config->file;
}

void
omen_config_shown(const OmenConfig *config, const char *name, char *text, size_t text_bytes)
{
	const char *value = omen_config_text(config, name);

	if (omen_settings[index_of(name)].kind == OMEN_SETTING_URL)
		omen_mask_password(value, text, text_bytes);
	else
		snprintf(text, text_bytes, "%s", value);
}

/*
 * Masks what follows password= and, in a URL, what stands between the user's
 * colon and the last @ before the path, or, as a password with a / or ? in it
 * has none there, the last @ at all.  Rather too much than too little.
 */
void
omen_mask_password(const char *value, char *text, size_t text_bytes)
{
	const char *scheme = strstr(value, "://");
	const char *mask = NULL;
	const char *resume = NULL;

	if (strstr(value, "password") != NULL)
	{
		mask = strstr(value, "password") + strlen("password");
		resume = value + strlen(value);
	}
	if (scheme != NULL)
	{
		const char *authority_end = scheme + 3 + strcspn(scheme + 3, "/?");
		const char *at = memrchr(scheme + 3, '@', (size_t) (authority_end - scheme - 3));
		const char *colon;

		if (at == NULL)
			at = strrchr(authority_end, '@');
		colon = at != NULL ? memchr(scheme + 3, ':', (size_t) (at - scheme - 3)) : NULL;

		if (colon != NULL)
		{
			/* A password= further on would show after `resume`: cut there. */
			resume = mask != NULL ? value + strlen(value) : at;
			mask = colon + 1;
		}
	}
	if (mask == NULL)
		snprintf(text, text_bytes, "%s", value);
	else
		snprintf(text, text_bytes, "%.*s***%s", (int) (mask - value), value, resume);
}
