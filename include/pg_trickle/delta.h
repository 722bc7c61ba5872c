/*-------------------------------------------------------------------------
 *
 * delta.h
 *	  The change of one relation, as delta queries read it.
 *
 * The columns are c1..cn and, last, the weight w (int8).  A delta is bound to
 * the delta queries by its name, as an ephemeral named relation.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_DELTA_H
#define PGT_DELTA_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "utils/tuplestore.h"

#include "pg_trickle/identity.h"

/* Between which values a column lies, if its type counts in integers. */
typedef struct DeltaRange
{
	int16 width; /* of the values in bytes; 0: another type */
	bool known;	 /* there are values that are not NULL */
	int64 min;
	int64 max;
} DeltaRange;

typedef struct Delta
{
	char *name;			/* what delta queries call it */
	TupleDesc desc;		/* c1..cn, w */
	DeltaRange *ranges; /* of c1..cn */
	Tuplestorestate *rows;
	int64 nrows;
	int64 npositive; /* of them with a weight above 0 */

	Datum *row_values; /* of the row being put */
	bool *row_nulls;

	/* Of a delta that is to be consolidated, else NULL: */
	RowIdentity *image;
	uint64 *hashes; /* of all rows but the first "nunhashed" */
	int64 nhashes;
	int64 max_hashes;
	int64 nunhashed; /* those before the signs were mixed */
	bool many;		 /* too many to keep hashes in memory */
} Delta;

/*
 * The descriptor of a delta whose rows have the given types; all of it, and
 * the delta itself, in the current memory context.
 */
extern TupleDesc pgt_delta_desc(int ncols, const Oid *types,
								const int32 *typmods, const Oid *collations);
extern Delta *pgt_delta_create(const char *name, TupleDesc desc);

/* "values" and "nulls" have ncols members. */
extern void pgt_delta_put(Delta *delta, const Datum *values,
						  const bool *nulls, int64 weight);
extern void pgt_delta_free(Delta *delta);

/*
 * The range of all values of column "attnum" of the delta; NULL if they do not
 * count in integers (smallint to bigint, date, timestamp) or all are NULL.
 */
extern const DeltaRange *pgt_delta_range(const Delta *delta,
										 AttrNumber attnum);

/*
 * Rows that are put from now on will be consolidated; said before the first.
 */
extern void pgt_delta_expect_opposites(Delta *delta);

/*
 * The same change with the weights of equal rows added up, and without rows
 * whose weights cancel: a value that came and went in between is not seen by
 * any expression.  "delta" itself if there is nothing to add up, else it is
 * freed.
 */
extern Delta *pgt_delta_consolidate(Delta *delta);

#endif /* PGT_DELTA_H */
