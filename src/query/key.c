/*-------------------------------------------------------------------------
 *
 * key.c
 *	  Does the result of a query have a key, and which?
 *
 *		SELECT o.id, c.name, o.amount
 *		FROM orders o JOIN customers c ON c.id = o.customer
 *
 * Two rows of the result cannot have the same o.id: it determines the row of
 * "orders", whose "customer" equals c.id, which determines the row of
 * "customers".  So {id} is a key, although c.id is not in the output.
 *
 * In general: begin with the columns in the output; add what equals a known
 * column or a constant; when all key columns of a table are known, all its
 * columns are.  If every table in the FROM gets known, the output has a key.
 * Then columns are left out, from the last to the first, as long as the rest
 * still is one.
 *
 * Keys are: primary keys of tables, which hold for the moment only (a
 * constraint may be dropped: see README.md); grouping columns of nodes;
 * recursively, keys of subqueries.  A UNION ALL has none, nor has a
 * set-returning function.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

/* What is known of the columns of one block. */
typedef struct KeySearch
{
	const NormalForm *form;
	const Query *query;
	List *keys;		/* of Bitmapset, per FROM entry, see below */
	List *equal;	/* of Var, in pairs */
	List *constant; /* of Var equal to a constant */
} KeySearch;

static bool find_query_key(const NormalForm *form, const Query *query,
						   Bitmapset **key);

/* ---- keys of FROM entries: a set of attribute numbers ---- */

/* Is the index behind a constraint one that we can rely upon? */
static bool
is_reliable_index(Oid indexoid)
{
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexoid));
	Form_pg_index index;
	bool reliable;

	if (!HeapTupleIsValid(tuple))
		return false;

	index = (Form_pg_index) GETSTRUCT(tuple);
	reliable = index->indisvalid && index->indimmediate &&
			   index->indisunique && !index->indisexclusion;
	ReleaseSysCache(tuple);
	return reliable;
}

static bool
find_table_key(const RangeTblEntry *rte, Bitmapset **key)
{
	Oid constraint;
	Bitmapset *columns;
	int member = -1;

	/* A primary key says nothing about the rows of children. */
	if (rte->inh && rte->relkind != RELKIND_PARTITIONED_TABLE &&
		has_subclass(rte->relid))
		return false;

	columns = get_primary_key_attnos(rte->relid, false, &constraint);
	if (columns == NULL || !is_reliable_index(get_constraint_index(constraint)))
		return false;

	while ((member = bms_next_member(columns, member)) >= 0)
		*key = bms_add_member(*key,
							  member + FirstLowInvalidHeapAttributeNumber);
	return true;
}

static bool
find_entry_key(const NormalForm *form, const RangeTblEntry *rte,
			   Bitmapset **key)
{
	int node_id;

	if (rte->rtekind == RTE_RELATION)
		return find_table_key(rte, key);
	if (rte->rtekind == RTE_SUBQUERY &&
		!pgt_has_outer_vars(rte->subquery, NULL))
		return find_query_key(form, rte->subquery, key);
	if (!pgt_is_node_leaf(rte, &node_id))
		return false;

	for (int i = 1; i <= pgt_find_node(form, node_id)->nkeys; i++)
		*key = bms_add_member(*key, i);
	return true;
}

/* ---- what follows from WHERE ---- */

static bool
is_deterministic(Oid collation)
{
	return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

/*
 * Does the operator mean equality as keys of the column's type do?
 */
static bool
is_key_equality(const OpExpr *op, const Var *var)
{
	TypeCacheEntry *type = lookup_type_cache(var->vartype,
											 TYPECACHE_BTREE_OPFAMILY);

	if (!OidIsValid(type->btree_opf))
		return false;
	if (get_op_opfamily_strategy(op->opno, type->btree_opf) !=
		BTEqualStrategyNumber)
		return false;

	return op->inputcollid == var->varcollid ||
		   (is_deterministic(op->inputcollid) &&
			is_deterministic(var->varcollid));
}

/* The Var of this block that an argument is, maybe behind a relabelling. */
static Var *
plain_var(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;

	if (node == NULL || !IsA(node, Var) || ((Var *) node)->varlevelsup > 0 ||
		((Var *) node)->varattno <= 0)
		return NULL;
	return (Var *) node;
}

/* Also a column of a query around is not the same for all rows. */
static bool
contains_var_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return IsA(node, Var) ||
		   expression_tree_walker(node, contains_var_walker, context);
}

static bool
is_constant(Node *node)
{
	return !contains_var_walker(node, NULL);
}

static void
add_equality(KeySearch *search, const OpExpr *op)
{
	Var *left;
	Var *right;

	if (list_length(op->args) != 2)
		return;

	left = plain_var(linitial(op->args));
	right = plain_var(lsecond(op->args));
	if (left && right && is_key_equality(op, left) &&
		is_key_equality(op, right))
		search->equal = lappend(lappend(search->equal, left), right);
	else if (left && is_constant(lsecond(op->args)) &&
			 is_key_equality(op, left))
		search->constant = lappend(search->constant, left);
	else if (right && is_constant(linitial(op->args)) &&
			 is_key_equality(op, right))
		search->constant = lappend(search->constant, right);
}

/* ---- closure ---- */

/* Columns of a block as a set of numbers. */
#define COLUMN(varno, attno) ((varno) * (MaxTupleAttributeNumber + 1) + (attno))

static Bitmapset *
add_var(Bitmapset *known, const Var *var)
{
	return bms_add_member(known, COLUMN(var->varno, var->varattno));
}

static bool
is_known(const Bitmapset *known, const Bitmapset *tables, const Var *var)
{
	return bms_is_member(var->varno, tables) ||
		   bms_is_member(COLUMN(var->varno, var->varattno), known);
}

/* Are all key columns of FROM entry "varno" known? */
static bool
key_is_known(const KeySearch *search, const Bitmapset *known, int varno)
{
	Bitmapset *key = list_nth(search->keys, varno - 1);
	int attno = -1;

	while ((attno = bms_next_member(key, attno)) >= 0)
		if (!bms_is_member(COLUMN(varno, attno), known))
			return false;

	return true;
}

/* One round: what follows from what is known?  False if nothing new. */
static bool
extend_known(const KeySearch *search, Bitmapset **known, Bitmapset **tables)
{
	bool extended = false;

	for (int i = 0; i < list_length(search->equal); i += 2)
	{
		Var *a = list_nth(search->equal, i);
		Var *b = list_nth(search->equal, i + 1);
		bool a_known = is_known(*known, *tables, a);
		bool b_known = is_known(*known, *tables, b);

		if (a_known == b_known)
			continue;
		*known = add_var(*known, a_known ? b : a);
		extended = true;
	}

	for (int varno = 1; varno <= list_length(search->keys); varno++)
	{
		if (bms_is_member(varno, *tables) ||
			!key_is_known(search, *known, varno))
			continue;
		*tables = bms_add_member(*tables, varno);
		extended = true;
	}

	return extended;
}

/* Do these output columns determine a row of each FROM entry? */
static bool
determines_row(const KeySearch *search, const Bitmapset *output)
{
	Bitmapset *known = NULL;
	Bitmapset *tables = NULL;
	int resno = -1;
	ListCell *lc;

	foreach (lc, search->constant)
		known = add_var(known, lfirst(lc));
	while ((resno = bms_next_member(output, resno)) >= 0)
	{
		TargetEntry *tle = list_nth(search->query->targetList, resno - 1);

		known = add_var(known, (Var *) tle->expr);
	}

	while (extend_known(search, &known, &tables))
		;
	return bms_num_members(tables) == list_length(search->keys);
}

/* ---- one block ---- */

/* False if an entry in the FROM has no key. */
static bool
begin_search(KeySearch *search)
{
	ListCell *lc;

	foreach (lc, search->query->rtable)
	{
		Bitmapset *key = NULL;

		if (!find_entry_key(search->form, lfirst(lc), &key))
			return false;
		search->keys = lappend(search->keys, key);
	}

	foreach (lc, make_ands_implicit((Expr *) search->query->jointree->quals))
		if (IsA(lfirst(lc), OpExpr))
			add_equality(search, lfirst(lc));

	return true;
}

/*
 * The key of a query, if it has one: a smallest set of output columns.
 */
static bool
find_query_key(const NormalForm *form, const Query *query, Bitmapset **key)
{
	KeySearch search = {.form = form, .query = query};
	ListCell *lc;

	*key = NULL;
	if (query->setOperations != NULL || query->hasTargetSRFs ||
		!begin_search(&search))
		return false;

	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);

		if (IsA(tle->expr, Var) && plain_var((Node *) tle->expr) != NULL)
			*key = bms_add_member(*key, tle->resno);
	}
	if (!determines_row(&search, *key))
		return false;

	for (int resno = list_length(query->targetList); resno > 0; resno--)
	{
		Bitmapset *fewer = bms_del_member(bms_copy(*key), resno);

		if (bms_is_member(resno, *key) && determines_row(&search, fewer))
			*key = fewer;
	}

	return true;
}

/*
 * Set keyed, nkeys and keys of a normal form.
 */
void
pgt_find_key(NormalForm *form)
{
	Bitmapset *key;
	int resno = -1;

	form->keyed = find_query_key(form, form->top, &key);
	if (!form->keyed)
		return;

	form->keys = palloc0(Max(bms_num_members(key), 1) * sizeof(AttrNumber));
	while ((resno = bms_next_member(key, resno)) >= 0)
		form->keys[form->nkeys++] = resno;
}
