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
append_next(StringInfo sql, const char *name, const char *value)
{
	appendStringInfoString(sql, ",\n");
	append_argument(sql, name, value);
}

/* Those that are not the default. */
static void
append_options(StringInfo sql, const StreamOptions *options)
{
	DiamondConsistency consistency = options->diamond_consistency;

	if (consistency != DIAMOND_NONE)
		append_next(sql, "diamond_consistency",
					pgt_diamond_consistency_name(consistency));
	if (options->diamond_policy != DIAMOND_FASTEST)
		append_next(sql, "diamond_schedule_policy",
					pgt_diamond_policy_name(options->diamond_policy));
	if (options->tier != TIER_HOT)
		append_next(sql, "tier", pgt_tier_name(options->tier));
	if (options->fuse_ceiling > 0)
		appendStringInfo(sql, ",\n\tfuse_ceiling => " INT64_FORMAT,
						 options->fuse_ceiling);
}

static void
append_create(StringInfo sql, const StreamTable *st)
{
	appendStringInfoString(sql, "SELECT pgtrickle.create_stream_table(\n");
	append_argument(sql, "name", pgt_relation_text(st->relid));
	append_next(sql, "query", pgt_current_query_text(st));
	append_next(sql, "schedule", st->schedule);
	append_next(sql, "refresh_mode", pgt_mode_name(st->mode));
	append_options(sql, &st->options);
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
	append_next(sql, "status", pgt_status_name(st->status));
	appendStringInfoString(sql, ");\n");
}

/*
 * export_definition(name text) returns text.  The names in it are those of
 * today, all qualified, so that it can be run under any search_path.
 */
Datum
pgt_sql_export_definition(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_stream_argument(fcinfo, AccessShareLock, true);
	CreatorSettings here = pgt_creator_settings();
	StringInfoData sql;
	StringInfoData end;

	initStringInfo(&sql);
	initStringInfo(&end);
	for (int i = 0; i < NUM_CREATOR_SETTINGS; i++)
	{
		const char *name = pgt_creator_setting_name(i);

		if (st->settings.values[i][0] == '\0' ||
			strcmp(st->settings.values[i], here.values[i]) == 0)
			continue;
		appendStringInfo(&sql, "SET %s = %s;\n", name,
						 quote_literal_cstr(st->settings.values[i]));
		appendStringInfo(&end, "RESET %s;\n", name);
	}
	append_create(&sql, st);
	append_status(&sql, st);
	appendStringInfoString(&sql, end.data);
	PG_RETURN_TEXT_P(cstring_to_text(sql.data));
}
