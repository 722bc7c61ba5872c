/*-------------------------------------------------------------------------
 *
 * family.c
 *	  A table with its partitions and inheritance children.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
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

static bool
try_lock(Oid relid)
{
	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return false;
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return true;

	UnlockRelationOid(relid, AccessShareLock);
	return false;
}

/*
 * See catalog.h.
 */
List *
pgt_try_family(Oid relid)
{
	List *locked = NIL;
	ListCell *lc;

	if (!try_lock(relid))
		return NIL;

	foreach (lc, find_all_inheritors(relid, NoLock, NULL))
	{
		if (lfirst_oid(lc) == relid || try_lock(lfirst_oid(lc)))
			locked = lappend_oid(locked, lfirst_oid(lc));
		else
		{
			pgt_unlock_family(locked);
			return NIL;
		}
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
