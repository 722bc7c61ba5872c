/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Do the parts of a normal form fit together?
 *
 * The delta program addresses columns by number, and rows by their keys.  A
 * rule that gets a number wrong would make wrong rows at some refresh; here
 * it is an error when the stream table is created.  What is checked:
 *
 *	- linear queries have nothing but what a linear query may have;
 *	- a Var on the output of a node has the type of that column, and nodes
 *	  read only nodes before them;
 *	- keys are the first columns of a node's input, in order, and arguments of
 *	  aggregates have the types of the columns they refer to;
 *	- the key of the result consists of columns of the result.
 *
 * All of these are errors of ours, never of the user: XX000.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

typedef struct Verification
{
	const NormalForm *form;
	int nnodes; /* nodes that may be read */
	int varno;
	Index levelsup;
	const QueryNode *node; /* behind varno */
} Verification;

#define verify(condition, what) \
	do \
	{ \
		if (!(condition)) \
			elog(ERROR, "normal form of the query is inconsistent: %s", what); \
	} while (0)

static void verify_linear(const Query *query, Verification *v);

/* ---- Vars on nodes ---- */

static void
verify_node_var(const Var *var, const QueryNode *node)
{
	Var *column;

	verify(var->varattno >= 1 && var->varattno <= pgt_node_natts(node),
		   "column of a node that it does not have");
	column = pgt_node_output(node, var->varattno);
	verify(var->vartype == column->vartype, "type of a node's column");
	verify(var->varcollid == column->varcollid, "collation of a node's column");
}

static bool
verify_vars_walker(Node *node, Verification *v)
{
	if (node == NULL)
		return false;

	if (IsA(node, Var))
	{
		Var *var = (Var *) node;

		if (var->varno == v->varno && var->varlevelsup == v->levelsup)
			verify_node_var(var, v->node);
		return false;
	}

	if (IsA(node, Query))
	{
		v->levelsup++;
		query_tree_walker((Query *) node, verify_vars_walker, v, 0);
		v->levelsup--;
		return false;
	}

	return expression_tree_walker(node, verify_vars_walker, v);
}

/* ---- linear queries ---- */

static void
verify_entry(const Query *query, int varno, Verification *v)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	int node_id;

	if (rte->rtekind == RTE_SUBQUERY)
		verify_linear(rte->subquery, v);
	verify(rte->rtekind != RTE_JOIN, "join in the range table");
	if (rte->rtekind != RTE_CTE)
		return;

	verify(pgt_is_node_leaf(rte, &node_id), "CTE in the range table");
	verify(node_id >= 1 && node_id <= v->nnodes, "order of nodes");
	v->node = pgt_find_node(v->form, node_id);
	v->varno = varno;
	v->levelsup = 0;
	query_tree_walker(unconstify(Query *, query), verify_vars_walker, v, 0);
}

static void
verify_linear(const Query *query, Verification *v)
{
	AttrNumber resno = 0;
	int nfrom;
	ListCell *lc;

	check_stack_depth();
	verify(!query->hasAggs && query->groupClause == NIL &&
			   query->havingQual == NULL && query->distinctClause == NIL &&
			   query->sortClause == NIL && query->limitCount == NULL &&
			   query->limitOffset == NULL && query->cteList == NIL &&
			   !query->hasWindowFuncs && !query->hasSubLinks,
		   "query is not linear");

	foreach (lc, query->jointree->fromlist)
		verify(IsA(lfirst(lc), RangeTblRef), "FROM is not flat");
	nfrom = list_length(query->jointree->fromlist);
	verify(query->setOperations != NULL ||
			   nfrom == list_length(query->rtable),
		   "range table has unused entries");
	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);

		resno++;
		verify(!tle->resjunk && tle->resno == resno, "target list");
	}

	for (int varno = 1; varno <= list_length(query->rtable); varno++)
		verify_entry(query, varno, v);
}

/* ---- nodes ---- */

static bool
verify_arguments_walker(Node *node, QueryNode *v)
{
	if (node == NULL)
		return false;

	if (IsA(node, Var))
	{
		Var *var = (Var *) node;
		List *targets = v->input->targetList;
		TargetEntry *tle;

		verify(var->varno == 1 && var->varlevelsup == 0 &&
				   var->varattno >= 1 && var->varattno <= list_length(targets),
			   "argument of an aggregate");
		tle = list_nth(targets, var->varattno - 1);
		verify(var->vartype == exprType((Node *) tle->expr),
			   "type of an argument of an aggregate");
		return false;
	}

	return expression_tree_walker(node, verify_arguments_walker, v);
}

static void
verify_node(QueryNode *node)
{
	ListCell *lc;

	verify(node->nkeys == list_length(node->keys), "number of keys");
	verify(node->nkeys > 0 || node->aggs != NIL, "node without columns");
	foreach (lc, node->keys)
	{
		SortGroupClause *key = lfirst(lc);
		TargetEntry *tle = list_nth(node->input->targetList,
									foreach_current_index(lc));

		verify(key->tleSortGroupRef != 0 &&
				   key->tleSortGroupRef == tle->ressortgroupref,
			   "key of a node");
	}
	foreach (lc, node->aggs)
	{
		NodeAgg *agg = lfirst(lc);

		verify_arguments_walker((Node *) agg->aggref, node);
	}
}

/*
 * Raise XX000 if the parts of a normal form do not fit together.
 */
void
pgt_verify_form(const NormalForm *form)
{
	Verification v = {.form = form};
	ListCell *lc;

	foreach (lc, form->nodes)
	{
		QueryNode *node = lfirst(lc);

		verify_linear(node->input, &v);
		verify_node(node);
		verify(node->id == ++v.nnodes, "numbers of nodes");
	}

	verify_linear(form->top, &v);
	for (int i = 0; i < form->nkeys; i++)
		verify(form->keys[i] >= 1 &&
				   form->keys[i] <= list_length(form->top->targetList),
			   "key of the result");
}
