/*-------------------------------------------------------------------------
 *
 * export.c
 *	  export_definition(): the SQL that creates a stream table as it is.
 *
 * A query is computed in the time zone in which it was created.  If that is
 * another one than the exporting session's, the SQL sets it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "pg_trickle/command.h"
#include "pg_trickle/sql.h"

PG_FUNCTION_INFO_V1(pgt_sql_export_definition);

static void
append_argument(StringInfo sql, const char *name, const char *value)
{
	appendStringInfo(sql, "\t%s => %s", name, quote_literal_cstr(value));
}

static void
append_create(StringInfo sql, const StreamTable *st)
{
	appendStringInfoString(sql, "SELECT pgtrickle.create_stream_table(\n");
	append_argument(sql, "name", pgt_relation_text(st->relid));
	appendStringInfoString(sql, ",\n");
	append_argument(sql, "query", pgt_current_query_text(st));
	appendStringInfoString(sql, ",\n");
	append_argument(sql, "schedule", st->schedule);
	appendStringInfoString(sql, ",\n");
	append_argument(sql, "refresh_mode", pgt_mode_name(st->mode));
	if (!st->is_populated)
		appendStringInfoString(sql, ",\n\tinitialize => false");
	appendStringInfoString(sql, ");\n");
}

static void
append_status(StringInfo sql, const StreamTable *st)
{
	if (st->status != STREAM_SUSPENDED)
		return;

	appendStringInfoString(sql, "SELECT pgtrickle.alter_stream_table(\n");
	append_argument(sql, "name", pgt_relation_text(st->relid));
	appendStringInfoString(sql, ",\n");
	append_argument(sql, "status", pgt_status_name(st->status));
	appendStringInfoString(sql, ");\n");
}

/*
 * export_definition(name text) returns text.  The names in it are those of
 * today, all qualified, so that it can be run under any search_path.
 */
Datum
pgt_sql_export_definition(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_stream_by_name(PG_GETARG_TEXT_PP(0),
										 AccessShareLock, true);
	bool other_zone = strcmp(st->timezone,
							 GetConfigOption("TimeZone", false, false)) != 0;
	StringInfoData sql;

	initStringInfo(&sql);
	if (other_zone)
		appendStringInfo(&sql, "SET TimeZone = %s;\n",
						 quote_literal_cstr(st->timezone));
	append_create(&sql, st);
	append_status(&sql, st);
	if (other_zone)
		appendStringInfoString(&sql, "RESET TimeZone;\n");
	PG_RETURN_TEXT_P(cstring_to_text(sql.data));
}
