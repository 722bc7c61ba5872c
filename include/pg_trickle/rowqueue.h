/*-------------------------------------------------------------------------
 *
 * rowqueue.h
 *	  Rows put aside, to be taken out later in the same order.
 *
 * A queue larger than work_mem goes to disk; a few rows cost next to nothing.
 * First all rows are put, then all are taken; pgt_rowqueue_clear() starts
 * over.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROWQUEUE_H
#define PGT_ROWQUEUE_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"

typedef struct RowQueue RowQueue;

/* In a memory context of its own, a child of the current one. */
extern RowQueue *pgt_rowqueue_create(TupleDesc desc);
extern void pgt_rowqueue_put(RowQueue *queue, TupleTableSlot *row);

/* The slot is the queue's, valid until the next call; NULL at the end. */
extern TupleTableSlot *pgt_rowqueue_get(RowQueue *queue);
extern void pgt_rowqueue_clear(RowQueue *queue);
extern void pgt_rowqueue_free(RowQueue *queue);

#endif /* PGT_ROWQUEUE_H */
