/*-------------------------------------------------------------------------
 *
 * program.c
 *	  The delta program of a stream table: nodes, bottom-up, then the top.
 *
 * Each node turns the changes below it into the change of its output, which
 * is one of the changes for those above, and brings its state table up to
 * date.  So whoever is above reads state tables as they are now, and has
 * their changes to know what they were:
 *
 *		changes of sales -> node 1 -> changes of node 1 -> top -> result
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/node.h"
#include "pg_trickle/program.h"

#include "lookup_index.h"

typedef struct ProgramSource
{
	char *delta_name;
	TupleDesc delta_desc;
} ProgramSource;

struct Program
{
	MemoryContext memory;
	List *nodes; /* of NodeProgram, inputs before users */
	Linear *top;
	QueryText content; /* all that the top yields */
	List *sources;	   /* of ProgramSource */
};

/* ---- building ---- */

/*
 * The descriptor of the change of a source: its referenced columns, named by
 * attribute number, then the weight.  In the current memory context.
 */
TupleDesc
pgt_source_delta_desc(const SourceUse *use)
{
	Oid *types = palloc(sizeof(Oid) * (use->ncolumns + 1));
	int32 *typmods = palloc(sizeof(int32) * (use->ncolumns + 1));
	Oid *collations = palloc(sizeof(Oid) * (use->ncolumns + 1));
	TupleDesc desc;

	for (int i = 0; i < use->ncolumns; i++)
		get_atttypetypmodcoll(use->relid, use->columns[i],
							  &types[i], &typmods[i], &collations[i]);

	desc = pgt_delta_desc(use->ncolumns, types, typmods, collations);
	for (int i = 0; i < use->ncolumns; i++)
		snprintf(NameStr(TupleDescAttr(desc, i)->attname), NAMEDATALEN,
				 "c%d", use->columns[i]);
	return desc;
}

/* State tables by node id; the rest of the array is InvalidOid. */
static Oid *
collect_state_relids(const NormalForm *form, List *node_states)
{
	Oid *relids = palloc0(sizeof(Oid) * (list_length(form->nodes) + 1));
	ListCell *lc;

	foreach (lc, node_states)
	{
		NodeState *state = lfirst(lc);

		if (state->node_id <= list_length(form->nodes))
			relids[state->node_id] = state->state_relid;
	}

	return relids;
}

static NodeState *
find_state(List *node_states, int node_id)
{
	ListCell *lc;

	foreach (lc, node_states)
		if (((NodeState *) lfirst(lc))->node_id == node_id)
			return lfirst(lc);

	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("node %d of a stream table has no state table", node_id),
			errhint("Drop the stream table and create it again."));
}

static void
build_nodes(Program *program, const NormalForm *form, List *node_states,
			const Oid *state_relids)
{
	ListCell *lc;

	foreach (lc, form->nodes)
	{
		QueryNode *query = lfirst(lc);
		NodeState *state = find_state(node_states, query->id);

		program->nodes = lappend(program->nodes,
								 pgt_node_build(query, state, state_relids));
	}
}

static void
build_sources(Program *program, const NormalForm *form)
{
	ListCell *lc;

	foreach (lc, form->sources)
	{
		SourceUse *use = lfirst(lc);
		ProgramSource *source = palloc0(sizeof(ProgramSource));

		source->delta_name = pgt_source_delta_name(use->relid);
		source->delta_desc = pgt_source_delta_desc(use);
		program->sources = lappend(program->sources, source);
	}
}

/*
 * Build the program for a normal form without obstacle, in a memory context
 * of its own below "parent".  Error 55000 if the state tables do not fit.
 */
Program *
pgt_program_build(const NormalForm *form, List *node_states,
				  MemoryContext parent)
{
	MemoryContext memory = AllocSetContextCreate(parent, "pg_trickle program",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	Program *program = palloc0(sizeof(Program));
	Oid *state_relids = collect_state_relids(form, node_states);

	program->memory = memory;
	build_nodes(program, form, node_states, state_relids);
	program->top = pgt_linear_build(form->top, state_relids);
	build_sources(program, form);

	MemoryContextSwitchTo(before);
	return program;
}

/*
 * See program.h.
 */
bool
pgt_program_has_new_plans(const Program *program)
{
	ListCell *lc;

	foreach (lc, program->nodes)
	{
		if (pgt_linear_has_new_plans(((NodeProgram *) lfirst(lc))->input))
			return true;
	}

	return pgt_linear_has_new_plans(program->top);
}

/*
 * Append a program to an image; see program.h.
 */
void
pgt_program_write(const Program *program, StringInfo image)
{
	ListCell *lc;

	pgt_image_put_int(image, list_length(program->nodes));
	foreach (lc, program->nodes)
		pgt_node_write(lfirst(lc), image);
	pgt_linear_write(program->top, image);
	pgt_image_put_int(image, list_length(program->sources));
	foreach (lc, program->sources)
	{
		ProgramSource *source = lfirst(lc);

		pgt_image_put_text(image, source->delta_name);
		pgt_image_put_desc(image, source->delta_desc);
	}
}

static ProgramSource *
read_source(ImageReader *image)
{
	ProgramSource *source = palloc(sizeof(ProgramSource));

	source->delta_name = pgt_image_text(image);
	source->delta_desc = pgt_image_desc(image);
	return source;
}

/*
 * Read a program, into a memory context of its own below "parent".
 */
Program *
pgt_program_read(ImageReader *image, MemoryContext parent)
{
	MemoryContext memory = AllocSetContextCreate(parent, "pg_trickle program",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	Program *program = palloc0(sizeof(Program));
	int64 n = pgt_image_int(image);

	program->memory = memory;
	for (int64 i = 0; i < n; i++)
		program->nodes = lappend(program->nodes, pgt_node_read(image));
	program->top = pgt_linear_read(image);
	n = pgt_image_int(image);
	for (int64 i = 0; i < n; i++)
		program->sources = lappend(program->sources, read_source(image));

	MemoryContextSwitchTo(before);
	return program;
}

/*
 * Free a program with its saved plans.
 */
void
pgt_program_free(Program *program)
{
	ListCell *lc;

	foreach (lc, program->nodes)
		pgt_node_free(lfirst(lc));
	pgt_linear_free(program->top);
	pgt_free_plan(program->content.large);
	MemoryContextDelete(program->memory);
}

/*
 * Create the state tables of all nodes, with the indexes that queries above
 * them need, and register them.
 */
void
pgt_program_create_state(int64 pgt_id, const NormalForm *form, Oid relid,
						 Oid owner)
{
	Oid *relids = palloc0(sizeof(Oid) * (list_length(form->nodes) + 1));
	ListCell *lc;

	foreach (lc, form->nodes)
	{
		NodeState *state = pgt_node_create_state(pgt_id, lfirst(lc), relid,
												 owner);

		pgt_insert_node_state(state);
		relids[state->node_id] = state->state_relid;
	}
	pgt_create_lookup_indexes(form, relids);
}

/* ---- running ---- */

/* Let the active snapshot see what was written so far. */
static void
see_own_writes(void)
{
	CommandCounterIncrement();
	UpdateActiveSnapshotCommandId();
}

static Delta *
find_delta(List *deltas, const char *name)
{
	ListCell *lc;

	foreach (lc, deltas)
	{
		Delta *delta = lfirst(lc);

		if (strcmp(delta->name, name) == 0)
			return delta;
	}

	return NULL;
}

/*
 * One member per source: a term mentions the changes of all its leaves, also
 * of those that have none.  What is made here is added to *owned.
 */
static List *
all_deltas(const Program *program, List *deltas, List **owned)
{
	List *all = NIL;
	ListCell *lc;

	foreach (lc, program->sources)
	{
		ProgramSource *source = lfirst(lc);
		Delta *delta = find_delta(deltas, source->delta_name);

		if (delta == NULL)
		{
			delta = pgt_delta_create(source->delta_name, source->delta_desc);
			*owned = lappend(*owned, delta);
		}
		all = lappend(all, delta);
	}

	return all;
}

/*
 * Run the nodes, adding the change of each to *all and *owned.  Returns what
 * did not fit, or NULL.
 */
static const char *
run_nodes(Program *program, List **all, List **owned)
{
	ListCell *lc;

	foreach (lc, program->nodes)
	{
		const char *mismatch = NULL;
		Delta *delta = pgt_node_run(lfirst(lc), *all, &mismatch);

		*owned = lappend(*owned, delta);
		if (mismatch != NULL)
			return mismatch;
		*all = lappend(*all, delta);
		if (delta->nrows > 0)
			see_own_writes();
	}

	return NULL;
}

static void
put_row(TupleTableSlot *slot, int64 weight, void *result)
{
	pgt_zset_put(result, slot, weight);
}

/*
 * Run the program; see program.h.
 */
const char *
pgt_program_run(Program *program, List *deltas, ZSet *result)
{
	List *owned = NIL;
	List *all = all_deltas(program, deltas, &owned);
	const char *mismatch = run_nodes(program, &all, &owned);
	ListCell *lc;

	if (mismatch == NULL)
		pgt_linear_run(program->top, all, put_row, result);

	foreach (lc, owned)
		pgt_delta_free(lfirst(lc));
	return mismatch;
}

/*
 * Make the state tables what they should be under the active snapshot.
 */
void
pgt_program_rebuild(Program *program)
{
	ListCell *lc;

	foreach (lc, program->nodes)
	{
		pgt_node_rebuild(lfirst(lc));
		see_own_writes();
	}
}

/*
 * Is it up to the states which of equal keys a group shows?
 */
bool
pgt_program_has_choices(const Program *program)
{
	ListCell *lc;

	foreach (lc, program->nodes)
	{
		const NodeProgram *node = lfirst(lc);

		if (node->representative != NULL)
			return true;
	}

	return false;
}

/*
 * Hand over all rows of the result, as the state tables have it.
 */
void
pgt_program_content(Program *program, RowReceiver receive, void *arg)
{
	QueryText *text = &program->content;

	if (text->sql == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(program->memory);

		text->sql = psprintf("SELECT q.*, 1::pg_catalog.int8 FROM (%s) q",
							 program->top->sql);
		text->desc = program->top->desc;
		MemoryContextSwitchTo(before);
	}
	pgt_run_text(text, false, NIL, receive, arg);
}

/*
 * Report what is wrong in the state tables, given those below.
 */
void
pgt_program_compare(Program *program, StateDifference report, void *arg)
{
	ListCell *lc;

	foreach (lc, program->nodes)
		pgt_node_compare(lfirst(lc), report, arg);
}

/* ---- explaining ---- */

static List *
add_property(List *properties, char *name, const char *value)
{
	Property *property = palloc(sizeof(Property));

	property->name = name;
	property->value = pstrdup(value);
	property->cost = -1;
	return lappend(properties, property);
}

/* Whose change a term reads, for people. */
static char *
term_subject(const Term *term)
{
	char *name;

	if (term->node_id != 0)
		return psprintf("node %d", term->node_id);
	name = get_rel_name(term->relid);
	return name != NULL ? name : psprintf("%u", term->relid);
}

/* The terms of the change of a linear query. */
static List *
explain_terms(List *properties, const char *name, const Linear *linear)
{
	ListCell *lc;

	foreach (lc, linear->terms)
	{
		Term *term = lfirst(lc);

		properties = add_property(properties,
								  psprintf("%s: change of %s", name,
										   term_subject(term)),
								  term->alone.sql);
		if (term->old != NIL)
			properties = add_property(properties,
									  psprintf("%s: change of %s, with others",
											   name, term_subject(term)),
									  term->full.sql);
	}

	return properties;
}

/*
 * List the parts of the program: nodes, the query at the top, and the terms of
 * the change of each ("...: change of ...").
 */
List *
pgt_program_explain(Program *program)
{
	List *properties = NIL;
	ListCell *lc;

	foreach (lc, program->nodes)
	{
		NodeProgram *node = lfirst(lc);

		properties = list_concat(properties, pgt_node_explain(node));
		properties = explain_terms(properties, node->name, node->input);
	}

	properties = add_property(properties, pstrdup("top"), program->top->sql);
	return explain_terms(properties, "top", program->top);
}

/* Empty changes of all sources: to plan with. */
static List *
no_changes(const NormalForm *form)
{
	List *deltas = NIL;
	ListCell *lc;

	foreach (lc, form->sources)
	{
		const SourceUse *use = lfirst(lc);

		deltas = lappend(deltas,
						 pgt_delta_create(pgt_source_delta_name(use->relid),
										  pgt_source_delta_desc(use)));
	}

	return deltas;
}

/* Does it read tables only, so that the planner can tell what it costs? */
static bool
reads_no_state(const Linear *linear)
{
	ListCell *lc;

	foreach (lc, linear->terms)
	{
		if (!OidIsValid(((Term *) lfirst(lc))->relid))
			return false;
	}

	return true;
}

static List *
explain_linear(List *properties, const char *name, const char *what,
			   const Query *query, const Oid *state_relids, List *deltas)
{
	Linear *linear = pgt_linear_build(query, state_relids);
	List *parts = add_property(NIL, pstrdup(what), linear->sql);
	ListCell *lc;

	parts = explain_terms(parts, name, linear);
	if (reads_no_state(linear))
	{
		foreach (lc, parts)
		{
			Property *part = lfirst(lc);

			part->cost = pgt_delta_cost(part->value, deltas);
		}
	}
	return list_concat(properties, parts);
}

/*
 * The program that would be built for a normal form: nodes, what they read,
 * the query at the top, and the terms of the change of each.
 */
List *
pgt_form_explain(const NormalForm *form)
{
	Oid *none = palloc0(sizeof(Oid) * (list_length(form->nodes) + 1));
	List *deltas = no_changes(form);
	List *properties = NIL;
	ListCell *lc;

	foreach (lc, form->nodes)
	{
		const QueryNode *node = lfirst(lc);
		char *name = psprintf("node %d", node->id);

		properties = list_concat(properties, pgt_node_explain_plan(node));
		properties = explain_linear(properties, name,
									psprintf("%s input", name), node->input,
									none, deltas);
	}

	return explain_linear(properties, "top", "top", form->top, none, deltas);
}
