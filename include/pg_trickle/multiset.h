/*-------------------------------------------------------------------------
 *
 * multiset.h
 *	  The values of an aggregate's argument per group, each with the number of
 *	  rows that have it.
 *
 * A table of its own in schema pgtrickle_state, e.g. for max(amount):
 *
 *		k1		| v1  | n | hash
 *		north	|  10 | 2 | hash(north)			index (hash, v1)
 *		north	|  35 | 1 | hash(north)
 *
 * and for count(DISTINCT name), whose values may be of any size:
 *
 *		k1		| v1  | n | hash		| vhash
 *		north	| Ann | 2 | hash(north) | hash(north, Ann)
 *														index (hash, vhash)
 *
 * Layer: dvm
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_MULTISET_H
#define PGT_MULTISET_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"

typedef struct Multiset Multiset;

/* A group: keys are the first columns of all tables of a node. */
typedef struct GroupKey
{
	Datum *values;
	bool *nulls;
	int64 hash;
} GroupKey;

typedef enum ValueChange
{
	VALUE_STAYED,
	VALUE_APPEARED,
	VALUE_VANISHED,
	VALUE_MISMATCH, /* there were not so many */
} ValueChange;

/*
 * Create the table with its index; "keys" describes the key columns, "values"
 * the values; "ordered": values are read in order (one, of a bounded type).
 */
extern Oid pgt_multiset_create(const char *name, TupleDesc keys,
							   TupleDesc values, bool ordered,
							   Oid owner, Oid owner_of);
extern Multiset *pgt_multiset_build(Oid relid, TupleDesc keys,
									TupleDesc values, bool ordered,
									bool strict);

/*
 * A run: start by forgetting a former one, close at the end.  The table is
 * opened by the first use in between.
 */
extern void pgt_multiset_forget(Multiset *set);
extern void pgt_multiset_close(Multiset *set);

/*
 * Add "weight" rows with these values to a group.  "stored" and "stored_nulls"
 * (if not NULL) are set to the values as they are stored: equal, maybe not
 * identical; valid until the next call.
 */
extern ValueChange pgt_multiset_add(Multiset *set, const GroupKey *group,
									const Datum *values, const bool *nulls,
									int64 weight, const Datum **stored,
									const bool **stored_nulls);

/* The first or last value of a group, valid until the next call. */
extern bool pgt_multiset_extremum(Multiset *set, const GroupKey *group,
								  bool last, Datum *value);

/* Read the values of a group one by one; false at the end. */
extern void pgt_multiset_rewind(Multiset *set, const GroupKey *group);
extern bool pgt_multiset_next(Multiset *set, const Datum **values,
							  const bool **nulls);

/*
 * Make the multiset what it should be: start with "repair", put all rows,
 * settle.  Without, and with a "report" at the end, nothing is written, but
 * each wrong row is handed to that with what its n is short of; the slot has
 * the columns k1.., v1...
 */
typedef void (*ValueReport)(TupleTableSlot *row, int64 weight, void *arg);
extern void pgt_multiset_collect(Multiset *set, bool repair);
extern void pgt_multiset_put(Multiset *set, TupleTableSlot *keys,
							 const Datum *values, const bool *nulls);
extern void pgt_multiset_settle(Multiset *set, ValueReport report, void *arg);

#endif /* PGT_MULTISET_H */
