/*
 * migrate_report.c - what `omendb migrate` says at its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "migrate_report.h"
#include "term/progress_line.h"
#include "term/table.h"

/* A table of columns with these titles; of each a letter of `sides` says whether its cells stand left or right. */
static OmenTable *
begin_table(const char *sides, const char *const *titles)
{
	int			columns = (int) strlen(sides);
	OmenTable  *table = omen_table_begin(columns);

	for (int i = 0; i < columns; i++)
		omen_table_column(table, i, titles[i], sides[i] == 'l' ? OMEN_LEFT : OMEN_RIGHT);
	return table;
}

static void
print_table(OmenTable *table)
{
	omen_table_print(table, stdout, 0);
	omen_table_end(table);
}

/* What a table's line begins with: rows there and here, and whether their checksums are the same. */
static void
print_counts(OmenTable *table, const char *name, int64_t there, int64_t here, bool same)
{
	char		text[32];

	omen_table_cell(table, "%s", name);
	omen_table_cell(table, "%s", omen_format_count(text, (uint64_t) there));
	omen_table_cell(table, "%s", omen_format_count(text, (uint64_t) here));
	omen_table_cell(table, "%s", same ? "same" : "DIFFERENT");
}

static void
print_recall(OmenTable *table, double recall, const char *none)
{
	if (recall < 0)
		omen_table_cell(table, "%s", none);
	else
		omen_table_cell(table, "%.3f", recall);
}

static int
print_verdict(bool same, const char *advice)
{
	OmenComplaint complaint;

	if (same)
	{
		puts("\nEverything that was compared is the same.");
		return OMEN_EXIT_OK;
	}
	omen_complain(&complaint, "the copy differs from the source");
	omen_advise(&complaint, "%s", advice);
	return omen_command_fail(&complaint);
}

int
omen_migrate_print(const OmenMigrateReport *report, int samples, double seconds)
{
	static const char *const counts[] = {"table", "rows there", "rows here", "checksums"};
	static const char *const answers[] =
	{"column", "distance", "same exact answers", "recall@10 of the index there", "here"};
	OmenTable  *table = begin_table("lrrl", counts);
	char		rows[32];
	char		duration[32];

	printf("%s rows copied%s, %d %s of vectors, in %s\n\n", omen_format_count(rows, (uint64_t) report->row_count),
		   report->resumed ? " by this run" : "", report->index_count, report->index_count == 1 ? "index" : "indexes",
		   omen_format_duration(duration, seconds));
	for (int i = 0; i < report->table_count; i++)
	{
		const OmenMigrateTable *at = &report->tables[i];

		print_counts(table, at->name, at->source_rows, at->target_rows, at->same);
	}
	print_table(table);
	if (report->column_count > 0 && samples > 0)
	{
		table = begin_table("llrrr", answers);
		for (int i = 0; i < report->column_count; i++)
		{
			const OmenMigrateColumn *at = &report->columns[i];

			omen_table_cell(table, "%s.%s", at->table, at->column);
			omen_table_cell(table, "%s", at->spelling);
			omen_table_cell(table, "%d of %d", at->same, at->asked);
			print_recall(table, at->source_recall, "no index");
			print_recall(table, at->target_recall, "no index");
		}
		putchar('\n');
		print_table(table);
	}
	return print_verdict(report->same, "Copy again into an empty database; if it differs again, please report it.");
}

int
omen_stores_print(const OmenStoreReport *report, double seconds)
{
	static const char *const counts[] = {"table", "points there", "rows here", "checksum", "same metadata"};
	static const char *const answers[] = {"column", "distance", "queries", "recall@10 there", "here"};
	OmenTable  *table = begin_table("lrrlr", counts);
	char		rows[32];
	char		duration[32];

	printf("%s points copied%s, %d %s, in %s\n\n", omen_format_count(rows, (uint64_t) report->copied),
		   report->resumed ? " by this run" : "", report->index_count, report->index_count == 1 ? "index" : "indexes",
		   omen_format_duration(duration, seconds));
	print_counts(table, report->table, report->there_rows, report->here_rows, report->same_checksum);
	omen_table_cell(table, "%d of %d", report->metadata_same, report->metadata_asked);
	print_table(table);
	if (report->column_count > 0)
	{
		table = begin_table("llrrr", answers);
		for (int i = 0; i < report->column_count; i++)
		{
			const OmenStoreColumn *at = &report->columns[i];

			omen_table_cell(table, "%s", at->name);
			omen_table_cell(table, "%s", omen_metric_name(at->metric));
			omen_table_cell(table, "%d", at->asked);
			print_recall(table, at->there_recall, "not asked");
			print_recall(table, at->here_recall, "no index");
		}
		putchar('\n');
		print_table(table);
	}
	return print_verdict(report->same, "If others write to the source meanwhile, let them pause; "
						 "drop the table and copy again.");
}
