/*
 * machine.h - what the machine, or the container we are in, has to give.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_MACHINE_H
#define OMENDB_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "term/complaint.h"

typedef struct OmenMachine
{
	uint64_t	memory_bytes;	/* the smaller of physical memory and the cgroup's limit */
	uint64_t	disk_free_bytes;	/* where the data goes; 0: unknown */
	uint64_t	shm_bytes;		/* size of /dev/shm; 0: unknown */
	int			cpu_count;		/* that we may run on */
} OmenMachine;

void		omen_machine_look(OmenMachine *machine, const char *data_folder);

/*
 * Can each of the listening addresses (postgres.listen's text) be bound at
 * *port?  Port 0 is replaced by a free one.  Nothing stays bound.
 */
bool		omen_machine_port_free(const char *addresses, int *port, OmenComplaint *complaint);

#endif							/* OMENDB_MACHINE_H */
