/*-------------------------------------------------------------------------
 *
 * family.c
 *	  The relations whose rows are the rows of a source.
 *
 * SELECT * FROM parent reads the parent, its partitions or inheritance
 * children, and theirs; together they are the family of "parent".  With
 *
 *		a  <-  b  <-  d
 *		^------c  <---'
 *
 * the family of a is a, b, c, d, and the ancestry of d is d, b, c, a.
 *
 * A partition that is being detached concurrently left the family when the
 * first of the two transactions of DETACH CONCURRENTLY committed, although
 * it still has the triggers of its former parent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "utils/fmgroids.h"

#include "family.h"

/* The direct parents of a relation. */
static List *
parents_of(Oid relid)
{
	Relation inherits = table_open(InheritsRelationId, AccessShareLock);
	List *parents = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL,
							  1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_inherits link = (Form_pg_inherits) GETSTRUCT(tuple);

		if (!link->inhdetachpending)
			parents = lappend_oid(parents, link->inhparent);
	}
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);

	return parents;
}

/*
 * A relation and all of which it is a partition or a child, itself first, as
 * a list of OIDs in the current memory context.  Nothing is locked.
 */
List *
pgt_ancestry(Oid relid)
{
	List *ancestry = list_make1_oid(relid);
	ListCell *lc;

	/* The list grows at its end while we walk along it. */
	foreach (lc, ancestry)
		ancestry = list_concat_unique_oid(ancestry, parents_of(lfirst_oid(lc)));

	return ancestry;
}

/*
 * Are the rows of a relation rows of the source?  Nothing is locked.
 */
bool
pgt_in_family(Oid relid, Oid source_relid)
{
	if (relid == source_relid)
		return true;

	return list_member_oid(pgt_ancestry(relid), source_relid);
}

/*
 * Is a partition of this partitioned table half detached?
 */
bool
pgt_has_pending_detach(Oid relid)
{
	bool pending = false;

	list_free(find_inheritance_children_extended(relid, false, NoLock,
												 &pending, NULL));
	return pending;
}
