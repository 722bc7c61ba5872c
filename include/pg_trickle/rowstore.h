/*-------------------------------------------------------------------------
 *
 * rowstore.h
 *	  A table that the engine writes row by row: a stream table or a state
 *	  table.
 *
 * Rows are written as logical replication apply does, so that constraints,
 * indexes, generated columns, foreign keys and row triggers work.  Rows are
 * looked up as they are now, including what was written a moment ago
 * (SnapshotSelf): nobody else writes the table while its lock is held.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROWSTORE_H
#define PGT_ROWSTORE_H

#include "access/skey.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "utils/rel.h"

#include "pg_trickle/identity.h"

typedef struct RowStore RowStore;

/*
 * Open the table with ROW EXCLUSIVE, which is held until the end of the
 * transaction; an active snapshot is needed.  Statement and AFTER triggers
 * fire (AFTER triggers at pgt_rowstore_close()) and deferrable constraints are
 * checked at pgt_rowstore_close(); BEFORE ROW triggers do not fire.  Stores of
 * tables with triggers are closed in the reverse order of their opening.  Not
 * closed on error: the transaction's end does.
 */
extern RowStore *pgt_rowstore_open(Oid relid);
extern void pgt_rowstore_close(RowStore *store);

extern Relation pgt_rowstore_relation(RowStore *store);

/*
 * Does the table have unique indexes or exclusion constraints besides index
 * "except"?  If so, "columns" are the columns that they depend on, as the
 * executor numbers them (less FirstLowInvalidHeapAttributeNumber).
 */
extern bool pgt_rowstore_unique_columns(RowStore *store, Oid except,
										Bitmapset **columns);

/* A new slot for rows of the table; dropped at close. */
extern TupleTableSlot *pgt_rowstore_slot(RowStore *store);

/*
 * Start a look-up through a btree index; "keys" are scan keys on all its
 * columns and are copied.  The index must be one of the table's.  Then fetch
 * rows one by one into "slot" until false; a new look-up ends the former.  A
 * row found stays valid until the next fetch; it may be changed at once, but
 * rows written since the look-up began may be met or not.  InvalidOid as
 * "index" reads the whole table.
 */
extern void pgt_rowstore_lookup(RowStore *store, Oid index, int nkeys,
								ScanKey keys);
extern bool pgt_rowstore_fetch(RowStore *store, TupleTableSlot *slot);

/*
 * So many look-ups are to come: if the table is small beside that, note where
 * its rows lie, by their hashes with "by" (row_places.h), which must live as
 * long as the store.
 */
extern void pgt_rowstore_expect_lookups(RowStore *store,
										const RowIdentity *by,
										int64 lookups);

/* What is known without an index of the rows that are the same as another. */
typedef enum NotedRow
{
	NOTED_NOTHING, /* ask the index */
	NOTED_NO_ROW,  /* there is none */
	NOTED_ROW,	   /* here is one */
} NotedRow;

/*
 * A row that is "by" the same as "row", whose hash is "hash".
 */
extern NotedRow pgt_rowstore_fetch_noted(RowStore *store, int64 hash,
										 TupleTableSlot *row,
										 TupleTableSlot *slot);

/* "row" and "new" may be any slots with the columns of the table. */
extern void pgt_rowstore_insert(RowStore *store, TupleTableSlot *row);
extern void pgt_rowstore_update(RowStore *store, TupleTableSlot *old,
								TupleTableSlot *new);
extern void pgt_rowstore_delete(RowStore *store, TupleTableSlot *old);

/*
 * An update in two steps, between which other rows may be written: the row
 * "old" goes, and later comes back as "new".  "old_tid" is old->tts_tid.
 */
extern void pgt_rowstore_take_out(RowStore *store, TupleTableSlot *old);
extern void pgt_rowstore_put_back(RowStore *store, ItemPointer old_tid,
								  TupleTableSlot *new);

#endif /* PGT_ROWSTORE_H */
