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
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg_trickle/command.h"

#include "health.h"

PG_FUNCTION_INFO_V1(pgt_sql_status);
PG_FUNCTION_INFO_V1(pgt_sql_stream_tables_info);
PG_FUNCTION_INFO_V1(pgt_sql_get_staleness);
PG_FUNCTION_INFO_V1(pgt_sql_version);

/*
 * pgt_status() returns setof record: one row per stream table that the user
 * may see; the text of errors is for owners.
 */
Datum
pgt_sql_status(PG_FUNCTION_ARGS)
{
	Ages *ages = pgt_ages();
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
		pgt_add_interval(&row, pgt_age(ages, st));
		pgt_add_time(&row, st->last_refresh_at);
		pgt_add_text(&row, pgt_may_see_all(st) ? st->last_error : NULL);
		pgt_add_int8(&row, st->pgt_id);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}

static void
add_owner(AnswerRow *row, Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	char *name = NULL;

	if (HeapTupleIsValid(tuple))
	{
		name = GetUserNameFromId(((Form_pg_class) GETSTRUCT(tuple))->relowner,
								 true);
		ReleaseSysCache(tuple);
	}
	if (name == NULL)
		pgt_add_null(row);
	else
		pgt_add_datum(row, DirectFunctionCall1(namein, CStringGetDatum(name)));
}

static void
put_info(FunctionCallInfo fcinfo, Ages *ages, DagNode *node)
{
	const StreamTable *st = node->st;
	const StreamOptions *options = &st->options;
	bool all = pgt_may_see_all(st);
	AnswerRow row = {0};

	pgt_add_relation(&row, st->relid);
	pgt_add_int8(&row, st->pgt_id);
	add_owner(&row, st->relid);
	pgt_add_text(&row, pgt_status_name(st->status));
	pgt_add_text(&row, pgt_mode_name(st->mode));
	pgt_add_text(&row, st->schedule);
	pgt_add_text(&row, pgt_tier_name(options->tier));
	pgt_add_bool(&row, st->is_populated);
	pgt_add_time(&row, st->data_timestamp);
	pgt_add_interval(&row, pgt_age(ages, st));
	pgt_add_bool(&row, pgt_is_late(ages, node));
	pgt_add_time(&row, st->last_refresh_at);
	pgt_add_int4(&row, st->consecutive_errors);
	pgt_add_text(&row, all ? st->last_error : NULL);
	pgt_add_time(&row, st->retry_at);
	if (options->fuse_ceiling > 0)
		pgt_add_int8(&row, options->fuse_ceiling);
	else
		pgt_add_null(&row);
	pgt_add_time(&row, st->fuse_blown_at);
	pgt_add_text(&row,
				 pgt_diamond_consistency_name(options->diamond_consistency));
	pgt_add_text(&row, pgt_diamond_policy_name(options->diamond_policy));
	pgt_add_text(&row, all && pgt_try_lock_query(st) ?
						   pgt_current_query_text(st) :
						   NULL);
	pgt_put_row(fcinfo, &row);
}

/*
 * stream_tables_info() returns setof record: all that the user may know of the
 * stream tables that it may see; query and error are for owners.
 */
Datum
pgt_sql_stream_tables_info(PG_FUNCTION_ARGS)
{
	Dag *dag = pgt_whole_dag();
	Ages *ages = pgt_ages();
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, dag->nodes)
	{
		DagNode *node = lfirst(lc);

		if (node->st != NULL && pgt_may_see(node->st))
			put_info(fcinfo, ages, node);
	}

	return (Datum) 0;
}

/*
 * get_staleness(name text) returns double precision: how far the content may
 * be behind its sources, in seconds; NULL if it was never filled.
 */
Datum
pgt_sql_get_staleness(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_visible_stream(fcinfo);
	int64 age = pgt_age(pgt_ages(), st);

	if (age < 0)
		PG_RETURN_NULL();

	PG_RETURN_FLOAT8(age / 1000000.0);
}

/*
 * See monitor.h; palloc'd.
 */
char *
pgt_extension_version(void)
{
	Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	Datum version = (Datum) 0;
	bool isnull = true;
	char *found = NULL;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(get_extension_oid("pg_trickle", false)));
	scan = systable_beginscan(extensions, ExtensionOidIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		version = heap_getattr(tuple, Anum_pg_extension_extversion,
							   RelationGetDescr(extensions), &isnull);
	if (!isnull)
		found = TextDatumGetCString(version);
	systable_endscan(scan);
	table_close(extensions, AccessShareLock);
	return found;
}

/*
 * version() returns text.
 */
Datum
pgt_sql_version(PG_FUNCTION_ARGS)
{
	char *version = pgt_extension_version();

	if (version == NULL)
		PG_RETURN_NULL();

	PG_RETURN_TEXT_P(cstring_to_text(version));
}
