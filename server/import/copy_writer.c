/*
 * copy_writer.c - rows into a table over COPY.
 *
 * Binary COPY: an 11-byte signature, int32 flags, int32 length of an extension
 * (both 0), then tuples (int16 field count, each field int32 length or -1 and
 * its bytes), then int16 -1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/copy_writer.h"

#include <stdlib.h>
#include <string.h>

#include "db/query.h"

#define FLUSH_BYTES ((size_t) 128 * 1024)
/* libpq takes an int; a single row may be longer than this. */
#define SEND_BYTES_MAX ((size_t) 64 * 1024 * 1024)

/* Its last byte is the NUL. */
static const char signature[11] = "PGCOPY\n\377\r\n";

bool
omen_copy_begin(OmenCopyWriter *writer, PGconn *connection, const char *qualified,
				const char *relation, const OmenColumn *columns, uint32_t column_count,
				OmenComplaint *complaint)
{
	OmenBuffer	sql = {0};
	PGresult   *result;

	memset(writer, 0, sizeof(*writer));
	writer->connection = connection;
	writer->columns = columns;
	writer->column_count = column_count;
	writer->relation = relation;
	writer->binary = true;
	writer->marks = malloc(OMEN_PLACE_MARKS * sizeof(OmenPlaceMark));
	omen_buffer_append_text(&sql, "COPY ");
	omen_buffer_append_text(&sql, qualified);
	for (uint32_t i = 0; i < column_count; i++)
	{
		char	   *name = PQescapeIdentifier(connection, columns[i].name, strlen(columns[i].name));

		omen_buffer_append_text(&sql, i == 0 ? " (" : ", ");
		omen_buffer_append_text(&sql, name != NULL ? name : "");
		sql.failed = sql.failed || name == NULL;
		PQfreemem(name);
		writer->binary = writer->binary && columns[i].encoding != NULL;
	}
	omen_buffer_append_text(&sql, writer->binary ? ") FROM STDIN (FORMAT binary)" : ") FROM STDIN (FORMAT text)");
	omen_buffer_append_byte(&sql, '\0');
	if (sql.failed || writer->marks == NULL)
	{
		omen_buffer_free(&sql);
		return omen_complain(complaint, "out of memory");
	}
	result = PQexec(connection, sql.data);
	omen_buffer_free(&sql);
	if (PQresultStatus(result) != PGRES_COPY_IN)
	{
		omen_db_complain(connection, result, complaint);
		PQclear(result);
		return false;
	}
	PQclear(result);
	writer->open = true;
	if (writer->binary)
	{
		omen_buffer_append(&writer->buffer, signature, sizeof(signature));
		omen_buffer_append_u32(&writer->buffer, 0);
		omen_buffer_append_u32(&writer->buffer, 0);
	}
	return true;
}

/* Remembers where the row just added came from, unless that follows from the last mark. */
static void
mark_place(OmenCopyWriter *writer, uint64_t place)
{
	const OmenPlaceMark *last;

	if (writer->mark_count > 0)
	{
		last = &writer->marks[(writer->mark_count - 1) % OMEN_PLACE_MARKS];
		if (place - last->place == writer->row_count - last->row)
			return;
	}
	writer->marks[writer->mark_count % OMEN_PLACE_MARKS] = (OmenPlaceMark) {writer->row_count, place};
	writer->mark_count++;
}

uint64_t
omen_copy_place(const OmenCopyWriter *writer, uint64_t row)
{
	uint64_t	oldest = writer->mark_count > OMEN_PLACE_MARKS ? writer->mark_count - OMEN_PLACE_MARKS : 0;

	if (row < 1 || row > writer->row_count)
		return 0;
	for (uint64_t i = writer->mark_count; i > oldest; i--)
	{
		const OmenPlaceMark *mark = &writer->marks[(i - 1) % OMEN_PLACE_MARKS];

		if (mark->row <= row)
			return mark->place + (row - mark->row);
	}
	return 0;
}

OmenStatus
omen_copy_row(OmenCopyWriter *writer, const OmenField *fields, uint64_t place, OmenError *err)
{
	OmenError	reason;
	uint32_t	culprit = 0;
	OmenStatus	status;

	status = (writer->binary ? omen_encode_tuple_binary : omen_encode_tuple_text)
		(writer->columns, fields, writer->column_count, &writer->scratch, &writer->buffer, &culprit, &reason);
	if (status != OMEN_OK)
		return omen_fail(err, status, "column \"%s\": %s", writer->columns[culprit].name, reason.text);
	writer->row_count++;
	mark_place(writer, place);
	return OMEN_OK;
}

uint64_t
omen_copy_context_row(const char *context, const char *relation)
{
	size_t		bytes = strlen(relation);
	const char *at;

	if (context == NULL)
		return 0;
	/* The context of a trigger's own statements comes first; ours is the line that starts with COPY. */
	for (at = context; at != NULL; at = strchr(at, '\n'))
	{
		at += *at == '\n';
		if (strncmp(at, "COPY ", 5) == 0 && strncmp(at + 5, relation, bytes) == 0)
			break;
	}
	if (at == NULL)
		return 0;
	at += 5 + bytes;
	at += strcspn(at, "0123456789\n");
	return strtoull(at, NULL, 10);
}

/* After a send failed: what the server says, and which row it means. */
static bool
explain_failure(OmenCopyWriter *writer, OmenComplaint *complaint, uint64_t *place)
{
	PGresult   *result;
	bool		explained = false;

	writer->open = false;
	while ((result = PQgetResult(writer->connection)) != NULL)
	{
		ExecStatusType status = PQresultStatus(result);

		if (status == PGRES_COPY_IN)
		{
			PQclear(result);
			if (PQputCopyEnd(writer->connection, "the import failed") != 1)
				break;
			continue;
		}
		if (status == PGRES_FATAL_ERROR && !explained)
		{
			uint64_t	row = omen_copy_context_row(PQresultErrorField(result, PG_DIAG_CONTEXT), writer->relation);

			omen_db_complain(writer->connection, result, complaint);
			*place = omen_copy_place(writer, row);
			explained = true;
		}
		PQclear(result);
		if (PQstatus(writer->connection) == CONNECTION_BAD)
			break;
	}
	if (!explained)
		omen_db_complain(writer->connection, NULL, complaint);
	return false;
}

bool
omen_copy_flush(OmenCopyWriter *writer, bool always, OmenComplaint *complaint, uint64_t *place)
{
	OmenBuffer *buffer = &writer->buffer;

	if (!always && buffer->bytes < FLUSH_BYTES)
		return true;
	if (buffer->failed)
		return omen_complain(complaint, "out of memory");
	for (size_t at = 0; at < buffer->bytes; at += SEND_BYTES_MAX)
	{
		size_t		bytes = buffer->bytes - at < SEND_BYTES_MAX ? buffer->bytes - at : SEND_BYTES_MAX;

		if (PQputCopyData(writer->connection, buffer->data + at, (int) bytes) != 1)
			return explain_failure(writer, complaint, place);
	}
	buffer->bytes = 0;
	return true;
}

bool
omen_copy_end(OmenCopyWriter *writer, OmenComplaint *complaint, uint64_t *place)
{
	PGresult   *result;
	bool		good;

	if (writer->binary)
		omen_buffer_append_u16(&writer->buffer, UINT16_MAX);
	if (!omen_copy_flush(writer, true, complaint, place))
		return false;
	if (PQputCopyEnd(writer->connection, NULL) != 1)
		return explain_failure(writer, complaint, place);
	writer->open = false;
	result = PQgetResult(writer->connection);
	good = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!good)
	{
		uint64_t	row = omen_copy_context_row(PQresultErrorField(result, PG_DIAG_CONTEXT), writer->relation);

		omen_db_complain(writer->connection, result, complaint);
		*place = omen_copy_place(writer, row);
	}
	PQclear(result);
	while ((result = PQgetResult(writer->connection)) != NULL)
		PQclear(result);
	return good;
}

void
omen_copy_close(OmenCopyWriter *writer)
{
	PGresult   *result;

	if (writer->open && PQputCopyEnd(writer->connection, "the import was given up") == 1)
		while ((result = PQgetResult(writer->connection)) != NULL)
			PQclear(result);
	omen_buffer_free(&writer->buffer);
	omen_encode_scratch_free(&writer->scratch);
	free(writer->marks);
	memset(writer, 0, sizeof(*writer));
}
