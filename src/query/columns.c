/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  Columns of a query: which does it refer to, how are they called?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

typedef struct ReferencedColumns
{
	int varno;
	Index levelsup;
	Bitmapset *columns;
} ReferencedColumns;

static bool
referenced_columns_walker(Node *node, ReferencedColumns *found)
{
	if (node == NULL)
		return false;

	if (IsA(node, Var))
	{
		Var *var = (Var *) node;

		int member = var->varattno - FirstLowInvalidHeapAttributeNumber;

		if (var->varno == found->varno && var->varlevelsup == found->levelsup)
			found->columns = bms_add_member(found->columns, member);
		return false;
	}

	if (IsA(node, Query))
	{
		bool result;

		found->levelsup++;
		result = query_tree_walker((Query *) node, referenced_columns_walker,
								   found, QTW_IGNORE_JOINALIASES);
		found->levelsup--;
		return result;
	}

	return expression_tree_walker(node, referenced_columns_walker, found);
}

/*
 * The columns of range table entry "varno" of "query" that it or a subquery
 * of it refers to, whose join aliases are flattened.  Members are offset by
 * FirstLowInvalidHeapAttributeNumber; palloc'd.
 */
Bitmapset *
pgt_referenced_columns(const Query *query, int varno)
{
	ReferencedColumns found = {.varno = varno};

	query_tree_walker(unconstify(Query *, query), referenced_columns_walker,
					  &found, QTW_IGNORE_JOINALIASES);
	return found.columns;
}

typedef struct OuterVars
{
	Index depth;
	int location; /* of the first found */
} OuterVars;

static bool
outer_vars_walker(Node *node, OuterVars *outer)
{
	if (node == NULL)
		return false;

	if ((IsA(node, Var) && ((Var *) node)->varlevelsup > outer->depth) ||
		(IsA(node, Aggref) && ((Aggref *) node)->agglevelsup > outer->depth))
	{
		outer->location = exprLocation(node);
		return true;
	}

	if (IsA(node, Query))
	{
		bool result;

		outer->depth++;
		result = query_tree_walker((Query *) node, outer_vars_walker, outer,
								   QTW_IGNORE_JOINALIASES);
		outer->depth--;
		return result;
	}

	return expression_tree_walker(node, outer_vars_walker, outer);
}

/*
 * Does a query refer to columns of a query around it?  Then *location (unless
 * NULL) is where the first of them is.
 */
bool
pgt_has_outer_vars(const Query *query, int *location)
{
	OuterVars outer = {.depth = 0};

	if (!query_tree_walker(unconstify(Query *, query), outer_vars_walker,
						   &outer, QTW_IGNORE_JOINALIASES))
		return false;

	if (location != NULL)
		*location = outer.location;
	return true;
}

/*
 * Give the columns of a query these names (list of String), by which the
 * query around it calls them: the columns of a view or CTE may have got other
 * names than those in its query.  The names of a set operation are those of
 * its first member.
 */
void
pgt_name_columns(Query *query, List *names)
{
	Node *first = query->setOperations;
	ListCell *target;
	ListCell *name;

	forboth (target, query->targetList, name, names)
	{
		TargetEntry *tle = lfirst(target);

		tle->resname = pstrdup(strVal(lfirst(name)));
	}


	if (first == NULL)
		return;
	while (IsA(first, SetOperationStmt))
		first = ((SetOperationStmt *) first)->larg;
	pgt_name_columns(rt_fetch(((RangeTblRef *) first)->rtindex,
							  query->rtable)
						 ->subquery,
					 names);
}
