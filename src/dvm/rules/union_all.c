/*-------------------------------------------------------------------------
 *
 * union_all.c
 *	  The rule for UNION ALL.
 *
 *		d(R union all S) = dR  +  dS
 *
 * A term has only the member that holds the leaf to be replaced; the query is
 * a SELECT of that member then.  If that leaf is elsewhere, all members stay,
 * and are old or new like other leaves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "../linear_rule.h"

static bool
matches_union_all(const Query *query)
{
	return query->setOperations != NULL;
}

/* ---- one member ---- */

/* The member that holds the leaf to be replaced, as number; 0: none. */
static int
changed_member(const Query *query, const Derivation *d)
{
	int next = d->next;
	ListCell *lc;

	foreach (lc, query->rtable)
	{
		int first = next;

		next += pgt_count_leaves(((RangeTblEntry *) lfirst(lc))->subquery);
		if (d->leaf >= first && d->leaf < next)
			return foreach_current_index(lc) + 1;
	}

	return 0;
}

/* Make the query SELECT its columns FROM one member. */
static void
keep_member(Query *query, int number)
{
	RangeTblEntry *rte = list_nth(query->rtable, number - 1);
	RangeTblRef *ref = makeNode(RangeTblRef);
	ListCell *a;
	ListCell *b;

	rte->inFromCl = true;
	ref->rtindex = 1;
	query->rtable = list_make1(rte);
	query->jointree = makeFromExpr(list_make1(ref), NULL);
	query->setOperations = NULL;

	forboth (a, query->targetList, b, rte->subquery->targetList)
	{
		TargetEntry *tle = lfirst(a);

		tle->expr = (Expr *) makeVarFromTargetEntry(1, lfirst(b));
	}
}

static AttrNumber
derive_changed_member(Query *query, int number, Derivation *d)
{
	int end = d->next + pgt_count_leaves(query);
	AttrNumber weight;

	for (int i = 0; i < number - 1; i++)
	{
		RangeTblEntry *rte = list_nth(query->rtable, i);

		d->next += pgt_count_leaves(rte->subquery);
	}
	keep_member(query, number);
	weight = pgt_derive_block(query, d);
	d->next = end;
	return weight;
}

/* ---- all members ---- */

static void
add_weight_type(Node *node)
{
	SetOperationStmt *stmt = (SetOperationStmt *) node;

	if (!IsA(node, SetOperationStmt))
		return;
	stmt->colTypes = lappend_oid(list_copy(stmt->colTypes), INT8OID);
	stmt->colTypmods = lappend_int(list_copy(stmt->colTypmods), -1);
	stmt->colCollations = lappend_oid(list_copy(stmt->colCollations),
									  InvalidOid);
	add_weight_type(stmt->larg);
	add_weight_type(stmt->rarg);
}

static AttrNumber
derive_all_members(Query *query, Derivation *d)
{
	bool weighted = false;
	AttrNumber attno = list_length(query->targetList) + 1;
	ListCell *lc;

	for (int varno = 1; varno <= list_length(query->rtable); varno++)
		weighted |= pgt_derive_entry(query, varno, d) != 0;
	if (!weighted)
		return 0;

	/* Members without tables get a weight, too. */
	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (list_length(rte->subquery->targetList) < attno)
			pgt_add_weight(rte->subquery, pgt_weight_one());
	}

	add_weight_type(query->setOperations);
	return pgt_add_weight(query, (Expr *) pgt_weight_var(1, attno));
}

static AttrNumber
derive_union_all(Query *query, Derivation *d)
{
	int number = changed_member(query, d);

	return number != 0 ? derive_changed_member(query, number, d) :
						 derive_all_members(query, d);
}

const BlockRule pgt_rule_union_all = {
	.name = "union all",
	.matches = matches_union_all,
	.derive = derive_union_all,
};
