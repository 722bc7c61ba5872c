/*-------------------------------------------------------------------------
 *
 * tree.c
 *	  dependency_tree(): stream tables with what they read below them.
 *
 *		public.report
 *		|-- public.by_region
 *		|   `-- public.sales (table)
 *		`-- public.regions (table)
 *
 * At the top are stream tables that no other reads.  What is read in several
 * places is shown in each, but what it reads itself only once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "dag.h"
#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_dependency_tree);

/* TABLE is called "table", and so on. */
static char *
type_for_people(const char *type)
{
	char *text = asc_tolower(type, strlen(type));

	for (char *c = text; *c != '\0'; c++)
	{
		if (*c == '_')
			*c = ' ';
	}

	return text;
}

static char *
line_text(const DagNode *node, const char *indent, bool again)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfo(&line, "%s%s", indent, pgt_one_line(node->name));
	if (node->st == NULL)
		appendStringInfo(&line, " (%s)", type_for_people(node->type));
	else if (again)
		appendStringInfoString(&line, " (see above)");
	return line.data;
}

static void
put_line(FunctionCallInfo fcinfo, const DagNode *node, const char *line,
		 int depth)
{
	AnswerRow row = {0};

	pgt_add_text(&row, line);
	pgt_add_text(&row, node->name);
	pgt_add_text(&row, node->type);
	pgt_add_int4(&row, depth);
	pgt_add_text(&row, node->st == NULL ? NULL :
										  pgt_status_name(node->st->status));
	pgt_add_text(&row, node->st == NULL ? NULL :
										  pgt_mode_name(node->st->mode));
	pgt_put_row(fcinfo, &row);
}

/* "first" stands before its own line, "rest" before those below it. */
static void
put_tree(FunctionCallInfo fcinfo, DagNode *node, const char *first,
		 const char *rest, int depth)
{
	bool again = node->visited && node->inputs != NIL;
	ListCell *lc;

	check_stack_depth();
	put_line(fcinfo, node, line_text(node, first, again), depth);
	node->visited = true;
	if (again)
		return;

	foreach (lc, node->inputs)
	{
		bool last = lnext(node->inputs, lc) == NULL;

		put_tree(fcinfo, lfirst(lc),
				 psprintf("%s%s", rest, last ? "`-- " : "|-- "),
				 psprintf("%s%s", rest, last ? "    " : "|   "), depth + 1);
	}
}

/*
 * dependency_tree() returns setof record: a line per stream table and source
 * that the user may see, to be read from the top.
 */
Datum
pgt_sql_dependency_tree(PG_FUNCTION_ARGS)
{
	Dag *dag = pgt_visible_dag();
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, dag->nodes)
	{
		DagNode *node = lfirst(lc);

		if (node->st != NULL && node->consumers == NIL)
			put_tree(fcinfo, node, "", "", 0);
	}

	return (Datum) 0;
}
