/*
 * store_http.h - questions over HTTP, and JSON as the answer.
 *
 * What comes back is bounded and is JSON or refused.  Redirections are not
 * followed, since the key would go with them.  A server that is busy or lost
 * for a moment is asked again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_STORE_HTTP_H
#define OMEN_STORE_HTTP_H

#include <curl/curl.h>
#include <signal.h>

#include "import/byte_buffer.h"
#include "stores/store_json.h"
#include "term/complaint.h"

#define OMEN_HTTP_ANSWER_BYTES_MAX ((size_t) 256 * 1024 * 1024)

typedef struct OmenHttp
{
	CURL	   *curl;
	struct curl_slist *headers;
	OmenBuffer	answer;
	size_t		bytes_max;
	bool		too_long;		/* the last answer was cut off: ask for less */
	bool		answered;		/* the server has answered before, so that it is worth waiting for */
	const char *key_advice;		/* what to do when the server wants a key */
	const volatile sig_atomic_t *stop;
} OmenHttp;

/* key_header, which may be NULL, is sent with each question: "api-key: ..."; it is copied. */
bool		omen_http_open(OmenHttp *http, const char *key_header, const volatile sig_atomic_t *stop,
						   OmenComplaint *complaint);
void		omen_http_close(OmenHttp *http);

/* POSTs body, or GETs for NULL.  The answer lives until the next call; none, and a complaint, on failure. */
OmenJson	omen_http_ask(OmenHttp *http, const char *url, const char *body, OmenComplaint *complaint);

/* Appends a name as one part of a URL's path or as a parameter. */
bool		omen_http_append_name(OmenHttp *http, OmenBuffer *url, const char *name);

#endif							/* OMEN_STORE_HTTP_H */
