/*
 * wordnet.c - reading WordNet's data files, after wndb(5).
 *
 *   synset_offset lex_filenum ss_type w_cnt word lex_id [word lex_id...]
 *   p_cnt [ptr...] [frames...] | gloss
 *
 * Each file is read whole and each line parsed by a cursor that never passes
 * the line's end.  Invariant: what a line leaves behind (id, words, gloss,
 * parent) is never longer than the line itself, so that one buffer as large
 * as the files holds all text; the writer checks it all the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "wordnet.h"

typedef struct DataFile
{
	const char *name;
	const char *pos;
	char		letter;			/* of the ids */
	char		path[4096];
	char	   *bytes;
	size_t		size;
} DataFile;

typedef struct Cursor
{
	const char *at;
	const char *end;
} Cursor;

typedef struct Writer
{
	char	   *at;
	char	   *end;
	bool		full;
} Writer;

static OmenStatus file_read(DataFile *file, const char *folder, OmenError *err);
static OmenStatus file_parse(const DataFile *file, OmenWordnet *wordnet, Writer *out, OmenError *err);
static const char *line_parse(Cursor line, const DataFile *file, OmenSynset *synset, Writer *out);

OmenStatus
omen_wordnet_read(const char *folder, OmenWordnet *wordnet, OmenError *err)
{
	DataFile	files[] = {
		{.name = "data.noun",.pos = "noun",.letter = 'n'},
		{.name = "data.verb",.pos = "verb",.letter = 'v'},
		{.name = "data.adj",.pos = "adjective",.letter = 'a'},
		{.name = "data.adv",.pos = "adverb",.letter = 'r'},
	};
	const size_t file_count = sizeof(files) / sizeof(files[0]);
	OmenStatus	status = OMEN_OK;
	size_t		bytes = 0;
	size_t		lines = 0;
	Writer		out;

	memset(wordnet, 0, sizeof(*wordnet));
	for (size_t i = 0; i < file_count && status == OMEN_OK; i++)
	{
		status = file_read(&files[i], folder, err);
		bytes += files[i].size;
		for (size_t b = 0; b < files[i].size; b++)
			lines += files[i].bytes[b] == '\n';
	}
	if (status == OMEN_OK)
	{
		wordnet->text = malloc(bytes + 1);
		wordnet->synsets = calloc(lines + 1, sizeof(*wordnet->synsets));
		if (wordnet->text == NULL || wordnet->synsets == NULL)
			status = omen_fail(err, OMEN_NO_MEMORY, "out of memory reading WordNet");
	}
	out = (Writer) {wordnet->text, wordnet->text + (wordnet->text ? bytes : 0), false};
	for (size_t i = 0; i < file_count && status == OMEN_OK; i++)
		status = file_parse(&files[i], wordnet, &out, err);

	for (size_t i = 0; i < file_count; i++)
		free(files[i].bytes);
	if (status != OMEN_OK)
		omen_wordnet_free(wordnet);
	return status;
}

void
omen_wordnet_free(OmenWordnet *wordnet)
{
	free(wordnet->synsets);
	free(wordnet->text);
	memset(wordnet, 0, sizeof(*wordnet));
}

size_t
omen_synset_definition_bytes(const OmenSynset *synset)
{
	const char *example = strstr(synset->gloss, "; \"");

	return example != NULL && example > synset->gloss ? (size_t) (example - synset->gloss)
		: strlen(synset->gloss);
}

static OmenStatus
file_read(DataFile *file, const char *folder, OmenError *err)
{
	FILE	   *stream;
	struct stat st;
	OmenStatus	status = OMEN_OK;

	if ((size_t) snprintf(file->path, sizeof(file->path), "%s/%s", folder, file->name) >= sizeof(file->path))
		return omen_fail(err, OMEN_INVALID, "the WordNet folder's name is too long");
	stream = fopen(file->path, "rb");
	if (stream == NULL)
		return omen_fail(err, OMEN_INVALID, "could not open %.160s: %s (Debian's package wordnet-base holds it)",
						 file->path, strerror(errno));
	if (fstat(fileno(stream), &st) != 0 || !S_ISREG(st.st_mode))
		status = omen_fail(err, OMEN_INVALID, "%.200s is not a regular file", file->path);
	else if ((file->bytes = malloc((size_t) st.st_size + 1)) == NULL)
		status = omen_fail(err, OMEN_NO_MEMORY, "out of memory reading %.200s", file->path);
	else
	{
		file->size = fread(file->bytes, 1, (size_t) st.st_size, stream);
		if (file->size != (size_t) st.st_size)
			status = omen_fail(err, OMEN_INVALID, "could not read %.200s whole", file->path);
	}
	fclose(stream);
	return status;
}

static OmenStatus
file_parse(const DataFile *file, OmenWordnet *wordnet, Writer *out, OmenError *err)
{
	const char *at = file->bytes;
	const char *end = file->bytes + file->size;
	size_t		before = wordnet->count;

	for (size_t number = 1; at < end; number++)
	{
		const char *newline = memchr(at, '\n', (size_t) (end - at));
		const char *problem;

		if (newline == NULL)
			return omen_fail(err, OMEN_CORRUPT, "%.160s:%zu: the file is cut short in this line",
							 file->path, number);
		/* The licence at the top is indented by two spaces. */
		if (!(newline - at >= 2 && at[0] == ' ' && at[1] == ' '))
		{
			problem = line_parse((Cursor) {at, newline}, file, &wordnet->synsets[wordnet->count], out);
			if (problem != NULL)
				return omen_fail(err, OMEN_CORRUPT, "%.160s:%zu: %s", file->path, number, problem);
			wordnet->count++;
		}
		at = newline + 1;
	}
	if (wordnet->count == before)
		return omen_fail(err, OMEN_CORRUPT, "%.200s holds no synset", file->path);
	return OMEN_OK;
}

/* Takes the field up to the next space; an empty one means that the line ended. */
static Cursor
field_next(Cursor *line)
{
	Cursor		field = {line->at, line->at};

	while (field.end < line->end && *field.end != ' ')
		field.end++;
	line->at = field.end < line->end ? field.end + 1 : field.end;
	return field;
}

/* Takes a number of exactly `digits` digits; -1 when that is not what is there. */
static long
number_next(Cursor *line, int digits, int base)
{
	Cursor		field = field_next(line);
	long		value = 0;

	if (field.end - field.at != digits)
		return -1;
	for (; field.at < field.end; field.at++)
	{
		char		c = *field.at;
		int			digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;

		if (digit >= base)
			return -1;
		value = value * base + digit;
	}
	return value;
}

static void
text_put(Writer *out, const char *text, size_t bytes)
{
	if ((size_t) (out->end - out->at) < bytes)
		out->full = true;
	else
	{
		memcpy(out->at, text, bytes);
		out->at += bytes;
	}
}

static const char *
id_put(Writer *out, long offset, char letter)
{
	const char *id = out->at;
	char		text[16];

	/* an offset has eight digits, so this is eleven bytes with its NUL */
	text_put(out, text, (size_t) snprintf(text, sizeof(text), "%08ld-%c", offset % 100000000L, letter) + 1);
	return id;
}

/* A word as people write it: spaces for underscores, without an adjective's place marker "(p)". */
static bool
word_put(Writer *out, Cursor word, bool first)
{
	const char *bracket = memchr(word.at, '(', (size_t) (word.end - word.at));

	if (bracket != NULL && word.end[-1] == ')')
		word.end = bracket;
	if (word.at == word.end)
		return false;
	if (!first)
		text_put(out, ", ", 2);
	for (; word.at < word.end; word.at++)
		text_put(out, *word.at == '_' ? " " : word.at, 1);
	return true;
}

/* Parses one line; returns NULL, or what is wrong with it. */
static const char *
line_parse(Cursor line, const DataFile *file, OmenSynset *synset, Writer *out)
{
	long		offset = number_next(&line, 8, 10);
	long		lexicographer = number_next(&line, 2, 10);
	Cursor		type = field_next(&line);
	long		word_count = number_next(&line, 2, 16);
	long		pointer_count;
	Cursor		field;

	if (memchr(line.at, '\0', (size_t) (line.end - line.at)) != NULL)
		return "a zero byte in the text";
	if (offset < 0 || lexicographer < 0)
		return "expected an eight-digit offset and a two-digit file number";
	/* adjective satellites (s) live among the adjectives */
	if (type.end - type.at != 1 || (*type.at != file->letter && !(*type.at == 's' && file->letter == 'a')))
		return "the part of speech does not belong in this file";
	if (word_count < 1)
		return "expected a two-digit hexadecimal count of words";

	synset->pos = file->pos;
	synset->parent = NULL;
	synset->id = id_put(out, offset, file->letter);
	synset->words = out->at;
	for (long i = 0; i < word_count; i++)
	{
		if (!word_put(out, field_next(&line), i == 0))
			return "a word is missing";
		field = field_next(&line);
		if (field.end == field.at || field.end - field.at > 2)
			return "expected a word's one-digit sense number";
	}
	text_put(out, "", 1);

	pointer_count = number_next(&line, 3, 10);
	if (pointer_count < 0)
		return "expected a three-digit count of pointers";
	for (long i = 0; i < pointer_count; i++)
	{
		Cursor		symbol = field_next(&line);
		long		target = number_next(&line, 8, 10);
		Cursor		target_type = field_next(&line);

		if (symbol.at == symbol.end || target < 0 || target_type.end - target_type.at != 1 ||
			number_next(&line, 4, 16) < 0)
			return "expected a pointer: symbol, offset, part of speech, source and target";
		/* "@" is a hypernym, "@i" that of an instance */
		if (synset->parent == NULL && *symbol.at == '@')
			synset->parent = id_put(out, target, *target_type.at);
	}

	/* verbs have sentence frames here: "02 + 02 00 + 08 00" */
	if (line.at < line.end && *line.at != '|')
	{
		long		frame_count = number_next(&line, 2, 10);

		if (frame_count < 0 || file->letter != 'v')
			return "expected the bar before the definition";
		for (long i = 0; i < frame_count; i++)
		{
			field = field_next(&line);
			if (field.end - field.at != 1 || *field.at != '+' ||
				number_next(&line, 2, 10) < 0 || number_next(&line, 2, 16) < 0)
				return "expected a verb frame: +, frame number, word number";
		}
	}
	field = field_next(&line);
	if (field.end - field.at != 1 || *field.at != '|')
		return "the definition is missing";
	while (line.at < line.end && *line.at == ' ')
		line.at++;
	while (line.end > line.at && (line.end[-1] == ' ' || line.end[-1] == '\r'))
		line.end--;
	if (line.at == line.end)
		return "the definition is empty";
	synset->gloss = out->at;
	text_put(out, line.at, (size_t) (line.end - line.at));
	text_put(out, "", 1);
	return out->full ? "the line's parts are longer than the line" : NULL;
}
