/*-------------------------------------------------------------------------
 *
 * leaf.c
 *	  A leaf as its change, and as its old state.
 *
 * Where a query reads columns 1 and 3 of table r (OID 7), a term reads either
 *
 *		"delta 7" r										columns c1, c3, w
 *
 * which is the name of a relation that is bound when the term runs, or
 *
 *		(SELECT c1, c3, 1 AS w FROM r
 *		 UNION ALL
 *		 (SELECT c1, c3, -w FROM "delta 7" OFFSET 0)) r
 *
 * the old state: what is there now, without what came, with what went.  No
 * duplicates are looked for, so this costs no more than the change, and an
 * index of r is used for r.  OFFSET 0 keeps the planner from pulling up the
 * second part: as a subquery it can be a part of a parameterized path, which
 * an index scan of r in the inner side of a nested loop needs; the scan of a
 * named relation by itself cannot.
 *
 * In both forms there are only the columns that are referred to, so Vars are
 * renumbered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "pg_trickle/normal_form.h"

#include "../linear_rule.h"

/* The columns of a leaf that are referred to. */
typedef struct LeafColumns
{
	Oid relid;				  /* the table that has them, or */
	const RangeTblEntry *rte; /* the node, if its table does not exist */
	int n;
	AttrNumber *attnos; /* ascending */
} LeafColumns;

static LeafColumns
leaf_columns(const Query *query, int varno, Oid relid)
{
	const RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	Bitmapset *referenced = pgt_referenced_columns(query, varno);
	int nreferenced = bms_num_members(referenced);
	LeafColumns columns = {.relid = relid, .rte = rte};
	int member = -1;

	columns.attnos = palloc(sizeof(AttrNumber) * (nreferenced + 1));
	while ((member = bms_next_member(referenced, member)) >= 0)
		columns.attnos[columns.n++] =
			member + FirstLowInvalidHeapAttributeNumber;
	return columns;
}

static void
column_type(const LeafColumns *columns, AttrNumber attno, Oid *type,
			int32 *typmod, Oid *collation)
{
	if (OidIsValid(columns->relid))
	{
		get_atttypetypmodcoll(columns->relid, attno, type, typmod, collation);
		return;
	}

	*type = list_nth_oid(columns->rte->coltypes, attno - 1);
	*typmod = list_nth_int(columns->rte->coltypmods, attno - 1);
	*collation = list_nth_oid(columns->rte->colcollations, attno - 1);
}

/* ---- renumbering ---- */

typedef struct Renumbering
{
	int varno;
	Index levelsup;
	const LeafColumns *columns;
} Renumbering;

static void
renumber_var(Var *var, const LeafColumns *columns)
{
	for (int i = 0; i < columns->n; i++)
	{
		if (columns->attnos[i] != var->varattno)
			continue;
		var->varattno = i + 1;
		var->varnosyn = 0; /* the deparser must not print the old one */
		var->varattnosyn = 0;
		return;
	}
	elog(ERROR, "column %d of a leaf is not among its columns", var->varattno);
}

static bool
renumber_walker(Node *node, Renumbering *r)
{
	if (node == NULL)
		return false;

	if (IsA(node, Var))
	{
		Var *var = (Var *) node;

		if (var->varno == r->varno && var->varlevelsup == r->levelsup)
			renumber_var(var, r->columns);
		return false;
	}

	if (IsA(node, Query))
	{
		r->levelsup++;
		query_tree_walker((Query *) node, renumber_walker, r, 0);
		r->levelsup--;
		return false;
	}

	return expression_tree_walker(node, renumber_walker, r);
}

/* ---- the two forms ---- */

/* c1, c3, w */
static List *
column_names(const LeafColumns *columns)
{
	List *names = NIL;

	for (int i = 0; i < columns->n; i++)
		names = lappend(names, makeString(psprintf("c%d", columns->attnos[i])));
	return lappend(names, makeString(pstrdup(WEIGHT_NAME)));
}

/* The change under its name, as the range table entry of a CTE. */
static RangeTblEntry *
delta_entry(const char *delta, const char *alias, const LeafColumns *columns)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_CTE;
	rte->ctename = pstrdup(delta);
	rte->inFromCl = true;
	rte->eref = makeAlias(alias, column_names(columns));
	return rte;
}

/* SELECT <columns> FROM <entry>; "numbered": it has no other columns. */
static Query *
select_columns(RangeTblEntry *rte, const LeafColumns *columns, bool numbered)
{
	Query *query = makeNode(Query);
	RangeTblRef *ref = makeNode(RangeTblRef);

	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make1(rte);
	ref->rtindex = 1;
	query->jointree = makeFromExpr(list_make1(ref), NULL);

	for (int i = 0; i < columns->n; i++)
	{
		AttrNumber attno = columns->attnos[i];
		Oid type;
		int32 typmod;
		Oid collation;
		Var *var;

		column_type(columns, attno, &type, &typmod, &collation);
		var = makeVar(1, numbered ? i + 1 : attno, type, typmod, collation, 0);
		query->targetList = lappend(query->targetList,
									makeTargetEntry((Expr *) var, i + 1,
													psprintf("c%d", attno),
													false));
	}

	return query;
}

static RangeTblEntry *
member_entry(Query *query, const LeafColumns *columns)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = query;
	rte->eref = makeAlias("member", column_names(columns));
	return rte;
}

static Node *
member_ref(int varno)
{
	RangeTblRef *ref = makeNode(RangeTblRef);

	ref->rtindex = varno;
	return (Node *) ref;
}

/* now UNION ALL before, which have the same columns */
static Query *
union_all(Query *now, Query *before, const LeafColumns *columns)
{
	Query *query = makeNode(Query);
	SetOperationStmt *stmt = makeNode(SetOperationStmt);
	ListCell *lc;

	stmt->op = SETOP_UNION;
	stmt->all = true;
	stmt->larg = member_ref(1);
	stmt->rarg = member_ref(2);
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make2(member_entry(now, columns),
							   member_entry(before, columns));
	query->jointree = makeFromExpr(NIL, NULL);
	query->setOperations = (Node *) stmt;

	foreach (lc, now->targetList)
	{
		TargetEntry *tle = lfirst(lc);
		Node *expr = (Node *) tle->expr;
		Var *var = makeVarFromTargetEntry(1, tle);

		stmt->colTypes = lappend_oid(stmt->colTypes, exprType(expr));
		stmt->colTypmods = lappend_int(stmt->colTypmods, exprTypmod(expr));
		stmt->colCollations = lappend_oid(stmt->colCollations,
										  exprCollation(expr));
		query->targetList = lappend(query->targetList,
									makeTargetEntry((Expr *) var, tle->resno,
													tle->resname, false));
	}

	return query;
}

/* The old state, as range table entry in place of the table's. */
static RangeTblEntry *
old_entry(RangeTblEntry *table, const char *delta, const LeafColumns *columns)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblEntry *change = delta_entry(delta, "delta", columns);
	Query *now = select_columns(table, columns, false);
	Query *before = select_columns(change, columns, true);
	Var *weight = pgt_weight_var(1, columns->n + 1);

	pgt_add_weight(now, pgt_weight_one());
	pgt_add_weight(before, pgt_weight_negated((Expr *) weight));
	before->limitOffset = (Node *) makeConst(INT8OID, -1, InvalidOid,
											 sizeof(int64), Int64GetDatum(0),
											 false, FLOAT8PASSBYVAL);

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = union_all(now, before, columns);
	rte->inFromCl = true;
	rte->eref = makeAlias(table->eref->aliasname, column_names(columns));
	rte->alias = makeAlias(table->eref->aliasname, NIL);
	return rte;
}

/*
 * Derive a leaf: entry "varno" of the range table, which is table "relid" (of
 * a node that is only explained, there is none), whose change is called
 * "delta" (and is that of a node, if "node_id" is not 0).  Returns the number
 * of the weight column, or 0 if the leaf stays.
 */
AttrNumber
pgt_derive_leaf(Query *query, int varno, Oid relid, int node_id,
				const char *delta, Derivation *d)
{
	ListCell *entry = list_nth_cell(query->rtable, varno - 1);
	RangeTblEntry *table = lfirst(entry);
	int number = d->next++;
	LeafColumns columns;
	Renumbering renumbering;

	if (number < d->leaf || (number > d->leaf && d->alone))
		return 0;

	columns = leaf_columns(query, varno, relid);
	renumbering = (Renumbering){.varno = varno, .columns = &columns};
	query_tree_walker(query, renumber_walker, &renumbering, 0);

	if (number == d->leaf)
	{
		d->relid = node_id == 0 ? relid : InvalidOid;
		d->node_id = node_id;
		d->delta = pstrdup(delta);
		lfirst(entry) = delta_entry(delta, table->eref->aliasname, &columns);
	}
	else
	{
		if (!list_member(d->old, makeString(pstrdup(delta))))
			d->old = lappend(d->old, makeString(pstrdup(delta)));
		lfirst(entry) = old_entry(table, delta, &columns);
	}

	return columns.n + 1;
}
