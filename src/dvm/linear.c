/*-------------------------------------------------------------------------
 *
 * linear.c
 *	  The terms of the change of a linear query.
 *
 * For SELECT r.a, s.b FROM r JOIN s ON s.id = r.sid, with tables 7 and 8:
 *
 *		SELECT r.c1 AS a, s.c2 AS b, r.w * s.w
 *		FROM "delta 7" r, (SELECT id AS c1, b AS c2, 1 AS w FROM s UNION ALL
 *						   SELECT c1, c2, -w FROM "delta 8") s
 *		WHERE s.c1 = r.c2
 *
 *		SELECT r.a, s.c2 AS b, s.w
 *		FROM r, "delta 8" s
 *		WHERE s.c1 = r.sid
 *
 * They are derived as Query trees by the rules in rules/, so that nothing has
 * to be known about expressions, and turned into text once.  Each term has
 * two texts.  The one above is needed when several tables changed; when the
 * leaves behind the changed one have no changes, their old state is the
 * present one, and the text is the query with one name replaced.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "parser/parsetree.h"
#include "utils/memutils.h"

#include "pg_trickle/program.h"

#include "execute.h"
#include "linear_rule.h"

/* The first that matches wins. */
static const BlockRule *const block_rules[] = {
	&pgt_rule_union_all,
	&pgt_rule_select,
};

static const EntryRule *const entry_rules[] = {
	&pgt_rule_table,
	&pgt_rule_node,
	&pgt_rule_subquery,
	&pgt_rule_constant,
};

/* ---- names ---- */

/*
 * What delta queries call the change of a source; palloc'd.  The name does not
 * change when the source is renamed.
 */
char *
pgt_source_delta_name(Oid relid)
{
	return psprintf("delta %u", relid);
}

/*
 * What delta queries call the change of a node's output; palloc'd.
 */
char *
pgt_node_delta_name(int node_id)
{
	return psprintf("delta of node %d", node_id);
}

/* ---- applying rules ---- */

/*
 * Rewrite a SELECT or UNION ALL in place.  Returns the number of the weight
 * column, 0 if it has none.
 */
AttrNumber
pgt_derive_block(Query *query, Derivation *d)
{
	check_stack_depth();
	for (int i = 0; i < (int) lengthof(block_rules); i++)
		if (block_rules[i]->matches(query))
			return block_rules[i]->derive(query, d);

	elog(ERROR, "no delta rule for a query");
}

/*
 * The same for entry "varno" of the range table.
 */
AttrNumber
pgt_derive_entry(Query *query, int varno, Derivation *d)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);

	for (int i = 0; i < (int) lengthof(entry_rules); i++)
		if (entry_rules[i]->matches(rte))
			return entry_rules[i]->derive(query, varno, d);

	elog(ERROR, "no delta rule for a range table entry of kind %d",
		 (int) rte->rtekind);
}

/*
 * The number of leaves in a query, each occurrence of a table counted.
 */
int
pgt_count_leaves(const Query *query)
{
	int count = 0;
	ListCell *lc;

	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_SUBQUERY)
			count += pgt_count_leaves(rte->subquery);
		else if (pgt_rule_table.matches(rte) || pgt_rule_node.matches(rte))
			count++;
	}

	return count;
}

/* ---- building ---- */

/*
 * A term must have the columns of the query and a weight: anything else is an
 * error of ours.
 */
static void
verify_term(const Query *query, const Query *term, AttrNumber weight)
{
	ListCell *a;
	ListCell *b;
	int ncolumns = list_length(query->targetList);

	if (weight != ncolumns + 1 || list_length(term->targetList) != weight)
		elog(ERROR, "term has %d columns, with weight %d, for a query of %d",
			 list_length(term->targetList), weight, ncolumns);

	forboth (a, query->targetList, b, term->targetList)
	{
		Oid expected = exprType((Node *) ((TargetEntry *) lfirst(a))->expr);
		Oid found = exprType((Node *) ((TargetEntry *) lfirst(b))->expr);

		if (expected != found)
			elog(ERROR, "column %d of a term has type %u, not %u",
				 foreach_current_index(a) + 1, found, expected);
	}
}

/* The text of a term; *d says about which leaf. */
static char *
term_text(const Query *query, Derivation *d)
{
	Query *term = copyObject(unconstify(Query *, query));
	AttrNumber weight = pgt_derive_block(term, d);

	verify_term(query, term, weight);
	return pgt_query_text(term);
}

static Term *
build_term(const Query *query, int leaf, const Oid *state_relids)
{
	Term *term = palloc0(sizeof(Term));
	Derivation full = {.leaf = leaf, .state_relids = state_relids};
	Derivation alone = full;

	term->full.sql = term_text(query, &full);
	term->relid = full.relid;
	term->node_id = full.node_id;
	term->delta = full.delta;
	term->old = full.old;

	alone.alone = true;
	term->alone.sql = term->old == NIL ? term->full.sql :
										 term_text(query, &alone);
	return term;
}

static void
add_term(Linear *linear, Term *term)
{
	term->full.desc = linear->desc;
	term->alone.desc = linear->desc;
	linear->terms = lappend(linear->terms, term);
}

/*
 * Derive the terms of a linear query, in the current memory context.  The
 * outputs of nodes are read from the tables state_relids[node id].
 */
Linear *
pgt_linear_build(const Query *query, const Oid *state_relids)
{
	Linear *linear = palloc0(sizeof(Linear));
	Derivation none = {.leaf = NO_LEAF, .state_relids = state_relids};
	int nleaves = pgt_count_leaves(query);

	linear->query = copyObject(unconstify(Query *, query));
	pgt_derive_block(linear->query, &none);
	linear->sql = pgt_query_text(linear->query);
	linear->desc = ExecCleanTypeFromTL(query->targetList);

	for (int leaf = 0; leaf < nleaves; leaf++)
		add_term(linear, build_term(query, leaf, state_relids));
	return linear;
}

/*
 * Free the saved plans; the memory goes with its context.
 */
void
pgt_linear_free(Linear *linear)
{
	ListCell *lc;

	foreach (lc, linear->terms)
	{
		Term *term = lfirst(lc);

		pgt_free_plan(term->alone.small);
		pgt_free_plan(term->alone.large);
		pgt_free_plan(term->full.small);
		pgt_free_plan(term->full.large);
	}
}

/* ---- as bytes ---- */

/*
 * The query, its leaves bound to tables; not the caller's to change.
 */
Query *
pgt_linear_query(Linear *linear)
{
	if (linear->query == NULL)
	{
		MemoryContext memory = GetMemoryChunkContext(linear);
		MemoryContext before = MemoryContextSwitchTo(memory);

		linear->query = stringToNode(linear->image);
		MemoryContextSwitchTo(before);
	}

	return linear->query;
}

static void
write_term(const Term *term, StringInfo image)
{
	bool alone = term->alone.sql != term->full.sql;
	ListCell *lc;

	pgt_image_put_int(image, term->relid);
	pgt_image_put_int(image, term->node_id);
	pgt_image_put_text(image, term->delta);
	pgt_image_put_int(image, list_length(term->old));
	foreach (lc, term->old)
		pgt_image_put_text(image, strVal(lfirst(lc)));
	pgt_image_put_text(image, term->full.sql);
	pgt_image_put_text(image, alone ? term->alone.sql : NULL);
	pgt_plan_write(term->full.small, image);
	pgt_plan_write(term->alone.small, image);
}

static Term *
read_term(ImageReader *image)
{
	Term *term = palloc0(sizeof(Term));
	int64 nold;

	term->relid = (Oid) pgt_image_int(image);
	term->node_id = (int) pgt_image_int(image);
	term->delta = pgt_image_text(image);
	nold = pgt_image_int(image);
	for (int64 i = 0; i < nold; i++)
		term->old = lappend(term->old, makeString(pgt_image_text(image)));
	term->full.sql = pgt_image_text(image);
	term->alone.sql = pgt_image_text(image);
	if (term->alone.sql == NULL)
		term->alone.sql = term->full.sql;
	term->full.small = pgt_plan_read(term->full.sql, image);
	term->alone.small = pgt_plan_read(term->alone.sql, image);
	return term;
}

/*
 * Are there plans that others could be given, and were not?
 */
bool
pgt_linear_has_new_plans(const Linear *linear)
{
	ListCell *lc;

	foreach (lc, linear->terms)
	{
		const Term *term = lfirst(lc);

		if (pgt_plan_is_new(term->full.small) ||
			pgt_plan_is_new(term->alone.small))
			return true;
	}

	return false;
}

/*
 * Append a linear query with its terms, and of the saved plans those for few
 * changed rows.
 */
void
pgt_linear_write(const Linear *linear, StringInfo image)
{
	ListCell *lc;

	if (linear->query != NULL)
		pgt_image_put_node(image, linear->query);
	else
		pgt_image_put_text(image, linear->image);
	pgt_image_put_text(image, linear->sql);
	pgt_image_put_desc(image, linear->desc);
	pgt_image_put_int(image, list_length(linear->terms));
	foreach (lc, linear->terms)
		write_term(lfirst(lc), image);
}

/*
 * Read one, into the current memory context.  The query stays text until
 * somebody asks for it: only groups in doubt do.
 */
Linear *
pgt_linear_read(ImageReader *image)
{
	Linear *linear = palloc0(sizeof(Linear));
	int64 nterms;

	linear->image = pgt_image_text(image);
	linear->sql = pgt_image_text(image);
	linear->desc = pgt_image_desc(image);
	nterms = pgt_image_int(image);
	for (int64 i = 0; i < nterms; i++)
		add_term(linear, read_term(image));
	return linear;
}

/* ---- running ---- */

static const Delta *
find_delta(List *deltas, const char *name)
{
	ListCell *lc;

	foreach (lc, deltas)
	{
		Delta *delta = lfirst(lc);

		if (strcmp(delta->name, name) == 0)
			return delta;
	}

	elog(ERROR, "\"%s\" is not among the changes", name);
}

static bool
old_leaves_changed(const Term *term, List *deltas)
{
	ListCell *lc;

	foreach (lc, term->old)
		if (find_delta(deltas, strVal(lfirst(lc)))->nrows > 0)
			return true;

	return false;
}

/*
 * Run the terms whose leaf has changes and hand each row to "receive"; see
 * program.h.
 */
void
pgt_linear_run(Linear *linear, List *deltas, RowReceiver receive, void *arg)
{
	bool small = pgt_deltas_are_small(deltas);
	bool connected = false;
	ListCell *lc;

	foreach (lc, linear->terms)
	{
		Term *term = lfirst(lc);
		QueryText *text;

		if (find_delta(deltas, term->delta)->nrows == 0)
			continue;
		if (!connected)
			pgt_execute_begin(deltas, small);
		connected = true;

		text = old_leaves_changed(term, deltas) ? &term->full : &term->alone;
		pgt_execute_text(text, small, deltas, receive, arg);
	}

	if (connected)
		pgt_execute_end();
}
