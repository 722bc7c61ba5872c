/*-------------------------------------------------------------------------
 *
 * selfcheck_test.c
 *	  Does the self-check notice a parser that is not as good as the server's?
 *
 * This module links the self-check with a parser that can be spoilt, one
 * defect at a time, where the extension has its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "parser/scanner.h"
#include "utils/builtins.h"

#include "../../src/syntax/syntax.h"

PG_MODULE_MAGIC;

/* The name of the one that the parser has now. */
static const char *defect = "";

static bool
has_defect(const char *name)
{
	return strcmp(defect, name) == 0;
}

/* What a parser does that has wrong numbers of the tokens for modes. */
static RawParseMode
shifted(RawParseMode mode)
{
	if (!has_defect("modes are shifted") || mode == RAW_PARSE_DEFAULT)
		return mode;
	return mode == RAW_PARSE_PLPGSQL_ASSIGN3 ? RAW_PARSE_TYPE_NAME : mode + 1;
}

static void
spoil(List *tree)
{
	RawStmt *last;

	if (tree == NIL || !IsA(llast(tree), RawStmt))
		return;

	last = llast(tree);
	if (has_defect("positions are shifted"))
		last->stmt_location++;
	if (has_defect("lengths are wrong"))
		last->stmt_len++;
	if (has_defect("kinds are wrong"))
		last->stmt = (Node *) makeNode(CheckPointStmt);
}

static List *
spoilt_parser(const char *text, RawParseMode mode)
{
	List *tree;

	if (has_defect("raises errors") && mode == RAW_PARSE_PLPGSQL_ASSIGN3)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("syntax error"));
	tree = pgt_stock_parser(text, shifted(mode));
	spoil(tree);
	if (has_defect("statements get lost"))
		tree = list_truncate(tree, 1);
	return tree;
}

#define pgt_raw_parser spoilt_parser
#include "../../src/syntax/selfcheck.c"
#undef pgt_raw_parser

PG_FUNCTION_INFO_V1(selfcheck_test);

/*
 * selfcheck_test(defect text) returns NULL, or why the check refuses a parser
 * with that defect.
 */
Datum
selfcheck_test(PG_FUNCTION_ARGS)
{
	const char *why;

	defect = text_to_cstring(PG_GETARG_TEXT_PP(0));
	why = pgt_check_parser();
	if (why == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(why));
}

PG_FUNCTION_INFO_V1(interposed_test);

/*
 * interposed_test() returns NULL if the server's calls of the parser arrive
 * at ours, or what pg_trickle says if they do not.
 */
Datum
interposed_test(PG_FUNCTION_ARGS)
{
	const char *why = pgt_check_interposed();

	if (why == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(why));
}
