/*-------------------------------------------------------------------------
 *
 * aggregate_recompute.c
 *	  The strategy for aggregates that have no better one.
 *
 * Any row that came or went puts the result of its group in doubt, and the
 * node asks one query for all such groups (group_recompute.c).  A row that
 * the FILTER leaves out does not, but in a new group: what the aggregate is
 * over no rows at all, 0 for one that counts, only the query can tell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "pg_trickle/aggregate.h"

typedef struct Answer
{
	int16 typlen;
	bool typbyval;
	bool known;
	Datum value;
	bool isnull;
} Answer;

static bool
matches_any(const AggregateFacts *facts)
{
	return true;
}

static void
prepare_recompute(Aggregate *agg, const AggregateFacts *facts)
{
	Answer *answer = palloc0(sizeof(Answer));

	get_typlenbyval(agg->aggref->aggtype, &answer->typlen, &answer->typbyval);
	agg->own = answer;
}

static void
load_recompute(Aggregate *agg, TupleTableSlot *stored)
{
	((Answer *) agg->own)->known = false;
	if (stored == NULL && agg->aggref->aggfilter != NULL)
		agg->doubt = DOUBT_QUERY;
}

static int
apply_recompute(Aggregate *agg, int64 weight)
{
	return DOUBT_QUERY;
}

static void
answer_recompute(Aggregate *agg, Datum value, bool isnull)
{
	Answer *answer = agg->own;
	MemoryContext before = MemoryContextSwitchTo(agg->memory->group);

	answer->known = true;
	answer->isnull = isnull;
	if (!isnull)
		answer->value = datumCopy(value, answer->typbyval, answer->typlen);
	MemoryContextSwitchTo(before);
}

/* Without an answer the row keeps the result that it has. */
static void
store_recompute(Aggregate *agg, Datum *values, bool *nulls)
{
	const Answer *answer = agg->own;

	if (!answer->known)
		return;
	values[agg->result - 1] = answer->value;
	nulls[agg->result - 1] = answer->isnull;
}

const AggregateStrategy pgt_strategy_recompute = {
	.name = "recompute",
	.meaning = "computed anew for each group that changed",
	.matches = matches_any,
	.prepare = prepare_recompute,
	.load = load_recompute,
	.apply = apply_recompute,
	.store = store_recompute,
	.answer = answer_recompute,
};
