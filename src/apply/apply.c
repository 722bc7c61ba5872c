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
 * deletes go first, and an update that changes such a column is a delete
 * first and an insert at the end.  Without such columns nothing has to wait.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg_trickle/apply.h"
#include "pg_trickle/row_finder.h"
#include "pg_trickle/rowqueue.h"

typedef struct Apply
{
	const ApplyTarget *target;
	RowStore *store;
	RowFinder *finder;
	bool look_first;   /* before an insert, for a row of its key */
	RowQueue *inserts; /* that wait for the deletes; NULL: none do */
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
		apply->inserts = pgt_rowqueue_create(desc);
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
	if (apply->inserts != NULL)
		pgt_rowqueue_free(apply->inserts);
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

	pgt_rowstore_insert(apply->store, row);
}

static void
insert_row(Apply *apply, TupleTableSlot *row)
{
	if (apply->inserts != NULL)
		pgt_rowqueue_put(apply->inserts, row);
	else
		insert_now(apply, row);
}

static void
insert_waiting_rows(Apply *apply)
{
	MemoryContext old = MemoryContextSwitchTo(apply->scratch);
	TupleTableSlot *row;

	while (!apply->result.mismatch &&
		   (row = pgt_rowqueue_get(apply->inserts)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		insert_now(apply, row);
		MemoryContextReset(apply->scratch);
	}
	MemoryContextSwitchTo(old);
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
	if (moves_unique_values(apply, old, new))
	{
		pgt_rowstore_delete(apply->store, old);
		insert_row(apply, new);
	}
	else
		pgt_rowstore_update(apply->store, old, new);
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
		apply->result.inserted++;
		return;
	}

	pgt_finder_search(apply->finder, apply->old_row);
	found = pgt_finder_next(apply->finder);
	if (found == NULL)
		apply->result.mismatch = true;
	else if (TupIsNull(apply->new_row))
	{
		pgt_rowstore_delete(apply->store, found);
		apply->result.deleted++;
	}
	else
	{
		update_row(apply, found, apply->new_row);
		apply->result.updated++;
	}
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
		pgt_rowstore_delete(apply->store, found);
		apply->result.deleted++;
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
			apply->result.inserted++;
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
 * Apply the changes to the table, in one pass over "changes".  The caller
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
	while (!apply->result.mismatch && pgt_zset_next_group(changes))
		apply_group(apply, changes);
	if (apply->inserts != NULL)
		insert_waiting_rows(apply);

	result = apply->result;
	end_apply(apply);
	pfree(apply);
	return result;
}
