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

int
omen_migrate_print(const OmenMigrateReport *report, int samples, double seconds)
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

static void
print_points(const OmenStoreReport *report)
{
	OmenTable  *table = omen_table_begin(5);
	char		rows[2][32];

	omen_table_column(table, 0, "table", OMEN_LEFT);
	omen_table_column(table, 1, "points there", OMEN_RIGHT);
	omen_table_column(table, 2, "rows here", OMEN_RIGHT);
	omen_table_column(table, 3, "checksum", OMEN_LEFT);
	omen_table_column(table, 4, "same metadata", OMEN_RIGHT);
	omen_table_cell(table, "%s", report->table);
	omen_table_cell(table, "%s", omen_format_count(rows[0], (uint64_t) report->there_rows));
	omen_table_cell(table, "%s", omen_format_count(rows[1], (uint64_t) report->here_rows));
	omen_table_cell(table, "%s", report->same_checksum ? "same" : "DIFFERENT");
	omen_table_cell(table, "%d of %d", report->metadata_same, report->metadata_asked);
	omen_table_print(table, stdout, 0);
	omen_table_end(table);
}

static void
print_share(OmenTable *table, double share, const char *none)
{
	if (share < 0)
		omen_table_cell(table, "%s", none);
	else
		omen_table_cell(table, "%.3f", share);
}

static void
print_columns(const OmenStoreReport *report)
{
	OmenTable  *table = omen_table_begin(5);

	omen_table_column(table, 0, "column", OMEN_LEFT);
	omen_table_column(table, 1, "distance", OMEN_LEFT);
	omen_table_column(table, 2, "queries", OMEN_RIGHT);
	omen_table_column(table, 3, "recall@10 there", OMEN_RIGHT);
	omen_table_column(table, 4, "here", OMEN_RIGHT);
	for (int i = 0; i < report->column_count; i++)
	{
		const OmenStoreColumn *at = &report->columns[i];

		omen_table_cell(table, "%s", at->name);
		omen_table_cell(table, "%s", omen_metric_name(at->metric));
		omen_table_cell(table, "%d", at->asked);
		print_share(table, at->there_recall, "not asked");
		print_share(table, at->here_recall, "no index");
	}
	putchar('\n');
	omen_table_print(table, stdout, 0);
	omen_table_end(table);
}

int
omen_stores_print(const OmenStoreReport *report, double seconds)
{
	OmenComplaint complaint;
	char		rows[32];
	char		duration[32];

	printf("%s points copied%s, %d %s, in %s\n\n", omen_format_count(rows, (uint64_t) report->copied),
		   report->resumed ? " by this run" : "", report->index_count, report->index_count == 1 ? "index" : "indexes",
		   omen_format_duration(duration, seconds));
	print_points(report);
	if (report->column_count > 0)
		print_columns(report);
	if (report->same)
	{
		puts("\nEverything that was compared is the same.");
		return OMEN_EXIT_OK;
	}
	omen_complain(&complaint, "the copy differs from the source");
	omen_advise(&complaint, "If others write to the source meanwhile, let them pause; drop the table and copy again.");
	return omen_command_fail(&complaint);
}
