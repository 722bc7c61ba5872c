/*-------------------------------------------------------------------------
 *
 * explain_dag.c
 *	  explain_dag(): who reads whom, as text that other programs draw.
 *
 *		flowchart LR
 *			n1[("public.sales")]:::source
 *			n2["public.totals"]:::active
 *			n1 --> n2
 *
 * A name may hold anything.  In mermaid each ASCII character of it that is not
 * a letter, a digit or one of " ._-" is written as its number, so that none
 * can end the text, start a comment or a directive, or become markup; for
 * Graphviz, quotes and backslashes are escaped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "pg_trickle/command.h"

#include "dag.h"
#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_explain_dag);

/* How stream tables look, by what pgt_stream_state() says, and the rest. */
static const struct
{
	const char *state;
	const char *fill;
	const char *line;
} styles[] = {
	{"source", "#eeeeee", "#777777"},
	{"active", "#d8f0d8", "#2e7d32"},
	{"unfilled", "#ffffff", "#2e7d32"},
	{"error", "#ffe0b2", "#e65100"},
	{"suspended", "#ffcdd2", "#b71c1c"},
	{"blown", "#ffcdd2", "#b71c1c"},
};

static const char *
style_of(const DagNode *node)
{
	return node->st == NULL ? "source" : node->state;
}

/* ---- mermaid ---- */

static void
append_mermaid_text(StringInfo out, const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
	{
		if (IS_HIGHBIT_SET(*c) || isalnum((unsigned char) *c) ||
			strchr(" ._-", *c) != NULL)
			appendStringInfoChar(out, *c);
		else
			appendStringInfo(out, "#%d;", (unsigned char) *c);
	}
}

static void
append_mermaid_node(StringInfo out, const DagNode *node)
{
	appendStringInfo(out, "    n%d%s\"", node->number,
					 node->st == NULL ? "[(" : "[");
	append_mermaid_text(out, pgt_one_line(node->name));
	appendStringInfo(out, "\"%s:::%s\n", node->st == NULL ? ")]" : "]",
					 style_of(node));
}

static void
write_mermaid(StringInfo out, const Dag *dag)
{
	ListCell *lc;
	ListCell *lc2;

	appendStringInfoString(out, "flowchart LR\n");
	foreach (lc, dag->nodes)
		append_mermaid_node(out, lfirst(lc));
	foreach (lc, dag->nodes)
	{
		DagNode *node = lfirst(lc);

		foreach (lc2, node->consumers)
			appendStringInfo(out, "    n%d --> n%d\n", node->number,
							 ((DagNode *) lfirst(lc2))->number);
	}
	for (int i = 0; i < (int) lengthof(styles); i++)
		appendStringInfo(out,
						 "    classDef %s fill:%s,stroke:%s,color:#000000\n",
						 styles[i].state, styles[i].fill, styles[i].line);
}

/* ---- Graphviz ---- */

static void
append_dot_text(StringInfo out, const char *name)
{
	appendStringInfoChar(out, '"');
	for (const char *c = name; *c != '\0'; c++)
	{
		if (*c == '"' || *c == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *c);
	}
	appendStringInfoChar(out, '"');
}

static void
append_dot_node(StringInfo out, const DagNode *node)
{
	const char *style = style_of(node);

	for (int i = 0; i < (int) lengthof(styles); i++)
	{
		if (strcmp(styles[i].state, style) != 0)
			continue;
		appendStringInfo(out, "    n%d [label=", node->number);
		append_dot_text(out, pgt_one_line(node->name));
		appendStringInfo(out, ", class=\"%s\", fillcolor=\"%s\", ", style,
						 styles[i].fill);
		appendStringInfo(out, "color=\"%s\"%s];\n", styles[i].line,
						 node->st == NULL ? ", shape=cylinder" : "");
		return;
	}
}

static void
write_dot(StringInfo out, const Dag *dag)
{
	ListCell *lc;
	ListCell *lc2;

	appendStringInfoString(out,
						   "digraph stream_tables {\n"
						   "    rankdir=LR;\n"
						   "    node [shape=box, style=filled];\n");
	foreach (lc, dag->nodes)
		append_dot_node(out, lfirst(lc));
	foreach (lc, dag->nodes)
	{
		DagNode *node = lfirst(lc);

		foreach (lc2, node->consumers)
			appendStringInfo(out, "    n%d -> n%d;\n", node->number,
							 ((DagNode *) lfirst(lc2))->number);
	}
	appendStringInfoString(out, "}\n");
}

/* ---- all of it ---- */

static const struct
{
	const char *name;
	void (*write)(StringInfo out, const Dag *dag);
} formats[] = {
	{"mermaid", write_mermaid},
	{"dot", write_dot},
};

/*
 * explain_dag(format text) returns text: the stream tables that the user may
 * see, with what they read.  Error 22023 for another format.
 */
Datum
pgt_sql_explain_dag(PG_FUNCTION_ARGS)
{
	char *format = pgt_required_text(fcinfo, 0, "format");
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < (int) lengthof(formats); i++)
	{
		if (pg_strcasecmp(format, formats[i].name) != 0)
			continue;
		formats[i].write(&out, pgt_visible_dag());
		PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
	}

	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unrecognized format: \"%s\"", format),
			errhint("Available formats: mermaid, dot."));
}
