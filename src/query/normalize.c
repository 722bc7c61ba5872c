/*-------------------------------------------------------------------------
 *
 * normalize.c
 *	  The normal form of a query (see normal_form.h for an example).
 *
 * The steps, each on the whole query:
 *
 *		expand		views, CTEs, join aliases are replaced
 *		prune		columns that nobody reads become NULL
 *		survey		sources are listed; the gravest obstacle ends it here
 *		normalize	bottom-up, non-linear operators become nodes
 *		key			is there a key of the result?
 *		verify		do the parts fit together?
 *
 * A block is one SELECT or one tree of set operations.  Normalized, it is
 * either a SELECT of nothing but target list, a flat FROM list and WHERE, or
 * a UNION ALL of such SELECTs.  Subqueries stay subqueries: pulling them up
 * is the planner's work.
 *
 * Nodes are found to be the same by comparison.  So all uses of a CTE share
 * its nodes, since each has a copy of it, and so do uses of a view.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"

#include "pg_trickle/normal_form.h"
#include "pg_trickle/run_as.h"

#include "query.h"

/* In the order in which SQL evaluates them. */
const QueryRule *const pgt_query_rules[] = {
	&pgt_rule_union,
	&pgt_rule_aggregate,
	&pgt_rule_distinct,
	NULL,
};

/* ---- a block ---- */

/* Inner joins are a list and conditions. */
static void
flatten_from_item(Node *item, List **refs, List **quals)
{
	FromExpr *from = (FromExpr *) item;
	ListCell *lc;

	if (IsA(item, RangeTblRef))
	{
		*refs = lappend(*refs, item);
		return;
	}

	if (IsA(item, JoinExpr))
	{
		JoinExpr *join = (JoinExpr *) item;

		Assert(join->jointype == JOIN_INNER);
		flatten_from_item(join->larg, refs, quals);
		flatten_from_item(join->rarg, refs, quals);
		*quals = list_concat(*quals, make_ands_implicit((Expr *) join->quals));
		return;
	}

	foreach (lc, from->fromlist)
		flatten_from_item(lfirst(lc), refs, quals);
	*quals = list_concat(*quals, make_ands_implicit((Expr *) from->quals));
}

static void
flatten_from(Query *query)
{
	List *refs = NIL;
	List *quals = NIL;

	flatten_from_item((Node *) query->jointree, &refs, &quals);
	query->jointree = makeFromExpr(refs, NULL);
	if (quals != NIL)
		query->jointree->quals = (Node *) make_ands_explicit(quals);
	pgt_compact_range_table(query);
}

/*
 * Normalize one block with all its subqueries; nodes are added to the normal
 * form.  Returns what the block has become, maybe "query" itself.
 */
Query *
pgt_normalize_block(Query *query, Normalizer *normalizer)
{
	ListCell *lc;

	check_stack_depth();
	flatten_from(query);
	pgt_replace_whole_rows(query);

	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind != RTE_SUBQUERY)
			continue;
		rte->subquery = pgt_normalize_block(rte->subquery, normalizer);
		pgt_name_columns(rte->subquery, rte->eref->colnames);
		if (rte->alias != NULL)
			rte->alias->colnames = NIL;
		rte->relid = InvalidOid; /* no longer the view */
		rte->security_barrier = false;
	}

	for (int i = 0; pgt_query_rules[i] != NULL; i++)
		if (pgt_query_rules[i]->matches(query))
			query = pgt_query_rules[i]->derive(query, normalizer);

	return query;
}

static void
normalize(const Query *query, NormalForm *form, Oid owner)
{
	Normalizer normalizer = {.form = form};
	Query *expanded = pgt_expand(query, &form->views);

	pgt_prune_columns(expanded);
	pgt_inline_ctes(expanded);

	form->obstacle.location = -1;
	pgt_survey(expanded, form, owner);
	if (form->obstacle.kind != OBSTACLE_NONE)
		return;

	form->top = pgt_normalize_block(expanded, &normalizer);
	pgt_find_key(form);
	pgt_verify_form(form);
}

/*
 * The normal form of an analyzed query, see normal_form.h.  Everything is in
 * the current memory context; "query" is left as it is.
 *
 * To look at a query can be to run what users wrote: the CHECK of a domain is
 * simplified when it is loaded, and so is a LIMIT.
 */
NormalForm *
pgt_normalize(const Query *query, Oid owner)
{
	NormalForm *form = palloc0(sizeof(NormalForm));
	RunAs before = pgt_run_as(owner);

	normalize(query, form, owner);
	pgt_run_as_done(before);
	return form;
}
