/*-------------------------------------------------------------------------
 *
 * node_output.c
 *	  The rule for outputs of nodes: leaves, whose table is the state table of
 *	  the node.
 *
 * The columns of the output, k1.. and a1.., are the first columns of the state
 * table, so that their numbers stay.  Where a query is only explained there is
 * no such table: then the leaf stays what it is, a name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "parser/parsetree.h"
#include "storage/lockdefs.h"
#include "utils/lsyscache.h"

#include "pg_trickle/program.h"

#include "../linear_rule.h"

static bool
matches_node(const RangeTblEntry *rte)
{
	int node_id;

	return pgt_is_node_leaf(rte, &node_id);
}

/* An error of ours if the state table is not what the query takes it for. */
static void
check_columns(const RangeTblEntry *rte, Oid relid)
{
	ListCell *name;
	ListCell *type;

	forboth (name, rte->eref->colnames, type, rte->coltypes)
	{
		AttrNumber attno = foreach_current_index(name) + 1;
		char *column = get_attname(relid, attno, true);

		if (column == NULL || strcmp(column, strVal(lfirst(name))) != 0 ||
			get_atttype(relid, attno) != lfirst_oid(type))
			elog(ERROR, "column %d of state table \"%s\" is not \"%s\"",
				 attno, get_rel_name(relid), strVal(lfirst(name)));
	}
}

static RangeTblEntry *
state_table(const RangeTblEntry *rte, Oid relid)
{
	RangeTblEntry *table = makeNode(RangeTblEntry);

	check_columns(rte, relid);
	table->rtekind = RTE_RELATION;
	table->relid = relid;
	table->relkind = RELKIND_RELATION;
	table->rellockmode = AccessShareLock;
	table->inh = true;
	table->inFromCl = true;
	table->eref = copyObject(rte->eref);
	return table;
}

static AttrNumber
derive_node(Query *query, int varno, Derivation *d)
{
	ListCell *entry = list_nth_cell(query->rtable, varno - 1);
	Oid relid;
	int node_id;

	if (!pgt_is_node_leaf(lfirst(entry), &node_id))
		elog(ERROR, "entry %d is not a node", varno);
	relid = d->state_relids[node_id];
	if (OidIsValid(relid))
		lfirst(entry) = state_table(lfirst(entry), relid);

	return pgt_derive_leaf(query, varno, relid, node_id,
						   pgt_node_delta_name(node_id), d);
}

const EntryRule pgt_rule_node = {
	.name = "node",
	.matches = matches_node,
	.derive = derive_node,
};
