/*-------------------------------------------------------------------------
 *
 * hint.c
 *	  What to do when the server does not know STREAM.
 *
 * Where the parser is the server's own (the library is not preloaded, or its
 * syntax is switched off), CREATE STREAM TABLE is a syntax error.  The only
 * place that sees that error is the hook before it is reported.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/elog.h"

#include "pg_trickle/syntax.h"

#include "syntax.h"

#define HINT_FORMAT \
	"CREATE STREAM TABLE is not available: %s. " \
	"Use pgtrickle.create_stream_table() and the functions beside it."

static emit_log_hook_type next_hook = NULL;

static bool
word_at(const char *text, const char *word)
{
	return pg_strncasecmp(text, word, strlen(word)) == 0;
}

/* The byte at a position in characters, from 1 on; NULL beyond the end. */
static const char *
character_at(const char *text, int position)
{
	while (--position > 0 && *text != '\0')
		text += pg_mblen(text);
	return *text == '\0' ? NULL : text;
}

/* Comments may lie in each other; what is not closed ends with the text. */
static const char *
behind_comment(const char *at)
{
	int depth = 0;

	do
	{
		int delta = strncmp(at, "/*", 2) == 0 ? 1 :
					strncmp(at, "*/", 2) == 0 ? -1 :
												0;

		depth += delta;
		at += delta == 0 ? 1 : 2;
	} while (depth > 0 && *at != '\0');

	return at;
}

static const char *
behind_blanks(const char *at)
{
	for (;;)
	{
		at += strspn(at, " \t\n\r\f\v");
		if (strncmp(at, "--", 2) == 0)
			at += strcspn(at, "\n\r");
		else if (strncmp(at, "/*", 2) == 0)
			at = behind_comment(at);
		else
			return at;
	}
}

/* Is it about STREAM TABLE? */
static bool
is_ours(const ErrorData *error)
{
	const char *text = debug_query_string;
	const char *at;

	if (error->elevel != ERROR || error->hint != NULL ||
		error->sqlerrcode != ERRCODE_SYNTAX_ERROR)
		return false;
	if (error->internalpos > 0 && error->internalquery != NULL)
		at = character_at(error->internalquery, error->internalpos);
	else if (error->cursorpos > 0 && text != NULL)
		at = character_at(text, error->cursorpos);
	else
		return false;
	if (at == NULL || !word_at(at, "stream"))
		return false;

	return word_at(behind_blanks(at + strlen("stream")), "table");
}

static void
add_hint(ErrorData *error)
{
	if (is_ours(error) && pgt_syntax_obstacle() != NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(error->assoc_context);

		error->hint = psprintf(HINT_FORMAT, pgt_syntax_obstacle());
		MemoryContextSwitchTo(before);
	}
	if (next_hook != NULL)
		next_hook(error);
}

/*
 * Watch for such errors in this process and those that it forks.
 */
void
pgt_hint_init(void)
{
	next_hook = emit_log_hook;
	emit_log_hook = add_hint;
}
