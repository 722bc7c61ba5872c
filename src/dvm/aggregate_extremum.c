/*-------------------------------------------------------------------------
 *
 * aggregate_extremum.c
 *	  Aggregates that pick the first value in the order of an operator: min,
 *	  max, bool_and, bool_or, and whatever else has a sort operator.
 *
 * A value that comes is compared with the extremum.  When the extremum goes,
 * another value takes its place, and there are two ways to find it:
 *
 *	- ordered values: the values are kept in a multiset with an index
 *	  (group, value), of which the first or last entry is read;
 *	- extremum: values that are too large for an index entry are not kept.  The
 *	  group is put in doubt, and a query looks at its rows.  c<i> counts rows
 *	  that are known to have the extremum: as long as one is left, nothing is
 *	  in doubt.  After a query only one is known.
 *
 * The planner takes the same liberty: SELECT max(x) reads one index entry.  As
 * there, NULL is no value.  DISTINCT inside makes no difference.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_am.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg_trickle/aggregate.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/identity.h"
#include "pg_trickle/multiset.h"

typedef struct Extremum
{
	FmgrInfo beats; /* the sort operator */
	int16 typlen;
	bool typbyval;
	bool last; /* the last in the order of the index */

	/* of the group at hand */
	bool known;	 /* is there any value? */
	Datum value; /* in memory->group */
	int64 count; /* rows known to have it */
	bool lost;	 /* ordered values: look it up again */
} Extremum;

/* ---- matching ---- */

static bool
matches_extremum(const AggregateFacts *facts)
{
	const Aggref *aggref = facts->aggref;

	return facts->form.aggkind == AGGKIND_NORMAL &&
		   OidIsValid(facts->form.aggsortop) &&
		   list_length(aggref->args) == 1 &&
		   aggref->aggorder == NIL;
}

/* Is the sort operator one of the default btree operator class? */
static bool
sorts_by_default(Oid sortop, Oid type, bool *last)
{
	Oid family;
	Oid input;
	CompareType order;
	Oid opclass = GetDefaultOpClass(type, BTREE_AM_OID);

	if (!OidIsValid(opclass) ||
		!get_ordering_op_properties(sortop, &family, &input, &order))
		return false;
	*last = order == COMPARE_GT;
	return get_opclass_family(opclass) == family;
}

/*
 * The values can be kept in order if they fit an index that is made without
 * naming an operator class, and one order is meant by index and aggregate.
 */
static bool
matches_ordered(const AggregateFacts *facts)
{
	Node *arg;
	Oid type;
	bool last;

	if (!matches_extremum(facts))
		return false;

	arg = (Node *) linitial_node(TargetEntry, facts->aggref->args)->expr;
	type = exprType(arg);
	return pgt_type_is_bounded(type, exprTypmod(arg)) &&
		   exprCollation(arg) == facts->aggref->inputcollid &&
		   sorts_by_default(facts->form.aggsortop, type, &last);
}

static void
prepare_extremum(Aggregate *agg, const AggregateFacts *facts)
{
	Extremum *own = palloc0(sizeof(Extremum));
	Oid type = facts->argtypes[0];

	fmgr_info(get_opcode(facts->form.aggsortop), &own->beats);
	get_typlenbyval(type, &own->typlen, &own->typbyval);
	(void) sorts_by_default(facts->form.aggsortop, type, &own->last);
	agg->skips_nulls = true;
	agg->own = own;
}

/* ---- the group at hand ---- */

static bool
beats(Aggregate *agg, Datum a, Datum b)
{
	MemoryContext before = MemoryContextSwitchTo(agg->memory->row);
	Extremum *own = agg->own;
	bool result;

	result = DatumGetBool(FunctionCall2Coll(&own->beats,
											agg->aggref->inputcollid, a, b));
	MemoryContextSwitchTo(before);
	MemoryContextReset(agg->memory->row);
	return result;
}

static void
set_extremum(Aggregate *agg, Datum value, int64 count)
{
	MemoryContext before = MemoryContextSwitchTo(agg->memory->group);
	Extremum *own = agg->own;

	if (own->typlen == -1)
		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	own->value = datumCopy(value, own->typbyval, own->typlen);
	own->known = true;
	own->count = count;
	MemoryContextSwitchTo(before);
}

static void
load_extremum(Aggregate *agg, TupleTableSlot *stored)
{
	Extremum *own = agg->own;
	bool isnull;
	Datum value;

	own->known = false;
	own->lost = false;
	own->count = 0;
	if (stored == NULL)
		return;

	value = slot_getattr(stored, agg->result, &isnull);
	if (!isnull)
		set_extremum(agg, value, 0);
	if (agg->count != InvalidAttrNumber)
		own->count = DatumGetInt64(slot_getattr(stored, agg->count, &isnull));
}

/* Rows with a value came. */
static void
offer(Aggregate *agg, Datum value, int64 weight)
{
	Extremum *own = agg->own;

	if (!own->known || beats(agg, value, own->value))
		set_extremum(agg, value, weight);
	else if (!beats(agg, own->value, value))
		own->count += weight;
}

static int
apply_extremum(Aggregate *agg, int64 weight)
{
	Extremum *own = agg->own;
	Datum value = agg->values[0];

	if (weight > 0)
	{
		offer(agg, value, weight);
		return DOUBT_NONE;
	}

	/* What goes cannot lie beyond the extremum. */
	if (!own->known || beats(agg, value, own->value))
		return DOUBT_MISMATCH;
	if (beats(agg, own->value, value))
		return DOUBT_NONE;
	own->count += weight;
	return own->count > 0 ? DOUBT_NONE : DOUBT_QUERY;
}

static void
store_extremum(Aggregate *agg, Datum *values, bool *nulls)
{
	Extremum *own = agg->own;

	values[agg->result - 1] = own->value;
	nulls[agg->result - 1] = !own->known;
	if (agg->count == InvalidAttrNumber)
		return;
	values[agg->count - 1] = Int64GetDatum(own->count);
	nulls[agg->count - 1] = false;
}

static void
answer_extremum(Aggregate *agg, Datum value, bool isnull)
{
	Extremum *own = agg->own;

	own->known = false;
	own->count = 0;
	if (!isnull)
		set_extremum(agg, value, 1);
}

/* ---- with the values kept in order ---- */

static int
apply_ordered(Aggregate *agg, int64 weight)
{
	Extremum *own = agg->own;
	Datum value = agg->values[0];
	ValueChange change;

	change = pgt_multiset_add(agg->multiset, agg->group, agg->values,
							  agg->nulls, weight, NULL, NULL);
	if (change == VALUE_MISMATCH)
		return DOUBT_MISMATCH;
	if (change == VALUE_APPEARED)
		offer(agg, value, weight);
	else if (change == VALUE_VANISHED && own->known &&
			 !beats(agg, own->value, value))
		own->lost = true;
	return DOUBT_NONE;
}

static void
store_ordered(Aggregate *agg, Datum *values, bool *nulls)
{
	Extremum *own = agg->own;
	Datum value;

	if (own->lost || agg->from_scratch)
	{
		own->known = false;
		if (pgt_multiset_extremum(agg->multiset, agg->group, own->last,
								  &value))
			set_extremum(agg, value, 0);
	}
	store_extremum(agg, values, nulls);
}

const AggregateStrategy pgt_strategy_extremum = {
	.name = "extremum",
	.meaning = "extremum kept, its group computed anew when it goes",
	.keeps = KEEPS_COUNT,
	.fed = true,
	.matches = matches_extremum,
	.prepare = prepare_extremum,
	.load = load_extremum,
	.apply = apply_extremum,
	.store = store_extremum,
	.answer = answer_extremum,
};

const AggregateStrategy pgt_strategy_ordered = {
	.name = "ordered values",
	.meaning = "values kept in order, the extremum is one of the ends",
	.keeps = KEEPS_VALUES,
	.matches = matches_ordered,
	.prepare = prepare_extremum,
	.load = load_extremum,
	.apply = apply_ordered,
	.store = store_ordered,
};
