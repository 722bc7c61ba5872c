/*-------------------------------------------------------------------------
 *
 * weight.c
 *	  Expressions over weights, which are int8.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"

#include "../linear_rule.h"

/* The weight of a row that is there once. */
Expr *
pgt_weight_one(void)
{
	return (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
							  Int64GetDatum(1), false, FLOAT8PASSBYVAL);
}

/* left may be NULL, for a prefix operator. */
static Expr *
apply_operator(const char *name, Expr *left, Expr *right)
{
	List *qualified = list_make2(makeString("pg_catalog"),
								 makeString(pstrdup(name)));
	Oid operator= OpernameGetOprid(qualified,
								   left ? INT8OID : InvalidOid,
								   INT8OID);
	OpExpr *expr = makeNode(OpExpr);

	expr->opno = operator;
	expr->opresulttype = INT8OID;
	expr->args = left ? list_make2(left, right) : list_make1(right);
	expr->location = -1;
	return (Expr *) expr;
}

Expr *
pgt_weight_negated(Expr *weight)
{
	return apply_operator("-", NULL, weight);
}

/* NULL stands for 1. */
Expr *
pgt_weight_product(Expr *a, Expr *b)
{
	if (a == NULL)
		return b;
	if (b == NULL)
		return a;
	return apply_operator("*", a, b);
}

Var *
pgt_weight_var(int varno, AttrNumber attno)
{
	return makeVar(varno, attno, INT8OID, -1, InvalidOid, 0);
}

/*
 * Add the weight to the columns of a query.  Returns its number.
 */
AttrNumber
pgt_add_weight(Query *query, Expr *weight)
{
	AttrNumber attno = list_length(query->targetList) + 1;

	query->targetList = lappend(query->targetList,
								makeTargetEntry(weight, attno,
												pstrdup(WEIGHT_NAME), false));
	return attno;
}
