/*-------------------------------------------------------------------------
 *
 * zset.h
 *	  A Z-set: rows with signed weights, of any size.
 *
 * Rows are put in any order.  Then the set is read group by group, where a
 * group is what a RowIdentity calls the same row; within a group the weights
 * of rows with the same image are added up, rows whose weights cancel are
 * left out, and rows with positive weight come before those with negative.
 * A set larger than work_mem goes to disk.
 *
 *		zset = pgt_zset_create(desc, identity);
 *		pgt_zset_put(zset, slot, weight);  ...
 *		while (pgt_zset_next_group(zset))
 *			while ((slot = pgt_zset_next_row(zset, &weight)) != NULL)
 *				...
 *		pgt_zset_free(zset);
 *
 * A group may turn out empty (everything cancelled).
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ZSET_H
#define PGT_ZSET_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"

#include "pg_trickle/identity.h"

typedef struct ZSet ZSet;

/*
 * Rows have the columns of "desc"; "groups" says which of them are one group
 * (NULL: the whole image).  Allocated in the current memory context.
 */
extern ZSet *pgt_zset_create(TupleDesc desc, const RowIdentity *groups);
extern void pgt_zset_put(ZSet *zset, TupleTableSlot *slot, int64 weight);
extern int64 pgt_zset_puts(const ZSet *zset);	  /* number of calls so far */
extern TupleDesc pgt_zset_desc(const ZSet *zset); /* of its rows */

/*
 * The number of groups, or of those with a negative weight, some of which may
 * turn out empty; 0 if it is not known because the rows are on disk.  This and
 * what follows end the putting.
 */
extern int64 pgt_zset_count_groups(ZSet *zset, bool negative);

extern bool pgt_zset_next_group(ZSet *zset);

/* The slot is valid until the next call; NULL at the end of the group. */
extern TupleTableSlot *pgt_zset_next_row(ZSet *zset, int64 *weight);
extern void pgt_zset_free(ZSet *zset);

#endif /* PGT_ZSET_H */
