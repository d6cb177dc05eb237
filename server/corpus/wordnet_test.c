/*
 * wordnet_test.c - the reader gives what the lines say, and names the line
 * that breaks the format.
 *
 * The sample is made up.  Every malformed line differs from a good one in one
 * place, and must be refused with its file and number.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "wordnet.h"

static const char *const names[] = {"data.noun", "data.verb", "data.adj", "data.adv"};

static const char *const good[] = {
	"  1 This line is licence text.  \n"
	"00001000 03 n 01 creature 0 000 | a living thing  \n"
	"00001100 05 n 02 house_cat 0 moggy 1 003 ~ 00009999 n 0000 @ 00001000 n 0000 @i 00001200 n 0102"
	" | a small cat; \"the moggy slept\"; \"a cat | a bar\"  \n",
	"00002000 30 v 01 purr 0 001 @ 00002100 v 0000 02 + 01 00 + 02 01 | make a low sound  \n",
	"00003000 00 s 02 asleep(p) 0 out_cold(ip) a 000 | not awake\n",
	"00004000 02 r 0b a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 k 0 000 | in eleven words\n",
};

typedef struct Folder
{
	char		path[64];
} Folder;

static void
file_put(const Folder *folder, const char *name, const char *text, size_t bytes)
{
	char		path[128];
	FILE	   *stream;

	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	stream = fopen(path, "wb");
	assert_non_null(stream);
	assert_int_equal(fwrite(text, 1, bytes, stream), bytes);
	assert_int_equal(fclose(stream), 0);
}

static int
folder_make(void **state)
{
	Folder	   *folder = malloc(sizeof(*folder));

	strcpy(folder->path, "/tmp/wordnet_test.XXXXXX");
	if (mkdtemp(folder->path) == NULL)
		return -1;
	for (int i = 0; i < 4; i++)
		file_put(folder, names[i], good[i], strlen(good[i]));
	*state = folder;
	return 0;
}

static int
folder_remove(void **state)
{
	Folder	   *folder = *state;
	char		path[128];

	for (int i = 0; i < 4; i++)
	{
		snprintf(path, sizeof(path), "%s/%s", folder->path, names[i]);
		unlink(path);
	}
	rmdir(folder->path);
	free(folder);
	return 0;
}

static void
good_files_are_read(void **state)
{
	const Folder *folder = *state;
	OmenWordnet wordnet;
	OmenError	err = {0};

	assert_int_equal(omen_wordnet_read(folder->path, &wordnet, &err), OMEN_OK);
	assert_int_equal(wordnet.count, 5);

	assert_string_equal(wordnet.synsets[0].id, "00001000-n");
	assert_string_equal(wordnet.synsets[0].words, "creature");
	assert_string_equal(wordnet.synsets[0].gloss, "a living thing");
	assert_null(wordnet.synsets[0].parent);

	assert_string_equal(wordnet.synsets[1].words, "house cat, moggy");
	assert_string_equal(wordnet.synsets[1].pos, "noun");
	assert_string_equal(wordnet.synsets[1].gloss, "a small cat; \"the moggy slept\"; \"a cat | a bar\"");
	assert_int_equal(omen_synset_definition_bytes(&wordnet.synsets[1]), strlen("a small cat"));
	assert_string_equal(wordnet.synsets[1].parent, "00001000-n");

	assert_string_equal(wordnet.synsets[2].id, "00002000-v");
	assert_string_equal(wordnet.synsets[2].pos, "verb");
	assert_string_equal(wordnet.synsets[2].gloss, "make a low sound");

	assert_string_equal(wordnet.synsets[3].id, "00003000-a");
	assert_string_equal(wordnet.synsets[3].words, "asleep, out cold");
	assert_string_equal(wordnet.synsets[3].pos, "adjective");

	assert_string_equal(wordnet.synsets[4].words, "a, b, c, d, e, f, g, h, i, j, k");
	assert_string_equal(wordnet.synsets[4].pos, "adverb");
	omen_wordnet_free(&wordnet);
}

static void
assert_refused(const Folder *folder, const char *line, const char *why)
{
	OmenWordnet wordnet;
	OmenError	err = {0};
	OmenStatus	status = omen_wordnet_read(folder->path, &wordnet, &err);

	if (status != OMEN_CORRUPT)
		print_error("read, though %s\n", why);
	assert_int_equal(status, OMEN_CORRUPT);
	assert_int_equal(wordnet.count, 0);
	assert_null(wordnet.synsets);
	if (strstr(err.text, line) == NULL)
		print_error("\"%s\" does not name %s (%s)\n", err.text, line, why);
	assert_non_null(strstr(err.text, line));
}

static void
malformed_lines_are_refused(void **state)
{
	static const struct
	{
		const char *line;
		const char *why;
	}			bad[] = {
		{"0000100 03 n 01 creature 0 000 | a living thing\n", "the offset has seven digits"},
		{"00001x00 03 n 01 creature 0 000 | a living thing\n", "the offset holds a letter"},
		{"00001000 3 n 01 creature 0 000 | a living thing\n", "the file number has one digit"},
		{"00001000 03 v 01 creature 0 000 | a living thing\n", "a verb lies among the nouns"},
		{"00001000 03 s 01 creature 0 000 | a living thing\n", "a satellite lies among the nouns"},
		{"00001000 03 n 00 creature 0 000 | a living thing\n", "there are no words"},
		{"00001000 03 n zz creature 0 000 | a living thing\n", "the count of words is no number"},
		{"00001000 03 n 02 creature 0 000 | a living thing\n", "a word is missing"},
		{"00001000 03 n 01 (p) 0 000 | a living thing\n", "a word is nothing but a marker"},
		{"00001000 03 n 01 creature 0 001 | a living thing\n", "a pointer is missing"},
		{"00001000 03 n 01 creature 0 001 @ 0000100 n 0000 | a living thing\n", "a pointer's offset is short"},
		{"00001000 03 n 01 creature 0 001 @ 00001000 n 00 | a living thing\n", "a pointer's target is short"},
		{"00001000 03 n 01 creature 0 00 | a living thing\n", "the count of pointers has two digits"},
		{"00001000 03 n 01 creature 0 000 01 + 02 00 | a living thing\n", "a noun has verb frames"},
		{"00001000 03 n 01 creature 0 000 a living thing\n", "the bar is missing"},
		{"00001000 03 n 01 creature 0 000 |\n", "the definition is missing"},
		{"00001000 03 n 01 creature 0 000 |   \n", "the definition is blank"},
		{"00001000 03 n 01 creature\n", "the line ends early"},
		{"\n", "a line is empty"},
		{" \n", "a line is blank"},
	};
	const Folder *folder = *state;
	char		text[1024];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		snprintf(text, sizeof(text), "%s%s", good[0], bad[i].line);
		file_put(folder, "data.noun", text, strlen(text));
		assert_refused(folder, "data.noun:4:", bad[i].why);
	}
	file_put(folder, "data.noun", good[0], strlen(good[0]));
}

static void
a_zero_byte_is_refused(void **state)
{
	static const char line[] = "00004000 02 r 01 now 0 000 | at\0 once\n";
	const Folder *folder = *state;

	file_put(folder, "data.adv", line, sizeof(line) - 1);
	assert_refused(folder, "data.adv:1:", "the text holds a zero byte");
	file_put(folder, "data.adv", good[3], strlen(good[3]));
}

/* Cut anywhere but after a line, a file must be refused: nothing is dropped in silence. */
static void
every_truncation_is_refused(void **state)
{
	const Folder *folder = *state;
	size_t		bytes = strlen(good[1]);

	for (size_t cut = 0; cut < bytes; cut++)
	{
		file_put(folder, "data.verb", good[1], cut);
		assert_refused(folder, "data.verb", "the file is cut short");
	}
	file_put(folder, "data.verb", good[1], bytes);
}

static void
a_missing_file_is_named(void **state)
{
	const Folder *folder = *state;
	char		path[128];
	OmenWordnet wordnet;
	OmenError	err = {0};

	snprintf(path, sizeof(path), "%s/data.adj", folder->path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(omen_wordnet_read(folder->path, &wordnet, &err), OMEN_INVALID);
	assert_non_null(strstr(err.text, "data.adj"));
	file_put(folder, "data.adj", good[2], strlen(good[2]));
}

/* Where Debian's wordnet-base is installed: its known size, and no line left out. */
static void
the_whole_of_wordnet_is_read(void **state)
{
	OmenWordnet wordnet;
	OmenError	err = {0};

	if (access(OMEN_WORDNET_FOLDER "/data.noun", R_OK) != 0)
		skip();
	assert_int_equal(omen_wordnet_read(OMEN_WORDNET_FOLDER, &wordnet, &err), OMEN_OK);
	assert_int_equal(wordnet.count, 117659);
	for (size_t i = 0; i < wordnet.count; i++)
	{
		assert_int_equal(strlen(wordnet.synsets[i].id), 10);
		assert_true(wordnet.synsets[i].words[0] != '\0' && wordnet.synsets[i].gloss[0] != '\0');
		assert_null(strchr(wordnet.synsets[i].words, '_'));
	}
	omen_wordnet_free(&wordnet);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_files_are_read, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(malformed_lines_are_refused, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(a_zero_byte_is_refused, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(every_truncation_is_refused, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(a_missing_file_is_named, folder_make, folder_remove),
		cmocka_unit_test(the_whole_of_wordnet_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
