/*-------------------------------------------------------------------------
 *
 * patience.c
 *	  For which locks an automatic refresh waits, and how long.
 *
 * A refresh that nobody has asked for must be in nobody's way.  A transaction
 * that has truncated a source, and then wants to refresh what reads it, would
 * wait for us, and we for it:
 *
 *		session		TRUNCATE source; refresh: wants the stream table
 *		worker		has the stream table, wants the source
 *
 * So a worker waits until the tables are free while it holds nothing, and
 * hardly any more once it does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/lmgr.h"

#include "pg_trickle/refresh.h"
#include "pg_trickle/settings.h"

/* Less than what others wait before they look for a deadlock. */
#define SHORT_WAIT_MS 10

static void
wait_for(Oid relid, LOCKMODE mode)
{
	LockRelationOid(relid, mode);
	UnlockRelationOid(relid, mode);
}

/*
 * Wait until nobody keeps us from reading what the stream tables read, one
 * table after the other: who has a partition may want its parent.
 */
void
pgt_wait_for_tables(List *streams)
{
	ListCell *lc;

	foreach (lc, streams)
	{
		StreamTable *st = lfirst(lc);
		ListCell *lc2;

		wait_for(st->relid, RowExclusiveLock);
		foreach (lc2, pgt_dependencies(st->pgt_id))
		{
			Dependency *dep = lfirst(lc2);
			ListCell *lc3;

			foreach (lc3, pgt_family(dep->source_relid, NoLock))
				wait_for(lfirst_oid(lc3), AccessShareLock);
		}
	}
}

/*
 * From now on wait "shortly" for each lock, or again for as long as the
 * setting says; until the end of the transaction.
 */
void
pgt_wait_shortly(bool shortly)
{
	pgt_limit_waiting(shortly ? SHORT_WAIT_MS : pgt_refresh_lock_timeout);
}
