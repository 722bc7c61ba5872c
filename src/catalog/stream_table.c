/*-------------------------------------------------------------------------
 *
 * stream_table.c
 *	  Rows of pgt_stream_tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg_trickle/arrays.h"
#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/wake.h"

/* The order of sql/install/20_catalog.sql. */
enum
{
	Anum_id = 1,
	Anum_revision,
	Anum_relid,
	Anum_query_relid,
	Anum_defining_query,
	Anum_original_query,
	Anum_timezone,
	Anum_schedule,
	Anum_mode,
	Anum_status,
	Anum_is_populated,
	Anum_key_columns,
	Anum_data_timestamp,
	Anum_frontier,
	Anum_meaning,
	Anum_last_refresh_at,
	Anum_consecutive_errors,
	Anum_last_error,
	Anum_delta_ms_per_row,
	Anum_full_ms,
	Anum_full_cost,
	Anum_created_at,
	Anum_updated_at,
	Anum_tier,
	Anum_diamond_consistency,
	Anum_diamond_policy,
	Anum_fuse_ceiling,
	Anum_fuse_blown_at,
	Anum_retry_at,
	Anum_delta_ms,
	Anum_date_style,
	Anum_text_search_config,
	Natts_streams = Anum_text_search_config,
};

static const char *const mode_names[] = {
	[MODE_AUTO] = "AUTO",
	[MODE_DIFFERENTIAL] = "DIFFERENTIAL",
	[MODE_FULL] = "FULL",
};

static const char *const status_names[] = {
	[STREAM_INITIALIZING] = "INITIALIZING",
	[STREAM_ACTIVE] = "ACTIVE",
	[STREAM_SUSPENDED] = "SUSPENDED",
	[STREAM_ERROR] = "ERROR",
};

/*
 * The name of a refresh mode, as users write it.
 */
const char *
pgt_mode_name(RefreshMode mode)
{
	return mode_names[mode];
}

/*
 * The name of a status, as users see it.
 */
const char *
pgt_status_name(StreamStatus status)
{
	return status_names[status];
}

/*
 * The refresh mode of that name, in any case; error 22023 (or 0A000 for the
 * one that does not exist yet).
 */
RefreshMode
pgt_parse_mode(const char *name)
{
	int mode = pgt_find_name(mode_names, lengthof(mode_names), name);

	if (pg_strcasecmp(name, "IMMEDIATE") == 0)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("refresh mode \"IMMEDIATE\" is not available yet"),
				errhint("Use refresh_mode => 'AUTO' with schedule => '0s', to have it refreshed after each commit, or write_and_refresh() to refresh within a transaction."));
	if (mode < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized refresh mode: \"%s\"", name),
				errhint("Available modes: AUTO, DIFFERENTIAL, FULL."));

	return (RefreshMode) mode;
}

/*
 * The status of that name, in any case; error 22023.
 */
StreamStatus
pgt_parse_status(const char *name)
{
	int status = pgt_find_name(status_names, lengthof(status_names), name);

	if (status < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized status: \"%s\"", name),
				errhint("Available values: ACTIVE, SUSPENDED."));

	return (StreamStatus) status;
}

/* ---- what the scheduler goes by ---- */

/* The text of the schedule must not change in its place. */
static ScheduledAs
scheduled_as(const StreamTable *st)
{
	return (ScheduledAs){
		.schedule = st->schedule,
		.is_populated = st->is_populated,
		.held = st->status == STREAM_SUSPENDED || st->fuse_blown_at != 0,
		.consecutive_errors = st->consecutive_errors,
		.retry_at = st->retry_at,
		.tier = st->options.tier,
		.diamond_consistency = st->options.diamond_consistency,
		.diamond_policy = st->options.diamond_policy,
	};
}

/*
 * Only the refreshes that the scheduler has ordered add to errors and waits,
 * and it has that from their results; that they have ended it learns here.
 */
static bool
errors_have_ended(const ScheduledAs *before, const ScheduledAs *after)
{
	return after->consecutive_errors < before->consecutive_errors ||
		   after->retry_at < before->retry_at;
}

/*
 * The row is written: tell the scheduler if that is news.  A refresh without
 * a past writes nothing of this, so that it costs the scheduler nothing.
 */
static void
tell_scheduler(StreamTable *st)
{
	ScheduledAs before = st->scheduled;
	ScheduledAs after = scheduled_as(st);

	st->scheduled = after;
	if (strcmp(before.schedule, after.schedule) != 0 ||
		before.is_populated != after.is_populated ||
		before.held != after.held ||
		errors_have_ended(&before, &after) ||
		before.tier != after.tier ||
		before.diamond_consistency != after.diamond_consistency ||
		before.diamond_policy != after.diamond_policy)
		pgt_wake_for(WAKE_CATALOG);
}

/* ---- rows ---- */

static TimestampTz
timestamp_or_zero(const Datum *values, const bool *nulls, AttrNumber attno)
{
	return nulls[attno - 1] ? 0 : DatumGetTimestampTz(values[attno - 1]);
}

static double
float_or_zero(const Datum *values, const bool *nulls, AttrNumber attno)
{
	return nulls[attno - 1] ? 0 : DatumGetFloat8(values[attno - 1]);
}

static void
read_options(StreamOptions *options, const Datum *values, const bool *nulls)
{
	options->tier = pgt_parse_tier(TextDatumGetCString(values[Anum_tier - 1]));
	options->diamond_consistency = pgt_parse_diamond_consistency(
		TextDatumGetCString(values[Anum_diamond_consistency - 1]));
	options->diamond_policy = pgt_parse_diamond_policy(
		TextDatumGetCString(values[Anum_diamond_policy - 1]));
	options->fuse_ceiling = nulls[Anum_fuse_ceiling - 1] ?
								0 :
								DatumGetInt64(values[Anum_fuse_ceiling - 1]);
}

/* Where they are stored. */
static const AttrNumber setting_columns[NUM_CREATOR_SETTINGS] = {
	[CREATOR_TIMEZONE] = Anum_timezone,
	[CREATOR_DATE_STYLE] = Anum_date_style,
	[CREATOR_TEXT_SEARCH] = Anum_text_search_config,
};

static void
read_settings(CreatorSettings *settings, const Datum *values,
			  const bool *nulls)
{
	for (int i = 0; i < NUM_CREATOR_SETTINGS; i++)
	{
		AttrNumber attno = setting_columns[i];

		settings->values[i] = nulls[attno - 1] ?
								  pstrdup(pgt_creator_setting_default(i)) :
								  TextDatumGetCString(values[attno - 1]);
	}
}

static void *
form_stream(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	StreamTable *st = palloc0(sizeof(StreamTable));

	st->xmin = HeapTupleHeaderGetXmin(tuple->t_data);
	st->pgt_id = DatumGetInt64(values[Anum_id - 1]);
	st->revision = DatumGetInt64(values[Anum_revision - 1]);
	st->relid = DatumGetObjectId(values[Anum_relid - 1]);
	st->query_relid = DatumGetObjectId(values[Anum_query_relid - 1]);
	st->defining_query = TextDatumGetCString(values[Anum_defining_query - 1]);
	st->original_query = TextDatumGetCString(values[Anum_original_query - 1]);
	read_settings(&st->settings, values, nulls);
	st->schedule = TextDatumGetCString(values[Anum_schedule - 1]);
	st->mode = pgt_parse_mode(TextDatumGetCString(values[Anum_mode - 1]));
	st->status = pgt_parse_status(TextDatumGetCString(values[Anum_status - 1]));
	st->is_populated = DatumGetBool(values[Anum_is_populated - 1]);
	st->keyed = !nulls[Anum_key_columns - 1];
	if (st->keyed)
		st->keys = pgt_int2_members(values[Anum_key_columns - 1], &st->nkeys);
	st->data_timestamp = timestamp_or_zero(values, nulls, Anum_data_timestamp);
	if (!nulls[Anum_frontier - 1])
		st->frontier = pgt_frontier_from_jsonb(values[Anum_frontier - 1]);
	if (!nulls[Anum_meaning - 1])
		st->meaning = TextDatumGetCString(values[Anum_meaning - 1]);
	st->last_refresh_at =
		timestamp_or_zero(values, nulls, Anum_last_refresh_at);
	st->consecutive_errors = DatumGetInt32(values[Anum_consecutive_errors - 1]);
	if (!nulls[Anum_last_error - 1])
		st->last_error = TextDatumGetCString(values[Anum_last_error - 1]);
	st->delta_ms_per_row = float_or_zero(values, nulls, Anum_delta_ms_per_row);
	st->full_ms = float_or_zero(values, nulls, Anum_full_ms);
	st->full_cost = float_or_zero(values, nulls, Anum_full_cost);
	st->delta_ms = float_or_zero(values, nulls, Anum_delta_ms);
	read_options(&st->options, values, nulls);
	st->fuse_blown_at = timestamp_or_zero(values, nulls, Anum_fuse_blown_at);
	st->retry_at = timestamp_or_zero(values, nulls, Anum_retry_at);
	st->scheduled = scheduled_as(st);
	return st;
}

static void
set_or_null(Datum *values, bool *nulls, AttrNumber attno, bool is_set,
			Datum value)
{
	nulls[attno - 1] = !is_set;
	values[attno - 1] = is_set ? value : (Datum) 0;
}

static void
set_text_or_null(Datum *values, bool *nulls, AttrNumber attno,
				 const char *text)
{
	set_or_null(values, nulls, attno, text != NULL,
				text == NULL ? (Datum) 0 : CStringGetTextDatum(text));
}

static void
fill_options(const StreamOptions *options, Datum *values, bool *nulls)
{
	values[Anum_tier - 1] = CStringGetTextDatum(pgt_tier_name(options->tier));
	values[Anum_diamond_consistency - 1] = CStringGetTextDatum(
		pgt_diamond_consistency_name(options->diamond_consistency));
	values[Anum_diamond_policy - 1] =
		CStringGetTextDatum(pgt_diamond_policy_name(options->diamond_policy));
	set_or_null(values, nulls, Anum_fuse_ceiling, options->fuse_ceiling > 0,
				Int64GetDatum(options->fuse_ceiling));
}

/* All columns of the row but created_at. */
static void
fill_row(const StreamTable *st, Datum *values, bool *nulls)
{
	memset(nulls, 0, sizeof(bool) * Natts_streams);
	values[Anum_id - 1] = Int64GetDatum(st->pgt_id);
	values[Anum_revision - 1] = Int64GetDatum(st->revision);
	values[Anum_relid - 1] = ObjectIdGetDatum(st->relid);
	values[Anum_query_relid - 1] = ObjectIdGetDatum(st->query_relid);
	values[Anum_defining_query - 1] = CStringGetTextDatum(st->defining_query);
	values[Anum_original_query - 1] = CStringGetTextDatum(st->original_query);
	for (int i = 0; i < NUM_CREATOR_SETTINGS; i++)
		values[setting_columns[i] - 1] =
			CStringGetTextDatum(st->settings.values[i]);
	values[Anum_schedule - 1] = CStringGetTextDatum(st->schedule);
	values[Anum_mode - 1] = CStringGetTextDatum(pgt_mode_name(st->mode));
	values[Anum_status - 1] = CStringGetTextDatum(pgt_status_name(st->status));
	values[Anum_is_populated - 1] = BoolGetDatum(st->is_populated);
	set_or_null(values, nulls, Anum_key_columns, st->keyed,
				st->keyed ? pgt_int2_array(st->nkeys, st->keys) : (Datum) 0);
	set_or_null(values, nulls, Anum_data_timestamp, st->data_timestamp != 0,
				TimestampTzGetDatum(st->data_timestamp));
	set_or_null(values, nulls, Anum_frontier, st->frontier != NULL,
				st->frontier ? pgt_frontier_to_jsonb(st->frontier) : (Datum) 0);
	set_or_null(values, nulls, Anum_last_refresh_at, st->last_refresh_at != 0,
				TimestampTzGetDatum(st->last_refresh_at));
	values[Anum_consecutive_errors - 1] = Int32GetDatum(st->consecutive_errors);
	set_text_or_null(values, nulls, Anum_last_error, st->last_error);
	set_text_or_null(values, nulls, Anum_meaning, st->meaning);
	set_or_null(values, nulls, Anum_delta_ms, st->delta_ms > 0,
				Float8GetDatum(st->delta_ms));
	set_or_null(values, nulls, Anum_delta_ms_per_row,
				st->delta_ms_per_row > 0,
				Float8GetDatum(st->delta_ms_per_row));
	set_or_null(values, nulls, Anum_full_ms, st->full_ms > 0,
				Float8GetDatum(st->full_ms));
	set_or_null(values, nulls, Anum_full_cost, st->full_cost > 0,
				Float8GetDatum(st->full_cost));
	values[Anum_updated_at - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	fill_options(&st->options, values, nulls);
	set_or_null(values, nulls, Anum_fuse_blown_at, st->fuse_blown_at != 0,
				TimestampTzGetDatum(st->fuse_blown_at));
	set_or_null(values, nulls, Anum_retry_at, st->retry_at != 0,
				TimestampTzGetDatum(st->retry_at));
}

/*
 * The stream table stored in relation "relid", in the caller's memory
 * context.  If there is none: NULL with "missing_ok", else error 42809.
 */
StreamTable *
pgt_lookup_stream(Oid relid, bool missing_ok)
{
	ScanKeyData key;
	List *rows;

	if (missing_ok && !pgt_catalog_exists())
		return NULL;

	ScanKeyInit(&key, Anum_relid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	rows = pgt_scan_catalog(TABLE_STREAMS, INDEX_STREAMS_RELID, 1, &key,
							BackwardScanDirection, true, form_stream);
	if (rows == NIL && !missing_ok)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is not a stream table", get_rel_name(relid)));

	return rows == NIL ? NULL : linitial(rows);
}

/* That there is one is enough: the tuple does not outlive the scan. */
static void *
note_row(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	return tuple;
}

/*
 * Is there a stream table stored in relation "relid"?
 */
bool
pgt_is_stream_table(Oid relid)
{
	ScanKeyData key;

	if (!pgt_catalog_exists())
		return false;

	ScanKeyInit(&key, Anum_relid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	return pgt_scan_catalog(TABLE_STREAMS, INDEX_STREAMS_RELID, 1, &key,
							BackwardScanDirection, true, note_row) != NIL;
}

/*
 * The stream table with that id, in the caller's memory context.  If there
 * is none: NULL with "missing_ok", else error 42P01.
 */
StreamTable *
pgt_lookup_stream_by_id(int64 pgt_id, bool missing_ok)
{
	ScanKeyData key;
	List *rows;

	ScanKeyInit(&key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(pgt_id));
	rows = pgt_scan_catalog(TABLE_STREAMS, INDEX_STREAMS_ID, 1, &key,
							BackwardScanDirection, true, form_stream);
	if (rows == NIL && !missing_ok)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("stream table with id " INT64_FORMAT " does not exist",
					   pgt_id));

	return rows == NIL ? NULL : linitial(rows);
}

/*
 * All stream tables, by pgt_id, in the caller's memory context.
 */
List *
pgt_all_streams(void)
{
	return pgt_scan_catalog(TABLE_STREAMS, INDEX_STREAMS_ID, 0, NULL,
							ForwardScanDirection, false, form_stream);
}

static void *
form_relations(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	StreamTable *st = palloc0(sizeof(StreamTable));

	st->pgt_id = DatumGetInt64(values[Anum_id - 1]);
	st->relid = DatumGetObjectId(values[Anum_relid - 1]);
	st->query_relid = DatumGetObjectId(values[Anum_query_relid - 1]);
	return st;
}

/*
 * See catalog.h.
 */
List *
pgt_all_stream_relations(void)
{
	return pgt_scan_any_version(TABLE_STREAMS, form_relations);
}

/*
 * An id for a new stream table.
 */
int64
pgt_new_stream_id(void)
{
	return pgt_next_id(SEQUENCE_STREAMS);
}

/*
 * Store a new stream table, whose pgt_id is set; sets its revision.
 */
void
pgt_insert_stream(StreamTable *st)
{
	Datum values[Natts_streams];
	bool nulls[Natts_streams];

	st->revision = 1;
	fill_row(st, values, nulls);
	values[Anum_created_at - 1] = values[Anum_updated_at - 1];
	pgt_insert_row(TABLE_STREAMS, values, nulls);
	CacheInvalidateRelcacheByRelid(st->relid);
	st->scheduled = scheduled_as(st);
	pgt_wake_for(WAKE_CATALOG);
}

/*
 * Store a changed stream table as a new version of its row.
 */
void
pgt_update_stream(StreamTable *st)
{
	ScanKeyData key;
	Datum values[Natts_streams];
	bool nulls[Natts_streams];
	bool replace[Natts_streams];

	st->revision++;
	fill_row(st, values, nulls);
	memset(replace, true, sizeof(replace));
	replace[Anum_created_at - 1] = false;
	ScanKeyInit(&key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(st->pgt_id));
	pgt_update_row(TABLE_STREAMS, INDEX_STREAMS_ID, 1, &key, values, nulls,
				   replace);
	tell_scheduler(st);
}

/*
 * Forget a stream table: its row, dependencies, nodes and history.  Its
 * relations are dropped by the caller.
 */
void
pgt_delete_stream(int64 pgt_id)
{
	static const struct
	{
		CatalogObject table;
		CatalogObject index;
		AttrNumber id; /* the column that is pgt_id */
	} parts[] = {
		{TABLE_STREAMS, INDEX_STREAMS_ID, 1},
		{TABLE_DEPENDENCIES, INDEX_DEPENDENCIES, 1},
		{TABLE_NODES, INDEX_NODES, 1},
		{TABLE_HISTORY, INDEX_HISTORY, 2},
	};
	ScanKeyData key;

	for (size_t i = 0; i < lengthof(parts); i++)
	{
		ScanKeyInit(&key, parts[i].id, BTEqualStrategyNumber, F_INT8EQ,
					Int64GetDatum(pgt_id));
		pgt_delete_rows(parts[i].table, parts[i].index, 1, &key);
	}
	pgt_wake_for(WAKE_CATALOG);
}
