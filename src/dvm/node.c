/*-------------------------------------------------------------------------
 *
 * node.c
 *	  The change of a non-linear node: from the change of its input to that of
 *	  its output.
 *
 * The input's change is sorted by group.  A group is looked up in the state
 * table, its rows are applied, it is written, and what became of its output
 * row goes up: see node_group.c.  A group with an aggregate in doubt is put
 * aside; when all groups are through, the input is queried for those together
 * (group_recompute.c).
 *
 * Nothing here reads more than the groups that changed, except for groups in
 * doubt, whose rows are read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/node.h"

static void
receive_change(TupleTableSlot *slot, int64 weight, void *arg)
{
	pgt_zset_put(arg, slot, weight);
}

/* What is not sure about the group at hand. */
static int
group_doubt(const NodeProgram *node)
{
	int doubt = DOUBT_NONE;

	for (int i = 0; i < node->naggs; i++)
		doubt |= node->aggs[i]->doubt;
	if (node->representative != NULL && pgt_representative_is_lost(node))
		doubt |= DOUBT_REFEED;
	if (node->group_n < 0)
		doubt |= DOUBT_MISMATCH;
	return doubt;
}

/* All rows of the group at hand were applied. */
static void
end_group(NodeProgram *node)
{
	int doubt = group_doubt(node);
	bool is_gone = node->group_n == 0 && !pgt_node_is_scalar(node);

	if ((doubt & DOUBT_MISMATCH) ||
		(!node->stored && (is_gone || pgt_node_is_scalar(node))))
	{
		node->mismatch = true;
		return;
	}

	if (is_gone)
	{
		pgt_group_remove(node);
		return;
	}

	pgt_group_finish(node);
	if (doubt != DOUBT_NONE)
		pgt_group_put_aside(node, doubt);
	else
		pgt_group_write(node);
}

static void
change_group(NodeProgram *node, ZSet *change)
{
	int64 weight;
	TupleTableSlot *row = pgt_zset_next_row(change, &weight);

	if (row == NULL)
		return; /* everything in it cancelled */

	pgt_group_begin(node, row);
	for (; row != NULL; row = pgt_zset_next_row(change, &weight))
		pgt_group_apply(node, row, weight);
	end_group(node);
}

static void
change_groups(NodeProgram *node, ZSet *change)
{
	MemoryContext before = MemoryContextSwitchTo(node->agg_memory.group);

	while (!node->mismatch && pgt_zset_next_group(change))
	{
		change_group(node, change);
		MemoryContextReset(node->agg_memory.group);
	}
	MemoryContextSwitchTo(before);
}

/*
 * Run a node: apply the changes of the relations below ("deltas", complete,
 * see pgt_linear_run()) to its state, under the active snapshot.  Returns the
 * change of its output in the current memory context; *mismatch is NULL or,
 * if a row went that was not there, the name of the node, in which case
 * neither output nor state mean anything and the caller rebuilds.
 */
Delta *
pgt_node_run(NodeProgram *node, List *deltas, const char **mismatch)
{
	char *name = pgt_node_delta_name(node->query->id);
	Delta *output = pgt_delta_create(name, node->delta_desc);
	ZSet *change = pgt_zset_create(node->input_desc, node->key);

	*mismatch = NULL;
	pgt_linear_run(node->input, deltas, receive_change, change);
	if (pgt_zset_puts(change) > 0)
	{
		pgt_node_begin(node, output);
		pgt_rowstore_expect_lookups(node->store, node->key,
									pgt_zset_count_groups(change, false));
		change_groups(node, change);
		if (!node->mismatch)
			pgt_groups_recompute(node);
		pgt_node_end(node);
		if (node->mismatch)
			*mismatch = node->name;
	}

	pgt_zset_free(change);
	pfree(name);
	return output;
}

/* ---- explanation ---- */

static List *
explain(List *properties, char *name, char *value)
{
	Property *property = palloc(sizeof(Property));

	property->name = name;
	property->value = value;
	property->cost = -1;
	return lappend(properties, property);
}

/* The aggregates of a node, and how they are kept. */
static List *
explain_aggregates(List *properties, const NodeProgram *node)
{
	for (int i = 0; i < node->naggs; i++)
	{
		const Aggregate *agg = node->aggs[i];

		properties = explain(properties, psprintf("%s a%d", node->name, i + 1),
							 psprintf("%s: %s (%s)",
									  format_procedure(agg->aggref->aggfnoid),
									  agg->strategy->name,
									  agg->strategy->meaning));
	}

	return properties;
}

static bool
recomputes_groups(const NodeProgram *node)
{
	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->strategy->answer != NULL)
			return true;
	}

	return false;
}

/*
 * How the node is maintained: a list of Property, strings palloc'd.
 */
List *
pgt_node_explain(NodeProgram *node)
{
	List *properties = NIL;

	properties = explain(NIL, pstrdup(node->name), pstrdup(node->query->rule));
	properties = explain(properties, psprintf("%s state", node->name),
						 get_rel_name(node->state_relid));
	properties = explain_aggregates(properties, node);
	if (recomputes_groups(node))
	{
		Query *query = pgt_group_query(node, GROUP_ANSWERS, NULL);

		properties = explain(properties,
							 psprintf("%s recomputation", node->name),
							 pgt_query_text(query));
	}
	return properties;
}

/*
 * How a node would be maintained that does not exist.
 */
List *
pgt_node_explain_plan(const QueryNode *query)
{
	NodeProgram *node = pgt_node_plan(query, CurrentMemoryContext);
	List *properties = NIL;

	properties = explain(properties, pstrdup(node->name),
						 pstrdup(query->rule));
	return explain_aggregates(properties, node);
}
