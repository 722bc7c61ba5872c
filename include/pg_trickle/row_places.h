/*-------------------------------------------------------------------------
 *
 * row_places.h
 *	  Where in a table its rows lie, by a hash of them.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROW_PLACES_H
#define PGT_ROW_PLACES_H

#include "utils/rel.h"

#include "pg_trickle/identity.h"

typedef struct RowPlaces RowPlaces;

/*
 * Read a table whole and note the places of its live rows by what
 * pgt_identity_hash() with "by" answers for them; NULL if it is so large that
 * "lookups" look-ups in an index cost less.  In the current memory context.
 */
extern RowPlaces *pgt_row_places_read(Relation rel, const RowIdentity *by,
									  int64 lookups);

/* Note one more row. */
extern void pgt_row_places_add(RowPlaces *places, int64 hash,
							   ItemPointer place);

/*
 * The place of a row with that hash, of which there may be others; false if
 * there is none.  The row may have moved or gone since.
 */
extern bool pgt_row_places_find(const RowPlaces *places, int64 hash,
								ItemPointer place);

#endif /* PGT_ROW_PLACES_H */
