/*
 * tree.c - the PostgreSQL programs and files that omendb runs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postgres/child_process.h"
#include "postgres/tree.h"

/* Puts a path together; false when it does not fit. */
static bool
join(char *path, const char *folder, const char *rest)
{
	return snprintf(path, PATH_MAX, "%s%s", folder, rest) < PATH_MAX;
}

const char *
omen_tree_program(const OmenTree *tree, const char *program, char *path)
{
	if (snprintf(path, PATH_MAX, "%s/%s", tree->bin, program) >= PATH_MAX)
		path[0] = '\0';
	return path;
}

static bool
has_server(const OmenTree *tree)
{
	char		path[PATH_MAX];

	return access(omen_tree_program(tree, "postgres", path), F_OK) == 0;
}

/* PREFIX/lib/postgresql/N: N is major, or the largest number there when major is 0. */
static bool
find_packaged(OmenTree *tree, const char *prefix, int major)
{
	char		folder[PATH_MAX];
	char		rest[64];
	DIR		   *dir;
	struct dirent *entry;
	int			found = 0;

	if (!join(folder, prefix, "/lib/postgresql") || (dir = opendir(folder)) == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL)
	{
		char	   *end;
		long		number = strtol(entry->d_name, &end, 10);

		if (*end != '\0' || number < 1 || number > 1000 || (major != 0 && number != major))
			continue;
		snprintf(rest, sizeof(rest), "/lib/postgresql/%ld/bin", number);
		if (number > found && join(tree->bin, prefix, rest) && has_server(tree))
			found = (int) number;
	}
	closedir(dir);
	if (found == 0)
		return false;
	snprintf(rest, sizeof(rest), "/lib/postgresql/%d/bin", found);
	join(tree->bin, prefix, rest);
	snprintf(rest, sizeof(rest), "/share/postgresql/%d", found);
	return join(tree->share, prefix, rest) && join(tree->prefix, prefix, "");
}

static bool
find_plain(OmenTree *tree, const char *prefix)
{
	if (!join(tree->bin, prefix, "/bin") || !has_server(tree))
		return false;
	/* Installations whose path lacks the word get a folder of that name below share. */
	if (!join(tree->share, prefix, "/share/postgresql"))
		return false;
	if (access(tree->share, F_OK) != 0)
		join(tree->share, prefix, "/share");
	return join(tree->prefix, prefix, "");
}

static bool
find_in(OmenTree *tree, const char *prefix, int major)
{
	return find_packaged(tree, prefix, major) || find_plain(tree, prefix);
}

/* The parent of the folder our own binary lies in. */
static bool
own_prefix(char *prefix)
{
	ssize_t		length = readlink("/proc/self/exe", prefix, PATH_MAX - 1);

	if (length <= 0)
		return false;
	prefix[length] = '\0';
	for (int up = 0; up < 2; up++)
	{
		char	   *slash = strrchr(prefix, '/');

		if (slash == NULL || slash == prefix)
			return false;
		*slash = '\0';
	}
	return true;
}

/* "postgres (PostgreSQL) 15.20 (Debian ...)": version and major. */
static bool
ask_version(OmenTree *tree, OmenComplaint *complaint)
{
	char		path[PATH_MAX];
	char		text[256];
	const char *const argv[] = {omen_tree_program(tree, "postgres", path), "--version", NULL};

	if (!omen_child_read(argv, text, sizeof(text)) ||
		sscanf(text, "postgres (PostgreSQL) %63s", tree->version) != 1)
		return omen_complain(complaint, "%s does not run: %s", path, text);
	tree->major = atoi(tree->version);
	return true;
}

/* Our extension, and not another one of the same name, must be in the tree. */
static bool
check_extension(const OmenTree *tree, OmenComplaint *complaint)
{
	char		path[PATH_MAX];
	char		text[8192];
	size_t		bytes = 0;
	FILE	   *file = NULL;

	if (join(path, tree->share, "/extension/vector.control"))
		file = fopen(path, "re");
	if (file == NULL)
	{
		omen_complain(complaint, "the PostgreSQL in %s lacks the extension \"vector\": no %s", tree->prefix, path);
		return omen_advise(complaint,
						   "Build it into the tree with `make`, or name a tree that has it with --postgres-prefix.");
	}
	bytes = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[bytes] = '\0';
	if (strstr(text, "omendb_vector") == NULL)
	{
		omen_complain(complaint, "the extension \"vector\" in %s is not OmenDB's", tree->share);
		return omen_advise(complaint, "Name a tree that has ours with --postgres-prefix; `make` builds one.");
	}
	return true;
}

bool
omen_tree_find(OmenTree *tree, const OmenConfig *config, int major, OmenComplaint *complaint)
{
	const char *named = omen_config_text(config, "postgres.prefix");
	char		own[PATH_MAX] = "";
	char		wanted[32] = "PostgreSQL";

	memset(tree, 0, sizeof(*tree));
	if (major != 0)
		snprintf(wanted, sizeof(wanted), "PostgreSQL %d", major);
	if (named[0] != '\0')
	{
		if (!find_in(tree, named, major))
		{
			omen_complain(complaint, "%s: there is no %s in %s", omen_config_origin(config, "postgres.prefix"),
						  wanted, named);
			return omen_advise(complaint, "It should hold lib/postgresql/N/bin/postgres or bin/postgres.");
		}
	}
	else if (!(own_prefix(own) && find_in(tree, own, major)) && !find_in(tree, "/usr", major))
	{
		omen_complain(complaint, "there is no %s in %s nor in /usr", wanted, own);
		return omen_advise(complaint, "Name the tree with --postgres-prefix; `make` builds one.");
	}
	return ask_version(tree, complaint) && check_extension(tree, complaint);
}
