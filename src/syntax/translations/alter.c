/*-------------------------------------------------------------------------
 *
 * alter.c
 *	  ALTER STREAM TABLE [IF EXISTS] name
 *		SET (...) | RESET (...) | SUSPEND | RESUME | AS query |
 *		RENAME TO new | SET SCHEMA schema | OWNER TO role
 *
 * becomes ALTER TABLE, with the options in our namespace; SUSPEND and RESUME
 * set the option status.  AS query is parsed as a CREATE TABLE AS, and the
 * query then becomes an option, too, as a parse tree.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"

#include "../syntax.h"

/* Must fit where SUSPEND or RESUME was; replaced by complete_status(). */
#define ANY_OPTION "SET(a)"

static void
translate_status(Rewriting *rewriting, int i, const char *status)
{
	if (i + 1 < rewriting->end)
		pgt_syntax_error_at(rewriting->tokens, i + 1);

	rewriting->status = status;
	pgt_overwrite(rewriting, i, i + 1, ANY_OPTION);
}

/* "CREATE TABLE name AS" needs no more room than ALTER STREAM TABLE had. */
static void
translate_query(Rewriting *rewriting, int name, int as)
{
	int table = rewriting->start + 2;

	rewriting->query = as + 1;
	pgt_overwrite(rewriting, rewriting->start, table, "CREATE");
	if (rewriting->if_exists)
		pgt_overwrite(rewriting, table + 1, name, "");
}

/* One action is all that there may be. */
static void
refuse_comma(const Rewriting *rewriting, int i)
{
	for (; i < rewriting->end; i++)
	{
		if (pgt_is_char(rewriting->tokens, i, ',') &&
			rewriting->tokens->tokens[i].depth == 0)
			pgt_syntax_error_at(rewriting->tokens, i);
	}
}

/* RENAME TO, SET (, SET SCHEMA, RESET ( and OWNER TO are the server's. */
static void
check_stock_action(const Tokens *tokens, int i)
{
	if (pgt_is_word(tokens, i, "rename"))
	{
		if (!pgt_is_word(tokens, i + 1, "to"))
			pgt_syntax_error_at(tokens, i + 1);
	}
	else if (pgt_is_word(tokens, i, "set"))
	{
		if (!pgt_is_char(tokens, i + 1, '(') &&
			!pgt_is_word(tokens, i + 1, "schema"))
			pgt_syntax_error_at(tokens, i + 1);
	}
	else if (!pgt_is_word(tokens, i, "reset") &&
			 !pgt_is_word(tokens, i, "owner"))
		pgt_syntax_error_at(tokens, i);
}

static void
translate_action(Rewriting *rewriting, int name)
{
	const Tokens *tokens = rewriting->tokens;
	int action = pgt_after_name(tokens, name);

	if (pgt_is_word(tokens, action, "as"))
	{
		translate_query(rewriting, name, action);
		return;
	}

	refuse_comma(rewriting, action);
	if (pgt_is_word(tokens, action, "suspend"))
		translate_status(rewriting, action, "SUSPENDED");
	else if (pgt_is_word(tokens, action, "resume"))
		translate_status(rewriting, action, "ACTIVE");
	else
		check_stock_action(tokens, action);
}

static bool
translate(Rewriting *rewriting)
{
	const Tokens *tokens = rewriting->tokens;
	int start = rewriting->start;
	int i = start + 3;

	if (!pgt_is_word(tokens, start, "alter") ||
		!pgt_is_word(tokens, start + 1, "stream") ||
		!pgt_is_word(tokens, start + 2, "table"))
		return false;

	pgt_overwrite(rewriting, start + 1, start + 2, "");
	if (pgt_is_word(tokens, i, "if") && pgt_is_word(tokens, i + 1, "exists"))
	{
		rewriting->if_exists = true;
		i += 2;
	}
	translate_action(rewriting, i);
	return true;
}

/* ---- what it meant ---- */

static AlterTableStmt *
set_option(RangeVar *relation, DefElem *option, bool missing_ok)
{
	AlterTableStmt *alter = makeNode(AlterTableStmt);
	AlterTableCmd *command = makeNode(AlterTableCmd);

	command->subtype = AT_SetRelOptions;
	command->def = (Node *) list_make1(option);
	alter->relation = relation;
	alter->cmds = list_make1(command);
	alter->objtype = OBJECT_TABLE;
	alter->missing_ok = missing_ok;
	return alter;
}

static void
complete_query(const Rewriting *rewriting, RawStmt *stmt)
{
	CreateTableAsStmt *create = (CreateTableAsStmt *) stmt->stmt;
	DefElem *option;

	pgt_expect_node(stmt->stmt, T_CreateTableAsStmt);
	if (!IsA(create->query, SelectStmt))
		pgt_syntax_error_at(rewriting->tokens, rewriting->query);
	if (create->into->skipData)
		pgt_syntax_error_at(rewriting->tokens, rewriting->end - 3);
	option = makeDefElemExtended(OPTION_NAMESPACE, "query", create->query,
								 DEFELEM_UNSPEC, -1);
	stmt->stmt = (Node *) set_option(create->into->rel, option,
									 rewriting->if_exists);
}

/* Options without a namespace are ours. */
static void
complete_options(AlterTableStmt *alter, const Rewriting *rewriting)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, alter->cmds)
	{
		AlterTableCmd *command = lfirst(lc);

		if (command->subtype != AT_SetRelOptions &&
			command->subtype != AT_ResetRelOptions)
			continue;
		if (rewriting->status != NULL)
			command->def = (Node *) list_make1(
				makeDefElem("status",
							(Node *) makeString(pstrdup(rewriting->status)),
							-1));
		foreach (lc2, (List *) command->def)
		{
			DefElem *option = lfirst(lc2);

			if (option->defnamespace == NULL)
				option->defnamespace = pstrdup(OPTION_NAMESPACE);
		}
	}
	pgt_mark_relation(alter->relation, MARK_STREAM);
}

static void
complete(const Rewriting *rewriting, RawStmt *stmt)
{
	if (rewriting->query > 0)
		complete_query(rewriting, stmt);

	if (IsA(stmt->stmt, AlterTableStmt))
		complete_options((AlterTableStmt *) stmt->stmt, rewriting);
	else if (IsA(stmt->stmt, RenameStmt))
		pgt_mark_relation(((RenameStmt *) stmt->stmt)->relation, MARK_STREAM);
	else
	{
		pgt_expect_node(stmt->stmt, T_AlterObjectSchemaStmt);
		pgt_mark_relation(((AlterObjectSchemaStmt *) stmt->stmt)->relation,
						  MARK_STREAM);
	}
}

const Translation pgt_translate_alter = {
	.name = "ALTER STREAM TABLE",
	.translate = translate,
	.complete = complete,
};
