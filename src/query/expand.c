/*-------------------------------------------------------------------------
 *
 * expand.c
 *	  Names for queries are replaced by the queries: views, CTEs, joins.
 *
 *		WITH big AS (SELECT * FROM sales_view WHERE amount > 100)
 *		SELECT j.amount FROM (big JOIN regions USING (id)) j
 *
 * becomes
 *
 *		SELECT big.amount
 *		FROM (SELECT * FROM (SELECT ... FROM sales) sales_view
 *			  WHERE amount > 100) big JOIN regions ON big.id = regions.id
 *
 * A subquery that was a view keeps the view's OID in its "relid", as
 * PostgreSQL 16 does: whose rights count, and what to tell the user, depends
 * on it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_agg.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/normal_form.h"

#include "query.h"

/* CTEs that use each other twice double at each step: stop at some point. */
#define MAX_CTE_COPIES 200

/* ---- the range table ---- */

static bool
used_entries_walker(Node *node, Bitmapset **used)
{
	if (node == NULL)
		return false;

	if (IsA(node, RangeTblRef))
		*used = bms_add_member(*used, ((RangeTblRef *) node)->rtindex);
	else if (IsA(node, JoinExpr))
		*used = bms_add_member(*used, ((JoinExpr *) node)->rtindex);
	else if (IsA(node, Query))
		return false; /* numbers of its own */

	return expression_tree_walker(node, used_entries_walker, used);
}

/*
 * Remove range table entries that no FROM and no set operation refers to: the
 * entries for the view itself in a view's query (until PG15), joins after
 * their aliases were replaced.
 */
void
pgt_compact_range_table(Query *query)
{
	Bitmapset *used = NULL;
	List *kept = NIL;
	int varno = -1;

	used_entries_walker((Node *) query->jointree, &used);
	used_entries_walker(query->setOperations, &used);

	/* New numbers are not larger than old ones: ascending, none collide. */
	while ((varno = bms_next_member(used, varno)) >= 0)
	{
		kept = lappend(kept, rt_fetch(varno, query->rtable));
		if (varno != list_length(kept))
			ChangeVarNodes((Node *) query, varno, list_length(kept), 0);
	}

	query->rtable = kept;
}

/* ---- aliases ---- */

/* What is in the FROM of a query may refer to what stands before it. */
static void
flatten_range_table_entry(Query *query, RangeTblEntry *rte)
{
	switch (rte->rtekind)
	{
		case RTE_SUBQUERY:
			rte->subquery = (Query *)
				pgt_flatten_join_alias_vars(query, (Node *) rte->subquery);
			break;
		case RTE_FUNCTION:
			rte->functions = (List *)
				pgt_flatten_join_alias_vars(query, (Node *) rte->functions);
			break;
		case RTE_TABLEFUNC:
			rte->tablefunc = (TableFunc *)
				pgt_flatten_join_alias_vars(query, (Node *) rte->tablefunc);
			break;
		case RTE_VALUES:
			rte->values_lists = (List *)
				pgt_flatten_join_alias_vars(query, (Node *) rte->values_lists);
			break;
		case RTE_RELATION:
			rte->tablesample = (TableSampleClause *)
				pgt_flatten_join_alias_vars(query, (Node *) rte->tablesample);
			break;
		default:
			break;
	}
}

/*
 * The deparser prints a Var by its syntactic origin (varnosyn), if it has
 * one: no longer true once queries are rearranged.
 */
static bool
forget_origin_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;

	if (IsA(node, Var))
	{
		((Var *) node)->varnosyn = 0;
		((Var *) node)->varattnosyn = 0;
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, forget_origin_walker,
								 context, 0);

	return expression_tree_walker(node, forget_origin_walker, context);
}

/*
 * Replace references to columns of joins and (PG18) of the GROUP BY entry by
 * what they stand for.
 */
static void
flatten_aliases(Query *query)
{
	ListCell *lc;

	pgt_flatten_group_exprs(query);
	foreach (lc, query->rtable)
		flatten_range_table_entry(query, lfirst(lc));
	query->targetList = (List *)
		pgt_flatten_join_alias_vars(query, (Node *) query->targetList);
	query->havingQual =
		pgt_flatten_join_alias_vars(query, query->havingQual);
	query->jointree = (FromExpr *)
		pgt_flatten_join_alias_vars(query, (Node *) query->jointree);
}

/* ---- CTEs ---- */

typedef struct InlineCte
{
	const CommonTableExpr *cte;
	Index levelsup; /* of the query that has the CTE */
} InlineCte;

static void
inline_reference(RangeTblEntry *rte, const InlineCte *inlined)
{
	Query *copy = copyObject((Query *) inlined->cte->ctequery);

	if (inlined->levelsup > 0)
		IncrementVarSublevelsUp((Node *) copy, inlined->levelsup, 1);

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = copy;
	rte->security_barrier = false;
	rte->ctename = NULL;
	rte->ctelevelsup = 0;
	rte->self_reference = false;
	rte->coltypes = NIL;
	rte->coltypmods = NIL;
	rte->colcollations = NIL;
}

static bool
inline_cte_walker(Node *node, InlineCte *inlined)
{
	if (node == NULL)
		return false;

	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_CTE &&
			rte->ctelevelsup == inlined->levelsup &&
			strcmp(rte->ctename, inlined->cte->ctename) == 0)
			inline_reference(rte, inlined);
		return false;
	}

	if (IsA(node, Query))
	{
		inlined->levelsup++;
		/* entries last, so as not to enter what was just copied in */
		query_tree_walker((Query *) node, inline_cte_walker, inlined,
						  QTW_EXAMINE_RTES_AFTER);
		inlined->levelsup--;
		return false;
	}

	return expression_tree_walker(node, inline_cte_walker, inlined);
}

/*
 * Copy the CTEs of this query that are used at most "max_uses" times to
 * where they are used.
 */
static void
inline_ctes_of(Query *query, int max_uses, int *copies)
{
	List *kept = NIL;
	ListCell *lc;

	foreach (lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst(lc);
		InlineCte inlined = {.cte = cte};

		if (cte->cterecursive || cte->cterefcount > max_uses ||
			*copies + cte->cterefcount > MAX_CTE_COPIES)
		{
			kept = lappend(kept, cte);
			continue;
		}

		if (max_uses > 1)
			*copies += cte->cterefcount;
		query_tree_walker(query, inline_cte_walker, &inlined,
						  QTW_EXAMINE_RTES_AFTER);
	}

	query->cteList = kept;
}

static bool
inline_all_walker(Node *node, int *copies)
{
	if (node == NULL)
		return false;

	if (IsA(node, Query))
	{
		inline_ctes_of((Query *) node, INT_MAX, copies);
		return query_tree_walker((Query *) node, inline_all_walker, copies, 0);
	}

	return expression_tree_walker(node, inline_all_walker, copies);
}

/*
 * Copy all CTEs to where they are used, however often.  Those that are
 * recursive stay, and those that would make the query too large.
 */
void
pgt_inline_ctes(Query *query)
{
	int copies = 0;

	inline_all_walker((Node *) query, &copies);
}

/* ---- all of it ---- */

/*
 * CREATE OR REPLACE VIEW may have added columns since a query was written that
 * reads the view: they need names, as all columns of a subquery.
 */
static void
name_added_columns(RangeTblEntry *rte)
{
	List **names = &rte->eref->colnames;
	ListCell *lc;

	for_each_from (lc, rte->subquery->targetList, list_length(*names))
	{
		TargetEntry *tle = lfirst(lc);

		if (!tle->resjunk)
			*names = lappend(*names, makeString(pstrdup(tle->resname)));
	}
}

static void
expand_views_of(Query *query, List **views)
{
	ListCell *lc;

	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_VIEW)
			continue;

		*views = list_append_unique_oid(*views, rte->relid);
		rte->rtekind = RTE_SUBQUERY;
		rte->subquery = pgt_view_query(rte->relid);
		name_added_columns(rte);
		rte->relkind = 0;
		rte->rellockmode = 0;
		rte->inh = false;
	}
}

/*
 * What groups by one set only, as GROUP BY a, () does, is plain GROUP BY.  By
 * the empty set alone there is one row, as with HAVING.
 */
static void
flatten_grouping_sets(Query *query)
{
	List *sets = query->groupingSets == NIL ?
					 NIL :
					 expand_grouping_sets(query->groupingSets,
										  query->groupDistinct, 1);

	if (list_length(sets) != 1)
		return;

	query->groupingSets = NIL;
	if (linitial(sets) == NIL && !query->hasAggs && query->havingQual == NULL)
		query->havingQual = makeBoolConst(true, false);
}

static bool
expand_walker(Node *node, List **views)
{
	Query *query;
	int copies = 0;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, expand_walker, views);

	check_stack_depth();
	query = (Query *) node;
	flatten_aliases(query);
	flatten_grouping_sets(query);
	pgt_compact_range_table(query);
	pgt_drop_order(query);
	expand_views_of(query, views);
	inline_ctes_of(query, 1, &copies);
	pgt_order_aggregates(query);
	return query_tree_walker(query, expand_walker, views,
							 QTW_IGNORE_JOINALIASES);
}

/*
 * A copy of "query" in which views and CTEs used once are subqueries.  The
 * OIDs of the views are added to *views.  Takes ACCESS SHARE locks on what
 * the views read.
 */
Query *
pgt_expand(const Query *query, List **views)
{
	Query *copy = copyObject(unconstify(Query *, query));

	expand_walker((Node *) copy, views);
	forget_origin_walker((Node *) copy, NULL);
	return copy;
}
