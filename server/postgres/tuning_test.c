/*
 * tuning_test.c - goal: the settings fit machines from a small container to a
 * big server, and what they promise to PostgreSQL never exceeds the memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postgres/tuning.h"

#define MB ((uint64_t) 1 << 20)
#define GB ((uint64_t) 1 << 30)

/* The number of "name = number..." in the text. */
static uint64_t
setting(const char *text, const char *name)
{
	char		line[128];
	const char *found;

	snprintf(line, sizeof(line), "\n%s = ", name);
	found = strstr(text, line);
	if (found == NULL)
		fail_msg("%s is not set", name);
	return strtoull(found + strlen(line), NULL, 10);
}

static void
a_common_machine(void **state)
{
	OmenMachine machine = {.memory_bytes = 16 * GB,.disk_free_bytes = 200 * GB,.cpu_count = 8};
	char	   *text = omen_tuning_text(&machine, 15, true);

	assert_int_equal(setting(text, "shared_buffers"), 4096);
	assert_int_equal(setting(text, "maintenance_work_mem"), 2048);
	assert_int_equal(setting(text, "work_mem"), 40);
	assert_int_equal(setting(text, "max_wal_size"), 8192);
	assert_int_equal(setting(text, "max_parallel_workers"), 8);
	assert_int_equal(setting(text, "max_parallel_workers_per_gather"), 4);
	assert_non_null(strstr(text, "\nwal_compression = lz4\n"));
	assert_non_null(strstr(text, "\njit = off\n"));
	free(text);
}

static void
older_or_lesser_postgres_compresses_its_own_way(void **state)
{
	OmenMachine machine = {.memory_bytes = GB,.disk_free_bytes = 0,.cpu_count = 1};
	char	   *text = omen_tuning_text(&machine, 14, true);

	assert_non_null(strstr(text, "\nwal_compression = on\n"));
	free(text);
	text = omen_tuning_text(&machine, 15, false);
	assert_non_null(strstr(text, "\nwal_compression = on\n"));
	free(text);
}

static void
a_small_dev_shm_is_avoided(void **state)
{
	OmenMachine machine = {.memory_bytes = 8 * GB,.shm_bytes = 64 * MB,.cpu_count = 4};
	char	   *text = omen_tuning_text(&machine, 15, true);

	assert_non_null(strstr(text, "\ndynamic_shared_memory_type = sysv\n"));
	free(text);
	machine.shm_bytes = 4 * GB;
	text = omen_tuning_text(&machine, 15, true);
	assert_null(strstr(text, "dynamic_shared_memory_type"));
	free(text);
}

static void
no_machine_is_overcommitted(void **state)
{
	for (uint64_t memory = 512 * MB; memory <= 4096 * GB; memory += memory / 3)
		for (int cpus = 1; cpus <= 512; cpus *= 2)
		{
			OmenMachine machine = {.memory_bytes = memory,.disk_free_bytes = memory,.cpu_count = cpus};
			char	   *text = omen_tuning_text(&machine, 15, true);
			uint64_t	taken = setting(text, "shared_buffers") + setting(text, "maintenance_work_mem") +
				3 * setting(text, "autovacuum_work_mem") +
				setting(text, "work_mem") * setting(text, "max_connections");

			/* half a gigabyte holds what PostgreSQL's own least values ask for, not more */
			assert_true(taken <= (memory < 2 * GB ? memory / MB * 5 / 4 + 256 : memory / MB * 3 / 4));
			assert_true(setting(text, "max_parallel_workers_per_gather") <= setting(text, "max_parallel_workers"));
			assert_true(setting(text, "max_parallel_workers") < setting(text, "max_worker_processes"));
			assert_true(setting(text, "max_wal_size") >= 2 * setting(text, "min_wal_size"));
			free(text);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_common_machine),
		cmocka_unit_test(older_or_lesser_postgres_compresses_its_own_way),
		cmocka_unit_test(a_small_dev_shm_is_avoided),
		cmocka_unit_test(no_machine_is_overcommitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
