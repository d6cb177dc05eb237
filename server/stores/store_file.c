/*
 * store_file.c - a file of points: JSON values one after the other.
 *
 * A line may be a point or a page as the store's API prints it, and the file may
 * be one array of such.  What lies between the values (white space, the brackets
 * and commas of that array) is passed over, so that only one value at a time is
 * in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "import/byte_source.h"
#include "stores/store_parts.h"

/* A whole export in one object must fit. */
#define VALUE_BYTES_MAX ((size_t) 1024 * 1024 * 1024)

#define PROGRESS_POINTS 64

static bool
fail(OmenStoreRun *run, const OmenByteSource *source, const char *reason)
{
	omen_complain(run->complaint, "%s, byte %llu: %s", run->options->from,
				  (unsigned long long) source->offset + 1, reason);
	return omen_advise(run->complaint, "Wanted are JSON values one after the other, each a point or a page of points "
					   "as %s prints it, or one array of them.", run->options->kind->title);
}

/* Passes over what lies between values; false at the end of the file and on failure, of which *bad tells. */
static bool
find_value(OmenStoreRun *run, OmenByteSource *source, bool *in_array, bool *bad)
{
	OmenError	err;

	*bad = true;
	for (;;)
	{
		if (omen_source_want(source, source->offset == 0 ? 3 : 1, &err) != OMEN_OK)
			return omen_complain(run->complaint, "%s", err.text);
		if (omen_source_bytes(source) == 0)
		{
			*bad = *in_array;
			return *in_array ? fail(run, source, "an array does not end") : false;
		}
		if (source->offset == 0 && omen_source_bytes(source) >= 3 &&
			memcmp(omen_source_window(source), "\xEF\xBB\xBF", 3) == 0)
			omen_source_consume(source, 3);
		else if (strchr(" \t\r\n", *omen_source_window(source)) != NULL && *omen_source_window(source) != '\0')
			omen_source_consume(source, 1);
		else if (*omen_source_window(source) == (*in_array ? ']' : '['))
		{
			*in_array = !*in_array;
			omen_source_consume(source, 1);
		}
		else if (*in_array && *omen_source_window(source) == ',')
			omen_source_consume(source, 1);
		else if (*omen_source_window(source) == '{')
			return true;
		else
			return fail(run, source, "an object { … } was expected");
	}
}

/* The value at the window's start, which is made longer until it is all there. */
static bool
whole_value(OmenStoreRun *run, OmenByteSource *source, OmenJson *value)
{
	OmenError	err;
	const char *reason;

	for (;;)
	{
		const char *window = omen_source_window(source);
		OmenJsonScan scan = {.at = window, .end = window + omen_source_bytes(source)};

		if (omen_json_value(&scan))
		{
			*value = omen_json_check(window, (size_t) (scan.at - window), &reason);
			return value->data != NULL || fail(run, source, reason);
		}
		/* An escape or a word may be cut in two some bytes before the end. */
		if (source->eof || scan.end - scan.at > 8)
			return fail(run, source, scan.reason);
		if (omen_source_more(source, &err) == OMEN_OK)
			continue;
		omen_complain(run->complaint, "%s: %s", run->options->from, err.text);
		if (err.status == OMEN_RANGE)
			omen_advise(run->complaint, "Write the points in several values: one line for each point or page.");
		return false;
	}
}

/* Which file this is, as far as can be told without reading it all. */
static bool
identify(OmenStoreRun *run)
{
	struct stat info;

	if (stat(run->options->from, &info) == 0 && S_ISDIR(info.st_mode) && run->options->kind == &omen_store_chroma)
	{
		omen_complain(run->complaint, "%s is a folder: its layout is Chroma's own and changes with its versions",
					  run->options->from);
		return omen_advise(run->complaint, "Start `chroma run --path %s` and give its address, %s.", run->options->from,
						   omen_store_chroma.address);
	}
	if (stat(run->options->from, &info) != 0)
		return omen_complain(run->complaint, "cannot open %s: %s", run->options->from, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return omen_complain(run->complaint, "%s is no file that can be read twice", run->options->from);
	if (info.st_size == 0)
		return omen_complain(run->complaint, "%s is empty: points were expected", run->options->from);
	snprintf(run->source, sizeof(run->source), "%s %.1500s %lld %lld.%09ld", run->options->kind->name,
			 run->options->from, (long long) info.st_size, (long long) info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
	return true;
}

bool
omen_store_read_file(OmenStoreRun *run, const char *title)
{
	const OmenStoreOptions *options = run->options;
	OmenByteSource source;
	OmenError	err;
	OmenJson	value;
	bool		in_array = false;
	bool		bad = false;
	int64_t		shown = 0;

	if (!identify(run))
		return false;
	if (omen_source_open(&source, options->from, VALUE_BYTES_MAX, &err) != OMEN_OK)
		return omen_complain(run->complaint, "%s", err.text);
	source.stop = options->stop;
	run->place = 0;
	options->progress(options->context, title, "bytes", 0, source.size);
	while (find_value(run, &source, &in_array, &bad))
	{
		bad = true;
		if (!whole_value(run, &source, &value) || !options->kind->read(run, value))
			break;
		omen_source_consume(&source, value.bytes);
		if (run->place - shown >= PROGRESS_POINTS)
		{
			shown = run->place;
			options->progress(options->context, NULL, "bytes", source.offset, 0);
		}
	}
	if (!bad)
	{
		options->progress(options->context, NULL, "bytes", source.offset, 0);
		options->progress(options->context, NULL, "bytes", UINT64_MAX, 0);
	}
	omen_source_close(&source);
	return !bad;
}
