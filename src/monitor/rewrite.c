/*-------------------------------------------------------------------------
 *
 * rewrite.c
 *	  explain_query_rewrite(): what becomes of a query, without creating
 *	  anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg_trickle/command.h"
#include "pg_trickle/program.h"
#include "pg_trickle/sql.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_explain_query_rewrite);

static void
put(FunctionCallInfo fcinfo, const char *property, const char *value)
{
	AnswerRow row = {0};

	pgt_add_text(&row, property);
	pgt_add_text(&row, value + strspn(value, " "));
	pgt_put_row(fcinfo, &row);
}

static void
put_source(FunctionCallInfo fcinfo, const NormalForm *form,
		   const SourceUse *use)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	foreach (lc, pgt_columns_read(form, use->relid))
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "",
						 quote_identifier(lfirst(lc)));
	put(fcinfo, psprintf("source %s", pgt_relation_text(use->relid)),
		text.len > 0 ? text.data : "no column");
}

static char *
identity_text(const Query *query, const NormalForm *form)
{
	StringInfoData text;

	if (!form->keyed)
		return pstrdup("the whole row");
	if (form->nkeys == 0)
		return pstrdup("one row at most");

	initStringInfo(&text);
	for (int i = 0; i < form->nkeys; i++)
	{
		TargetEntry *tle = get_tle_by_resno(query->targetList, form->keys[i]);

		appendStringInfo(&text, "%s%s", i == 0 ? "key (" : ", ",
						 quote_identifier(tle->resname));
	}
	appendStringInfoChar(&text, ')');
	return text.data;
}

static void
put_obstacle(FunctionCallInfo fcinfo, const Obstacle *obstacle)
{
	put(fcinfo, "maintained by", "recomputation");
	put(fcinfo, "because",
		psprintf(obstacle->detail != NULL ? "no delta rule for %s: %s" :
											"no delta rule for %s",
				 obstacle->construct, obstacle->detail));
}

static void
put_program(FunctionCallInfo fcinfo, const Query *query,
			const NormalForm *form)
{
	ListCell *lc;

	put(fcinfo, "maintained by", "delta");
	put(fcinfo, "row identity", identity_text(query, form));
	foreach (lc, pgt_form_explain(form))
	{
		Property *property = lfirst(lc);

		put(fcinfo, property->name, property->value);
	}
}

/*
 * explain_query_rewrite(query text) returns setof (property, value): the query
 * with all names qualified, what it reads, its nodes, and the queries that
 * would derive its change.  Errors are those of creating a stream table with
 * this query; also 42501 if the user may not run it.
 */
Datum
pgt_sql_explain_query_rewrite(PG_FUNCTION_ARGS)
{
	char *sql = pgt_required_text(fcinfo, 0, "query");
	Query *query = pgt_analyze_query(sql, NIL);
	NormalForm *form;
	ListCell *lc;

	pgt_check_select(query);
	form = pgt_form_of_query(query, GetUserId());

	InitMaterializedSRF(fcinfo, 0);
	put(fcinfo, "query", pgt_query_text(query));
	foreach (lc, form->views)
		put(fcinfo, psprintf("view %s", pgt_relation_text(lfirst_oid(lc))),
			"is replaced by its query");
	foreach (lc, form->sources)
		put_source(fcinfo, form, lfirst(lc));
	if (form->obstacle.kind != OBSTACLE_NONE)
		put_obstacle(fcinfo, &form->obstacle);
	else
		put_program(fcinfo, query, form);

	return (Datum) 0;
}
