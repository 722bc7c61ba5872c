/*-------------------------------------------------------------------------
 *
 * refresh.c
 *	  REFRESH STREAM TABLE name [FULL]
 *
 * becomes REFRESH MATERIALIZED VIEW.  That is longer than what it replaces,
 * so the name is parsed as that of a CLUSTER.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "../syntax.h"

static bool
translate(Rewriting *rewriting)
{
	const Tokens *tokens = rewriting->tokens;
	int start = rewriting->start;
	int after;

	if (!pgt_is_word(tokens, start, "refresh") ||
		!pgt_is_word(tokens, start + 1, "stream") ||
		!pgt_is_word(tokens, start + 2, "table"))
		return false;

	pgt_overwrite(rewriting, start, start + 3, "CLUSTER");
	if (pgt_is_word(tokens, start + 3, "verbose"))
		pgt_syntax_error_at(tokens, start + 3);
	after = pgt_after_name(tokens, start + 3);
	if (after < rewriting->end && pgt_is_word(tokens, after, "full"))
	{
		rewriting->full = true;
		pgt_overwrite(rewriting, after, after + 1, "");
		after++;
	}
	if (after < rewriting->end)
		pgt_syntax_error_at(tokens, after);
	return true;
}

static void
complete(const Rewriting *rewriting, RawStmt *stmt)
{
	RefreshMatViewStmt *refresh = makeNode(RefreshMatViewStmt);

	pgt_expect_node(stmt->stmt, T_ClusterStmt);
	refresh->relation = ((ClusterStmt *) stmt->stmt)->relation;
	pgt_mark_relation(refresh->relation,
					  rewriting->full ? MARK_STREAM_FULL : MARK_STREAM);
	stmt->stmt = (Node *) refresh;
}

const Translation pgt_translate_refresh = {
	.name = "REFRESH STREAM TABLE",
	.translate = translate,
	.complete = complete,
};
