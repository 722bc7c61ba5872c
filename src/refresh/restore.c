/*-------------------------------------------------------------------------
 *
 * restore.c
 *	  The first refresh in a restored database.
 *
 * A restore creates tables, then loads them (in any order, in parallel), then
 * adds triggers, indexes and constraints.  A refresh in between would take a
 * half-loaded log for the changes, or write what the restore is about to
 * load.  Each part therefore has something that comes after its data: it is
 * refreshed when all of them are there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/refresh.h"

static bool
has_index(Oid relid)
{
	Relation rel = table_open(relid, AccessShareLock);
	bool result = rel->rd_rel->relhasindex;

	table_close(rel, NoLock);
	return result;
}

static bool
has_restore_mark(Oid relid)
{
	Relation rel = table_open(relid, AccessShareLock);
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	bool result = constr != NULL && constr->num_check > 0;

	table_close(rel, NoLock);
	return result;
}

static const char *
missing_in_nodes(const StreamTable *st)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, pgt_node_states(st->pgt_id))
	{
		NodeState *node = lfirst(lc);

		if (!has_index(node->state_relid))
			return get_rel_name(node->state_relid);
		foreach (lc2, node->multisets)
		{
			Oid relid = lfirst_oid(lc2);

			if (OidIsValid(relid) && !has_index(relid))
				return get_rel_name(relid);
		}
	}

	return NULL;
}

static const char *
missing_in_logs(const Compiled *compiled)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, compiled->form->sources)
	{
		Source *source = pgt_lookup_source(((SourceUse *) lfirst(lc))->relid,
										   true);
		char *gap = source == NULL ? NULL : pgt_capture_gap(source);

		if (gap != NULL)
			return gap;
		foreach (lc2, source == NULL ? NIL : pgt_segments(source->track_id))
		{
			Segment *segment = lfirst(lc2);

			if (!has_restore_mark(segment->relid))
				return get_rel_name(segment->relid);
		}
	}

	return NULL;
}

static bool
has_other_eras(const Compiled *compiled)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, compiled->form->sources)
	{
		Source *source = pgt_lookup_source(((SourceUse *) lfirst(lc))->relid,
										   true);

		foreach (lc2, source == NULL ? NIL : pgt_segments(source->track_id))
		{
			if (strcmp(((Segment *) lfirst(lc2))->era, pgt_current_era()) != 0)
				return true;
		}
	}

	return false;
}

/* Restored and not refreshed since?  Who was never filled has no frontier. */
static bool
is_fresh(const StreamTable *st, const Compiled *compiled)
{
	if (st->frontier != NULL)
		return strcmp(st->frontier->era, pgt_current_era()) != 0;

	return !pgt_is_linked(st->query_relid, st->relid) ||
		   has_other_eras(compiled);
}

static bool
is_empty(Oid relid)
{
	Relation rel = table_open(relid, AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	bool empty = !table_scan_getnextslot(scan, ForwardScanDirection, slot);

	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	return empty;
}

/* ---- what a dump does not carry: entries of pg_depend ---- */

static void
link_if_there(Oid relid, Oid owner_of)
{
	if (get_rel_name(relid) != NULL && get_rel_name(owner_of) != NULL)
		pgt_link_part(relid, owner_of);
}

static void
link_nodes(const StreamTable *st)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, pgt_node_states(st->pgt_id))
	{
		NodeState *node = lfirst(lc);

		link_if_there(node->state_relid, st->relid);
		foreach (lc2, node->multisets)
			link_if_there(lfirst_oid(lc2), st->relid);
	}
}

static void
link_logs(const StreamTable *st)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, pgt_dependencies(st->pgt_id))
	{
		Dependency *dep = lfirst(lc);
		Source *source = pgt_lookup_source(dep->source_relid, true);

		if (source == NULL || get_rel_name(source->relid) == NULL)
			continue;
		pgt_capture_link_sentinel(source);
		foreach (lc2, pgt_segments(source->track_id))
			link_if_there(((Segment *) lfirst(lc2))->relid, source->relid);
	}
}

static void
link_all_parts(const StreamTable *st)
{
	if (get_rel_name(st->relid) != NULL &&
		get_rel_name(st->query_relid) != NULL)
		pgt_link_stream(st->relid, st->query_relid);
	link_nodes(st);
	link_logs(st);
	CommandCounterIncrement();
}

/* pg_upgrade restores the schema from a dump, and keeps the era. */
static void
link_if_lost(const StreamTable *st)
{
	if (!pgt_is_linked(st->query_relid, st->relid))
		link_all_parts(st);
}

/*
 * Link the parts of all stream tables that have lost their links, so that a
 * DROP that is about to run takes the right things along.  Does no harm while
 * a restore is running.
 */
void
pgt_link_restored(void)
{
	ListCell *lc;

	foreach (lc, pgt_all_streams())
		link_if_lost(lfirst(lc));
}

/*
 * Dropped columns are not dumped, so that those behind them have other numbers
 * now.  Logs speak in numbers: a new segment speaks in the new ones, and a
 * mark keeps everybody from taking the old ones for new.
 */
static void
renumber_sources(const Compiled *compiled)
{
	ListCell *lc;

	foreach (lc, compiled->form->sources)
	{
		SourceUse *use = lfirst(lc);
		Source *source = pgt_lookup_source(use->relid, true);

		if (source == NULL ||
			(!source->has_dropped &&
			 pgt_source_covers(source, use->ncolumns, use->columns)))
			continue;
		list_free(pgt_family(use->relid, ShareRowExclusiveLock));
		pgt_capture_flush();
		pgt_renumber_source(source, use->ncolumns, use->columns);
		pgt_capture_reset(source);
	}
}

static const char *
missing_part(const StreamTable *st, const Compiled *compiled)
{
	const char *missing;

	if (!pgt_apply_is_guarded(st->relid))
		return get_rel_name(st->relid);
	missing = missing_in_nodes(st);
	if (missing == NULL && pgt_needs_tracking(compiled->form, st->mode))
		missing = missing_in_logs(compiled);

	return missing;
}

/*
 * If the stream table was restored and not refreshed since: raise error 55000
 * while the restore is not complete, then link its parts.
 *
 * Its guards refuse its rows if they come after them (--data-only).  Hence
 * one that is empty is to be recomputed; usually it is empty rightly, and
 * that is soon done.
 */
void
pgt_finish_restore(const StreamTable *st, Compiled *compiled)
{
	const char *missing;

	if (!is_fresh(st, compiled))
	{
		link_if_lost(st);
		return;
	}

	missing = missing_part(st, compiled);
	if (missing != NULL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("stream table \"%s\" is not completely restored",
					   get_rel_name(st->relid)),
				errdetail("Triggers, indexes or constraints of \"%s\" are missing.",
						  missing),
				errhint("Wait for the restore to finish, or run pgtrickle.repair_stream_table()."));

	link_all_parts(st);
	renumber_sources(compiled);
	compiled->lost_rows = is_empty(st->relid);
}
