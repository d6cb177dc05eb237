/*
 * import_command.c - omendb import: a file into a table.
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
#include "import/import.h"
#include "term/glyph.h"
#include "term/progress.h"
#include "term/progress_line.h"
#include "term/terminal.h"

typedef struct ImportRun
{
	const char *shown_path;
	FILE	   *bad_rows;
	const char *bad_rows_path;	/* NULL: standard error */
	OmenProgress *progress;
} ImportRun;

static volatile sig_atomic_t interrupted;
static PGcancel *cancel;

/*
 * The database is told as well: the import may be waiting for it, behind
 * somebody's lock say.  PQcancel may be called from a signal handler.
 */
static void
interrupt(int signal_number)
{
	int			kept_errno = errno;
	char		unheard[256];

	(void) signal_number;
	interrupted = 1;
	if (cancel != NULL)
		(void) PQcancel(cancel, unheard, sizeof(unheard));
	errno = kept_errno;
}

/* A second Ctrl-C ends the process at once; the server then rolls back by itself. */
static void
catch_interrupts(PGconn *connection)
{
	struct sigaction action = {0};

	cancel = PQgetCancel(connection);
	action.sa_handler = interrupt;
	action.sa_flags = (int) SA_RESETHAND;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void
show_progress(void *context, uint64_t bytes_done, uint64_t bytes_total, uint64_t row_count)
{
	ImportRun  *run = context;

	if (run->progress == NULL)
		run->progress = omen_progress_begin(stderr, run->shown_path, bytes_total > 0 ? "bytes" : "rows", bytes_total);
	omen_progress_set(run->progress, bytes_total > 0 ? bytes_done : row_count);
	if (bytes_total > 0)
		omen_progress_set_also(run->progress, row_count, "rows");
}

/* "items.csv:17" or "items.npy: row 17", into text. */
static void
format_place(char *text, size_t text_bytes, const char *path, const char *unit, uint64_t place)
{
	if (strcmp(unit, "line") == 0)
		snprintf(text, text_bytes, "%s:%llu", path, (unsigned long long) place);
	else
		snprintf(text, text_bytes, "%s: %s %llu", path, unit, (unsigned long long) place);
}

static void
report_bad_row(void *context, const char *unit, uint64_t place, const char *reason)
{
	ImportRun  *run = context;
	char		where[512];

	format_place(where, sizeof(where), run->shown_path, unit, place);
	if (run->bad_rows == stderr && omen_terminal_is_live(stderr))
		fputs("\r\033[K", stderr);	/* over the bar, which is drawn again below */
	fprintf(run->bad_rows, "%s: %s\n", where, reason);
}

static void
report_notice(void *context, const char *text)
{
	OmenGlyph	glyph;

	(void) context;
	fputs("omendb: note: ", stderr);
	/* Names of columns come from the file: what is shown must not drive the terminal. */
	for (; (glyph = omen_glyph_next(text)).bytes_used > 0; text += glyph.bytes_used)
		fputs(glyph.bytes, stderr);
	fputc('\n', stderr);
}

enum
{
	OPT_FORMAT = 256, OPT_DELIMITER, OPT_NULL, OPT_NO_HEADER, OPT_COLUMNS, OPT_COLUMN,
	OPT_ID_COLUMN, OPT_CREATE, OPT_SKIP_BAD, OPT_BAD_ROWS, OPT_MAX_RECORD
};

static const struct option long_options[] = {
	{"format", required_argument, NULL, OPT_FORMAT},
	{"delimiter", required_argument, NULL, OPT_DELIMITER},
	{"null", required_argument, NULL, OPT_NULL},
	{"no-header", no_argument, NULL, OPT_NO_HEADER},
	{"columns", required_argument, NULL, OPT_COLUMNS},
	{"column", required_argument, NULL, OPT_COLUMN},
	{"id-column", required_argument, NULL, OPT_ID_COLUMN},
	{"create", no_argument, NULL, OPT_CREATE},
	{"skip-bad", required_argument, NULL, OPT_SKIP_BAD},
	{"bad-rows", required_argument, NULL, OPT_BAD_ROWS},
	{"max-record", required_argument, NULL, OPT_MAX_RECORD},
	{NULL, 0, NULL, 0}
};

/* A whole number, with k, M or G behind it where `scaled`; false when it is none or past max. */
static bool
parse_count(const char *text, bool scaled, uint64_t max, uint64_t *value)
{
	char	   *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	if (scaled && *end != '\0')
	{
		static const char suffixes[] = "kMG";
		const char *found = strchr(suffixes, *end);

		if (found == NULL)
			return false;
		for (const char *at = suffixes; at <= found; at++)
			if (__builtin_mul_overflow(*value, 1024, value))
				return false;
		end++;
	}
	return *end == '\0' && *value <= max;
}

static bool
parse_delimiter(const char *text, char *delimiter)
{
	if (strcmp(text, "\\t") == 0 || strcmp(text, "tab") == 0)
		text = "\t";
	*delimiter = text[0];
	return text[0] > 0 && text[1] == '\0' && strchr("\"\r\n", text[0]) == NULL;
}

/* One option into *options; 0, or the exit code after saying what is wrong. */
static int
take_option(int option, OmenImportOptions *options, ImportRun *run)
{
	uint64_t	count;

	switch (option)
	{
		case OPT_FORMAT:
			options->format = omen_format_by_name(optarg);
			if (options->format == NULL)
				return omen_command_usage("import",
					"--format is one of csv, jsonl, fvecs, bvecs, ivecs and npy, not \"%s\"", optarg);
			return 0;
		case OPT_DELIMITER:
			if (!parse_delimiter(optarg, &options->delimiter))
				return omen_command_usage("import", "--delimiter is one ASCII character, or \\t, not \"%s\"", optarg);
			return 0;
		case OPT_NULL:
			options->null_text = optarg;
			return 0;
		case OPT_NO_HEADER:
			options->header = false;
			return 0;
		case OPT_COLUMNS:
			options->columns = optarg;
			return 0;
		case OPT_COLUMN:
			options->vector_column = optarg;
			return 0;
		case OPT_ID_COLUMN:
			options->id_column = optarg;
			return 0;
		case OPT_CREATE:
			options->create = true;
			return 0;
		case OPT_SKIP_BAD:
			if (!parse_count(optarg, false, UINT64_MAX, &options->bad_max))
				return omen_command_usage("import", "--skip-bad is a number of rows, not \"%s\"", optarg);
			return 0;
		case OPT_BAD_ROWS:
			run->bad_rows_path = optarg;
			return 0;
		case OPT_MAX_RECORD:
			if (!parse_count(optarg, true, (uint64_t) 1 << 30, &count) || count < 1024)
				return omen_command_usage("import", "--max-record is a size from 1k to 1G, not \"%s\"", optarg);
			options->record_bytes_max = count;
			return 0;
		default:
			return omen_command_usage("import", "unknown or incomplete option");
	}
}

/* Options that mean nothing for the file's format are mistakes. */
static int
check_options(const OmenImportOptions *options)
{
	const OmenReaderFormat *format = options->format != NULL ? options->format : omen_format_by_path(options->path);
	bool		csv = format == &omen_format_csv;

	if (format == NULL)
	{
		if (strcmp(options->path, "-") == 0)
			return omen_command_usage("import", "standard input has no name to tell its format by; give --format");
		return omen_command_usage("import", "the format of %s cannot be told by its name; give --format",
								  options->path);
	}
	if (!csv && (options->delimiter != ',' || options->null_text[0] != '\0' || !options->header))
		return omen_command_usage("import", "--delimiter, --null and --no-header are for CSV, and %s is %s",
								  options->path, format->name);
	if (csv && !options->header && options->columns == NULL)
		return omen_command_usage("import", "--no-header needs --columns, to name them");
	if (!format->vectors && (options->vector_column != NULL || options->id_column != NULL))
		return omen_command_usage("import",
			"--column and --id-column are for files of vectors; name a %s file's columns with --columns",
								  format->name);
	if (format->vectors && options->columns != NULL)
		return omen_command_usage("import", "--columns is for CSV and JSON Lines; a %s file fills --column",
								  format->name);
	return 0;
}

static int
parse_arguments(int argc, char **argv, OmenImportOptions *options, ImportRun *run)
{
	int			option;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
	{
		int			code;

		if (option == '?')
			return omen_command_usage("import", "unknown or incomplete option \"%s\"", argv[optind - 1]);
		code = take_option(option, options, run);
		if (code != 0)
			return code;
	}
	if (argc - optind != 2)
		return omen_command_usage("import", "a table and a file are needed");
	options->table = argv[optind];
	options->path = argv[optind + 1];
	run->shown_path = strcmp(options->path, "-") == 0 ? "standard input" : options->path;
	return check_options(options);
}

static void
report_success(const OmenImportOptions *options, const OmenImportResult *result, double seconds)
{
	char		rows[32];
	char		rate[32];
	char		bad[32];
	char		duration[32];

	omen_format_count(rows, result->row_count);
	omen_format_count(rate, seconds > 0 ? (uint64_t) ((double) result->row_count / seconds) : 0);
	omen_format_duration(duration, seconds);
	printf("%s %s into %s in %s, %s rows/s", rows, result->row_count == 1 ? "row" : "rows",
		   options->table, duration, rate);
	if (result->bad_count > 0)
		printf("; %s bad %s left out", omen_format_count(bad, result->bad_count),
			   result->bad_count == 1 ? "row" : "rows");
	putchar('\n');
}

static int
report_failure(const ImportRun *run, const OmenImportResult *result, const OmenComplaint *complaint)
{
	OmenComplaint placed = *complaint;

	if (interrupted)
	{
		omen_complain(&placed, "interrupted; nothing was imported");
		return omen_command_fail(&placed);
	}
	if (result->place > 0)
	{
		char		where[512];

		format_place(where, sizeof(where), run->shown_path, result->unit, result->place);
		snprintf(placed.fact, sizeof(placed.fact), "%s: %.1500s", where, complaint->fact);
	}
	return omen_command_fail(&placed);
}

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static int
run_import(PGconn *connection, OmenImportOptions *options, ImportRun *run)
{
	OmenImportResult result;
	OmenComplaint complaint = {0};
	double		began_s = now_s();
	bool		good;

	options->context = run;
	options->progress = show_progress;
	options->bad_row = report_bad_row;
	options->notice = report_notice;
	options->stop = &interrupted;
	catch_interrupts(connection);
	good = omen_import_run(connection, options, &result, &complaint);
	if (run->progress != NULL)
		omen_progress_end(run->progress, "");
	if (!good)
		return report_failure(run, &result, &complaint);
	report_success(options, &result, now_s() - began_s);
	return OMEN_EXIT_OK;
}

static int
open_bad_rows(ImportRun *run, OmenComplaint *complaint)
{
	run->bad_rows = stderr;
	if (run->bad_rows_path == NULL)
		return OMEN_EXIT_OK;
	run->bad_rows = fopen(run->bad_rows_path, "we");
	if (run->bad_rows != NULL)
		return OMEN_EXIT_OK;
	omen_complain(complaint, "cannot write %s: %s", run->bad_rows_path, strerror(errno));
	return omen_command_fail(complaint);
}

static int
import_run(int argc, char **argv)
{
	OmenConfig *config = omen_command_config(&argc, argv);
	OmenImportOptions options = omen_import_defaults();
	OmenComplaint complaint = {0};
	ImportRun	run = {0};
	PGconn	   *connection;
	int			code;

	if (config == NULL)
		return OMEN_EXIT_USAGE;
	code = parse_arguments(argc, argv, &options, &run);
	if (code == OMEN_EXIT_OK)
		code = open_bad_rows(&run, &complaint);
	if (code != OMEN_EXIT_OK)
	{
		omen_config_free(config);
		return code;
	}
	connection = omen_db_connect(config, "omendb import", &complaint);
	omen_config_free(config);
	if (connection == NULL)
		code = omen_command_fail(&complaint);
	else
		code = run_import(connection, &options, &run);
	if (run.bad_rows != stderr && fclose(run.bad_rows) != 0 && code == OMEN_EXIT_OK)
	{
		omen_complain(&complaint, "cannot write %s: %s", run.bad_rows_path, strerror(errno));
		code = omen_command_fail(&complaint);
	}
	PQfinish(connection);
	return code;
}

const OmenCommand omen_import_command = {
	.name = "import",
	.summary = "load a CSV, JSON Lines, .fvecs or .npy file into a table",
	.help =
	"usage: omendb import [options] TABLE FILE\n"
	"\n"
	"Loads FILE into TABLE, all of it or nothing.  FILE - is standard input.\n"
	"TABLE is written as in SQL, with its schema and quotes where needed.\n"
	"\n"
	"  --format NAME      csv, jsonl, fvecs, bvecs, ivecs or npy, where the file's\n"
	"                     name does not tell\n"
	"  --create           make the table, if there is none, from the first records;\n"
	"                     without a column id it gets one that counts\n"
	"  --columns A,B,-    CSV: the columns its fields go to, in order, - for one\n"
	"                     to leave out.  JSON Lines: the keys to take, and no others\n"
	"  --skip-bad N       leave up to N bad rows out, reporting each\n"
	"  --bad-rows FILE    report them to FILE instead of standard error\n"
	"  --max-record SIZE  longest record accepted, such as 256M (default 64M)\n"
	"\n"
	"CSV:\n"
	"  --delimiter C      one character, or \\t (default ,)\n"
	"  --null TEXT        an unquoted field that says TEXT is NULL (default: empty)\n"
	"  --no-header        the first line is data already; needs --columns\n"
	"\n"
	"fvecs, bvecs, ivecs, npy:\n"
	"  --column NAME      the column for vectors (default: the only vector column;\n"
	"                     embedding with --create)\n"
	"  --id-column NAME   fill this column with the row's number in the file, from 1\n"
	"\n"
	"Vectors are written [1,2.5,3] in CSV and as arrays of numbers in JSON Lines.\n"
	"A bad row is told by file, line (or row) and reason.  What only the server can\n"
	"find, such as a duplicate key, ends the import even with --skip-bad.\n"
	"\n"
	"Exit status: 0 done, 1 nothing imported, 2 wrong usage.\n"
	"\n"
	"The database is the one on --data, or --database; see `omendb help config`.\n",
	.run = import_run,
};
