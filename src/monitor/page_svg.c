/*-------------------------------------------------------------------------
 *
 * page_svg.c
 *	  Text in the pictures of the page: nothing wraps or clips it there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "page.h"

#define ELLIPSIS "..."

/* In columns of a terminal, which letters of a fixed width take up, too. */
static int
width_of(const char *c)
{
	return Max(pg_dsplen(c), 0);
}

/*
 * See page.h; palloc'd.
 */
char *
pgt_page_clip(const char *text, int columns)
{
	int width = 0;
	int kept = 0; /* bytes that leave room for the ellipsis */
	const char *c;

	for (c = text; *c != '\0'; c += pg_mblen(c))
	{
		width += width_of(c);
		if (width > columns)
			return psprintf("%s" ELLIPSIS, pnstrdup(text, kept));
		if (width <= columns - (int) strlen(ELLIPSIS))
			kept = c - text + pg_mblen(c);
	}

	return pstrdup(text);
}

const char *
pgt_page_short_name(const char *name)
{
	return strncmp(name, "public.", strlen("public.")) == 0 ?
			   name + strlen("public.") :
			   name;
}
