/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  How is a stream table maintained, and why?
 *
 * All of it is read from the compiled form that a refresh would use; nothing
 * is worked out a second time.  Explaining takes no lock that would keep
 * refreshes waiting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/sql.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_explain_st);
PG_FUNCTION_INFO_V1(pgt_sql_explain_delta);
PG_FUNCTION_INFO_V1(pgt_sql_explain_refresh_mode);

/* The stream table that is named, as a refresh would compile it. */
static StreamTable *
compile_argument(FunctionCallInfo fcinfo, Compiled **compiled)
{
	StreamTable *st = pgt_stream_argument(fcinfo, AccessShareLock, true);

	pgt_lock_stream(st->pgt_id, AccessShareLock);
	*compiled = pgt_compile(st);
	return st;
}

/* ---- why ---- */

static char *
obstacle_text(const Obstacle *obstacle)
{
	return psprintf(obstacle->detail != NULL ? "no delta rule for %s: %s" :
											   "no delta rule for %s",
					obstacle->construct, obstacle->detail);
}

/* Why changes of the sources are not known. */
static char *
untracked_text(const Compiled *compiled)
{
	ListCell *lc;

	foreach (lc, compiled->form->sources)
	{
		SourceUse *use = lfirst(lc);
		char *why = pgt_capture_obstacle(use->relid);

		if (why != NULL)
			return psprintf("changes of %s cannot be captured: %s",
							pgt_relation_text(use->relid), why);
	}

	return pstrdup("changes of its sources are not captured for it"
				   " (create_or_replace_stream_table() with the same query has them captured)");
}

/* The relation whose changes may escape, or NULL. */
static char *
capture_gap(const Compiled *compiled)
{
	ListCell *lc;

	foreach (lc, compiled->form->sources)
	{
		Source *source = pgt_lookup_source(((SourceUse *) lfirst(lc))->relid,
										   true);
		char *gap = source == NULL ? NULL : pgt_capture_gap(source);

		if (gap != NULL)
			return gap;
	}

	return NULL;
}

/* What a refresh does, and the reason. */
static const char *
effective_mode(const StreamTable *st, const Compiled *compiled, char **reason)
{
	const Obstacle *obstacle = &compiled->form->obstacle;
	char *gap;

	if (st->mode == MODE_FULL)
	{
		*reason = pstrdup("refresh mode FULL was asked for");
		return "FULL";
	}
	if (obstacle->kind != OBSTACLE_NONE)
	{
		*reason = obstacle->kind == OBSTACLE_EVERY_REFRESH ?
					  psprintf("%s can change without a change of a source",
							   obstacle->construct) :
					  obstacle_text(obstacle);
		return "FULL";
	}
	if (!compiled->tracked)
	{
		*reason = untracked_text(compiled);
		return "FULL";
	}
	gap = capture_gap(compiled);
	if (gap != NULL)
	{
		*reason = psprintf("changes of \"%s\" are not captured (%s)", gap,
						   "repair_stream_table() puts the triggers back");
		return "FULL";
	}

	*reason = pstrdup(st->mode == MODE_DIFFERENTIAL ?
						  "every part of the query has a delta rule" :
						  "every part of the query has a delta rule; a large change is recomputed if that is cheaper");
	return "DIFFERENTIAL";
}

/*
 * explain_refresh_mode(name text) returns one row: the mode that was asked
 * for, what refreshes do (DIFFERENTIAL or FULL), and why.
 */
Datum
pgt_sql_explain_refresh_mode(PG_FUNCTION_ARGS)
{
	Compiled *compiled;
	StreamTable *st = compile_argument(fcinfo, &compiled);
	AnswerRow row = {0};
	char *reason;

	InitMaterializedSRF(fcinfo, 0);
	pgt_add_text(&row, pgt_mode_name(st->mode));
	pgt_add_text(&row, effective_mode(st, compiled, &reason));
	pgt_add_text(&row, reason);
	pgt_put_row(fcinfo, &row);
	return (Datum) 0;
}

/* ---- explain_st ---- */

static void
put_property(FunctionCallInfo fcinfo, const char *name, const char *value)
{
	AnswerRow row = {0};

	pgt_add_text(&row, name);
	pgt_add_text(&row, value + strspn(value, " "));
	pgt_put_row(fcinfo, &row);
}

static char *
identity_text(const StreamTable *st)
{
	StringInfoData text;

	if (!st->keyed)
		return pstrdup("the whole row");
	if (st->nkeys == 0)
		return pstrdup("one row at most");

	initStringInfo(&text);
	for (int i = 0; i < st->nkeys; i++)
		appendStringInfo(&text, "%s%s", i == 0 ? "key (" : ", ",
						 quote_identifier(get_attname(st->relid, st->keys[i],
													  false)));
	appendStringInfoChar(&text, ')');
	return text.data;
}

static char *
source_text(const Dependency *dep, List *columns)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	appendStringInfoString(&text, dep->source_type);
	foreach (lc, columns)
		appendStringInfo(&text, "%s%s", lc == list_head(columns) ? " (" : ", ",
						 quote_identifier(lfirst(lc)));
	appendStringInfo(&text, "%s, %s", columns != NIL ? ")" : "",
					 strcmp(dep->cdc_mode, "trigger") == 0 ?
						 "changes are captured" :
						 "changes are not captured");
	return text.data;
}

static void
put_source(FunctionCallInfo fcinfo, const Dependency *dep,
		   const NormalForm *form)
{
	List *columns = pgt_columns_read(form, dep->source_relid);

	put_property(fcinfo,
				 psprintf("source %s", pgt_relation_text(dep->source_relid)),
				 source_text(dep, columns));
}

static void
put_strategy(FunctionCallInfo fcinfo, const StreamTable *st,
			 const Compiled *compiled)
{
	char *reason;
	const char *mode = effective_mode(st, compiled, &reason);

	put_property(fcinfo, "stream table", pgt_relation_text(st->relid));
	put_property(fcinfo, "query", pgt_current_query_text(st));
	put_property(fcinfo, "time zone", st->settings.values[CREATOR_TIMEZONE]);
	put_property(fcinfo, "date style",
				 st->settings.values[CREATOR_DATE_STYLE]);
	put_property(fcinfo, "refresh mode", pgt_mode_name(st->mode));
	put_property(fcinfo, "maintained by",
				 strcmp(mode, "FULL") == 0 ? "recomputation" : "delta");
	put_property(fcinfo, "because", reason);
	put_property(fcinfo, "row identity", identity_text(st));
}

/* Refresh, and tell what it took. */
static void
put_analysis(FunctionCallInfo fcinfo, const StreamTable *st)
{
	RefreshRecord *record;

	(void) pgt_refresh(st->relid, &(RefreshRequest){
									  .initiated_by = "EXPLAIN",
									  .reason = "requested",
								  });
	record = linitial(pgt_read_history(st->pgt_id, 1));
	put_property(fcinfo, "refresh: action", record->action);
	put_property(fcinfo, "refresh: reason", record->reason);
	put_property(fcinfo, "refresh: changed rows of sources",
				 psprintf(INT64_FORMAT, record->delta_row_count));
	put_property(fcinfo, "refresh: rows inserted",
				 psprintf(INT64_FORMAT, record->rows_inserted));
	put_property(fcinfo, "refresh: rows deleted",
				 psprintf(INT64_FORMAT, record->rows_deleted));
	put_property(fcinfo, "refresh: time",
				 psprintf("%.3f ms",
						  (record->end_time - record->start_time) / 1000.0));
}

/*
 * explain_st(name text, with_analyze bool) returns setof (property, value):
 * query, strategy, sources, nodes with their rules, delta queries.  With
 * with_analyze it is refreshed, and what that did and took comes last.
 */
Datum
pgt_sql_explain_st(PG_FUNCTION_ARGS)
{
	Compiled *compiled;
	StreamTable *st = compile_argument(fcinfo, &compiled);
	ListCell *lc;

	pgt_require_argument(fcinfo, 1, "with_analyze");
	InitMaterializedSRF(fcinfo, 0);
	put_strategy(fcinfo, st, compiled);
	foreach (lc, pgt_dependencies(st->pgt_id))
		put_source(fcinfo, lfirst(lc), compiled->form);
	if (compiled->program != NULL)
	{
		foreach (lc, pgt_program_explain(compiled->program))
		{
			Property *property = lfirst(lc);

			put_property(fcinfo, property->name, property->value);
		}
	}
	if (PG_GETARG_BOOL(1))
		put_analysis(fcinfo, st);

	return (Datum) 0;
}

/* ---- explain_delta ---- */

/* The properties that are delta queries. */
static List *
delta_queries(const Compiled *compiled)
{
	List *queries = NIL;
	ListCell *lc;

	if (compiled->program == NULL)
		return NIL;
	foreach (lc, pgt_program_explain(compiled->program))
	{
		Property *property = lfirst(lc);

		if (strstr(property->name, ": change of ") != NULL)
			queries = lappend(queries, property);
	}

	return queries;
}

static void
put_text(FunctionCallInfo fcinfo, const char *text)
{
	AnswerRow row = {0};

	pgt_add_text(&row, text);
	pgt_put_row(fcinfo, &row);
}

static void
put_as_text(FunctionCallInfo fcinfo, List *queries)
{
	ListCell *lc;

	foreach (lc, queries)
	{
		Property *property = lfirst(lc);

		put_text(fcinfo, psprintf("-- %s\n%s", property->name,
								  property->value +
									  strspn(property->value, " ")));
	}
}

static void
put_as_json(FunctionCallInfo fcinfo, List *queries)
{
	StringInfoData json;
	ListCell *lc;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach (lc, queries)
	{
		Property *property = lfirst(lc);

		appendStringInfoString(&json, lc == list_head(queries) ?
										  "{\"term\": " :
										  ", {\"term\": ");
		escape_json(&json, property->name);
		appendStringInfoString(&json, ", \"sql\": ");
		escape_json(&json, property->value);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	put_text(fcinfo, json.data);
}

/* Formats, and who writes them. */
static const struct
{
	const char *name;
	void (*put)(FunctionCallInfo fcinfo, List *queries);
} formats[] = {
	{"text", put_as_text},
	{"json", put_as_json},
};

/*
 * explain_delta(name text, format text) returns setof text: the delta queries,
 * one row per term, or one JSON array of {term, sql}.  None if the stream table
 * is recomputed.  Error 22023 for another format.
 */
Datum
pgt_sql_explain_delta(PG_FUNCTION_ARGS)
{
	char *format = pgt_required_text(fcinfo, 1, "format");
	Compiled *compiled;

	(void) compile_argument(fcinfo, &compiled);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int i = 0; i < (int) lengthof(formats); i++)
	{
		if (pg_strcasecmp(format, formats[i].name) != 0)
			continue;
		formats[i].put(fcinfo, delta_queries(compiled));
		return (Datum) 0;
	}

	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unrecognized format: \"%s\"", format),
			errhint("Available formats: text, json."));
}
