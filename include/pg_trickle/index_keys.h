/*-------------------------------------------------------------------------
 *
 * index_keys.h
 *	  Looking up by a unique index the row that has the values of another.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_INDEX_KEYS_H
#define PGT_INDEX_KEYS_H

#include "access/skey.h"
#include "executor/tuptable.h"

/* One scan key per key column of a btree index, none of an expression. */
typedef struct IndexKeys
{
	Oid index;
	int n;
	AttrNumber columns[INDEX_MAX_KEYS]; /* of the table */
	ScanKeyData keys[INDEX_MAX_KEYS];
} IndexKeys;

extern void pgt_index_keys_init(IndexKeys *keys, Oid index);

/*
 * Look for the values of this row, which must stay as long; false if one of
 * them is NULL, which is looked for, too.
 */
extern bool pgt_index_keys_set(IndexKeys *keys, TupleTableSlot *row);

#endif /* PGT_INDEX_KEYS_H */
