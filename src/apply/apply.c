/*-------------------------------------------------------------------------
 *
 * apply.c
 *	  Applying a Z-set to a stream table.
 *
 * A table keyed by its first column; the groups of the Z-set are its keys:
 *
 *		(a, 1) +1  (a, 9) -1	update the row of key a to (a, 1)
 *		(b, 5) +1				insert (b, 5)
 *		(c, 2) -1				delete the row of key c
 *		(d, 4) +2				the delta does not fit: two rows of key d
 *
 * In a bag each group is one image, and its weight says how many copies are
 * inserted or deleted.
 *
 * If the user has declared other columns unique, rows may swap their values:
 *
 *		(a, 1) -1  (a, 2) +1  (b, 2) -1  (b, 1) +1
 *
 * With the update of a first, there would be two rows with a 2.  So all
 * deletes go first, and a row whose unique values change is taken out with
 * them; the inserts, and the rows taken out, wait for the end.  Without such
 * columns nothing has to wait.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg_trickle/apply.h"
#include "pg_trickle/progress.h"
#include "pg_trickle/row_finder.h"
#include "pg_trickle/rowqueue.h"

typedef struct Apply
{
	const ApplyTarget *target;
	RowStore *store;
	RowFinder *finder;
	bool look_first;   /* before an insert, for a row of its key */
	RowQueue *waiting; /* for the deletes; NULL: no row has to */
	TupleTableSlot *waiting_row;
	RowIdentity *image;
	Bitmapset *unique_columns; /* whose updates are deletes and inserts */
	TupleTableSlot *new_row;   /* the change of a key */
	TupleTableSlot *old_row;
	MemoryContext scratch; /* what one group leaves */
	ApplyResult result;
} Apply;

/*
 * The groups that pgt_apply() reads: keys or images.  In the current memory
 * context.
 */
RowIdentity *
pgt_apply_identity(const ApplyTarget *target, TupleDesc desc)
{
	if (target->keyed)
		return pgt_identity_by_key(desc, target->nkeys, target->keys);
	return pgt_identity_by_image(desc, desc->natts);
}

/* A row that waits: its columns, and the place it was taken from or NULL. */
static TupleDesc
waiting_desc(TupleDesc desc)
{
	TupleDesc waiting = CreateTemplateTupleDesc(desc->natts + 1);

	for (int i = 1; i <= desc->natts; i++)
		TupleDescCopyEntry(waiting, i, desc, i);
	TupleDescInitEntry(waiting, desc->natts + 1, "old_tid", TIDOID, -1, 0);
	return waiting;
}

static Apply *
begin_apply(const ApplyTarget *target)
{
	Apply *apply = palloc0(sizeof(Apply));
	Relation rel;
	TupleDesc desc;

	apply->target = target;
	apply->store = pgt_rowstore_open(target->relid);
	apply->finder = pgt_finder_open(target, apply->store);
	rel = pgt_rowstore_relation(apply->store);
	desc = RelationGetDescr(rel);

	/* An index on a hash keeps no second row out; an empty table has none. */
	apply->look_first = target->keyed &&
						!pgt_finder_is_unique(apply->finder) &&
						RelationGetNumberOfBlocks(rel) > 0;

	if (pgt_rowstore_unique_columns(apply->store, target->index,
									&apply->unique_columns))
	{
		TupleDesc waiting = waiting_desc(desc);

		apply->waiting = pgt_rowqueue_create(waiting);
		apply->waiting_row = MakeSingleTupleTableSlot(waiting, &TTSOpsVirtual);
		apply->image = pgt_identity_by_image(desc, desc->natts);
	}

	apply->new_row = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	apply->old_row = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	apply->scratch = AllocSetContextCreate(CurrentMemoryContext,
										   "pg_trickle apply",
										   ALLOCSET_SMALL_SIZES);
	return apply;
}

static void
end_apply(Apply *apply)
{
	ExecDropSingleTupleTableSlot(apply->new_row);
	ExecDropSingleTupleTableSlot(apply->old_row);
	if (apply->waiting != NULL)
	{
		ExecDropSingleTupleTableSlot(apply->waiting_row);
		pgt_rowqueue_free(apply->waiting);
	}
	MemoryContextDelete(apply->scratch);
	pgt_rowstore_close(apply->store);
}

/* Never write a row whose columns mean something else to the table. */
static void
check_columns(Apply *apply, TupleDesc row)
{
	Relation rel = pgt_rowstore_relation(apply->store);
	TupleDesc desc = RelationGetDescr(rel);
	bool fits = row->natts == desc->natts;

	for (int i = 0; fits && i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		fits = !attr->attisdropped &&
			   attr->atttypid == TupleDescAttr(row, i)->atttypid;
	}

	if (!fits)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("cannot apply changes to stream table \"%s\"",
					   RelationGetRelationName(rel)),
				errdetail("Its columns are not those of its query."));
}

static void
insert_now(Apply *apply, TupleTableSlot *row)
{
	if (apply->look_first)
	{
		pgt_finder_search(apply->finder, row);
		if (pgt_finder_next(apply->finder) != NULL)
		{
			apply->result.mismatch = true;
			return;
		}
	}

	pgt_progress_row();
	pgt_rowstore_insert(apply->store, row);
}

/* Let slot "to" hold the first columns of the row in "from". */
static void
show_columns(TupleTableSlot *to, TupleTableSlot *from, int ncolumns)
{
	slot_getallattrs(from);
	ExecClearTuple(to);
	memcpy(to->tts_values, from->tts_values, ncolumns * sizeof(Datum));
	memcpy(to->tts_isnull, from->tts_isnull, ncolumns * sizeof(bool));
	ExecStoreVirtualTuple(to);
}

/* "old_tid" is the place that the row was taken from; NULL: it is new. */
static void
let_wait(Apply *apply, TupleTableSlot *row, ItemPointer old_tid)
{
	TupleTableSlot *waiting = apply->waiting_row;
	int natts = row->tts_tupleDescriptor->natts;

	show_columns(waiting, row, natts);
	waiting->tts_values[natts] = PointerGetDatum(old_tid);
	waiting->tts_isnull[natts] = old_tid == NULL;
	pgt_rowqueue_put(apply->waiting, waiting);
}

static void
write_waiting_row(Apply *apply, TupleTableSlot *waiting, TupleTableSlot *row)
{
	int natts = row->tts_tupleDescriptor->natts;
	ItemPointer old_tid;

	show_columns(row, waiting, natts);
	old_tid = (ItemPointer) DatumGetPointer(waiting->tts_values[natts]);
	if (waiting->tts_isnull[natts])
		insert_now(apply, row);
	else
		pgt_rowstore_put_back(apply->store, old_tid, row);
}

/* The deletes are done. */
static void
write_waiting_rows(Apply *apply)
{
	TupleDesc desc = RelationGetDescr(pgt_rowstore_relation(apply->store));
	TupleTableSlot *row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	MemoryContext old = MemoryContextSwitchTo(apply->scratch);
	TupleTableSlot *waiting;

	while (!apply->result.mismatch &&
		   (waiting = pgt_rowqueue_get(apply->waiting)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		write_waiting_row(apply, waiting, row);
		MemoryContextReset(apply->scratch);
	}

	MemoryContextSwitchTo(old);
	ExecDropSingleTupleTableSlot(row);
}

static void
insert_row(Apply *apply, TupleTableSlot *row)
{
	if (apply->waiting != NULL)
		let_wait(apply, row, NULL);
	else
		insert_now(apply, row);
	apply->result.inserted++;
}

/* Does the update change what the user has declared unique? */
static bool
moves_unique_values(Apply *apply, TupleTableSlot *old, TupleTableSlot *new)
{
	return apply->unique_columns != NULL &&
		   bms_overlap(apply->unique_columns,
					   pgt_identity_difference(apply->image, old, new));
}

static void
update_row(Apply *apply, TupleTableSlot *old, TupleTableSlot *new)
{
	pgt_progress_row();
	if (moves_unique_values(apply, old, new))
	{
		pgt_rowstore_take_out(apply->store, old);
		let_wait(apply, new, &old->tts_tid);
	}
	else
		pgt_rowstore_update(apply->store, old, new);
	apply->result.updated++;
}

static void
delete_row(Apply *apply, TupleTableSlot *old)
{
	pgt_progress_row();
	pgt_rowstore_delete(apply->store, old);
	apply->result.deleted++;
}

/*
 * Read the group of a key into new_row and old_row, each of which may stay
 * empty; false if it is not the change of one row.
 */
static bool
read_change(Apply *apply, ZSet *changes)
{
	TupleTableSlot *row;
	int64 weight;

	ExecClearTuple(apply->new_row);
	ExecClearTuple(apply->old_row);
	while ((row = pgt_zset_next_row(changes, &weight)) != NULL)
	{
		TupleTableSlot *slot = weight > 0 ? apply->new_row : apply->old_row;

		if ((weight != 1 && weight != -1) || !TupIsNull(slot))
			return false;
		ExecCopySlot(slot, row);
	}

	return true;
}

static void
apply_to_key(Apply *apply, ZSet *changes)
{
	TupleTableSlot *found;

	if (!read_change(apply, changes))
	{
		apply->result.mismatch = true;
		return;
	}

	if (TupIsNull(apply->old_row))
	{
		if (TupIsNull(apply->new_row))
			return; /* everything cancelled */
		insert_row(apply, apply->new_row);
		return;
	}

	pgt_finder_search(apply->finder, apply->old_row);
	found = pgt_finder_next(apply->finder);
	if (found == NULL)
		apply->result.mismatch = true;
	else if (TupIsNull(apply->new_row))
		delete_row(apply, found);
	else
		update_row(apply, found, apply->new_row);
}

static void
delete_copies(Apply *apply, TupleTableSlot *row, int64 copies)
{
	pgt_finder_search(apply->finder, row);
	for (; copies > 0; copies--)
	{
		TupleTableSlot *found = pgt_finder_next(apply->finder);

		CHECK_FOR_INTERRUPTS();
		if (found == NULL)
		{
			apply->result.mismatch = true;
			return;
		}
		delete_row(apply, found);
	}
}

static void
apply_to_image(Apply *apply, ZSet *changes)
{
	TupleTableSlot *row;
	int64 weight;

	while (!apply->result.mismatch &&
		   (row = pgt_zset_next_row(changes, &weight)) != NULL)
	{
		for (int64 i = 0; i < weight; i++)
		{
			CHECK_FOR_INTERRUPTS();
			insert_row(apply, row);
		}
		if (weight < 0)
			delete_copies(apply, row, -weight);
	}
}

static void
apply_group(Apply *apply, ZSet *changes)
{
	MemoryContext old = MemoryContextSwitchTo(apply->scratch);

	CHECK_FOR_INTERRUPTS();
	if (apply->target->keyed)
		apply_to_key(apply, changes);
	else
		apply_to_image(apply, changes);

	MemoryContextSwitchTo(old);
	MemoryContextReset(apply->scratch);
}

/*
 * Apply the changes to the table, in one pass over "changes".  After a
 * mismatch it has been written in part, which the caller undoes.  The caller
 * acts as the owner of the table, has locked it, and has an active snapshot.
 * Errors are those of the table's constraints and triggers, and 55000 if its
 * columns are not those of the changes.
 */
ApplyResult
pgt_apply(const ApplyTarget *target, ZSet *changes)
{
	Apply *apply = begin_apply(target);
	ApplyResult result;

	check_columns(apply, pgt_zset_desc(changes));
	if (target->keyed)
		pgt_finder_expect(apply->finder,
						  pgt_zset_count_groups(changes,
												!apply->look_first));
	while (!apply->result.mismatch && pgt_zset_next_group(changes))
		apply_group(apply, changes);
	if (apply->waiting != NULL)
		write_waiting_rows(apply);

	result = apply->result;
	end_apply(apply);
	pfree(apply);
	return result;
}
