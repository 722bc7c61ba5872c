/*-------------------------------------------------------------------------
 *
 * aggregate_distinct.c
 *	  DISTINCT aggregates whose plain form can be undone.
 *
 * The values are kept in a multiset.  A value that appears in it is added to
 * a moving state, one that vanishes is removed from it, and one that merely
 * has more or fewer rows than before does nothing: for sum(DISTINCT x) of
 * {1, 5, 5}, the state is that of sum(x) of {1, 5}.
 *
 * Values that are equal but not identical (1.0 and 1.00) are one value.  The
 * one that came first stands for all, and it is the one that is removed, so
 * that the state loses what it was given.
 *
 * Where the inverse function cannot, the state is made anew from the
 * multiset; the node's input is not asked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg_trickle/aggregate.h"
#include "pg_trickle/multiset.h"

typedef struct Distinct
{
	Moving *moving;
	bool lost; /* make the state of the group anew */
} Distinct;

static bool
matches_distinct(const AggregateFacts *facts)
{
	return facts->aggref->aggdistinct != NIL && pgt_moving_possible(facts) &&
		   pgt_arguments_storable(facts);
}

static void
prepare_distinct(Aggregate *agg, const AggregateFacts *facts)
{
	Distinct *own = palloc0(sizeof(Distinct));

	own->moving = pgt_moving_prepare(agg, facts);
	agg->own = own;
}

static void
load_distinct(Aggregate *agg, TupleTableSlot *stored)
{
	Distinct *own = agg->own;

	own->lost = false;
	pgt_moving_load(agg, own->moving, stored);
}

static int
apply_distinct(Aggregate *agg, int64 weight)
{
	Distinct *own = agg->own;
	const Datum *values;
	const bool *nulls;
	ValueChange change;

	change = pgt_multiset_add(agg->multiset, agg->group, agg->values,
							  agg->nulls, weight, &values, &nulls);
	if (change == VALUE_MISMATCH)
		return DOUBT_MISMATCH;
	if (change == VALUE_STAYED || own->lost)
		return DOUBT_NONE;

	if (change == VALUE_APPEARED)
		pgt_moving_forward(agg, own->moving, values, nulls);
	else if (pgt_moving_count(own->moving) <= 0)
		return DOUBT_MISMATCH;
	else
		own->lost = !pgt_moving_inverse(agg, own->moving, values, nulls);
	MemoryContextReset(agg->memory->row);
	return DOUBT_NONE;
}

static void
feed_from_multiset(Aggregate *agg)
{
	Distinct *own = agg->own;
	const Datum *values;
	const bool *nulls;

	pgt_moving_start(agg, own->moving);
	pgt_multiset_rewind(agg->multiset, agg->group);
	while (pgt_multiset_next(agg->multiset, &values, &nulls))
	{
		CHECK_FOR_INTERRUPTS();
		pgt_moving_forward(agg, own->moving, values, nulls);
		MemoryContextReset(agg->memory->row);
	}
}

static void
store_distinct(Aggregate *agg, Datum *values, bool *nulls)
{
	Distinct *own = agg->own;

	if (own->lost || agg->from_scratch)
		feed_from_multiset(agg);
	pgt_moving_store(agg, own->moving, values, nulls);
}

const AggregateStrategy pgt_strategy_distinct = {
	.name = "distinct values",
	.meaning = "values kept; those that appear and vanish are added and "
			   "subtracted",
	.keeps = KEEPS_STATE | KEEPS_COUNT | KEEPS_VALUES,
	.matches = matches_distinct,
	.prepare = prepare_distinct,
	.load = load_distinct,
	.apply = apply_distinct,
	.store = store_distinct,
};
