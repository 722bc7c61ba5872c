/*-------------------------------------------------------------------------
 *
 * node_state.c
 *	  Rows of pgt_nodes: the internal nodes of delta programs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "pg_trickle/arrays.h"
#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"

enum
{
	Anum_id = 1,
	Anum_node_id,
	Anum_rule,
	Anum_signature,
	Anum_state_relid,
	Anum_multisets,
	Natts_nodes = Anum_multisets,
};

static void *
form_node(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	NodeState *node = palloc0(sizeof(NodeState));

	node->pgt_id = DatumGetInt64(values[Anum_id - 1]);
	node->node_id = DatumGetInt32(values[Anum_node_id - 1]);
	node->rule = TextDatumGetCString(values[Anum_rule - 1]);
	node->signature = TextDatumGetCString(values[Anum_signature - 1]);
	node->state_relid = DatumGetObjectId(values[Anum_state_relid - 1]);
	node->multisets = pgt_regclass_members(values[Anum_multisets - 1]);
	return node;
}

/*
 * The nodes of a stream table, as a list of NodeState by node_id in the
 * caller's memory context.
 */
List *
pgt_node_states(int64 pgt_id)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pgt_id));
	return pgt_scan_catalog(TABLE_NODES, INDEX_NODES, 1, &key,
							ForwardScanDirection, false, form_node);
}

/*
 * Store a node.
 */
void
pgt_insert_node_state(const NodeState *node)
{
	Datum values[Natts_nodes];
	bool nulls[Natts_nodes] = {0};

	values[Anum_id - 1] = Int64GetDatum(node->pgt_id);
	values[Anum_node_id - 1] = Int32GetDatum(node->node_id);
	values[Anum_rule - 1] = CStringGetTextDatum(node->rule);
	values[Anum_signature - 1] = CStringGetTextDatum(node->signature);
	values[Anum_state_relid - 1] = ObjectIdGetDatum(node->state_relid);
	values[Anum_multisets - 1] = pgt_regclass_array(node->multisets);
	pgt_insert_row(TABLE_NODES, values, nulls);
}

/*
 * Store what the tables of a node were made for.
 */
void
pgt_set_node_signature(const NodeState *node, const char *signature)
{
	ScanKeyData keys[2];
	Datum values[Natts_nodes];
	bool nulls[Natts_nodes] = {0};
	bool replace[Natts_nodes] = {0};

	ScanKeyInit(&keys[0], Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(node->pgt_id));
	ScanKeyInit(&keys[1], Anum_node_id, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(node->node_id));
	values[Anum_signature - 1] = CStringGetTextDatum(signature);
	replace[Anum_signature - 1] = true;
	pgt_update_row(TABLE_NODES, INDEX_NODES, 2, keys, values, nulls, replace);
}

/*
 * Forget the nodes of a stream table (its definition changes); their tables
 * are dropped by the caller.
 */
void
pgt_delete_node_states(int64 pgt_id)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pgt_id));
	pgt_delete_rows(TABLE_NODES, INDEX_NODES, 1, &key);
}
