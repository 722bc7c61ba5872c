/*-------------------------------------------------------------------------
 *
 * query_text.c
 *	  The query of a stream table as it is now, as text.
 *
 * The text of its creation is history: since then tables, columns and
 * functions may have got other names.  The view has followed them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"

#include "pg_trickle/command.h"

/*
 * The text of a query as it does not depend on where the query is stored.
 * The server leaves "t." out where the range table has one entry; a stored
 * query had, until PostgreSQL 15, two more than meet the eye.
 */
static char *
comparable_text(const Query *query)
{
	Query *copy = copyObject(unconstify(Query *, query));
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	char *text;

	rte->rtekind = RTE_RESULT;
	rte->eref = makeAlias("unused", NIL);
	copy->rtable = lappend(copy->rtable, rte);
	if (list_length(copy->rtable) == 1)
		copy->rtable = lappend(copy->rtable, rte);

	text = pgt_query_text(copy);
	return text + strspn(text, " ");
}

/*
 * The query of a stream table, all names qualified, with the column names
 * that the stream table has now; palloc'd.
 */
char *
pgt_current_query_text(const StreamTable *st)
{
	Query *query = pgt_view_query(st->query_relid);
	ListCell *lc;

	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);

		if (!tle->resjunk)
			tle->resname = get_attname(st->relid, tle->resno, false);
	}

	return comparable_text(query);
}

/*
 * Is this the query that the stream table has already?  A wrong "no" is
 * possible, and costs a recomputation.
 */
bool
pgt_is_current_query(const StreamTable *st, const Query *query)
{
	return strcmp(pgt_current_query_text(st), comparable_text(query)) == 0;
}
