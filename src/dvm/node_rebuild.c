/*-------------------------------------------------------------------------
 *
 * node_rebuild.c
 *	  Making the state of a node what its input says, and checking it.
 *
 * A rebuild sorts the whole input by group, computes each group with the code
 * that a change goes through, and compares with what is stored:
 *
 *		input rows --sort--> groups --> +(north, 8) +(south, 3)
 *		stored rows                     -(north, 8) -(west, 5)
 *										-----------------------
 *		left over						+(south, 3) -(west, 5)
 *
 * Only what is left over is written: a table that was right is not touched,
 * and one that is wrong is never truncated, which a dump running at the same
 * time would see.  An empty table is filled without look-ups.
 *
 * Results that come from no rows but from a query (aggregates that are always
 * recomputed) join their group as one more row, the answer:
 *
 *		k1		argument	n		answer
 *		north	7
 *		north	1
 *		north				2		'Ann,Bob'
 *
 * Multisets come first, as Z-sets of their own, and groups read them.
 *
 * Keys that are equal but not identical, and stored, stay if a row has them.
 *
 * Checking does not use the code that it checks: the server computes all
 * aggregates by one query, which is compared with the stored results.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "pg_trickle/node.h"

typedef struct Rebuild
{
	NodeProgram *node;
	bool wants_rows; /* some aggregate is made from rows */
	bool wants_answers;
	ZSet *rows;			 /* input and answers by group */
	TupleTableSlot *row; /* to put into it */
	AttrNumber n;		 /* of an answer; results follow */
	ZSet *difference;	 /* state rows; NULL: the table is empty */
} Rebuild;

/* ---- the input by group ---- */

static TupleDesc
describe_rows(const Rebuild *rebuild)
{
	const NodeProgram *node = rebuild->node;
	int natts = node->input_desc->natts;
	TupleDesc desc = CreateTemplateTupleDesc(natts + 1 + node->naggs);

	for (int i = 0; i < natts; i++)
		TupleDescCopyEntry(desc, i + 1, node->input_desc, i + 1);
	TupleDescInitEntry(desc, natts + 1, "n", INT8OID, -1, 0);
	for (int i = 0; i < node->naggs; i++)
		TupleDescCopyEntry(desc, natts + 2 + i, node->state_desc,
						   node->aggs[i]->result);
	return desc;
}

static void
plan_rebuild(Rebuild *rebuild, NodeProgram *node)
{
	TupleDesc desc;

	rebuild->node = node;
	for (int i = 0; i < node->naggs; i++)
	{
		Aggregate *agg = node->aggs[i];

		rebuild->wants_rows |= agg->strategy->fed || agg->multiset != NULL;
		rebuild->wants_answers |= pgt_is_asked_in_rebuild(agg);
	}
	rebuild->wants_rows |= node->representative != NULL;
	rebuild->wants_answers |= !rebuild->wants_rows;

	desc = describe_rows(rebuild);
	rebuild->n = node->input_desc->natts + 1;
	rebuild->rows = pgt_zset_create(desc, node->key);
	rebuild->row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
}

static void
start_row(Rebuild *rebuild)
{
	TupleTableSlot *row = rebuild->row;

	ExecClearTuple(row);
	memset(row->tts_isnull, true,
		   sizeof(bool) * row->tts_tupleDescriptor->natts);
}

static void
copy_columns(TupleTableSlot *to, AttrNumber first, TupleTableSlot *from,
			 AttrNumber from_first, int n)
{
	slot_getsomeattrs(from, from_first + n - 1);
	memcpy(to->tts_values + first - 1, from->tts_values + from_first - 1,
		   sizeof(Datum) * n);
	memcpy(to->tts_isnull + first - 1, from->tts_isnull + from_first - 1,
		   sizeof(bool) * n);
}

/* Hand a row of the input to the multisets, too. */
static void
put_values(NodeProgram *node, TupleTableSlot *slot)
{
	for (int i = 0; i < node->naggs; i++)
	{
		Aggregate *agg = node->aggs[i];

		if (agg->multiset != NULL && pgt_aggregate_fetch(agg, slot))
			pgt_multiset_put(agg->multiset, slot, agg->values, agg->nulls);
	}
}

static void
receive_input(TupleTableSlot *slot, int64 weight, void *arg)
{
	Rebuild *rebuild = arg;

	start_row(rebuild);
	copy_columns(rebuild->row, 1, slot, 1, rebuild->node->input_desc->natts);
	ExecStoreVirtualTuple(rebuild->row);
	pgt_zset_put(rebuild->rows, rebuild->row, weight);
	put_values(rebuild->node, slot);
}

/* The row has keys, n and the results that are asked for. */
static void
receive_group(TupleTableSlot *slot, int64 weight, void *arg)
{
	Rebuild *rebuild = arg;
	NodeProgram *node = rebuild->node;
	AttrNumber column = node->nkeys + 1;

	start_row(rebuild);
	copy_columns(rebuild->row, 1, slot, 1, node->nkeys);
	copy_columns(rebuild->row, rebuild->n, slot, column, 1);
	for (int i = 0; i < node->naggs; i++)
	{
		if (pgt_is_asked_in_rebuild(node->aggs[i]))
			copy_columns(rebuild->row, rebuild->n + 1 + i, slot, ++column, 1);
	}
	ExecStoreVirtualTuple(rebuild->row);
	pgt_zset_put(rebuild->rows, rebuild->row, weight);
}

/* The text is made when it is first needed. */
static void
run_all(NodeProgram *node, QueryText *text, Query *(*make)(const NodeProgram *),
		RowReceiver receive, void *arg)
{
	if (text->sql == NULL)
		pgt_make_text(text, make(node), node->memory);
	pgt_run_text(text, false, NIL, receive, arg);
}

static Query *
answers_query(const NodeProgram *node)
{
	return pgt_all_groups_query(node, false);
}

static Query *
check_query(const NodeProgram *node)
{
	return pgt_all_groups_query(node, true);
}

static void
collect_multisets(NodeProgram *node, bool repair)
{
	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->multiset != NULL)
			pgt_multiset_collect(node->aggs[i]->multiset, repair);
	}
}

static void
settle_multisets(NodeProgram *node, ValueReport report, void *arg)
{
	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->multiset != NULL)
			pgt_multiset_settle(node->aggs[i]->multiset, report, arg);
	}
}

static void
collect(Rebuild *rebuild)
{
	NodeProgram *node = rebuild->node;

	collect_multisets(node, true);
	if (rebuild->wants_rows)
		run_all(node, &node->rows, pgt_all_rows_query, receive_input, rebuild);
	if (rebuild->wants_answers)
		run_all(node, &node->answers, answers_query, receive_group, rebuild);
	settle_multisets(node, NULL, NULL);
}

/* ---- groups ---- */

static bool
is_answer(const Rebuild *rebuild, TupleTableSlot *row)
{
	bool isnull;

	(void) slot_getattr(row, rebuild->n, &isnull);
	return !isnull;
}

static void
take_answer(Rebuild *rebuild, TupleTableSlot *row)
{
	NodeProgram *node = rebuild->node;
	bool isnull;

	if (!rebuild->wants_rows)
		node->group_n = DatumGetInt64(slot_getattr(row, rebuild->n, &isnull));
	for (int i = 0; i < node->naggs; i++)
	{
		Aggregate *agg = node->aggs[i];
		Datum value;

		if (!pgt_is_asked_in_rebuild(agg))
			continue;
		value = slot_getattr(row, rebuild->n + 1 + i, &isnull);
		pgt_aggregate_answer(agg, value, isnull);
	}
}

/* Aggregates that are asked, or read their multiset, get no rows. */
static void
take_row(Rebuild *rebuild, TupleTableSlot *row, int64 weight)
{
	NodeProgram *node = rebuild->node;

	node->group_n += weight;
	if (node->representative != NULL)
		pgt_representative_apply(node, row, weight);
	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->strategy->fed)
			pgt_aggregate_apply(node->aggs[i], row, weight);
	}
}

static void
put_new_row(Rebuild *rebuild)
{
	NodeProgram *node = rebuild->node;

	pgt_group_finish(node);
	if (rebuild->difference != NULL)
		pgt_zset_put(rebuild->difference, node->new, 1);
	else
		pgt_group_write(node);
}

/* Start with the keys that are stored, whatever those of the first row. */
static void
begin_group(Rebuild *rebuild, TupleTableSlot *row)
{
	NodeProgram *node = rebuild->node;

	if (node->representative != NULL && rebuild->difference != NULL)
	{
		pgt_group_find(node, row, pgt_identity_hash(node->key, row));
		if (node->stored)
			row = node->old;
	}
	pgt_group_begin_anew(node, row);
}

static void
rebuild_group(Rebuild *rebuild)
{
	int64 weight;
	TupleTableSlot *row = pgt_zset_next_row(rebuild->rows, &weight);

	begin_group(rebuild, row);
	for (; row != NULL; row = pgt_zset_next_row(rebuild->rows, &weight))
	{
		CHECK_FOR_INTERRUPTS();
		if (is_answer(rebuild, row))
			take_answer(rebuild, row);
		else
			take_row(rebuild, row, weight);
	}
	put_new_row(rebuild);
}

/* A scalar aggregate over no rows: there was no row to start with. */
static void
rebuild_empty_group(Rebuild *rebuild)
{
	start_row(rebuild);
	ExecStoreVirtualTuple(rebuild->row);
	pgt_group_begin_anew(rebuild->node, rebuild->row);
	put_new_row(rebuild);
}

static void
set_from_scratch(NodeProgram *node, bool from_scratch)
{
	for (int i = 0; i < node->naggs; i++)
		node->aggs[i]->from_scratch = from_scratch;
}

static void
rebuild_groups(Rebuild *rebuild)
{
	NodeProgram *node = rebuild->node;
	MemoryContext before = MemoryContextSwitchTo(node->agg_memory.group);
	bool any = false;

	set_from_scratch(node, true);
	while (pgt_zset_next_group(rebuild->rows))
	{
		CHECK_FOR_INTERRUPTS();
		rebuild_group(rebuild);
		MemoryContextReset(node->agg_memory.group);
		any = true;
	}
	if (!any && pgt_node_is_scalar(node))
		rebuild_empty_group(rebuild);
	set_from_scratch(node, false);
	MemoryContextSwitchTo(before);
}

/* ---- the difference to what is stored ---- */

/* Put the stored rows with the opposite sign, if there are any. */
static void
put_stored(Rebuild *rebuild)
{
	NodeProgram *node = rebuild->node;

	pgt_rowstore_lookup(node->store, InvalidOid, 0, NULL);
	while (pgt_rowstore_fetch(node->store, node->old))
	{
		CHECK_FOR_INTERRUPTS();
		if (rebuild->difference == NULL)
			rebuild->difference = pgt_zset_create(node->state_desc, node->key);
		pgt_zset_put(rebuild->difference, node->old, -1);
	}
}

/* Find a stored row by the hash that it was stored with. */
static void
find_stored(NodeProgram *node, TupleTableSlot *row)
{
	bool isnull;

	pgt_group_find(node, row,
				   DatumGetInt64(slot_getattr(row, node->hash, &isnull)));
}

/*
 * Write a group of the difference: its new row, which comes first, replaces
 * the stored one.  A stored row without a new one is removed.
 */
static void
correct_group(Rebuild *rebuild)
{
	NodeProgram *node = rebuild->node;
	TupleTableSlot *row;
	int64 weight;
	bool to_write = false;

	while ((row = pgt_zset_next_row(rebuild->difference, &weight)) != NULL)
	{
		if (weight > 0)
		{
			ExecCopySlot(node->new, row);
			to_write = true;
			continue;
		}

		find_stored(node, row);
		if (node->stored && to_write)
			pgt_group_write(node);
		else if (node->stored)
			pgt_group_remove(node);
		to_write &= !node->stored;
	}

	node->stored = false;
	if (to_write)
		pgt_group_write(node);
}

static void
write_difference(Rebuild *rebuild)
{
	NodeProgram *node = rebuild->node;
	MemoryContext before = MemoryContextSwitchTo(node->agg_memory.group);

	while (pgt_zset_next_group(rebuild->difference))
	{
		CHECK_FOR_INTERRUPTS();
		correct_group(rebuild);
		MemoryContextReset(node->agg_memory.group);
	}
	pgt_zset_free(rebuild->difference);
	MemoryContextSwitchTo(before);
}

/*
 * Make the state of a node what its input under the active snapshot says.
 */
void
pgt_node_rebuild(NodeProgram *node)
{
	Rebuild rebuild = {0};
	MemoryContext before;

	pgt_node_begin(node, NULL);
	before = MemoryContextSwitchTo(node->run);
	plan_rebuild(&rebuild, node);
	collect(&rebuild);
	put_stored(&rebuild);
	rebuild_groups(&rebuild);
	if (rebuild.difference != NULL)
		write_difference(&rebuild);

	ExecDropSingleTupleTableSlot(rebuild.row);
	pgt_zset_free(rebuild.rows);
	MemoryContextSwitchTo(before);
	pgt_node_end(node);
}

/* ---- checking ---- */

typedef struct Check
{
	NodeProgram *node;
	ZSet *rows; /* keys, results, n: computed and stored */
	ZSet *keys; /* those of the input, less those stored; NULL: no need */
	TupleTableSlot *row;
	TupleTableSlot *first; /* of a group */
	RowIdentity *equal;	   /* by the columns that have an "=" */
	Bitmapset *by_image;   /* the others */
	StateDifference report;
	void *arg;
} Check;

/* Which columns can be compared by "="? */
static void
plan_comparison(Check *check)
{
	TupleDesc desc = check->row->tts_tupleDescriptor;
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * desc->natts);
	int n = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Oid type = TupleDescAttr(desc, i)->atttypid;

		if (OidIsValid(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr))
			attnos[n++] = i + 1;
		else
			check->by_image = bms_add_member(check->by_image, i);
	}
	check->equal = pgt_identity_by_key(desc, n, attnos);
}

static TupleDesc
key_columns(const NodeProgram *node)
{
	TupleDesc desc = CreateTemplateTupleDesc(node->nkeys);

	for (int i = 0; i < node->nkeys; i++)
		TupleDescCopyEntry(desc, i + 1, node->state_desc, i + 1);
	return desc;
}

/* Keys, results and n are the first columns of the state table. */
static void
plan_check(Check *check, NodeProgram *node)
{
	TupleDesc desc = CreateTemplateTupleDesc(node->n);

	for (int i = 0; i < node->n; i++)
		TupleDescCopyEntry(desc, i + 1, node->state_desc, i + 1);
	check->node = node;
	check->rows = pgt_zset_create(desc, node->key);
	check->row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	check->first = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	if (node->representative != NULL)
		check->keys = pgt_zset_create(key_columns(node), node->key);
	plan_comparison(check);
}

static void
put_visible(Check *check, TupleTableSlot *slot, int64 weight)
{
	ExecClearTuple(check->row);
	copy_columns(check->row, 1, slot, 1, check->node->n);
	ExecStoreVirtualTuple(check->row);
	pgt_zset_put(check->rows, check->row, weight);
}

static void
receive_computed(TupleTableSlot *slot, int64 weight, void *arg)
{
	put_visible(arg, slot, weight);
}

static void
collect_stored(Check *check)
{
	NodeProgram *node = check->node;

	pgt_rowstore_lookup(node->store, InvalidOid, 0, NULL);
	while (pgt_rowstore_fetch(node->store, node->old))
	{
		CHECK_FOR_INTERRUPTS();
		put_visible(check, node->old, -1);
		if (check->keys != NULL)
			pgt_zset_put(check->keys, node->old, -1);
	}
}

static void
receive_values(TupleTableSlot *slot, int64 weight, void *arg)
{
	Check *check = arg;

	put_values(check->node, slot);
	if (check->keys != NULL)
		pgt_zset_put(check->keys, slot, weight);
}

static void
report_value(TupleTableSlot *row, int64 weight, void *arg)
{
	Check *check = arg;

	check->report(check->node->query->id, row, weight, check->arg);
}

/*
 * A group must show keys that a row has: those of others, which come first,
 * are missing then.  A group without rows is reported already.
 */
static void
check_keys(Check *check, TupleTableSlot *other)
{
	TupleTableSlot *row;
	int64 weight;

	ExecClearTuple(other);
	while ((row = pgt_zset_next_row(check->keys, &weight)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (weight > 0)
			ExecCopySlot(other, row);
		else if (!TTS_EMPTY(other))
		{
			report_value(other, 1, check);
			report_value(row, -1, check);
		}
	}
}

static void
check_all_keys(Check *check)
{
	TupleTableSlot *other;

	other = MakeSingleTupleTableSlot(pgt_zset_desc(check->keys),
									 &TTSOpsMinimalTuple);
	while (pgt_zset_next_group(check->keys))
		check_keys(check, other);
	ExecDropSingleTupleTableSlot(other);
	pgt_zset_free(check->keys);
}

/* What has to be compared with each row: multisets, and shown keys. */
static void
check_rows(Check *check)
{
	NodeProgram *node = check->node;
	bool any = check->keys != NULL;

	for (int i = 0; i < node->naggs; i++)
		any |= node->aggs[i]->multiset != NULL;
	if (!any)
		return;

	collect_multisets(node, false);
	run_all(node, &node->rows, pgt_all_rows_query, receive_values, check);
	settle_multisets(node, report_value, check);
	if (check->keys != NULL)
		check_all_keys(check);
}

static bool
is_same(Check *check, TupleTableSlot *a, TupleTableSlot *b)
{
	TupleDesc desc = a->tts_tupleDescriptor;
	int i = -1;

	slot_getallattrs(a);
	slot_getallattrs(b);
	while ((i = bms_next_member(check->by_image, i)) >= 0)
	{
		if (a->tts_isnull[i] != b->tts_isnull[i])
			return false;
		if (!a->tts_isnull[i] &&
			!pgt_datum_image_equal(a->tts_values[i], b->tts_values[i],
								   TupleDescAttr(desc, i)->atttypid))
			return false;
	}
	return pgt_identity_equal(check->equal, a, b);
}

/*
 * A group of which something is left: computed and stored row are equal but
 * not identical, or they differ, or one is missing.
 */
static void
check_group(Check *check)
{
	int node_id = check->node->query->id;
	int64 weight;
	int64 first_weight;
	TupleTableSlot *row = pgt_zset_next_row(check->rows, &first_weight);

	if (row == NULL)
		return;
	ExecCopySlot(check->first, row);
	row = pgt_zset_next_row(check->rows, &weight);
	if (row != NULL && first_weight == 1 && weight == -1 &&
		is_same(check, check->first, row))
		row = pgt_zset_next_row(check->rows, &weight);
	else
		check->report(node_id, check->first, first_weight, check->arg);

	for (; row != NULL; row = pgt_zset_next_row(check->rows, &weight))
		check->report(node_id, row, weight, check->arg);
}

/*
 * Compare the state of a node with its input under the active snapshot, and
 * hand each difference to "report": rows of keys, results and n, weight 1 for
 * what should be stored and -1 for what is; values in a multiset with what
 * their n is short of.  Nothing is written.
 */
void
pgt_node_compare(NodeProgram *node, StateDifference report, void *arg)
{
	Check check = {.report = report, .arg = arg};
	MemoryContext before;

	pgt_node_begin(node, NULL);
	before = MemoryContextSwitchTo(node->run);
	plan_check(&check, node);
	run_all(node, &node->check, check_query, receive_computed, &check);
	collect_stored(&check);
	while (pgt_zset_next_group(check.rows))
		check_group(&check);
	check_rows(&check);

	ExecDropSingleTupleTableSlot(check.row);
	ExecDropSingleTupleTableSlot(check.first);
	pgt_zset_free(check.rows);
	MemoryContextSwitchTo(before);
	pgt_node_end(node);
}
