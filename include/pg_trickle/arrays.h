/*-------------------------------------------------------------------------
 *
 * arrays.h
 *	  Arrays of SQL as lists, and back: what a catalog table holds.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ARRAYS_H
#define PGT_ARRAYS_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

/* An int2[] of attribute numbers. */
extern Datum pgt_int2_array(int n, const AttrNumber *members);
extern AttrNumber *pgt_int2_members(Datum array, int *n);

/* A regclass[], as a list of OIDs. */
extern Datum pgt_regclass_array(List *oids);
extern List *pgt_regclass_members(Datum array);

/* A text[], as a list of char *. */
extern Datum pgt_string_array(List *strings);
extern List *pgt_string_members(Datum array);

#endif /* PGT_ARRAYS_H */
