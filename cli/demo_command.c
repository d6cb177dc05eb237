/*
 * demo_command.c - omendb demo: OmenDB on real text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <getopt.h>
#include <stdio.h>

#include "command.h"
#include "demo/demo.h"

static const struct option long_options[] = {
	{"ask", required_argument, NULL, 'a'},
	{"wordnet", required_argument, NULL, 'w'},
	{NULL, 0, NULL, 0}
};

static int
demo_run(int argc, char **argv)
{
	OmenConfig *config = omen_command_config(&argc, argv);
	OmenDemoOptions options = {.out = stdout,.progress = stderr};
	OmenComplaint complaint;
	int			code = OMEN_EXIT_OK;
	int			option;

	if (config == NULL)
		return OMEN_EXIT_USAGE;
	opterr = 0;
	while (code == OMEN_EXIT_OK && (option = getopt_long(argc, argv, ":", long_options, NULL)) != -1)
	{
		if (option == 'a')
			options.question = optarg;
		else if (option == 'w')
			options.wordnet = optarg;
		else
			code = omen_command_usage("demo", option == ':' ? "%s needs a value" : "unknown argument \"%s\"",
									  argv[optind - 1]);
	}
	if (code == OMEN_EXIT_OK && optind < argc)
		code = omen_command_usage("demo", "unknown argument \"%s\"", argv[optind]);
	if (code == OMEN_EXIT_OK && !omen_demo_run(config, &options, &complaint))
		code = omen_command_fail(&complaint);
	omen_config_free(config);
	return code;
}

const OmenCommand omen_demo_command = {
	.name = "demo",
	.summary = "load real text, build the index, answer questions",
	.help =
	"usage: omendb demo [--data DIR | --database URL] [--ask QUESTION]\n"
	"                   [--wordnet DIR]\n"
	"\n"
	"Shows OmenDB on the 117,659 definitions of WordNet.  What is not there yet is\n"
	"made: the built-in embedder is trained on the text, the table `wordnet` loaded,\n"
	"its index built.  Then it answers questions in plain words, measures recall and\n"
	"speed against exact search, and says what to try next.  The database must be\n"
	"running: see `omendb help serve`.\n"
	"\n"
	"  --ask QUESTION   answer this question and nothing else\n"
	"  --wordnet DIR    folder of WordNet's data.* files, /usr/share/wordnet unless\n"
	"                   given (Debian's package wordnet-base)\n"
	"  --data DIR       the data folder of the running database\n"
	"  --database URL   another PostgreSQL with OmenDB's extension `vector`\n"
	"\n"
	"The embedder's model is kept in DIR/models, or for another PostgreSQL in\n"
	"~/.cache/omendb.  An interrupted demo is simply run again.\n"
	"\n"
	"Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.\n",
	.run = demo_run,
};
