/*-------------------------------------------------------------------------
 *
 * row_triggers.c
 *	  The triggers of a table that the engine writes row by row.
 *
 * ExecSimpleRelation*() queue AFTER ROW triggers and constraints as for any
 * statement.  Four things are different here, and all are done on a private
 * copy of the table's trigger descriptor:
 *
 * - BEFORE ROW triggers do not fire.  On a stream table they are the write
 *	 guards, which exist to refuse everybody else, and would lock each row a
 *	 second time.  (Others are refused by pgt_apply_check_table().)
 *
 * - Deferrable constraints are checked at the end of the write: a deferred
 *	 trigger cannot be queued while user code is restricted to what the owner
 *	 may do.  In the copy they are simply not deferrable.  SET CONSTRAINTS
 *	 would change the state of the user's transaction, by names that other
 *	 tables may use, too.
 *
 * - Statement triggers fire, too, once for each kind of change that there
 *	 was; all rows that a RowStore writes are one statement, and its updates
 *	 set all columns (UPDATE OF).
 *
 * - Triggers with transition tables see the rows.  ExecSimpleRelation*()
 *	 collect none, so these triggers get their events separately.
 *
 * And a row may be updated by being deleted and inserted later.  For triggers
 * and foreign keys that is one update, as it is when a row goes to another
 * partition: ON DELETE CASCADE must not happen.  So there are descriptors for
 * different moments:
 *
 *		ri_TrigDesc			during
 *		plain				ExecSimpleRelationInsert(), ...
 *		capturing			ExecARInsertTriggers(), ... (transition tables)
 *		rechecking			ExecSimpleRelation*() of a row that moves
 *		all					everything else
 *
 * Each has all triggers, since they are found by their position, but those
 * that shall not fire are disabled.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "commands/trigger.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "pg_trickle/row_triggers.h"

/* What is special about a kind of command. */
typedef struct Kind
{
	CmdType command;
	void (*before_statement)(EState *, ResultRelInfo *);
	void (*after_statement)(EState *, ResultRelInfo *,
							TransitionCaptureState *);
} Kind;

static const Kind kinds[] = {
	{CMD_INSERT, ExecBSInsertTriggers, ExecASInsertTriggers},
	{CMD_UPDATE, ExecBSUpdateTriggers, ExecASUpdateTriggers},
	{CMD_DELETE, ExecBSDeleteTriggers, ExecASDeleteTriggers},
};

#define NUM_KINDS ((int) lengthof(kinds))

struct RowTriggers
{
	EState *estate;
	ResultRelInfo *target;
	Bitmapset **updated_columns; /* where the executor looks for them */
	TriggerDesc *all;			 /* NULL: the table has no triggers */
	TriggerDesc *plain;
	TriggerDesc *capturing;	 /* NULL: no transition tables */
	TriggerDesc *rechecking; /* NULL: no row has moved so far */
	bool began[NUM_KINDS];
	TransitionCaptureState *capture[NUM_KINDS];
};

static int
kind_of(CmdType command)
{
	for (int i = 0; i < NUM_KINDS; i++)
	{
		if (kinds[i].command == command)
			return i;
	}

	elog(ERROR, "unexpected command type: %d", (int) command);
}

static void
relax(TriggerDesc *desc)
{
	desc->trig_insert_before_row = false;
	desc->trig_update_before_row = false;
	desc->trig_delete_before_row = false;

	for (int i = 0; i < desc->numtriggers; i++)
	{
		desc->triggers[i].tgdeferrable = false;
		desc->triggers[i].tginitdeferred = false;
	}
}

static bool
needs_transition_table(const Trigger *trigger)
{
	return trigger->tgoldtable != NULL || trigger->tgnewtable != NULL;
}

static bool
needs_no_transition_table(const Trigger *trigger)
{
	return !needs_transition_table(trigger);
}

/* Deferrable uniqueness, which ExecSimpleRelation*() alone can queue. */
static bool
rechecks_uniqueness(const Trigger *trigger)
{
	return trigger->tgfoid == F_UNIQUE_KEY_RECHECK;
}

/* A copy in which only the triggers of one sort fire. */
static TriggerDesc *
copy_enabled(TriggerDesc *desc, bool (*fires)(const Trigger *trigger))
{
	TriggerDesc *copy = CopyTriggerDesc(desc);

	for (int i = 0; i < copy->numtriggers; i++)
	{
		if (!fires(&copy->triggers[i]))
			copy->triggers[i].tgenabled = TRIGGER_DISABLED;
	}

	return copy;
}

RowTriggers *
pgt_row_triggers_begin(EState *estate, ResultRelInfo *target,
					   Bitmapset **updated_columns)
{
	RowTriggers *triggers = palloc0(sizeof(RowTriggers));
	TriggerDesc *all = target->ri_TrigDesc; /* a copy of the relcache's */

	triggers->estate = estate;
	triggers->target = target;
	triggers->updated_columns = updated_columns;
	if (all == NULL)
		return triggers;

	AfterTriggerBeginQuery();
	relax(all);
	triggers->all = triggers->plain = all;
	if (all->trig_insert_new_table || all->trig_delete_old_table ||
		all->trig_update_old_table || all->trig_update_new_table)
	{
		triggers->plain = copy_enabled(all, needs_no_transition_table);
		triggers->capturing = copy_enabled(all, needs_transition_table);
	}

	return triggers;
}

/* Be ready to fire statement triggers. */
static void
set_statement(RowTriggers *triggers)
{
	TupleDesc desc = RelationGetDescr(triggers->target->ri_RelationDesc);

	triggers->target->ri_TrigDesc = triggers->all;
	*triggers->updated_columns =
		bms_add_range(NULL, 1 - FirstLowInvalidHeapAttributeNumber,
					  desc->natts - FirstLowInvalidHeapAttributeNumber);
}

/* The first change of its kind. */
static void
begin_kind(RowTriggers *triggers, int kind)
{
	Oid relid = RelationGetRelid(triggers->target->ri_RelationDesc);
	MemoryContext old;

	old = MemoryContextSwitchTo(triggers->estate->es_query_cxt);
	triggers->began[kind] = true;
	set_statement(triggers);
	kinds[kind].before_statement(triggers->estate, triggers->target);

	triggers->capture[kind] =
		MakeTransitionCaptureState(triggers->all, relid, kinds[kind].command);
	MemoryContextSwitchTo(old);
}

/*
 * A row is about to be written.
 */
void
pgt_row_triggers_before(RowTriggers *triggers, CmdType command)
{
	int kind = kind_of(command);

	if (triggers->all == NULL)
		return;

	if (!triggers->began[kind])
		begin_kind(triggers, kind);
	triggers->target->ri_TrigDesc = triggers->plain;
}

/*
 * A row was written; "old" and "new" have the TIDs.
 */
void
pgt_row_triggers_after(RowTriggers *triggers, CmdType command,
					   TupleTableSlot *old, TupleTableSlot *new)
{
	EState *estate = triggers->estate;
	ResultRelInfo *target = triggers->target;
	TransitionCaptureState *capture = triggers->capture[kind_of(command)];

	if (capture == NULL)
		return;

	target->ri_TrigDesc = triggers->capturing;
	if (command == CMD_INSERT)
		ExecARInsertTriggers(estate, target, new, NIL, capture);
	else if (command == CMD_UPDATE)
		ExecARUpdateTriggers(estate, target, NULL, NULL, &old->tts_tid, NULL,
							 new, NIL, capture, false);
	else
		ExecARDeleteTriggers(estate, target, &old->tts_tid, NULL, capture,
							 false);
}

/*
 * A row is about to be deleted or inserted that moves.
 */
void
pgt_row_triggers_before_move(RowTriggers *triggers)
{
	MemoryContext old;

	pgt_row_triggers_before(triggers, CMD_UPDATE);
	if (triggers->all == NULL)
		return;

	if (triggers->rechecking == NULL)
	{
		old = MemoryContextSwitchTo(triggers->estate->es_query_cxt);
		triggers->rechecking = copy_enabled(triggers->all, rechecks_uniqueness);
		MemoryContextSwitchTo(old);
	}
	triggers->target->ri_TrigDesc = triggers->rechecking;
}

/*
 * A row has moved: it was deleted as "old" and is there again as "new".
 */
void
pgt_row_triggers_moved(RowTriggers *triggers, TupleTableSlot *old,
					   TupleTableSlot *new)
{
	triggers->target->ri_TrigDesc = triggers->all;
	ExecARUpdateTriggers(triggers->estate, triggers->target, NULL, NULL,
						 &old->tts_tid, NULL, new, NIL,
						 triggers->capture[kind_of(CMD_UPDATE)], false);
}

/*
 * Queue the statement triggers and fire all that is queued.
 */
void
pgt_row_triggers_end(RowTriggers *triggers)
{
	if (triggers->all == NULL)
		return;

	set_statement(triggers);
	for (int i = 0; i < NUM_KINDS; i++)
	{
		if (triggers->began[i])
			kinds[i].after_statement(triggers->estate, triggers->target,
									 triggers->capture[i]);
	}

	AfterTriggerEndQuery(triggers->estate);
}
