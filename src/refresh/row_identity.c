/*-------------------------------------------------------------------------
 *
 * row_identity.c
 *	  By what are the rows of a stream table told apart?
 *
 * By its key, if its query has one.  What proves the key may go: after
 *
 *		ALTER TABLE shops DROP CONSTRAINT shops_pkey
 *
 * a join with shops may yield a row twice.  The stream table is a bag from
 * then on, which is right for every query; the index on the key, which would
 * refuse the second row, goes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "utils/lsyscache.h"

#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"

/*
 * Create it, for the identity that the row of the stream table says.
 */
void
pgt_create_row_index(const StreamTable *st)
{
	ApplyTarget target = pgt_apply_target(st);
	RunAs before = pgt_run_as(pgt_relation_owner(st->relid));

	pgt_apply_create_index(&target);
	pgt_run_as_done(before);
}

/*
 * Drop it, unless a constraint of the user's needs it.
 */
void
pgt_drop_row_index(const StreamTable *st)
{
	ApplyTarget target = pgt_apply_target(st);
	RunAs before = pgt_run_as(pgt_relation_owner(st->relid));

	(void) pgt_apply_ensure_index(&target);
	if (OidIsValid(target.index) &&
		!OidIsValid(get_index_constraint(target.index)))
		pgt_drop_internal_relation(target.index);
	pgt_run_as_done(before);
}

/*
 * Is the key by which the rows of a stream table are told apart a key of its
 * query, as constraints are now?  Every set of columns that contains a key is
 * one.
 */
bool
pgt_key_is_proven(const StreamTable *st, const NormalForm *form)
{
	if (!st->keyed || form->obstacle.kind != OBSTACLE_NONE)
		return true;
	if (!form->keyed)
		return false;

	for (int i = 0; i < form->nkeys; i++)
	{
		bool found = false;

		for (int j = 0; j < st->nkeys; j++)
			found |= st->keys[j] == form->keys[i];
		if (!found)
			return false;
	}

	return true;
}

/*
 * Make the stream table a bag; "st" is changed, but not stored.
 */
void
pgt_forget_key(StreamTable *st)
{
	pgt_drop_row_index(st);
	st->keyed = false;
	st->nkeys = 0;
	st->keys = NULL;
}
