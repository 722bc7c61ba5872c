/*-------------------------------------------------------------------------
 *
 * states.c
 *	  The state tables of a stream table, all together.
 *
 * They are made with the definition.  They no longer fit it when a function
 * or an aggregate was replaced by one of another kind, when a new major
 * version of the server keeps other states, or when keys have other hashes in
 * the database into which they were restored; then they are made anew, and the
 * stream table is recomputed.
 *
 * Who finds this out need not be the one who recomputes: it may be explained,
 * or a gate be shut.  So states made anew bear a signature that fits nothing,
 * until they are filled.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"

#include "pg_trickle/refresh.h"

static bool
needs_states(const StreamTable *st, const NormalForm *form)
{
	return st->mode != MODE_FULL && form->obstacle.kind == OBSTACLE_NONE;
}

/*
 * Create the states of the nodes, if the mode uses any; they belong to the
 * owner of the stream table.
 */
void
pgt_create_states(const StreamTable *st, const NormalForm *form)
{
	if (needs_states(st, form))
		pgt_program_create_state(st->pgt_id, form, st->relid,
								 pgt_relation_owner(st->relid));
}

/*
 * Drop the states of the nodes, those of them that exist.
 */
void
pgt_drop_states(const StreamTable *st)
{
	List *nodes = pgt_node_states(st->pgt_id);
	ListCell *lc;
	ListCell *lc2;

	pgt_delete_node_states(st->pgt_id);
	foreach (lc, nodes)
	{
		NodeState *node = lfirst(lc);

		foreach (lc2, node->multisets)
			pgt_drop_internal_relation(lfirst_oid(lc2));
		pgt_drop_internal_relation(node->state_relid);
	}
}

static NodeState *
find_state(List *states, int node_id)
{
	ListCell *lc;

	foreach (lc, states)
	{
		NodeState *state = lfirst(lc);

		if (state->node_id == node_id)
			return state;
	}

	return NULL;
}

static bool
states_fit(const NormalForm *form, List *states)
{
	ListCell *lc;

	if (list_length(form->nodes) != list_length(states))
		return false;

	foreach (lc, form->nodes)
	{
		QueryNode *node = lfirst(lc);
		NodeState *state = find_state(states, node->id);

		if (state == NULL || !pgt_node_state_fits(node, state))
			return false;
	}

	return true;
}

static void
sign_as_empty(const StreamTable *st)
{
	List *states = pgt_node_states(st->pgt_id);
	ListCell *lc;

	foreach (lc, states)
		pgt_set_node_signature(lfirst(lc), "empty");
}

/*
 * Make the states anew if they do not fit the normal form.  True if they were:
 * then the stream table has to be recomputed.
 */
bool
pgt_refit_states(const StreamTable *st, const NormalForm *form)
{
	if (RecoveryInProgress() || !needs_states(st, form) ||
		states_fit(form, pgt_node_states(st->pgt_id)))
		return false;

	pgt_drop_states(st);
	pgt_create_states(st, form);
	CommandCounterIncrement();
	sign_as_empty(st);
	CommandCounterIncrement();
	return true;
}

/*
 * States that were made anew are filled.  Whether that is committed, the next
 * to compile the stream table finds in the catalog.
 */
void
pgt_sign_refitted_states(Compiled *compiled)
{
	List *states;
	ListCell *lc;

	if (!compiled->refitted)
		return;

	states = pgt_node_states(compiled->pgt_id);
	foreach (lc, compiled->form->nodes)
	{
		QueryNode *node = lfirst(lc);

		pgt_set_node_signature(find_state(states, node->id),
							   pgt_node_signature(node));
	}
	compiled->valid = false;
}
