/*-------------------------------------------------------------------------
 *
 * prune.c
 *	  Output columns of subqueries that nobody reads become NULL.
 *
 *		SELECT name FROM (SELECT id, name, upper(note) FROM people) p
 *
 * reads neither id nor note: their changes need not be logged, and an UPDATE
 * of them is no change.  The planner does the same, but after us.  Numbers of
 * columns stay as they are.
 *
 * Not touched: what decides how many rows there are (GROUP BY, DISTINCT,
 * UNION, set-returning functions), and subqueries of expressions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

/* Which output columns are read: all, or these (column 1 is member 1). */
typedef struct Readers
{
	bool all;
	Bitmapset *columns;
} Readers;

static const Readers all_columns = {.all = true};

static void prune_query(Query *query, Readers readers);

/* What "query" reads of its range table entry "varno". */
static Readers
readers_of(const Query *query, int varno)
{
	Readers readers = {.all = false};
	Bitmapset *referenced = pgt_referenced_columns(query, varno);
	int member = -1;

	while ((member = bms_next_member(referenced, member)) >= 0)
	{
		int attno = member + FirstLowInvalidHeapAttributeNumber;

		if (attno <= 0)
			return all_columns; /* the whole row */
		readers.columns = bms_add_member(readers.columns, attno);
	}

	return readers;
}

static bool
is_union_all(const Node *setop)
{
	const SetOperationStmt *stmt;

	if (!IsA(setop, SetOperationStmt))
		return true; /* a member */

	stmt = (const SetOperationStmt *) setop;
	return stmt->op == SETOP_UNION && stmt->all &&
		   is_union_all(stmt->larg) && is_union_all(stmt->rarg);
}

/* Columns without readers that decide nothing become NULL. */
static void
prune_targets(Query *query, Readers readers)
{
	ListCell *lc;

	if (readers.all || query->setOperations != NULL ||
		query->distinctClause != NIL)
		return;

	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);
		Node *expr = (Node *) tle->expr;

		if (tle->resjunk || tle->ressortgroupref != 0 ||
			bms_is_member(tle->resno, readers.columns) ||
			expression_returns_set(expr))
			continue;
		tle->expr = (Expr *) makeNullConst(exprType(expr), exprTypmod(expr),
										   exprCollation(expr));
	}
}

/* Queries in expressions and CTEs: all their columns are read. */
static bool
prune_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;

	if (IsA(node, Query))
	{
		prune_query((Query *) node, all_columns);
		return false;
	}

	return expression_tree_walker(node, prune_walker, context);
}

static void
prune_query(Query *query, Readers readers)
{
	int varno = 0;
	ListCell *lc;

	prune_targets(query, readers);

	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		varno++;
		if (rte->rtekind != RTE_SUBQUERY)
			continue;
		if (query->setOperations == NULL)
			prune_query(rte->subquery, readers_of(query, varno));
		else
			prune_query(rte->subquery, is_union_all(query->setOperations) ?
										   readers :
										   all_columns);
	}

	query_tree_walker(query, prune_walker, NULL,
					  QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_JOINALIASES);
	query->hasSubLinks &= checkExprHasSubLink((Node *) query);
}

/*
 * Prune the subqueries of an expanded query, in place.
 */
void
pgt_prune_columns(Query *query)
{
	prune_query(query, all_columns);
}
