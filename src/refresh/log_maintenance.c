/*-------------------------------------------------------------------------
 *
 * log_maintenance.c
 *	  The life of log segments: who moves them on, and when it is safe.
 *
 *		open -> closing		it has grown to pg_trickle.segment_blocks
 *		closing -> closed	no writer is left in it; its xids are known
 *		closed -> drained	every consumer has passed all its xids
 *		drained -> free		everybody's snapshot shows it drained
 *
 * It is done at the end of a refresh, by whoever gets the lock without
 * waiting; all other locks are asked for without waiting too.  What cannot be
 * done now is done at a later refresh.  The last step, which costs as much as
 * the others together, is left to a worker of the scheduler, if there is one.
 * The README argues each step.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "pg_trickle/refresh.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/wake.h"

#include "log_scan.h"

/*
 * What a refresh leaves to the scheduler: segments up to this size, and not
 * more of a log than so many.  If they become more, nobody comes for them.
 */
#define BLOCKS_TO_LEAVE 4096
#define SEGMENTS_TO_LEAVE 8

/* One step of a segment's life; returns whether it was taken. */
typedef bool (*SegmentStep)(const Source *source, Segment *segment);

static bool
of_this_era(const Segment *segment)
{
	return strcmp(segment->era, pgt_current_era()) == 0;
}

/* ---- open -> closing ---- */

/* One of another era takes no more rows. */
static bool
is_full(const Segment *segment)
{
	Relation log = table_open(segment->relid, AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(log);

	table_close(log, NoLock);
	return blocks >= (BlockNumber) pgt_segment_blocks || !of_this_era(segment);
}

static bool
roll(const Source *source, Segment *segment)
{
	if (!is_full(segment))
		return false;

	segment->state = SEGMENT_CLOSING;
	pgt_update_segment(segment);
	if (pgt_open_segment(source->track_id) == NULL)
		(void) pgt_create_segment(source);
	return true;
}

/* ---- closing -> closed ---- */

static void
widen_range(Segment *segment, FullTransactionId xid)
{
	if (!FullTransactionIdIsValid(segment->min_xid) ||
		FullTransactionIdPrecedes(xid, segment->min_xid))
		segment->min_xid = xid;
	if (!FullTransactionIdIsValid(segment->max_xid) ||
		FullTransactionIdPrecedes(segment->max_xid, xid))
		segment->max_xid = xid;
}

static bool
note_xid(const LogRow *row, void *segment)
{
	widen_range(segment, row->xid);
	return false;
}

/*
 * The range of the xids of all rows.  No writer is left, so that each row is
 * one that all will see, or nobody: a range that is too wide is not wrong,
 * and to ask which rows were rolled back would cost ten times as much.
 */
static void
find_xid_range(Segment *segment)
{
	Relation log = table_open(segment->relid, NoLock);

	pgt_scan_all_of_log(log, note_xid, segment);
	table_close(log, NoLock);
}

/*
 * SHARE conflicts with the ROW EXCLUSIVE that writers hold to their end.  It
 * is given back at once: a writer that gets in later finds that the segment
 * is not the open one and leaves.  It does not if this transaction itself
 * marked the segment a refresh ago: that is not committed yet.
 */
static bool
close_segment(const Source *source, Segment *segment)
{
	if (TransactionIdIsCurrentTransactionId(segment->xmin) ||
		!ConditionalLockRelationOid(segment->relid, ShareLock))
		return false;
	if (!pgt_segment_is_intact(segment))
	{
		UnlockRelationOid(segment->relid, ShareLock);
		return false;
	}

	find_xid_range(segment);
	UnlockRelationOid(segment->relid, ShareLock);
	segment->state = SEGMENT_CLOSED;
	pgt_update_segment(segment);
	return true;
}

/* ---- closed -> drained ---- */

/*
 * Does a stream table need nothing more of a closed segment?
 */
bool
pgt_consumer_has_passed(const StreamTable *st, const Segment *segment)
{
	EraRelation era;

	if (!pgt_has_claim(st))
		return true; /* its next fill will see all of it */
	era = pgt_frontier_era(st->frontier, segment->era);
	if (era != ERA_SAME)
		return era == ERA_DONE;

	return !FullTransactionIdIsValid(segment->min_xid) ||
		   pgt_frontier_passed(st->frontier, segment->min_xid,
							   segment->max_xid);
}

static bool
drain(const Source *source, Segment *segment)
{
	ListCell *lc;

	foreach (lc, pgt_dependents(source->relid))
	{
		Dependency *dep = lfirst(lc);
		StreamTable *st = pgt_lookup_stream_by_id(dep->pgt_id, true);

		if (st != NULL && strcmp(dep->cdc_mode, "trigger") == 0 &&
			!pgt_consumer_has_passed(st, segment))
			return false;
	}

	segment->state = SEGMENT_DRAINED;
	segment->drained_xid = GetTopFullTransactionId();
	if (!of_this_era(segment))
	{
		/* A restored log: its xids mean nothing to anybody any more. */
		segment->era = pstrdup(pgt_current_era());
		segment->min_xid = segment->max_xid = InvalidFullTransactionId;
	}
	pgt_update_segment(segment);
	return true;
}

/* ---- drained -> free ---- */

static bool
everybody_sees_drained(Relation log, const Segment *segment)
{
	TransactionId horizon = GetOldestNonRemovableTransactionId(log);

	return TransactionIdPrecedes(XidFromFullTransactionId(segment->drained_xid),
								 horizon);
}

static bool
has_blocks(Relation rel)
{
	return RelationGetNumberOfBlocks(rel) > 0;
}

static bool
has_toasted_values(Relation log)
{
	Oid relid = log->rd_rel->reltoastrelid;
	Relation toast;
	bool found;

	if (!OidIsValid(relid))
		return false;
	toast = table_open(relid, AccessShareLock);
	found = has_blocks(toast);
	table_close(toast, NoLock);
	return found;
}

/*
 * Each truncation of a file flushes WAL and looks at every shared buffer: a
 * toast table and its index are spared two of them if nothing is in them,
 * which is the rule.
 */
static void
truncate_log(Relation log)
{
	if (has_toasted_values(log))
		heap_truncate_one_rel(log);
	else if (has_blocks(log))
		table_relation_nontransactional_truncate(log);
}

/*
 * TRUNCATE is not MVCC-safe.  Here it need not be: every snapshot in the
 * database shows every consumer beyond the segment.  If this transaction
 * rolls back, the segment is still drained, and empty already.
 */
static bool
empty(const Source *source, Segment *segment)
{
	Relation log;
	bool safe;

	if (!of_this_era(segment))
	{
		/* Drained before a dump; find out again in the new xid space. */
		segment->state = SEGMENT_CLOSED;
		pgt_update_segment(segment);
		return true;
	}
	if (!ConditionalLockRelationOid(segment->relid, AccessExclusiveLock))
		return false;

	log = table_open(segment->relid, NoLock);
	safe = everybody_sees_drained(log, segment);
	if (safe)
		truncate_log(log);
	table_close(log, NoLock);
	if (!safe)
	{
		UnlockRelationOid(segment->relid, AccessExclusiveLock);
		return false;
	}

	segment->state = SEGMENT_FREE;
	segment->times_emptied++;
	pgt_update_segment(segment);
	return true;
}

static const struct
{
	SegmentState state;
	SegmentStep step;
} steps[] = {
	{SEGMENT_OPEN, roll},
	{SEGMENT_CLOSING, close_segment},
	{SEGMENT_CLOSED, drain},
	{SEGMENT_DRAINED, empty},
};

/* ---- what is left to others ---- */

static int
count_drained(List *segments)
{
	int n = 0;
	ListCell *lc;

	foreach (lc, segments)
		n += ((Segment *) lfirst(lc))->state == SEGMENT_DRAINED;
	return n;
}

/* One that cannot be locked is being emptied, as if it was left. */
static bool
is_small(const Segment *segment)
{
	BlockNumber blocks = 0;
	Relation log;

	if (!ConditionalLockRelationOid(segment->relid, AccessShareLock))
		return true;

	log = try_table_open(segment->relid, NoLock);
	if (log != NULL)
	{
		blocks = RelationGetNumberOfBlocks(log);
		table_close(log, NoLock);
	}
	UnlockRelationOid(segment->relid, AccessShareLock);
	return blocks <= BLOCKS_TO_LEAVE;
}

/*
 * To empty a segment is a flush of WAL and a look at every shared buffer, for
 * which nobody who refreshes needs to wait.
 */
static bool
is_left(const Segment *segment, bool leave)
{
	return leave && segment->state == SEGMENT_DRAINED &&
		   of_this_era(segment) && is_small(segment);
}

/* Is there anything to try?  Waits for nobody who empties a segment. */
static bool
has_work(const Source *source, List *segments, bool leave)
{
	ListCell *lc;

	foreach (lc, segments)
	{
		Segment *segment = lfirst(lc);

		if (!is_left(segment, leave) &&
			(segment->state != SEGMENT_OPEN || is_full(segment)))
			return true;
	}

	return false;
}

static void
take_step(const Source *source, Segment *segment)
{
	for (size_t i = 0; i < lengthof(steps); i++)
	{
		if (steps[i].state == segment->state)
		{
			(void) steps[i].step(source, segment);
			return;
		}
	}
}

/*
 * Each segment makes at most one step: a step relies on the former one being
 * committed, as other transactions see it.
 */
static void
maintain(const Source *source, bool leave)
{
	List *segments = pgt_live_segments(source->track_id);
	ListCell *lc;

	leave = leave && count_drained(segments) <= SEGMENTS_TO_LEAVE;
	if (!has_work(source, segments, leave) ||
		!pgt_try_lock_segments(source->track_id))
		return;

	/* Who had the lock may have changed both, the columns to be logged too. */
	source = pgt_lookup_source_by_id(source->track_id, true);
	if (source == NULL)
		return;
	segments = pgt_live_segments(source->track_id);
	pgt_limit_log(source, segments);
	foreach (lc, segments)
	{
		Segment *segment = lfirst(lc);

		if (is_left(segment, leave))
			continue;
		take_step(source, segment);
		if (is_left(segment, leave))
			pgt_wake_for(WAKE_DRAINED);
	}
}

/*
 * Move on the segments of the logs that a refresh has just read.
 */
void
pgt_maintain_logs(const Compiled *compiled)
{
	bool leave = pgt_wake_is_heard();
	ListCell *lc;

	foreach (lc, compiled->form->sources)
	{
		Source *source = pgt_lookup_source(((SourceUse *) lfirst(lc))->relid,
										   true);

		if (source != NULL)
			maintain(source, leave);
	}
}

static bool
is_restored(const Source *source)
{
	ListCell *lc;

	foreach (lc, pgt_live_segments(source->track_id))
	{
		if (!of_this_era(lfirst(lc)))
			return true;
	}

	return false;
}

/*
 * Segments of another era may still be waiting for their rows: those are left
 * to the refreshes, which know whether the restore is complete.
 */
static void
maintain_unless_busy(int64 track_id)
{
	Source *source = pgt_lookup_source_by_id(track_id, true);

	if (source == NULL ||
		!ConditionalLockRelationOid(source->relid, AccessShareLock))
		return;
	if (get_rel_name(source->relid) != NULL &&
		pgt_lookup_source_by_id(track_id, true) != NULL &&
		!is_restored(source))
		maintain(source, false);
}

/*
 * Move on the segments of all logs that nobody is at.
 */
void
pgt_maintain_all_logs(void)
{
	ListCell *lc;

	foreach (lc, pgt_all_sources())
		maintain_unless_busy(((Source *) lfirst(lc))->track_id);
}

/*
 * The same of those that have segments to be emptied.
 */
void
pgt_maintain_drained_logs(void)
{
	ListCell *lc;

	foreach (lc, pgt_drained_logs())
		maintain_unless_busy(*(int64 *) lfirst(lc));
}
