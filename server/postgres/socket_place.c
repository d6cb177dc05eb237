/*
 * socket_place.c - the folder of PostgreSQL's Unix socket.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postgres/socket_place.h"

#define SOCKET_FOLDER_BYTES 108
#define SOCKET_NAME_LONGEST "/.s.PGSQL.65535"

bool
omen_socket_place(char *folder, const OmenDataFolder *data, OmenComplaint *complaint)
{
	struct stat found;
	uint64_t	key = 14695981039346656037u;	/* FNV-1a */

	if (strlen(data->run) + strlen(SOCKET_NAME_LONGEST) < SOCKET_FOLDER_BYTES && strpbrk(data->run, ",\"") == NULL)
		memcpy(folder, data->run, strlen(data->run) + 1);
	else
	{
		for (const char *at = data->root; *at != '\0'; at++)
			key = (key ^ (unsigned char) *at) * 1099511628211u;
		snprintf(folder, SOCKET_FOLDER_BYTES, "/tmp/omendb-%u-%016llx",
				 (unsigned) geteuid(), (unsigned long long) key);
	}
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return omen_complain(complaint, "cannot create %s: %s", folder, strerror(errno));
	/* /tmp is everybody's: what stands there under our name must be ours alone. */
	if (lstat(folder, &found) != 0 || !S_ISDIR(found.st_mode) ||
		found.st_uid != geteuid() || (found.st_mode & 077) != 0)
	{
		omen_complain(complaint, "%s is not a folder private to this user", folder);
		return omen_advise(complaint, "Move it out of the way; omendb then makes it anew.");
	}
	return true;
}
