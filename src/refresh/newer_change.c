/*-------------------------------------------------------------------------
 *
 * newer_change.c
 *	  Changes after the snapshot of a refresh that it cannot do without.
 *
 * Where N is older than the locks (REPEATABLE READ), two kinds of changes that
 * N does not show make what it does show unfit for a delta; each is error
 * 40001.  DDL and TRUNCATE hold for old snapshots, too:
 *
 *		BEGIN ISOLATION LEVEL REPEATABLE READ;
 *		SELECT ...							N
 *											ALTER TABLE p DETACH PARTITION q
 *		refresh								p has no rows of q any more, and N
 *											does not show the mark that says so
 *
 * And a key is not one: the unique check looks at rows that live now, the
 * query under N also sees the one that is gone:
 *
 *		SELECT ...							N
 *											DELETE FROM c WHERE id = 14
 *		INSERT INTO c VALUES (14)			fine
 *		refresh								c has two rows with id 14
 *
 * So the logs are read under a snapshot taken now.
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

/* What the log of a source has that matters. */
typedef struct Findings
{
	bool own_rows;	 /* of this transaction */
	bool newer_loss; /* of a row, by another transaction since N */
	bool newer_mark;
} Findings;

static void
examine(TupleTableSlot *slot, const Frontier *shown, Findings *findings)
{
	FullTransactionId xid;
	int16 weight;

	slot_getsomeattrs(slot, Natts_log_fixed);
	xid = DatumGetFullTransactionId(slot->tts_values[Anum_log_xid - 1]);
	weight = DatumGetInt16(slot->tts_values[Anum_log_weight - 1]);
	if (FullTransactionIdEquals(xid, shown->own_xid))
		findings->own_rows |= weight != 0;
	else if (weight != 1 && !pgt_frontier_sees(shown, xid, 0))
	{
		findings->newer_mark |= weight == WEIGHT_MARK;
		findings->newer_loss |= weight != WEIGHT_MARK;
	}
}

static void
examine_segment(Oid relid, const Frontier *shown, Findings *findings)
{
	Relation log = table_open(relid, AccessShareLock);
	Snapshot now = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(log, now, 0, NULL);
	TupleTableSlot *slot = table_slot_create(log, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		examine(slot, shown, findings);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(now);
	table_close(log, NoLock);
}

static bool
may_have_newer_rows(const Segment *segment, const Frontier *shown)
{
	if (pgt_frontier_era(shown, segment->era) != ERA_SAME ||
		!pgt_segment_is_intact(segment))
		return false;

	return segment->state == SEGMENT_OPEN ||
		   segment->state == SEGMENT_CLOSING ||
		   !pgt_frontier_passed(shown, segment->min_xid, segment->max_xid);
}

static bool
is_unfit(const Source *source, const Frontier *shown)
{
	Findings findings = {0};
	ListCell *lc;

	foreach (lc, pgt_live_segments(source->track_id))
	{
		Segment *segment = lfirst(lc);

		if (may_have_newer_rows(segment, shown))
			examine_segment(segment->relid, shown, &findings);
	}

	return findings.newer_mark ||
		   (findings.own_rows && findings.newer_loss);
}

/*
 * See refresh.h.  The sources and their logs are locked, so that no more
 * marks come; what this transaction has captured is flushed.
 */
void
pgt_require_no_newer_change(const Compiled *compiled)
{
	Frontier *shown = pgt_make_frontier(PG_INT32_MAX, NIL);
	ListCell *lc;

	foreach (lc, compiled->form->sources)
	{
		Oid relid = ((SourceUse *) lfirst(lc))->relid;
		Source *source = pgt_lookup_source(relid, true);

		if (source != NULL && is_unfit(source, shown))
			pgt_raise_newer(psprintf("Relation \"%s\"",
									 get_rel_name(relid)));
	}
}
