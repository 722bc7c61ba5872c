/*-------------------------------------------------------------------------
 *
 * newer_mark.c
 *	  Marks that a log got after the snapshot of a refresh was taken.
 *
 *		BEGIN ISOLATION LEVEL REPEATABLE READ;
 *		SELECT ...							N
 *											ALTER TABLE p DETACH PARTITION q
 *		refresh								p has no rows of q any more, and N
 *											does not show the mark that says so
 *
 * DDL and TRUNCATE hold for old snapshots, too.  Where N is older than the
 * locks, the logs are read for marks under a snapshot taken now; one that N
 * does not show is error 40001.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "pg_trickle/refresh.h"

static bool
is_newer_mark(TupleTableSlot *slot, const Frontier *shown)
{
	FullTransactionId xid;

	slot_getsomeattrs(slot, Natts_log_fixed);
	if (DatumGetInt16(slot->tts_values[Anum_log_weight - 1]) != 0)
		return false;

	xid = DatumGetFullTransactionId(slot->tts_values[Anum_log_xid - 1]);
	return !pgt_frontier_sees(shown, xid, 0);
}

static bool
has_newer_mark(Oid relid, const Frontier *shown)
{
	Relation log = table_open(relid, AccessShareLock);
	Snapshot now = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(log, now, 0, NULL);
	TupleTableSlot *slot = table_slot_create(log, NULL);
	bool found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		found = is_newer_mark(slot, shown);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(now);
	table_close(log, NoLock);
	return found;
}

static bool
may_have_newer_mark(const Segment *segment, const Frontier *shown)
{
	if (segment->state == SEGMENT_FREE ||
		pgt_frontier_era(shown, segment->era) != ERA_SAME ||
		!pgt_segment_is_intact(segment))
		return false;

	return segment->state == SEGMENT_OPEN ||
		   segment->state == SEGMENT_CLOSING ||
		   !pgt_frontier_passed(shown, segment->min_xid, segment->max_xid);
}

/*
 * See refresh.h.  The sources and their logs are locked, so that no more
 * marks come.
 */
void
pgt_require_no_newer_mark(const Compiled *compiled)
{
	Frontier *shown = pgt_make_frontier(PG_INT32_MAX, NIL);
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, compiled->form->sources)
	{
		Oid relid = ((SourceUse *) lfirst(lc))->relid;
		Source *source = pgt_lookup_source(relid, true);

		if (source == NULL)
			continue;
		foreach (lc2, pgt_segments(source->track_id))
		{
			Segment *segment = lfirst(lc2);

			if (may_have_newer_mark(segment, shown) &&
				has_newer_mark(segment->relid, shown))
				pgt_raise_newer(psprintf("Relation \"%s\"", get_rel_name(relid)));
		}
	}
}
