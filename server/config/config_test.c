/*
 * config_test.c - goal: every value comes from the highest source that gives
 * it and says so; everything that cannot be meant is refused with its place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/nearest_word.h"

static char file_path[] = "/tmp/omendb-config-test-XXXXXX";

static void
write_file(const char *text, size_t bytes)
{
	FILE	   *file = fopen(file_path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, bytes, file), bytes);
	fclose(file);
}

/* Reads with the file above and up to four more arguments. */
static OmenConfig *
read_with(const char *file_text, OmenComplaint *complaint, const char *a, const char *b, const char *c, int *argc)
{
	static char *argv[8];
	int			count = 0;

	write_file(file_text, strlen(file_text));
	argv[count++] = (char *) "test";
	argv[count++] = (char *) "--config";
	argv[count++] = file_path;
	if (a != NULL)
		argv[count++] = (char *) a;
	if (b != NULL)
		argv[count++] = (char *) b;
	if (c != NULL)
		argv[count++] = (char *) c;
	argv[count] = NULL;
	*argc = count;
	return omen_config_read(argc, argv, complaint);
}

static void
assert_refused(const char *file_text, const char *fact_part, const char *advice_part)
{
	OmenComplaint complaint = {"", ""};
	int			argc;
	OmenConfig *config = read_with(file_text, &complaint, NULL, NULL, NULL, &argc);

	if (config != NULL || strstr(complaint.fact, fact_part) == NULL || strstr(complaint.advice, advice_part) == NULL)
		fail_msg("for \"%s\" got: %s / %s", file_text, complaint.fact, complaint.advice);
}

static void
sources_rise(void **state)
{
	OmenComplaint complaint;
	char		from_file[64];
	int			argc;
	OmenConfig *config = read_with("", &complaint, NULL, NULL, NULL, &argc);

	assert_non_null(config);
	assert_int_equal(omen_config_number(config, "postgres.port"), 54330);
	assert_string_equal(omen_config_origin(config, "postgres.port"), "default");
	assert_false(omen_config_is_set(config, "postgres.port"));
	omen_config_free(config);

	config = read_with("; a comment\n[postgres]\nport = 1001\n", &complaint, NULL, NULL, NULL, &argc);
	assert_non_null(config);
	snprintf(from_file, sizeof(from_file), "%s:3", file_path);
	assert_int_equal(omen_config_number(config, "postgres.port"), 1001);
	assert_string_equal(omen_config_origin(config, "postgres.port"), from_file);
	omen_config_free(config);

	setenv("OMENDB_POSTGRES_PORT", "1002", 1);
	config = read_with("[postgres]\nport = 1001\n", &complaint, NULL, NULL, NULL, &argc);
	assert_non_null(config);
	assert_int_equal(omen_config_number(config, "postgres.port"), 1002);
	assert_string_equal(omen_config_origin(config, "postgres.port"), "environment OMENDB_POSTGRES_PORT");
	omen_config_free(config);

	config = read_with("[postgres]\nport = 1001\n", &complaint, "--pg-port=1003", NULL, NULL, &argc);
	unsetenv("OMENDB_POSTGRES_PORT");
	assert_non_null(config);
	assert_int_equal(omen_config_number(config, "postgres.port"), 1003);
	assert_string_equal(omen_config_origin(config, "postgres.port"), "flag --pg-port");
	assert_string_equal(omen_config_file(config), file_path);
	omen_config_free(config);
}

static void
flags_are_taken_and_the_rest_is_left(void **state)
{
	OmenComplaint complaint;
	char		name[] = "sql", flag[] = "--data", folder[] = "/d", c[] = "-c", select[] = "SELECT 1",
				end[] = "--", after[] = "--data";
	char	   *argv[] = {name, c, flag, folder, select, end, after, NULL};
	int			argc = 7;
	OmenConfig *config = omen_config_read(&argc, argv, &complaint);

	assert_non_null(config);
	assert_string_equal(omen_config_text(config, "data"), "/d");
	assert_int_equal(argc, 5);
	assert_string_equal(argv[1], "-c");
	assert_string_equal(argv[2], "SELECT 1");
	assert_string_equal(argv[3], "--");
	assert_string_equal(argv[4], "--data");
	assert_null(argv[5]);
	omen_config_free(config);

	argc = 2;
	argv[1] = flag;
	argv[2] = NULL;
	assert_null(omen_config_read(&argc, argv, &complaint));
	assert_string_equal(complaint.fact, "--data needs a value");
}

static void
paths_become_absolute(void **state)
{
	OmenComplaint complaint;
	char		cwd[PATH_MAX];
	char		expected[PATH_MAX + 16];
	int			argc;
	OmenConfig *config = read_with("data = here\n", &complaint, NULL, NULL, NULL, &argc);

	assert_non_null(config);
	assert_string_equal(omen_config_text(config, "data"), "/tmp/here");
	omen_config_free(config);

	config = read_with("data = here\n", &complaint, "--data", "there", NULL, &argc);
	assert_non_null(config);
	snprintf(expected, sizeof(expected), "%s/there", getcwd(cwd, sizeof(cwd)));
	assert_string_equal(omen_config_text(config, "data"), expected);
	omen_config_free(config);
}

static void
mistakes_in_the_file_are_refused(void **state)
{
	char		long_line[600];

	assert_refused("[postgres]\nprot = 1\n", ":2: there is no setting \"postgres.prot\"", "\"postgres.port\"");
	assert_refused("zzzzzzzzzzzz = 1\n", ":1: there is no setting", "`omendb config` lists");
	assert_refused("[postgres]\nport = many\n", ":2: postgres.port must be a whole number from 0 to 65535", "");
	assert_refused("[postgres]\nport = 65536\n", "not \"65536\"", "");
	assert_refused("[postgres]\nport = 99999999999999999999\n", "whole number", "");
	assert_refused("[postgres]\nport =\n", "whole number", "");
	assert_refused("[postgres]\nport = 1\nport = 2\n", ":3: \"postgres.port\" is given again after line 2", "Keep one");
	assert_refused("[postgres]\nlisten = a\n  b\n", ":3:", "Keep one");	/* a continuation line */
	assert_refused("just words\n", ":1: this is neither", "");
	assert_refused("data =\n", ":1: data must name a folder", "");
	assert_refused("data = a\tb\n", "control character", "");

	snprintf(long_line, sizeof(long_line), "data = /%0300d\n", 7);
	assert_refused(long_line, ":1: the line is longer", "Shorten");
	/* cut at the buffer's end, the rest would read as a setting of its own */
	snprintf(long_line, sizeof(long_line), "; %0196d\n[postgres]\nport = 5\n%0198d=x\n", 7, 7);
	assert_refused(long_line, "the line is longer", "Shorten");
}

static void
a_nul_byte_is_refused(void **state)
{
	OmenComplaint complaint;
	char		name[] = "test", flag[] = "--config";
	char	   *argv[] = {name, flag, file_path, NULL};
	int			argc = 3;

	write_file("data = /a\0b\n", 12);
	assert_null(omen_config_read(&argc, argv, &complaint));
	assert_non_null(strstr(complaint.fact, ":1: the line is longer than"));
}

static void
a_named_file_must_exist(void **state)
{
	OmenComplaint complaint;
	char		name[] = "test", flag[] = "--config=/nonexistent/omendb.ini";
	char	   *argv[] = {name, flag, NULL};
	int			argc = 2;

	assert_null(omen_config_read(&argc, argv, &complaint));
	assert_non_null(strstr(complaint.fact, "/nonexistent/omendb.ini: No such file"));
}

static void
unknown_variables_are_refused(void **state)
{
	OmenComplaint complaint;
	int			argc;

	setenv("OMENDB_POSTGRES_PROT", "1", 1);
	assert_null(read_with("", &complaint, NULL, NULL, NULL, &argc));
	unsetenv("OMENDB_POSTGRES_PROT");
	assert_string_equal(complaint.fact, "environment OMENDB_POSTGRES_PROT is no setting of omendb");
	assert_non_null(strstr(complaint.advice, "OMENDB_POSTGRES_PORT"));
}

static void
passwords_are_masked(void **state)
{
	static const char *const urls[][2] = {
		{"postgresql://me@host/db", "postgresql://me@host/db"},
		{"postgresql://me:secret@host/db", "postgresql://me:***@host/db"},
		{"postgresql://me:se@cret@host/db", "postgresql://me:***@host/db"},
		{"postgresql://me:se/cret@host/db", "postgresql://me:***@host/db"},
		{"postgresql://me:secret@host/db?password=secret", "postgresql://me:***"},
		{"host=h password=secret user=me", "host=h password***"},
		{"host=h", "host=h"},
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		OmenComplaint complaint;
		char		shown[256];
		int			argc;
		OmenConfig *config = read_with("", &complaint, "--database", urls[i][0], NULL, &argc);

		if (config == NULL)
			fail_msg("%s: %s", urls[i][0], complaint.fact);
		omen_config_shown(config, "database", shown, sizeof(shown));
		assert_string_equal(shown, urls[i][1]);
		omen_config_free(config);
	}
}

static void
words_are_compared_by_edits(void **state)
{
	static const char *const commands[] = {"serve", "status", "sql", "version"};

	assert_int_equal(omen_word_distance("serve", "serve"), 0);
	assert_int_equal(omen_word_distance("serve", "sevre"), 1);
	assert_int_equal(omen_word_distance("", "sql"), 3);
	assert_int_equal(omen_word_distance("kitten", "sitting"), 3);
	assert_string_equal(omen_nearest_word("sevre", commands, 4), "serve");
	assert_string_equal(omen_nearest_word("stauts", commands, 4), "status");
	assert_string_equal(omen_nearest_word("ver", commands, 4), "version");
	assert_null(omen_nearest_word("frobnicate", commands, 4));
}

static int
clean_environment(void **state)
{
	int			fd = mkstemp(file_path);

	for (size_t i = 0; i < omen_setting_count; i++)
	{
		char		variable[128];

		omen_setting_environment(&omen_settings[i], variable, sizeof(variable));
		unsetenv(variable);
	}
	unsetenv("OMENDB_CONFIG");
	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	return fd < 0 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
	return unlink(file_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_rise),
		cmocka_unit_test(flags_are_taken_and_the_rest_is_left),
		cmocka_unit_test(paths_become_absolute),
		cmocka_unit_test(mistakes_in_the_file_are_refused),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(a_named_file_must_exist),
		cmocka_unit_test(unknown_variables_are_refused),
		cmocka_unit_test(passwords_are_masked),
		cmocka_unit_test(words_are_compared_by_edits),
	};

	return cmocka_run_group_tests(tests, clean_environment, remove_file);
}
