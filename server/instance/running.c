/*
 * running.c - what runs on a data folder, seen from outside.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "instance/running.h"

/*
 * Is pid the postmaster of this folder, and not some later process with the
 * same number?  PostgreSQL's working directory is its data folder; where /proc
 * does not let us see it, that the process lives has to do.
 */
static bool
is_postmaster(pid_t pid, const char *database)
{
	char		link[64];
	char		cwd[PATH_MAX];
	char		real[PATH_MAX];
	ssize_t		length;

	if (pid <= 1 || (kill(pid, 0) != 0 && errno != EPERM))
		return false;
	snprintf(link, sizeof(link), "/proc/%d/cwd", (int) pid);
	length = readlink(link, cwd, sizeof(cwd) - 1);
	if (length < 0)
		return errno != ENOENT || access("/proc/self", F_OK) != 0;
	cwd[length] = '\0';
	return realpath(database, real) == NULL || strcmp(cwd, real) == 0;
}

/* postmaster.pid: pid, data folder, start time, port, socket folder, address, memory key, status. */
static void
read_postmaster_file(OmenRunning *running, const OmenDataFolder *folder)
{
	char		path[PATH_MAX + 32];
	char		line[512];
	FILE	   *file;
	pid_t		pid = 0;

	snprintf(path, sizeof(path), "%s/postmaster.pid", folder->database);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++)
	{
		line[strcspn(line, "\n")] = '\0';
		if (number == 1)
			pid = (pid_t) atoi(line);
		else if (number == 3)
			running->started = (time_t) atoll(line);
		else if (number == 4)
			running->port = atoi(line);
		else if (number == 5)
			snprintf(running->socket_folder, sizeof(running->socket_folder), "%.255s", line);
		else if (number == 6)
			snprintf(running->listen, sizeof(running->listen), "%.255s", line);
		else if (number == 8)
		{
			running->ready = strncmp(line, "ready", 5) == 0;
			running->stopping = strncmp(line, "stopping", 8) == 0;
		}
	}
	fclose(file);
	if (is_postmaster(pid, folder->database))
		running->postmaster = pid;
	else
		running->ready = running->stopping = false;
}

/*
 * The lock file's text is the holder's pid, and means something only while the
 * lock is held.  Asking takes no lock, so that it cannot get in the way of an
 * omendb that starts at the same moment.
 */
static void
read_lock_file(OmenRunning *running, const OmenDataFolder *folder)
{
	struct flock whole = {.l_type = F_WRLCK,.l_whence = SEEK_SET};
	char		text[32] = "";
	int			fd = open(folder->lock, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK &&
		read(fd, text, sizeof(text) - 1) > 0)
		running->supervisor = (pid_t) atoi(text);
	close(fd);
}

void
omen_running_look(OmenRunning *running, const OmenDataFolder *folder)
{
	memset(running, 0, sizeof(*running));
	read_postmaster_file(running, folder);
	read_lock_file(running, folder);
}

const char *
omen_running_host(const OmenRunning *running)
{
	if (strcmp(running->listen, "*") == 0 || strcmp(running->listen, "0.0.0.0") == 0 || running->listen[0] == '\0')
		return "127.0.0.1";
	if (strcmp(running->listen, "::") == 0)
		return "::1";
	return running->listen;
}

void
omen_running_url(char *text, size_t text_bytes, const OmenRunning *running, const OmenDataFolder *folder)
{
	const char *host = omen_running_host(running);
	bool		brackets = strchr(host, ':') != NULL;
	char		encoded[PATH_MAX * 3];
	char	   *out = encoded;

	for (const char *at = folder->passfile; *at != '\0'; at++)
	{
		if (isalnum((unsigned char) *at) || strchr("/._-~", *at) != NULL)
			*out++ = *at;
		else
			out += sprintf(out, "%%%02X", (unsigned char) *at);
	}
	*out = '\0';
	snprintf(text, text_bytes, "postgresql://" OMEN_SUPERUSER "@%s%s%s:%d/" OMEN_DATABASE "?passfile=%s",
			 brackets ? "[" : "", host, brackets ? "]" : "", running->port, encoded);
}
