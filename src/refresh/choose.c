/*-------------------------------------------------------------------------
 *
 * choose.c
 *	  Delta or recomputation?
 *
 * Both are exact; the choice is one of cost, made anew at each refresh.  The
 * best predictor is what this stream table's own refreshes took:
 *
 *		delta			changed rows * milliseconds per row, measured
 *		recomputation	milliseconds of the last one, measured
 *						* what the planner thinks of one now / thought then
 *
 * since the tables may have grown.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"

/* Below this many rows a recomputation is not worth a thought. */
#define SMALL_CHANGE 1000

/* Until it is measured; what an aggregate over a join takes. */
#define TYPICAL_MS_PER_ROW 0.01

/* How long a recomputation would take now, in ms; 0: nobody knows. */
static double
recomputation_time(const StreamTable *st, Compiled *compiled)
{
	RunAs before;
	double cost;

	if (st->full_ms <= 0 || st->full_cost <= 0)
		return 0;

	/* Planning calls functions. */
	before = pgt_run_as_in(compiled->owner, compiled->timezone);
	cost = pgt_query_cost(compiled->recompute_sql, &compiled->recompute_plan);
	pgt_run_as_done(before);
	return st->full_ms * cost / st->full_cost;
}

/*
 * Is the delta of "nrows" changed source rows to be preferred?  Always in
 * DIFFERENTIAL mode.
 */
bool
pgt_delta_pays_off(const StreamTable *st, Compiled *compiled, int64 nrows)
{
	double per_row = st->delta_ms_per_row > 0 ? st->delta_ms_per_row :
												TYPICAL_MS_PER_ROW;
	double recomputation;

	if (st->mode == MODE_DIFFERENTIAL || nrows < SMALL_CHANGE)
		return true;

	recomputation = recomputation_time(st, compiled);
	return recomputation == 0 || nrows * per_row < recomputation;
}
