/*-------------------------------------------------------------------------
 *
 * parser.c
 *	  What takes the place of raw_parser().
 *
 * The stock grammar always goes first.  Only a text that it rejects, and that
 * has the word STREAM somewhere, is looked at by us; a statement that
 * PostgreSQL takes therefore means what it always did, and costs one scan for
 * six letters.
 *
 * raw_parser() is a few lines over exported functions, so that no way back to
 * the original is needed once its first bytes are overwritten.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/keywords.h"
#include "parser/scanner.h"

#include "pg_trickle/compat.h"

#include "core_parser.h"
#include "syntax.h"

/*
 * The token that makes the grammar parse something else than statements.
 * Bison numbers tokens in the order of their declaration: the keywords, of
 * which ZONE is the last, then tokens of the look-ahead, then these.
 */
static int
mode_token(RawParseMode mode)
{
	int zone = ScanKeywordTokens[ScanKeywordLookup("zone", &ScanKeywords)];

	return zone + PGT_LOOKAHEAD_TOKENS + (int) mode;
}

static List *
parse(const char *text, RawParseMode mode, bool warn)
{
	ParserExtra extra;
	core_yyscan_t scanner = scanner_init(text, &extra.core, &ScanKeywords,
										 ScanKeywordTokens);
	int failed;

	if (!warn)
		extra.core.escape_string_warning = false;
	memset(extra.spare, 0, sizeof(extra.spare));
	extra.have_lookahead = mode != RAW_PARSE_DEFAULT;
	if (extra.have_lookahead)
	{
		extra.lookahead_token = mode_token(mode);
		extra.lookahead_location = 0;
		extra.lookahead_end = NULL;
	}
	parser_init(&extra);
	failed = base_yyparse(scanner);
	scanner_finish(scanner);
	return failed ? NIL : extra.parsetree;
}

/*
 * Parse a text by the stock grammar, as raw_parser() of the server does.
 */
List *
pgt_stock_parser(const char *text, RawParseMode mode)
{
	return parse(text, mode, true);
}

/*
 * The same for our copy of a text, whose strings have been warned of.
 */
List *
pgt_stock_parser_again(const char *text)
{
	return parse(text, RAW_PARSE_DEFAULT, false);
}

/* Error context: callers' contexts may move the position to their own text. */
static void
note_position(void *position)
{
	*(int *) position = geterrposition();
}

/*
 * Try the stock grammar; the error, in the current memory context, if it
 * finds the syntax wrong, and its position in characters from 1.
 */
static ErrorData *
try_stock_parser(const char *text, List **result, int *position)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData *volatile error = NULL;
	ErrorContextCallback callback = {
		.callback = note_position,
		.arg = position,
		.previous = error_context_stack,
	};

	PG_TRY();
	{
		error_context_stack = &callback;
		*result = pgt_stock_parser(text, RAW_PARSE_DEFAULT);
		error_context_stack = callback.previous;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (geterrcode() != ERRCODE_SYNTAX_ERROR)
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();

	return error;
}

/*
 * Parse a text as raw_parser() does, and our statements, too.  No look-ups in
 * catalogs: it has to work in an aborted transaction.
 */
List *
pgt_raw_parser(const char *text, RawParseMode mode)
{
	List *result = NIL;
	int position = 0;
	ErrorData *error;

	if (mode != RAW_PARSE_DEFAULT || likely(!pgt_mentions_stream(text)))
		return pgt_stock_parser(text, mode);

	error = try_stock_parser(text, &result, &position);
	if (error == NULL)
		return result;

	result = pgt_translate(text, position);
	if (result == NIL)
		ReThrowError(error);
	return result;
}
