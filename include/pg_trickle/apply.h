/*-------------------------------------------------------------------------
 *
 * apply.h
 *	  Applying a Z-set to a stream table.
 *
 * Layer: apply
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_APPLY_H
#define PGT_APPLY_H

#include "access/attnum.h"

#include "pg_trickle/identity.h"
#include "pg_trickle/zset.h"

/*
 * A stream table as apply sees it.  Keyed: at most one row per key (nkeys
 * may be 0: at most one row at all).  A bag: any number of equal rows.
 */
typedef struct ApplyTarget
{
	Oid relid;
	bool keyed;
	int nkeys;
	AttrNumber *keys; /* attribute numbers in the stream table */
	Oid index;		  /* made by pgt_apply_create_index() */
} ApplyTarget;

typedef struct ApplyResult
{
	int64 inserted;
	int64 updated;
	int64 deleted;

	/*
	 * The delta did not fit: a row to delete was not there, or there were
	 * two rows of one key.
	 */
	bool mismatch;
} ApplyResult;

/* How the Z-set given to pgt_apply() must be grouped. */
extern RowIdentity *pgt_apply_identity(const ApplyTarget *target,
									   TupleDesc desc);

/*
 * Apply the changes; stops at the first mismatch (what was applied so far is
 * to be undone: the caller calls this in a subtransaction).  The rows of
 * "changes" have the columns of the stream table.
 */
extern ApplyResult pgt_apply(const ApplyTarget *target, ZSet *changes);

/*
 * Is the table empty, and may the rows of its query go into it as they come
 * (rowload.h)?  Otherwise pgt_apply() writes them.
 */
extern bool pgt_apply_can_fill(const ApplyTarget *target);

/*
 * Create the index by which rows are found (sets target->index).  A keyed
 * table gets a unique index NULLS NOT DISTINCT on its key if all key types
 * are bounded, else an index on pgtrickle.key_hash(key columns); a bag one on
 * pgtrickle.row_hash(all columns).
 */
extern void pgt_apply_create_index(ApplyTarget *target);

/*
 * The same if there is no such index any more: its owner may drop or rebuild
 * it.  True if target->index was changed: store it.  Call it before each
 * apply; it is cheap.
 */
extern bool pgt_apply_ensure_index(ApplyTarget *target);

/*
 * Build the index anew from the rows: what it stores of them no longer fits
 * (another version of a collation, an attribute dropped from a composite).
 */
extern void pgt_apply_rebuild_index(const ApplyTarget *target);

/*
 * Make the table a stream table for its users: write guards (BEFORE ROW and
 * TRUNCATE triggers, ENABLE ALWAYS), REPLICA IDENTITY FULL.
 */
extern void pgt_apply_install_guard(Oid relid);

/* Are the guards in place?  (They come last when a dump is restored.) */
extern bool pgt_apply_is_guarded(Oid relid);

/*
 * Raise an error if the guards are not in place and enabled ALWAYS, or if the
 * table has BEFORE ROW triggers, rules, or foreign keys with actions that
 * change it (refused: apply could not promise what is written).
 */
extern void pgt_apply_check_table(Oid relid);

#endif /* PGT_APPLY_H */
