/*-------------------------------------------------------------------------
 *
 * explain_statement.c
 *	  EXPLAIN [(VERBOSE, COSTS, FORMAT ...)] CREATE STREAM TABLE: what would
 *	  maintain it.  Nothing is created.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/createas.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg_trickle/command.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/program.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/sql.h"

#include "syntax.h"

/* ---- options ---- */

static void
read_format(ExplainState *es, DefElem *option)
{
	static const struct
	{
		const char *name;
		ExplainFormat format;
	} formats[] = {
		{"text", EXPLAIN_FORMAT_TEXT},
		{"xml", EXPLAIN_FORMAT_XML},
		{"json", EXPLAIN_FORMAT_JSON},
		{"yaml", EXPLAIN_FORMAT_YAML},
	};
	char *name = defGetString(option);

	for (size_t i = 0; i < lengthof(formats); i++)
	{
		if (strcmp(formats[i].name, name) == 0)
		{
			es->format = formats[i].format;
			return;
		}
	}

	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unrecognized value for EXPLAIN option \"%s\": \"%s\"",
				   option->defname, name));
}

static void
refuse_analyze(DefElem *option)
{
	if (defGetBoolean(option))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("EXPLAIN ANALYZE is not supported for CREATE STREAM TABLE"),
				errdetail("EXPLAIN creates nothing, so there is nothing to measure."),
				errhint("Create it, then see pgtrickle.explain_st(name, with_analyze => true)."));
}

/* Those that only say something about a run are taken, and change nothing. */
static bool
is_about_runs(const char *name)
{
	static const char *const names[] = {
		"buffers",
		"wal",
		"settings",
		"timing",
		"summary",
		"generic_plan",
		"memory",
		"serialize",
	};

	for (size_t i = 0; i < lengthof(names); i++)
	{
		if (strcmp(names[i], name) == 0)
			return true;
	}

	return false;
}

static ExplainState *
read_options(const ExplainStmt *explain)
{
	ExplainState *es = NewExplainState();
	ListCell *lc;

	foreach (lc, explain->options)
	{
		DefElem *option = lfirst(lc);

		if (strcmp(option->defname, "analyze") == 0)
			refuse_analyze(option);
		else if (strcmp(option->defname, "verbose") == 0)
			es->verbose = defGetBoolean(option);
		else if (strcmp(option->defname, "costs") == 0)
			es->costs = defGetBoolean(option);
		else if (strcmp(option->defname, "format") == 0)
			read_format(es, option);
		else if (!is_about_runs(option->defname))
			ereport(ERROR,
					errcode(ERRCODE_SYNTAX_ERROR),
					errmsg("unrecognized EXPLAIN option \"%s\"",
						   option->defname));
	}

	return es;
}

/* ---- output ---- */

/* One line, and the query below it if VERBOSE asks for it. */
static void
put_part_as_text(ExplainState *es, const Property *part, bool is_query)
{
	appendStringInfoSpaces(es->str, es->indent * 2);
	if (!is_query)
	{
		appendStringInfo(es->str, "%s: %s\n", part->name, part->value);
		return;
	}

	appendStringInfo(es->str, "->  %s", part->name);
	if (es->costs && part->cost >= 0)
		appendStringInfo(es->str, "  (cost=%.2f)", part->cost);
	appendStringInfoChar(es->str, '\n');
	if (es->verbose)
	{
		char *lines = pstrdup(part->value + strspn(part->value, " "));
		char *rest;

		for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
			 line = strtok_r(NULL, "\n", &rest))
		{
			appendStringInfoSpaces(es->str, es->indent * 2 + 6);
			appendStringInfo(es->str, "%s\n", line);
		}
	}
}

/* A query begins with its keyword; all else are words about the part. */
static void
put_part(ExplainState *es, const Property *part)
{
	const char *text = part->value + strspn(part->value, " (");
	bool is_query = pg_strncasecmp(text, "SELECT ", 7) == 0 ||
					pg_strncasecmp(text, "WITH ", 5) == 0 ||
					pg_strncasecmp(text, "VALUES ", 7) == 0;

	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		put_part_as_text(es, part, is_query);
		return;
	}

	ExplainOpenGroup("Part", NULL, true, es);
	ExplainPropertyText("Name", part->name, es);
	if (es->costs && part->cost >= 0)
		ExplainPropertyFloat("Total Cost", NULL, part->cost, 2, es);
	if (!is_query)
		ExplainPropertyText("Description", part->value, es);
	else if (es->verbose)
		ExplainPropertyText("Query", part->value, es);
	ExplainCloseGroup("Part", NULL, true, es);
}

static char *
how_maintained(const NormalForm *form)
{
	const Obstacle *obstacle = &form->obstacle;

	if (obstacle->kind == OBSTACLE_NONE)
		return pstrdup("delta");
	if (obstacle->detail == NULL)
		return psprintf("recomputation, for there is no delta rule for %s",
						obstacle->construct);
	return psprintf("recomputation, for there is no delta rule for %s: %s",
					obstacle->construct, obstacle->detail);
}

static void
put_sources(ExplainState *es, const NormalForm *form)
{
	List *names = NIL;
	ListCell *lc;

	foreach (lc, form->sources)
		names = lappend(names,
						pgt_relation_text(((SourceUse *) lfirst(lc))->relid));
	if (names != NIL)
		ExplainPropertyList("Sources", names, es);
}

static void
put_head(ExplainState *es, const RangeVar *name)
{
	if (es->format != EXPLAIN_FORMAT_TEXT)
	{
		ExplainPropertyText("Stream Table", name->relname, es);
		return;
	}
	appendStringInfo(es->str, "Stream Table %s\n",
					 quote_identifier(name->relname));
	es->indent++;
}

static void
put_stream(ExplainState *es, const RangeVar *name, const Query *query,
		   NormalForm *form)
{
	SavedPlan *plan = NULL;
	Property whole = {
		.name = pstrdup("recomputation"),
		.value = pgt_query_text(query),
	};
	ListCell *lc;

	whole.cost = pgt_query_cost(whole.value, &plan);
	pgt_free_plan(plan);

	ExplainOpenGroup("Stream Table", NULL, true, es);
	put_head(es, name);
	ExplainPropertyText("Maintained By", how_maintained(form), es);
	put_sources(es, form);
	ExplainOpenGroup("Parts", "Parts", false, es);
	put_part(es, &whole);
	if (form->obstacle.kind == OBSTACLE_NONE)
	{
		foreach (lc, pgt_form_explain(form))
			put_part(es, lfirst(lc));
	}
	ExplainCloseGroup("Parts", "Parts", false, es);
	if (es->format == EXPLAIN_FORMAT_TEXT)
		es->indent--;
	ExplainCloseGroup("Stream Table", NULL, true, es);
}

static void
send(ExplainState *es, const Statement *statement)
{
	ExplainStmt *explain = (ExplainStmt *) statement->pstmt->utilityStmt;
	TupOutputState *out = begin_tup_output_tupdesc(statement->dest,
												   ExplainResultDesc(explain),
												   &TTSOpsVirtual);

	if (es->format == EXPLAIN_FORMAT_TEXT)
		do_text_output_multiline(out, es->str->data);
	else
		do_text_output_oneline(out, es->str->data);
	end_tup_output(out);
}

/* The CREATE that is explained, or NULL. */
static CreateTableAsStmt *
explained_create(const ExplainStmt *explain)
{
	const Query *query = castNode(Query, explain->query);

	if (query->commandType != CMD_UTILITY ||
		!IsA(query->utilityStmt, CreateTableAsStmt))
		return NULL;
	return (CreateTableAsStmt *) query->utilityStmt;
}

static void
explain_query(ExplainState *es, const Statement *statement,
			  CreateTableAsStmt *create, const OptionValues *values)
{
	QueryPart *part = pgt_query_part(statement);
	ErrorContextCallback context = {
		.callback = pgt_move_position,
		.arg = part,
		.previous = error_context_stack,
	};
	Query *query;
	NormalForm *form;

	error_context_stack = &context;
	query = pgt_analyze_query(part->text, create->into->colNames);
	form = pgt_form_of_query(query, GetUserId());
	pgt_check_definition(part->text, form,
						 values->has_mode ?
							 values->mode :
							 (RefreshMode) pgt_default_refresh_mode);
	pgt_check_select(query);
	put_stream(es, create->into->rel, query, form);
	error_context_stack = context.previous;
}

/*
 * As the server does for CREATE TABLE AS: error 42P07 if there is such a
 * relation, or with IF NOT EXISTS a NOTICE, and nothing to show.
 */
static bool
is_skipped(CreateTableAsStmt *create, const OptionValues *values)
{
	return !values->or_replace && CreateTableAsRelExists(create);
}

static void
explain_create(const Statement *statement, CreateTableAsStmt *create)
{
	ExplainState *es =
		read_options((ExplainStmt *) statement->pstmt->utilityStmt);
	OptionValues values = {0};

	pgt_check_create(create);
	pgt_read_options(&values, create->into->options, statement->text, true);
	ExplainBeginOutput(es);
	if (!is_skipped(create, &values))
		explain_query(es, statement, create, &values);
	ExplainEndOutput(es);
	send(es, statement);
}

/*
 * Explain the creation of a stream table; false if the statement explains
 * something else.
 */
bool
pgt_explain_statement(const Statement *statement)
{
	ExplainStmt *explain = (ExplainStmt *) statement->pstmt->utilityStmt;
	CreateTableAsStmt *create = explained_create(explain);

	if (create == NULL || !pgt_creates_stream(create))
		return false;

	explain_create(statement, create);
	return true;
}
