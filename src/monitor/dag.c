/*-------------------------------------------------------------------------
 *
 * dag.c
 *	  Who reads whom, as far as the current user may see it.
 *
 * A user that may read a stream table, but not see its parts, sees it as one
 * that reads nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "pg_trickle/sql.h"

#include "dag.h"
#include "monitor.h"

const char *
pgt_stream_state(const StreamTable *st)
{
	if (st->fuse_blown_at != 0)
		return "blown";
	switch (st->status)
	{
		case STREAM_SUSPENDED:
			return "suspended";
		case STREAM_ERROR:
			return "error";
		case STREAM_INITIALIZING:
		case STREAM_ACTIVE:
			break;
	}
	if (st->consecutive_errors > 0)
		return "error";

	return st->is_populated ? "active" : "unfilled";
}

char *
pgt_one_line(const char *name)
{
	StringInfoData line;

	initStringInfo(&line);
	for (const char *c = name; *c != '\0'; c++)
	{
		if (*c == '\n')
			appendStringInfoString(&line, "\\n");
		else if (*c == '\t')
			appendStringInfoString(&line, "\\t");
		else if ((unsigned char) *c < ' ' || *c == '\177')
			appendStringInfo(&line, "\\x%02x", (unsigned char) *c);
		else
			appendStringInfoChar(&line, *c);
	}

	return line.data;
}

/* ---- building ---- */

static DagNode *
find_node(const Dag *dag, Oid relid)
{
	ListCell *lc;

	foreach (lc, dag->nodes)
	{
		DagNode *node = lfirst(lc);

		if (node->relid == relid)
			return node;
	}

	return NULL;
}

/* NULL if it was dropped a moment ago. */
static DagNode *
add_node(Dag *dag, Oid relid, const char *type)
{
	char *name = pgt_relation_text_or_null(relid);
	DagNode *node;

	if (name == NULL)
		return NULL;

	node = palloc0(sizeof(DagNode));
	node->relid = relid;
	node->owner = pgt_owner_if_there(relid);
	node->name = name;
	node->type = pstrdup(type);
	dag->nodes = lappend(dag->nodes, node);
	return node;
}

static void
add_stream(Dag *dag, StreamTable *st)
{
	DagNode *node = add_node(dag, st->relid, "STREAM_TABLE");

	if (node == NULL)
		return;
	node->st = st;
	node->state = pgt_stream_state(st);
}

static void
add_inputs(Dag *dag, DagNode *node)
{
	ListCell *lc;

	foreach (lc, pgt_dependencies(node->st->pgt_id))
	{
		Dependency *dep = lfirst(lc);
		DagNode *input = find_node(dag, dep->source_relid);

		if (input == NULL)
			input = add_node(dag, dep->source_relid, dep->source_type);
		if (input == NULL)
			continue;
		node->inputs = lappend(node->inputs, input);
		input->consumers = lappend(input->consumers, node);
	}
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((DagNode *) lfirst(a))->name,
				  ((DagNode *) lfirst(b))->name);
}

/* The longest way down from a node. */
static int
find_depth(DagNode *node)
{
	ListCell *lc;

	check_stack_depth();
	if (node->visited)
		return node->depth;

	node->visited = true;
	foreach (lc, node->inputs)
		node->depth = Max(node->depth, find_depth(lfirst(lc)) + 1);
	return node->depth;
}

static void
arrange(Dag *dag)
{
	ListCell *lc;

	list_sort(dag->nodes, compare_names);
	foreach (lc, dag->nodes)
	{
		DagNode *node = lfirst(lc);

		node->number = foreach_current_index(lc) + 1;
		list_sort(node->inputs, compare_names);
		list_sort(node->consumers, compare_names);
		(void) find_depth(node);
	}
	foreach (lc, dag->nodes)
		((DagNode *) lfirst(lc))->visited = false;
}

static Dag *
build(List *all, bool with_all_parts)
{
	Dag *dag = palloc0(sizeof(Dag));
	List *streams;
	ListCell *lc;

	foreach (lc, all)
		add_stream(dag, lfirst(lc));
	streams = list_copy(dag->nodes);
	foreach (lc, streams)
	{
		DagNode *node = lfirst(lc);

		if (with_all_parts || pgt_may_see_parts(node->st))
			add_inputs(dag, node);
	}
	arrange(dag);
	return dag;
}

Dag *
pgt_visible_dag(void)
{
	return build(pgt_visible_streams(), false);
}

Dag *
pgt_whole_dag(void)
{
	return build(pgt_all_streams(), true);
}
