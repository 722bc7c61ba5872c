/*-------------------------------------------------------------------------
 *
 * row_index.h
 *	  The index by which apply finds rows: what it looks like.
 *
 * For src/apply only.
 *
 * Layer: apply
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROW_INDEX_H
#define PGT_ROW_INDEX_H

#include "access/tupdesc.h"

#include "pg_trickle/apply.h"

typedef enum RowIndexKind
{
	ROW_INDEX_NONE,		  /* all rows are the same */
	ROW_INDEX_UNIQUE,	  /* on the key columns */
	ROW_INDEX_KEY_HASH,	  /* on key_hash(key columns) */
	ROW_INDEX_IMAGE_HASH, /* on row_hash(all columns) */
} RowIndexKind;

extern RowIndexKind pgt_row_index_kind(const ApplyTarget *target,
									   TupleDesc desc);

/*
 * The columns that an index on a hash hashes, in order, in the current memory
 * context: as many as a function can have arguments.
 */
extern AttrNumber *pgt_hashed_columns(const ApplyTarget *target,
									  TupleDesc desc, int *ncolumns);

#endif /* PGT_ROW_INDEX_H */
