/*-------------------------------------------------------------------------
 *
 * refresh_sql.c
 *	  refresh_stream_table() and its kin, as SQL calls them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"

PG_FUNCTION_INFO_V1(pgt_sql_refresh);
PG_FUNCTION_INFO_V1(pgt_sql_refresh_if_stale);
PG_FUNCTION_INFO_V1(pgt_sql_write_and_refresh);

static void
refresh(text *name, const char *reason)
{
	StreamTable *st = pgt_stream_by_name(name, AccessShareLock, true);

	pgt_note_gates(st);
	(void) pgt_refresh(st->relid, &(RefreshRequest){
									  .initiated_by = "MANUAL",
									  .reason = reason,
								  });
}

/*
 * refresh_stream_table(name text) returns void
 */
Datum
pgt_sql_refresh(PG_FUNCTION_ARGS)
{
	pgt_require_argument(fcinfo, 0, "name");
	refresh(PG_GETARG_TEXT_PP(0), "requested");
	PG_RETURN_VOID();
}

/*
 * refresh_if_stale(name text, max_age interval) returns bool: whether it was
 * stale, that is, last refreshed longer ago than max_age or never.
 */
Datum
pgt_sql_refresh_if_stale(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	StreamTable *st;
	TimestampTz limit;

	pgt_require_argument(fcinfo, 1, "max_age");
	st = pgt_stream_argument(fcinfo, AccessShareLock, true);
	limit = DatumGetTimestampTz(
		DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(now),
							PG_GETARG_DATUM(1)));
	if (limit > now)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("max_age of refresh_if_stale() must not be negative"),
				errhint("With 0 it refreshes in any case."));
	if (st->is_populated && st->data_timestamp >= limit)
		PG_RETURN_BOOL(false);

	refresh(PG_GETARG_TEXT_PP(0), "stale");
	PG_RETURN_BOOL(true);
}

/*
 * write_and_refresh(sql text, stream_table_name text) returns void: the
 * statement runs with the rights of the caller, then the stream table is
 * refreshed, in one transaction.
 */
Datum
pgt_sql_write_and_refresh(PG_FUNCTION_ARGS)
{
	char *sql = pgt_required_text(fcinfo, 0, "sql");
	int result;

	pgt_require_argument(fcinfo, 1, "stream_table_name");
	(void) pgt_stream_by_name(PG_GETARG_TEXT_PP(1), AccessShareLock, true);
	SPI_connect();
	result = SPI_execute(sql, false, 0);
	if (result < 0)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("cannot run this statement before a refresh"),
				errdetail("It begins or ends a transaction, or copies from or to the client."));
	SPI_finish();

	refresh(PG_GETARG_TEXT_PP(1), "write_and_refresh");
	PG_RETURN_VOID();
}
