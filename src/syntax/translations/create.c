/*-------------------------------------------------------------------------
 *
 * create.c
 *	  [EXPLAIN ...] CREATE [OR REPLACE] STREAM TABLE [IF NOT EXISTS] name
 *		[(columns)] [WITH (...)] AS query [WITH [NO] DATA]
 *
 * becomes CREATE TABLE ... USING stream ... AS.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"

#include "../syntax.h"

/* The token behind EXPLAIN and its options, or "i" if it is no EXPLAIN. */
static int
after_explain(const Tokens *tokens, int i)
{
	if (!pgt_is_word(tokens, i, "explain"))
		return i;

	i++;
	if (pgt_is_char(tokens, i, '('))
	{
		int depth = tokens->tokens[i].depth;

		for (i++; i < tokens->n; i++)
		{
			if (pgt_is_char(tokens, i, ')') &&
				tokens->tokens[i].depth == depth)
				return i + 1;
		}
		return i;
	}
	while (pgt_is_word(tokens, i, "analyze") ||
		   pgt_is_word(tokens, i, "analyse") ||
		   pgt_is_word(tokens, i, "verbose"))
		i++;
	return i;
}

/*
 * The stock grammar would take these, but they are no part of this statement:
 * what is said is said once.
 */
static void
refuse_stock_clauses(const Tokens *tokens, int name)
{
	int i = pgt_after_name(tokens, name);
	int depth = tokens->tokens[name].depth;

	for (; i < tokens->n && !pgt_is_char(tokens, i, ';'); i++)
	{
		if (tokens->tokens[i].depth != depth)
			continue;
		if (pgt_is_word(tokens, i, "as"))
			return;
		if (pgt_is_word(tokens, i, "using") || pgt_is_word(tokens, i, "on") ||
			pgt_is_word(tokens, i, "without") ||
			pgt_is_word(tokens, i, "tablespace"))
			pgt_syntax_error_at(tokens, i);
	}
	pgt_syntax_error_at(tokens, i);
}

static bool
translate(Rewriting *rewriting)
{
	const Tokens *tokens = rewriting->tokens;
	int create = after_explain(tokens, rewriting->start);
	int i = create + 1;

	if (!pgt_is_word(tokens, create, "create"))
		return false;
	if (pgt_is_word(tokens, i, "or") && pgt_is_word(tokens, i + 1, "replace"))
	{
		rewriting->or_replace = true;
		i += 2;
	}
	if (!pgt_is_word(tokens, i, "stream") ||
		!pgt_is_word(tokens, i + 1, "table"))
		return false;

	pgt_overwrite(rewriting, create + 1, i + 1, "");
	i += 2;
	if (pgt_is_word(tokens, i, "if") && pgt_is_word(tokens, i + 1, "not") &&
		pgt_is_word(tokens, i + 2, "exists"))
	{
		if (rewriting->or_replace)
			pgt_syntax_error_at(tokens, i + 1);
		i += 3;
	}
	refuse_stock_clauses(tokens, i);
	return true;
}

static void
complete(const Rewriting *rewriting, RawStmt *stmt)
{
	Node *node = stmt->stmt;
	CreateTableAsStmt *create;

	if (IsA(node, ExplainStmt))
		node = ((ExplainStmt *) node)->query;
	pgt_expect_node(node, T_CreateTableAsStmt);
	create = (CreateTableAsStmt *) node;
	create->into->accessMethod = pstrdup(STREAM_METHOD);
	if (rewriting->or_replace)
		create->into->options =
			lappend(create->into->options,
					makeDefElemExtended(OPTION_NAMESPACE, "or_replace",
										(Node *) makeString("true"),
										DEFELEM_UNSPEC, -1));
}

const Translation pgt_translate_create = {
	.name = "CREATE STREAM TABLE",
	.translate = translate,
	.complete = complete,
};
