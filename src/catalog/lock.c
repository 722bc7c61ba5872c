/*-------------------------------------------------------------------------
 *
 * lock.c
 *	  Locks on things that are no relations.
 *
 * They are object locks, named by a table of the catalog as class and an id
 * as object: they show in pg_locks, take part in deadlock detection, and end
 * with the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"

/* What about an object of a class is locked (objsubid). */
enum
{
	LOCK_STREAM = 0,
	LOCK_SHAPE = 1,
	LOCK_SEGMENTS = 2,
};

/*
 * Lock a stream table against other refreshes and changes of its definition
 * (EXCLUSIVE for both); a lock on the table itself would fight autovacuum.
 */
void
pgt_lock_stream(int64 pgt_id, LOCKMODE mode)
{
	LockDatabaseObject(pgt_catalog_oid(TABLE_STREAMS), (Oid) pgt_id,
					   LOCK_STREAM, mode);
}

/*
 * The same for refreshes and changes, without waiting; false if somebody has
 * the lock.
 */
bool
pgt_try_lock_stream(int64 pgt_id)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, pgt_catalog_oid(TABLE_STREAMS),
					   (Oid) pgt_id, LOCK_STREAM);
	return LockAcquire(&tag, ExclusiveLock, false, true) !=
		   LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Lock the set of partitions and children of a source: SHARE for those who
 * read it, EXCLUSIVE for those who change it.
 */
void
pgt_lock_source_shape(Oid relid, LOCKMODE mode)
{
	LockDatabaseObject(pgt_catalog_oid(TABLE_TRACKING), relid, LOCK_SHAPE,
					   mode);
}

/*
 * Become the one who opens, closes and empties segments of a log; waits.
 */
void
pgt_lock_segments(int64 track_id)
{
	LockDatabaseObject(pgt_catalog_oid(TABLE_SEGMENTS), (Oid) track_id,
					   LOCK_SEGMENTS, ExclusiveLock);
}

/*
 * Keep the segments of a log from being drained and emptied by others; does
 * not exclude others who do the same.
 */
void
pgt_hold_segments(int64 track_id)
{
	LockDatabaseObject(pgt_catalog_oid(TABLE_SEGMENTS), (Oid) track_id,
					   LOCK_SEGMENTS, ShareLock);
}

/*
 * Become the one who opens, closes and empties segments of a log; false if
 * somebody else is.
 */
bool
pgt_try_lock_segments(int64 track_id)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, pgt_catalog_oid(TABLE_SEGMENTS),
					   (Oid) track_id, LOCK_SEGMENTS);
	return LockAcquire(&tag, ExclusiveLock, false, true) !=
		   LOCKACQUIRE_NOT_AVAIL;
}
