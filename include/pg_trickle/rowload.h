/*-------------------------------------------------------------------------
 *
 * rowload.h
 *	  Loading a table that is empty, or is to be.
 *
 * Rows get to the table in the order in which they are put.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROWLOAD_H
#define PGT_ROWLOAD_H

#include "executor/tuptable.h"

typedef struct RowLoad RowLoad;

/*
 * Start on a table without a single row, locked with ROW EXCLUSIVE; what holds
 * for pgt_rowstore_open() holds here.
 */
extern RowLoad *pgt_rowload_begin(Oid relid);

/*
 * The same with a table that may have rows: they are deleted.  A row that
 * comes back has never gone, for foreign keys that refer to it.
 */
extern RowLoad *pgt_rowload_replace(Oid relid, int64 *deleted);

/*
 * Add a row, which is copied; "row" starts with the columns of the table.
 */
extern void pgt_rowload_put(RowLoad *load, TupleTableSlot *row);

/*
 * Write what is left, bring the indexes up to date, fire the triggers.
 */
extern void pgt_rowload_end(RowLoad *load);

#endif /* PGT_ROWLOAD_H */
