/*-------------------------------------------------------------------------
 *
 * row_references.c
 *	  What foreign keys do to the rows that refer to a table which the engine
 *	  writes row by row.
 *
 * A bag has no key by which an old row and a new one would be the same row:
 *
 *		-(1, 'a')  +(1, 'z')		delete, insert
 *
 * Who refers to the 1 refers to it afterwards, too, and must not be deleted.
 * NO ACTION, which looks when all is written, gets this right by itself.  So
 * the others are made to wait as well: CASCADE, SET NULL, SET DEFAULT and
 * RESTRICT act when all is written, and only if no row has the value then.
 *
 * ON UPDATE CASCADE follows the row, although another one may have taken its
 * value.  All that refers to a value gets the new one, so who leaves a value
 * comes before who takes it:
 *
 *		row a: 1 -> 2, row b: 2 -> 3		2 -> 3, then 1 -> 2
 *
 * There is no such order if rows swap values; then all these values are there
 * afterwards, and who refers to one of them goes on to do so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "catalog/pg_am_d.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/snapmgr.h"

#include "pg_trickle/index_keys.h"
#include "pg_trickle/row_references.h"

/* What foreign keys refer to. */
typedef struct ReferencedKey
{
	IndexKeys values;
	Bitmapset *columns; /* as the executor numbers them */
	bool on_update;		/* something acts on updates */
	bool is_taken;		/* a row has the values that were looked for last */
} ReferencedKey;

/* A row that was there. */
typedef struct Departure
{
	ItemPointerData old_tid;
	ItemPointerData new_tid; /* of an update */

	/* for one referenced key */
	bool is_taken; /* a row has its old values now */
	bool waits;	   /* for the one whose old values it has */
	int64 next;	   /* that waits for it, or -1 */
} Departure;

typedef struct Departures
{
	Departure *rows;
	int64 n;
	int64 allocated;
} Departures;

struct RowReferences
{
	RowStore *store;
	EState *estate;
	ResultRelInfo *target;
	TriggerDesc *triggers;
	TriggerDesc *firing;  /* a copy, in which those for one row are enabled */
	ReferencedKey **keys; /* of each trigger; NULL: not our concern */
	List *all_keys;
	TupleTableSlot *old; /* NULL: no row has gone so far */
	TupleTableSlot *new;
	Departures deleted;
	Departures updated;
};

static bool
acts_on_delete(const Trigger *trigger)
{
	return trigger->tgfoid == F_RI_FKEY_CASCADE_DEL ||
		   trigger->tgfoid == F_RI_FKEY_RESTRICT_DEL ||
		   trigger->tgfoid == F_RI_FKEY_SETNULL_DEL ||
		   trigger->tgfoid == F_RI_FKEY_SETDEFAULT_DEL;
}

static bool
follows_the_row(const Trigger *trigger)
{
	return trigger->tgfoid == F_RI_FKEY_CASCADE_UPD;
}

static bool
acts_on_update(const Trigger *trigger)
{
	return follows_the_row(trigger) ||
		   trigger->tgfoid == F_RI_FKEY_RESTRICT_UPD ||
		   trigger->tgfoid == F_RI_FKEY_SETNULL_UPD ||
		   trigger->tgfoid == F_RI_FKEY_SETDEFAULT_UPD;
}

/* NO ACTION does not come before what may remove the row it looks for. */
static bool
fires_on_delete(const Trigger *trigger)
{
	return acts_on_delete(trigger) ||
		   trigger->tgfoid == F_RI_FKEY_NOACTION_DEL;
}

static bool
has_actions(const TriggerDesc *desc)
{
	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		if (acts_on_delete(&desc->triggers[i]) ||
			acts_on_update(&desc->triggers[i]))
			return true;
	}

	return false;
}

/* Others are those of periods, for which there is nothing but NO ACTION. */
static bool
is_btree(Oid indexid)
{
	Relation index = index_open(indexid, AccessShareLock);
	bool result = index->rd_rel->relam == BTREE_AM_OID;

	index_close(index, NoLock);
	return result;
}

static ReferencedKey *
make_key(Oid index)
{
	ReferencedKey *key = palloc0(sizeof(ReferencedKey));

	pgt_index_keys_init(&key->values, index);
	for (int i = 0; i < key->values.n; i++)
		key->columns =
			bms_add_member(key->columns,
						   key->values.columns[i] -
							   FirstLowInvalidHeapAttributeNumber);
	return key;
}

static ReferencedKey *
find_key(RowReferences *references, Oid index)
{
	ReferencedKey *key;
	ListCell *lc;

	foreach (lc, references->all_keys)
	{
		key = lfirst(lc);
		if (key->values.index == index)
			return key;
	}

	key = make_key(index);
	references->all_keys = lappend(references->all_keys, key);
	return key;
}

/* "theirs" does without this trigger, we have it. */
static void
take_trigger(RowReferences *references, int i, TriggerDesc *theirs)
{
	Trigger *trigger = &references->firing->triggers[i];

	if (!fires_on_delete(trigger) && !acts_on_update(trigger))
		return;
	if (!is_btree(trigger->tgconstrindid))
		return;

	references->keys[i] = find_key(references, trigger->tgconstrindid);
	references->keys[i]->on_update |= acts_on_update(trigger);
	trigger->tgdeferrable = trigger->tginitdeferred = false;
	theirs->triggers[i].tgenabled = TRIGGER_DISABLED;
}

/*
 * See row_references.h.
 */
RowReferences *
pgt_row_references_begin(RowStore *store, EState *estate,
						 ResultRelInfo *target)
{
	TriggerDesc *theirs = target->ri_TrigDesc;
	RowReferences *references;

	if (!has_actions(theirs))
		return NULL;

	references = palloc0(sizeof(RowReferences));
	references->store = store;
	references->estate = estate;
	references->target = target;
	references->triggers = CopyTriggerDesc(theirs);
	references->firing = CopyTriggerDesc(theirs);
	references->keys = palloc0(theirs->numtriggers * sizeof(ReferencedKey *));
	for (int i = 0; i < theirs->numtriggers; i++)
		take_trigger(references, i, theirs);

	return references;
}

static void
note(RowReferences *references, Departures *departures, ItemPointer old_tid,
	 ItemPointer new_tid)
{
	Departure *row;

	if (departures->n == departures->allocated)
	{
		MemoryContext memory = references->estate->es_query_cxt;
		int64 allocated = Max(64, 2 * departures->allocated);
		Size size = allocated * sizeof(Departure);

		departures->rows = departures->rows == NULL ?
							   MemoryContextAllocHuge(memory, size) :
							   repalloc_huge(departures->rows, size);
		departures->allocated = allocated;
	}

	row = &departures->rows[departures->n++];
	row->old_tid = *old_tid;
	row->new_tid = *new_tid;
}

void
pgt_row_references_deleted(RowReferences *references, ItemPointer old_tid)
{
	note(references, &references->deleted, old_tid, old_tid);
}

void
pgt_row_references_updated(RowReferences *references,
						   const Bitmapset *columns, ItemPointer old_tid,
						   ItemPointer new_tid)
{
	ListCell *lc;

	foreach (lc, references->all_keys)
	{
		ReferencedKey *key = lfirst(lc);

		if (!key->on_update || !bms_overlap(key->columns, columns))
			continue;
		note(references, &references->updated, old_tid, new_tid);
		return;
	}
}

/* ---- when all is written ---- */

static void
fetch(RowReferences *references, ItemPointer tid, TupleTableSlot *row)
{
	if (!table_tuple_fetch_row_version(references->target->ri_RelationDesc,
									   tid, SnapshotAny, row))
		elog(ERROR, "could not find a row that was written");
}

/*
 * Load into "new" the row that has the values now which "old" had; false if
 * there is none.  Nobody refers to values of which one is NULL.
 */
static bool
find_holder(RowReferences *references, ReferencedKey *key)
{
	if (!pgt_index_keys_set(&key->values, references->old))
		return false;

	pgt_rowstore_lookup(references->store, key->values.index, key->values.n,
						key->values.keys);
	return pgt_rowstore_fetch(references->store, references->new);
}

static void
enable(RowReferences *references, int i, bool enabled)
{
	references->firing->triggers[i].tgenabled =
		enabled ? references->triggers->triggers[i].tgenabled :
				  TRIGGER_DISABLED;
}

static void
act_on_delete(RowReferences *references, Departure *row)
{
	ListCell *lc;

	fetch(references, &row->old_tid, references->old);
	foreach (lc, references->all_keys)
	{
		ReferencedKey *key = lfirst(lc);

		key->is_taken = find_holder(references, key);
	}

	for (int i = 0; i < references->firing->numtriggers; i++)
		enable(references, i,
			   references->keys[i] != NULL && !references->keys[i]->is_taken &&
				   fires_on_delete(&references->firing->triggers[i]));
	ExecARDeleteTriggers(references->estate, references->target,
						 &row->old_tid, NULL, NULL, false);
}

static void
act_on_update(RowReferences *references, ReferencedKey *key, Departure *row)
{
	for (int i = 0; i < references->firing->numtriggers; i++)
	{
		const Trigger *trigger = &references->firing->triggers[i];

		enable(references, i,
			   references->keys[i] == key && acts_on_update(trigger) &&
				   (follows_the_row(trigger) || !row->is_taken));
	}

	fetch(references, &row->new_tid, references->new);
	ExecARUpdateTriggers(references->estate, references->target, NULL, NULL,
						 &row->old_tid, NULL, references->new, NIL, NULL,
						 false);
}

static int
compare_departures(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) & ((const Departure *) a)->new_tid,
							  (ItemPointer) & ((const Departure *) b)->new_tid);
}

/* Who waits for a row: the one, if updated, that has its old values now. */
static void
link_update(RowReferences *references, ReferencedKey *key, Departure *row)
{
	Departures *updated = &references->updated;
	Departure wanted;
	Departure *holder;

	row->next = -1;
	fetch(references, &row->old_tid, references->old);
	row->is_taken = find_holder(references, key);
	if (!row->is_taken)
		return;

	wanted.new_tid = references->new->tts_tid;
	holder = bsearch(&wanted, updated->rows, updated->n, sizeof(Departure),
					 compare_departures);
	if (holder == NULL || holder == row)
		return;
	row->next = holder - updated->rows;
	holder->waits = true;
}

/* Values are unique, so that each row waits for one other at most. */
static void
act_on_updates(RowReferences *references, ReferencedKey *key)
{
	Departures *updated = &references->updated;

	for (int64 i = 0; i < updated->n; i++)
		updated->rows[i].waits = false;
	for (int64 i = 0; i < updated->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		link_update(references, key, &updated->rows[i]);
		ResetPerTupleExprContext(references->estate);
	}

	for (int64 i = 0; i < updated->n; i++)
	{
		if (updated->rows[i].waits)
			continue;
		for (int64 j = i; j >= 0; j = updated->rows[j].next)
		{
			CHECK_FOR_INTERRUPTS();
			act_on_update(references, key, &updated->rows[j]);
			ResetPerTupleExprContext(references->estate);
		}
	}
}

static void
act(RowReferences *references)
{
	Departures *deleted = &references->deleted;
	Departures *updated = &references->updated;
	ListCell *lc;

	for (int64 i = 0; i < deleted->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		act_on_delete(references, &deleted->rows[i]);
		ResetPerTupleExprContext(references->estate);
	}
	if (updated->n == 0)
		return;

	qsort(updated->rows, updated->n, sizeof(Departure), compare_departures);
	foreach (lc, references->all_keys)
	{
		ReferencedKey *key = lfirst(lc);

		if (key->on_update)
			act_on_updates(references, key);
	}
}

/*
 * See row_references.h.
 */
void
pgt_row_references_act(RowReferences *references)
{
	EState *estate = references->estate;
	MemoryContext caller;

	if (references->deleted.n == 0 && references->updated.n == 0)
		return;

	references->old = pgt_rowstore_slot(references->store);
	references->new = pgt_rowstore_slot(references->store);
	references->target->ri_TrigDesc = references->firing;
	caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	act(references);
	MemoryContextSwitchTo(caller);
}
