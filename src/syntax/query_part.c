/*-------------------------------------------------------------------------
 *
 * query_part.c
 *	  The defining query in the text of a statement.
 *
 * The query is analyzed from its own text, as that of a function's argument
 * is; its error positions, which are internal to that text, are moved to
 * where the user reads them: into the whole string.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "syntax.h"

/* The text of the statement alone, which may be one of several in a string. */
static char *
statement_text(const Statement *statement, int *offset)
{
	const PlannedStmt *pstmt = statement->pstmt;
	int length = pstmt->stmt_len;

	*offset = Max(pstmt->stmt_location, 0);
	if (length <= 0)
		length = strlen(statement->text + *offset);
	return pnstrdup(statement->text + *offset, length);
}

/* That word, and not a column or table of the name (a.with)? */
static bool
is_keyword(const Tokens *tokens, int i, const char *word)
{
	return pgt_is_word(tokens, i, word) && !pgt_is_char(tokens, i - 1, '.');
}

/* The token that the query begins with: behind the first AS. */
static int
find_query(const Tokens *tokens)
{
	for (int i = 0; i < tokens->n; i++)
	{
		if (tokens->tokens[i].depth == 0 && is_keyword(tokens, i, "as"))
			return i + 1;
	}

	elog(ERROR, "no query in statement \"%s\"", tokens->text);
}

/* The token behind the query: WITH [NO] DATA or the end. */
static int
find_end(const Tokens *tokens, int from)
{
	int end = pgt_statement_end(tokens, from);

	if (!pgt_is_word(tokens, end - 1, "data"))
		return end;
	if (is_keyword(tokens, end - 2, "with"))
		return end - 2;
	if (pgt_is_word(tokens, end - 2, "no") &&
		is_keyword(tokens, end - 3, "with"))
		return end - 3;
	return end;
}

/*
 * The query of a CREATE or ALTER statement; palloc'd.
 */
QueryPart *
pgt_query_part(const Statement *statement)
{
	QueryPart *part = palloc(sizeof(QueryPart));
	int offset;
	Tokens *tokens = pgt_tokens(statement_text(statement, &offset));
	int first = find_query(tokens);
	int start = tokens->tokens[first].location;
	int end = tokens->tokens[find_end(tokens, first)].location;

	while (end > start && strchr(" \t\n\r\f\v", tokens->text[end - 1]) != NULL)
		end--;
	part->source = statement->text;
	part->offset = offset + start;
	part->text = pnstrdup(tokens->text + start, end - start);
	return part;
}

/*
 * Error context: a position in the query becomes one in the whole text.
 */
void
pgt_move_position(void *query_part)
{
	const QueryPart *part = query_part;
	int position = getinternalerrposition();
	MemoryContext before;
	ErrorData *error;

	if (position <= 0)
		return;

	/* The error itself says whose text it is about. */
	before = MemoryContextSwitchTo(CurTransactionContext);
	error = CopyErrorData();
	MemoryContextSwitchTo(before);
	if (error->internalquery == NULL ||
		strcmp(error->internalquery, part->text) != 0)
		return;

	internalerrposition(0);
	internalerrquery(NULL);
	errposition(pg_mbstrlen_with_len(part->source, part->offset) + position);
}
