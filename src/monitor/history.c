/*-------------------------------------------------------------------------
 *
 * history.c
 *	  What have refreshes done?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_get_refresh_history);
PG_FUNCTION_INFO_V1(pgt_sql_refresh_stats);

static double
duration_ms(const RefreshRecord *record)
{
	return (record->end_time - record->start_time) / 1000.0;
}

/*
 * get_refresh_history(name text, max_rows int) returns setof record: the last
 * refreshes, newest first; the text of errors is for owners.
 */
Datum
pgt_sql_get_refresh_history(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_visible_stream(PG_GETARG_TEXT_PP(0));
	int max_rows = PG_GETARG_INT32(1);
	bool all = pgt_may_see_all(st);
	ListCell *lc;

	if (max_rows < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("max_rows must not be negative"));

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_read_history(st->pgt_id, max_rows))
	{
		RefreshRecord *record = lfirst(lc);
		AnswerRow row = {0};

		pgt_add_int8(&row, record->refresh_id);
		pgt_add_time(&row, record->data_timestamp);
		pgt_add_time(&row, record->start_time);
		pgt_add_time(&row, record->end_time);
		pgt_add_text(&row, record->action);
		pgt_add_text(&row, record->status);
		pgt_add_int8(&row, record->rows_inserted);
		pgt_add_int8(&row, record->rows_deleted);
		pgt_add_int8(&row, record->delta_row_count);
		pgt_add_float8(&row, duration_ms(record));
		pgt_add_text(&row, record->initiated_by);
		pgt_add_text(&row, all ? record->reason : NULL);
		pgt_add_text(&row, all ? record->error : NULL);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}

/* ---- statistics ---- */

typedef struct RefreshStats
{
	int64 refreshes;
	int64 differential;
	int64 recomputed;
	int64 no_data;
	int64 rows_inserted;
	int64 rows_deleted;
	double total_ms;
	double max_ms;
} RefreshStats;

static void
count(RefreshStats *stats, const RefreshRecord *record)
{
	stats->refreshes++;
	if (strcmp(record->action, "DIFFERENTIAL") == 0)
		stats->differential++;
	else if (strcmp(record->action, "NO_DATA") == 0)
		stats->no_data++;
	else
		stats->recomputed++;
	stats->rows_inserted += record->rows_inserted;
	stats->rows_deleted += record->rows_deleted;
	stats->total_ms += duration_ms(record);
	stats->max_ms = Max(stats->max_ms, duration_ms(record));
}

/*
 * st_refresh_stats() returns setof record: one row per stream table that the
 * user may see, over the history that is kept.
 */
Datum
pgt_sql_refresh_stats(PG_FUNCTION_ARGS)
{
	ListCell *lc;
	ListCell *lc2;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_visible_streams())
	{
		StreamTable *st = lfirst(lc);
		RefreshStats stats = {0};
		AnswerRow row = {0};

		foreach (lc2, pgt_read_history(st->pgt_id, -1))
			count(&stats, lfirst(lc2));

		pgt_add_relation(&row, st->relid);
		pgt_add_int8(&row, stats.refreshes);
		pgt_add_int8(&row, stats.differential);
		pgt_add_int8(&row, stats.recomputed);
		pgt_add_int8(&row, stats.no_data);
		pgt_add_int8(&row, stats.rows_inserted);
		pgt_add_int8(&row, stats.rows_deleted);
		if (stats.refreshes > 0)
			pgt_add_float8(&row, stats.total_ms / stats.refreshes);
		else
			pgt_add_null(&row);
		pgt_add_float8(&row, stats.max_ms);
		pgt_add_time(&row, st->last_refresh_at);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}
