/*
 * import_plan.c - which field of a record goes to which column.
 *
 * The names of a file's columns come from --columns, else from the CSV header
 * or the keys of the first JSON records.  Every name must be a column of the
 * table: a file whose column is dropped in silence is worse than one refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/import_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
omen_plan_next_name(const char **list, char *name, size_t size, bool *bad)
{
	const char *at = *list;
	bool		quoted = *at == '"';
	size_t		used = 0;

	*bad = false;
	if (*at == '\0')
		return false;
	at += quoted;
	while (*at != '\0' && (quoted || *at != ','))
	{
		if (quoted && *at == '"')
		{
			if (at[1] != '"')
				break;
			at++;
		}
		if (used + 1 >= size)
			break;
		name[used++] = *at++;
	}
	name[used] = '\0';
	if (quoted && *at == '"')
		at++;
	else if (quoted)
		*bad = true;
	if (used == 0 || (*at != ',' && *at != '\0') || (*at == ',' && at[1] == '\0'))
		*bad = true;
	*list = *at == ',' ? at + 1 : at;
	return !*bad;
}

/* Replaces the guess's names by those of --columns, and checks that each column has one. */
static bool
name_columns(OmenGuessTable *table, const OmenImportOptions *options, OmenComplaint *complaint)
{
	const char *list = options->columns;
	char		name[256];
	bool		bad;
	uint32_t	count = 0;

	while (omen_plan_next_name(&list, name, sizeof(name), &bad))
	{
		if (count < table->count)
		{
			free(table->columns[count].name);
			table->columns[count].name = strdup(name);
			if (table->columns[count].name == NULL)
				return omen_complain(complaint, "out of memory");
		}
		count++;
	}
	if (bad)
		return omen_complain(complaint, "--columns %s: names with commas between them are expected", options->columns);
	if (count != table->count)
		return omen_complain(complaint, "--columns names %u columns, and %s has %u",
							 count, options->path, table->count);
	return true;
}

/* JSON Lines with --columns: only those keys, in that order, whether the sample has them or not. */
static bool
select_keys(OmenGuessTable *table, const OmenImportOptions *options, OmenComplaint *complaint)
{
	OmenGuessTable chosen = {.row_count = table->row_count};
	const char *list = options->columns;
	char		name[256];
	bool		bad;

	chosen.columns = calloc(strlen(list) + 1, sizeof(OmenGuessColumn));
	if (chosen.columns == NULL)
		return omen_complain(complaint, "out of memory");
	while (omen_plan_next_name(&list, name, sizeof(name), &bad))
	{
		OmenGuessColumn *column = &chosen.columns[chosen.count];

		for (uint32_t i = 0; i < table->count; i++)
			if (strcmp(table->columns[i].name, name) == 0)
				*column = table->columns[i];
		column->name = strdup(name);
		if (column->name == NULL)
			break;
		chosen.count++;
	}
	omen_guess_free(table);
	*table = chosen;
	return bad ? omen_complain(complaint, "--columns %s: names with commas between them are expected",
							   options->columns) : true;
}

/*
 * The columns of a CSV or JSON Lines file, named.  Its first records are read
 * ahead only where they are needed: for the types of a table to be made, and
 * for the keys of JSON.  A slow pipe is not waited for otherwise.
 */
static bool
file_columns(OmenReader *reader, const OmenImportOptions *options, bool types_wanted,
			 OmenGuessTable *table, OmenComplaint *complaint)
{
	bool		keys_wanted = reader->format == &omen_format_jsonl && options->columns == NULL;
	OmenError	err;

	if (omen_guess_columns(reader, types_wanted || keys_wanted ? OMEN_GUESS_ROWS : 0, table, &err) != OMEN_OK)
		return omen_complain(complaint, "%s", err.text);
	if (reader->format == &omen_format_csv)
		return options->columns == NULL || name_columns(table, options, complaint);
	if (options->columns != NULL)
		return select_keys(table, options, complaint);
	if (table->count == 0 && reader->source->eof && reader->source->begin == reader->source->end)
		return omen_complain(complaint, "the file is empty: lines of JSON were expected");
	if (table->count == 0)
	{
		omen_complain(complaint, "none of the first records is a JSON object with keys");
		return omen_advise(complaint,
			"Each line must be one object.  Where the first ones are bad, name the keys with --columns.");
	}
	return true;
}

/* The columns of a file of vectors. */
static bool
vector_columns(const OmenReader *reader, const OmenImportOptions *options, OmenGuessTable *table,
			   OmenComplaint *complaint)
{
	table->columns = calloc(2, sizeof(OmenGuessColumn));
	if (table->columns == NULL)
		return omen_complain(complaint, "out of memory");
	table->columns[0].name = strdup(options->vector_column != NULL ? options->vector_column : "embedding");
	table->columns[0].guess = OMEN_GUESS_VECTOR;
	table->columns[0].dim = reader->dim;
	table->count = 1;
	if (options->id_column != NULL)
	{
		table->columns[1].name = strdup(options->id_column);
		table->columns[1].guess = OMEN_GUESS_BIGINT;
		table->count = 2;
	}
	if (table->columns[0].name == NULL || (options->id_column != NULL && table->columns[1].name == NULL))
		return omen_complain(complaint, "out of memory");
	return true;
}

/* Makes the table from a copy of the guess without the columns that are left out. */
static bool
create_target(OmenImportPlan *plan, PGconn *connection, const OmenReader *reader, const OmenImportOptions *options,
			  const OmenGuessTable *columns, OmenComplaint *complaint)
{
	OmenGuessTable kept = {.columns = calloc((size_t) columns->count + 1, sizeof(OmenGuessColumn))};
	char	   *statement;
	bool		found;
	bool		good;

	if (reader->format->vectors && reader->dim == 0)
	{
		free(kept.columns);
		return omen_complain(complaint, "%s is empty: no columns can be made from it", options->path);
	}
	if (kept.columns == NULL)
		return omen_complain(complaint, "out of memory");
	/* The names stay the guess's own. */
	for (uint32_t i = 0; i < columns->count; i++)
		if (strcmp(columns->columns[i].name, "-") != 0)
			kept.columns[kept.count++] = columns->columns[i];
	good = omen_target_create(connection, options->table, &kept, options->id_column, &statement, complaint);
	free(kept.columns);
	/* A column's type is a guess from the first records, and not always the one hoped for. */
	if (good && options->notice != NULL)
		options->notice(options->context, statement);
	free(statement);
	if (!good || !omen_target_find(&plan->target, connection, options->table, &found, complaint))
		return false;
	return found || omen_complain(complaint, "the table %s was created but cannot be found", options->table);
}

/* Adds the table's column of that name to those filled; its slot, or -1 and a complaint. */
static int32_t
add_column(OmenImportPlan *plan, const OmenImportOptions *options, const char *name, OmenComplaint *complaint)
{
	const OmenColumn *column = omen_target_column(&plan->target, name, strlen(name));
	char		list[512];

	if (column == NULL)
	{
		omen_target_list(&plan->target, list, sizeof(list));
		omen_complain(complaint, "%s has no column \"%s\" that can be filled; its columns are %s",
					  options->table, name, list);
		omen_advise(complaint, "--columns says which columns the file's fields go to: see `omendb help import`.");
		return -1;
	}
	for (uint32_t i = 0; i < plan->column_count; i++)
		if (plan->columns[i].name == column->name)
		{
			omen_complain(complaint, "the column \"%s\" is named twice", name);
			return -1;
		}
	plan->columns[plan->column_count] = *column;
	return (int32_t) plan->column_count++;
}

static bool
place_columns(OmenImportPlan *plan, const OmenImportOptions *options, const OmenGuessTable *columns,
			  bool csv, OmenComplaint *complaint)
{
	for (uint32_t i = 0; i < columns->count; i++)
	{
		const char *name = columns->columns[i].name;

		plan->slots[i] = -1;
		plan->slot_count = i + 1;
		if (csv && strcmp(name, "-") == 0)
			continue;
		plan->slots[i] = add_column(plan, options, name, complaint);
		if (plan->slots[i] < 0)
			return false;
	}
	return plan->column_count > 0 || omen_complain(complaint, "no column is left to fill");
}

static bool
place_vectors(OmenImportPlan *plan, const OmenImportOptions *options, OmenComplaint *complaint)
{
	const char *name = options->vector_column;

	if (name == NULL)
	{
		const OmenColumn *column = omen_target_vector_column(&plan->target, complaint);

		if (column == NULL)
			return false;
		name = column->name;
	}
	if (add_column(plan, options, name, complaint) < 0)
		return false;
	plan->numbered = options->id_column != NULL;
	if (plan->numbered && add_column(plan, options, options->id_column, complaint) < 0)
		return false;
	for (uint32_t i = 0; i < plan->column_count; i++)
	{
		const OmenEncoding *encoding = plan->columns[i].encoding;
		bool		good = encoding != NULL;

		if (good && i == 0)
			good = encoding->encode == omen_encode_vector || encoding->encode == omen_encode_halfvec ||
				encoding->encode == omen_encode_float4_array;
		if (!good)
			return omen_complain(complaint, "the column \"%s\" is of type %s; %s is needed", plan->columns[i].name,
								 plan->columns[i].type_text, i == 0 ? "vector, halfvec or real[]" : "a whole number");
	}
	return true;
}

/* Says so when the file goes as text, and because of which types. */
static void
tell_text_columns(const OmenImportPlan *plan, const OmenImportOptions *options)
{
	char		text[512];
	size_t		used = 0;

	for (uint32_t i = 0; i < plan->column_count; i++)
		if (plan->columns[i].encoding == NULL && used + 160 < sizeof(text))
			used += (size_t) snprintf(text + used, 160, "%s%.60s (%.80s)", used > 0 ? ", " : "",
									  plan->columns[i].name, plan->columns[i].type_text);
	if (used > 0 && options->notice != NULL)
	{
		char		notice[640];

		snprintf(notice, sizeof(notice), "sent as text, for the server to check: no binary form is known for %s", text);
		options->notice(options->context, notice);
	}
}

/* With the table looked up: the file's columns, the table if it is to be made, and what goes where. */
static bool
settle(OmenImportPlan *plan, PGconn *connection, OmenReader *reader, const OmenImportOptions *options,
	   bool found, OmenGuessTable *columns, OmenComplaint *complaint)
{
	bool		vectors = plan->kind == OMEN_PLAN_VECTOR;

	if (!(vectors ? vector_columns(reader, options, columns, complaint) :
		  file_columns(reader, options, !found, columns, complaint)))
		return false;
	plan->columns = calloc((size_t) columns->count + 1, sizeof(OmenColumn));
	plan->values = calloc((size_t) columns->count + 1, sizeof(OmenField));
	plan->slots = calloc((size_t) columns->count + 1, sizeof(int32_t));
	if (plan->columns == NULL || plan->values == NULL || plan->slots == NULL)
		return omen_complain(complaint, "out of memory");
	if (!found && !create_target(plan, connection, reader, options, columns, complaint))
		return false;
	return vectors ? place_vectors(plan, options, complaint) :
		place_columns(plan, options, columns, plan->kind == OMEN_PLAN_BY_POSITION, complaint);
}

bool
omen_plan_make(OmenImportPlan *plan, PGconn *connection, OmenReader *reader,
			   const OmenImportOptions *options, OmenComplaint *complaint)
{
	OmenGuessTable columns = {0};
	bool		csv = reader->format == &omen_format_csv;
	bool		found;
	bool		good;

	memset(plan, 0, sizeof(*plan));
	plan->kind = reader->format->vectors ? OMEN_PLAN_VECTOR : csv ? OMEN_PLAN_BY_POSITION : OMEN_PLAN_BY_KEY;
	plan->other_keys = options->columns != NULL;
	good = omen_target_find(&plan->target, connection, options->table, &found, complaint);
	if (good && !found && !options->create)
	{
		omen_complain(complaint, "there is no table %s", options->table);
		good = omen_advise(complaint,
						   "Create it first, or let import do so from the file's columns with --create.");
	}
	good = good && settle(plan, connection, reader, options, found, &columns, complaint);
	omen_guess_free(&columns);
	if (good)
		tell_text_columns(plan, options);
	else
		omen_plan_free(plan);
	return good;
}

void
omen_plan_free(OmenImportPlan *plan)
{
	omen_target_free(&plan->target);
	free(plan->columns);
	free(plan->slots);
	free(plan->values);
	memset(plan, 0, sizeof(*plan));
}

static OmenStatus
place_keyed(OmenImportPlan *plan, const OmenRecord *record, OmenError *err)
{
	uint32_t	hint = 0;		/* keys mostly come in the order of the columns */

	for (uint32_t i = 0; i < plan->column_count; i++)
		plan->values[i].kind = OMEN_FIELD_NULL;
	for (uint32_t i = 0; i < record->count; i++)
	{
		const OmenField *key = &record->keys[i];
		uint32_t	tried;

		for (tried = 0; tried < plan->column_count; tried++)
		{
			const char *name = plan->columns[hint].name;
			bool		same = strncmp(name, key->data, key->bytes) == 0 && name[key->bytes] == '\0';

			if (same)
				plan->values[hint] = record->fields[i];
			hint = hint + 1 < plan->column_count ? hint + 1 : 0;
			if (same)
				break;
		}
		if (tried == plan->column_count && !plan->other_keys)
			return omen_fail(err, OMEN_INVALID,
							 "the key \"%.*s\" is not among those of the first records; name the keys with --columns",
							 (int) (key->bytes < 64 ? key->bytes : 64), key->data);
	}
	return OMEN_OK;
}

static void
place_vector(OmenImportPlan *plan, const OmenRecord *record)
{
	plan->values[0] = record->fields[0];
	if (!plan->numbered)
		return;
	plan->values[1].kind = OMEN_FIELD_TEXT;
	plan->values[1].data = plan->number_text;
	plan->values[1].bytes = (size_t) snprintf(plan->number_text, sizeof(plan->number_text), "%" PRIu64, record->place);
}

OmenStatus
omen_plan_place(OmenImportPlan *plan, const OmenRecord *record, OmenError *err)
{
	if (plan->kind == OMEN_PLAN_BY_KEY)
		return place_keyed(plan, record, err);
	if (plan->kind == OMEN_PLAN_VECTOR)
		place_vector(plan, record);
	else
		for (uint32_t i = 0; i < plan->slot_count; i++)
			if (plan->slots[i] >= 0)
				plan->values[plan->slots[i]] = record->fields[i];
	return OMEN_OK;
}
