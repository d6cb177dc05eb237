/*
 * prepare_folder.c - making a data folder ready for its user.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postgres/prepare_folder.h"

/* mkdir -p of everything above path. */
static bool
make_parents(const char *path, OmenComplaint *complaint)
{
	char		above[PATH_MAX];

	snprintf(above, sizeof(above), "%s", path);
	for (char *slash = strchr(above + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
	{
		*slash = '\0';
		if (mkdir(above, 0755) != 0 && errno != EEXIST)
			return omen_complain(complaint, "cannot create %s: %s", above, strerror(errno));
		*slash = '/';
	}
	return true;
}

static bool
complain_of_reach(const OmenDataFolder *folder, const OmenAccount *account, const char *blocked,
				  OmenComplaint *complaint)
{
	struct stat found;
	unsigned	mode = stat(blocked, &found) == 0 ? found.st_mode & 07777 : 0;

	omen_complain(complaint, "the user %s, as whom the database runs, cannot enter %s (mode %04o)",
				  account->name, blocked, mode);
	if (geteuid() == 0)
		return omen_advise(complaint,
						   "Name another folder with --data (/var/lib/omendb/data is the default), "
						   "or allow it with `chmod o+x %s`.", blocked);
	return omen_advise(complaint, "Name another folder with --data.");
}

static bool
complain_of_owner(const OmenDataFolder *folder, const OmenAccount *account, uid_t owner,
				  OmenComplaint *complaint)
{
	struct passwd *entry = getpwuid(owner);
	const char *name = entry != NULL ? entry->pw_name : "an unknown user";

	omen_complain(complaint, "the data folder %s belongs to %s, and the database runs as %s",
				  folder->root, name, account->name);
	if (geteuid() == 0)
		return omen_advise(complaint,
						   "Run it as its owner with --postgres-user %s, or name another folder with --data.", name);
	return omen_advise(complaint, "Become %s, or name another folder with --data.", name);
}

/*
 * Through a descriptor, so that what is checked is what is changed: were the
 * folder swapped for a link meanwhile, O_NOFOLLOW would refuse it.
 */
static bool
hand_over(const OmenDataFolder *folder, bool fresh, const OmenAccount *account, OmenComplaint *complaint)
{
	struct stat found;
	int			fd = open(folder->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool		done = true;

	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
	{
		omen_complain(complaint, "%s is a link or no folder", folder->root);
		return omen_advise(complaint, "Name the folder itself with --data.");
	}
	if (fd < 0 || fstat(fd, &found) != 0)
		done = omen_complain(complaint, "cannot open %s: %s", folder->root, strerror(errno));
	else if (found.st_uid != account->uid && !(fresh && geteuid() == 0 && found.st_uid == 0))
		done = complain_of_owner(folder, account, found.st_uid, complaint);
	else if (fresh && ((found.st_uid != account->uid && fchown(fd, account->uid, account->gid) != 0) ||
					   fchmod(fd, 0700) != 0))
		done = omen_complain(complaint, "cannot give %s to %s: %s", folder->root, account->name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done;
}

bool
omen_prepare_folder(const OmenDataFolder *folder, OmenFolderState state,
					const OmenAccount *account, OmenComplaint *complaint)
{
	char		blocked[PATH_MAX];
	char		above[PATH_MAX];

	/* The folder itself may still be root's own; only the way to it counts here. */
	snprintf(above, sizeof(above), "%s", folder->root);
	*strrchr(above, '/') = '\0';
	if (!omen_account_reaches(account, above[0] != '\0' ? above : "/", blocked))
		return complain_of_reach(folder, account, blocked, complaint);
	if (state == OMEN_FOLDER_ABSENT)
	{
		if (!make_parents(folder->root, complaint))
			return false;
		if (mkdir(folder->root, 0700) != 0 && errno != EEXIST)
			return omen_complain(complaint, "cannot create %s: %s", folder->root, strerror(errno));
	}
	return hand_over(folder, state != OMEN_FOLDER_OURS, account, complaint);
}

bool
omen_prepare_inside(const OmenDataFolder *folder, OmenComplaint *complaint)
{
	const char *inside[] = {folder->log, folder->run};

	for (int i = 0; i < 2; i++)
		if (mkdir(inside[i], 0700) != 0 && errno != EEXIST)
			return omen_complain(complaint, "cannot create %s: %s", inside[i], strerror(errno));
	return true;
}

int
omen_lock_folder(const OmenDataFolder *folder, OmenComplaint *complaint)
{
	struct flock whole = {.l_type = F_WRLCK,.l_whence = SEEK_SET};
	char		text[32] = "";
	int			fd = open(folder->lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int			length;

	if (fd < 0)
	{
		omen_complain(complaint, "cannot open %s: %s", folder->lock, strerror(errno));
		return -1;
	}
	if (fcntl(fd, F_OFD_SETLK, &whole) != 0)
	{
		if (read(fd, text, sizeof(text) - 1) <= 0)
			text[0] = '\0';
		close(fd);
		omen_complain(complaint, "the data folder %s is in use by another omendb (process %d)",
					  folder->root, atoi(text));
		omen_advise(complaint, "Use that one, stop it with `kill %d`, or name another folder with --data.",
					atoi(text));
		return -1;
	}
	length = snprintf(text, sizeof(text), "%d\n", (int) getpid());
	if (ftruncate(fd, 0) != 0 || write(fd, text, (size_t) length) != length)
	{
		omen_complain(complaint, "cannot write %s: %s", folder->lock, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}
