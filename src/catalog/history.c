/*-------------------------------------------------------------------------
 *
 * history.c
 *	  Rows of pgt_refresh_history.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
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
 * Store what a refresh did; it is rolled back with the refresh.
 */
void
pgt_insert_history(const RefreshRecord *r)
{
	Datum values[Natts_history];
	bool nulls[Natts_history] = {0};

	values[Anum_refresh_id - 1] = Int64GetDatum(pgt_next_id(SEQUENCE_HISTORY));
	values[Anum_id - 1] = Int64GetDatum(r->pgt_id);
	values[Anum_data_timestamp - 1] = TimestampTzGetDatum(r->data_timestamp);
	values[Anum_start_time - 1] = TimestampTzGetDatum(r->start_time);
	values[Anum_end_time - 1] = TimestampTzGetDatum(r->end_time);
	values[Anum_action - 1] = CStringGetTextDatum(r->action);
	values[Anum_rows_inserted - 1] = Int64GetDatum(r->rows_inserted);
	values[Anum_rows_deleted - 1] = Int64GetDatum(r->rows_deleted);
	values[Anum_delta_row_count - 1] = Int64GetDatum(r->delta_row_count);
	values[Anum_duration_ms - 1] =
		Float8GetDatum((r->end_time - r->start_time) / 1000.0);
	values[Anum_status - 1] = CStringGetTextDatum("COMPLETED");
	nulls[Anum_error_message - 1] = true;
	values[Anum_initiated_by - 1] = CStringGetTextDatum(r->initiated_by);
	values[Anum_reason - 1] = CStringGetTextDatum(r->reason);
	pgt_insert_row(TABLE_HISTORY, values, nulls);
}
