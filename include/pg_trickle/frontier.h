/*-------------------------------------------------------------------------
 *
 * frontier.h
 *	  Which changes has a stream table seen?
 *
 * Layer: catalog
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_FRONTIER_H
#define PGT_FRONTIER_H

#include "access/transam.h"
#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/*
 * The snapshot of the last refresh, in xid8, and what that refresh had read
 * of its own transaction (which its own snapshot does not show).  A change
 * is seen iff
 *
 *		xid = own_xid ? part <= own_part : visible in the snapshot
 */
typedef struct Frontier
{
	XLogRecPtr lsn;			/* for people */
	TimestampTz timestamp;	/* for people and AS OF */
	char *era;				/* the xid space of all xids here */
	List *done_eras;		/* of char *: eras whose changes are all seen */
	FullTransactionId xmin; /* everything older has been seen */
	FullTransactionId xmax; /* everything from here on has not */
	int nxip;
	FullTransactionId *xip;	   /* in between and not seen, ascending */
	FullTransactionId own_xid; /* invalid: none */
	int32 own_part;
	bool lost; /* changes it has not seen may be gone */
} Frontier;

/* The relation of one era to a frontier. */
typedef enum EraRelation
{
	ERA_SAME, /* compare xids */
	ERA_DONE, /* all seen */
	ERA_NEW,  /* nothing seen */
} EraRelation;

/*
 * Pure arithmetic: no server calls, unit-tested.  "frontier" may be NULL in
 * pgt_frontier_era(): nothing was ever seen.
 */
extern EraRelation pgt_frontier_era(const Frontier *frontier, const char *era);
extern bool pgt_frontier_sees(const Frontier *frontier, FullTransactionId xid,
							  int32 part);

/* Has every row whose xid lies in [min, max] been seen, whatever its part? */
extern bool pgt_frontier_passed(const Frontier *frontier,
								FullTransactionId min, FullTransactionId max);

/* Has "later", of the same era, seen every other transaction "f" has? */
extern bool pgt_frontier_covers(const Frontier *later, const Frontier *f);

#endif /* PGT_FRONTIER_H */
