/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  When are two rows the same row?
 *
 * Two answers are needed.  The rows of a bag are the same if their binary
 * images are (1.0 and 1.00 are two rows; types without "=" are fine).  The
 * groups of GROUP BY and DISTINCT are the same if the types' "=" says so,
 * and NULL is equal to NULL.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_IDENTITY_H
#define PGT_IDENTITY_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"

typedef struct RowIdentity RowIdentity;

/* By the image of the columns 1..ncols (ncols may be less than natts). */
extern RowIdentity *pgt_identity_by_image(TupleDesc desc, int ncols);

/* What identity by key calls for a type; hash functions may be missing. */
typedef struct KeyFunctions
{
	Oid type;
	Oid equal;
	Oid hash;
	Oid hash_extended;
} KeyFunctions;

/*
 * Look them up; true if other sessions can be told, because they are the same
 * as long as nobody changes operator classes.  To look them up goes through
 * all classes there are.
 */
extern bool pgt_key_functions(Oid type, KeyFunctions *functions);

/* Be told by another session, who must know that they are still the same. */
extern void pgt_know_key_functions(const KeyFunctions *functions);

/*
 * By the default "=" of the types of the nkeys columns attnos[], under the
 * collations of the descriptor.  With nkeys = 0 all rows are the same.
 * Types that cannot be hashed take no part in the hash, only in equality.
 * Raises 42883 when a type has no "=".
 */
extern RowIdentity *pgt_identity_by_key(TupleDesc desc, int nkeys,
										const AttrNumber *attnos);

/* Never depends on how a value is stored (toasted, compressed, short). */
extern int64 pgt_identity_hash(const RowIdentity *id, TupleTableSlot *slot);
extern bool pgt_identity_equal(const RowIdentity *id, TupleTableSlot *a,
							   TupleTableSlot *b);

/*
 * The columns in which two rows differ, as the executor numbers them (less
 * FirstLowInvalidHeapAttributeNumber), in the current memory context.
 */
extern Bitmapset *pgt_identity_difference(const RowIdentity *id,
										  TupleTableSlot *a,
										  TupleTableSlot *b);

/* The hash of a row given as an array of all its columns. */
extern int64 pgt_identity_hash_values(const RowIdentity *id,
									  const Datum *values, const bool *nulls);

/*
 * A faster hash of a row by image, which is never stored: it may change from
 * one version to the next.
 */
extern int64 pgt_identity_quick_hash(const RowIdentity *id,
									 const Datum *values, const bool *nulls);

/* The image of single values; composites are compared field by field. */
extern bool pgt_datum_image_equal(Datum a, Datum b, Oid type);
extern uint64 pgt_datum_image_hash(Datum value, Oid type);

/*
 * Are values that are equal under the "=" of the type identical, too?  False
 * if this is not known.
 */
extern bool pgt_equal_is_identical(Oid type, int32 typmod, Oid collation);

/*
 * Can every value of the type be an entry of a btree index (2.7 kB)?  True
 * for fixed-length types and for varlena types whose typmod bounds them.
 */
extern bool pgt_type_is_bounded(Oid type, int32 typmod);

/* The size in bytes that no value of the type exceeds; -1 if there is none. */
extern int32 pgt_type_max_size(Oid type, int32 typmod);

#endif /* PGT_IDENTITY_H */
