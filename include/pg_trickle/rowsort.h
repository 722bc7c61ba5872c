/*-------------------------------------------------------------------------
 *
 * rowsort.h
 *	  Rows with their keys, sorted by them, in memory or on disk.
 *
 *		sort = pgt_rowsort_create();
 *		pgt_rowsort_put(sort, &keys, desc, values, nulls);  ...
 *		while ((row = pgt_rowsort_next(sort)) != NULL)
 *			...
 *		pgt_rowsort_free(sort);
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROWSORT_H
#define PGT_ROWSORT_H

#include "access/htup_details.h"
#include "executor/tuptable.h"

typedef struct RowSort RowSort;

/* A row is sorted by "group", then by "image"; the rest goes with it. */
typedef struct SortedRow
{
	int64 group;
	int64 image;
	int64 weight;
	MinimalTuple tuple;
} SortedRow;

/* In a memory context of its own, a child of the current one. */
extern RowSort *pgt_rowsort_create(void);

/* Add a row of these values, which are copied; keys->tuple is not read. */
extern void pgt_rowsort_put(RowSort *sort, const SortedRow *keys,
							TupleDesc desc, Datum *values, bool *nulls);

/*
 * The next row, NULL after the last; valid until the following call.  The
 * first call ends the putting.
 */
extern const SortedRow *pgt_rowsort_next(RowSort *sort);

/*
 * The row after that which came last, if there is one and it is in memory:
 * else NULL.
 */
extern const SortedRow *pgt_rowsort_peek(const RowSort *sort);

/*
 * Let the tuple of the row that came last be valid until it is dropped: free
 * of charge if the rows are in memory.
 */
extern MinimalTuple pgt_rowsort_keep(RowSort *sort);
extern void pgt_rowsort_drop(RowSort *sort, MinimalTuple tuple);
/*
 * How many different groups there are, or such with a negative weight; 0 if
 * they are on disk.
 */
extern int64 pgt_rowsort_count_groups(RowSort *sort, bool negative);

extern bool pgt_rowsort_is_in_memory(const RowSort *sort);
extern void pgt_rowsort_free(RowSort *sort);

#endif /* PGT_ROWSORT_H */
