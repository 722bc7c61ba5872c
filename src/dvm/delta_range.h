/*
 * delta_range.h
 *	  Between delta_statistics.c and delta_range.c: joins with a delta read
 *	  only the range of a table that the delta is in.
 */
#ifndef PGT_DELTA_RANGE_H
#define PGT_DELTA_RANGE_H

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

/* A column of a table of which a query has been made to read a range. */
typedef struct NarrowedColumn
{
	Oid relid;
	AttrNumber attnum;
	double fraction; /* of the table's rows */
} NarrowedColumn;

/*
 * Add to a query that is about to be planned, for each column of a table that
 * is compared by "=" with a column of one of "deltas", the range of the
 * latter, if that is a small part of the table.  The list of NarrowedColumns,
 * in the current memory context.
 */
extern List *pgt_narrow_query(Query *query, List *deltas);

#endif /* PGT_DELTA_RANGE_H */
