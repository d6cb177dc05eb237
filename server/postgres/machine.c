/*
 * machine.c - what the machine, or the container we are in, has to give.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "postgres/machine.h"

/* The number in a cgroup file; UINT64_MAX for "max", an absent file or anything else. */
static uint64_t
cgroup_limit(const char *path)
{
	FILE	   *file = fopen(path, "re");
	unsigned long long limit;
	uint64_t	bytes = UINT64_MAX;

	if (file == NULL)
		return bytes;
	if (fscanf(file, "%llu", &limit) == 1 && limit > 0)
		bytes = limit;
	fclose(file);
	return bytes;
}

void
omen_machine_look(OmenMachine *machine, const char *data_folder)
{
	uint64_t	limits[2] = {cgroup_limit("/sys/fs/cgroup/memory.max"),
	cgroup_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes")};
	struct statvfs disk;
	cpu_set_t	cpus;

	machine->memory_bytes = (uint64_t) sysconf(_SC_PHYS_PAGES) * (uint64_t) sysconf(_SC_PAGESIZE);
	for (int i = 0; i < 2; i++)
		if (limits[i] < machine->memory_bytes)
			machine->memory_bytes = limits[i];
	machine->disk_free_bytes = statvfs(data_folder, &disk) == 0 ? (uint64_t) disk.f_bavail * disk.f_frsize : 0;
	machine->shm_bytes = statvfs("/dev/shm", &disk) == 0 ? (uint64_t) disk.f_blocks * disk.f_frsize : 0;
	machine->cpu_count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

/* 0 when the address takes the port, else errno.  *port 0 becomes the port that was given. */
static int
try_bind(const struct addrinfo *address, int *port)
{
	union
	{
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	}			name;
	socklen_t	name_bytes = sizeof(name);
	int			one = 1;
	int			reason = 0;
	int			fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	/* As PostgreSQL does: connections of an earlier server that linger are no obstacle. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, 1) != 0)
		reason = errno;
	else if (*port == 0 && getsockname(fd, &name.any, &name_bytes) == 0)
		*port = ntohs(address->ai_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
	close(fd);
	return reason;
}

static bool
check_address(const char *host, int *port, OmenComplaint *complaint)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,.ai_socktype = SOCK_STREAM,.ai_flags = AI_PASSIVE};
	struct addrinfo *list;
	bool		all = strcmp(host, "*") == 0;
	bool		free_here = true;
	char		service[16];
	int			reason;

	snprintf(service, sizeof(service), "%d", *port);
	reason = getaddrinfo(all ? NULL : host, service, &hints, &list);
	if (reason != 0)
	{
		omen_complain(complaint, "cannot listen on \"%s\": %s", host, gai_strerror(reason));
		return omen_advise(complaint, "Give addresses of this machine to --listen, separated by commas.");
	}
	for (struct addrinfo *at = list; at != NULL && free_here; at = at->ai_next)
	{
		reason = try_bind(at, port);
		if (reason == EAFNOSUPPORT || (all && reason == EADDRNOTAVAIL))
			continue;			/* a machine without IPv6 */
		free_here = reason == 0;
	}
	freeaddrinfo(list);
	if (free_here)
		return true;
	if (reason == EADDRINUSE)
	{
		omen_complain(complaint, "port %d on %s is in use by another program", *port, host);
		return omen_advise(complaint, "Choose another with --pg-port N, or --pg-port 0 for any free one.");
	}
	omen_complain(complaint, "cannot listen on %s, port %d: %s", host, *port, strerror(reason));
	if (reason == EADDRNOTAVAIL)
		return omen_advise(complaint, "Give addresses of this machine to --listen, separated by commas.");
	if (reason == EACCES)
		return omen_advise(complaint, "Choose a port above 1023 with --pg-port N.");
	return false;
}

bool
omen_machine_port_free(const char *addresses, int *port, OmenComplaint *complaint)
{
	char	   *copy = strdup(addresses);
	char	   *rest = copy;
	char	   *host;
	bool		free_everywhere = true;
	int			count = 0;

	while (copy != NULL && free_everywhere && (host = strsep(&rest, ", ")) != NULL)
		if (host[0] != '\0')
		{
			free_everywhere = check_address(host, port, complaint);
			count++;
		}
	free(copy);
	if (free_everywhere && count == 0)
	{
		omen_complain(complaint, "there is no address to listen on");
		return omen_advise(complaint, "Give one with --listen; 127.0.0.1 is the default.");
	}
	return free_everywhere;
}
