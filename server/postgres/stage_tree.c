/*
 * stage_tree.c - a copy of the PostgreSQL tree where a system user can reach it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postgres/stage_tree.h"
#include "term/progress.h"

#define STAGE_ROOT "/var/lib/omendb"

typedef struct Staging
{
	OmenProgress *progress;
	OmenComplaint *complaint;
} Staging;

static bool copy_folder(Staging *staging, const char *from, const char *to);

/* FNV-1a: tells clones apart, no more. */
static uint32_t
path_key(const char *path)
{
	uint32_t	key = 2166136261u;

	for (; *path != '\0'; path++)
		key = (key ^ (unsigned char) *path) * 16777619u;
	return key;
}

static bool
copy_bytes(int from, int to, off_t bytes)
{
	while (bytes > 0)
	{
		ssize_t		moved = sendfile(to, from, NULL, (size_t) bytes);

		if (moved <= 0)
			return false;
		bytes -= moved;
	}
	return true;
}

static bool
copy_file(Staging *staging, const char *from, const char *to, const struct stat *source)
{
	struct timespec times[2] = {source->st_atim, source->st_mtim};
	struct stat target;
	char		fresh[PATH_MAX];
	int			in;
	int			out;
	bool		copied;

	if (lstat(to, &target) == 0 && S_ISREG(target.st_mode) && target.st_size == source->st_size &&
		target.st_mtim.tv_sec == source->st_mtim.tv_sec && target.st_mtim.tv_nsec == source->st_mtim.tv_nsec)
		return true;
	if (snprintf(fresh, sizeof(fresh), "%s.new-%d", to, (int) getpid()) >= (int) sizeof(fresh))
		return omen_complain(staging->complaint, "path too long: %s", to);
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	copied = in >= 0 && out >= 0 && copy_bytes(in, out, source->st_size) &&
		fchmod(out, (source->st_mode & 0111) != 0 ? 0755 : 0644) == 0 &&
		futimens(out, times) == 0 && rename(fresh, to) == 0;
	if (!copied)
	{
		omen_complain(staging->complaint, "cannot copy %s to %s: %s", from, to, strerror(errno));
		unlink(fresh);
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	omen_progress_add(staging->progress, (uint64_t) source->st_size);
	return copied;
}

static bool
copy_link(Staging *staging, const char *from, const char *to)
{
	char		target[PATH_MAX];
	char		there[PATH_MAX];
	char		fresh[PATH_MAX];
	ssize_t		length = readlink(from, target, sizeof(target) - 1);
	ssize_t		length_there = readlink(to, there, sizeof(there) - 1);

	if (length < 0 || snprintf(fresh, sizeof(fresh), "%s.new-%d", to, (int) getpid()) >= (int) sizeof(fresh))
		return omen_complain(staging->complaint, "cannot read the link %s", from);
	target[length] = '\0';
	if (length == length_there && memcmp(target, there, (size_t) length) == 0)
		return true;
	if (symlink(target, fresh) != 0 || rename(fresh, to) != 0)
		return omen_complain(staging->complaint, "cannot make the link %s: %s", to, strerror(errno));
	return true;
}

static bool
copy_entry(Staging *staging, const char *from, const char *to)
{
	struct stat source;

	if (lstat(from, &source) != 0)
		return omen_complain(staging->complaint, "cannot read %s: %s", from, strerror(errno));
	if (S_ISDIR(source.st_mode))
		return copy_folder(staging, from, to);
	if (S_ISLNK(source.st_mode))
		return copy_link(staging, from, to);
	return !S_ISREG(source.st_mode) || copy_file(staging, from, to, &source);
}

static bool
make_folder(const char *path, OmenComplaint *complaint)
{
	if (mkdir(path, 0755) == 0 ? chmod(path, 0755) != 0 : errno != EEXIST)
		return omen_complain(complaint, "cannot create %s: %s", path, strerror(errno));
	return true;
}

static bool
copy_folder(Staging *staging, const char *from, const char *to)
{
	DIR		   *dir;
	struct dirent *entry;
	bool		copied = true;

	if (!make_folder(to, staging->complaint))
		return false;
	dir = opendir(from);
	if (dir == NULL)
		return omen_complain(staging->complaint, "cannot read %s: %s", from, strerror(errno));
	while (copied && (entry = readdir(dir)) != NULL)
	{
		char		below_from[PATH_MAX];
		char		below_to[PATH_MAX];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(below_from, PATH_MAX, "%s/%s", from, entry->d_name) >= PATH_MAX ||
			snprintf(below_to, PATH_MAX, "%s/%s", to, entry->d_name) >= PATH_MAX)
			copied = omen_complain(staging->complaint, "path too long in %s", from);
		else
			copied = copy_entry(staging, below_from, below_to);
	}
	closedir(dir);
	return copied;
}

/* Copies PREFIX/part to ROOT/part, making the folders above it. */
static bool
copy_part(Staging *staging, const char *prefix, const char *root, const char *part)
{
	char		from[PATH_MAX];
	char		to[PATH_MAX];

	if (snprintf(from, PATH_MAX, "%s/%s", prefix, part) >= PATH_MAX ||
		snprintf(to, PATH_MAX, "%s/%s", root, part) >= PATH_MAX)
		return omen_complain(staging->complaint, "path too long: %s", prefix);
	for (char *slash = strchr(to + strlen(root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
	{
		bool		made;

		*slash = '\0';
		made = make_folder(to, staging->complaint);
		*slash = '/';
		if (!made)
			return false;
	}
	return copy_folder(staging, from, to);
}

/* The copy keeps the tree's layout, as that is what the programs find their files by. */
bool
omen_stage_tree(OmenTree *tree, OmenComplaint *complaint)
{
	Staging		staging = {NULL, complaint};
	OmenTree	copy = *tree;
	char		packaged[2][64];
	const char *parts[3] = {"bin", "lib", "share"};
	size_t		part_count = 3;
	size_t		prefix_bytes = strlen(tree->prefix);
	bool		staged;

	if (strcmp(tree->bin + prefix_bytes, "/bin") != 0)
	{
		snprintf(packaged[0], sizeof(packaged[0]), "lib/postgresql/%d", tree->major);
		snprintf(packaged[1], sizeof(packaged[1]), "share/postgresql/%d", tree->major);
		parts[0] = packaged[0];
		parts[1] = packaged[1];
		part_count = 2;
	}
	snprintf(copy.prefix, PATH_MAX, STAGE_ROOT "/postgresql-%d-%08x", tree->major, path_key(tree->prefix));
	if (snprintf(copy.bin, PATH_MAX, "%.256s%s", copy.prefix, tree->bin + prefix_bytes) >= PATH_MAX ||
		snprintf(copy.share, PATH_MAX, "%.256s%s", copy.prefix, tree->share + prefix_bytes) >= PATH_MAX)
		return omen_complain(complaint, "path too long: %s", tree->prefix);

	staging.progress = omen_progress_begin(stderr, "copying PostgreSQL to " STAGE_ROOT, "bytes", 0);
	staged = make_folder(STAGE_ROOT, complaint) && make_folder(copy.prefix, complaint);
	for (size_t i = 0; staged && i < part_count; i++)
		staged = copy_part(&staging, tree->prefix, copy.prefix, parts[i]);
	omen_progress_end(staging.progress, "");
	if (staged)
		*tree = copy;
	return staged;
}
