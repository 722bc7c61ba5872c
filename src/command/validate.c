/*-------------------------------------------------------------------------
 *
 * validate.c
 *	  validate_query(): what would happen to this query?
 *
 *	 check_name   |                  result                      | severity
 *	--------------+----------------------------------------------+---------
 *	 query        | valid                                        | INFO
 *	 columns      | region text, total numeric                   | INFO
 *	 source       | public.sales (region, amount): is captured   | INFO
 *	 privileges   | sufficient                                   | INFO
 *	 delta_rules  | node 1: aggregate                            | INFO
 *	 row_identity | key (region)                                 | INFO
 *	 refresh_mode | AUTO, DIFFERENTIAL, FULL                     | INFO
 *
 * Nothing is created.  An error of the query is a row of the answer, so that
 * it is raised in a subtransaction and caught there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"
#include "pg_trickle/sql.h"
#include "pg_trickle/subtransaction.h"

PG_FUNCTION_INFO_V1(pgt_sql_validate_query);

typedef struct Validation
{
	ReturnSetInfo *result;
	const char *text;
	Query *query;
	NormalForm *form;
	bool captured;	  /* can the changes of all sources be? */
	bool may_capture; /* has the user the right to? */
} Validation;

typedef void (*Check)(Validation *v);

static void
put(Validation *v, const char *check, const char *result, const char *severity)
{
	Datum values[3] = {
		CStringGetTextDatum(check),
		CStringGetTextDatum(result),
		CStringGetTextDatum(severity)};
	bool nulls[3] = {0};

	tuplestore_putvalues(v->result->setResult, v->result->setDesc, values,
						 nulls);
}

/* ---- errors become rows ---- */

/* What has nothing to do with the query is no answer to the question. */
static bool
is_about_query(const ErrorData *error)
{
	int class = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return class != ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION) &&
		   class != ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES) &&
		   class != ERRCODE_TO_CATEGORY(ERRCODE_INTERNAL_ERROR);
}

static char *
error_text(const ErrorData *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, error->message);
	if (error->internalpos > 0)
		appendStringInfo(&text, " at character %d", error->internalpos);
	if (error->detail != NULL)
		appendStringInfo(&text, " (%s)", error->detail);
	return text.data;
}

static void
put_error(Validation *v, const ErrorData *error)
{
	bool privilege = error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE;

	put(v, privilege ? "privileges" : "query", error_text(error), "ERROR");
}

typedef struct CheckStep
{
	Check check;
	Validation *v;
} CheckStep;

static bool
take_check(void *arg)
{
	CheckStep *step = arg;

	step->check(step->v);
	return true;
}

/* Run a check; false, with a row that says why, if it raised an error. */
static bool
passes(Validation *v, Check check)
{
	CheckStep step = {.check = check, .v = v};
	ErrorData *error = pgt_try(take_check, &step);

	if (error == NULL)
		return true;
	if (!is_about_query(error))
		ReThrowError(error);
	put_error(v, error);
	return false;
}

/* ---- the checks ---- */

static void
check_query(Validation *v)
{
	v->query = pgt_analyze_query(v->text, NIL);
	v->form = pgt_form_of_query(v->query, GetUserId());
}

static void
show_columns(Validation *v)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	foreach (lc, v->query->targetList)
	{
		TargetEntry *tle = lfirst(lc);
		Node *expr = (Node *) tle->expr;

		if (!tle->resjunk)
			appendStringInfo(&text, "%s%s %s", text.len > 0 ? ", " : "",
							 quote_identifier(tle->resname),
							 format_type_with_typemod(exprType(expr),
													  exprTypmod(expr)));
	}
	put(v, "columns", text.data, "INFO");
}

static void
show_source(Validation *v, const SourceUse *use)
{
	char *obstacle = pgt_capture_obstacle(use->relid);
	StringInfoData text;

	initStringInfo(&text);
	pgt_sql_relation(&text, use->relid);
	for (int i = 0; i < use->ncolumns; i++)
	{
		appendStringInfoString(&text, i == 0 ? " (" : ", ");
		appendStringInfoString(&text,
							   quote_identifier(get_attname(use->relid,
															use->columns[i],
															false)));
	}
	appendStringInfo(&text, "%s: %s", use->ncolumns > 0 ? ")" : "",
					 obstacle != NULL ? "cannot be captured" : "is captured");
	if (obstacle != NULL)
		appendStringInfo(&text, " (%s)", obstacle);
	v->captured &= obstacle == NULL;
	put(v, "source", text.data, obstacle != NULL ? "WARNING" : "INFO");
}

/*
 * See command.h.
 */
void
pgt_check_select(const Query *query)
{
	RunAs before;

	PushActiveSnapshot(GetTransactionSnapshot());
	before = pgt_run_as(GetUserId());
	pgt_check_rights_of(query);
	pgt_run_as_done(before);
	PopActiveSnapshot();
}

static void
check_select(Validation *v)
{
	pgt_check_select(v->query);
}

static void
check_trigger(Validation *v)
{
	ListCell *lc;

	foreach (lc, v->form->sources)
	{
		Oid relid = ((SourceUse *) lfirst(lc))->relid;

		if (pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER) == ACLCHECK_OK)
			continue;
		v->may_capture = false;
		put(v, "privileges",
			psprintf("TRIGGER on %s is missing", pgt_relation_text(relid)),
			"WARNING");
	}
	if (v->may_capture)
		put(v, "privileges", "sufficient", "INFO");
}

static void
show_rules(Validation *v)
{
	const Obstacle *obstacle = &v->form->obstacle;
	ListCell *lc;

	if (obstacle->kind != OBSTACLE_NONE)
	{
		put(v, "delta_rules",
			psprintf(obstacle->detail != NULL ? "none for %s: %s" :
												"none for %s",
					 obstacle->construct, obstacle->detail),
			"WARNING");
		return;
	}
	foreach (lc, v->form->nodes)
	{
		QueryNode *node = lfirst(lc);

		put(v, "delta_rules", psprintf("node %d: %s", node->id, node->rule),
			"INFO");
	}
	if (v->form->nodes == NIL)
		put(v, "delta_rules", "linear: row by row", "INFO");
}

static void
show_identity(Validation *v)
{
	StringInfoData text;

	initStringInfo(&text);
	if (!v->form->keyed)
		appendStringInfoString(&text, "the whole row");
	else if (v->form->nkeys == 0)
		appendStringInfoString(&text, "one row at most");
	for (int i = 0; v->form->keyed && i < v->form->nkeys; i++)
	{
		TargetEntry *tle = get_tle_by_resno(v->query->targetList,
											v->form->keys[i]);

		appendStringInfoString(&text, i == 0 ? "key (" : ", ");
		appendStringInfoString(&text, quote_identifier(tle->resname));
	}
	if (v->form->keyed && v->form->nkeys > 0)
		appendStringInfoChar(&text, ')');
	put(v, "row_identity", text.data, "INFO");
}

/* The modes in which the stream table can be created, best first. */
static const char *
possible_modes(const Validation *v)
{
	ObstacleKind obstacle = v->form->obstacle.kind;

	if (obstacle == OBSTACLE_VOLATILE)
		return "FULL";
	if (obstacle == OBSTACLE_EVERY_REFRESH || !v->captured)
		return "AUTO (recomputes at each refresh), FULL";
	if (!v->may_capture)
		return "FULL";
	if (obstacle == OBSTACLE_NO_RULE)
		return "AUTO (recomputes when a source has changed), FULL";
	return "AUTO, DIFFERENTIAL, FULL";
}

static void
show_modes(Validation *v)
{
	bool all = v->form->obstacle.kind == OBSTACLE_NONE && v->captured &&
			   v->may_capture;

	put(v, "refresh_mode", possible_modes(v), all ? "INFO" : "WARNING");
}

/*
 * validate_query(query text) returns setof (check_name, result, severity):
 * what creating a stream table with this query would lead to.  Severity is
 * ERROR where it would fail, WARNING where something is recomputed.
 */
Datum
pgt_sql_validate_query(PG_FUNCTION_ARGS)
{
	Validation v = {
		.result = (ReturnSetInfo *) fcinfo->resultinfo,
		.text = pgt_required_text(fcinfo, 0, "query"),
		.captured = true,
		.may_capture = true,
	};
	bool may_select;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (!passes(&v, check_query))
		return (Datum) 0;

	put(&v, "query", "valid", "INFO");
	show_columns(&v);
	foreach (lc, v.form->sources)
		show_source(&v, lfirst(lc));
	may_select = passes(&v, check_select);
	if (may_select)
		check_trigger(&v);
	show_rules(&v);
	show_identity(&v);
	if (may_select)
		show_modes(&v);
	return (Datum) 0;
}
