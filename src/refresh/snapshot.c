/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  The snapshot of a refresh, and the frontier made of it.
 *
 * Everything a refresh reads, it reads under one snapshot N, taken after all
 * locks.  N is pushed as a copy, so that its command id can advance and show
 * the refresh its own writes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/refresh.h"

/* Has it seen more than the snapshot of the transaction shows? */
static bool
is_ahead(const Frontier *frontier)
{
	bool ahead;

	PushActiveSnapshot(GetTransactionSnapshot());
	ahead = !pgt_frontier_covers(pgt_make_frontier(0, NIL), frontier);
	PopActiveSnapshot();
	return ahead;
}

/*
 * A first fill takes the latest snapshot at every isolation level: capture
 * has begun in this transaction perhaps, and what others committed between
 * the transaction's snapshot and that is in no log.  So does the first refresh
 * after a claim was lost, since nobody kept the log for it, and what follows in
 * the same transaction: to go back would be to count twice.
 */
bool
pgt_needs_latest_snapshot(const StreamTable *st)
{
	if (!pgt_has_claim(st))
		return true;

	return IsolationUsesXactSnapshot() &&
		   TransactionIdIsCurrentTransactionId(st->xmin) &&
		   is_ahead(st->frontier);
}

/*
 * Push N: the latest snapshot or that of the transaction, which in READ
 * COMMITTED are the same.  The caller pops it.
 */
void
pgt_push_refresh_snapshot(bool latest)
{
	CommandCounterIncrement();
	PushCopiedSnapshot(latest ? GetLatestSnapshot() :
								GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
}

/*
 * Let the active snapshot see what this transaction has written so far.
 */
void
pgt_advance_refresh_snapshot(void)
{
	CommandCounterIncrement();
	UpdateActiveSnapshotCommandId();
}

/*
 * May a TRUNCATE of this transaction have removed rows that N does not show?
 * Also where stream tables of one call share N, and triggers run in between.
 */
bool
pgt_snapshot_may_be_old(void)
{
	return pgt_capture_is_watching() || IsolationUsesXactSnapshot();
}

/*
 * Raise error 40001 if a row version written by "xmin" is newer than N: the
 * transaction's snapshot was taken before the one that wrote it committed.
 * Cannot happen in READ COMMITTED, where N comes after the locks.
 */
void
pgt_require_visible(TransactionId xmin, const char *what)
{
	if (!TransactionIdIsCurrentTransactionId(xmin) &&
		XidInMVCCSnapshot(xmin, GetActiveSnapshot()))
		pgt_raise_newer(what);
}

/*
 * Raise error 40001: "what", to begin a sentence with, is newer than N.
 */
void
pgt_raise_newer(const char *what)
{
	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			errmsg("could not serialize access due to concurrent refresh or DDL"),
			errdetail("%s changed after the snapshot of this transaction was taken.",
					  what),
			errhint("The transaction might succeed if retried."));
}

/* The xid8 of an xid that is running or younger, given the next xid8. */
static FullTransactionId
widen(TransactionId xid, FullTransactionId next)
{
	uint32 epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;

	return FullTransactionIdFromEpochAndXid(epoch, xid);
}

static int
compare_xids(const void *a, const void *b)
{
	uint64 x = U64FromFullTransactionId(*(const FullTransactionId *) a);
	uint64 y = U64FromFullTransactionId(*(const FullTransactionId *) b);

	return x < y ? -1 : x > y;
}

/*
 * The frontier of a refresh that has read everything under the active
 * snapshot and the parts of its own transaction up to "part"; palloc'd.
 */
Frontier *
pgt_make_frontier(int32 part, List *done_eras)
{
	Snapshot snapshot = GetActiveSnapshot();
	FullTransactionId next = ReadNextFullTransactionId();
	Frontier *f = palloc0(sizeof(Frontier));

	f->lsn = GetXLogInsertRecPtr();
	f->era = pstrdup(pgt_current_era());
	f->done_eras = done_eras;
	f->xmin = widen(snapshot->xmin, next);
	f->xmax = widen(snapshot->xmax, next);
	f->xip = palloc(sizeof(FullTransactionId) * (snapshot->xcnt + 1));
	for (uint32 i = 0; i < snapshot->xcnt; i++)
		f->xip[f->nxip++] = widen(snapshot->xip[i], next);
	qsort(f->xip, f->nxip, sizeof(FullTransactionId), compare_xids);
	f->own_xid = GetTopFullTransactionId();
	f->own_part = part;
	return f;
}
