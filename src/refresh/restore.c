/*-------------------------------------------------------------------------
 *
 * restore.c
 *	  The first refresh in a restored database.
 *
 * A restore creates tables, then loads them (in any order, in parallel), then
 * adds triggers, indexes and constraints.  A refresh in between would take a
 * half-loaded log for the changes, write what the restore is about to load, or
 * take a primary key that is still to come for one that somebody has dropped.
 * Each part therefore has something that comes after its data, and a stream
 * table is refreshed when all of them are there: see README, "Eras".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/catalog_table.h"
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

/* ---- what is missing: a sentence about it, or NULL ---- */

static const char *
missing_of_name(const char *name)
{
	return psprintf("Triggers, indexes or constraints of \"%s\" are missing.",
					name);
}

static const char *
missing_of(Oid relid)
{
	return missing_of_name(get_rel_name(relid));
}

static const char *
missing_data(const char *table)
{
	return psprintf("Data of table \"%s\" is missing.", table);
}

static const char *
missing_in_nodes(const StreamTable *st, const NormalForm *form)
{
	List *nodes = pgt_node_states(st->pgt_id);
	ListCell *lc;
	ListCell *lc2;

	if (nodes == NIL && st->mode != MODE_FULL && form->nodes != NIL &&
		form->obstacle.kind == OBSTACLE_NONE)
		return missing_data("pgt_nodes");
	foreach (lc, nodes)
	{
		NodeState *node = lfirst(lc);

		if (!has_index(node->state_relid))
			return missing_of(node->state_relid);
		foreach (lc2, node->multisets)
		{
			Oid relid = lfirst_oid(lc2);

			if (OidIsValid(relid) && !has_index(relid))
				return missing_of(relid);
		}
	}

	return NULL;
}

static const char *
missing_in_log(const Source *source)
{
	List *segments = pgt_segments(source->track_id);
	const char *gap = pgt_capture_gap(source);
	ListCell *lc;

	if (gap != NULL)
		return missing_of_name(gap);
	if (segments == NIL)
		return missing_data("pgt_log_segments");
	foreach (lc, segments)
	{
		Oid relid = ((Segment *) lfirst(lc))->relid;

		if (!has_restore_mark(relid))
			return missing_of(relid);
	}

	return NULL;
}

static const char *
missing_in_logs(const StreamTable *st)
{
	ListCell *lc;

	foreach (lc, pgt_dependencies(st->pgt_id))
	{
		Dependency *dep = lfirst(lc);
		Source *source = pgt_lookup_source(dep->source_relid, true);
		const char *missing;

		if (strcmp(dep->cdc_mode, "trigger") != 0)
			continue;
		if (source == NULL)
			return missing_data("pgt_change_tracking");
		missing = missing_in_log(source);
		if (missing != NULL)
			return missing;
	}

	return NULL;
}

static bool
reads_a_table(List *dependencies)
{
	ListCell *lc;

	foreach (lc, dependencies)
	{
		if (strcmp(((Dependency *) lfirst(lc))->source_type, "VIEW") != 0)
			return true;
	}

	return false;
}

/*
 * What the query reads and what the catalog says that it does come apart: from
 * tables that are not loaded, and from views that pg_dump makes in two steps.
 */
static const char *
missing_in_query(const StreamTable *st, const NormalForm *form)
{
	List *dependencies = pgt_dependencies(st->pgt_id);

	if (dependencies == NIL && form->sources != NIL)
		return missing_data("pgt_dependencies");
	if (form->sources == NIL && reads_a_table(dependencies))
		return psprintf("The query of view \"%s\" is missing.",
						get_rel_name(st->query_relid));

	return NULL;
}

/* ---- constraints that prove something ---- */

/* By their number: columns may have been renamed, and have other numbers. */
static bool
reads_more_columns(const StreamTable *st, const NormalForm *form)
{
	List *dependencies = pgt_dependencies(st->pgt_id);
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, form->sources)
	{
		SourceUse *use = lfirst(lc);

		foreach (lc2, dependencies)
		{
			Dependency *dep = lfirst(lc2);

			if (dep->source_relid == use->relid &&
				use->ncolumns > list_length(dep->columns))
				return true;
		}
	}

	return false;
}

static Oid
source_without_index(const NormalForm *form)
{
	ListCell *lc;

	foreach (lc, form->sources)
	{
		Oid relid = ((SourceUse *) lfirst(lc))->relid;

		if (!has_index(relid))
			return relid;
	}

	return InvalidOid;
}

/*
 * Without the primary key of a source, rows may have no key any more, or the
 * query may read more columns than are logged.  One that waits to be filled
 * or repaired is filled as the constraints are.
 */
static const char *
missing_proof(const StreamTable *st, const NormalForm *form)
{
	Oid relid = source_without_index(form);

	if (!st->is_populated)
		return NULL;
	if (OidIsValid(relid) && pgt_was_tracked(st) &&
		reads_more_columns(st, form))
		return missing_of(relid);
	if (pgt_key_is_proven(st, form))
		return NULL;
	if (OidIsValid(relid) || form->sources == NIL)
		return missing_of(OidIsValid(relid) ? relid : st->relid);

	return missing_of(((SourceUse *) linitial(form->sources))->relid);
}

/*
 * Is the data of the catalog still being loaded?  Ids of the history come last
 * of all data; what is written to it before would take some that are about to
 * be loaded.
 */
bool
pgt_catalog_is_loading(void)
{
	ListCell *lc;

	if (pgt_sequence_was_used(SEQUENCE_HISTORY))
		return false;
	foreach (lc, pgt_all_streams())
	{
		if (((StreamTable *) lfirst(lc))->frontier != NULL)
			return true;
	}

	return false;
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

/* And privileges, if it was told so. */
static void
link_if_there(Oid relid, Oid owner_of)
{
	if (get_rel_name(relid) == NULL || get_rel_name(owner_of) == NULL)
		return;

	pgt_link_part(relid, owner_of);
	pgt_set_reader(relid, pgt_relation_owner(owner_of));
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
set_reader(Oid relid, Oid owner)
{
	if (OidIsValid(relid) && get_rel_name(relid) != NULL)
		pgt_set_reader(relid, owner);
}

/*
 * See refresh.h.  The hook that sees REASSIGN OWNED (src/syntax) is not there
 * in a session that has not loaded the library, and event triggers do not.
 */
void
pgt_check_readers(const StreamTable *st, const Compiled *compiled)
{
	ListCell *lc;
	ListCell *lc2;

	if (RecoveryInProgress())
		return;

	foreach (lc, pgt_node_states(st->pgt_id))
	{
		NodeState *node = lfirst(lc);

		set_reader(node->state_relid, compiled->owner);
		foreach (lc2, node->multisets)
			set_reader(lfirst_oid(lc2), compiled->owner);
	}
	foreach (lc, compiled->form->sources)
	{
		Oid relid = ((SourceUse *) lfirst(lc))->relid;
		Source *source = pgt_lookup_source(relid, true);

		if (source == NULL)
			continue;
		foreach (lc2, pgt_segments(source->track_id))
			set_reader(((Segment *) lfirst(lc2))->relid,
					   pgt_relation_owner(relid));
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

/* They come last, and to look for them by name takes no lock. */
static bool
has_guards(Oid relid)
{
	return OidIsValid(get_trigger_oid(relid, "pgt_guard", true)) &&
		   OidIsValid(get_trigger_oid(relid, "pgt_guard_truncate", true));
}

/*
 * Link the parts of all stream tables that have lost their links, so that a
 * DROP that is about to run takes the right things along.  Locks nothing, and
 * leaves alone what is still being restored.
 */
void
pgt_link_restored(void)
{
	ListCell *lc;

	foreach (lc, pgt_all_streams())
	{
		StreamTable *st = lfirst(lc);

		if (has_guards(st->relid))
			link_if_lost(st);
	}
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
	const NormalForm *form = compiled->form;
	const char *missing;

	if (pgt_catalog_is_loading())
		return missing_data("pgt_refresh_history");
	if (!pgt_apply_is_guarded(st->relid))
		return missing_of(st->relid);
	missing = missing_in_query(st, form);
	if (missing == NULL)
		missing = missing_in_nodes(st, form);
	if (missing == NULL && pgt_needs_tracking(form, st->mode))
		missing = missing_in_logs(st);

	return missing != NULL ? missing : missing_proof(st, form);
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
				errdetail_internal("%s", missing),
				errhint("Wait for the restore to finish, or run pgtrickle.repair_stream_table()."));

	link_all_parts(st);
	renumber_sources(compiled);
	compiled->lost_rows = is_empty(st->relid);
}
