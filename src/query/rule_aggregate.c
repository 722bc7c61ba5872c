/*-------------------------------------------------------------------------
 *
 * rule_aggregate.c
 *	  GROUP BY, HAVING and aggregates become a node.
 *
 *		SELECT region, 2 * sum(amount) AS double FROM sales
 *		GROUP BY region HAVING count(*) > 1
 *
 * becomes
 *
 *		node 1:	input	SELECT region AS k1, amount AS x2 FROM sales
 *				keys 1, aggregates sum(x2), count(*)
 *		query:	SELECT k1 AS region, 2 * a1 AS double FROM "node 1"
 *				WHERE a2 > 1
 *
 * A column that is not in GROUP BY, but functionally depends on it (by a
 * primary key; the server has checked that), becomes one more key: this makes
 * no more groups.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

static bool
matches_aggregate(const Query *query)
{
	return query->hasAggs || query->groupClause != NIL ||
		   query->havingQual != NULL;
}

/* ---- columns that depend on the keys ---- */

typedef struct Dependents
{
	List *keys; /* expressions */
	List *vars; /* found; each once */
} Dependents;

static bool
dependents_walker(Node *node, Dependents *dependents)
{
	if (node == NULL || IsA(node, Aggref) ||
		list_member(dependents->keys, node))
		return false;

	if (IsA(node, Var))
	{
		if (((Var *) node)->varlevelsup == 0)
			dependents->vars = list_append_unique(dependents->vars, node);
		return false;
	}

	return expression_tree_walker(node, dependents_walker, dependents);
}

/* The Vars outside of aggregates and grouping expressions. */
static List *
dependent_vars(const Query *query)
{
	Dependents dependents = {
		.keys = get_sortgrouplist_exprs(query->groupClause,
										query->targetList),
	};
	ListCell *lc;

	foreach (lc, query->targetList)
		if (!((TargetEntry *) lfirst(lc))->resjunk)
			dependents_walker((Node *) ((TargetEntry *) lfirst(lc))->expr,
							  &dependents);
	dependents_walker(query->havingQual, &dependents);

	return dependents.vars;
}

/* ---- obstacles ---- */

typedef struct AggregateObstacle
{
	const char *construct;
	int location;
} AggregateObstacle;

static bool
unstorable_aggregate_walker(Node *node, AggregateObstacle *obstacle)
{
	if (node == NULL)
		return false;

	if (IsA(node, Aggref))
	{
		Aggref *agg = (Aggref *) node;

		if (pgt_is_storable(agg->aggtype))
			return false;
		obstacle->construct = psprintf("aggregate of type %s",
									   format_type_be(agg->aggtype));
		obstacle->location = agg->location;
		return true;
	}

	return expression_tree_walker(node, unstorable_aggregate_walker, obstacle);
}

static const char *
aggregate_obstacle(const Query *query, const char **detail, int *location)
{
	AggregateObstacle aggregate = {NULL, -1};
	const char *obstacle = pgt_node_obstacle(query, detail, location);
	List *keys = get_sortgrouplist_exprs(query->groupClause,
										 query->targetList);
	ListCell *lc;

	if (obstacle != NULL)
		return obstacle;

	foreach (lc, list_concat(keys, dependent_vars(query)))
	{
		*location = exprLocation(lfirst(lc));
		obstacle = pgt_key_obstacle(exprType(lfirst(lc)), detail);
		if (obstacle != NULL)
			return obstacle;
	}

	unstorable_aggregate_walker((Node *) query->targetList, &aggregate);
	unstorable_aggregate_walker(query->havingQual, &aggregate);
	*location = aggregate.location;
	return aggregate.construct;
}

/* ---- the node ---- */

/*
 * Column of the node's input for an expression: one that is there, or a new
 * one at the end, named by "letter" and its number.
 */
static TargetEntry *
input_column(Query *input, Expr *expr, char letter)
{
	TargetEntry *tle = tlist_member(expr, input->targetList);
	int number = list_length(input->targetList) + 1;

	if (tle != NULL)
		return tle;

	tle = makeTargetEntry(expr, number, psprintf("%c%d", letter, number),
						  false);
	input->targetList = lappend(input->targetList, tle);
	return tle;
}

/* Add a key; an expression that is one already is left out. */
static void
add_key(QueryNode *node, Expr *expr)
{
	TargetEntry *tle;

	if (tlist_member(expr, node->input->targetList) != NULL)
		return;

	tle = input_column(node->input, copyObject(expr), 'k');
	tle->ressortgroupref = tle->resno;
	node->keys = lappend(node->keys, pgt_group_clause(exprType((Node *) expr),
													  tle->resno));
	node->nkeys++;
}

/* The argument of an aggregate: a constant, or a column of the input. */
static Expr *
argument(QueryNode *node, Expr *expr)
{
	TargetEntry *tle;

	if (expr == NULL || IsA(expr, Const))
		return expr;

	tle = input_column(node->input, expr, 'x');
	return (Expr *) makeVarFromTargetEntry(1, tle);
}

static Node *read_node_mutator(Node *node, QueryNode *output);

/* The number of an aggregate of the node, which is added if new. */
static int
node_aggregate(QueryNode *node, const Aggref *aggref)
{
	NodeAgg *agg = palloc0(sizeof(NodeAgg));
	ListCell *lc;

	agg->aggref = copyObject(unconstify(Aggref *, aggref));
	agg->aggref->location = -1;
	foreach (lc, agg->aggref->args)
	{
		TargetEntry *arg = lfirst(lc);

		arg->expr = argument(node, arg->expr);
	}
	agg->aggref->aggfilter = argument(node, agg->aggref->aggfilter);
	agg->aggref->aggdirectargs = (List *)
		read_node_mutator((Node *) agg->aggref->aggdirectargs, node);

	foreach (lc, node->aggs)
		if (equal(((NodeAgg *) lfirst(lc))->aggref, agg->aggref))
			return foreach_current_index(lc) + 1;

	node->aggs = lappend(node->aggs, agg);
	return list_length(node->aggs);
}

/*
 * An expression over groups, as expression over the node's output: keys and
 * aggregates become its columns.
 */
static Node *
read_node_mutator(Node *node, QueryNode *output)
{
	if (node == NULL)
		return NULL;

	if (IsA(node, Aggref))
	{
		int number = node_aggregate(output, (Aggref *) node);

		return (Node *) pgt_node_output(output, output->nkeys + number);
	}

	/* GROUPING() without grouping sets */
	if (IsA(node, GroupingFunc))
		return (Node *) makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
								  Int32GetDatum(0), false, true);

	for (int i = 0; i < output->nkeys; i++)
	{
		TargetEntry *key = list_nth(output->input->targetList, i);

		if (equal(key->expr, node))
			return (Node *) pgt_node_output(output, i + 1);
	}


	return expression_tree_mutator(node, read_node_mutator, output);
}

/* A query with HAVING and nothing else still has one row. */
static void
add_count(QueryNode *node)
{
	Aggref *count = makeNode(Aggref);
	NodeAgg *agg = palloc0(sizeof(NodeAgg));

	count->aggfnoid = F_COUNT_;
	count->aggtype = INT8OID;
	count->aggtranstype = InvalidOid;
	count->aggstar = true;
	count->aggkind = AGGKIND_NORMAL;
	count->aggno = -1;
	count->aggtransno = -1;
	count->location = -1;
	agg->aggref = count;
	node->aggs = list_make1(agg);
}

/* The node for a grouped query; its aggregates are yet to be added. */
static QueryNode *
make_node(const Query *query)
{
	QueryNode *node = palloc0(sizeof(QueryNode));
	List *keys = get_sortgrouplist_exprs(query->groupClause,
										 query->targetList);
	ListCell *lc;

	node->rule = pgt_rule_aggregate.name;
	node->input = makeNode(Query);
	node->input->commandType = CMD_SELECT;
	node->input->canSetTag = true;
	node->input->rtable = query->rtable;
	node->input->jointree = query->jointree;
	node->input->hasTargetSRFs = expression_returns_set((Node *) keys);

	foreach (lc, keys)
		add_key(node, lfirst(lc));
	foreach (lc, dependent_vars(query))
		add_key(node, lfirst(lc));

	return node;
}

static Query *
derive_aggregate(Query *query, Normalizer *normalizer)
{
	QueryNode *node = make_node(query);
	List *targets = NIL;
	Node *having;
	Query *reader;
	ListCell *lc;

	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);

		if (tle->resjunk)
			continue; /* a key that is not in the output */
		tle->expr = (Expr *) read_node_mutator((Node *) tle->expr, node);
		tle->resorigtbl = InvalidOid;
		tle->resorigcol = 0;
		targets = lappend(targets, tle);
	}
	having = read_node_mutator(query->havingQual, node);
	if (pgt_node_natts(node) == 0)
		add_count(node);

	reader = pgt_query_of_node(normalizer, node);
	reader->targetList = targets;
	reader->jointree->quals = having;
	reader->distinctClause = query->distinctClause;
	reader->hasTargetSRFs = expression_returns_set((Node *) targets);
	return reader;
}

const QueryRule pgt_rule_aggregate = {
	.name = "aggregate",
	.matches = matches_aggregate,
	.obstacle = aggregate_obstacle,
	.derive = derive_aggregate,
};
