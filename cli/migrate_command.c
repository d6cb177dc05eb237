/*
 * migrate_command.c - omendb migrate: another database into this one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "db/connect.h"
#include "migrate/migrate.h"
#include "term/progress.h"
#include "term/progress_line.h"
#include "term/table.h"

static volatile sig_atomic_t interrupted;
static PGcancel *cancels[2];

/* Both servers are told as well: one of them may be at an index for an hour.  (PQcancel may be called here.) */
static void
interrupt(int signal_number)
{
	int			kept_errno = errno;
	char		unheard[256];

	(void) signal_number;
	interrupted = 1;
	for (int i = 0; i < 2; i++)
		if (cancels[i] != NULL)
			(void) PQcancel(cancels[i], unheard, sizeof(unheard));
	errno = kept_errno;
}

/* A second Ctrl-C ends the process at once; what was noted stands. */
static void
catch_interrupts(PGconn *source, PGconn *target)
{
	struct sigaction action = {0};

	cancels[0] = PQgetCancel(source);
	cancels[1] = PQgetCancel(target);
	action.sa_handler = interrupt;
	action.sa_flags = (int) SA_RESETHAND;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void
show_progress(void *context, const char *title, const char *unit, uint64_t done, uint64_t total)
{
	OmenProgress **progress = context;

	if (title != NULL && *progress != NULL)
		omen_progress_stage(*progress, title, unit, total);
	else if (title != NULL)
		*progress = omen_progress_begin(stderr, title, unit, total);
	else if (*progress != NULL && done != UINT64_MAX)
		omen_progress_set(*progress, done);
	else if (*progress != NULL)
	{
		omen_progress_end(*progress, NULL);
		*progress = NULL;
	}
}

static void
report_notice(void *context, const char *text)
{
	(void) context;
	fprintf(stderr, "omendb: note: %s\n", text);
}

static void
print_tables(const OmenMigrateReport *report)
{
	OmenTable  *table = omen_table_begin(4);
	char		rows[2][32];

	omen_table_column(table, 0, "table", OMEN_LEFT);
	omen_table_column(table, 1, "rows there", OMEN_RIGHT);
	omen_table_column(table, 2, "rows here", OMEN_RIGHT);
	omen_table_column(table, 3, "checksums", OMEN_LEFT);
	for (int i = 0; i < report->table_count; i++)
	{
		const OmenMigrateTable *at = &report->tables[i];

		omen_table_cell(table, "%s", at->name);
		omen_table_cell(table, "%s", omen_format_count(rows[0], (uint64_t) at->source_rows));
		omen_table_cell(table, "%s", omen_format_count(rows[1], (uint64_t) at->target_rows));
		omen_table_cell(table, "%s", at->same ? "same" : "DIFFERENT");
	}
	omen_table_print(table, stdout, 0);
	omen_table_end(table);
}

static void
print_recall(OmenTable *table, double recall)
{
	if (recall < 0)
		omen_table_cell(table, "no index");
	else
		omen_table_cell(table, "%.3f", recall);
}

static void
print_answers(const OmenMigrateReport *report)
{
	OmenTable  *table = omen_table_begin(5);

	omen_table_column(table, 0, "column", OMEN_LEFT);
	omen_table_column(table, 1, "distance", OMEN_LEFT);
	omen_table_column(table, 2, "same exact answers", OMEN_RIGHT);
	omen_table_column(table, 3, "recall@10 of the index there", OMEN_RIGHT);
	omen_table_column(table, 4, "here", OMEN_RIGHT);
	for (int i = 0; i < report->column_count; i++)
	{
		const OmenMigrateColumn *at = &report->columns[i];

		omen_table_cell(table, "%s.%s", at->table, at->column);
		omen_table_cell(table, "%s", at->spelling);
		omen_table_cell(table, "%d of %d", at->same, at->asked);
		print_recall(table, at->source_recall);
		print_recall(table, at->target_recall);
	}
	putchar('\n');
	omen_table_print(table, stdout, 0);
	omen_table_end(table);
}

static int
print_report(const OmenMigrateReport *report, int samples, double seconds)
{
	OmenComplaint complaint;
	char		rows[32];
	char		duration[32];

	printf("%s rows copied%s, %d indexes of vectors, in %s\n\n", omen_format_count(rows, (uint64_t) report->row_count),
		   report->resumed ? " by this run" : "", report->index_count, omen_format_duration(duration, seconds));
	print_tables(report);
	if (report->column_count > 0 && samples > 0)
		print_answers(report);
	if (report->same)
	{
		puts("\nEverything that was compared is the same.");
		return OMEN_EXIT_OK;
	}
	omen_complain(&complaint, "the copy differs from the source");
	omen_advise(&complaint, "Copy again into an empty database; if it differs again, please report it.");
	return omen_command_fail(&complaint);
}

typedef struct MigrateArguments
{
	const char *from;
	const char *to;
	bool		to_ivf;
	int			samples;
} MigrateArguments;

enum
{
	OPT_FROM = 256, OPT_TO, OPT_INDEX, OPT_SAMPLES
};

static const struct option long_options[] = {
	{"from", required_argument, NULL, OPT_FROM},
	{"to", required_argument, NULL, OPT_TO},
	{"index", required_argument, NULL, OPT_INDEX},
	{"samples", required_argument, NULL, OPT_SAMPLES},
	{NULL, 0, NULL, 0}
};

static int
parse_arguments(int argc, char **argv, MigrateArguments *arguments)
{
	int			option;
	char	   *end;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
	{
		switch (option)
		{
			case OPT_FROM:
				arguments->from = optarg;
				break;
			case OPT_TO:
				arguments->to = optarg;
				break;
			case OPT_INDEX:
				arguments->to_ivf = strcmp(optarg, "ivf") == 0;
				if (!arguments->to_ivf && strcmp(optarg, "same") != 0)
					return omen_command_usage("migrate", "--index is same or ivf, not \"%s\"", optarg);
				break;
			case OPT_SAMPLES:
				arguments->samples = (int) strtol(optarg, &end, 10);
				if (*end != '\0' || end == optarg || arguments->samples < 0 || arguments->samples > 1000)
					return omen_command_usage("migrate", "--samples is a number from 0 to 1000, not \"%s\"", optarg);
				break;
			default:
				return omen_command_usage("migrate", "unknown or incomplete option \"%s\"", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return omen_command_usage("migrate", "what is \"%s\"?  Databases are named by --from and --to", argv[optind]);
	if (arguments->from == NULL)
		return omen_command_usage("migrate", "--from is needed: the connection string of the source");
	return OMEN_EXIT_OK;
}

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static int
migrate(const OmenConfig *config, const MigrateArguments *arguments)
{
	OmenComplaint complaint = {0};
	OmenTree	tree;
	OmenProgress *progress = NULL;
	OmenMigrateReport report;
	OmenMigrateOptions options = {
		.tree = &tree,.to_ivf = arguments->to_ivf,.samples = arguments->samples,
		.context = &progress,.progress = show_progress,.notice = report_notice,.stop = &interrupted,
	};
	double		began_s = now_s();
	int			code;

	if (!omen_tree_find(&tree, config, 0, &complaint))
		return omen_command_fail(&complaint);
	options.source = omen_db_connect_url(arguments->from, "omendb migrate", &complaint);
	if (options.source == NULL)
		return omen_command_fail(&complaint);
	options.target = arguments->to != NULL ? omen_db_connect_url(arguments->to, "omendb migrate", &complaint) :
		omen_db_connect(config, "omendb migrate", &complaint);
	if (options.target == NULL)
	{
		PQfinish(options.source);
		return omen_command_fail(&complaint);
	}
	catch_interrupts(options.source, options.target);
	if (omen_migrate_run(&options, &report, &complaint))
		code = print_report(&report, arguments->samples, now_s() - began_s);
	else
	{
		if (progress != NULL)
			omen_progress_end(progress, "");
		code = omen_command_fail(&complaint);
	}
	omen_migrate_report_free(&report);
	PQfinish(options.source);
	PQfinish(options.target);
	return code;
}

static int
migrate_run(int argc, char **argv)
{
	OmenConfig *config = omen_command_config(&argc, argv);
	MigrateArguments arguments = {.samples = 20};
	int			code;

	if (config == NULL)
		return OMEN_EXIT_USAGE;
	code = parse_arguments(argc, argv, &arguments);
	if (code == OMEN_EXIT_OK)
		code = migrate(config, &arguments);
	omen_config_free(config);
	return code;
}

const OmenCommand omen_migrate_command = {
	.name = "migrate",
	.summary = "copy a database from another server, from pgvector's too, and compare",
	.help =
	"usage: omendb migrate --from URL [--to URL] [options]\n"
	"\n"
	"Copies the database --from into the empty database --to (default: the one on\n"
	"--data, or --database): schema, rows, indexes; then compares them.  Both are\n"
	"PostgreSQL connection strings; the source may have pgvector or OmenDB.\n"
	"\n"
	"  --index ivf      make ivf indexes of hnsw and ivfflat ones, where ivf knows\n"
	"                   type and distance (default: same)\n"
	"  --samples N      queries to compare for each column of vectors (default 20;\n"
	"                   each reads the table twice)\n"
	"\n"
	"The source is read in one snapshot and nothing is written to it.  What others\n"
	"write to it meanwhile is not copied.  Interrupted, by Ctrl-C or a lost\n"
	"connection, the same command goes on where it was; tables copied before are\n"
	"compared, and copied again if the source has changed.  Until the end the target\n"
	"has a schema omendb_migrate, which notes what is done.\n"
	"\n"
	"The report has for each table both counts and whether the checksums of all rows\n"
	"agree, and for each column of vectors whether exact searches give the same\n"
	"distances on both sides, and the recall of both indexes.\n"
	"\n"
	"Not copied: roles, owners, privileges, publications, subscriptions, large\n"
	"objects, databases' and roles' own settings.\n"
	"\n"
	"Exit status: 0 copied and the same, 1 not, 2 wrong usage.\n",
	.run = migrate_run,
};
