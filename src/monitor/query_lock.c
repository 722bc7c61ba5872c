/*-------------------------------------------------------------------------
 *
 * query_lock.c
 *	  To look at the query of a stream table without waiting for anybody.
 *
 * To read a query, and to write it down, the server locks all that the query
 * reads.  That would wait behind an ALTER TABLE, and fail after a DROP: what is
 * dropped with CASCADE goes first, and its dependents with it.  So we take the
 * same locks before, where they are free: what has them stays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"

#include "monitor.h"

/* Locks the relations that a query reads, up to the first that is not free. */
static bool
cannot_lock(Node *node, List **locked)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = castNode(RangeTblEntry, node);

		if (rte->rtekind != RTE_RELATION)
			return false;
		if (!pgt_try_lock(rte->relid))
			return true;
		*locked = lappend_oid(*locked, rte->relid);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, cannot_lock, locked,
								 QTW_EXAMINE_RTES_BEFORE);

	return expression_tree_walker(node, cannot_lock, locked);
}

/* The view is locked. */
static Query *
stored_query(Oid view_relid)
{
	Relation view = table_open(view_relid, NoLock);
	Query *query = copyObject(get_view_query(view));

	table_close(view, NoLock);
	return query;
}

/*
 * See monitor.h.
 */
bool
pgt_try_lock_query(const StreamTable *st)
{
	List *locked = NIL;

	if (pgt_try_lock(st->relid))
		locked = lappend_oid(locked, st->relid);
	if (locked != NIL && pgt_try_lock(st->query_relid))
	{
		locked = lappend_oid(locked, st->query_relid);
		if (!cannot_lock((Node *) stored_query(st->query_relid), &locked))
			return true;
	}

	pgt_unlock_family(locked);
	return false;
}
