/*-------------------------------------------------------------------------
 *
 * row_readers.c
 *	  Does a query read whole rows of a table?
 *
 *		SELECT count(t), a FROM t JOIN v USING (a)
 *
 * does of t, and of all tables of which the query of the view v does.  Such
 * rows have each column that is added to the table, while t.* is the columns
 * that the table had when the query was written.
 *
 * Who asks is in the middle of changing the table, and must wait for nobody
 * who may be waiting for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "pg_trickle/normal_form.h"

typedef struct RowReader
{
	Oid relid;
	List *queries; /* around the node at hand, the innermost first */
	List *views;   /* OIDs of those that were looked at */
} RowReader;

static bool view_reads_rows(Oid view_relid, RowReader *reader);

static bool
is_row_of_table(const Var *var, const RowReader *reader)
{
	Query *query;
	RangeTblEntry *rte;

	if (var->varattno != InvalidAttrNumber)
		return false;
	query = list_nth_node(Query, reader->queries, var->varlevelsup);
	rte = rt_fetch(var->varno, query->rtable);
	return rte->rtekind == RTE_RELATION && rte->relid == reader->relid;
}

static bool
reads_rows(Node *node, RowReader *reader)
{
	bool found;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return is_row_of_table((Var *) node, reader);
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = castNode(RangeTblEntry, node);

		return rte->rtekind == RTE_RELATION &&
			   rte->relkind == RELKIND_VIEW &&
			   view_reads_rows(rte->relid, reader);
	}
	if (!IsA(node, Query))
		return expression_tree_walker(node, reads_rows, reader);

	reader->queries = lcons(node, reader->queries);
	found = query_tree_walker((Query *) node, reads_rows, reader,
							  QTW_EXAMINE_RTES_BEFORE |
								  QTW_IGNORE_JOINALIASES);
	reader->queries = list_delete_first(reader->queries);
	return found;
}

/* Each view is looked at once; the rules of some name the view itself. */
static bool
view_reads_rows(Oid view_relid, RowReader *reader)
{
	List *around = reader->queries;
	Relation view;
	bool found;

	if (list_member_oid(reader->views, view_relid))
		return false;
	reader->views = lappend_oid(reader->views, view_relid);
	if (!ConditionalLockRelationOid(view_relid, AccessShareLock))
		return true;

	view = try_table_open(view_relid, NoLock);
	if (view == NULL)
	{
		UnlockRelationOid(view_relid, AccessShareLock);
		return false;
	}
	reader->queries = NIL;
	found = reads_rows((Node *) copyObject(get_view_query(view)), reader);
	reader->queries = around;
	table_close(view, AccessShareLock);
	return found;
}

/*
 * See normal_form.h.
 */
bool
pgt_view_reads_rows(Oid view_relid, Oid relid)
{
	RowReader reader = {.relid = relid};

	return view_reads_rows(view_relid, &reader);
}
