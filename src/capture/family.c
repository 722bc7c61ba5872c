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

#include "catalog/pg_inherits.h"

#include "family.h"

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
