/*-------------------------------------------------------------------------
 *
 * drop.c
 *	  DROP STREAM TABLE [IF EXISTS] name [, ...] [CASCADE | RESTRICT]
 *
 * becomes DROP TABLE.  The names in its parse tree are bare lists, which take
 * no mark; "concurrent", which no DROP TABLE has, is the mark.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "../syntax.h"

static bool
translate(Rewriting *rewriting)
{
	int start = rewriting->start;

	if (!pgt_is_word(rewriting->tokens, start, "drop") ||
		!pgt_is_word(rewriting->tokens, start + 1, "stream") ||
		!pgt_is_word(rewriting->tokens, start + 2, "table"))
		return false;

	pgt_overwrite(rewriting, start + 1, start + 2, "");
	return true;
}

static void
complete(const Rewriting *rewriting, RawStmt *stmt)
{
	pgt_expect_node(stmt->stmt, T_DropStmt);
	((DropStmt *) stmt->stmt)->concurrent = true;
}

const Translation pgt_translate_drop = {
	.name = "DROP STREAM TABLE",
	.translate = translate,
	.complete = complete,
};
