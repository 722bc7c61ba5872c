/*
 * text.c
 *	  A string that grows: text_add(&sql, "LIMIT %d", n).
 */
#include "stress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void
make_room(Text *text, size_t more)
{
	size_t needed = text->length + more + 1;

	if (needed <= text->size)
		return;
	text->size = needed * 2 + 64;
	text->data = realloc(text->data, text->size);
	if (text->data == NULL)
		fail("out of memory");
}

void
text_clear(Text *text)
{
	make_room(text, 0);
	text->length = 0;
	text->data[0] = '\0';
}

void
text_free(Text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}

void
text_add(Text *text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	make_room(text, (size_t) length);
	va_start(args, format);
	vsnprintf(text->data + text->length, (size_t) length + 1, format, args);
	va_end(args);
	text->length += (size_t) length;
}

char *
text_copy(const char *string)
{
	char *copy = strdup(string);

	if (copy == NULL)
		fail("out of memory");
	return copy;
}
