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
 * Give the members of each atomic diamond the same leader; each node is its
 * own at first.  Needs consumers and order.
 */
extern void pgt_join_diamonds(const DueModel *model, int *leader);

/* A unit waits for the slowest only if all diamonds in it do. */
extern void pgt_set_policies(DueModel *model);

#endif /* PGT_SCHEDULE_UNITS_H */
