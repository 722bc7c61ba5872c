/*-------------------------------------------------------------------------
 *
 * constructs.c
 *	  The parts of SQL that have no rule, as a table.
 *
 * A part of SQL that gets a rule leaves this table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

/*
 * A construct without a rule.  "find" says whether a query itself has it, and
 * where (-1 if nobody knows); "variant" is for its use.
 */
typedef struct Construct
{
	const char *name;
	ObstacleKind kind;
	bool (*find)(const Query *query, int variant, int *location);
	int variant;
	const char *detail;
} Construct;

/* ---- joins ---- */

static bool
find_join(const Query *query, int jointype, int *location)
{
	List *todo = list_copy(query->jointree->fromlist);

	while (todo != NIL)
	{
		JoinExpr *join = linitial(todo);

		todo = list_delete_first(todo);
		if (!IsA(join, JoinExpr))
			continue;
		if ((int) join->jointype == jointype)
		{
			*location = exprLocation(join->quals);
			return true;
		}
		todo = lappend(lappend(todo, join->larg), join->rarg);
	}

	return false;
}

static bool
find_sample(const Query *query, int repeatable, int *location)
{
	ListCell *lc;

	foreach (lc, query->rtable)
	{
		TableSampleClause *sample = ((RangeTblEntry *) lfirst(lc))->tablesample;

		if (sample == NULL || (sample->repeatable != NULL) != repeatable)
			continue;
		*location = exprLocation((Node *) sample->args);
		return true;
	}

	return false;
}

/* ---- set operations ---- */

/* The first column of the leftmost member, where a reader may look. */
static int
member_location(const Query *query, const Node *node)
{
	const RangeTblEntry *rte;

	while (IsA(node, SetOperationStmt))
		node = ((const SetOperationStmt *) node)->larg;
	rte = rt_fetch(((const RangeTblRef *) node)->rtindex, query->rtable);
	return exprLocation((Node *) rte->subquery->targetList);
}

static bool
find_in_set_operation(const Query *query, const Node *node, SetOperation op,
					  int *location)
{
	const SetOperationStmt *stmt = (const SetOperationStmt *) node;

	if (node == NULL || !IsA(node, SetOperationStmt))
		return false;
	if (stmt->op != op)
		return find_in_set_operation(query, stmt->larg, op, location) ||
			   find_in_set_operation(query, stmt->rarg, op, location);

	*location = member_location(query, stmt->rarg);
	return true;
}

static bool
find_set_operation(const Query *query, int op, int *location)
{
	return find_in_set_operation(query, query->setOperations, op, location);
}

/* ---- clauses ---- */

static bool
window_location_walker(Node *node, int *location)
{
	if (node == NULL)
		return false;
	if (IsA(node, WindowFunc))
	{
		*location = ((WindowFunc *) node)->location;
		return true;
	}
	return expression_tree_walker(node, window_location_walker, location);
}

static bool
find_window(const Query *query, int variant, int *location)
{
	if (!query->hasWindowFuncs)
		return false;
	window_location_walker((Node *) query->targetList, location);
	return true;
}

static bool
find_distinct_on(const Query *query, int variant, int *location)
{
	Node *expr;

	if (!query->hasDistinctOn)
		return false;
	expr = get_sortgroupclause_expr(linitial(query->distinctClause),
									query->targetList);
	*location = exprLocation(expr);
	return true;
}

static bool
find_limit(const Query *query, int variant, int *location)
{
	*location = exprLocation(query->limitCount);
	return query->limitCount != NULL;
}

static bool
find_offset(const Query *query, int variant, int *location)
{
	*location = exprLocation(query->limitOffset);
	return query->limitOffset != NULL;
}

static bool
find_grouping_sets(const Query *query, int variant, int *location)
{
	if (query->groupingSets == NIL)
		return false;
	*location = ((GroupingSet *) linitial(query->groupingSets))->location;
	return true;
}

static bool
find_row_lock(const Query *query, int variant, int *location)
{
	return query->rowMarks != NIL;
}

/* CTEs that are still there could not be copied in. */
static bool
find_cte(const Query *query, int recursive, int *location)
{
	ListCell *lc;

	foreach (lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst(lc);

		if (cte->cterecursive != recursive)
			continue;
		*location = cte->location;
		return true;
	}

	return false;
}

static const Construct constructs[] = {
	{"LEFT JOIN", OBSTACLE_NO_RULE, find_join, JOIN_LEFT},
	{"RIGHT JOIN", OBSTACLE_NO_RULE, find_join, JOIN_RIGHT},
	{"FULL JOIN", OBSTACLE_NO_RULE, find_join, JOIN_FULL},
	{"INTERSECT", OBSTACLE_NO_RULE, find_set_operation, SETOP_INTERSECT},
	{"EXCEPT", OBSTACLE_NO_RULE, find_set_operation, SETOP_EXCEPT},
	{"WITH RECURSIVE", OBSTACLE_NO_RULE, find_cte, true},
	{"WITH", OBSTACLE_NO_RULE, find_cte, false,
	 "WITH queries that use each other more than once make it too large."},
	{"window function", OBSTACLE_NO_RULE, find_window},
	{"DISTINCT ON", OBSTACLE_NO_RULE, find_distinct_on},
	{"LIMIT", OBSTACLE_NO_RULE, find_limit},
	{"OFFSET", OBSTACLE_NO_RULE, find_offset},
	{"GROUPING SETS", OBSTACLE_NO_RULE, find_grouping_sets},
	{"FOR UPDATE", OBSTACLE_NO_RULE, find_row_lock},
	{"TABLESAMPLE", OBSTACLE_VOLATILE, find_sample, false,
	 "Without REPEATABLE, the sample differs each time."},
	{"TABLESAMPLE", OBSTACLE_EVERY_REFRESH, find_sample, true,
	 "The sample depends on where rows are stored."},
};

/*
 * Note the obstacles that a query is by itself, its subqueries left aside.
 */
void
pgt_survey_constructs(Query *query, Survey *survey)
{
	for (int i = 0; i < (int) lengthof(constructs); i++)
	{
		const Construct *construct = &constructs[i];
		int location = -1;

		if (construct->find(query, construct->variant, &location))
			pgt_note_obstacle(survey, construct->kind, construct->name,
							  construct->detail, location);
	}

	for (int i = 0; pgt_query_rules[i] != NULL; i++)
	{
		const QueryRule *rule = pgt_query_rules[i];
		const char *detail = NULL;
		const char *name;
		int location = -1;

		if (!rule->matches(query))
			continue;
		name = rule->obstacle(query, &detail, &location);
		if (name != NULL)
			pgt_note_obstacle(survey, OBSTACLE_NO_RULE, name, detail,
							  location);
	}
}
