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

/*
 * Parse a text by the stock grammar, as raw_parser() of the server does.
 */
List *
pgt_stock_parser(const char *text, RawParseMode mode)
{
	ParserExtra extra;
	core_yyscan_t scanner = scanner_init(text, &extra.core, &ScanKeywords,
										 ScanKeywordTokens);
	int failed;

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
 * Try the stock grammar; the error, in the current memory context, if it
 * finds the syntax wrong.
 */
static ErrorData *
try_stock_parser(const char *text, List **result)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData *volatile error = NULL;

	PG_TRY();
	{
		*result = pgt_stock_parser(text, RAW_PARSE_DEFAULT);
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
	ErrorData *error;

	if (mode != RAW_PARSE_DEFAULT || likely(!pgt_mentions_stream(text)))
		return pgt_stock_parser(text, mode);

	error = try_stock_parser(text, &result);
	if (error == NULL)
		return result;

	result = pgt_translate(text);
	if (result == NIL)
		ReThrowError(error);
	return result;
}
