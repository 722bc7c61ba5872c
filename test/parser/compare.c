/*-------------------------------------------------------------------------
 *
 * compare.c
 *	  Does pg_trickle's parser do with a text what it has to?
 *
 * A text that the server's parser takes gives the same tree, with the same
 * positions; one that it rejects gives the same error, unless a statement
 * of ours is in it.  If ours takes it, each statement, cut out by its
 * position, is one that the server takes and makes the same tree of, or one
 * that it has a syntax error in: ours.
 *
 * The server must not be interposed: raw_parser() is its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "nodes/nodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "../../src/syntax/syntax.h"
#include "parser_test.h"

PG_MODULE_MAGIC;

/*
 * Run a parser; whatever error it raises is part of the outcome.
 */
Outcome
parser_test_run(Parser parser, const char *text, RawParseMode mode)
{
	MemoryContext context = CurrentMemoryContext;
	Outcome *outcome = palloc0(sizeof(Outcome));

	PG_TRY();
	{
		outcome->tree = parser(text, mode);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		outcome->error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();

	return *outcome;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_error(const ErrorData *a, const ErrorData *b)
{
	return a->sqlerrcode == b->sqlerrcode && a->cursorpos == b->cursorpos &&
		   same_text(a->message, b->message) &&
		   same_text(a->detail, b->detail) && same_text(a->hint, b->hint);
}

static bool
same_places(const List *a, const List *b)
{
	ListCell *lc;
	ListCell *lc2;

	forboth (lc, a, lc2, b)
	{
		const RawStmt *x = lfirst(lc);
		const RawStmt *y = lfirst(lc2);

		if (IsA(x, RawStmt) && (x->stmt_location != y->stmt_location ||
								x->stmt_len != y->stmt_len))
			return false;
	}

	return true;
}

/* The text of a tree holds all positions, which equal() passes over. */
static const char *
compare_trees(List *a, List *b)
{
	if (!equal(a, b))
		return "the trees differ";
	if (!same_places(a, b))
		return "the statements' positions differ";
	if (strcmp(nodeToString(a), nodeToString(b)) != 0)
		return "the texts of the trees differ";
	return NULL;
}

/* ---- what must hold of any text ---- */

static bool
is_internal(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_INTERNAL_ERROR;
}

/* A server gets no text that is invalid in its encoding; the fuzzer does. */
static int
characters(const char *text)
{
	int length = strlen(text);

	return pg_verifymbstr(text, length, true) ?
			   pg_mbstrlen_with_len(text, length) :
			   length;
}

/* Positions of errors count characters from 1; behind the end is one, too. */
static const char *
check_error(const ErrorData *error, const char *text)
{
	if (is_internal(error))
		return psprintf("internal error \"%s\"", error->message);
	if (error->cursorpos < 0 ||
		error->cursorpos > characters(text) + 1)
		return "the error's position lies outside of the text";
	return NULL;
}

static const char *
check_places(const List *tree, const char *text)
{
	int length = strlen(text);
	int end = 0;
	ListCell *lc;

	foreach (lc, tree)
	{
		const RawStmt *stmt = lfirst(lc);
		int start;

		if (!IsA(stmt, RawStmt))
			continue;

		/* To PostgreSQL 18 an expression of no token lies nowhere. */
		start = stmt->stmt_location;
		if (start == -1 && list_length(tree) == 1)
			start = 0;
		if (start < end || start > length || stmt->stmt_len < 0 ||
			stmt->stmt_len > length - start)
			return "a statement lies outside of the text";
		if (stmt->stmt_len == 0 && lnext(tree, lc) != NULL)
			return "a statement that is not the last has no end";
		end = start + stmt->stmt_len;
	}

	return NULL;
}

static bool
is_kind_of_ours(const Node *node)
{
	return IsA(node, CreateTableAsStmt) || IsA(node, AlterTableStmt) ||
		   IsA(node, RenameStmt) || IsA(node, AlterObjectSchemaStmt) ||
		   IsA(node, DropStmt) || IsA(node, RefreshMatViewStmt) ||
		   IsA(node, ExplainStmt);
}

/* One statement of a text that only we take; says whether it is ours. */
static const char *
check_statement(const RawStmt *stmt, const char *text, bool *ours)
{
	int length = stmt->stmt_len > 0 ? stmt->stmt_len :
									  (int) strlen(text) - stmt->stmt_location;
	char *part = pnstrdup(text + stmt->stmt_location, length);
	Outcome stock = parser_test_run(raw_parser, part, RAW_PARSE_DEFAULT);

	*ours = stock.error != NULL;
	if (!*ours)
		return list_length(stock.tree) == 1 &&
					   equal(linitial_node(RawStmt, stock.tree)->stmt,
							 stmt->stmt) ?
				   NULL :
				   psprintf("this is another statement: %s", part);
	if (stock.error->sqlerrcode != ERRCODE_SYNTAX_ERROR ||
		!pgt_mentions_stream(part))
		return psprintf("taken although it is none of ours: %s", part);
	if (!is_kind_of_ours(stmt->stmt))
		return psprintf("node %d was made of: %s", (int) nodeTag(stmt->stmt),
						part);
	return NULL;
}

static const char *
check_ours(List *tree, const char *text)
{
	int n = 0;
	ListCell *lc;

	foreach (lc, tree)
	{
		bool ours;
		const char *wrong = check_statement(lfirst(lc), text, &ours);

		if (wrong != NULL)
			return wrong;
		n += ours ? 1 : 0;
	}

	if (n == 0)
		return "taken although none of its statements is ours";
	return equal(tree, copyObject(tree)) ? NULL : "the tree cannot be copied";
}

/* What the search for six letters must find. */
static bool
has_stream(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (pg_strncasecmp(text, "stream", strlen("stream")) == 0)
			return true;
	}

	return false;
}

/* Ours said something else than the server's "syntax error". */
static const char *
check_different(const Outcome *stock, const Outcome *ours, const char *text,
				RawParseMode mode)
{
	if (stock->error->sqlerrcode != ERRCODE_SYNTAX_ERROR ||
		mode != RAW_PARSE_DEFAULT || !has_stream(text))
		return psprintf("other than the server's error \"%s\"",
						stock->error->message);
	return ours->error != NULL ? NULL : check_ours(ours->tree, text);
}

static const char *
check_outcomes(const Outcome *stock, const Outcome *ours, const char *text,
			   RawParseMode mode, Verdict *verdict)
{
	const char *wrong = ours->error != NULL ? check_error(ours->error, text) :
											  NULL;

	*verdict = ACCEPTED_BY_BOTH;
	if (wrong == NULL && stock->error == NULL)
		return ours->error != NULL ?
				   psprintf("rejected: %s", ours->error->message) :
				   compare_trees(stock->tree, ours->tree);

	*verdict = REJECTED_BY_BOTH;
	if (wrong != NULL ||
		(ours->error != NULL && same_error(stock->error, ours->error)))
		return wrong;

	/* Where the server takes it, positions are what they are there. */
	*verdict = ours->error == NULL ? OURS : OURS_REJECTED;
	if (ours->error == NULL)
		wrong = check_places(ours->tree, text);
	return wrong != NULL ? wrong : check_different(stock, ours, text, mode);
}

/*
 * NULL, or what is wrong with what our parser does with a text.
 */
const char *
parser_test_check(const char *text, RawParseMode mode, Verdict *verdict)
{
	char *given = pstrdup(text);
	Outcome stock = parser_test_run(raw_parser, text, mode);
	Outcome ours = parser_test_run(pgt_raw_parser, given, mode);
	const char *wrong = check_outcomes(&stock, &ours, text, mode, verdict);

	if (strcmp(given, text) != 0)
		return "the text was changed";
	if (pgt_mentions_stream(text) != has_stream(text))
		return "pgt_mentions_stream() is wrong";
	return wrong;
}

PG_FUNCTION_INFO_V1(parser_test_difference);

/*
 * parser_test_difference(text bytea, mode int) returns NULL, or what is wrong.
 */
Datum
parser_test_difference(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);
	char *text = pnstrdup(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	Verdict verdict;
	const char *wrong = parser_test_check(text, PG_GETARG_INT32(1), &verdict);

	if (wrong == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wrong));
}

PG_FUNCTION_INFO_V1(parser_test_verdict);

/*
 * parser_test_verdict(text bytea) returns which parser takes it.
 */
Datum
parser_test_verdict(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		[ACCEPTED_BY_BOTH] = "both",
		[REJECTED_BY_BOTH] = "none",
		[OURS] = "ours",
		[OURS_REJECTED] = "none, in our words",
	};
	bytea *bytes = PG_GETARG_BYTEA_PP(0);
	char *text = pnstrdup(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	Verdict verdict;
	const char *wrong = parser_test_check(text, RAW_PARSE_DEFAULT, &verdict);

	PG_RETURN_TEXT_P(cstring_to_text(wrong != NULL ? wrong : names[verdict]));
}
