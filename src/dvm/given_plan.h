/*
 * given_plan.h
 *	  Plans of delta queries that another session has made.
 */
#ifndef PGT_GIVEN_PLAN_H
#define PGT_GIVEN_PLAN_H

#include "nodes/plannodes.h"
#include "tcop/dest.h"

#include "pg_trickle/program.h"

typedef struct GivenPlan GivenPlan;

/* May others run it?  Not what is bound to a user or a transaction. */
extern bool pgt_plan_can_be_given(const PlannedStmt *stmt);
extern bool pgt_plan_text_can_be_given(const char *text);

/* From nodeToString(); watched as long as the current memory context lives. */
extern GivenPlan *pgt_given_plan(const char *sql, const char *text,
								 List *relids);

/* Has nothing changed that it was made from?  Its tables are locked now. */
extern bool pgt_given_plan_is_valid(GivenPlan *given);

extern const char *pgt_given_plan_text(const GivenPlan *given);
extern const PlannedStmt *pgt_given_plan_stmt(GivenPlan *given);

/* Run it under the active snapshot. */
extern void pgt_given_plan_run(GivenPlan *given, List *deltas,
							   DestReceiver *dest);

#endif /* PGT_GIVEN_PLAN_H */
