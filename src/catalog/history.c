/*-------------------------------------------------------------------------
 *
 * history.c
 *	  Rows of pgt_refresh_history.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/settings.h"

enum
{
	Anum_refresh_id = 1,
	Anum_id,
	Anum_data_timestamp,
	Anum_start_time,
	Anum_end_time,
	Anum_action,
	Anum_rows_inserted,
	Anum_rows_deleted,
	Anum_delta_row_count,
	Anum_duration_ms,
	Anum_status,
	Anum_error_message,
	Anum_initiated_by,
	Anum_reason,
	Natts_history = Anum_reason,
};

/*
 * Store what a refresh did, in its own transaction, or in another one that it
 * failed.
 */
void
pgt_insert_history(const RefreshRecord *r)
{
	Datum values[Natts_history];
	bool nulls[Natts_history] = {0};

	values[Anum_refresh_id - 1] = Int64GetDatum(pgt_next_id(SEQUENCE_HISTORY));
	values[Anum_id - 1] = Int64GetDatum(r->pgt_id);
	values[Anum_data_timestamp - 1] = TimestampTzGetDatum(r->data_timestamp);
	nulls[Anum_data_timestamp - 1] = r->data_timestamp == 0;
	values[Anum_start_time - 1] = TimestampTzGetDatum(r->start_time);
	values[Anum_end_time - 1] = TimestampTzGetDatum(r->end_time);
	values[Anum_action - 1] = CStringGetTextDatum(r->action);
	values[Anum_rows_inserted - 1] = Int64GetDatum(r->rows_inserted);
	values[Anum_rows_deleted - 1] = Int64GetDatum(r->rows_deleted);
	values[Anum_delta_row_count - 1] = Int64GetDatum(r->delta_row_count);
	values[Anum_duration_ms - 1] =
		Float8GetDatum((r->end_time - r->start_time) / 1000.0);
	values[Anum_status - 1] =
		CStringGetTextDatum(r->status != NULL ? r->status : "COMPLETED");
	nulls[Anum_error_message - 1] = r->error == NULL;
	if (r->error != NULL)
		values[Anum_error_message - 1] = CStringGetTextDatum(r->error);
	values[Anum_initiated_by - 1] = CStringGetTextDatum(r->initiated_by);
	values[Anum_reason - 1] = CStringGetTextDatum(r->reason);
	pgt_insert_row(TABLE_HISTORY, values, nulls);
}

static RefreshRecord *
form_record(HeapTuple tuple, TupleDesc desc)
{
	RefreshRecord *r = palloc0(sizeof(RefreshRecord));
	Datum values[Natts_history];
	bool nulls[Natts_history];

	heap_deform_tuple(tuple, desc, values, nulls);
	r->refresh_id = DatumGetInt64(values[Anum_refresh_id - 1]);
	r->pgt_id = DatumGetInt64(values[Anum_id - 1]);
	if (!nulls[Anum_data_timestamp - 1])
		r->data_timestamp =
			DatumGetTimestampTz(values[Anum_data_timestamp - 1]);
	r->start_time = DatumGetTimestampTz(values[Anum_start_time - 1]);
	r->end_time = DatumGetTimestampTz(values[Anum_end_time - 1]);
	r->action = TextDatumGetCString(values[Anum_action - 1]);
	r->rows_inserted = DatumGetInt64(values[Anum_rows_inserted - 1]);
	r->rows_deleted = DatumGetInt64(values[Anum_rows_deleted - 1]);
	r->delta_row_count = DatumGetInt64(values[Anum_delta_row_count - 1]);
	r->status = TextDatumGetCString(values[Anum_status - 1]);
	if (!nulls[Anum_error_message - 1])
		r->error = TextDatumGetCString(values[Anum_error_message - 1]);
	r->initiated_by = TextDatumGetCString(values[Anum_initiated_by - 1]);
	r->reason = TextDatumGetCString(values[Anum_reason - 1]);
	return r;
}

/*
 * In the order of "direction", "max_rows" of them (-1: all), up to the first
 * that ended before "since".
 */
static List *
read_history(int64 pgt_id, int max_rows, ScanDirection direction,
			 TimestampTz since)
{
	Relation rel = table_open(pgt_catalog_oid(TABLE_HISTORY), AccessShareLock);
	Relation irel = index_open(pgt_catalog_oid(INDEX_HISTORY), AccessShareLock);
	List *records = NIL;
	RefreshRecord *record;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pgt_id));
	scan = systable_beginscan_ordered(rel, irel, NULL, 1, &key);
	while (max_rows < 0 || list_length(records) < max_rows)
	{
		tuple = systable_getnext_ordered(scan, direction);
		if (!HeapTupleIsValid(tuple))
			break;
		record = form_record(tuple, RelationGetDescr(rel));
		if (record->end_time < since)
			break;
		records = lappend(records, record);
	}
	systable_endscan_ordered(scan);
	index_close(irel, AccessShareLock);
	table_close(rel, AccessShareLock);
	return records;
}

/*
 * The last refreshes of a stream table, newest first, as a list of
 * RefreshRecord in the caller's memory context; max_rows -1: all of them.
 */
List *
pgt_read_history(int64 pgt_id, int max_rows)
{
	return read_history(pgt_id, max_rows, BackwardScanDirection, DT_NOBEGIN);
}

/*
 * Those that ended at "since" or later; older ones are not read.
 */
List *
pgt_read_history_since(int64 pgt_id, TimestampTz since)
{
	return read_history(pgt_id, -1, BackwardScanDirection, since);
}

/* ---- forgetting ---- */

/* What ended before is deleted; 0: nothing is. */
static TimestampTz
oldest_to_keep(void)
{
	if (pgt_history_retention < 0)
		return 0;

	return GetCurrentTimestamp() -
		   (TimestampTz) pgt_history_retention * 60 * USECS_PER_SEC;
}

static bool
is_older(HeapTuple tuple, TupleDesc desc, TimestampTz limit)
{
	bool isnull;
	Datum end = heap_getattr(tuple, Anum_end_time, desc, &isnull);

	return DatumGetTimestampTz(end) < limit;
}

/*
 * See catalog.h.  Rows of one stream table are in the order of time, and
 * nobody else deletes them: who drops it locks the table, and so do we.
 */
int64
pgt_prune_stream_history(int64 pgt_id, int64 max_rows)
{
	TimestampTz limit = oldest_to_keep();
	Relation rel = table_open(pgt_catalog_oid(TABLE_HISTORY), RowExclusiveLock);
	Relation irel = index_open(pgt_catalog_oid(INDEX_HISTORY), AccessShareLock);
	int64 n = 0;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pgt_id));
	scan = systable_beginscan_ordered(rel, irel, NULL, 1, &key);
	while (n < max_rows)
	{
		tuple = systable_getnext_ordered(scan, ForwardScanDirection);
		if (!HeapTupleIsValid(tuple) ||
			!is_older(tuple, RelationGetDescr(rel), limit))
			break;
		CatalogTupleDelete(rel, &tuple->t_self);
		n++;
	}
	systable_endscan_ordered(scan);
	index_close(irel, AccessShareLock);
	table_close(rel, NoLock);
	if (n > 0)
		CommandCounterIncrement();
	return n;
}

/* Is there anything to delete?  Costs no lock. */
static bool
has_old_history(int64 pgt_id)
{
	List *oldest = read_history(pgt_id, 1, ForwardScanDirection,
								DT_NOBEGIN);

	return oldest != NIL &&
		   ((RefreshRecord *) linitial(oldest))->end_time < oldest_to_keep();
}

/*
 * See catalog.h.
 */
int64
pgt_prune_history(int64 max_rows)
{
	int64 n = 0;
	ListCell *lc;

	foreach (lc, pgt_all_streams())
	{
		StreamTable *st = lfirst(lc);

		if (n >= max_rows)
			break;
		if (has_old_history(st->pgt_id) &&
			pgt_try_lock_stream(st->pgt_id) &&
			ConditionalLockRelationOid(st->relid, AccessShareLock))
			n += pgt_prune_stream_history(st->pgt_id, max_rows - n);
	}

	return n;
}

/* ---- ids ---- */

static int64
last_history_id(void)
{
	Relation rel = table_open(pgt_catalog_oid(TABLE_HISTORY), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	int64 last = 0;
	bool isnull;
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		last = Max(last, DatumGetInt64(heap_getattr(tuple, Anum_refresh_id,
													RelationGetDescr(rel),
													&isnull)));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return last;
}

/*
 * See catalog.h.
 */
void
pgt_repair_history_ids(void)
{
	int64 last = last_history_id();

	while (pgt_next_id(SEQUENCE_HISTORY) < last)
		CHECK_FOR_INTERRUPTS();
}
