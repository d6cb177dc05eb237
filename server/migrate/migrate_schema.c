/*
 * migrate_schema.c - tables and all that belongs to them, by pg_dump.
 *
 * pg_dump knows every kind of object that PostgreSQL has; its archive is split
 * at the rows: before them what they need to be stored, after them keys,
 * indexes, triggers and constraints.  Each half runs in one transaction that
 * also notes that it is done, so it is there or not.  Indexes of vectors are
 * taken out of the second half: migrate_index.c makes them, one by one.
 *
 * Owners and privileges stay behind: the target has its own roles.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/query.h"
#include "migrate/migrate_parts.h"
#include "postgres/child_process.h"

#define PATH_BYTES 320

static const char *
work_path(const OmenMigration *run, const char *name, char *path)
{
	snprintf(path, PATH_BYTES, "%s/%s", run->work, name);
	return path;
}

void
omen_migration_clean(OmenMigration *run)
{
	static const char *const names[] = {"source.pass", "target.pass", "archive", "list", "schema.sql", "log"};
	char		path[PATH_BYTES];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(work_path(run, names[i], path));
	rmdir(run->work);
}

/* keyword='value' as libpq reads it. */
static void
put_parameter(FILE *out, const char *keyword, const char *value)
{
	fprintf(out, "%s='", keyword);
	for (; *value != '\0'; value++)
	{
		if (*value == '\'' || *value == '\\')
			fputc('\\', out);
		fputc(*value, out);
	}
	fputs("' ", out);
}

/*
 * A connection string for a program, with everything that this connection has
 * but its password, which no argument may show: that is in a file, which is named.
 */
static char *
connection_string(OmenMigration *run, PGconn *side, const char *passfile)
{
	PQconninfoOption *parameters = PQconninfo(side);
	const char *password = PQpass(side);
	bool		has_password = password != NULL && password[0] != '\0';
	char		path[PATH_BYTES];
	char	   *text = NULL;
	size_t		bytes;
	FILE	   *out = open_memstream(&text, &bytes);

	if (out == NULL || parameters == NULL)
		abort();
	for (PQconninfoOption *at = parameters; at->keyword != NULL; at++)
		if (at->val != NULL && strcmp(at->keyword, "password") != 0 &&
			strcmp(at->keyword, "fallback_application_name") != 0 &&
			!(has_password && strcmp(at->keyword, "passfile") == 0))
			put_parameter(out, at->keyword, at->val);
	if (has_password)
	{
		int			fd = open(work_path(run, passfile, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		FILE	   *file = fd < 0 ? NULL : fdopen(fd, "w");

		if (file != NULL)
		{
			fputs("*:*:*:*:", file);
			for (; *password != '\0'; password++)
			{
				if (*password == ':' || *password == '\\')
					fputc('\\', file);
				fputc(*password, file);
			}
			fputc('\n', file);
			fclose(file);
		}
		put_parameter(out, "passfile", path);
	}
	fclose(out);
	PQconninfoFree(parameters);
	return text;
}

/* The last line of what a program said, which is where the reason stands. */
static void
read_reason(const char *path, char *reason, size_t reason_bytes)
{
	FILE	   *log = fopen(path, "re");
	char		line[1024];

	snprintf(reason, reason_bytes, "it said nothing");
	while (log != NULL && fgets(line, sizeof(line), log) != NULL)
	{
		line[strcspn(line, "\n")] = '\0';
		if (strstr(line, "error:") != NULL || strstr(line, "ERROR:") != NULL || strstr(line, "DETAIL:") != NULL)
			snprintf(reason, reason_bytes, "%s", line);
	}
	if (log != NULL)
		fclose(log);
}

/* argv[0] is the program's name; what it prints goes to the log. */
static bool
run_program(OmenMigration *run, const char **argv)
{
	char		program[PATH_MAX];
	char		path[PATH_BYTES];
	char		fate[128];
	char		reason[1024];
	const char *name = argv[0];
	OmenChild	child = {.argv = argv,.input_fd = -1,.death_signal = SIGTERM};
	int			status = 0;
	pid_t		pid;

	argv[0] = omen_tree_program(run->options->tree, name, program);
	child.output_fd = open(work_path(run, "log", path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid = omen_child_start(&child, run->complaint);
	if (child.output_fd >= 0)
		close(child.output_fd);
	if (pid == 0)
		return false;
	while (waitpid(pid, &status, WNOHANG) != pid)
	{
		if (*run->options->stop)
			kill(pid, SIGTERM);
		usleep(20000);
	}
	if (omen_migration_stopped(run))
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	read_reason(path, reason, sizeof(reason));
	return omen_complain(run->complaint, "%s %s: %s", name, omen_child_fate(fate, sizeof(fate), status), reason);
}

static bool
dump(OmenMigration *run)
{
	char		archive[PATH_BYTES];
	char		snapshot[192];
	char	   *source = connection_string(run, run->options->source, "source.pass");
	const char *argv[] = {"pg_dump", "--format=custom", "--schema-only", "--no-owner", "--no-privileges",
		"--no-publications", "--no-subscriptions", "--exclude-schema=omendb_migrate", snapshot, "--file",
	work_path(run, "archive", archive), "--dbname", source, NULL};
	bool		done;

	if (PQserverVersion(run->options->source) / 10000 > run->options->tree->major)
	{
		free(source);
		omen_complain(run->complaint, "the source is PostgreSQL %d, and the pg_dump here is of %d",
					  PQserverVersion(run->options->source) / 10000, run->options->tree->major);
		return omen_advise(run->complaint, "Name a newer PostgreSQL with --postgres-prefix.");
	}
	snprintf(snapshot, sizeof(snapshot), "--snapshot=%s", run->snapshot);
	done = run_program(run, argv);
	free(source);
	return done;
}

/* The archive's half named by section, without the entries that the list leaves out, as SQL, run and noted. */
static bool
restore(OmenMigration *run, const char *section, const char *list)
{
	char		archive[PATH_BYTES];
	char		script[PATH_BYTES];
	char		section_option[64];
	char		note[256];
	char	   *target;
	const char *to_sql[] = {"pg_restore", "--no-owner", "--no-privileges", section_option, "--file",
		work_path(run, "schema.sql", script), work_path(run, "archive", archive),
	list != NULL ? "--use-list" : NULL, list, NULL};
	const char *run_sql[] = {"psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1",
	"--file", script, "--command", note, "--dbname", NULL, NULL};
	bool		done;

	snprintf(section_option, sizeof(section_option), "--section=%s", section);
	snprintf(note, sizeof(note), "INSERT INTO omendb_migrate.progress VALUES ('%s', 0)", section);
	target = connection_string(run, run->options->target, "target.pass");
	run_sql[10] = target;
	done = run_program(run, to_sql) && run_program(run, run_sql);
	free(target);
	return done;
}

bool
omen_migration_make_schema(OmenMigration *run)
{
	int64_t		made;
	bool		done;

	if (!omen_migration_noted(run, "pre-data", &made))
		return false;
	run->options->progress(run->options->context, "schema", "", 0, 0);
	done = dump(run) && (made >= 0 || restore(run, "pre-data", NULL));
	run->options->progress(run->options->context, NULL, "", UINT64_MAX, 0);
	return done;
}

/*
 * The archive's list of entries, "N; CLASS OID INDEX ...", without indexes of
 * vectors (known by oid) and what attaches them to a partitioned one (by name).
 */
static bool
write_list(OmenMigration *run, char *list)
{
	char		path[PATH_BYTES];
	char		archive[PATH_BYTES];
	const char *argv[] = {"pg_restore", "--list", "--file", work_path(run, "list", list),
	work_path(run, "archive", archive), NULL};
	PGresult   *found = omen_migration_ask(run, run->options->source,
										   "SELECT ' ' || c.oid || ' INDEX ', "
										   "' INDEX ATTACH ' || n.nspname || ' ' || c.relname || ' ' "
										   "FROM pg_class c JOIN pg_am am ON am.oid = c.relam "
										   "JOIN pg_namespace n ON n.oid = c.relnamespace "
										   "WHERE c.relkind IN ('i', 'I') AND " OMEN_MIGRATE_VECTOR_INDEX);
	FILE	   *in;
	FILE	   *out;
	char	   *line = NULL;
	size_t		room = 0;

	if (found == NULL || !run_program(run, argv))
	{
		PQclear(found);
		return false;
	}
	in = fopen(list, "re");
	out = fopen(work_path(run, "log", path), "we");
	while (in != NULL && out != NULL && getline(&line, &room, in) > 0)
	{
		bool		ours = false;

		for (int i = 0; i < PQntuples(found) && !ours; i++)
			ours = strstr(line, PQgetvalue(found, i, 0)) != NULL || strstr(line, PQgetvalue(found, i, 1)) != NULL;
		if (!ours)
			fputs(line, out);
	}
	free(line);
	PQclear(found);
	if (in == NULL || out == NULL || fclose(in) != 0 || fclose(out) != 0 || rename(path, list) != 0)
		return omen_complain(run->complaint, "cannot write %s: %s", list, strerror(errno));
	return true;
}

bool
omen_migration_finish_schema(OmenMigration *run)
{
	char		list[PATH_BYTES];
	int64_t		made;
	bool		done;

	if (!omen_migration_noted(run, "post-data", &made))
		return false;
	if (made >= 0)
		return true;
	run->options->progress(run->options->context, "keys, constraints, other indexes", "", 0, 0);
	done = write_list(run, list) && restore(run, "post-data", list);
	run->options->progress(run->options->context, NULL, "", UINT64_MAX, 0);
	return done;
}
