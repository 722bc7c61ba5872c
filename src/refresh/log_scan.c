/*-------------------------------------------------------------------------
 *
 * log_scan.c
 *	  Reading the rows of a log segment.
 *
 * A log has no index: who looks for the new rows of the open segment meets
 * the old ones, some thousand of them.  To the table access method each of
 * them is a row whose visibility has to be found out.  Here
 *
 *	- a row is first asked whether it is new to the reader, which its fixed
 *	  columns tell: an old one costs some nanoseconds;
 *	- rows of one transaction come together, and the snapshot's answer for
 *	  the first of them holds for the others.
 *
 * What holds about heap pages in heapgetpage() (heapam.c) holds here: rows
 * that were found visible while the page was locked stay as long as the page
 * is pinned.  pgt_segment_is_intact() has made sure that it is a heap.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "pg_trickle/catalog.h"

#include "log_scan.h"

typedef struct LogScan
{
	Relation log;
	Snapshot snapshot; /* NULL: nothing is handed over */
	LogFilter wanted;
	LogReceiver receive;
	void *arg;

	/* Are the rows of this transaction visible, as long as nobody deletes? */
	TransactionId known_xmin;
	bool known_visible;

	/* the page */
	Buffer buffer;
	HeapTupleData tuple; /* the row at hand */
	LogRow row;
	int nfound;
	OffsetNumber found[MaxHeapTuplesPerPage];
	LogRow rows[MaxHeapTuplesPerPage];
} LogScan;

/* Turn to a row of the page; false if there is none at this place. */
static bool
go_to_row(LogScan *scan, Page page, OffsetNumber place)
{
	ItemId id = PageGetItemId(page, place);

	if (!ItemIdIsNormal(id))
		return false;
	scan->tuple.t_data = (HeapTupleHeader) PageGetItem(page, id);
	scan->tuple.t_len = ItemIdGetLength(id);
	ItemPointerSet(&scan->tuple.t_self, BufferGetBlockNumber(scan->buffer),
				   place);
	return true;
}

static void
read_fixed_columns(LogScan *scan)
{
	TupleDesc desc = RelationGetDescr(scan->log);
	bool isnull;
	Datum xid = heap_getattr(&scan->tuple, Anum_log_xid, desc, &isnull);
	Datum part = heap_getattr(&scan->tuple, Anum_log_part, desc, &isnull);
	Datum weight = heap_getattr(&scan->tuple, Anum_log_weight, desc, &isnull);

	scan->row.xid = DatumGetFullTransactionId(xid);
	scan->row.part = DatumGetInt32(part);
	scan->row.weight = DatumGetInt16(weight);
}

/*
 * Does a row's visibility depend on who inserted it, and on nothing else?  In
 * our own transaction it depends on the command, too, and a frozen row may
 * bear the number of another transaction.
 */
static bool
depends_on_xmin_only(HeapTupleHeader row)
{
	return (row->t_infomask & HEAP_XMAX_INVALID) &&
		   !HeapTupleHeaderXminFrozen(row) &&
		   TransactionIdIsNormal(HeapTupleHeaderGetRawXmin(row));
}

static bool
is_visible(LogScan *scan)
{
	HeapTupleHeader row = scan->tuple.t_data;
	TransactionId xmin = HeapTupleHeaderGetRawXmin(row);
	bool visible;

	if (xmin == scan->known_xmin && depends_on_xmin_only(row))
		visible = scan->known_visible;
	else
	{
		visible = HeapTupleSatisfiesVisibility(&scan->tuple, scan->snapshot,
											   scan->buffer);
		if (depends_on_xmin_only(row) &&
			!TransactionIdIsCurrentTransactionId(xmin))
		{
			scan->known_xmin = xmin;
			scan->known_visible = visible;
		}
	}
	HeapCheckForSerializableConflictOut(visible, scan->log, &scan->tuple,
										scan->buffer, scan->snapshot);
	return visible;
}

/* Note the rows of the page that are to be handed over. */
static void
find_rows(LogScan *scan)
{
	Page page = BufferGetPage(scan->buffer);
	OffsetNumber last = PageGetMaxOffsetNumber(page);

	scan->nfound = 0;
	for (OffsetNumber i = FirstOffsetNumber; i <= last; i++)
	{
		if (!go_to_row(scan, page, i))
			continue;
		pgstat_count_heap_getnext(scan->log);
		read_fixed_columns(scan);
		if (scan->wanted(&scan->row, scan->arg) && scan->snapshot != NULL &&
			is_visible(scan))
		{
			scan->rows[scan->nfound] = scan->row;
			scan->found[scan->nfound++] = i;
		}
	}
}

/*
 * Hand over the rows that were found, of a page that is pinned; false if the
 * receiver has enough.
 */
static bool
hand_over_rows(LogScan *scan, TupleTableSlot *slot)
{
	Page page = BufferGetPage(scan->buffer);

	for (int i = 0; i < scan->nfound; i++)
	{
		(void) go_to_row(scan, page, scan->found[i]);
		ExecStoreBufferHeapTuple(&scan->tuple, slot, scan->buffer);
		if (!scan->receive(&scan->rows[i], slot, scan->arg))
			return false;
	}
	return true;
}

static void
scan_pages(LogScan *scan, TupleTableSlot *slot)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(scan->log);
	BufferAccessStrategy strategy = NULL;
	bool go_on = true;

	/* As a sequential scan does. */
	if (nblocks > (BlockNumber) NBuffers / 4)
		strategy = GetAccessStrategy(BAS_BULKREAD);

	for (BlockNumber block = 0; block < nblocks && go_on; block++)
	{
		CHECK_FOR_INTERRUPTS();
		scan->buffer = ReadBufferExtended(scan->log, MAIN_FORKNUM, block,
										  RBM_NORMAL, strategy);
		LockBuffer(scan->buffer, BUFFER_LOCK_SHARE);
		find_rows(scan);
		LockBuffer(scan->buffer, BUFFER_LOCK_UNLOCK);
		go_on = hand_over_rows(scan, slot);
		ReleaseBuffer(scan->buffer);
	}

	if (strategy != NULL)
		FreeAccessStrategy(strategy);
}

static LogScan *
make_scan(Relation log, LogFilter wanted, void *arg)
{
	LogScan *scan = palloc0(sizeof(LogScan));

	scan->log = log;
	scan->wanted = wanted;
	scan->arg = arg;
	scan->tuple.t_tableOid = RelationGetRelid(log);
	return scan;
}

/*
 * See log_scan.h.
 */
void
pgt_scan_log(Relation log, Snapshot snapshot, LogFilter wanted,
			 LogReceiver receive, void *arg)
{
	LogScan *scan = make_scan(log, wanted, arg);
	TupleTableSlot *slot = table_slot_create(log, NULL);

	Assert(IsMVCCSnapshot(snapshot));
	scan->snapshot = snapshot;
	scan->receive = receive;
	pgstat_count_heap_scan(log);
	PredicateLockRelation(log, snapshot);
	scan_pages(scan, slot);
	ExecDropSingleTupleTableSlot(slot);
	pfree(scan);
}

/*
 * See log_scan.h.
 */
void
pgt_scan_all_of_log(Relation log, LogFilter look, void *arg)
{
	LogScan *scan = make_scan(log, look, arg);

	scan_pages(scan, NULL);
	pfree(scan);
}
