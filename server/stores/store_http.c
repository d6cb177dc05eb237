/*
 * store_http.c - questions over HTTP, and JSON as the answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stores/store_http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "term/glyph.h"

/* Waits of 1, 2, 4 and 8 seconds lie between. */
#define TRIES 5

#define CONNECT_S 10L
/* A server that sends less than a byte a second for so long is lost. */
#define SILENCE_S 60L

#define SHOWN_BYTES 300

static size_t
take_bytes(char *data, size_t size, size_t count, void *context)
{
	OmenHttp   *http = context;
	size_t		bytes = size * count;

	if (bytes > http->bytes_max - http->answer.bytes)
	{
		http->too_long = true;
		return 0;
	}
	omen_buffer_append(&http->answer, data, bytes);
	return http->answer.failed ? 0 : bytes;
}

static int
look_up(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	OmenHttp   *http = context;

	(void) down_total;
	(void) down;
	(void) up_total;
	(void) up;
	return *http->stop != 0;
}

bool
omen_http_open(OmenHttp *http, const char *key_header, const volatile sig_atomic_t *stop, OmenComplaint *complaint)
{
	const char *tested = getenv("OMENDB_TEST_HTTP_BYTES");
	struct curl_slist *longer;

	memset(http, 0, sizeof(*http));
	http->stop = stop;
	http->bytes_max = tested != NULL ? strtoul(tested, NULL, 10) : OMEN_HTTP_ANSWER_BYTES_MAX;
	http->curl = curl_easy_init();
	http->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (http->headers != NULL && key_header != NULL)
	{
		longer = curl_slist_append(http->headers, key_header);
		if (longer == NULL)
			curl_slist_free_all(http->headers);
		http->headers = longer;
	}
	if (http->curl == NULL || http->headers == NULL)
	{
		omen_http_close(http);
		return omen_complain(complaint, "out of memory");
	}
	curl_easy_setopt(http->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(http->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(http->curl, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, http->headers);
	curl_easy_setopt(http->curl, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(http->curl, CURLOPT_USERAGENT, "omendb/" OMENDB_VERSION);
	curl_easy_setopt(http->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(http->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(http->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(http->curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
	curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, http);
	curl_easy_setopt(http->curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(http->curl, CURLOPT_XFERINFOFUNCTION, look_up);
	curl_easy_setopt(http->curl, CURLOPT_XFERINFODATA, http);
	return true;
}

void
omen_http_close(OmenHttp *http)
{
	/* One of them holds the key. */
	for (struct curl_slist *at = http->headers; at != NULL; at = at->next)
		explicit_bzero(at->data, strlen(at->data));
	curl_slist_free_all(http->headers);
	curl_easy_cleanup(http->curl);
	omen_buffer_free(&http->answer);
	memset(http, 0, sizeof(*http));
}

bool
omen_http_append_name(OmenHttp *http, OmenBuffer *url, const char *name)
{
	char	   *escaped = curl_easy_escape(http->curl, name, 0);

	if (escaped != NULL)
		omen_buffer_append_text(url, escaped);
	url->failed = url->failed || escaped == NULL;
	curl_free(escaped);
	return !url->failed;
}

static void
rest(const OmenHttp *http, int try)
{
	struct timespec tenth = {.tv_nsec = 100000000};

	for (int i = 0; i < 10 << try && !*http->stop; i++)
		nanosleep(&tenth, NULL);
}

static bool
worth_another_try(const OmenHttp *http, CURLcode code, long status)
{
	if (code == CURLE_OK)
		return status == 429 || status == 502 || status == 503 || status == 504;
	return http->answered &&
		(code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT || code == CURLE_GOT_NOTHING ||
		 code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_PARTIAL_FILE);
}

/* What the server says about it, of which nothing may drive the reader's terminal. */
static bool
refused(OmenHttp *http, const char *url, long status, OmenComplaint *complaint)
{
	char		shown[3 * SHOWN_BYTES];

	if (http->answer.bytes > SHOWN_BYTES)
		http->answer.bytes = SHOWN_BYTES;
	omen_buffer_append_byte(&http->answer, '\0');
	if (http->answer.failed)
		return omen_complain(complaint, "out of memory");
	omen_showable(shown, sizeof(shown), http->answer.data);
	omen_complain(complaint, "%s answered %ld: %s", url, status, shown);
	if (status == 401 || status == 403)
		omen_advise(complaint, "%s", http->key_advice);
	else if (status / 100 == 3)
		omen_advise(complaint, "Redirections are not followed: give the address that it leads to.");
	return false;
}

static CURLcode
ask_once(OmenHttp *http, long *status)
{
	CURLcode	code;

	http->answer.bytes = 0;
	http->too_long = false;
	*status = 0;
	code = curl_easy_perform(http->curl);
	if (code == CURLE_OK)
		curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, status);
	return code;
}

OmenJson
omen_http_ask(OmenHttp *http, const char *url, const char *body, OmenComplaint *complaint)
{
	OmenJson	none = {0};
	OmenJson	answer;
	const char *reason;
	CURLcode	code = CURLE_OK;
	long		status = 0;

	curl_easy_setopt(http->curl, CURLOPT_URL, url);
	if (body != NULL)
		curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body);
	else
		curl_easy_setopt(http->curl, CURLOPT_HTTPGET, 1L);
	for (int try = 0; try < TRIES && !*http->stop; try++)
	{
		code = ask_once(http, &status);
		if (!worth_another_try(http, code, status))
			break;
		if (try + 1 < TRIES)
			rest(http, try);
	}
	if (*http->stop)
		omen_complain(complaint, "interrupted");
	else if (http->too_long)
		omen_complain(complaint, "%s: an answer of more than %zu bytes", url, http->bytes_max);
	else if (http->answer.failed)
		omen_complain(complaint, "out of memory for the answer of %s", url);
	else if (code != CURLE_OK)
		omen_complain(complaint, "%s: %s", url, curl_easy_strerror(code));
	else if (status / 100 != 2)
		refused(http, url, status, complaint);
	else
	{
		http->answered = true;
		answer = omen_json_check(http->answer.data, http->answer.bytes, &reason);
		if (answer.data != NULL)
			return answer;
		omen_complain(complaint, "%s: the answer is not JSON: %s", url, reason);
	}
	return none;
}
