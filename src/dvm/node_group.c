/*-------------------------------------------------------------------------
 *
 * node_group.c
 *	  One group of a node: found, changed, written.
 *
 * The rows that came and went in a group lead from its stored row to a new
 * one.  For sum(amount) by region, +(north, 7) and -(north, 5):
 *
 *		begin	old		north | sum 6 | n 2
 *		apply	twice
 *		finish	new		north | sum 8 | n 2
 *		write	the state row is updated, the output gets
 *				-(north, 6) +(north, 8)
 *
 * A group whose n becomes 0 is removed, except the one of a scalar aggregate,
 * which has a result over no rows as well.
 *
 * Of keys that are equal but not identical (1.0 and 1.00), the first stand for
 * the group as long as some row has them: see representative.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "pg_trickle/node.h"

/* ---- a run ---- */

/* Forget what an error left behind: its transaction's end has closed it. */
static void
clean_up(NodeProgram *node)
{
	MemoryContextReset(node->run);
	MemoryContextReset(node->agg_memory.group);
	MemoryContextReset(node->agg_memory.row);
	for (int i = 0; i < node->naggs; i++)
	{
		node->aggs[i]->from_scratch = false;
		if (node->aggs[i]->multiset != NULL)
			pgt_multiset_forget(node->aggs[i]->multiset);
	}
}

/*
 * Start a run: the state table is opened, multisets are with their first use.
 * "output" gets the changes of the node's output; NULL: nobody needs them.
 * Error 42501 if the current user may not call an aggregate.
 */
void
pgt_node_begin(NodeProgram *node, Delta *output)
{
	MemoryContext before;

	clean_up(node);
	before = MemoryContextSwitchTo(node->run);
	for (int i = 0; i < node->naggs; i++)
		pgt_aggregate_check_access(node->aggs[i]);

	node->store = pgt_rowstore_open(node->state_relid);
	node->old = pgt_rowstore_slot(node->store);
	node->new = MakeSingleTupleTableSlot(node->state_desc, &TTSOpsVirtual);
	node->output = output;
	node->mismatch = false;
	node->doubts = NIL;
	MemoryContextSwitchTo(before);
}

/*
 * End a run.  After an error it is the next one that cleans up.
 */
void
pgt_node_end(NodeProgram *node)
{
	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->multiset != NULL)
			pgt_multiset_close(node->aggs[i]->multiset);
	}
	ExecDropSingleTupleTableSlot(node->new);
	pgt_rowstore_close(node->store);
	node->store = NULL;
	MemoryContextReset(node->agg_memory.group);
	MemoryContextReset(node->agg_memory.row);
}

/* ---- finding ---- */

/*
 * Find the stored row of the group of "row", a row of any kind whose first
 * columns are the keys.
 */
void
pgt_group_find(NodeProgram *node, TupleTableSlot *row, int64 hash)
{
	NotedRow noted = pgt_rowstore_fetch_noted(node->store, hash, row,
											  node->old);

	node->stored = noted == NOTED_ROW;
	if (noted != NOTED_NOTHING)
		return;

	node->probe.sk_argument = Int64GetDatum(hash);
	pgt_rowstore_lookup(node->store, node->state_index, 1, &node->probe);
	do
	{
		node->stored = pgt_rowstore_fetch(node->store, node->old);
	} while (node->stored && !pgt_identity_equal(node->key, node->old, row));
}

/*
 * Keep the keys of "row" in the current memory context.
 */
void
pgt_copy_keys(const NodeProgram *node, TupleTableSlot *row, GroupKey *to)
{
	slot_getsomeattrs(row, node->nkeys);
	for (int i = 0; i < node->nkeys; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(node->state_desc, i);

		to->nulls[i] = row->tts_isnull[i];
		to->values[i] = (Datum) 0;
		if (!row->tts_isnull[i])
			to->values[i] = datumCopy(row->tts_values[i], attr->attbyval,
									  attr->attlen);
	}
}

/* ---- changing ---- */

/*
 * Start on the group of "row".  What it needs is in node->agg_memory.group,
 * which the caller has made the current memory context and resets afterwards.
 */
void
pgt_group_begin(NodeProgram *node, TupleTableSlot *row)
{
	bool isnull;
	TupleTableSlot *stored = NULL;

	node->group.hash = pgt_identity_hash(node->key, row);
	pgt_group_find(node, row, node->group.hash);
	if (node->stored)
		stored = node->old;

	node->group_n = 0;
	if (stored != NULL)
		node->group_n = DatumGetInt64(slot_getattr(stored, node->n, &isnull));
	if (node->representative != NULL && stored != NULL)
		row = stored;
	pgt_copy_keys(node, row, &node->group);
	if (node->representative != NULL)
		pgt_representative_begin(node, stored);
	for (int i = 0; i < node->naggs; i++)
		pgt_aggregate_load(node->aggs[i], stored);
}

/*
 * The same for a group of which all rows will be applied.
 */
void
pgt_group_begin_anew(NodeProgram *node, TupleTableSlot *row)
{
	node->group.hash = pgt_identity_hash(node->key, row);
	pgt_copy_keys(node, row, &node->group);
	if (node->representative != NULL)
		pgt_representative_begin(node, NULL);
	node->stored = false;
	node->group_n = 0;
	for (int i = 0; i < node->naggs; i++)
		pgt_aggregate_load(node->aggs[i], NULL);
}

/*
 * A row of the node's input came or went.
 */
void
pgt_group_apply(NodeProgram *node, TupleTableSlot *row, int64 weight)
{
	CHECK_FOR_INTERRUPTS();
	node->group_n += weight;
	if (node->representative != NULL)
		pgt_representative_apply(node, row, weight);
	for (int i = 0; i < node->naggs; i++)
		pgt_aggregate_apply(node->aggs[i], row, weight);
}

/* Start with what is stored: results in doubt stay. */
static void
prefill(NodeProgram *node)
{
	TupleTableSlot *new = node->new;
	int natts = node->state_desc->natts;

	ExecClearTuple(new);
	if (node->stored)
	{
		slot_getallattrs(node->old);
		memcpy(new->tts_values, node->old->tts_values, sizeof(Datum) * natts);
		memcpy(new->tts_isnull, node->old->tts_isnull, sizeof(bool) * natts);
		return;
	}

	memset(new->tts_isnull, true, sizeof(bool) * natts);
	memset(new->tts_values, 0, sizeof(Datum) * natts);
	memcpy(new->tts_values, node->group.values, sizeof(Datum) * node->nkeys);
	memcpy(new->tts_isnull, node->group.nulls, sizeof(bool) * node->nkeys);
}

static void
set_int8(TupleTableSlot *slot, AttrNumber attno, int64 value)
{
	slot->tts_values[attno - 1] = Int64GetDatum(value);
	slot->tts_isnull[attno - 1] = false;
}

/*
 * Fill node->new with the row that the group has now; it points into the
 * memory of the group and into node->old.
 */
void
pgt_group_finish(NodeProgram *node)
{
	TupleTableSlot *new = node->new;

	prefill(node);
	for (int i = 0; i < node->naggs; i++)
		pgt_aggregate_store(node->aggs[i], new->tts_values, new->tts_isnull);
	if (node->representative != NULL)
		pgt_representative_store(node, new->tts_values, new->tts_isnull);
	set_int8(new, node->n, node->group_n);
	set_int8(new, node->hash, node->group.hash);
	ExecStoreVirtualTuple(new);
}

/* ---- writing ---- */

static void
put_output(NodeProgram *node, TupleTableSlot *row, int64 weight)
{
	if (node->output == NULL)
		return;
	slot_getsomeattrs(row, node->nvisible);
	pgt_delta_put(node->output, row->tts_values, row->tts_isnull, weight);
}

/* Columns that stay keep their stored form, toasted values above all. */
static void
keep_unchanged(NodeProgram *node, const Bitmapset *changed)
{
	slot_getallattrs(node->old);
	for (int i = 0; i < node->state_desc->natts; i++)
	{
		int column = i + 1 - FirstLowInvalidHeapAttributeNumber;

		if (!bms_is_member(column, changed))
			node->new->tts_values[i] = node->old->tts_values[i];
	}
}

static void
update_group(NodeProgram *node)
{
	Bitmapset *changed = pgt_identity_difference(node->image, node->old,
												 node->new);
	int first = bms_next_member(changed, -1);
	bool visible = first + FirstLowInvalidHeapAttributeNumber <=
				   node->nvisible;

	if (first < 0)
		return;

	keep_unchanged(node, changed);
	if (visible)
	{
		put_output(node, node->old, -1);
		put_output(node, node->new, 1);
	}
	pgt_rowstore_update(node->store, node->old, node->new);
}

/*
 * Store node->new as the row of the group; node->old is its stored row if
 * node->stored.  Only a change of keys or results is one of the output.
 */
void
pgt_group_write(NodeProgram *node)
{
	if (node->stored)
		update_group(node);
	else
	{
		put_output(node, node->new, 1);
		pgt_rowstore_insert(node->store, node->new);
	}
}

/*
 * Remove the group, which is stored.
 */
void
pgt_group_remove(NodeProgram *node)
{
	put_output(node, node->old, -1);
	pgt_rowstore_delete(node->store, node->old);
}
