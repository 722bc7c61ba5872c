/*-------------------------------------------------------------------------
 *
 * node.c
 *	  What nodes of all rules have in common.
 *
 * A query reads the output of a node under the name "node <id>", as if it
 * were a CTE, with the columns k1.. (keys) and a1.. (aggregates):
 *
 *		SELECT k1 AS region, a1 AS total FROM "node 1" WHERE a2 > 1
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_oper.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

#define NODE_NAME "node %d"

static bool
same_aggs(const List *a, const List *b)
{
	ListCell *la;
	ListCell *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth (la, a, lb, b)
		if (!equal(((NodeAgg *) lfirst(la))->aggref,
				   ((NodeAgg *) lfirst(lb))->aggref))
			return false;

	return true;
}

static QueryNode *
add_node(NormalForm *form, QueryNode *node)
{
	ListCell *lc;

	foreach (lc, form->nodes)
	{
		QueryNode *other = lfirst(lc);

		if (equal(node->input, other->input) &&
			equal(node->keys, other->keys) &&
			same_aggs(node->aggs, other->aggs))
			return other;
	}

	node->id = list_length(form->nodes) + 1;
	form->nodes = lappend(form->nodes, node);
	return node;
}

int
pgt_node_natts(const QueryNode *node)
{
	return node->nkeys + list_length(node->aggs);
}

const QueryNode *
pgt_find_node(const NormalForm *form, int id)
{
	if (id < 1 || id > list_length(form->nodes))
		elog(ERROR, "query has no node %d", id);
	return list_nth(form->nodes, id - 1);
}

/*
 * A Var on column "attno" of a node's output, for a query that reads only the
 * node.  Palloc'd.
 */
Var *
pgt_node_output(const QueryNode *node, AttrNumber attno)
{
	const Node *expr;

	if (attno <= node->nkeys)
		expr = (Node *) list_nth_node(TargetEntry, node->input->targetList,
									  attno - 1)
				   ->expr;
	else
		expr = (Node *) ((NodeAgg *) list_nth(node->aggs,
											  attno - node->nkeys - 1))
				   ->aggref;

	return makeVar(1, attno, exprType(expr), exprTypmod(expr),
				   exprCollation(expr), 0);
}

/* The range table entry of a node's output. */
static RangeTblEntry *
node_entry(const QueryNode *node)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	List *names = NIL;

	rte->rtekind = RTE_CTE;
	rte->ctename = psprintf(NODE_NAME, node->id);
	rte->inFromCl = true;

	for (int i = 1; i <= pgt_node_natts(node); i++)
	{
		Var *column = pgt_node_output(node, i);
		char *name = i <= node->nkeys ? psprintf("k%d", i) :
										psprintf("a%d", i - node->nkeys);

		names = lappend(names, makeString(name));
		rte->coltypes = lappend_oid(rte->coltypes, column->vartype);
		rte->coltypmods = lappend_int(rte->coltypmods, column->vartypmod);
		rte->colcollations = lappend_oid(rte->colcollations, column->varcollid);
	}

	rte->eref = makeAlias("node", names);
	return rte;
}

/*
 * Add a node to the normal form, or find the one that is the same.  Returns a
 * new query that reads its output, without target list.
 */
Query *
pgt_query_of_node(Normalizer *normalizer, QueryNode *node)
{
	Query *query = makeNode(Query);
	RangeTblRef *ref = makeNode(RangeTblRef);

	ref->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make1(node_entry(add_node(normalizer->form, node)));
	query->jointree = makeFromExpr(list_make1(ref), NULL);
	return query;
}

/*
 * Is the entry of a range table the output of a node?  Then *node_id is set.
 */
bool
pgt_is_node_leaf(const RangeTblEntry *rte, int *node_id)
{
	return rte->rtekind == RTE_CTE &&
		   sscanf(rte->ctename, NODE_NAME, node_id) == 1;
}

bool
pgt_is_storable(Oid type)
{
	return get_typtype(type) != TYPTYPE_PSEUDO;
}

/*
 * A clause that groups values of a type by its default equality, for the
 * target entry with sort group reference "ref"; NULL if the type has none or
 * no order (which the index on the keys needs).
 */
SortGroupClause *
pgt_group_clause(Oid type, Index ref)
{
	SortGroupClause *clause = makeNode(SortGroupClause);

	if (!pgt_is_storable(type))
		return NULL;

	get_sort_group_operators(type, false, false, false, &clause->sortop,
							 &clause->eqop, NULL, &clause->hashable);
	if (!OidIsValid(clause->sortop) || !OidIsValid(clause->eqop))
		return NULL;

	clause->tleSortGroupRef = ref;
	return clause;
}

/*
 * Why a column of this type cannot be a key: the construct and, in *detail, a
 * sentence; or NULL.
 */
const char *
pgt_key_obstacle(Oid type, const char **detail)
{
	if (pgt_group_clause(type, 0) != NULL)
		return NULL;

	*detail = "Keys need a type that can be stored and ordered.";
	return psprintf("grouping by type %s", format_type_be(type));
}

/*
 * Why a query cannot be a node, whatever its keys: the construct and, in
 * *detail, a sentence; or NULL.
 */
const char *
pgt_node_obstacle(const Query *query, const char **detail, int *location)
{
	if (!pgt_has_outer_vars(query, location))
		return NULL;

	*detail = "It is computed for each row of another table.";
	return "LATERAL";
}
