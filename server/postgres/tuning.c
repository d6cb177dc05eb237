/*
 * tuning.c - PostgreSQL's settings for the machine at hand.
 *
 * PostgreSQL's own defaults are meant for a machine of 1 GB shared with
 * others.  These assume that the database is the machine's main work, leave
 * half of the memory to the kernel's cache, which serves PostgreSQL as well,
 * and bound what a busy moment can take: shared_buffers 1/4, index builds 1/8,
 * autovacuum 3/32 at most, and 100 connections that each sort at once 1/4.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "postgres/tuning.h"

#define MB ((uint64_t) 1 << 20)
#define GB ((uint64_t) 1 << 30)

#define CONNECTIONS_MAX 100

static uint64_t
within(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/*
 * Workers share memory through /dev/shm, which containers keep at 64 MB unless
 * told otherwise: parallel queries and index builds then fail.  System V
 * segments have no such limit.
 */
static void
write_memory(FILE *out, const OmenMachine *machine)
{
	uint64_t	memory = machine->memory_bytes;
	uint64_t	maintenance = within(memory / 8, 64 * MB, 16 * GB);

	fprintf(out,
			"# Memory: the machine showed %llu MB when this folder was made.\n"
			"shared_buffers = %lluMB\n"
			"effective_cache_size = %lluMB\n"
			"maintenance_work_mem = %lluMB\n"
			"autovacuum_work_mem = %lluMB\n"
			"work_mem = %lluMB\n",
			(unsigned long long) (memory / MB),
			(unsigned long long) (within(memory / 4, 32 * MB, 64 * GB) / MB),
			(unsigned long long) (within(memory / 100 * 70, 64 * MB, 4096 * GB) / MB),
			(unsigned long long) (maintenance / MB),
			(unsigned long long) (within(memory / 32, 32 * MB, 1 * GB) / MB),
			(unsigned long long) (within(memory / 4 / CONNECTIONS_MAX, 4 * MB, 256 * MB) / MB));
	if (machine->shm_bytes != 0 && machine->shm_bytes < 2 * maintenance)
		fputs("dynamic_shared_memory_type = sysv\n", out);
}

/* Two workers at the least: exact search gains from them even where two cores are all there is. */
static void
write_workers(FILE *out, int cpu_count)
{
	int			per_query = (int) within((uint64_t) cpu_count / 2, 2, 8);
	int			all = (int) within((uint64_t) cpu_count, 2, 256);

	fprintf(out,
			"\n# Workers: %d processors.\n"
			"max_worker_processes = %d\n"
			"max_parallel_workers = %d\n"
			"max_parallel_workers_per_gather = %d\n"
			"max_parallel_maintenance_workers = %d\n",
			cpu_count, all + 8, all, per_query, per_query);
}

/* WAL may take a tenth of the free disk, so that a small one is not filled by it. */
static void
write_wal(FILE *out, uint64_t disk_free, int postgres_major, bool lz4_wal)
{
	uint64_t	most = disk_free == 0 ? 1 * GB : within(disk_free / 10, 256 * MB, 8 * GB);

	fprintf(out,
			"\n# Write-ahead log: few, even checkpoints.\n"
			"max_wal_size = %lluMB\n"
			"min_wal_size = 128MB\n"
			"checkpoint_timeout = 15min\n"
			"checkpoint_completion_target = 0.9\n"
			"wal_compression = %s\n",
			(unsigned long long) (most / MB), postgres_major >= 15 && lz4_wal ? "lz4" : "on");
}

char *
omen_tuning_text(const OmenMachine *machine, int postgres_major, bool lz4_wal)
{
	char	   *text = NULL;
	size_t		bytes = 0;
	FILE	   *out = open_memstream(&text, &bytes);

	if (out == NULL)
		return NULL;
	fprintf(out,
			"# Written once by omendb, when this folder was made, for the machine it was made on.\n"
			"# Yours to edit: omendb never writes it again.  Port, listening addresses and\n"
			"# socket folder come from omendb's own configuration and override this file.\n\n"
			"max_connections = %d\n"
			"password_encryption = 'scram-sha-256'\n\n", CONNECTIONS_MAX);
	write_memory(out, machine);
	write_workers(out, machine->cpu_count);
	write_wal(out, machine->disk_free_bytes, postgres_major, lz4_wal);
	fputs("\n# Storage without seek times.\n"
		  "random_page_cost = 1.1\n"
		  "effective_io_concurrency = 200\n"
		  "\n# Compiling a query takes longer than most vector queries run.\n"
		  "jit = off\n"
		  "\n# A week of logs beside the data, one file a weekday.\n"
		  "logging_collector = on\n"
		  "log_directory = '../log'\n"
		  "log_filename = 'postgresql-%a.log'\n"
		  "log_truncate_on_rotation = on\n"
		  "log_rotation_age = 1d\n"
		  "log_rotation_size = 0\n"
		  "log_file_mode = 0600\n"
		  "log_line_prefix = '%m [%p] %q%u@%d '\n"
		  "log_checkpoints = on\n"
		  "log_lock_waits = on\n"
		  "log_autovacuum_min_duration = '1min'\n", out);
	if (fclose(out) != 0)
	{
		free(text);
		return NULL;
	}
	return text;
}
