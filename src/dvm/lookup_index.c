/*-------------------------------------------------------------------------
 *
 * lookup_index.c
 *	  Indexes on state tables for the queries that join them.
 *
 *		SELECT o.id, t.total FROM orders o
 *		JOIN (SELECT customer, sum(amount) AS total FROM ...
 *			  GROUP BY customer) t ON t.customer = o.customer
 *
 * When an order changes, the row of its customer is looked up in the state
 * table of the node.  The server knows no index for that but the one on the
 * hash of the keys, so one on "customer" is made when the state is created.
 *
 * Which columns are looked up is read off the conditions: those of one node
 * that are equated, in one query, with something that is not constant.  Those
 * by which another node groups are, too, if it asks its input for the rows of
 * a group (group_query.c).  Wide values do not fit a btree; then a hash index
 * on one of the columns does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_am_d.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/identity.h"
#include "pg_trickle/node.h"

#include "lookup_index.h"

/* The columns of a node's output that one query looks up together. */
typedef struct Lookup
{
	int node_id;
	Bitmapset *attnos;
} Lookup;

/* ---- which columns ---- */

static void
add_column(List **lookups, int node_id, AttrNumber attno)
{
	Lookup *lookup;
	ListCell *lc;

	foreach (lc, *lookups)
	{
		lookup = lfirst(lc);
		if (lookup->node_id != node_id)
			continue;
		lookup->attnos = bms_add_member(lookup->attnos, attno);
		return;
	}

	lookup = palloc0(sizeof(Lookup));
	lookup->node_id = node_id;
	lookup->attnos = bms_make_singleton(attno);
	*lookups = lappend(*lookups, lookup);
}

static void add_output_column(List **lookups, const Query *query,
							  AttrNumber attno);

/* Add the column of a node that an expression is, if it is one. */
static void
add_expression(List **lookups, const Query *query, const Node *expr)
{
	const Var *var;
	RangeTblEntry *rte;
	int node_id;

	while (expr != NULL && IsA(expr, RelabelType))
		expr = (const Node *) ((const RelabelType *) expr)->arg;
	var = (const Var *) expr;
	if (var == NULL || !IsA(var, Var) || var->varlevelsup > 0)
		return;

	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind == RTE_SUBQUERY)
		add_output_column(lookups, rte->subquery, var->varattno);
	else if (pgt_is_node_leaf(rte, &node_id))
		add_column(lookups, node_id, var->varattno);
}

/* The same for a column of a subquery; of a UNION ALL, that of each member. */
static void
add_output_column(List **lookups, const Query *query, AttrNumber attno)
{
	ListCell *lc;

	if (query->setOperations == NULL)
	{
		TargetEntry *tle = list_nth(query->targetList, attno - 1);

		add_expression(lookups, query, (Node *) tle->expr);
		return;
	}

	foreach (lc, query->rtable)
		add_output_column(lookups, ((RangeTblEntry *) lfirst(lc))->subquery,
						  attno);
}

static bool
is_lookup(const Node *condition)
{
	const OpExpr *op = (const OpExpr *) condition;

	if (!IsA(condition, OpExpr) || list_length(op->args) != 2)
		return false;
	return op_mergejoinable(op->opno, exprType(linitial(op->args))) &&
		   contain_var_clause(linitial(op->args)) &&
		   contain_var_clause(lsecond(op->args));
}

static void
find_lookups(const Query *query, List **all)
{
	List *lookups = NIL;
	ListCell *lc;

	foreach (lc, make_ands_implicit((Expr *) query->jointree->quals))
	{
		OpExpr *op = lfirst(lc);

		if (!is_lookup((Node *) op))
			continue;
		add_expression(&lookups, query, linitial(op->args));
		add_expression(&lookups, query, lsecond(op->args));
	}
	*all = list_concat(*all, lookups);

	foreach (lc, query->rtable)
		if (((RangeTblEntry *) lfirst(lc))->rtekind == RTE_SUBQUERY)
			find_lookups(((RangeTblEntry *) lfirst(lc))->subquery, all);
}

/* Do groups of the node come into doubt in the ordinary course of things? */
static bool
asks_for_groups(const QueryNode *query)
{
	NodeProgram *node = pgt_node_plan(query, CurrentMemoryContext);

	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->strategy->answer != NULL)
			return true;
	}

	return false;
}

/* The rows of a group are looked up by its keys. */
static void
find_group_lookups(const QueryNode *query, List **all)
{
	List *lookups = NIL;

	if (!asks_for_groups(query))
		return;
	for (AttrNumber key = 1; key <= query->nkeys; key++)
		add_output_column(&lookups, query->input, key);
	*all = list_concat(*all, lookups);
}

/* ---- the indexes ---- */

/* Can a btree hold the values of a column? */
static bool
fits_btree(Oid relid, AttrNumber attno)
{
	Oid type;
	int32 typmod;
	Oid collation;

	get_atttypetypmodcoll(relid, attno, &type, &typmod, &collation);
	return pgt_type_is_bounded(type, typmod) &&
		   OidIsValid(GetDefaultOpClass(type, BTREE_AM_OID));
}

static IndexElem *
index_column(Oid relid, AttrNumber attno)
{
	IndexElem *column = makeNode(IndexElem);

	column->name = get_attname(relid, attno, false);
	return column;
}

/*
 * The index for a look-up by these columns: a btree of those that fit, or a
 * hash index of the first that can be hashed.  NULL if there is none.
 */
static IndexStmt *
choose_index(Oid relid, const Bitmapset *attnos)
{
	IndexStmt *stmt = makeNode(IndexStmt);
	int attno = -1;

	stmt->accessMethod = "btree";
	while ((attno = bms_next_member(attnos, attno)) >= 0)
		if (fits_btree(relid, attno) &&
			list_length(stmt->indexParams) < INDEX_MAX_KEYS)
			stmt->indexParams = lappend(stmt->indexParams,
										index_column(relid, attno));
	if (stmt->indexParams != NIL)
		return stmt;

	stmt->accessMethod = "hash";
	attno = -1;
	while ((attno = bms_next_member(attnos, attno)) >= 0)
		if (OidIsValid(GetDefaultOpClass(get_atttype(relid, attno),
										 HASH_AM_OID)))
		{
			stmt->indexParams = list_make1(index_column(relid, attno));
			return stmt;
		}

	return NULL;
}

static bool
is_done(List *done, const Lookup *lookup)
{
	ListCell *lc;

	foreach (lc, done)
	{
		Lookup *other = lfirst(lc);

		if (other->node_id == lookup->node_id &&
			bms_equal(other->attnos, lookup->attnos))
			return true;
	}

	return false;
}

/*
 * Create the indexes that the queries of a normal form need on the state
 * tables of its nodes, state_relids[node id].
 */
void
pgt_create_lookup_indexes(const NormalForm *form, const Oid *state_relids)
{
	List *lookups = NIL;
	List *done = NIL;
	ListCell *lc;

	foreach (lc, form->nodes)
	{
		find_lookups(((QueryNode *) lfirst(lc))->input, &lookups);
		find_group_lookups(lfirst(lc), &lookups);
	}
	find_lookups(form->top, &lookups);

	foreach (lc, lookups)
	{
		Lookup *lookup = lfirst(lc);
		Oid relid = state_relids[lookup->node_id];
		IndexStmt *stmt;

		if (is_done(done, lookup))
			continue;
		done = lappend(done, lookup);

		stmt = choose_index(relid, lookup->attnos);
		if (stmt == NULL)
			continue;
		stmt->idxname = psprintf("%s_lookup%d", get_rel_name(relid),
								 list_length(done));
		pgt_define_index(relid, stmt);
	}
}
