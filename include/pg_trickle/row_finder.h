/*-------------------------------------------------------------------------
 *
 * row_finder.h
 *	  Finding the rows of a stream table that are the same as a given row.
 *
 * For src/apply only.
 *
 * Layer: apply
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROW_FINDER_H
#define PGT_ROW_FINDER_H

#include "pg_trickle/apply.h"
#include "pg_trickle/rowstore.h"

typedef struct RowFinder RowFinder;

/* In the current memory context; valid as long as "store" is open. */
extern RowFinder *pgt_finder_open(const ApplyTarget *target, RowStore *store);

/* Is it the index that keeps a second row of the same key out? */
extern bool pgt_finder_is_unique(const RowFinder *finder);

/*
 * So many searches are to come.  Only for keys, of which there is one row.
 */
extern void pgt_finder_expect(RowFinder *finder, int64 searches);

/* Look for the rows that are the same as "row"; the former search ends. */
extern void pgt_finder_search(RowFinder *finder, TupleTableSlot *row);

/*
 * The next row found, with its TID, valid until the next call; NULL at the
 * end.  "row" of the search must still be there.
 */
extern TupleTableSlot *pgt_finder_next(RowFinder *finder);

#endif /* PGT_ROW_FINDER_H */
