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
