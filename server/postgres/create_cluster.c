/*
 * create_cluster.c - making PostgreSQL's data folder, whole or not at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "postgres/child_process.h"
#include "postgres/create_cluster.h"
#include "postgres/server_log.h"
#include "postgres/tuning.h"
#include "term/progress.h"

#define LEFT_OVER_PREFIX "postgres.new-"

/* Whoever connects, from wherever the database listens, proves a password and never sends it. */
static const char access_rules[] =
"# Written once by omendb; yours to edit.\n"
"# TYPE  DATABASE     USER  ADDRESS        METHOD\n"
"local   all          all                  scram-sha-256\n"
"host    all          all   all            scram-sha-256\n"
"local   replication  all                  scram-sha-256\n"
"host    replication  all   127.0.0.1/32   scram-sha-256\n"
"host    replication  all   ::1/128        scram-sha-256\n";

static bool
write_file(const char *folder, const char *name, const char *text, int how, OmenComplaint *complaint)
{
	char		path[PATH_MAX];
	ssize_t		length = (ssize_t) strlen(text);
	int			fd;
	bool		written;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int) sizeof(path))
		return omen_complain(complaint, "path too long: %s", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0600);
	written = fd >= 0 && write(fd, text, (size_t) length) == length && fsync(fd) == 0;
	if (!written)
		omen_complain(complaint, "cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return written;
}

static bool
sync_folder(const char *path)
{
	int			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool		synced = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return synced;
}

/* Strings sort by code point everywhere, so that an upgrade of the C library never breaks an index. */
static const char *
choose_locale(void)
{
	locale_t	utf8 = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t) 0);

	if (utf8 == (locale_t) 0)
		return "--locale=C";
	freelocale(utf8);
	return "--locale=C.UTF-8";
}

/* The password reaches initdb through a pipe: it is in no argument and no file but the one. */
static int
password_pipe(const char *password)
{
	int			channel[2];
	size_t		length = strlen(password);
	bool		written;

	if (pipe2(channel, O_CLOEXEC) != 0)
		return -1;
	written = write(channel[1], password, length) == (ssize_t) length && write(channel[1], "\n", 1) == 1;
	close(channel[1]);
	if (written)
		return channel[0];
	close(channel[0]);
	return -1;
}

static bool
run_initdb(const OmenDataFolder *folder, const OmenTree *tree, const char *fresh,
		   const char *password, OmenComplaint *complaint)
{
	char		program[PATH_MAX];
	char		log_path[PATH_MAX + 16];
	char		fate[128];
	bool		builtin = tree->major >= 17;
	const char *argv[] = {omen_tree_program(tree, "initdb", program), "-D", fresh, "-U", OMEN_SUPERUSER,
		"--pwfile=/dev/stdin", "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8",
		choose_locale(), builtin ? "--locale-provider=builtin" : NULL,
	builtin ? "--builtin-locale=C.UTF-8" : NULL, NULL};
	OmenChild	child = {.argv = argv,.death_signal = SIGTERM};
	OmenProgress *progress;
	pid_t		pid;
	int			status = 0;
	bool		stopped = false;

	snprintf(log_path, sizeof(log_path), "%s/initdb.log", folder->log);
	child.output_fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	child.input_fd = password_pipe(password);
	if (child.output_fd < 0 || child.input_fd < 0)
		return omen_complain(complaint, "cannot write %s: %s", log_path, strerror(errno));

	progress = omen_progress_begin(stderr, "creating the database", "", 0);
	pid = omen_child_start(&child, complaint);
	close(child.output_fd);
	close(child.input_fd);
	if (pid > 0)
		status = omen_child_wait(pid, &stopped);
	omen_progress_end(progress, pid > 0 && status == 0 && !stopped ? NULL : "");
	if (stopped)
		return omen_complain(complaint, "stopped while the database was being created; start again to repeat it");
	if (pid > 0 && status != 0)
	{
		omen_complain(complaint, "initdb %s: ", omen_child_fate(fate, sizeof(fate), status));
		omen_server_log_append(complaint, log_path, 0, "error:");
		return omen_advise(complaint, "The whole of what it said is in %s.", log_path);
	}
	return pid > 0;
}

/* Some builds of PostgreSQL lack lz4: asking this one is surer than knowing. */
static bool
has_lz4(const OmenTree *tree, const char *fresh)
{
	char		program[PATH_MAX];
	char		answer[256];
	const char *const argv[] = {omen_tree_program(tree, "postgres", program), "-D", fresh,
	"-c", "wal_compression=lz4", "-C", "wal_compression", NULL};

	return tree->major >= 15 && omen_child_read(argv, answer, sizeof(answer)) && strstr(answer, "lz4\n") != NULL;
}

static bool
configure(const OmenDataFolder *folder, const OmenTree *tree, const char *fresh, OmenComplaint *complaint)
{
	OmenMachine machine;
	char	   *text;
	bool		written;

	omen_machine_look(&machine, folder->root);
	text = omen_tuning_text(&machine, tree->major, has_lz4(tree, fresh));
	if (text == NULL)
		return omen_complain(complaint, "out of memory");
	written = write_file(fresh, "omendb.conf", text, O_EXCL, complaint) &&
		write_file(fresh, "postgresql.conf", "\n# OmenDB's settings; what follows the line wins over them.\n"
				   "include 'omendb.conf'\n", O_APPEND, complaint) &&
		write_file(fresh, "pg_hba.conf", access_rules, O_TRUNC, complaint);
	free(text);
	return written;
}

bool
omen_create_cluster(const OmenDataFolder *folder, const OmenTree *tree,
					const char *password, OmenComplaint *complaint)
{
	char		fresh[PATH_MAX];

	snprintf(fresh, sizeof(fresh), "%s/" LEFT_OVER_PREFIX "%lld-%d", folder->root,
			 (long long) time(NULL), (int) getpid());
	if (!run_initdb(folder, tree, fresh, password, complaint) ||
		!configure(folder, tree, fresh, complaint))
		return false;
	if (!sync_folder(fresh) || rename(fresh, folder->database) != 0 || !sync_folder(folder->root))
		return omen_complain(complaint, "cannot put %s in place: %s", folder->database, strerror(errno));
	return true;
}
