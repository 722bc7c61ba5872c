/*
 * delta_statistics.h
 *	  Planning for many changed rows.
 */
#ifndef PGT_DELTA_STATISTICS_H
#define PGT_DELTA_STATISTICS_H

#include "executor/spi.h"
#include "utils/plancache.h"

#include "pg_trickle/delta.h"

/*
 * Like SPI_plan_get_cached_plan(), if the text reads "deltas".  "ranges" tells
 * the planner within which bounds their values are: the plan is then for these
 * rows, and not for as many other ones.
 */
extern CachedPlan *pgt_plan_for_many_rows(SPIPlanPtr plan, List *deltas,
										  bool ranges);

/* The one of "deltas" that a query reads as "rte", if it has rows; or NULL. */
extern Delta *pgt_find_delta(List *deltas, const RangeTblEntry *rte);

#endif /* PGT_DELTA_STATISTICS_H */
