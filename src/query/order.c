/*-------------------------------------------------------------------------
 *
 * order.c
 *	  ORDER BY in a maintained query.
 *
 * A stream table has no order, so that ORDER BY means nothing but in two
 * places: with LIMIT, and where an aggregate takes its rows from an ordered
 * subquery,
 *
 *		SELECT array_agg(x) FROM (SELECT x FROM t ORDER BY y) s
 *
 * The server promises nothing there, but does what everybody expects.  Since
 * a node does not see its rows in that order, it is written where it holds:
 *
 *		SELECT array_agg(x ORDER BY y) FROM (SELECT x, y FROM t) s
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/syscache.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

/* ---- ORDER BY without effect ---- */

static List *
sort_group_refs(List *clauses)
{
	List *refs = NIL;
	ListCell *lc;

	foreach (lc, clauses)
	{
		SortGroupClause *clause = lfirst(lc);

		refs = lappend_int(refs, clause->tleSortGroupRef);
	}
	return refs;
}

/* Is a LIMIT or OFFSET absent, NULL, or "nothing"? */
static bool
limits_nothing(Node *limit, int64 nothing)
{
	Const *value;

	if (limit == NULL)
		return true;

	value = (Const *) eval_const_expressions(NULL, limit);
	return IsA(value, Const) &&
		   (value->constisnull || DatumGetInt64(value->constvalue) == nothing);
}

/*
 * Drop LIMIT ALL, OFFSET 0, an ORDER BY that chooses no rows, and the columns
 * that only it reads.
 */
void
pgt_drop_order(Query *query)
{
	List *refs = NIL;
	List *kept = NIL;
	ListCell *lc;

	if (limits_nothing(query->limitCount, -1))
		query->limitCount = NULL;
	if (limits_nothing(query->limitOffset, 0))
		query->limitOffset = NULL;
	if (query->limitCount != NULL || query->limitOffset != NULL ||
		query->hasDistinctOn)
		return;

	query->sortClause = NIL;
	refs = list_concat(refs, sort_group_refs(query->groupClause));
	refs = list_concat(refs, sort_group_refs(query->distinctClause));
	foreach (lc, query->windowClause)
	{
		WindowClause *window = lfirst(lc);

		refs = list_concat(refs, sort_group_refs(window->partitionClause));
		refs = list_concat(refs, sort_group_refs(window->orderClause));
	}

	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);

		if (!list_member_int(refs, tle->ressortgroupref))
		{
			tle->ressortgroupref = 0;
			if (tle->resjunk)
				continue;
		}
		kept = lappend(kept, tle);
	}
	query->targetList = kept;
}

/* ---- aggregates over an ordered subquery ---- */

/* The order in which rows come from entry "varno" of a range table. */
typedef struct InputOrder
{
	int varno;
	Query *subquery;
	List *targets; /* of TargetEntry, what is ordered by */
} InputOrder;

/*
 * Can the result depend on the order of the rows?  Not if a row can be taken
 * back, whenever it came, and not that of min() and its kin.
 */
static bool
depends_on_order(const Aggref *agg)
{
	HeapTuple tuple;
	Form_pg_aggregate form;
	bool depends;

	if (agg->aggkind != AGGKIND_NORMAL || agg->args == NIL ||
		agg->aggorder != NIL || agg->aggdistinct != NIL ||
		agg->agglevelsup > 0)
		return false;

	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(agg->aggfnoid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", agg->aggfnoid);
	form = (Form_pg_aggregate) GETSTRUCT(tuple);
	depends = !OidIsValid(form->aggminvtransfn) && !OidIsValid(form->aggsortop);
	ReleaseSysCache(tuple);
	return depends;
}

/* Give the aggregate the ORDER BY of the subquery. */
static void
order_aggregate(Aggref *agg, const InputOrder *order)
{
	Index ref = list_length(agg->args);
	ListCell *clause;
	ListCell *target;

	forboth (clause, order->subquery->sortClause, target, order->targets)
	{
		SortGroupClause *sort = copyObject((SortGroupClause *) lfirst(clause));
		Var *var = makeVarFromTargetEntry(order->varno, lfirst(target));
		TargetEntry *arg = makeTargetEntry((Expr *) var,
										   list_length(agg->args) + 1,
										   NULL, true);

		arg->ressortgroupref = ++ref;
		sort->tleSortGroupRef = ref;
		agg->args = lappend(agg->args, arg);
		agg->aggorder = lappend(agg->aggorder, sort);
	}
}

static bool
order_aggregates_walker(Node *node, const InputOrder *order)
{
	if (node == NULL)
		return false;

	if (IsA(node, Aggref) && depends_on_order((Aggref *) node))
		order_aggregate((Aggref *) node, order);

	return expression_tree_walker(node, order_aggregates_walker,
								  unconstify(InputOrder *, order));
}

static bool
needs_order_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref) && depends_on_order((Aggref *) node))
		return true;
	return expression_tree_walker(node, needs_order_walker, context);
}

/* Make what the subquery orders by part of its output. */
static List *
output_sort_targets(RangeTblEntry *rte)
{
	Query *subquery = rte->subquery;
	List *targets = NIL;
	ListCell *lc;

	foreach (lc, subquery->sortClause)
	{
		TargetEntry *tle = get_sortgroupclause_tle(lfirst(lc),
												   subquery->targetList);

		targets = lappend(targets, tle);
		if (!tle->resjunk)
			continue;
		tle->resjunk = false;
		tle->resname = psprintf("order %d", tle->resno);
	}

	/* Columns that only grouping needs come behind, maybe between. */
	for (int i = list_length(rte->eref->colnames);
		 i < list_length(subquery->targetList); i++)
	{
		TargetEntry *tle = list_nth(subquery->targetList, i);

		tle->resjunk = false;
		if (tle->resname == NULL)
			tle->resname = psprintf("column %d", tle->resno);
		rte->eref->colnames = lappend(rte->eref->colnames,
									  makeString(pstrdup(tle->resname)));
	}

	return targets;
}

/*
 * If the only thing in the FROM of a query is an ordered subquery, give the
 * order to the aggregates that depend on it; in place.
 */
void
pgt_order_aggregates(Query *query)
{
	List *from = query->jointree->fromlist;
	InputOrder order;
	RangeTblEntry *rte;

	if (!query->hasAggs || list_length(from) != 1 ||
		!IsA(linitial(from), RangeTblRef))
		return;

	order.varno = linitial_node(RangeTblRef, from)->rtindex;
	rte = rt_fetch(order.varno, query->rtable);
	if (rte->rtekind != RTE_SUBQUERY || rte->subquery->sortClause == NIL ||
		!(needs_order_walker((Node *) query->targetList, NULL) ||
		  needs_order_walker(query->havingQual, NULL)))
		return;

	/* The columns to order by must not become part of a whole row. */
	pgt_replace_whole_rows(query);
	rte = rt_fetch(order.varno, query->rtable);
	order.subquery = rte->subquery;
	order.targets = output_sort_targets(rte);
	order_aggregates_walker((Node *) query->targetList, &order);
	order_aggregates_walker(query->havingQual, &order);
}
