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
 * And rows that a refresh will not see, though they are gone.  The stream
 * tables of one call share the snapshot N, but what a foreign key or a trigger
 * does when the first is applied has a newer one:
 *
 *		N, others insert c and commit, apply s, which deletes c, refresh z
 *
 * The log says -c now, N does not show +c, which comes with the next refresh
 * of z.  So a row that N does not show must not go from a source that is still
 * to be read under N; who runs into that may try again.
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
#include "utils/snapmgr.h"

#include "pg_trickle/capture.h"

#include "family.h"
#include "seen.h"

typedef struct Seen
{
	int64 track_id;
	CommandId before; /* changes of commands before it were seen */
	int level;		  /* of the subtransaction that refreshed */
} Seen;

/* Sources that are still to be read under a snapshot. */
typedef struct CaptureWatch
{
	List *track_ids; /* of int64 * */
	Snapshot snapshot;
	int level; /* of the subtransaction that refreshes */
	struct CaptureWatch *outer;
} CaptureWatch;

bool pgt_anything_seen = false;

/* In TopTransactionContext. */
static CaptureWatch *watch = NULL;

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

/*
 * See capture.h.
 */
void
pgt_capture_watch(List *track_ids, Snapshot snapshot)
{
	MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);
	CaptureWatch *inner = palloc0(sizeof(CaptureWatch));
	ListCell *lc;

	foreach (lc, track_ids)
	{
		int64 *track_id = palloc(sizeof(int64));

		*track_id = *(int64 *) lfirst(lc);
		inner->track_ids = lappend(inner->track_ids, track_id);
	}
	inner->snapshot = snapshot;
	inner->level = GetCurrentTransactionNestLevel();
	inner->outer = watch;
	watch = inner;
	pgt_anything_seen = true;
	MemoryContextSwitchTo(before);
}

/*
 * See capture.h.
 */
void
pgt_capture_watch_done(void)
{
	CaptureWatch *outer = watch->outer;

	list_free_deep(watch->track_ids);
	pfree(watch);
	watch = outer;
}

/*
 * See capture.h.
 */
bool
pgt_capture_is_watching(void)
{
	return watch != NULL;
}

static bool
is_watched(const CaptureWatch *by, int64 track_id)
{
	ListCell *lc;

	foreach (lc, by->track_ids)
	{
		if (*(int64 *) lfirst(lc) == track_id)
			return true;
	}

	return false;
}

/* Error 40001 if a row that is still to be read, but is not shown, is gone. */
static void
check_shown(const CaptureRoute *route, const TriggerData *trigdata)
{
	TupleTableSlot *slot = trigdata->tg_trigslot;
	TransactionId xmin;

	if (watch == NULL || TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ||
		!TTS_IS_BUFFERTUPLE(slot))
		return;

	xmin = HeapTupleHeaderGetXmin(((HeapTupleTableSlot *) slot)->tuple->t_data);
	if (TransactionIdIsCurrentTransactionId(xmin))
		return;
	for (const CaptureWatch *by = watch; by != NULL; by = by->outer)
	{
		if (is_watched(by, route->log->track_id) &&
			XidInMVCCSnapshot(xmin, by->snapshot))
			ereport(ERROR,
					errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("could not serialize access due to concurrent update"),
					errdetail("A row of \"%s\", which the refresh has yet to read, is newer than its snapshot and has been changed by a trigger or a foreign key.",
							  get_rel_name(route->source)),
					errhint("The transaction might succeed if retried."));
	}
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
 * Error 55006 if a refresh saw the row that is about to be captured, 40001 if
 * one that is under way will miss it.
 */
void
pgt_check_not_seen(const CaptureRoute *route, const TriggerData *trigdata)
{
	CommandId written = writing_command(trigdata);
	ListCell *lc;

	check_shown(route, trigdata);
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
		watch = NULL;
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

	while (event == SUBXACT_EVENT_ABORT_SUB && watch != NULL &&
		   watch->level >= level)
		watch = watch->outer;
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
