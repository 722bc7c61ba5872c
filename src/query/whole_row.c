/*-------------------------------------------------------------------------
 *
 * whole_row.c
 *	  References to whole rows become references to columns.
 *
 * Delta queries add a column, the weight, to tables and subqueries, which
 * would then be part of a whole row.  Of a table,
 *
 *		SELECT f(t) FROM t		becomes		SELECT f(ROW(t.a, t.b)::t) FROM t
 *
 * and the same of a view, though it has become a subquery: its rows have its
 * type, which decides what array[v] is, and names of fields that follow
 * ALTER VIEW ... RENAME and no alias.
 *
 * A row of another subquery has no type that could be named, but names of
 * fields that row_to_json() shows, so another subquery makes the row:
 *
 *		SELECT row_to_json(s) FROM (SELECT ...) s
 *
 * becomes
 *
 *		SELECT row_to_json(s_1) FROM (SELECT ...) s,
 *			LATERAL (SELECT s.a, s.b) s_1
 *
 * Names that no text can give to the fields are an obstacle: constructs.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/rel.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

/* ---- tables and views ---- */

static Node *
row_of_relation(Var *var, replace_rte_variables_context *context)
{
	RowExpr *row;
	Relation rel;
	TupleDesc desc;

	if (var->varattno != InvalidAttrNumber)
		return copyObject((Node *) var);

	row = makeNode(RowExpr);
	row->row_typeid = var->vartype;
	row->row_format = COERCE_EXPLICIT_CAST; /* so that the type is printed */
	row->location = -1;

	rel = table_open(*(Oid *) context->callback_arg, AccessShareLock);
	desc = RelationGetDescr(rel);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Var *column = makeVar(var->varno, i + 1, att->atttypid, att->atttypmod,
							  att->attcollation, var->varlevelsup);
		Const *dropped = makeNullConst(INT4OID, -1, InvalidOid);

		row->args = lappend(row->args, att->attisdropped ? (void *) dropped :
														   (void *) column);
	}
	table_close(rel, NoLock);

	return (Node *) row;
}

/* ---- subqueries ---- */

/* SELECT s.a, s.b, as entry of a range table behind entry "varno". */
static RangeTblEntry *
row_entry(const RangeTblEntry *rte, int varno)
{
	RangeTblEntry *row = makeNode(RangeTblEntry);
	Query *query = makeNode(Query);
	ListCell *target;
	ListCell *name;

	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->jointree = makeFromExpr(NIL, NULL);
	forboth (target, rte->subquery->targetList, name, rte->eref->colnames)
	{
		TargetEntry *tle = lfirst(target);
		Node *expr = (Node *) tle->expr;
		Var *var = makeVar(varno, tle->resno, exprType(expr),
						   exprTypmod(expr), exprCollation(expr), 1);

		tle = makeTargetEntry((Expr *) var, tle->resno,
							  pstrdup(strVal(lfirst(name))), false);
		query->targetList = lappend(query->targetList, tle);
	}

	row->rtekind = RTE_SUBQUERY;
	row->subquery = query;
	row->lateral = true;
	row->inFromCl = true;
	row->eref = copyObject(rte->eref);
	row->alias = makeAlias(rte->eref->aliasname, NIL);
	return row;
}

static Node *
row_of_subquery(Var *var, replace_rte_variables_context *context)
{
	Var *copy = copyObject(var);

	if (var->varattno == InvalidAttrNumber)
		copy->varno = *(int *) context->callback_arg;
	return (Node *) copy;
}

/* Put a new entry into the range table, and behind "varno" in the FROM. */
static int
add_entry_behind(Query *query, int varno, RangeTblEntry *rte)
{
	RangeTblRef *ref = makeNode(RangeTblRef);
	List *from = query->jointree->fromlist;
	int place = 0;

	query->rtable = lappend(query->rtable, rte);
	ref->rtindex = list_length(query->rtable);

	while (list_nth_node(RangeTblRef, from, place)->rtindex != varno)
		place++;
	query->jointree->fromlist = list_insert_nth(from, place + 1, ref);

	return ref->rtindex;
}

/* A subquery without FROM gets no weight, as those that are made here. */
static bool
is_constant(const Query *query)
{
	return query->rtable == NIL;
}

static void
replace_whole_row(Query *query, int varno)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	Node *replaced;

	/* A subquery that was a view knows which. */
	if (OidIsValid(rte->relid))
	{
		Oid relid = rte->relid;

		replaced = replace_rte_variables((Node *) query, varno, 0,
										 row_of_relation, &relid, NULL);
	}
	else if (rte->rtekind == RTE_SUBQUERY && !is_constant(rte->subquery))
	{
		RangeTblEntry *row = row_entry(rte, varno);
		int newvarno;

		newvarno = add_entry_behind(query, varno, row);
		replaced = replace_rte_variables((Node *) query, varno, 0,
										 row_of_subquery, &newvarno, NULL);
	}
	else
		return; /* gets no weight */

	*query = *castNode(Query, replaced);
}

/*
 * Replace references to whole rows of the tables and subqueries in the FROM
 * of a query, whose FROM is flat; in place.
 */
void
pgt_replace_whole_rows(Query *query)
{
	int nentries = list_length(query->rtable);

	if (query->setOperations != NULL)
		return;

	for (int varno = 1; varno <= nentries; varno++)
		if (bms_is_member(-FirstLowInvalidHeapAttributeNumber,
						  pgt_referenced_columns(query, varno)))
			replace_whole_row(query, varno);
}
