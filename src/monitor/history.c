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
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg_trickle/command.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_get_refresh_history);
PG_FUNCTION_INFO_V1(pgt_sql_refresh_timeline);
PG_FUNCTION_INFO_V1(pgt_sql_refresh_stats);

static double
duration_ms(const RefreshRecord *record)
{
	return (record->end_time - record->start_time) / 1000.0;
}

static int
required_max_rows(FunctionCallInfo fcinfo, int argno)
{
	int max_rows;

	pgt_require_argument(fcinfo, argno, "max_rows");
	max_rows = PG_GETARG_INT32(argno);
	if (max_rows < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("max_rows must not be negative"));

	return max_rows;
}

/*
 * What a refresh did; errors, which may quote rows, and reasons, which name
 * parts of the query, are for owners.
 */
static void
add_outcome(AnswerRow *row, const RefreshRecord *record, bool is_owner)
{
	pgt_add_text(row, record->action);
	pgt_add_text(row, record->status);
	pgt_add_int8(row, record->rows_inserted);
	pgt_add_int8(row, record->rows_deleted);
	pgt_add_int8(row, record->delta_row_count);
	pgt_add_float8(row, duration_ms(record));
	pgt_add_text(row, record->initiated_by);
	pgt_add_text(row, is_owner ? record->reason : NULL);
	pgt_add_text(row, is_owner ? record->error : NULL);
}

/*
 * get_refresh_history(name text, max_rows int) returns setof record: the last
 * refreshes, newest first.
 */
Datum
pgt_sql_get_refresh_history(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_visible_stream(fcinfo);
	int max_rows = required_max_rows(fcinfo, 1);
	bool all = pgt_may_see_all(st);
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_read_history(st->pgt_id, max_rows))
	{
		RefreshRecord *record = lfirst(lc);
		AnswerRow row = {0};

		pgt_add_int8(&row, record->refresh_id);
		pgt_add_time(&row, record->data_timestamp);
		pgt_add_time(&row, record->start_time);
		pgt_add_time(&row, record->end_time);
		add_outcome(&row, record, all);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}

/* ---- all stream tables ---- */

/* The history of one of them, newest first. */
typedef struct Track
{
	const StreamTable *st;
	List *records; /* of RefreshRecord; only the first, to begin with */
	int next;
} Track;

static int64
next_id(const Track *track)
{
	const RefreshRecord *record = list_nth(track->records, track->next);

	return record->refresh_id;
}

/* The one with the newest refresh first. */
static int
compare_tracks(const ListCell *a, const ListCell *b)
{
	int64 x = next_id(lfirst(a));
	int64 y = next_id(lfirst(b));

	return x < y ? 1 : x > y ? -1 :
							   0;
}

static List *
begin_tracks(void)
{
	List *tracks = NIL;
	ListCell *lc;

	foreach (lc, pgt_visible_streams())
	{
		Track *track = palloc0(sizeof(Track));

		track->st = lfirst(lc);
		track->records = pgt_read_history(track->st->pgt_id, 1);
		if (track->records != NIL)
			tracks = lappend(tracks, track);
	}
	list_sort(tracks, compare_tracks);
	return tracks;
}

/*
 * Of those whose last refresh may be among the newest, the one that has the
 * newest which was not taken yet; NULL: there is none.
 */
static Track *
newest_track(List *tracks)
{
	Track *newest = NULL;
	ListCell *lc;

	foreach (lc, tracks)
	{
		Track *track = lfirst(lc);

		if (track->next < list_length(track->records) &&
			(newest == NULL || next_id(track) > next_id(newest)))
			newest = track;
	}

	return newest;
}

static void
put_timeline(FunctionCallInfo fcinfo, const StreamTable *st,
			 const RefreshRecord *record)
{
	bool all = pgt_may_see_all(st);
	AnswerRow row = {0};

	pgt_add_time(&row, record->start_time);
	pgt_add_time(&row, record->end_time);
	pgt_add_relation(&row, st->relid);
	add_outcome(&row, record, all);
	pgt_put_row(fcinfo, &row);
}

/*
 * refresh_timeline(max_rows int) returns setof record: the last refreshes of
 * all stream tables that the user may see, newest first.  Reads one row per
 * stream table, and max_rows of each of those that are among the newest.
 */
Datum
pgt_sql_refresh_timeline(PG_FUNCTION_ARGS)
{
	int max_rows = required_max_rows(fcinfo, 0);
	List *tracks = begin_tracks();
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	tracks = list_truncate(tracks, max_rows);
	foreach (lc, tracks)
	{
		Track *track = lfirst(lc);

		track->records = pgt_read_history(track->st->pgt_id, max_rows);
	}

	for (int i = 0; i < max_rows; i++)
	{
		Track *track = newest_track(tracks);

		if (track == NULL)
			break;
		put_timeline(fcinfo, track->st,
					 list_nth(track->records, track->next++));
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
	int64 failed;
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
	else if (strcmp(record->action, "SKIP") == 0)
		stats->failed++;
	else
		stats->recomputed++;
	stats->rows_inserted += record->rows_inserted;
	stats->rows_deleted += record->rows_deleted;
	stats->total_ms += duration_ms(record);
	stats->max_ms = Max(stats->max_ms, duration_ms(record));
}

static void
put_stats(FunctionCallInfo fcinfo, const StreamTable *st,
		  const RefreshStats *stats)
{
	AnswerRow row = {0};

	pgt_add_relation(&row, st->relid);
	pgt_add_int8(&row, stats->refreshes);
	pgt_add_int8(&row, stats->differential);
	pgt_add_int8(&row, stats->recomputed);
	pgt_add_int8(&row, stats->no_data);
	pgt_add_int8(&row, stats->failed);
	pgt_add_int8(&row, stats->rows_inserted);
	pgt_add_int8(&row, stats->rows_deleted);
	if (stats->refreshes > 0)
		pgt_add_float8(&row, stats->total_ms / stats->refreshes);
	else
		pgt_add_null(&row);
	pgt_add_float8(&row, stats->max_ms);
	pgt_add_time(&row, st->last_refresh_at);
	pgt_put_row(fcinfo, &row);
}

/*
 * st_refresh_stats(since interval) returns setof record: one row per stream
 * table that the user may see, over the history that is kept, or that part of
 * it.  Reads that much of the history.
 */
Datum
pgt_sql_refresh_stats(PG_FUNCTION_ARGS)
{
	TimestampTz since = DT_NOBEGIN;
	ListCell *lc;
	ListCell *lc2;

	if (!PG_ARGISNULL(0))
	{
		Datum now = TimestampTzGetDatum(GetCurrentTimestamp());

		since = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
														now,
														PG_GETARG_DATUM(0)));
	}

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_visible_streams())
	{
		const StreamTable *st = lfirst(lc);
		RefreshStats stats = {0};

		foreach (lc2, pgt_read_history_since(st->pgt_id, since))
			count(&stats, lfirst(lc2));
		put_stats(fcinfo, st, &stats);
	}

	return (Datum) 0;
}
