/*-------------------------------------------------------------------------
 *
 * family.c
 *	  A table with its partitions and inheritance children, and those that it
 *	  is a partition or a child of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg_trickle/catalog.h"

/*
 * A relation with its partitions and inheritance children, itself first,
 * all of them locked in "mode" (NoLock: as the catalogs show them now); a
 * list of OIDs in the current memory context.
 */
List *
pgt_family(Oid relid, LOCKMODE mode)
{
	if (mode != NoLock)
		LockRelationOid(relid, mode);

	return find_all_inheritors(relid, mode, NULL);
}

/*
 * See catalog.h.
 */
bool
pgt_try_lock(Oid relid)
{
	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return false;
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return true;

	UnlockRelationOid(relid, AccessShareLock);
	return false;
}

/*
 * See catalog.h.  Children are asked for only of what is locked: to ask for
 * those of a relation that somebody drops is an error.
 */
List *
pgt_try_family(Oid relid)
{
	List *family = list_make1_oid(relid);
	List *locked = NIL;
	ListCell *lc;

	/* The list grows at its end while we walk along it. */
	foreach (lc, family)
	{
		Oid member = lfirst_oid(lc);

		if (!pgt_try_lock(member))
		{
			pgt_unlock_family(locked);
			return NIL;
		}
		locked = lappend_oid(locked, member);
		family = list_concat_unique_oid(family,
										find_inheritance_children(member,
																  NoLock));
	}

	return locked;
}

void
pgt_unlock_family(List *family)
{
	ListCell *lc;

	foreach (lc, family)
		UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
}

/* ---- ancestry ---- */

static bool
is_cut_by_us(HeapTuple tuple)
{
	return (tuple->t_data->t_infomask & HEAP_XMAX_INVALID) == 0 &&
		   !HEAP_XMAX_IS_LOCKED_ONLY(tuple->t_data->t_infomask) &&
		   TransactionIdIsCurrentTransactionId(
			   HeapTupleHeaderGetUpdateXid(tuple->t_data));
}

/*
 * Add the direct parents of a relation to a list: those that it has, or, if
 * "cut", those that it had until this transaction dropped or detached it.
 * The rows of cut links stay in pg_inherits until this transaction is over,
 * for those who do not ask a snapshot.
 */
static List *
add_parents(List *parents, Oid relid, bool cut)
{
	Relation inherits = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true,
							  cut ? SnapshotAny : NULL, 1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_inherits link = (Form_pg_inherits) GETSTRUCT(tuple);

		if (cut ? is_cut_by_us(tuple) : !link->inhdetachpending)
			parents = list_append_unique_oid(parents, link->inhparent);
	}
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);

	return parents;
}

static List *
walk_upwards(Oid relid, bool cut_too)
{
	List *ancestry = list_make1_oid(relid);
	ListCell *lc;

	/* The list grows at its end while we walk along it. */
	foreach (lc, ancestry)
	{
		Oid member = lfirst_oid(lc);

		ancestry = add_parents(ancestry, member, false);
		if (cut_too)
			ancestry = add_parents(ancestry, member, true);
	}

	return ancestry;
}

/*
 * See catalog.h.
 */
List *
pgt_ancestry(Oid relid)
{
	return walk_upwards(relid, false);
}

/*
 * See catalog.h.
 */
List *
pgt_former_ancestry(Oid relid)
{
	return walk_upwards(relid, true);
}
