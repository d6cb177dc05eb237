/*
 * json_scan.c - checks JSON (RFC 8259) and finds where its values lie.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "import/json_scan.h"

#include <stdint.h>
#include <string.h>

static bool
refuse(OmenJsonScan *scan, const char *reason)
{
	scan->reason = reason;
	return false;
}

void
omen_json_space(OmenJsonScan *scan)
{
	while (scan->at < scan->end &&
		   (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

static inline bool
is_digit(char c)
{
	return (unsigned char) (c - '0') < 10;
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hexadecimal digits at p, of which all must lie before end; -1 when they are not that. */
static int32_t
hex4(const char *p, const char *end)
{
	int32_t		value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int			digit = hex_value(p[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

bool
omen_json_string(OmenJsonScan *scan)
{
	const char *at = scan->at;

	if (at == scan->end || *at != '"')
		return refuse(scan, "a string in double quotes was expected");
	at++;
	for (;;)
	{
		while (at < scan->end && *at != '"' && *at != '\\' && (unsigned char) *at >= 0x20)
			at++;
		scan->at = at;
		if (at == scan->end)
			return refuse(scan, "a string does not end");
		if (*at == '"')
		{
			scan->at = at + 1;
			return true;
		}
		if (*at != '\\')
			return refuse(scan, "a control character inside a string");
		at++;
		if (at == scan->end)
			return refuse(scan, "a string does not end");
		if (*at == 'u')
		{
			if (hex4(at + 1, scan->end) < 0)
				return refuse(scan, "\\u without four hexadecimal digits");
			at += 5;
		}
		else if (*at != '\0' && strchr("\"\\/bfnrt", *at) != NULL)
			at++;
		else
			return refuse(scan, "an unknown escape inside a string");
	}
}

static bool
scan_digits(OmenJsonScan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && is_digit(*scan->at))
		scan->at++;
	return scan->at > from || refuse(scan, "a digit was expected");
}

static bool
scan_number(OmenJsonScan *scan)
{
	if (*scan->at == '-')
		scan->at++;
	if (scan->at < scan->end && *scan->at == '0')
	{
		scan->at++;
		if (scan->at < scan->end && is_digit(*scan->at))
			return refuse(scan, "a number with a leading zero");
	}
	else if (!scan_digits(scan))
		return false;
	if (scan->at < scan->end && *scan->at == '.')
	{
		scan->at++;
		if (!scan_digits(scan))
			return false;
	}
	if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E'))
	{
		scan->at++;
		if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
			scan->at++;
		return scan_digits(scan);
	}
	return true;
}

static bool
scan_word(OmenJsonScan *scan, const char *word)
{
	size_t		bytes = strlen(word);

	if ((size_t) (scan->end - scan->at) < bytes || memcmp(scan->at, word, bytes) != 0)
		return refuse(scan, "no JSON value");
	scan->at += bytes;
	return true;
}

/* An array or object: *at stands on the bracket that opens it. */
static bool
scan_container(OmenJsonScan *scan, char close)
{
	if (scan->depth >= OMEN_JSON_DEPTH_MAX)
		return refuse(scan, "arrays and objects nested too deeply");
	scan->depth++;
	scan->at++;
	omen_json_space(scan);
	if (scan->at < scan->end && *scan->at == close)
	{
		scan->at++;
		scan->depth--;
		return true;
	}
	for (;;)
	{
		if (close == '}')
		{
			if (!omen_json_string(scan))
				return false;
			omen_json_space(scan);
			if (scan->at == scan->end || *scan->at != ':')
				return refuse(scan, "a colon was expected after a key");
			scan->at++;
			omen_json_space(scan);
		}
		if (!omen_json_value(scan))
			return false;
		omen_json_space(scan);
		if (scan->at == scan->end)
			return refuse(scan, close == '}' ? "an object does not end" : "an array does not end");
		if (*scan->at == close)
			break;
		if (*scan->at != ',')
			return refuse(scan, close == '}' ? "a comma or } was expected" : "a comma or ] was expected");
		scan->at++;
		omen_json_space(scan);
	}
	scan->at++;
	scan->depth--;
	return true;
}

bool
omen_json_value(OmenJsonScan *scan)
{
	if (scan->at == scan->end)
		return refuse(scan, "a value is missing");
	switch (*scan->at)
	{
		case '"':
			return omen_json_string(scan);
		case '{':
			return scan_container(scan, '}');
		case '[':
			return scan_container(scan, ']');
		case 't':
			return scan_word(scan, "true");
		case 'f':
			return scan_word(scan, "false");
		case 'n':
			return scan_word(scan, "null");
		default:
			if (*scan->at == '-' || is_digit(*scan->at))
				return scan_number(scan);
			return refuse(scan, "no JSON value");
	}
}

static void
append_character(OmenBuffer *out, uint32_t code)
{
	if (code < 0x80)
		omen_buffer_append_byte(out, (char) code);
	else if (code < 0x800)
	{
		omen_buffer_append_byte(out, (char) (0xC0 | code >> 6));
		omen_buffer_append_byte(out, (char) (0x80 | (code & 0x3F)));
	}
	else if (code < 0x10000)
	{
		omen_buffer_append_byte(out, (char) (0xE0 | code >> 12));
		omen_buffer_append_byte(out, (char) (0x80 | (code >> 6 & 0x3F)));
		omen_buffer_append_byte(out, (char) (0x80 | (code & 0x3F)));
	}
	else
	{
		omen_buffer_append_byte(out, (char) (0xF0 | code >> 18));
		omen_buffer_append_byte(out, (char) (0x80 | (code >> 12 & 0x3F)));
		omen_buffer_append_byte(out, (char) (0x80 | (code >> 6 & 0x3F)));
		omen_buffer_append_byte(out, (char) (0x80 | (code & 0x3F)));
	}
}

/* The character of the \u escape(s) at *at, which moves past them. */
static const char *
unicode_escape(const char **at, const char *end, uint32_t *code)
{
	int32_t		high = hex4(*at + 2, end);
	int32_t		low;

	*at += 6;
	if (high == 0)
		return "\\u0000, which PostgreSQL cannot store";
	if (high < 0xD800 || high > 0xDFFF)
	{
		*code = (uint32_t) high;
		return NULL;
	}
	if (high > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return "half of a surrogate pair, which is no character";
	low = hex4(*at + 2, end);
	if (low < 0xDC00 || low > 0xDFFF)
		return "half of a surrogate pair, which is no character";
	*at += 6;
	*code = 0x10000 + (((uint32_t) high - 0xD800) << 10) + ((uint32_t) low - 0xDC00);
	return NULL;
}

const char *
omen_json_unescape(const char *raw, size_t bytes, OmenBuffer *out)
{
	static const char escapes[] = "bfnrt";
	static const char meanings[] = "\b\f\n\r\t";
	const char *at = raw + 1;
	const char *end = raw + bytes - 1;

	while (at < end)
	{
		const char *backslash = memchr(at, '\\', (size_t) (end - at));
		const char *stop = backslash != NULL ? backslash : end;

		if (out != NULL)
			omen_buffer_append(out, at, (size_t) (stop - at));
		at = stop;
		if (backslash == NULL)
			break;
		if (at[1] == 'u')
		{
			uint32_t	code = 0;
			const char *reason = unicode_escape(&at, end, &code);

			if (reason != NULL)
				return reason;
			if (out != NULL)
				append_character(out, code);
		}
		else
		{
			const char *found = strchr(escapes, at[1]);

			if (out != NULL)
				omen_buffer_append_byte(out, found != NULL ? meanings[found - escapes] : at[1]);
			at += 2;
		}
	}
	return NULL;
}

const char *
omen_json_storable(const char *text, size_t bytes)
{
	const char *end = text + bytes;
	OmenJsonScan scan = {.end = end};

	if (memchr(text, '\\', bytes) == NULL)
		return NULL;
	while ((text = memchr(text, '"', (size_t) (end - text))) != NULL)
	{
		const char *reason;

		scan.at = text;
		if (!omen_json_string(&scan))
			return scan.reason;
		reason = omen_json_unescape(text, (size_t) (scan.at - text), NULL);
		if (reason != NULL)
			return reason;
		text = scan.at;
	}
	return NULL;
}
