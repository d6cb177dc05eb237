/*
 * store_url.c - a store's API: its address and key, questions, pages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stores/store_parts.h"

/* So that a page of 1,536 dimensions is a few megabytes of JSON. */
#define PAGE_POINTS 256

#define KEY_BYTES_MAX 4096

void
omen_store_url(OmenStoreRun *run, const char *path)
{
	run->url.bytes = 0;
	run->body.bytes = 0;
	omen_buffer_append_text(&run->url, run->base);
	omen_buffer_append_text(&run->url, path);
}

void
omen_store_url_name(OmenStoreRun *run, const char *before, const char *name)
{
	omen_buffer_append_text(&run->url, before);
	omen_http_append_name(&run->http, &run->url, name);
}

void
omen_store_body(OmenStoreRun *run, const char *format,...)
{
	va_list		arguments;
	char	   *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (text != NULL)
		omen_buffer_append_text(&run->body, text);
	run->body.failed = run->body.failed || text == NULL;
	free(text);
}

OmenJson
omen_store_ask(OmenStoreRun *run)
{
	bool		post = run->body.bytes > 0;

	omen_buffer_append_byte(&run->url, '\0');
	omen_buffer_append_byte(&run->body, '\0');
	if (run->url.failed || run->body.failed)
	{
		omen_complain(run->complaint, "out of memory");
		return (OmenJson) {0};
	}
	return omen_http_ask(&run->http, run->url.data, post ? run->body.data : NULL, run->complaint);
}

bool
omen_store_strange(OmenStoreRun *run, const char *what)
{
	omen_complain(run->complaint, "%s: the answer has no %s", run->url.data, what);
	return omen_advise(run->complaint, "Is this %s's address, as in %s?", run->options->kind->title,
					   run->options->kind->address);
}

/* The name in an element of a list of collections. */
static OmenJson
name_of(OmenJson element, const char *key)
{
	return key != NULL ? omen_json_find(element, key) : element;
}

bool
omen_store_choose(OmenStoreRun *run, OmenJson names, const char *key, OmenJson *chosen)
{
	const char *wanted = run->options->collection;
	OmenJsonWalk walk = omen_json_walk(names);
	char		list[1024] = "";
	char		shown[1024];
	size_t		used = 0;
	int			count = 0;

	chosen->data = NULL;
	while (omen_json_step(&walk))
	{
		char		name[256];

		if (!omen_json_copy(name_of(walk.value, key), name, sizeof(name)))
			continue;
		if (wanted == NULL || strcmp(wanted, name) == 0)
		{
			*chosen = walk.value;
			strcpy(run->collection, name);
		}
		if (used + strlen(name) + 3 < sizeof(list))
			used += (size_t) snprintf(list + used, sizeof(list) - used, "%s%s", count > 0 ? ", " : "", name);
		count++;
	}
	omen_showable(shown, sizeof(shown), list);
	if (chosen->data == NULL && wanted != NULL)
		omen_complain(run->complaint, "there is no collection %s there%s%s", wanted,
					  count > 0 ? "; there are " : "", shown);
	else if (chosen->data == NULL)
		omen_complain(run->complaint, "there is no collection at %s", run->base);
	else if (count > 1 && wanted == NULL)
	{
		omen_complain(run->complaint, "there are several collections: %s", shown);
		return omen_advise(run->complaint, "Say which one with --collection.");
	}
	else
		return true;
	return false;
}

/* The key from its file, which must be nobody else's to read. */
static bool
read_key_file(OmenStoreRun *run, char *key)
{
	const char *path = run->options->key_file;
	int			fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	ssize_t		bytes = -1;

	if (fd >= 0 && fstat(fd, &info) == 0 && (info.st_mode & 077) != 0)
	{
		close(fd);
		omen_complain(run->complaint, "the key in %s can be read by others", path);
		return omen_advise(run->complaint, "chmod 600 %s", path);
	}
	if (fd >= 0)
		bytes = read(fd, key, KEY_BYTES_MAX);
	if (bytes < 0)
		omen_complain(run->complaint, "cannot read %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (bytes < 0)
		return false;
	while (bytes > 0 && strchr(" \t\r\n", key[bytes - 1]) != NULL)
		bytes--;
	key[bytes] = '\0';
	return true;
}

/* The header that carries the key, into header; "" when there is no key. */
static bool
key_header(OmenStoreRun *run, char *header, size_t header_bytes)
{
	const OmenStoreKind *kind = run->options->kind;
	const char *given = getenv(kind->key_variable);
	char		key[KEY_BYTES_MAX + 1] = "";
	bool		good = true;

	if (run->options->key_file != NULL)
		good = read_key_file(run, key);
	else if (given != NULL && strlen(given) < sizeof(key))
		strcpy(key, given);
	for (const char *at = key; good && *at != '\0'; at++)
		if (*at <= ' ' || *at == 127)
			good = omen_complain(run->complaint, "the key for %s has a space or control character in it", kind->title);
	header[0] = '\0';
	if (good && key[0] != '\0')
		snprintf(header, header_bytes, "%s%s", kind->key_header, key);
	explicit_bzero(key, sizeof(key));
	return good;
}

/* A key sent in the clear to another machine is a key given away. */
static bool
safe_for_key(const char *url)
{
	const char *host = strstr(url, "://") + 3;

	return strncmp(url, "https:", 6) == 0 || strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
		strncmp(host, "[::1]", 5) == 0;
}

/* base and parameters out of the URL. */
static bool
split_url(OmenStoreRun *run)
{
	const char *url = run->options->from;
	size_t		host = (size_t) (strstr(url, "://") + 3 - url);
	size_t		bytes = strcspn(url, "?#");

	if (memchr(url + host, '@', strcspn(url + host, "/?#")) != NULL)
	{
		omen_complain(run->complaint, "the URL holds a password, which everyone on this machine can see");
		return omen_advise(run->complaint, "Put the key into %s or a file, --key-file.",
						   run->options->kind->key_variable);
	}
	if (url[bytes] == '?')
		snprintf(run->parameters, sizeof(run->parameters), "%.*s", (int) strcspn(url + bytes + 1, "#"),
				 url + bytes + 1);
	while (bytes > host && url[bytes - 1] == '/')
		bytes--;
	if (bytes >= sizeof(run->base) || strlen(url) - bytes > sizeof(run->parameters))
		return omen_complain(run->complaint, "the URL is too long");
	memcpy(run->base, url, bytes);
	return true;
}

bool
omen_store_open_url(OmenStoreRun *run)
{
	const OmenStoreKind *kind = run->options->kind;
	char		header[KEY_BYTES_MAX + 64];
	bool		opened;

	if (kind->describe == NULL)
	{
		omen_complain(run->complaint, "%s is read from a file", kind->title);
		return omen_advise(run->complaint, "docs/migrating-from-vector-stores.md tells how to make it.");
	}
	if (!split_url(run) || !key_header(run, header, sizeof(header)))
		return false;
	if (header[0] != '\0' && !safe_for_key(run->base))
		opened = omen_complain(run->complaint, "%s would carry the key in the clear; take https://", run->base);
	else
		opened = omen_http_open(&run->http, header[0] != '\0' ? header : NULL, run->options->stop, run->complaint);
	explicit_bzero(header, sizeof(header));
	if (!opened)
		return false;
	run->page_points = PAGE_POINTS;
	snprintf(run->key_advice, sizeof(run->key_advice), "Put its key into the environment as %s, or a file, --key-file.",
			 kind->key_variable);
	run->http.key_advice = run->key_advice;
	run->options->progress(run->options->context, "asking for the collection", "", 0, 0);
	if (!kind->describe(run) || !kind->count(run, &run->total))
		return false;
	run->http.key_advice = "The key was good for the collection, but not for this.";
	snprintf(run->source, sizeof(run->source), "%s %s %s %s", kind->name, run->base, run->parameters, run->collection);
	return true;
}

bool
omen_store_read_page(OmenStoreRun *run)
{
	OmenJson	answer;

	while ((answer = run->options->kind->ask_page(run)).data == NULL)
	{
		/* Points with much in them: fewer at a time. */
		if (!run->http.too_long || run->page_points == 1)
			return false;
		run->page_points /= 2;
	}
	run->next[0] = '\0';
	if (!run->options->kind->read(run, answer))
		return false;
	if (run->next[0] != '\0' && strcmp(run->next, run->cursor) == 0)
		return omen_complain(run->complaint, "%s: the next page is this same page", run->url.data);
	return true;
}
