/*-------------------------------------------------------------------------
 *
 * group_recompute.c
 *	  Groups in doubt: the node's input is queried for all of them together.
 *
 * While the groups of a change go by, those in doubt are put aside, in
 * batches of the same kind of doubt and with the same keys NULL.  A batch goes
 * through one or two stages:
 *
 *		refeed	the rows of its groups are fed to the aggregates again, which
 *				start anew (an inverse function could not undo a row); and
 *				those tell which of equal keys the group may show
 *		ask		the aggregates that have no state are asked
 *
 * Each stage is one query.  Its rows come in the order of the groups in the
 * batch, so that both are read side by side and one group is in memory.
 *
 * The query sees the tables as they are now, as the state is to be.  That the
 * number of rows it finds in a group is n is checked, so that a state which
 * does not fit its input is noticed here at the latest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "pg_trickle/node.h"

/* The texts for groups of which certain keys are NULL. */
typedef struct GroupTexts
{
	Bitmapset *nulls;
	QueryText texts[GROUP_ANSWERS + 1];
} GroupTexts;

typedef struct DoubtBatch
{
	Bitmapset *nulls;
	int doubt;
	int64 ngroups;
	Tuplestorestate *rows; /* the new rows of the groups, so far */
	Delta *affected;	   /* their numbers and keys */
} DoubtBatch;

/* A batch on its way through a query. */
typedef struct Stage
{
	NodeProgram *node;
	DoubtBatch *batch;
	Tuplestorestate *next; /* what has to go on; NULL: is written */
	TupleTableSlot *row;   /* of the batch */
	int64 number;		   /* of that group; -1: none yet */
	int64 nrows;		   /* met in it */
} Stage;

/* ---- putting aside ---- */

static DoubtBatch *
make_batch(NodeProgram *node, const Bitmapset *nulls, int doubt)
{
	DoubtBatch *batch = palloc0(sizeof(DoubtBatch));

	batch->nulls = bms_copy(nulls);
	batch->doubt = doubt;
	batch->rows = tuplestore_begin_heap(false, false, work_mem);
	batch->affected = pgt_delta_create(pgt_affected_name(node),
									   pgt_affected_desc(node));
	return batch;
}

static DoubtBatch *
find_batch(NodeProgram *node, const Bitmapset *nulls, int doubt)
{
	MemoryContext before;
	DoubtBatch *batch;
	ListCell *lc;

	foreach (lc, node->doubts)
	{
		batch = lfirst(lc);
		if (batch->doubt == doubt && bms_equal(batch->nulls, nulls))
			return batch;
	}

	before = MemoryContextSwitchTo(node->run);
	batch = make_batch(node, nulls, doubt);
	node->doubts = lappend(node->doubts, batch);
	MemoryContextSwitchTo(before);
	return batch;
}

/*
 * Put the group at hand aside, of which node->new is what is known.
 */
void
pgt_group_put_aside(NodeProgram *node, int doubt)
{
	Bitmapset *nulls = NULL;
	DoubtBatch *batch;
	Datum *values = palloc(sizeof(Datum) * (node->nkeys + 1));
	bool *isnull = palloc(sizeof(bool) * (node->nkeys + 1));

	for (int i = 0; i < node->nkeys; i++)
	{
		values[i + 1] = node->group.values[i];
		isnull[i + 1] = node->group.nulls[i];
		if (node->group.nulls[i])
			nulls = bms_add_member(nulls, i);
	}

	batch = find_batch(node, nulls, doubt);
	values[0] = Int64GetDatum(batch->ngroups++);
	isnull[0] = false;
	pgt_delta_put(batch->affected, values, isnull, 1);
	tuplestore_puttupleslot(batch->rows, node->new);
}

/* ---- texts ---- */

static GroupTexts *
find_texts(NodeProgram *node, const Bitmapset *nulls)
{
	MemoryContext before;
	GroupTexts *texts;
	ListCell *lc;

	foreach (lc, node->texts)
	{
		texts = lfirst(lc);
		if (bms_equal(texts->nulls, nulls))
			return texts;
	}

	before = MemoryContextSwitchTo(node->memory);
	texts = palloc0(sizeof(GroupTexts));
	texts->nulls = bms_copy(nulls);
	node->texts = lappend(node->texts, texts);
	MemoryContextSwitchTo(before);
	return texts;
}

static QueryText *
find_text(NodeProgram *node, const Bitmapset *nulls, GroupRows rows)
{
	QueryText *text = &find_texts(node, nulls)->texts[rows];

	if (text->sql == NULL)
		pgt_make_text(text, pgt_group_query(node, rows, nulls), node->memory);
	return text;
}

/*
 * Free the saved plans of the texts of a node.
 */
void
pgt_group_texts_free(List *all)
{
	ListCell *lc;

	foreach (lc, all)
	{
		GroupTexts *texts = lfirst(lc);

		for (int i = 0; i < (int) lengthof(texts->texts); i++)
		{
			pgt_free_plan(texts->texts[i].small);
			pgt_free_plan(texts->texts[i].large);
		}
	}
}

/* ---- groups of a batch, side by side with a query ---- */

/* Outside of agg_memory.group: the slot frees a row that came from disk. */
static bool
get_row(Stage *stage)
{
	MemoryContext before = MemoryContextSwitchTo(stage->node->run);
	bool found = tuplestore_gettupleslot(stage->batch->rows, true, false,
										 stage->row);

	MemoryContextSwitchTo(before);
	return found;
}

/* Go to the next group of the batch, with nothing applied. */
static void
next_group(Stage *stage)
{
	NodeProgram *node = stage->node;
	bool isnull;

	MemoryContextReset(node->agg_memory.group);
	if (!get_row(stage))
		ereport(ERROR,
				errcode(ERRCODE_INTERNAL_ERROR),
				errmsg("group without a row in %s", node->name));
	stage->number++;
	stage->nrows = 0;

	slot_getallattrs(stage->row);
	node->group_n = DatumGetInt64(slot_getattr(stage->row, node->n, &isnull));
	node->group.hash = DatumGetInt64(slot_getattr(stage->row, node->hash,
												  &isnull));
}

/* Fill node->new with the row of the batch. */
static void
prefill(Stage *stage)
{
	TupleTableSlot *new = stage->node->new;
	int natts = stage->node->state_desc->natts;

	ExecClearTuple(new);
	memcpy(new->tts_values, stage->row->tts_values, sizeof(Datum) * natts);
	memcpy(new->tts_isnull, stage->row->tts_isnull, sizeof(bool) * natts);
	ExecStoreVirtualTuple(new);
}

/* The group is done with in this stage: node->new goes on. */
static void
leave_group(Stage *stage)
{
	NodeProgram *node = stage->node;

	if (stage->nrows != node->group_n)
		node->mismatch = true;
	else if (stage->next != NULL)
		tuplestore_puttupleslot(stage->next, node->new);
	else
	{
		pgt_group_find(node, node->new, node->group.hash);
		pgt_group_write(node);
	}
}

/* ---- the stage "refeed" ---- */

static void
begin_refeed(Stage *stage)
{
	NodeProgram *node = stage->node;

	next_group(stage);
	if (node->representative != NULL)
	{
		pgt_copy_keys(node, stage->row, &node->group);
		pgt_representative_begin(node, NULL);
	}
	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->strategy->fed)
			pgt_aggregate_load(node->aggs[i], NULL);
	}
}

static void
end_refeed(Stage *stage)
{
	NodeProgram *node = stage->node;

	if (stage->number < 0)
		return;

	prefill(stage);
	if (node->representative != NULL)
		pgt_representative_store(node, node->new->tts_values,
								 node->new->tts_isnull);
	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->strategy->fed)
			pgt_aggregate_store(node->aggs[i], node->new->tts_values,
								node->new->tts_isnull);
	}
	leave_group(stage);
}

/* Close groups and open others until group "number" is open. */
static void
refeed_up_to(Stage *stage, int64 number)
{
	while (stage->number < number)
	{
		end_refeed(stage);
		begin_refeed(stage);
	}
}

/* The row has the columns of the input and the number of its group. */
static void
receive_row(TupleTableSlot *slot, int64 weight, void *arg)
{
	Stage *stage = arg;
	NodeProgram *node = stage->node;
	AttrNumber number = node->input_desc->natts + 1;
	MemoryContext before = MemoryContextSwitchTo(node->agg_memory.group);
	bool isnull;

	refeed_up_to(stage, DatumGetInt64(slot_getattr(slot, number, &isnull)));
	stage->nrows++;
	if (node->representative != NULL)
		pgt_representative_apply(node, slot, 1);
	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->strategy->fed)
			pgt_aggregate_apply(node->aggs[i], slot, 1);
	}
	MemoryContextSwitchTo(before);
}

/* ---- the stage "ask" ---- */

static void
take_answers(Stage *stage, TupleTableSlot *slot)
{
	NodeProgram *node = stage->node;
	AttrNumber column = 2;

	for (int i = 0; i < node->naggs; i++)
	{
		Aggregate *agg = node->aggs[i];
		Datum value;
		bool isnull;

		if (agg->strategy->answer == NULL)
			continue;
		value = slot_getattr(slot, ++column, &isnull);
		pgt_aggregate_answer(agg, value, isnull);
		pgt_aggregate_store(agg, node->new->tts_values, node->new->tts_isnull);
	}
}

/* The row has the number of a group, its n, and the results. */
static void
receive_answer(TupleTableSlot *slot, int64 weight, void *arg)
{
	Stage *stage = arg;
	NodeProgram *node = stage->node;
	MemoryContext before = MemoryContextSwitchTo(node->agg_memory.group);
	bool isnull;
	int64 number = DatumGetInt64(slot_getattr(slot, 1, &isnull));

	next_group(stage);
	if (stage->number != number)
		node->mismatch = true; /* a group without rows */
	else
	{
		stage->nrows = DatumGetInt64(slot_getattr(slot, 2, &isnull));
		prefill(stage);
		take_answers(stage, slot);
		leave_group(stage);
	}
	MemoryContextSwitchTo(before);
}

/* ---- a batch ---- */

/*
 * All rows of the groups are read, and their keys may lead to far more, by an
 * index on some of them: a few groups can be worth a scan of the table.
 */
static void
run_stage(Stage *stage, GroupRows rows)
{
	NodeProgram *node = stage->node;
	QueryText *text = find_text(node, stage->batch->nulls, rows);
	List *deltas = NIL;
	bool small;

	if (!pgt_node_is_scalar(node))
		deltas = list_make1(stage->batch->affected);
	small = pgt_deltas_are_small(deltas) && !pgt_scan_is_cheaper(text, deltas);
	stage->number = -1;
	if (rows == GROUP_INPUT)
	{
		pgt_run_text(text, small, deltas, receive_row, stage);
		refeed_up_to(stage, stage->batch->ngroups - 1);
		end_refeed(stage);
	}
	else
		pgt_run_text(text, small, deltas, receive_answer, stage);

	if (stage->number != stage->batch->ngroups - 1)
		node->mismatch = true;
}

static void
recompute_batch(Stage *stage)
{
	DoubtBatch *batch = stage->batch;
	bool ask = (batch->doubt & DOUBT_QUERY) != 0;

	if (batch->doubt & DOUBT_REFEED)
	{
		stage->next = NULL;
		if (ask)
			stage->next = tuplestore_begin_heap(false, false, work_mem);
		run_stage(stage, GROUP_INPUT);
		if (ask)
		{
			tuplestore_end(batch->rows);
			batch->rows = stage->next;
		}
	}

	stage->next = NULL;
	if (ask && !stage->node->mismatch)
		run_stage(stage, GROUP_ANSWERS);
}

/*
 * Query the node's input for the groups that were put aside, and write them.
 * Sets node->mismatch if it has not as many rows of a group as the state says.
 */
void
pgt_groups_recompute(NodeProgram *node)
{
	MemoryContext before;
	Stage stage = {.node = node};
	ListCell *lc;

	if (node->doubts == NIL)
		return;

	before = MemoryContextSwitchTo(node->run);
	stage.row = MakeSingleTupleTableSlot(node->state_desc,
										 &TTSOpsMinimalTuple);
	foreach (lc, node->doubts)
	{
		stage.batch = lfirst(lc);
		if (!node->mismatch)
			recompute_batch(&stage);
		ExecClearTuple(stage.row);
		tuplestore_end(stage.batch->rows);
		pgt_delta_free(stage.batch->affected);
	}

	node->doubts = NIL;
	ExecDropSingleTupleTableSlot(stage.row);
	MemoryContextReset(node->agg_memory.group);
	MemoryContextSwitchTo(before);
}
