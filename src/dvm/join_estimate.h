/*
 * join_estimate.h
 *	  Planning for few changed rows.
 */
#ifndef PGT_JOIN_ESTIMATE_H
#define PGT_JOIN_ESTIMATE_H

#include "executor/spi.h"
#include "utils/plancache.h"

/* Like SPI_plan_get_cached_plan(). */
extern CachedPlan *pgt_plan_for_few_rows(SPIPlanPtr plan);

#endif /* PGT_JOIN_ESTIMATE_H */
