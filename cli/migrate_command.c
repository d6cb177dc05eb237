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
#include "migrate_report.h"
#include "stores/stores.h"
#include "term/progress.h"

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

/* A second Ctrl-C ends the process at once; what was noted stands.  source may be NULL. */
static void
catch_interrupts(PGconn *source, PGconn *target)
{
	struct sigaction action = {0};

	cancels[0] = source != NULL ? PQgetCancel(source) : NULL;
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

typedef struct MigrateArguments
{
	const char *from;			/* a database's URL, or with kind a collection's, or a file */
	const char *to;
	const OmenStoreKind *kind;	/* NULL: PostgreSQL */
	const char *collection;
	const char *table;
	const char *index;
	const char *key_file;
	OmenMetric	metric;
	int			samples;
} MigrateArguments;

enum
{
	OPT_FROM = 256, OPT_FROM_STORE, OPT_TO, OPT_COLLECTION, OPT_TABLE, OPT_INDEX, OPT_METRIC, OPT_KEY_FILE, OPT_SAMPLES
};

#define FROM_STORE "from-"

static const struct option long_options[] = {
	{"from", required_argument, NULL, OPT_FROM},
	{FROM_STORE "pinecone", required_argument, NULL, OPT_FROM_STORE},
	{FROM_STORE "qdrant", required_argument, NULL, OPT_FROM_STORE},
	{FROM_STORE "weaviate", required_argument, NULL, OPT_FROM_STORE},
	{FROM_STORE "chroma", required_argument, NULL, OPT_FROM_STORE},
	{"to", required_argument, NULL, OPT_TO},
	{"collection", required_argument, NULL, OPT_COLLECTION},
	{"table", required_argument, NULL, OPT_TABLE},
	{"index", required_argument, NULL, OPT_INDEX},
	{"metric", required_argument, NULL, OPT_METRIC},
	{"key-file", required_argument, NULL, OPT_KEY_FILE},
	{"samples", required_argument, NULL, OPT_SAMPLES},
	{NULL, 0, NULL, 0}
};

/* One option into *arguments; 0, or the exit code after saying what is wrong. */
static int
take_option(int option, const char *name, MigrateArguments *arguments)
{
	char	   *end;

	switch (option)
	{
		case OPT_FROM_STORE:
		case OPT_FROM:
			if (arguments->from != NULL)
				return omen_command_usage("migrate", "one source at a time: --from or --from-STORE, once");
			arguments->from = optarg;
			if (option == OPT_FROM_STORE)
				arguments->kind = omen_store_kind(name + strlen(FROM_STORE));
			return 0;
		case OPT_TO:
			arguments->to = optarg;
			return 0;
		case OPT_COLLECTION:
			arguments->collection = optarg;
			return 0;
		case OPT_TABLE:
			arguments->table = optarg;
			return 0;
		case OPT_INDEX:
			arguments->index = optarg;
			return 0;
		case OPT_KEY_FILE:
			arguments->key_file = optarg;
			return 0;
		case OPT_METRIC:
			arguments->metric = omen_metric_by_name(optarg);
			if (arguments->metric == OMEN_METRIC_UNKNOWN)
				return omen_command_usage("migrate", "--metric is cosine, l2, ip or l1, not \"%s\"", optarg);
			return 0;
		case OPT_SAMPLES:
			arguments->samples = (int) strtol(optarg, &end, 10);
			if (*end != '\0' || end == optarg || arguments->samples < 0 || arguments->samples > 1000)
				return omen_command_usage("migrate", "--samples is a number from 0 to 1000, not \"%s\"", optarg);
			return 0;
		default:
			return omen_command_usage("migrate", "unknown or incomplete option");
	}
}

/* Options that mean nothing for this source are mistakes. */
static int
check_arguments(MigrateArguments *arguments)
{
	bool		url = arguments->from != NULL && strncmp(arguments->from, "http", 4) == 0 &&
		strstr(arguments->from, "://") != NULL;

	if (arguments->from == NULL)
		return omen_command_usage("migrate", "--from is needed, the connection string of the source, or --from-STORE");
	if (arguments->kind == NULL)
	{
		if (arguments->index == NULL)
			arguments->index = "same";
		if (strcmp(arguments->index, "same") != 0 && strcmp(arguments->index, "ivf") != 0)
			return omen_command_usage("migrate", "--index is same or ivf, not \"%s\"", arguments->index);
		if (arguments->collection != NULL || arguments->table != NULL || arguments->key_file != NULL ||
			arguments->metric != OMEN_METRIC_UNKNOWN)
			return omen_command_usage("migrate", "--collection, --table, --metric and --key-file are for --from-STORE");
		return 0;
	}
	if (arguments->index == NULL)
		arguments->index = "ivf";
	if (strcmp(arguments->index, "ivf") != 0 && strcmp(arguments->index, "hnsw") != 0 &&
		strcmp(arguments->index, "none") != 0)
		return omen_command_usage("migrate", "--index is ivf, hnsw or none, not \"%s\"", arguments->index);
	if (url && arguments->metric != OMEN_METRIC_UNKNOWN)
		return omen_command_usage("migrate", "--metric is for files: an address tells its collection's");
	if (!url && (arguments->collection != NULL || arguments->key_file != NULL))
		return omen_command_usage("migrate", "--collection and --key-file are for addresses, http:// or https://");
	if (arguments->metric == OMEN_METRIC_UNKNOWN)
		arguments->metric = OMEN_METRIC_COSINE;
	return 0;
}

static int
parse_arguments(int argc, char **argv, MigrateArguments *arguments)
{
	int			option;
	int			place = 0;
	int			code;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", long_options, &place)) != -1)
	{
		if (option == '?')
			return omen_command_usage("migrate", "unknown or incomplete option \"%s\"", argv[optind - 1]);
		code = take_option(option, long_options[place].name, arguments);
		if (code != 0)
			return code;
	}
	if (optind < argc)
		return omen_command_usage("migrate", "what is \"%s\"?  Databases are named by --from and --to", argv[optind]);
	return check_arguments(arguments);
}

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* Of two databases, which one does not answer? */
static PGconn *
connect_url(const char *url, const char *flag, OmenComplaint *complaint)
{
	PGconn	   *connection = omen_db_connect_url(url, "omendb migrate", complaint);

	if (connection == NULL && complaint->advice[0] == '\0')
		omen_advise(complaint, "This is about the database that %s names.", flag);
	return connection;
}

static PGconn *
connect_target(const OmenConfig *config, const MigrateArguments *arguments, OmenComplaint *complaint)
{
	if (arguments->to == NULL)
		return omen_db_connect(config, "omendb migrate", complaint);
	return connect_url(arguments->to, "--to", complaint);
}

static int
migrate_collection(const OmenConfig *config, const MigrateArguments *arguments)
{
	OmenComplaint complaint = {0};
	OmenProgress *progress = NULL;
	OmenStoreReport report;
	OmenStoreOptions options = {
		.kind = arguments->kind,.from = arguments->from,.collection = arguments->collection,
		.table = arguments->table,.index = arguments->index,.metric = arguments->metric,
		.key_file = arguments->key_file,.samples = arguments->samples,
		.context = &progress,.progress = show_progress,.notice = report_notice,.stop = &interrupted,
	};
	double		began_s = now_s();
	int			code;

	options.target = connect_target(config, arguments, &complaint);
	if (options.target == NULL)
		return omen_command_fail(&complaint);
	catch_interrupts(NULL, options.target);
	if (omen_stores_run(&options, &report, &complaint))
		code = omen_stores_print(&report, now_s() - began_s);
	else
	{
		if (progress != NULL)
			omen_progress_end(progress, "");
		code = omen_command_fail(&complaint);
	}
	omen_stores_report_free(&report);
	PQfinish(options.target);
	return code;
}

static int
migrate_database(const OmenConfig *config, const MigrateArguments *arguments)
{
	OmenComplaint complaint = {0};
	OmenTree	tree;
	OmenProgress *progress = NULL;
	OmenMigrateReport report;
	OmenMigrateOptions options = {
		.tree = &tree,.to_ivf = strcmp(arguments->index, "ivf") == 0,.samples = arguments->samples,
		.context = &progress,.progress = show_progress,.notice = report_notice,.stop = &interrupted,
	};
	double		began_s = now_s();
	int			code;

	if (!omen_tree_find(&tree, config, 0, &complaint))
		return omen_command_fail(&complaint);
	options.source = connect_url(arguments->from, "--from", &complaint);
	if (options.source == NULL)
		return omen_command_fail(&complaint);
	options.target = connect_target(config, arguments, &complaint);
	if (options.target == NULL)
	{
		PQfinish(options.source);
		return omen_command_fail(&complaint);
	}
	catch_interrupts(options.source, options.target);
	if (omen_migrate_run(&options, &report, &complaint))
		code = omen_migrate_print(&report, arguments->samples, now_s() - began_s);
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
		code = arguments.kind != NULL ? migrate_collection(config, &arguments) : migrate_database(config, &arguments);
	omen_config_free(config);
	return code;
}

const OmenCommand omen_migrate_command = {
	.name = "migrate",
	.summary = "copy from another server: PostgreSQL, Pinecone, Qdrant, Weaviate, Chroma",
	.help =
	"usage: omendb migrate --from URL [--to URL] [options]\n"
	"       omendb migrate --from-STORE FILE|URL [--to URL] [options]\n"
	"\n"
	"Copies into the database --to (default: the one on --data, or --database), and\n"
	"compares.  Interrupted, by Ctrl-C or a lost connection, the same command goes on\n"
	"where it was; until the end a schema omendb_migrate notes what is done.  Nothing\n"
	"is written to the source.\n"
	"\n"
	"A database (--from), into an empty one: schema, rows, indexes.  Both are\n"
	"PostgreSQL connection strings; the source may have pgvector or OmenDB.\n"
	"\n"
	"  --index ivf      make ivf indexes of hnsw and ivfflat ones, where ivf knows\n"
	"                   type and distance (default: same)\n"
	"  --samples N      queries to compare for each column of vectors (default 20;\n"
	"                   each reads the table twice)\n"
	"\n"
	"The source is read in one snapshot; what others write to it meanwhile is not\n"
	"copied.  Tables copied by an earlier run are compared, and copied again if the\n"
	"source has changed.  The report has for each table both counts and whether the\n"
	"checksums of all rows agree, and for each column of vectors whether exact\n"
	"searches give the same distances on both sides, and the recall of both indexes.\n"
	"Not copied: roles, owners, privileges, publications, subscriptions, large\n"
	"objects, databases' and roles' own settings.\n"
	"\n"
	"A collection of another vector store, into a table: id, a column for each name\n"
	"of vectors (embedding for the one without a name), metadata as jsonb, and of\n"
	"Chroma document and uri.\n"
	"\n"
	"  --from-pinecone FILE        records as JSON, one a line or pages of them\n"
	"  --from-qdrant FILE|URL      http://host:6333, or what its scroll prints\n"
	"  --from-weaviate FILE|URL    http://host:8080, or what /v1/objects prints;\n"
	"                              URL?tenant=NAME for a class with tenants\n"
	"  --from-chroma FILE|URL      http://host:8000, or what get() returns, as JSON\n"
	"  --collection NAME           where the URL has several\n"
	"  --table NAME                as in SQL (default: the collection's or file's)\n"
	"  --index ivf|hnsw|none       of the collection's distance (default: ivf)\n"
	"  --metric cosine|l2|ip|l1    of a file, which does not say (default: cosine)\n"
	"  --key-file FILE             holds the API key, readable by you alone; without,\n"
	"                              QDRANT_API_KEY, WEAVIATE_API_KEY or\n"
	"                              CHROMA_API_KEY of the environment, if there\n"
	"  --samples N                 points and queries to compare (default 20)\n"
	"\n"
	"The report compares the counts, a checksum of ids, vectors and documents, the\n"
	"metadata of sampled points, and the answers of the store and of the new index\n"
	"with exact search.\n"
	"\n"
	"Exit status: 0 copied and the same, 1 not, 2 wrong usage.\n",
	.run = migrate_run,
};
