/*-------------------------------------------------------------------------
 *
 * log_scan.h
 *	  Reading the rows of a log segment.
 *
 * Layer: refresh
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_LOG_SCAN_H
#define PGT_LOG_SCAN_H

#include "access/transam.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* The fixed columns of a row. */
typedef struct LogRow
{
	FullTransactionId xid;
	int32 part;
	int16 weight;
} LogRow;

/* Is the row wanted?  Asked while its page is locked: may only compute. */
typedef bool (*LogFilter)(const LogRow *row, void *arg);

/*
 * Takes such a row if it is visible; false: that is enough.  The slot is valid
 * until it returns.
 */
typedef bool (*LogReceiver)(const LogRow *row, TupleTableSlot *slot,
							void *arg);

/*
 * Ask "wanted" for each row of the segment, and hand those that it wants and
 * the snapshot shows to "receive".
 */
extern void pgt_scan_log(Relation log, Snapshot snapshot, LogFilter wanted,
						 LogReceiver receive, void *arg);

/* Ask for each row, whoever sees it; no answer is used. */
extern void pgt_scan_all_of_log(Relation log, LogFilter look, void *arg);

#endif /* PGT_LOG_SCAN_H */
