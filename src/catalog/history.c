/*-------------------------------------------------------------------------
 *
 * history.c
 *	  Rows of pgt_refresh_history.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"

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
 * The last refreshes of a stream table, newest first, as a list of
 * RefreshRecord in the caller's memory context; max_rows -1: all of them.
 */
List *
pgt_read_history(int64 pgt_id, int max_rows)
{
	Relation rel = table_open(pgt_catalog_oid(TABLE_HISTORY), AccessShareLock);
	Relation irel = index_open(pgt_catalog_oid(INDEX_HISTORY), AccessShareLock);
	List *records = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pgt_id));
	scan = systable_beginscan_ordered(rel, irel, NULL, 1, &key);
	while (max_rows < 0 || list_length(records) < max_rows)
	{
		tuple = systable_getnext_ordered(scan, BackwardScanDirection);
		if (!HeapTupleIsValid(tuple))
			break;
		records = lappend(records, form_record(tuple, RelationGetDescr(rel)));
	}
	systable_endscan_ordered(scan);
	index_close(irel, AccessShareLock);
	table_close(rel, AccessShareLock);
	return records;
}
