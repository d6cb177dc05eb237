/*
 * data_folder.c - what lies where in a data folder, and whose it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instance/data_folder.h"

typedef struct MarkValues
{
	int			format;
	int			postgres_major;
} MarkValues;

bool
omen_data_folder_paths(OmenDataFolder *folder, const char *root, OmenComplaint *complaint)
{
	size_t		length = strlen(root);

	while (length > 1 && root[length - 1] == '/')
		length--;
	if (length >= sizeof(folder->root))
		return omen_complain(complaint, "the path of the data folder is longer than %zu bytes",
							 sizeof(folder->root) - 1);
	memcpy(folder->root, root, length);
	folder->root[length] = '\0';
	snprintf(folder->mark, sizeof(folder->mark), "%s/omendb.mark", folder->root);
	snprintf(folder->lock, sizeof(folder->lock), "%s/omendb.lock", folder->root);
	snprintf(folder->passfile, sizeof(folder->passfile), "%s/omendb.pgpass", folder->root);
	snprintf(folder->database, sizeof(folder->database), "%s/postgres", folder->root);
	snprintf(folder->log, sizeof(folder->log), "%s/log", folder->root);
	snprintf(folder->run, sizeof(folder->run), "%s/run", folder->root);
	return true;
}

static int
take_mark(void *user, const char *section, const char *key, const char *value)
{
	MarkValues *values = user;

	if (section[0] != '\0')
		return 1;
	if (strcmp(key, "format") == 0)
		values->format = atoi(value);
	else if (strcmp(key, "postgres") == 0)
		values->postgres_major = atoi(value);
	return 1;
}

static OmenFolderState
read_mark(const OmenDataFolder *folder, int *postgres_major, OmenComplaint *complaint)
{
	MarkValues	values = {0, 0};

	if (ini_parse(folder->mark, take_mark, &values) != 0 || values.format < 1 || values.postgres_major < 1)
	{
		omen_complain(complaint, "%s is unreadable or damaged", folder->mark);
		omen_advise(complaint,
					"It should hold the two lines \"format = %d\" and \"postgres = N\", N as %s/PG_VERSION says.",
					OMEN_FOLDER_FORMAT, folder->database);
		return OMEN_FOLDER_UNREADABLE;
	}
	if (values.format > OMEN_FOLDER_FORMAT)
	{
		omen_complain(complaint, "the data folder %s has format %d; this omendb knows formats up to %d",
					  folder->root, values.format, OMEN_FOLDER_FORMAT);
		omen_advise(complaint, "Use the newer omendb that wrote it, or another folder with --data.");
		return OMEN_FOLDER_UNREADABLE;
	}
	*postgres_major = values.postgres_major;
	return OMEN_FOLDER_OURS;
}

OmenFolderState
omen_data_folder_look(const OmenDataFolder *folder, int *postgres_major, OmenComplaint *complaint)
{
	DIR		   *dir = opendir(folder->root);
	struct dirent *entry;
	bool		others = false;
	bool		marked = false;

	if (dir == NULL)
	{
		if (errno == ENOENT)
			return OMEN_FOLDER_ABSENT;
		omen_complain(complaint, "cannot read the data folder %s: %s", folder->root, strerror(errno));
		if (errno == EACCES)
			omen_advise(complaint, "Become the user it belongs to, or name another folder with --data.");
		return OMEN_FOLDER_UNREADABLE;
	}
	while ((entry = readdir(dir)) != NULL)
	{
		if (strcmp(entry->d_name, "omendb.mark") == 0)
			marked = true;
		else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
				 strcmp(entry->d_name, "omendb.lock") != 0 && strcmp(entry->d_name, "omendb.mark.new") != 0)
			others = true;
	}
	closedir(dir);
	if (marked)
		return read_mark(folder, postgres_major, complaint);
	return others ? OMEN_FOLDER_FOREIGN : OMEN_FOLDER_EMPTY;
}

bool
omen_data_folder_mark(const OmenDataFolder *folder, int postgres_major, OmenComplaint *complaint)
{
	char		fresh[PATH_MAX + 8];
	char		text[256];
	int			length;
	int			fd;
	bool		written;

	length = snprintf(text, sizeof(text),
					  "; The mark of an OmenDB data folder.  Leave it as it is.\nformat = %d\npostgres = %d\n",
					  OMEN_FOLDER_FORMAT, postgres_major);
	snprintf(fresh, sizeof(fresh), "%s.new", folder->mark);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return omen_complain(complaint, "cannot write %s: %s", fresh, strerror(errno));
	written = write(fd, text, (size_t) length) == length && fsync(fd) == 0;
	if (close(fd) != 0 || !written || rename(fresh, folder->mark) != 0)
		return omen_complain(complaint, "cannot write %s: %s", folder->mark, strerror(errno));
	return true;
}
