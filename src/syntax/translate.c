/*-------------------------------------------------------------------------
 *
 * translate.c
 *	  From our statements to those of the stock grammar.
 *
 *		CREATE STREAM TABLE s WITH (schedule = '5s') AS SELECT 1
 *		CREATE        TABLE s WITH (schedule = '5s') AS SELECT 1
 *
 * The text is overwritten in place, mostly by blanks, and parsed again; what
 * the blanks meant is put into the parse tree afterwards.  No byte moves, so
 * all positions, those of errors and those that pg_stat_statements goes by,
 * are right without any arithmetic.
 *
 * Further syntax is a further row of the table and a file in translations/.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "syntax.h"

static const Translation *const translations[] = {
	&pgt_translate_create,
	&pgt_translate_alter,
	&pgt_translate_drop,
	&pgt_translate_refresh,
};

/* ---- is it worth a look? ---- */

#define WORD "stream"
#define WORD_LENGTH 6

#define BLOCK 64

/* How far a text may be skipped if its character at WORD_LENGTH - 1 is c. */
static int
skip(unsigned char c)
{
	switch (c | 0x20)
	{
		case 'm':
			return 0;
		case 'a':
			return 1;
		case 'e':
			return 2;
		case 'r':
			return 3;
		case 't':
			return 4;
		case 's':
			return 5;
		default:
			return WORD_LENGTH;
	}
}

/*
 * Does the word end at from <= i < to?  By Horspool's algorithm (Software:
 * Practice and Experience 10, 1980), which looks at every sixth byte of most
 * texts.  There are WORD_LENGTH - 1 bytes before "from".
 */
static bool
ends_between(const char *text, size_t from, size_t to)
{
	size_t at = from;

	while (at < to)
	{
		int step = skip(text[at]);

		if (step > 0)
			at += step;
		else if (pg_strncasecmp(text + at - (WORD_LENGTH - 1), WORD,
								WORD_LENGTH) == 0)
			return true;
		else
			at++;
	}

	return false;
}

/*
 * Does "eam" end anywhere in the block?  No branches, so that the compiler
 * makes it look at many bytes at once.
 */
static bool
may_end_in(const unsigned char *block)
{
	unsigned char found = 0;

	for (int i = 0; i < BLOCK; i++)
		found |= ((block[i] | 0x20) == 'm') & ((block[i - 1] | 0x20) == 'a') &
				 ((block[i - 2] | 0x20) == 'e');
	return found != 0;
}

/*
 * Is "stream" in the text, in any case?  Every statement is asked, so it has
 * to cost next to nothing beside parsing: long texts are looked at by blocks.
 */
bool
pgt_mentions_stream(const char *text)
{
	size_t length = strlen(text);
	size_t at = WORD_LENGTH - 1;

	for (; at + BLOCK <= length; at += BLOCK)
	{
		if (may_end_in((const unsigned char *) text + at) &&
			ends_between(text, at, at + BLOCK))
			return true;
	}

	return ends_between(text, at, length);
}

/* ---- editing ---- */

/*
 * Blank out tokens from <= i < to, comments between them included, and write
 * "word" where the first was.  There must be room for it.
 */
void
pgt_overwrite(Rewriting *rewriting, int from, int to, const char *word)
{
	const Token *tokens = rewriting->tokens->tokens;
	int start = tokens[from].location;
	int end = tokens[to - 1].location + tokens[to - 1].length;
	int length = strlen(word);

	Assert(length <= end - start);
	memset(rewriting->copy + start, ' ', end - start);
	memcpy(rewriting->copy + start, word, length);
}

/* ---- statements ---- */

/* NULL if the statement that begins at token "start" is none of ours. */
static Rewriting *
translate_statement(const Tokens *tokens, int start, char *copy)
{
	Rewriting *rewriting = palloc0(sizeof(Rewriting));

	rewriting->tokens = tokens;
	rewriting->start = start;
	rewriting->end = pgt_statement_end(tokens, start);
	rewriting->copy = copy;
	for (size_t i = 0; i < lengthof(translations); i++)
	{
		rewriting->translation = translations[i];
		if (translations[i]->translate(rewriting))
			return rewriting;
	}

	pfree(rewriting);
	return NULL;
}

static List *
translate_all(const Tokens *tokens, char *copy)
{
	List *rewritings = NIL;
	int i = 0;

	while (i < tokens->n)
	{
		Rewriting *rewriting = translate_statement(tokens, i, copy);

		if (rewriting != NULL)
			rewritings = lappend(rewritings, rewriting);
		i = pgt_statement_end(tokens, i) + 1;
	}

	return rewritings;
}

/*
 * The statement of the list that begins with that token; NULL if what lies
 * there is part of another one (of a function's body, BEGIN ATOMIC).
 */
static RawStmt *
statement_at(List *stmts, const Tokens *tokens, int start)
{
	int location = tokens->tokens[start].location;
	RawStmt *found = NULL;
	ListCell *lc;

	foreach (lc, stmts)
	{
		RawStmt *stmt = lfirst_node(RawStmt, lc);

		if (stmt->stmt_location <= location)
			found = stmt;
	}

	if (found != NULL && start > 0 &&
		tokens->tokens[start - 1].location >= found->stmt_location)
		return NULL;
	return found;
}

/* The server knows no STREAM where a statement of ours cannot be. */
static void
refuse_stream(const Rewriting *rewriting)
{
	int i = rewriting->start;

	while (i < rewriting->end &&
		   !pgt_is_word(rewriting->tokens, i, WORD))
		i++;
	pgt_syntax_error_at(rewriting->tokens, i);
}

/*
 * Parse a text that the stock grammar rejects and in which some statements are
 * ours; NIL if none is.  Errors are those of the grammar, at positions of the
 * text.
 */
List *
pgt_translate(const char *text, int position)
{
	Tokens *tokens = pgt_tokens(text);
	char *copy = pstrdup(text);
	List *rewritings = translate_all(tokens, copy);
	List *stmts;
	ListCell *lc;

	if (rewritings == NIL)
		return NIL;

	pgt_warn_of_strings(text, position);
	stmts = pgt_stock_parser_again(copy);
	foreach (lc, rewritings)
	{
		Rewriting *rewriting = lfirst(lc);
		RawStmt *stmt = statement_at(stmts, tokens, rewriting->start);

		if (stmt == NULL)
			refuse_stream(rewriting);
		rewriting->translation->complete(rewriting, stmt);
	}

	return stmts;
}

/*
 * A translation is one of a statement to a statement: if the grammar ever
 * sees it otherwise, it is an error and not a cast of the wrong node.
 */
void
pgt_expect_node(const Node *node, NodeTag tag)
{
	if (nodeTag(node) != tag)
		elog(ERROR, "unexpected node %d in a statement on stream tables",
			 (int) nodeTag(node));
}

/* ---- marks ---- */

/*
 * Note on a relation that the statement is one of ours.  Where a stock
 * statement names a table to act on it takes no alias, and an alias is copied
 * with the tree, so that the mark survives in cached plans.
 */
void
pgt_mark_relation(RangeVar *relation, const char *mark)
{
	relation->alias = makeNode(Alias);
	relation->alias->aliasname = pstrdup(mark);
}

/*
 * Has a relation that mark?
 */
bool
pgt_relation_has_mark(const RangeVar *relation, const char *mark)
{
	return relation != NULL && relation->alias != NULL &&
		   strcmp(relation->alias->aliasname, mark) == 0;
}
