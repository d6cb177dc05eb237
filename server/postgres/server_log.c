/*
 * server_log.c - showing the user what PostgreSQL wrote in its log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "postgres/server_log.h"

#define LINES_MAX		6
#define LINE_BYTES_MAX	280

void
omen_server_log_mark(OmenLogMark *mark, const char *log_folder)
{
	DIR		   *dir = opendir(log_folder);
	struct dirent *entry;
	struct stat file;
	struct timespec newest = {0, 0};
	char		path[PATH_MAX];

	mark->path[0] = '\0';
	mark->bytes = 0;
	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		if (strncmp(entry->d_name, "postgresql-", strlen("postgresql-")) != 0 ||
			snprintf(path, sizeof(path), "%s/%s", log_folder, entry->d_name) >= (int) sizeof(path) ||
			stat(path, &file) != 0)
			continue;
		if (file.st_mtim.tv_sec < newest.tv_sec ||
			(file.st_mtim.tv_sec == newest.tv_sec && file.st_mtim.tv_nsec < newest.tv_nsec))
			continue;
		newest = file.st_mtim;
		snprintf(mark->path, sizeof(mark->path), "%s", path);
		mark->bytes = file.st_size;
	}
	if (dir != NULL)
		closedir(dir);
}

static bool
is_wanted(const char *line, const char *wanted)
{
	if (strstr(line, "redirecting log output") != NULL || strstr(line, "Future log output") != NULL)
		return false;			/* said at every start */
	if (wanted != NULL)
		return strstr(line, wanted) != NULL;
	return strstr(line, "FATAL:") != NULL || strstr(line, "PANIC:") != NULL || strstr(line, "ERROR:") != NULL ||
		strstr(line, "DETAIL:") != NULL || strstr(line, "HINT:") != NULL;
}

void
omen_server_log_append(OmenComplaint *complaint, const char *path, off_t offset, const char *wanted)
{
	FILE	   *file = fopen(path, "re");
	char		kept[LINES_MAX][LINE_BYTES_MAX];
	char		line[LINE_BYTES_MAX];
	unsigned	count = 0;
	size_t		used = strlen(complaint->fact);

	if (file == NULL)
		return;
	if (fseeko(file, offset, SEEK_SET) != 0)
		rewind(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (is_wanted(line, wanted))
			memcpy(kept[count++ % LINES_MAX], line, sizeof(line));
	fclose(file);
	for (unsigned i = count > LINES_MAX ? count - LINES_MAX : 0; i < count; i++)
	{
		char	   *text = kept[i % LINES_MAX];

		text[strcspn(text, "\n")] = '\0';
		if (used < sizeof(complaint->fact))
			used += (size_t) snprintf(complaint->fact + used, sizeof(complaint->fact) - used, "\n    %s", text);
	}
}

void
omen_server_log_append_news(OmenComplaint *complaint, const OmenLogMark *mark, const char *log_folder)
{
	OmenLogMark now;

	omen_server_log_mark(&now, log_folder);
	if (now.path[0] == '\0')
		return;
	omen_server_log_append(complaint, now.path,
						   strcmp(now.path, mark->path) == 0 && now.bytes >= mark->bytes ? mark->bytes : 0, NULL);
}
