/*-------------------------------------------------------------------------
 *
 * seen.c
 *	  Rows that a refresh of the same transaction saw before their capture.
 *
 * A row is captured by an AFTER trigger, some time after it was written:
 *
 *		INSERT INTO t VALUES (1), (2);	-- a user's row trigger refreshes st
 *
 *		write 1, write 2, capture 1, refresh st, capture 2
 *
 * The refresh finds 1 and 2 in t but only 1 in the log; the next one would
 * find 2 in the log and count it twice.  So each refresh leaves here, per
 * source, the command id below which it saw the transaction's own changes,
 * and a row that was written below it and is captured later is refused.
 *
 * This test is exact, and free for transactions that do not refresh.  Asking
 * first which statements are running would be neither: no trigger tells the
 * beginning and the end of what foreign keys cascade to, or of a partition's
 * part in a statement that names its parent.  pgt_capture_pending() asks all
 * the same, where the answer is certain, because a refresh that fails is
 * easier to understand than a statement that fails after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "pg_trickle/capture.h"

#include "family.h"
#include "seen.h"

typedef struct Seen
{
	int64 track_id;
	CommandId before; /* changes of commands before it were seen */
	int level;		  /* of the subtransaction that refreshed */
} Seen;

bool pgt_anything_seen = false;

/* In TopTransactionContext. */
static List *seen_list = NIL;

static Seen *
find_seen(int64 track_id, int level)
{
	ListCell *lc;

	foreach (lc, seen_list)
	{
		Seen *seen = lfirst(lc);

		if (seen->track_id == track_id && seen->level == level)
			return seen;
	}

	return NULL;
}

/*
 * A refresh has read the source and what this transaction did to it in
 * commands before "curcid" (the highest its snapshot had).  Undone with the
 * subtransaction.
 */
void
pgt_capture_seen(const Source *source, CommandId curcid)
{
	int level = GetCurrentTransactionNestLevel();
	Seen *seen = find_seen(source->track_id, level);
	MemoryContext before;

	if (seen != NULL)
	{
		seen->before = Max(seen->before, curcid);
		return;
	}

	before = MemoryContextSwitchTo(TopTransactionContext);
	seen = palloc(sizeof(Seen));
	seen->track_id = source->track_id;
	seen->before = curcid;
	seen->level = level;
	seen_list = lappend(seen_list, seen);
	pgt_anything_seen = true;
	MemoryContextSwitchTo(before);
}

/* The command that made a row what the trigger shows. */
static CommandId
writing_command(const TriggerData *trigdata)
{
	TupleTableSlot *slot = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
							   trigdata->tg_newslot :
							   trigdata->tg_trigslot;
	HeapTupleHeader tuple;

	/* Other table access methods do not tell. */
	if (!TTS_IS_BUFFERTUPLE(slot))
		return InvalidCommandId;

	tuple = ((HeapTupleTableSlot *) slot)->tuple->t_data;
	return TRIGGER_FIRED_BY_DELETE(trigdata->tg_event) ?
			   HeapTupleHeaderGetCmax(tuple) :
			   HeapTupleHeaderGetCmin(tuple);
}

/*
 * Error 55006 if a refresh saw the row that is about to be captured.
 */
void
pgt_check_not_seen(const CaptureRoute *route, const TriggerData *trigdata)
{
	CommandId written = writing_command(trigdata);
	ListCell *lc;

	foreach (lc, seen_list)
	{
		Seen *seen = lfirst(lc);

		if (seen->track_id == route->log->track_id && written < seen->before)
			ereport(ERROR,
					errcode(ERRCODE_OBJECT_IN_USE),
					errmsg("cannot refresh a stream table inside a statement that writes its source \"%s\"",
						   get_rel_name(route->source)),
					errdetail("A refresh saw rows of this statement that were not yet captured."),
					errhint("Refresh after the statement, or in an AFTER trigger FOR EACH STATEMENT."));
	}
}

/* Are AFTER triggers waiting that only a running statement can have queued? */
static bool
has_running_statement(Oid relid)
{
	Relation rel;
	const TriggerDesc *desc;
	bool deferrable = false;

	if (!AfterTriggerPendingOnRel(relid))
		return false;

	rel = relation_open(relid, NoLock);
	desc = rel->trigdesc;
	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
		deferrable |= desc->triggers[i].tgdeferrable;
	relation_close(rel, NoLock);

	return !deferrable;
}

/*
 * See capture.h.  Inside triggers the answer is left to
 * pgt_check_not_seen(): the trigger that is running waits as well.
 */
bool
pgt_capture_pending(const Source *source)
{
	ListCell *lc;

	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()) ||
		DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0)) > 0)
		return false;

	foreach (lc, pgt_family(source->relid, NoLock))
	{
		if (has_running_statement(lfirst_oid(lc)))
			return true;
	}

	return false;
}

static void
forget_all(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
	{
		seen_list = NIL;
		pgt_anything_seen = false;
	}
}

/* What a subtransaction refreshed becomes its parent's, or never happened. */
static void
hand_over(SubXactEvent event, SubTransactionId subid, SubTransactionId parent,
		  void *arg)
{
	int level = GetCurrentTransactionNestLevel();
	ListCell *lc;

	foreach (lc, seen_list)
	{
		Seen *seen = lfirst(lc);

		if (seen->level < level)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			seen->level = level - 1;
		else if (event == SUBXACT_EVENT_ABORT_SUB)
			seen_list = foreach_delete_current (seen_list, lc);
	}
}

/*
 * Register for the ends of transactions; once per backend.
 */
void
pgt_seen_init(void)
{
	RegisterXactCallback(forget_all, NULL);
	RegisterSubXactCallback(hand_over, NULL);
}
