/*
 * planning.h
 *	  What the planner is told while it plans a query of ours.
 */
#ifndef PGT_PLANNING_H
#define PGT_PLANNING_H

#include "executor/spi.h"
#include "utils/plancache.h"
#include "utils/selfuncs.h"

struct Planning;

/* One query that is being planned; extended by those who tell. */
typedef struct Planning
{
	/* Fill in vardata and return true, or know nothing about the column. */
	bool (*describe)(struct Planning *planning, PlannerInfo *root,
					 RangeTblEntry *rte, AttrNumber attnum,
					 VariableStatData *vardata);
	/* Before it is planned, it may be changed; or NULL. */
	void (*begin)(struct Planning *planning, Query *query);

	/* Private. */
	const char *text;
	bool begun;
} Planning;

/*
 * Like SPI_plan_get_cached_plan(); if that has to plan, it asks "planning".
 * Queries of functions that the planner calls are planned without.
 */
extern CachedPlan *pgt_plan_with(Planning *planning, SPIPlanPtr plan);

#endif /* PGT_PLANNING_H */
