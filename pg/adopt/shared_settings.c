/*
 * shared_settings.c - see shared_settings.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "adopt/shared_settings.h"

/* Settings that another library defined. */
static struct
{
	const char *name;
	int		   *number;
	double	   *real;
	const struct config_enum_entry *options;	/* of the number */
}			borrowed[16];
static int	borrowed_count;

/* Whether somebody else has defined it: not just a value in a configuration file. */
static bool
is_taken(const char *name)
{
	return GetConfigOption(name, true, false) != NULL && !(GetConfigOptionFlags(name, true) & GUC_CUSTOM_PLACEHOLDER);
}

static bool
borrow(const char *name, int *number, double *real, const struct config_enum_entry *options)
{
	if (!is_taken(name))
		return false;
	if (borrowed_count == lengthof(borrowed))
		elog(ERROR, "too many settings are another library's");
	borrowed[borrowed_count].name = name;
	borrowed[borrowed_count].number = number;
	borrowed[borrowed_count].real = real;
	borrowed[borrowed_count++].options = options;
	return true;
}

void
shared_setting_int(const char *name, const char *text, const char *more, int *variable, int min, int max)
{
	if (!borrow(name, variable, NULL, NULL))
		DefineCustomIntVariable(name, text, more, variable, *variable, min, max, PGC_USERSET, 0, NULL, NULL, NULL);
}

void
shared_setting_real(const char *name, const char *text, const char *more, double *variable, double min, double max)
{
	if (!borrow(name, NULL, variable, NULL))
		DefineCustomRealVariable(name, text, more, variable, *variable, min, max, PGC_USERSET, 0, NULL, NULL, NULL);
}

void
shared_setting_enum(const char *name, const char *text, const char *more, int *variable,
					const struct config_enum_entry *options)
{
	if (!borrow(name, variable, NULL, options))
		DefineCustomEnumVariable(name, text, more, variable, *variable, options, PGC_USERSET, 0, NULL, NULL, NULL);
}

void
shared_settings_read(void)
{
	for (int i = 0; i < borrowed_count; i++)
	{
		const char *value = GetConfigOption(borrowed[i].name, false, false);

		if (borrowed[i].real != NULL)
			*borrowed[i].real = strtod(value, NULL);
		else if (borrowed[i].options == NULL)
			*borrowed[i].number = atoi(value);
		else
			for (const struct config_enum_entry *option = borrowed[i].options; option->name != NULL; option++)
				if (strcmp(option->name, value) == 0)
					*borrowed[i].number = option->val;
	}
}
