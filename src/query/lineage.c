/*-------------------------------------------------------------------------
 *
 * lineage.c
 *	  From which columns of tables is a column of a query computed?
 *
 *		SELECT upper(name) AS n, sum(price * amount) AS total
 *		FROM customers JOIN orders ... GROUP BY name HAVING count(*) > 1
 *
 *		n		customers.name
 *		total	orders.price, orders.amount
 *
 * What only decides which rows there are (WHERE, joins, HAVING) is not what a
 * value is computed from.  Windows are, of a window function: rank() has
 * nothing else.
 *
 * A Var leads to an entry of the range table of its query or of one around it:
 * scopes are linked from the inside to the outside.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

#include "pg_trickle/normal_form.h"
#include "pg_trickle/run_as.h"

#include "query.h"

typedef struct Scope
{
	const Query *query;
	const struct Scope *outer;
} Scope;

typedef struct Trace
{
	const Scope *scope;
	List *columns; /* of LineageColumn: found so far */
	List *ctes;	   /* of CteColumn: recursion comes back to them */
} Trace;

/* A column of a CTE that is being traced, or was. */
typedef struct CteColumn
{
	const CommonTableExpr *cte;
	AttrNumber attno;
} CteColumn;

static bool trace_walker(Node *node, Trace *trace);
static void trace_column(const Query *query, AttrNumber attno, Trace *trace);
static void trace_all_columns(const Query *query, Trace *trace);

/* ---- what is found ---- */

static void
add_column(Trace *trace, Oid relid, AttrNumber attno)
{
	LineageColumn *column;
	ListCell *lc;

	foreach (lc, trace->columns)
	{
		column = lfirst(lc);
		if (column->relid == relid && column->attno == attno)
			return;
	}

	column = palloc(sizeof(LineageColumn));
	column->relid = relid;
	column->attno = attno;
	trace->columns = lappend(trace->columns, column);
}

/* A column of a table, 0: all of them. */
static void
add_table_column(Trace *trace, Oid relid, AttrNumber attno)
{
	Relation rel;

	if (attno != 0)
	{
		add_column(trace, relid, attno);
		return;
	}

	rel = table_open(relid, AccessShareLock);
	for (int i = 1; i <= RelationGetNumberOfAttributes(rel); i++)
	{
		if (!TupleDescAttr(RelationGetDescr(rel), i - 1)->attisdropped)
			add_column(trace, relid, i);
	}
	table_close(rel, NoLock);
}

/* ---- queries inside of others ---- */

/* Column "attno" (0: all) of a query, whose scope lies in "outer". */
static void
trace_inner(const Query *query, const Scope *outer, AttrNumber attno,
			Trace *trace)
{
	Scope scope = {.query = query, .outer = outer};
	const Scope *before = trace->scope;

	check_stack_depth();
	trace->scope = &scope;
	if (attno == 0)
		trace_all_columns(query, trace);
	else
		trace_column(query, attno, trace);
	trace->scope = before;
}

static void
trace_cte_column(const CommonTableExpr *cte, const Scope *scope,
				 AttrNumber attno, Trace *trace)
{
	CteColumn *column;
	ListCell *lc;

	foreach (lc, trace->ctes)
	{
		column = lfirst(lc);
		if (column->cte == cte && column->attno == attno)
			return;
	}

	column = palloc(sizeof(CteColumn));
	column->cte = cte;
	column->attno = attno;
	trace->ctes = lappend(trace->ctes, column);
	trace_inner(castNode(Query, cte->ctequery), scope, attno, trace);
}

static void
trace_cte(const RangeTblEntry *rte, const Scope *scope, AttrNumber attno,
		  Trace *trace)
{
	ListCell *lc;

	for (Index i = 0; i < rte->ctelevelsup; i++)
		scope = scope->outer;
	foreach (lc, scope->query->cteList)
	{
		const CommonTableExpr *cte = lfirst(lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			trace_cte_column(cte, scope, attno, trace);
	}
}

/* ---- entries of range tables ---- */

/* Expressions that belong to a query of "scope". */
static void
trace_node(Node *node, const Scope *scope, Trace *trace)
{
	const Scope *before = trace->scope;

	trace->scope = scope;
	(void) trace_walker(node, trace);
	trace->scope = before;
}

static void
trace_values(const RangeTblEntry *rte, const Scope *scope, AttrNumber attno,
			 Trace *trace)
{
	ListCell *lc;

	foreach (lc, rte->values_lists)
	{
		List *row = lfirst(lc);

		trace_node(attno == 0 ? (Node *) row : list_nth(row, attno - 1),
				   scope, trace);
	}
}

static void
trace_entry(const RangeTblEntry *rte, const Scope *scope, AttrNumber attno,
			Trace *trace)
{
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			add_table_column(trace, rte->relid, attno);
			break;
		case RTE_SUBQUERY:
			trace_inner(rte->subquery, scope, attno, trace);
			break;
		case RTE_CTE:
			trace_cte(rte, scope, attno, trace);
			break;
		case RTE_VALUES:
			trace_values(rte, scope, attno, trace);
			break;
		case RTE_FUNCTION:
			trace_node((Node *) rte->functions, scope, trace);
			break;
		case RTE_TABLEFUNC:
			trace_node((Node *) rte->tablefunc, scope, trace);
			break;
		default:
			break; /* joins and groups are flattened; others have no columns */
	}
}

static void
trace_var(const Var *var, Trace *trace)
{
	const Scope *scope = trace->scope;

	for (Index i = 0; i < var->varlevelsup; i++)
		scope = scope->outer;
	trace_entry(rt_fetch(var->varno, scope->query->rtable), scope,
				var->varattno, trace);
}

/* ---- expressions ---- */

static void
trace_window(const WindowFunc *func, Trace *trace)
{
	const Query *query = trace->scope->query;
	ListCell *lc;

	foreach (lc, query->windowClause)
	{
		const WindowClause *window = lfirst(lc);
		List *clauses;

		if (window->winref != func->winref)
			continue;
		clauses = list_concat_copy(window->partitionClause,
								   window->orderClause);
		(void) trace_walker((Node *) get_sortgrouplist_exprs(clauses,
															 query->targetList),
							trace);
	}
}

/* Does its select list make the value, or only whether there is a row? */
static void
trace_sublink(const SubLink *sublink, Trace *trace)
{
	Query *query = castNode(Query, sublink->subselect);
	Scope scope = {.query = query, .outer = trace->scope};

	(void) trace_walker(sublink->testexpr, trace);
	if (sublink->subLinkType == EXISTS_SUBLINK)
		trace_node((Node *) query->jointree, &scope, trace);
	else
		trace_inner(query, trace->scope, 0, trace);
}

static bool
trace_walker(Node *node, Trace *trace)
{
	if (node == NULL)
		return false;

	if (IsA(node, Var))
	{
		trace_var((Var *) node, trace);
		return false;
	}
	if (IsA(node, SubLink))
	{
		trace_sublink((SubLink *) node, trace);
		return false;
	}
	if (IsA(node, WindowFunc))
		trace_window((WindowFunc *) node, trace);

	return expression_tree_walker(node, trace_walker, trace);
}

/* ---- columns of queries ---- */

/* What EXCEPT takes away gives no value. */
static void
trace_set_operation(Node *node, AttrNumber attno, Trace *trace)
{
	const SetOperationStmt *stmt = (SetOperationStmt *) node;

	if (IsA(node, RangeTblRef))
	{
		int varno = ((RangeTblRef *) node)->rtindex;

		trace_entry(rt_fetch(varno, trace->scope->query->rtable),
					trace->scope, attno, trace);
		return;
	}

	check_stack_depth();
	trace_set_operation(stmt->larg, attno, trace);
	if (stmt->op != SETOP_EXCEPT)
		trace_set_operation(stmt->rarg, attno, trace);
}

/* A column of the query of the current scope. */
static void
trace_column(const Query *query, AttrNumber attno, Trace *trace)
{
	TargetEntry *tle;

	if (query->setOperations != NULL)
	{
		trace_set_operation(query->setOperations, attno, trace);
		return;
	}

	tle = get_tle_by_resno(query->targetList, attno);
	if (tle != NULL)
		(void) trace_walker((Node *) tle->expr, trace);
}

static void
trace_all_columns(const Query *query, Trace *trace)
{
	ListCell *lc;

	foreach (lc, query->targetList)
	{
		const TargetEntry *tle = lfirst(lc);

		if (!tle->resjunk)
			trace_column(query, tle->resno, trace);
	}
}

/*
 * See normal_form.h.
 */
List *
pgt_lineage(const Query *query, Oid owner)
{
	List *views = NIL;
	RunAs before = pgt_run_as(owner); /* as pgt_normalize() */
	Query *expanded = pgt_expand(query, &views);
	Scope scope = {.query = expanded};
	List *lineage = NIL;
	ListCell *lc;

	foreach (lc, expanded->targetList)
	{
		const TargetEntry *tle = lfirst(lc);
		Trace trace = {.scope = &scope};

		if (tle->resjunk)
			continue;
		trace_column(expanded, tle->resno, &trace);
		lineage = lappend(lineage, trace.columns);
	}
	pgt_run_as_done(before);

	return lineage;
}
