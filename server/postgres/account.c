/*
 * account.c - which system user the database runs as.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postgres/account.h"

static void
take(OmenAccount *account, const struct passwd *entry)
{
	snprintf(account->name, sizeof(account->name), "%s", entry->pw_name);
	account->uid = entry->pw_uid;
	account->gid = entry->pw_gid;
}

static bool
choose_named(OmenAccount *account, const char *name, const char *origin, OmenComplaint *complaint)
{
	struct passwd *entry = getpwnam(name);

	if (entry == NULL)
	{
		omen_complain(complaint, "%s: there is no system user \"%s\"", origin, name);
		return omen_advise(complaint, "Create it with `adduser --system --group %s`, or name another.", name);
	}
	if (entry->pw_uid == 0)
	{
		omen_complain(complaint, "%s: PostgreSQL does not run as root", origin);
		return omen_advise(complaint, "Name a system user without privileges, `postgres` for one.");
	}
	take(account, entry);
	return true;
}

bool
omen_account_choose(OmenAccount *account, const OmenConfig *config, uid_t owner, OmenComplaint *complaint)
{
	const char *named = omen_config_text(config, "postgres.user");
	const char *origin = omen_config_origin(config, "postgres.user");
	struct passwd *entry;

	if (geteuid() != 0)
	{
		entry = getpwuid(geteuid());
		snprintf(account->name, sizeof(account->name), "%s", entry != NULL ? entry->pw_name : "this user");
		account->uid = geteuid();
		account->gid = getegid();
		if (named[0] != '\0' && strcmp(named, account->name) != 0)
		{
			omen_complain(complaint, "%s: only root can become the user \"%s\"", origin, named);
			return omen_advise(complaint, "Start omendb as root or as that user, or leave postgres.user unset.");
		}
		return true;
	}
	if (named[0] != '\0')
		return choose_named(account, named, origin, complaint);
	entry = owner != 0 ? getpwuid(owner) : getpwnam("omendb");
	if (entry == NULL && owner == 0)
		entry = getpwnam("postgres");
	if (entry == NULL || entry->pw_uid == 0)
	{
		omen_complain(complaint, "PostgreSQL does not run as root, and there is no system user to become");
		return omen_advise(complaint,
						   "Create one with `adduser --system --group omendb`, or name one with --postgres-user.");
	}
	take(account, entry);
	return true;
}

static bool
drop_to(const OmenAccount *account)
{
	return initgroups(account->name, account->gid) == 0 &&
		setresgid(account->gid, account->gid, account->gid) == 0 &&
		setresuid(account->uid, account->uid, account->uid) == 0;
}

/* The first component on the way to path that we, as we are, may not enter; "" for none. */
static void
find_blocked(const char *path, char *blocked)
{
	blocked[0] = '\0';
	for (const char *end = path; *end != '\0';)
	{
		size_t		bytes;

		end += 1 + strcspn(end + 1, "/");
		bytes = (size_t) (end - path);
		if (bytes >= PATH_MAX)
			return;
		memcpy(blocked, path, bytes);
		blocked[bytes] = '\0';
		if (access(blocked, X_OK) != 0 && errno != ENOENT)
			return;
		blocked[0] = '\0';
	}
}

/* The kernel's own answer, from a child that has become the account: modes, ACLs, mounts and all. */
bool
omen_account_reaches(const OmenAccount *account, const char *path, char *blocked)
{
	int			channel[2];
	pid_t		child;
	ssize_t		bytes;

	blocked[0] = '\0';
	if (geteuid() == account->uid)
	{
		find_blocked(path, blocked);
		return blocked[0] == '\0';
	}
	snprintf(blocked, PATH_MAX, "%s", path);
	if (pipe(channel) != 0)
		return false;
	child = fork();
	if (child == 0)
	{
		if (drop_to(account))
		{
			find_blocked(path, blocked);
			bytes = write(channel[1], blocked, strlen(blocked) + 1);
			_exit(bytes > 0 ? 0 : 1);
		}
		_exit(1);
	}
	close(channel[1]);
	bytes = child > 0 ? read(channel[0], blocked, PATH_MAX - 1) : -1;
	close(channel[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	if (bytes <= 0)
	{
		snprintf(blocked, PATH_MAX, "%s", path);
		return false;
	}
	blocked[bytes] = '\0';
	return blocked[0] == '\0';
}

bool
omen_account_become(const OmenAccount *account, OmenComplaint *complaint)
{
	if (geteuid() == account->uid)
		return true;
	if (!drop_to(account) || setuid(0) == 0)
		return omen_complain(complaint, "cannot become the user %s: %s", account->name, strerror(errno));
	return true;
}
