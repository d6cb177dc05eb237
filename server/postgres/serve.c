/*
 * serve.c - omendb serve, whole: everything between the command line and a
 * supervised PostgreSQL.
 *
 * The order matters.  What can be refused is refused before anything is made.
 * What needs root comes next, then the process becomes the database's user
 * for good.  Then the lock: from there on the folder is ours alone, and what
 * was seen before is looked at again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instance/running.h"
#include "postgres/account.h"
#include "postgres/create_cluster.h"
#include "postgres/machine.h"
#include "postgres/password_file.h"
#include "postgres/prepare_folder.h"
#include "postgres/serve.h"
#include "postgres/socket_place.h"
#include "postgres/stage_tree.h"
#include "postgres/stop_signals.h"
#include "postgres/supervise.h"
#include "term/progress.h"

#define STOPPING_WAIT_MS 2000	/* for a PostgreSQL that does not say yet that it is stopping */

extern char **environ;

typedef struct Preparation
{
	const OmenConfig *config;
	OmenComplaint *complaint;
	OmenDataFolder folder;
	OmenFolderState state;
	OmenTree	tree;
	OmenAccount account;
	char		socket_folder[108];
	int			port;
	int			lock_fd;
} Preparation;

/* PostgreSQL's programs take settings from PG* variables and the locale: ours alone shall count. */
static void
clean_environment(void)
{
	static const char *const others[] = {"LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES",
	"LC_MONETARY", "LC_NUMERIC", "LC_TIME"};
	char		name[128];

	for (char **entry = environ; *entry != NULL;)
	{
		size_t		length = strcspn(*entry, "=");

		if (strncmp(*entry, "PG", 2) == 0 && length < sizeof(name))
		{
			memcpy(name, *entry, length);
			name[length] = '\0';
			unsetenv(name);		/* moves the next entry here */
		}
		else
			entry++;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		unsetenv(others[i]);
}

static bool
complain_of_version(Preparation *preparation, int folder_major)
{
	omen_complain(preparation->complaint,
				  "the data folder %s was made by PostgreSQL %d, and this omendb runs PostgreSQL %d",
				  preparation->folder.root, folder_major, preparation->tree.major);
	return omen_advise(preparation->complaint,
					   "Name a tree of PostgreSQL %d with --postgres-prefix; "
					   "or start on a new folder with --data and copy the data with pg_dump.", folder_major);
}

/* Looks at the folder, and finds the PostgreSQL that suits it. */
static bool
look(Preparation *preparation)
{
	OmenDataFolder *folder = &preparation->folder;
	OmenComplaint *complaint = preparation->complaint;
	int			major = 0;

	if (!omen_data_folder_paths(folder, omen_config_text(preparation->config, "data"), complaint))
		return false;
	preparation->state = omen_data_folder_look(folder, &major, complaint);
	if (preparation->state == OMEN_FOLDER_UNREADABLE)
		return false;
	if (preparation->state == OMEN_FOLDER_FOREIGN)
	{
		omen_complain(complaint, "%s is not empty and not a data folder of omendb", folder->root);
		return omen_advise(complaint, "Name a new or an empty folder with --data; nothing was changed.");
	}
	if (preparation->state != OMEN_FOLDER_OURS)
		return omen_tree_find(&preparation->tree, preparation->config, 0, complaint);
	if (omen_tree_find(&preparation->tree, preparation->config, major, complaint))
		return preparation->tree.major == major || complain_of_version(preparation, major);
	if (!omen_tree_find(&preparation->tree, preparation->config, 0, complaint) || preparation->tree.major == major)
		return false;
	return complain_of_version(preparation, major);
}

/* All that needs root, and then root no more. */
static bool
settle_account(Preparation *preparation)
{
	struct stat found;
	uid_t		owner = 0;
	char		blocked[PATH_MAX];
	OmenComplaint *complaint = preparation->complaint;

	if (preparation->state == OMEN_FOLDER_OURS && stat(preparation->folder.root, &found) == 0)
		owner = found.st_uid;
	if (!omen_account_choose(&preparation->account, preparation->config, owner, complaint) ||
		!omen_prepare_folder(&preparation->folder, preparation->state, &preparation->account, complaint))
		return false;
	if (!omen_account_reaches(&preparation->account, preparation->tree.bin, blocked) ||
		!omen_account_reaches(&preparation->account, preparation->tree.share, blocked))
	{
		if (geteuid() != 0)
			return omen_complain(complaint, "cannot enter %s, where PostgreSQL lies", blocked);
		if (!omen_stage_tree(&preparation->tree, complaint))
			return false;
	}
	if (!omen_account_become(&preparation->account, complaint))
		return false;
	umask(077);
	/* PostgreSQL's programs refuse to start from a folder that they cannot enter. */
	if (chdir(preparation->folder.root) != 0)
		return omen_complain(complaint, "cannot enter %s: %s", preparation->folder.root, strerror(errno));
	return true;
}

static bool
check_port(Preparation *preparation)
{
	preparation->port = (int) omen_config_number(preparation->config, "postgres.port");
	return omen_machine_port_free(omen_config_text(preparation->config, "postgres.listen"),
								  &preparation->port, preparation->complaint);
}

/*
 * An omendb that was killed leaves a PostgreSQL that shuts down by itself: wait
 * for it.  One that does not shut down was started by hand: refuse.
 */
static bool
await_predecessor(Preparation *preparation)
{
	OmenRunning running;
	OmenProgress *progress = NULL;
	bool		stopped = false;
	int			waited_ms = 0;

	for (;;)
	{
		int			sig;

		omen_running_look(&running, &preparation->folder);
		if (running.postmaster == 0 || (!running.stopping && waited_ms >= STOPPING_WAIT_MS))
			break;
		if (progress == NULL)
			progress = omen_progress_begin(stderr, "waiting for an earlier PostgreSQL on this folder to stop", "", 0);
		sig = omen_signals_next(50, -1);
		waited_ms += 50;
		stopped = sig == SIGTERM || sig == SIGINT || sig == SIGQUIT;
		if (stopped)
			break;
	}
	if (progress != NULL)
		omen_progress_end(progress, "");
	if (stopped)
		return omen_complain(preparation->complaint, "stopped before the database was started");
	if (running.postmaster == 0)
		return true;
	omen_complain(preparation->complaint, "a PostgreSQL that omendb did not start (process %d) runs on %s",
				  (int) running.postmaster, preparation->folder.database);
	return omen_advise(preparation->complaint, "Stop it with `kill -INT %d`, then start again.",
					   (int) running.postmaster);
}

/* Does DIR/postgres exist, and is it of our PostgreSQL? */
static bool
check_cluster(Preparation *preparation, bool *exists)
{
	char		path[PATH_MAX + 16];
	int			major = 0;
	FILE	   *file;

	*exists = access(preparation->folder.database, F_OK) == 0;
	if (!*exists)
		return true;
	snprintf(path, sizeof(path), "%s/PG_VERSION", preparation->folder.database);
	file = fopen(path, "re");
	if (file == NULL || fscanf(file, "%d", &major) != 1)
		omen_complain(preparation->complaint, "%s is unreadable or damaged", path);
	if (file != NULL)
		fclose(file);
	if (major == 0)
		return false;
	if (major != preparation->tree.major)
		return complain_of_version(preparation, major);
	if (access(preparation->folder.passfile, F_OK) == 0)
		return true;
	omen_complain(preparation->complaint, "the password file %s is missing", preparation->folder.passfile);
	return omen_advise(preparation->complaint,
					   "Put it back from a backup: one line *:*:*:" OMEN_SUPERUSER ":PASSWORD, mode 0600.");
}

/* Under the lock: makes whatever the folder lacks. */
static bool
complete_folder(Preparation *preparation)
{
	const OmenDataFolder *folder = &preparation->folder;
	OmenComplaint *complaint = preparation->complaint;
	char		password[OMEN_PASSWORD_BYTES];
	int			major;
	bool		exists;
	bool		complete;

	preparation->state = omen_data_folder_look(folder, &major, complaint);
	if (preparation->state == OMEN_FOLDER_EMPTY && !omen_data_folder_mark(folder, preparation->tree.major, complaint))
		return false;
	if (preparation->state != OMEN_FOLDER_EMPTY && preparation->state != OMEN_FOLDER_OURS)
		return omen_complain(complaint, "%s changed while omendb looked at it; start again", folder->root);
	if (!omen_prepare_inside(folder, complaint) ||
		!omen_socket_place(preparation->socket_folder, folder, complaint) ||
		!await_predecessor(preparation) || !check_port(preparation) ||
		!check_cluster(preparation, &exists))
		return false;
	if (exists)
		return true;
	complete = omen_password_file_ensure(folder->passfile, password, complaint) &&
		omen_create_cluster(folder, &preparation->tree, password, complaint);
	explicit_bzero(password, sizeof(password));
	return complete;
}

int
omen_serve(const OmenConfig *config, OmenComplaint *complaint)
{
	Preparation preparation = {.config = config,.complaint = complaint,.lock_fd = -1};
	OmenServing serving;
	int			code = OMEN_SERVE_FAILED;

	clean_environment();
	if (!omen_signals_open())
	{
		omen_complain(complaint, "cannot take signals: %s", strerror(errno));
		return OMEN_SERVE_FAILED;
	}
	if (!look(&preparation) ||
		(preparation.state != OMEN_FOLDER_OURS && !check_port(&preparation)) ||
		!settle_account(&preparation))
		return OMEN_SERVE_FAILED;
	preparation.lock_fd = omen_lock_folder(&preparation.folder, complaint);
	if (preparation.lock_fd < 0)
		return OMEN_SERVE_FAILED;
	if (complete_folder(&preparation))
	{
		serving = (OmenServing)
		{
			.folder = &preparation.folder,
			.tree = &preparation.tree,
			.listen = omen_config_text(config, "postgres.listen"),
			.socket_folder = preparation.socket_folder,
			.port = preparation.port,
		};
		code = omen_supervise(&serving, complaint);
	}
	close(preparation.lock_fd);
	return code;
}
