/*-------------------------------------------------------------------------
 *
 * fill.c
 *	  Filling an empty stream table.
 *
 * Into a table without rows those of its query can go as they come: nothing
 * is there to compare them with.  It saves sorting them, and the table gets
 * the order of the query, which is often that of a source.  So rows that
 * change together lie together, and a refresh touches fewer pages than it
 * would if they lay in the order of their hashes.
 *
 * pgt_apply() also sees to it that no key comes twice.  Here the unique index
 * does, and a table whose key has none is left to pgt_apply().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "pg_trickle/apply.h"
#include "pg_trickle/row_index.h"

static bool
has_dropped_columns(TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			return true;
	}

	return false;
}

/*
 * See apply.h.
 */
bool
pgt_apply_can_fill(const ApplyTarget *target)
{
	Relation rel = table_open(target->relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	bool result = RelationGetNumberOfBlocks(rel) == 0 &&
				  !has_dropped_columns(desc) &&
				  (!target->keyed ||
				   pgt_row_index_kind(target, desc) == ROW_INDEX_UNIQUE);

	table_close(rel, NoLock);
	return result;
}
