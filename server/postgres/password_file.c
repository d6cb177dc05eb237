/*
 * password_file.c - the password of the database's superuser.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instance/data_folder.h"
#include "postgres/password_file.h"

#define SECRET_BYTES 24			/* 192 bits, as 48 hexadecimal digits */

/* Any host, port and database, as whoever reads the folder may connect anyway. */
#define LINE_START "*:*:*:" OMEN_SUPERUSER ":"

static bool
read_password(FILE *file, const char *path, char *password, OmenComplaint *complaint)
{
	char		line[256];
	size_t		start = strlen(LINE_START);
	size_t		length;

	while (fgets(line, sizeof(line), file) != NULL)
	{
		length = strcspn(line, "\n");
		line[length] = '\0';
		if (strncmp(line, LINE_START, start) == 0 && length > start && length - start < OMEN_PASSWORD_BYTES)
		{
			memcpy(password, line + start, length - start + 1);
			return true;
		}
	}
	omen_complain(complaint, "%s holds no line " LINE_START "PASSWORD", path);
	return omen_advise(complaint, "Put the line back with the password of the role " OMEN_SUPERUSER ".");
}

static bool
make_password(char *password)
{
	unsigned char secret[SECRET_BYTES];

	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return false;
	for (size_t i = 0; i < sizeof(secret); i++)
		snprintf(password + 2 * i, 3, "%02x", secret[i]);
	explicit_bzero(secret, sizeof(secret));
	return true;
}

bool
omen_password_file_ensure(const char *path, char *password, OmenComplaint *complaint)
{
	char		fresh[PATH_MAX + 8];
	char		line[128];
	FILE	   *file = fopen(path, "re");
	ssize_t		length;
	int			fd;
	bool		written;

	if (file != NULL)
	{
		bool		found = read_password(file, path, password, complaint);

		fclose(file);
		return found;
	}
	if (errno != ENOENT)
		return omen_complain(complaint, "cannot read %s: %s", path, strerror(errno));
	if (!make_password(password))
		return omen_complain(complaint, "the kernel gives no random numbers: %s", strerror(errno));

	length = snprintf(line, sizeof(line), LINE_START "%s\n", password);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	written = fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, line, (size_t) length) == length && fsync(fd) == 0;
	explicit_bzero(line, sizeof(line));
	if (fd >= 0 && close(fd) != 0)
		written = false;
	if (!written || rename(fresh, path) != 0)
		return omen_complain(complaint, "cannot write %s: %s", path, strerror(errno));
	return true;
}
