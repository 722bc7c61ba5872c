/*-------------------------------------------------------------------------
 *
 * rule_distinct.c
 *	  DISTINCT becomes a node with all columns as keys and no aggregates.
 *
 *		SELECT DISTINCT city FROM people
 *
 * becomes
 *
 *		node 1:	input	SELECT city AS k1 FROM people
 *				keys 1
 *		query:	SELECT k1 AS city FROM "node 1"
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

static bool
matches_distinct(const Query *query)
{
	return query->distinctClause != NIL && !query->hasDistinctOn;
}

static const char *
distinct_obstacle(const Query *query, const char **detail, int *location)
{
	const char *obstacle = pgt_node_obstacle(query, detail, location);
	ListCell *lc;

	if (obstacle != NULL)
		return obstacle;

	foreach (lc, query->targetList)
	{
		Node *expr = (Node *) ((TargetEntry *) lfirst(lc))->expr;

		*location = exprLocation(expr);
		obstacle = pgt_key_obstacle(exprType(expr), detail);
		if (obstacle != NULL)
			return obstacle;
	}

	return NULL;
}

/*
 * The query without duplicates: a node over it, read under the names of its
 * columns.  "input" is linear and becomes part of the node.
 */
Query *
pgt_distinct_query(Query *input, Normalizer *normalizer)
{
	QueryNode *node = palloc0(sizeof(QueryNode));
	List *targets = NIL;
	Query *reader;
	ListCell *lc;

	node->rule = pgt_rule_distinct.name;
	node->input = input;
	foreach (lc, input->targetList)
	{
		TargetEntry *tle = lfirst(lc);
		SortGroupClause *clause;
		Var *column;

		tle->ressortgroupref = tle->resno;
		clause = pgt_group_clause(exprType((Node *) tle->expr), tle->resno);
		node->keys = lappend(node->keys, clause);
		node->nkeys++;

		column = pgt_node_output(node, tle->resno);
		targets = lappend(targets, makeTargetEntry((Expr *) column, tle->resno,
												   tle->resname, false));
		if (input->setOperations == NULL)
			tle->resname = psprintf("k%d", tle->resno);
	}

	reader = pgt_query_of_node(normalizer, node);
	reader->targetList = targets;
	return reader;
}

static Query *
derive_distinct(Query *query, Normalizer *normalizer)
{
	query->distinctClause = NIL;
	return pgt_distinct_query(query, normalizer);
}

const QueryRule pgt_rule_distinct = {
	.name = "distinct",
	.matches = matches_distinct,
	.obstacle = distinct_obstacle,
	.derive = derive_distinct,
};
