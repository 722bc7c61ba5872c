/*
 * delta_statistics.h
 *	  Planning for many changed rows.
 */
#ifndef PGT_DELTA_STATISTICS_H
#define PGT_DELTA_STATISTICS_H

#include "executor/spi.h"
#include "utils/plancache.h"

/*
 * Like SPI_plan_get_cached_plan(), if the text reads "deltas".  "ranges" tells
 * the planner within which bounds their values are: the plan is then for these
 * rows, and not for as many other ones.
 */
extern CachedPlan *pgt_plan_for_many_rows(SPIPlanPtr plan, List *deltas,
										  bool ranges);

#endif /* PGT_DELTA_STATISTICS_H */
