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
#include "pg_trickle/control.h"

/* What about an object of a class is locked (objsubid). */
enum
{
	LOCK_STREAM = 0,
	LOCK_SHAPE = 1,
	LOCK_SEGMENTS = 2,
	LOCK_CONTROL = 3,
	LOCK_RUNNING = 4,
	LOCK_SOURCE_CONTROL = 5,
	LOCK_GROUPS = 6,
};

/*
 * Lock a stream table against other refreshes and changes of its definition
 * (see catalog.h); a lock on the table itself would fight autovacuum.
 */
void
pgt_lock_stream(int64 pgt_id, LOCKMODE mode)
{
	LockDatabaseObject(pgt_catalog_oid(TABLE_STREAMS), (Oid) pgt_id,
					   LOCK_STREAM, mode);
}

/*
 * Is this a lock that a change of the definition of a stream table, or of the
 * partitions or children of a source, waits for?
 */
bool
pgt_is_lock_of_definition(const LOCKTAG *tag, LOCKMODE mode)
{
	if (tag->locktag_field2 == pgt_catalog_oid(TABLE_STREAMS))
		return tag->locktag_field4 == LOCK_STREAM &&
			   mode == AccessExclusiveLock;

	return tag->locktag_field2 == pgt_catalog_oid(TABLE_TRACKING) &&
		   tag->locktag_field4 == LOCK_SHAPE && mode == ExclusiveLock;
}

/*
 * Lock a stream table as pgt_lock_stream() does, without waiting; false if
 * somebody has the lock, be it this transaction.
 */
bool
pgt_try_lock_stream(int64 pgt_id)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, pgt_catalog_oid(TABLE_STREAMS),
					   (Oid) pgt_id, LOCK_STREAM);
	return LockAcquire(&tag, ExclusiveLock, false, true) ==
		   LOCKACQUIRE_OK;
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

/* ---- what holds refreshes back: see README, "Draining" ---- */

static LOCKTAG
control_tag(int what)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, pgt_catalog_oid(TABLE_CONTROL), 0,
					   what);
	return tag;
}

/*
 * Become the one who pauses, resumes (SHARE ROW EXCLUSIVE) or drains
 * (EXCLUSIVE) this database.
 */
void
pgt_lock_control(LOCKMODE mode)
{
	LockDatabaseObject(pgt_catalog_oid(TABLE_CONTROL), 0, LOCK_CONTROL, mode);
}

/*
 * Wait until no other transaction refreshes; none can from then on.
 */
void
pgt_lock_running(void)
{
	LockDatabaseObject(pgt_catalog_oid(TABLE_CONTROL), 0, LOCK_RUNNING,
					   ExclusiveLock);
}

/*
 * Is a transaction that refreshes, or has refreshed, still running?  Other
 * than this one; prepared ones count.
 */
bool
pgt_anything_running(void)
{
	LOCKTAG tag = control_tag(LOCK_RUNNING);
	int n;

	(void) GetLockConflicts(&tag, ExclusiveLock, &n);
	return n > 0;
}

/*
 * Is somebody draining the database, or waiting for the lock to do so?  The
 * mode conflicts with EXCLUSIVE only.
 */
static bool
is_being_drained(void)
{
	LOCKTAG tag = control_tag(LOCK_CONTROL);

	if (LockAcquire(&tag, RowShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;

	LockRelease(&tag, RowShareLock, false);
	return false;
}

/*
 * Is the database drained, or is somebody about to make it so?
 */
bool
pgt_is_drained(void)
{
	return is_being_drained() || pgt_drained_is_set();
}

/*
 * See control.h.  The lock comes first: whoever drains has told so before
 * waiting for it.  Who has it may go on, for a drain waits anyway.
 */
bool
pgt_begin_refresh(void)
{
	LOCKTAG tag = control_tag(LOCK_RUNNING);
	LockAcquireResult result = LockAcquire(&tag, ShareLock, false, true);

	if (result == LOCKACQUIRE_NOT_AVAIL)
		return false;
	if (result == LOCKACQUIRE_ALREADY_HELD || !pgt_is_drained())
		return true;

	LockRelease(&tag, ShareLock, false);
	return false;
}

/*
 * Become the one who changes gate and watermark of a source.
 */
void
pgt_lock_source_control(Oid source)
{
	LockDatabaseObject(pgt_catalog_oid(TABLE_WATERMARKS), source,
					   LOCK_SOURCE_CONTROL, ExclusiveLock);
}

/*
 * Become the one who changes watermark groups.
 */
void
pgt_lock_groups(void)
{
	LockDatabaseObject(pgt_catalog_oid(TABLE_CONTROL), 0, LOCK_GROUPS,
					   ExclusiveLock);
}
