/*-------------------------------------------------------------------------
 *
 * units.h
 *	  How stream tables become units of refresh.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SCHEDULE_UNITS_H
#define PGT_SCHEDULE_UNITS_H

#include "pg_trickle/due.h"

/*
 * Give what is its owner's of each atomic diamond the same leader; each node is
 * its own at first.  Needs consumers and order; "ranked" are all, by pgt_id.
 */
extern void pgt_join_diamonds(const DueModel *model, const int *ranked,
							  int *leader);

/* A unit waits for the slowest only if all diamonds in it do. */
extern void pgt_set_policies(DueModel *model);

#endif /* PGT_SCHEDULE_UNITS_H */
