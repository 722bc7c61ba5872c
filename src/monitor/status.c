/*-------------------------------------------------------------------------
 *
 * status.c
 *	  How are the stream tables doing?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_status);
PG_FUNCTION_INFO_V1(pgt_sql_get_staleness);
PG_FUNCTION_INFO_V1(pgt_sql_version);

/* When it is, for the age of data; a refresh may end later than "now". */
static TimestampTz
now_or_later(const StreamTable *st)
{
	return Max(GetCurrentTimestamp(), st->data_timestamp);
}

static void
add_staleness(AnswerRow *row, const StreamTable *st)
{
	Datum now = TimestampTzGetDatum(now_or_later(st));
	Datum then = TimestampTzGetDatum(st->data_timestamp);

	if (st->data_timestamp == 0)
		pgt_add_null(row);
	else
		pgt_add_datum(row, DirectFunctionCall2(timestamp_mi, now, then));
}

/*
 * pgt_status() returns setof record: one row per stream table that the user
 * may see; the text of errors is for owners.
 */
Datum
pgt_sql_status(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_visible_streams())
	{
		StreamTable *st = lfirst(lc);
		AnswerRow row = {0};

		pgt_add_relation(&row, st->relid);
		pgt_add_text(&row, pgt_status_name(st->status));
		pgt_add_text(&row, pgt_mode_name(st->mode));
		pgt_add_bool(&row, st->is_populated);
		pgt_add_int4(&row, st->consecutive_errors);
		pgt_add_text(&row, st->schedule);
		pgt_add_time(&row, st->data_timestamp);
		add_staleness(&row, st);
		pgt_add_time(&row, st->last_refresh_at);
		pgt_add_text(&row, pgt_may_see_all(st) ? st->last_error : NULL);
		pgt_add_int8(&row, st->pgt_id);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}

/*
 * get_staleness(name text) returns double precision: the age of the data in
 * seconds; NULL if there never were any.
 */
Datum
pgt_sql_get_staleness(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_visible_stream(PG_GETARG_TEXT_PP(0));

	if (st->data_timestamp == 0)
		PG_RETURN_NULL();

	PG_RETURN_FLOAT8((now_or_later(st) - st->data_timestamp) / 1000000.0);
}

/*
 * version() returns text: of the extension, as created or updated in this
 * database.
 */
Datum
pgt_sql_version(PG_FUNCTION_ARGS)
{
	Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	Datum version = (Datum) 0;
	bool isnull = true;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(get_extension_oid("pg_trickle", false)));
	scan = systable_beginscan(extensions, ExtensionOidIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		version = heap_getattr(tuple, Anum_pg_extension_extversion,
							   RelationGetDescr(extensions), &isnull);
	if (!isnull)
		version = CStringGetTextDatum(TextDatumGetCString(version));
	systable_endscan(scan);
	table_close(extensions, AccessShareLock);

	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(version);
}
