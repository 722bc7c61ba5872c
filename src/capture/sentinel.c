/*-------------------------------------------------------------------------
 *
 * sentinel.c
 *	  Has an unlogged source lost its rows in a crash?
 *
 * A crash empties unlogged tables, but not the log of their changes, which
 * then no longer tells what is in them.  So an unlogged source has company:
 *
 *		source t, unlogged			pgtrickle_changes.sentinel_7, unlogged
 *		(1, 'a'), (2, 'b'), ...		(true)
 *
 * Both are emptied together.  A sentinel without its row, or no sentinel at
 * all (the table was not unlogged before), means: forget what you know of t.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg_trickle/capture.h"

#include "family.h"
#include "sentinel.h"

static char *
sentinel_name(const Source *source)
{
	return psprintf("sentinel_" INT64_FORMAT, source->track_id);
}

/*
 * The sentinel of a source, or InvalidOid.
 */
Oid
pgt_sentinel(const Source *source)
{
	return get_relname_relid(sentinel_name(source),
							 get_namespace_oid("pgtrickle_changes", false));
}

static bool
is_unlogged(const Source *source)
{
	ListCell *lc;

	foreach (lc, pgt_family(source->relid, AccessShareLock))
	{
		if (get_rel_persistence(lfirst_oid(lc)) == RELPERSISTENCE_UNLOGGED)
			return true;
	}

	return false;
}

static bool
has_row(Oid sentinel)
{
	Relation rel = table_open(sentinel, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, SnapshotSelf, 0, NULL);
	bool found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return found;
}

/*
 * See capture.h.
 */
bool
pgt_capture_lost(const Source *source)
{
	Oid sentinel;

	if (!is_unlogged(source))
		return false;

	sentinel = pgt_sentinel(source);
	return !OidIsValid(sentinel) || !has_row(sentinel);
}

static Oid
create_sentinel(const Source *source)
{
	TupleDesc desc = CreateTemplateTupleDesc(1);
	Oid sentinel;

	TupleDescInitEntry(desc, 1, "alive", BOOLOID, -1, 0);
	sentinel =
		pgt_create_part_relation(sentinel_name(source),
								 get_namespace_oid("pgtrickle_changes", false),
								 RELKIND_RELATION, RELPERSISTENCE_UNLOGGED,
								 desc, BOOTSTRAP_SUPERUSERID, (Datum) 0);
	pgt_set_reader(sentinel, pgt_relation_owner(source->relid));
	pgt_link_part(sentinel, source->relid);
	CommandCounterIncrement();
	return sentinel;
}

static void
insert_row(Oid sentinel)
{
	Relation rel = table_open(sentinel, RowExclusiveLock);
	Datum value = BoolGetDatum(true);
	bool isnull = false;
	HeapTuple row = heap_form_tuple(RelationGetDescr(rel), &value, &isnull);

	simple_heap_insert(rel, row);
	heap_freetuple(row);
	table_close(rel, NoLock);
}

/*
 * See capture.h.
 */
void
pgt_capture_sentinel_set(const Source *source)
{
	Oid sentinel;

	/* Two refreshes may have found the same loss; one mark is enough. */
	pgt_lock_segments(source->track_id);
	sentinel = pgt_sentinel(source);
	if (!OidIsValid(sentinel))
		sentinel = create_sentinel(source);
	if (has_row(sentinel))
		return;

	insert_row(sentinel);
	pgt_capture_reset(source);
}

/*
 * Drop the sentinel of a source, if it has one.
 */
void
pgt_sentinel_drop(const Source *source)
{
	pgt_drop_internal_relation(pgt_sentinel(source));
}

/*
 * See capture.h.
 */
void
pgt_capture_link_sentinel(const Source *source)
{
	Oid sentinel = pgt_sentinel(source);

	if (OidIsValid(sentinel))
		pgt_link_part(sentinel, source->relid);
}
