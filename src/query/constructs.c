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

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
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

/* ---- rows without a type ---- */

/* The names that ROW(...) gives are f1, f2 and so on. */
static bool
is_named_row(const RowExpr *row)
{
	ListCell *lc;

	if (row->row_typeid != RECORDOID)
		return false;
	foreach (lc, row->colnames)
	{
		char name[NAMEDATALEN];

		snprintf(name, NAMEDATALEN, "f%d", foreach_current_index(lc) + 1);
		if (strcmp(strVal(lfirst(lc)), name) != 0)
			return true;
	}
	return false;
}

static bool
named_row_walker(Node *node, int *location)
{
	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, RowExpr) && is_named_row((RowExpr *) node))
	{
		*location = ((RowExpr *) node)->location;
		return true;
	}
	return expression_tree_walker(node, named_row_walker, location);
}

/* What has become of references to whole rows of joins. */
static bool
find_join_row(const Query *query, int variant, int *location)
{
	return query_tree_walker(unconstify(Query *, query), named_row_walker,
							 location,
							 QTW_IGNORE_RT_SUBQUERIES |
								 QTW_IGNORE_JOINALIASES);
}

static bool
has_same_names(const List *names)
{
	ListCell *a;
	ListCell *b;

	foreach (a, names)
		for_each_from (b, names, foreach_current_index(a) + 1)
			if (strcmp(strVal(lfirst(a)), strVal(lfirst(b))) == 0)
				return true;

	return false;
}

/* The row of a relation has the names of its type, which all differ. */
static bool
find_ambiguous_row(const Query *query, int variant, int *location)
{
	int varno = 0;
	ListCell *lc;

	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		varno++;
		if (!OidIsValid(rte->relid) && has_same_names(rte->eref->colnames) &&
			bms_is_member(-FirstLowInvalidHeapAttributeNumber,
						  pgt_referenced_columns(query, varno)))
			return true;
	}

	return false;
}

/*
 * Did the row type of a function in FROM get columns after the query was
 * written?  Aliases by position, and ORDINALITY, would move to these.
 */
static bool
has_grown(RangeTblFunction *function)
{
	TupleDesc desc;
	Oid type;
	TypeFuncClass kind = get_expr_result_type(function->funcexpr, &type, &desc);

	return (kind == TYPEFUNC_COMPOSITE ||
			kind == TYPEFUNC_COMPOSITE_DOMAIN) &&
		   desc->natts > function->funccolcount;
}

static bool
find_grown_function(const Query *query, int variant, int *location)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind != RTE_FUNCTION)
			continue;
		foreach (lc2, rte->functions)
		{
			RangeTblFunction *function = lfirst(lc2);

			*location = exprLocation(function->funcexpr);
			if (has_grown(function))
				return true;
		}
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
find_limit(const Query *query, int option, int *location)
{
	*location = exprLocation(query->limitCount);
	return query->limitCount != NULL && (int) query->limitOption == option;
}

static bool
find_offset(const Query *query, int variant, int *location)
{
	*location = exprLocation(query->limitOffset);
	return query->limitOffset != NULL;
}

/* The first of that kind; plain columns may stand beside it. */
static bool
find_grouping_sets(const Query *query, int kind, int *location)
{
	ListCell *lc;

	foreach (lc, query->groupingSets)
	{
		GroupingSet *set = lfirst(lc);

		if ((int) set->kind != kind)
			continue;
		*location = set->location;
		return true;
	}

	return false;
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
	{"the row of a join", OBSTACLE_NO_RULE, find_join_row, 0,
	 "The names of its columns would be lost."},
	{"a row with columns of one name", OBSTACLE_NO_RULE, find_ambiguous_row,
	 0, "One of them would get another name."},
	{"a function whose row type has got more columns", OBSTACLE_NO_RULE,
	 find_grown_function, 0, "Give the stream table the same query again."},
	{"INTERSECT", OBSTACLE_NO_RULE, find_set_operation, SETOP_INTERSECT},
	{"EXCEPT", OBSTACLE_NO_RULE, find_set_operation, SETOP_EXCEPT},
	{"WITH RECURSIVE", OBSTACLE_NO_RULE, find_cte, true},
	{"WITH", OBSTACLE_NO_RULE, find_cte, false,
	 "WITH queries that use each other more than once make it too large."},
	{"window function", OBSTACLE_NO_RULE, find_window},
	{"DISTINCT ON", OBSTACLE_NO_RULE, find_distinct_on},
	{"LIMIT", OBSTACLE_NO_RULE, find_limit, LIMIT_OPTION_COUNT},
	{"FETCH FIRST ... WITH TIES", OBSTACLE_NO_RULE, find_limit,
	 LIMIT_OPTION_WITH_TIES},
	{"OFFSET", OBSTACLE_NO_RULE, find_offset},
	{"ROLLUP", OBSTACLE_NO_RULE, find_grouping_sets, GROUPING_SET_ROLLUP},
	{"CUBE", OBSTACLE_NO_RULE, find_grouping_sets, GROUPING_SET_CUBE},
	{"GROUPING SETS", OBSTACLE_NO_RULE, find_grouping_sets,
	 GROUPING_SET_SETS},
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
