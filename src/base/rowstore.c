/*-------------------------------------------------------------------------
 *
 * rowstore.c
 *	  A table that the engine writes row by row.
 *
 *		store = pgt_rowstore_open(relid);
 *		slot = pgt_rowstore_slot(store);
 *		pgt_rowstore_lookup(store, index, 1, &key);
 *		while (pgt_rowstore_fetch(store, slot))
 *			pgt_rowstore_delete(store, slot);
 *		pgt_rowstore_close(store);
 *
 * This is how logical replication applies rows (worker.c): a bare executor
 * state with one result relation, and ExecSimpleRelation*().
 *
 * An index is read backwards.  Equal entries are in the order of their places
 * in the table, and while an old snapshot holds back vacuum, new versions of
 * a row go to its end: the one that lives is met first, however many dead
 * ones there are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/identity.h"
#include "pg_trickle/row_places.h"
#include "pg_trickle/row_references.h"
#include "pg_trickle/row_triggers.h"
#include "pg_trickle/rowstore.h"

struct RowStore
{
	Relation rel;
	EState *estate;
	ResultRelInfo *target;
	Bitmapset **updated_columns; /* where the executor looks for them */
	RowTriggers *triggers;
	RowReferences *references; /* NULL: no foreign key acts on others */
	RowIdentity *image;		   /* NULL: no update so far */
	TupleTableSlot *moved;	   /* NULL: no row has moved so far */
	List *slots;
	CommandId last_write; /* the command that wrote last */

	/* the present look-up, or the last one */
	Relation index; /* NULL: none so far */
	IndexScanDesc index_scan;
	TableScanDesc table_scan; /* NULL: through the index */

	/* where all rows are but those of other versions; NULL: not noted */
	RowPlaces *places;
	const RowIdentity *noted_by;
};

static ResultRelInfo *
make_target(EState *estate, Relation rel)
{
	ResultRelInfo *target = makeNode(ResultRelInfo);

	InitResultRelInfo(target, rel, 1, NULL, 0);

	/* This is where AFTER triggers look for the table. */
	estate->es_opened_result_relations =
		lappend(estate->es_opened_result_relations, target);
	ExecOpenIndices(target, false);
	return target;
}

/*
 * Open a table for writing, in a memory context of its own.
 */
RowStore *
pgt_rowstore_open(Oid relid)
{
	Relation rel = table_open(relid, RowExclusiveLock);
	EState *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	RowStore *store = palloc0(sizeof(RowStore));

	/* Rows written before must be old ones to us: see make_writable(). */
	CommandCounterIncrement();

	store->rel = rel;
	store->estate = estate;
	store->updated_columns = pgt_init_range_table(estate, rel);
	estate->es_snapshot = GetActiveSnapshot();
	estate->es_output_cid = GetCurrentCommandId(true);
	store->target = make_target(estate, rel);
	store->references = pgt_row_references_begin(store, estate, store->target);
	store->triggers = pgt_row_triggers_begin(estate, store->target,
											 store->updated_columns);
	store->last_write = InvalidCommandId;

	MemoryContextSwitchTo(old);
	return store;
}

static void
end_lookups(RowStore *store)
{
	if (store->table_scan != NULL)
		table_endscan(store->table_scan);
	store->table_scan = NULL;

	if (store->index != NULL)
	{
		index_endscan(store->index_scan);
		index_close(store->index, NoLock);
	}
	store->index = NULL;
}

/*
 * Fire the AFTER triggers and close the table, keeping its lock.
 */
void
pgt_rowstore_close(RowStore *store)
{
	ListCell *lc;

	if (store->references != NULL)
		pgt_row_references_act(store->references);
	end_lookups(store);
	foreach (lc, store->slots)
		ExecDropSingleTupleTableSlot(lfirst(lc));

	pgt_row_triggers_end(store->triggers);

	/* The indexes, and the tables that foreign keys led to. */
	ExecCloseResultRelations(store->estate);
	ExecResetTupleTable(store->estate->es_tupleTable, false);
	table_close(store->rel, NoLock);
	FreeExecutorState(store->estate);
}

Relation
pgt_rowstore_relation(RowStore *store)
{
	return store->rel;
}

/* As the executor numbers the columns in sets. */
static int
column_number(AttrNumber attno)
{
	return attno - FirstLowInvalidHeapAttributeNumber;
}

static Bitmapset *
index_columns(Bitmapset *columns, const IndexInfo *index, TupleDesc desc)
{
	for (int i = 0; i < index->ii_NumIndexKeyAttrs; i++)
	{
		AttrNumber attno = index->ii_IndexAttrNumbers[i];

		if (attno != 0)
			columns = bms_add_member(columns, column_number(attno));
	}
	pull_varattnos((Node *) index->ii_Expressions, 1, &columns);
	pull_varattnos((Node *) index->ii_Predicate, 1, &columns);

	/* The whole row stands for all columns. */
	if (bms_is_member(column_number(0), columns))
		columns = bms_add_range(columns, column_number(1),
								column_number(desc->natts));
	return columns;
}

/*
 * The columns of unique indexes and exclusion constraints, in the current
 * memory context.  An index may depend on no column at all and forbid a
 * second row, so that the answer is not just whether there are columns.
 */
bool
pgt_rowstore_unique_columns(RowStore *store, Oid except, Bitmapset **columns)
{
	ResultRelInfo *target = store->target;
	bool found = false;

	*columns = NULL;
	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		const IndexInfo *index = target->ri_IndexRelationInfo[i];

		if (!index->ii_Unique && index->ii_ExclusionOps == NULL)
			continue;
		if (RelationGetRelid(target->ri_IndexRelationDescs[i]) == except)
			continue;
		found = true;
		*columns = index_columns(*columns, index, RelationGetDescr(store->rel));
	}

	return found;
}

TupleTableSlot *
pgt_rowstore_slot(RowStore *store)
{
	MemoryContext old = MemoryContextSwitchTo(store->estate->es_query_cxt);
	TupleTableSlot *slot = table_slot_create(store->rel, NULL);

	store->slots = lappend(store->slots, slot);
	MemoryContextSwitchTo(old);
	return slot;
}

/*
 * Start a look-up.  The scan of an index is kept open from one look-up to the
 * next, so that a look-up costs no more than the way down the tree.  "keys"
 * are not needed afterwards.
 */
void
pgt_rowstore_lookup(RowStore *store, Oid index, int nkeys, ScanKey keys)
{
	MemoryContext old = MemoryContextSwitchTo(store->estate->es_query_cxt);

	if (store->table_scan != NULL || store->index == NULL ||
		RelationGetRelid(store->index) != index)
		end_lookups(store);

	if (!OidIsValid(index))
		store->table_scan = table_beginscan(store->rel, SnapshotSelf, 0, NULL);
	else
	{
		if (store->index == NULL)
		{
			store->index = index_open(index, RowExclusiveLock);
			store->index_scan = pgt_index_beginscan(store->rel, store->index,
													SnapshotSelf, nkeys);
		}
		Assert(nkeys == store->index_scan->numberOfKeys);
		index_rescan(store->index_scan, keys, nkeys, NULL, 0);
	}

	MemoryContextSwitchTo(old);
}

/*
 * The next row of the look-up, with its TID; false at the end.
 */
bool
pgt_rowstore_fetch(RowStore *store, TupleTableSlot *slot)
{
	/* A scan notes in memory of its own what it finds dead on the way. */
	MemoryContext old = MemoryContextSwitchTo(store->estate->es_query_cxt);
	bool found;

	if (store->table_scan != NULL)
		found = table_scan_getnextslot(store->table_scan,
									   ForwardScanDirection, slot);
	else
		found = index_getnext_slot(store->index_scan, BackwardScanDirection,
								   slot);

	MemoryContextSwitchTo(old);
	return found;
}

void
pgt_rowstore_expect_lookups(RowStore *store, const RowIdentity *by,
							int64 lookups)
{
	MemoryContext old = MemoryContextSwitchTo(store->estate->es_query_cxt);

	store->places = pgt_row_places_read(store->rel, by, lookups);
	store->noted_by = by;
	MemoryContextSwitchTo(old);
}

NotedRow
pgt_rowstore_fetch_noted(RowStore *store, int64 hash, TupleTableSlot *row,
						 TupleTableSlot *slot)
{
	ItemPointerData place;

	if (store->places == NULL)
		return NOTED_NOTHING;
	if (!pgt_row_places_find(store->places, hash, &place))
		return NOTED_NO_ROW;
	if (table_tuple_fetch_row_version(store->rel, &place, SnapshotSelf,
									  slot) &&
		pgt_identity_equal(store->noted_by, slot, row))
		return NOTED_ROW;
	return NOTED_NOTHING;
}

/* A row that has been inserted. */
static void
note_place(RowStore *store, TupleTableSlot *row)
{
	if (store->places != NULL)
		pgt_row_places_add(store->places,
						   pgt_identity_hash(store->noted_by, row),
						   &row->tts_tid);
}

static void
note_deleted(RowStore *store, ItemPointer old_tid)
{
	if (store->references != NULL)
		pgt_row_references_deleted(store->references, old_tid);
}

/* "updated_columns" are still those of this row. */
static void
note_updated(RowStore *store, TupleTableSlot *old, TupleTableSlot *new)
{
	if (store->references != NULL)
		pgt_row_references_updated(store->references, *store->updated_columns,
								   &old->tts_tid, &new->tts_tid);
}

/* Everything that a write leaves in memory goes with it. */
static MemoryContext
begin_write(RowStore *store, CmdType command)
{
	pgt_row_triggers_before(store->triggers, command);
	return MemoryContextSwitchTo(GetPerTupleMemoryContext(store->estate));
}

static void
written(RowStore *store, MemoryContext caller)
{
	store->last_write = GetCurrentCommandId(true);
	*store->updated_columns = NULL;
	MemoryContextSwitchTo(caller);
	ResetPerTupleExprContext(store->estate);
}

static void
end_write(RowStore *store, CmdType command, TupleTableSlot *old,
		  TupleTableSlot *new, MemoryContext caller)
{
	pgt_row_triggers_after(store->triggers, command, old, new);
	written(store, caller);
}

static MemoryContext
begin_move(RowStore *store)
{
	pgt_row_triggers_before_move(store->triggers);
	return MemoryContextSwitchTo(GetPerTupleMemoryContext(store->estate));
}

/*
 * A command cannot change a row that it wrote itself: a row of our own
 * transaction may need the next command.
 */
static void
make_writable(RowStore *store, TupleTableSlot *row)
{
	Datum xmin;
	bool isnull;

	if (store->last_write != GetCurrentCommandId(false))
		return;

	xmin = slot_getsysattr(row, MinTransactionIdAttributeNumber, &isnull);
	if (TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin)))
		CommandCounterIncrement();
}

/*
 * Insert a row; "row" may be any slot with the columns of the table.
 */
void
pgt_rowstore_insert(RowStore *store, TupleTableSlot *row)
{
	MemoryContext caller = begin_write(store, CMD_INSERT);

	ExecSimpleRelationInsert(store->target, store->estate, row);
	note_place(store, row);
	end_write(store, CMD_INSERT, NULL, row, caller);
}

/* Triggers UPDATE OF some columns fire only if one of them changes. */
static Bitmapset *
changed_columns(RowStore *store, TupleTableSlot *old, TupleTableSlot *new)
{
	if (store->image == NULL)
	{
		TupleDesc desc = RelationGetDescr(store->rel);
		MemoryContext caller;

		caller = MemoryContextSwitchTo(store->estate->es_query_cxt);
		store->image = pgt_identity_by_image(desc, desc->natts);
		MemoryContextSwitchTo(caller);
	}

	return pgt_identity_difference(store->image, old, new);
}

/*
 * Replace a row that was found by a look-up.
 */
void
pgt_rowstore_update(RowStore *store, TupleTableSlot *old, TupleTableSlot *new)
{
	MemoryContext caller;
	EPQState none = {0}; /* for BEFORE ROW triggers, which do not fire */

	make_writable(store, old);
	caller = begin_write(store, CMD_UPDATE);
	*store->updated_columns = changed_columns(store, old, new);

	ExecSimpleRelationUpdate(store->target, store->estate, &none, old, new);
	note_updated(store, old, new);
	end_write(store, CMD_UPDATE, old, new, caller);
}

/*
 * Delete a row that was found by a look-up.
 */
void
pgt_rowstore_delete(RowStore *store, TupleTableSlot *old)
{
	MemoryContext caller;
	EPQState none = {0}; /* for BEFORE ROW triggers, which do not fire */

	make_writable(store, old);
	caller = begin_write(store, CMD_DELETE);

	ExecSimpleRelationDelete(store->target, store->estate, &none, old);
	note_deleted(store, &old->tts_tid);
	end_write(store, CMD_DELETE, old, NULL, caller);
}

/*
 * Delete a row that was found by a look-up and will be put back.
 */
void
pgt_rowstore_take_out(RowStore *store, TupleTableSlot *old)
{
	MemoryContext caller;
	EPQState none = {0}; /* for BEFORE ROW triggers, which do not fire */

	make_writable(store, old);
	caller = begin_move(store);

	ExecSimpleRelationDelete(store->target, store->estate, &none, old);
	written(store, caller);
}

/* Load the row that was taken out: it is dead, but not gone. */
static void
fetch_moved(RowStore *store, ItemPointer old_tid)
{
	if (store->moved == NULL)
		store->moved = pgt_rowstore_slot(store);

	if (!table_tuple_fetch_row_version(store->rel, old_tid, SnapshotAny,
									   store->moved))
		elog(ERROR, "could not find the row that was taken out");
}

/*
 * Put back, as "new", the row that was taken out at "old_tid".
 */
void
pgt_rowstore_put_back(RowStore *store, ItemPointer old_tid,
					  TupleTableSlot *new)
{
	MemoryContext caller;

	fetch_moved(store, old_tid);
	caller = begin_move(store);
	ExecSimpleRelationInsert(store->target, store->estate, new);
	note_place(store, new);
	*store->updated_columns = changed_columns(store, store->moved, new);
	note_updated(store, store->moved, new);
	pgt_row_triggers_moved(store->triggers, store->moved, new);
	written(store, caller);
	ExecClearTuple(store->moved);
}
