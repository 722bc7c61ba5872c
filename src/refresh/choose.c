/*-------------------------------------------------------------------------
 *
 * choose.c
 *	  Delta or recomputation?
 *
 * Both are exact; the choice is one of cost, made anew at each refresh.  The
 * best predictor is what this stream table's own refreshes took:
 *
 *		delta			milliseconds of a small one, measured
 *						+ changed rows * milliseconds per row, measured
 *		recomputation	milliseconds of the last one, measured
 *						* what the planner thinks of one now / thought then
 *
 * since the tables may have grown.
 *
 * What a row costs is known from large changes: in the time of a small one it
 * is a small part, unless that takes much longer than a recomputation.  Then
 * its time is all of its rows, and counts as that of a large one.  Of fewer
 * than a hundred rows it is not asked: a single row that had to wait would tell
 * that a hundred take a hundred times as long.
 *
 * In return a small change is recomputed only if its delta is expected to take
 * much longer.  Plans for few rows are good nearly always, and so short a time
 * is what a busy machine, or a lock, can make of less.
 *
 * What is not tried is not measured: a delta that was slow once, because the
 * machine was busy, must not be avoided for ever, for while a recomputation
 * runs the next large change comes together.  So each recomputation that is
 * chosen for its cost makes deltas look a little cheaper.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"

/* Below this many rows a recomputation is not worth a thought. */
#define FEW_ROWS 100

/* Below this many rows it is, if a delta takes much longer. */
#define SMALL_CHANGE 1000
#define MUCH_LONGER 3	   /* times ... */
#define MUCH_LONGER_MS 100 /* ... and milliseconds more */

/* Until it is measured; what an aggregate over a join takes. */
#define TYPICAL_MS_PER_ROW 0.01

/* Of the estimate, what is left after each recomputation that it led to. */
#define FORGETTING 0.9

/* How much a new measurement counts. */
#define WEIGHT 0.3

/* How long a recomputation would take now, in ms; 0: nobody knows. */
static double
recomputation_time(const StreamTable *st, Compiled *compiled)
{
	RunAs before;
	double cost;

	if (st->full_ms <= 0 || st->full_cost <= 0)
		return 0;

	/* Planning calls functions. */
	before = pgt_run_as_in(compiled->owner, &compiled->settings);
	cost = pgt_query_cost(compiled->recompute_sql, &compiled->recompute_plan);
	pgt_run_as_done(before);
	return st->full_ms * cost / st->full_cost;
}

static double
smooth(double old, double new)
{
	return old > 0 ? old + WEIGHT * (new - old) : new;
}

static double
ms_per_row(const StreamTable *st)
{
	return st->delta_ms_per_row > 0 ? st->delta_ms_per_row :
									  TYPICAL_MS_PER_ROW;
}

/*
 * Is a delta that takes "ms" milliseconds worse than a recomputation?  The
 * planner is asked only if that may be.
 */
static bool
is_worse(const StreamTable *st, Compiled *compiled, int64 nrows, double ms)
{
	double factor = nrows < SMALL_CHANGE ? MUCH_LONGER : 1;
	double more = nrows < SMALL_CHANGE ? MUCH_LONGER_MS : 0;
	double recomputation;

	if (nrows < FEW_ROWS || ms < more)
		return false;
	recomputation = recomputation_time(st, compiled);
	return recomputation > 0 && ms >= recomputation * factor + more;
}

/*
 * A delta of "nrows" changed source rows took "ms" milliseconds; remember.
 * That of a small change tells of rows if it was slow, and if it was faster
 * than was expected of its rows.
 */
void
pgt_measure_delta(StreamTable *st, Compiled *compiled, int64 nrows, double ms)
{
	if (nrows >= SMALL_CHANGE)
		st->delta_ms_per_row = smooth(st->delta_ms_per_row,
									  Max(ms - st->delta_ms, ms / 2) / nrows);
	else if (is_worse(st, compiled, nrows, ms))
		st->delta_ms_per_row = smooth(ms_per_row(st), ms / nrows);
	else
	{
		st->delta_ms = smooth(st->delta_ms, ms);
		if (nrows >= FEW_ROWS && ms < nrows * st->delta_ms_per_row)
			st->delta_ms_per_row = smooth(st->delta_ms_per_row, ms / nrows);
	}
}

/*
 * Is the delta of "nrows" changed source rows to be preferred?  Always in
 * DIFFERENTIAL mode.  If not, the stream table's estimate changes.
 */
bool
pgt_delta_pays_off(StreamTable *st, Compiled *compiled, int64 nrows)
{
	double per_row = ms_per_row(st);

	if (st->mode == MODE_DIFFERENTIAL ||
		!is_worse(st, compiled, nrows, st->delta_ms + nrows * per_row))
		return true;

	st->delta_ms_per_row = per_row * FORGETTING;
	return false;
}
