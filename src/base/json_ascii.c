/*-------------------------------------------------------------------------
 *
 * json_ascii.c
 *	  JSON text in ASCII: other characters become escapes.
 *
 *		{"name": "<e-acute>"}	->	{"name": "\u00e9"}
 *
 * A server log has no encoding of its own: lines of databases with different
 * ones come together in it.  Outside of strings JSON is ASCII, so every other
 * character stands inside one, where an escape means the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "pg_trickle/json_ascii.h"

/* Stands for what is no character: U+FFFD. */
#define REPLACEMENT 0xFFFD

/* How many bytes a character has that begins so; 0: none does. */
static int
sequence_length(unsigned char first)
{
	if (first >= 0xC2 && first <= 0xDF)
		return 2;
	if (first >= 0xE0 && first <= 0xEF)
		return 3;
	if (first >= 0xF0 && first <= 0xF4)
		return 4;

	return 0;
}

/* Too long a form, half a surrogate pair, or beyond the last character. */
static bool
is_character(uint32 code, int len)
{
	static const uint32 smallest[] = {0, 0, 0x80, 0x800, 0x10000};

	return code >= smallest[len] && code <= 0x10FFFF &&
		   !(code >= 0xD800 && code <= 0xDFFF);
}

/*
 * The character at "p", or 0 if there is none; its length into "len".
 */
uint32
pgt_utf8_character(const unsigned char *p, int *len)
{
	uint32 code;

	*len = sequence_length(*p);
	if (*len == 0)
		return 0;

	code = *p & (0xFF >> (*len + 1));
	for (int i = 1; i < *len; i++)
	{
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3F);
	}

	return is_character(code, *len) ? code : 0;
}

static void
append_escape(StringInfo out, uint32 code)
{
	if (code >= 0x10000)
	{
		code -= 0x10000;
		appendStringInfo(out, "\\u%04x", 0xD800 + (code >> 10));
		code = 0xDC00 + (code & 0x3FF);
	}
	appendStringInfo(out, "\\u%04x", code);
}

/*
 * JSON text in UTF-8 as ASCII, palloc'd.  A byte that belongs to no valid
 * character becomes U+FFFD.
 */
char *
pgt_json_to_ascii(const char *json)
{
	const unsigned char *p = (const unsigned char *) json;
	StringInfoData out;
	int len;

	initStringInfo(&out);
	for (; *p != '\0'; p += len)
	{
		uint32 code;

		len = 1;
		if (*p < 0x80)
		{
			appendStringInfoChar(&out, *p);
			continue;
		}

		code = pgt_utf8_character(p, &len);
		if (code == 0)
		{
			code = REPLACEMENT;
			len = 1;
		}
		append_escape(&out, code);
	}

	return out.data;
}
