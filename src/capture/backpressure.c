/*-------------------------------------------------------------------------
 *
 * backpressure.c
 *	  Logs that grow faster than they are read.
 *
 * With pg_trickle.enforce_backpressure a log larger than max_log_size takes
 * no more rows.  Who is about to write some waits until it has become
 * smaller, at most backpressure_timeout; then it leaves a reset mark instead,
 * which says the same to readers, only less precisely, and goes on.
 *
 * Nobody waits who holds what the log needs to become smaller:
 *
 *		a lock on a segment		it could not be closed: who has written to
 *								the log in this transaction does not wait
 *		a stream table			it could not be refreshed: a transaction that
 *								has refreshed one does not wait
 *
 * and who has waited in vain does not wait again before the log was small.
 *
 * While a log is small this costs two comparisons per chunk: its size is only
 * looked up when the block that we wrote to last says that it has grown.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/part.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/wake.h"

#include "backpressure.h"

/* The log is measured again when its open segment has grown by so much. */
#define BLOCKS_BETWEEN_CHECKS 16

#define WAIT_MS 20

/* When this transaction has waited long enough, for all logs together. */
static FullTransactionId waiter;
static TimestampTz deadline;

/* ---- how large it is ---- */

/*
 * Waits for no lock: whoever has all of the segment is emptying it.
 */
static int64
segment_size(Oid relid)
{
	Relation segment;
	int64 size = 0;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return 0;
	segment = try_table_open(relid, NoLock);
	if (segment != NULL)
	{
		size = (int64) RelationGetNumberOfBlocks(segment) * BLCKSZ;
		table_close(segment, NoLock);
	}
	UnlockRelationOid(relid, AccessShareLock);
	return size;
}

/* What every consumer has passed will be emptied, and does not count. */
static bool
is_too_large(CaptureLog *log)
{
	int64 size = 0;
	List *segments = pgt_live_segments(log->track_id);
	ListCell *lc;

	foreach (lc, segments)
	{
		Segment *segment = lfirst(lc);

		if (segment->state != SEGMENT_DRAINED)
			size += segment_size(segment->relid);
	}

	log->too_large = size > (int64) pgt_max_log_size * 1024;
	if (!log->too_large)
		log->waited_in_vain = false;
	return log->too_large;
}

/* May it have become too large since it was measured? */
static bool
has_grown(const CaptureLog *log)
{
	return log->too_large || log->measured_segment != log->segment ||
		   log->last_block < log->measured_block || /* emptied and reused */
		   log->last_block >= log->measured_block + BLOCKS_BETWEEN_CHECKS;
}

static bool
measure(CaptureLog *log)
{
	log->measured_segment = log->segment;
	log->measured_block = log->last_block;
	return is_too_large(log);
}

/* ---- waiting ---- */

static bool
may_wait(const CaptureLog *log)
{
	return !log->waited_in_vain && pgt_backpressure_timeout > 0 &&
		   pgt_current_part() == 0 &&
		   !FullTransactionIdEquals(log->writer, GetTopFullTransactionId());
}

static bool
is_over(void)
{
	TimestampTz now = GetCurrentTimestamp();
	FullTransactionId xid = GetTopFullTransactionId();

	if (!FullTransactionIdEquals(waiter, xid))
	{
		waiter = xid;
		deadline = TimestampTzPlusMilliseconds(now, pgt_backpressure_timeout);
	}

	return now >= deadline;
}

/* Returns whether it has become small enough. */
static bool
wait_for_readers(CaptureLog *log)
{
	while (!is_over())
	{
		pgt_wake_log_now(log->track_id);
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 WAIT_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (!is_too_large(log))
			return true;
	}

	log->waited_in_vain = true;
	ereport(LOG,
			errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			errmsg("log of \"%s\" exceeds pg_trickle.max_log_size and is not read",
				   get_rel_name(log->source)),
			errdetail("Waited for its readers for %d ms. Their next refresh recomputes.",
					  pgt_backpressure_timeout),
			errhint("Refresh, resume or drop the stream tables that read it."));
	return false;
}

/*
 * To be called before rows are written, and before the segment is locked for
 * that.  If the log is too large, waits for it to become smaller where that
 * may help.  True: it is too large still, a mark must do.
 */
bool
pgt_log_is_overloaded(CaptureLog *log)
{
	if (!pgt_enforce_backpressure || pgt_max_log_size == 0)
		return false;
	if (!has_grown(log) || !measure(log))
		return false;

	return !may_wait(log) || !wait_for_readers(log);
}

/*
 * To be called when rows have been written.
 */
void
pgt_log_written(CaptureLog *log, Relation segment)
{
	BlockNumber block = RelationGetTargetBlock(segment);

	log->writer = GetTopFullTransactionId();
	log->last_block = block == InvalidBlockNumber ? 0 : block;
}
