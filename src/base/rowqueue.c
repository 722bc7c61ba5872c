/*-------------------------------------------------------------------------
 *
 * rowqueue.c
 *	  Rows put aside, to be taken out later in the same order.
 *
 * Most queues stay empty or hold one row, so the first rows are kept in an
 * array; a tuplestore, whose bare start takes 16 kB, follows when it is full:
 *
 *		put a, b, ..., h, i, j		first: a .. h	rest: i, j
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "pg_trickle/rowqueue.h"

#define FIRST_ROWS 8

struct RowQueue
{
	MemoryContext memory; /* the queue itself */
	MemoryContext rows;	  /* the rows in first[] */
	TupleTableSlot *slot;
	MinimalTuple first[FIRST_ROWS];
	int nfirst;
	int taken;			   /* of first[] */
	Tuplestorestate *rest; /* NULL: never needed so far */
};

RowQueue *
pgt_rowqueue_create(TupleDesc desc)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle row queue",
												 ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	RowQueue *queue = palloc0(sizeof(RowQueue));

	queue->memory = memory;
	queue->rows = AllocSetContextCreate(memory, "pg_trickle queued rows",
										ALLOCSET_SMALL_SIZES);
	queue->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(desc),
										   &TTSOpsMinimalTuple);

	MemoryContextSwitchTo(old);
	return queue;
}

/*
 * Append a copy of a row.  Not allowed after the first get.
 */
void
pgt_rowqueue_put(RowQueue *queue, TupleTableSlot *row)
{
	MemoryContext old = MemoryContextSwitchTo(queue->rows);

	Assert(queue->taken == 0);

	if (queue->nfirst < FIRST_ROWS)
		queue->first[queue->nfirst++] = ExecCopySlotMinimalTuple(row);
	else
	{
		MemoryContextSwitchTo(queue->memory);
		if (queue->rest == NULL)
			queue->rest = tuplestore_begin_heap(false, false, work_mem);
		tuplestore_puttupleslot(queue->rest, row);
	}

	MemoryContextSwitchTo(old);
}

TupleTableSlot *
pgt_rowqueue_get(RowQueue *queue)
{
	MemoryContext old;
	bool found;

	if (queue->taken < queue->nfirst)
		return ExecStoreMinimalTuple(queue->first[queue->taken++],
									 queue->slot, false);

	if (queue->rest == NULL)
		return NULL;

	/* A row from disk is allocated where we are, and the slot frees it. */
	old = MemoryContextSwitchTo(queue->memory);
	found = tuplestore_gettupleslot(queue->rest, true, false, queue->slot);
	MemoryContextSwitchTo(old);
	return found ? queue->slot : NULL;
}

/*
 * Make the queue empty, ready for other rows.
 */
void
pgt_rowqueue_clear(RowQueue *queue)
{
	ExecClearTuple(queue->slot);
	MemoryContextReset(queue->rows);
	queue->nfirst = queue->taken = 0;
	if (queue->rest != NULL)
		tuplestore_clear(queue->rest);
}

void
pgt_rowqueue_free(RowQueue *queue)
{
	ExecDropSingleTupleTableSlot(queue->slot);
	if (queue->rest != NULL)
		tuplestore_end(queue->rest);
	MemoryContextDelete(queue->memory);
}
