/*-------------------------------------------------------------------------
 *
 * node_width.c
 *	  Does what a node keeps of a group fit a row of a table?
 *
 * sum(integer) keeps 40 bytes of each group: its result, the state, and how
 * many rows are in it.  With 204 of them in one GROUP BY, rows of the state
 * table become longer than a page, although those of the result do not.
 *
 * Known when the stream table is created is how long a row can become, not
 * how long one will.  Values that are kept out of line leave a pointer, and
 * those that are no longer than that stay: by the server's rules, none of a
 * type of variable length takes more than an aligned pointer does.
 *
 * What a node shows does not count, unless it keeps more than that: if it is
 * too long for a row of the state table, it is for one of the result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "utils/memutils.h"

#include "pg_trickle/node.h"
#include "pg_trickle/run_as.h"

/* The longest row that can come of these columns. */
static Size
longest_row(TupleDesc desc)
{
	Size header = SizeofHeapTupleHeader + BITMAPLEN(desc->natts);
	Size length = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attlen > 0)
			length = att_align_nominal(length, att->attalign) + att->attlen;
		else
			length += MAXALIGN(TOAST_POINTER_SIZE);
	}
	return MAXALIGN(header) + length;
}

/* Is there more than keys, results, and the fixed columns of any node? */
static bool
keeps_more_than_it_shows(const NodeProgram *node)
{
	for (int i = 0; i < node->naggs; i++)
		if (node->aggs[i]->state > node->n || node->aggs[i]->count > node->n)
			return true;
	return false;
}

/* A rebuild puts the input and the answers of each group side by side. */
static int
columns_of_rebuild(const NodeProgram *node)
{
	return node->input_desc->natts + node->naggs + 2; /* n, weight */
}

/* Why rows of the state cannot be kept, a sentence, palloc'd; or NULL. */
static char *
width_obstacle(const NodeProgram *node)
{
	Size length = longest_row(node->state_desc);

	if (node->state_desc->natts > MaxHeapAttributeNumber ||
		columns_of_rebuild(node) > MaxTupleAttributeNumber)
		return pstrdup("A row of the state would have too many columns.");
	if (length > MaxHeapTupleSize && keeps_more_than_it_shows(node))
		return psprintf("A row of the state could need %zu of %zu bytes.",
						length, (Size) MaxHeapTupleSize);
	return NULL;
}

/* With an obstacle there are no nodes, and no top. */
static void
set_obstacle(NormalForm *form, char *construct, char *detail)
{
	form->obstacle = (Obstacle){
		.kind = OBSTACLE_NO_RULE,
		.construct = construct,
		.detail = detail,
		.location = -1,
	};
	form->nodes = NIL;
	form->top = NULL;
	form->keyed = false;
	form->nkeys = 0;
	form->keys = NULL;
}

/* The same for a node that may be too wide to be planned. */
static char *
node_obstacle(const QueryNode *query)
{
	MemoryContext memory;
	char *detail;

	if (query->nkeys + list_length(query->aggs) > MaxHeapAttributeNumber)
		return pstrdup("A row of the state would have too many columns.");

	memory = AllocSetContextCreate(CurrentMemoryContext,
								   "pg_trickle node plan",
								   ALLOCSET_SMALL_SIZES);
	detail = width_obstacle(pgt_node_plan(query, memory));
	MemoryContextDelete(memory);
	return detail;
}

static void
survey_nodes(NormalForm *form)
{
	ListCell *lc;

	foreach (lc, form->nodes)
	{
		const QueryNode *query = lfirst(lc);
		char *detail = node_obstacle(query);

		if (detail == NULL)
			continue;
		set_obstacle(form,
					 query->aggs != NIL ?
						 psprintf("%d aggregates in one SELECT",
								  list_length(query->aggs)) :
						 psprintf("DISTINCT of %d columns", query->nkeys),
					 detail);
		return;
	}
}

/*
 * See program.h.
 */
NormalForm *
pgt_form_of_query(const Query *query, Oid owner)
{
	NormalForm *form = pgt_normalize(query, owner);
	RunAs before = pgt_run_as(owner);

	survey_nodes(form);
	pgt_run_as_done(before);
	return form;
}
