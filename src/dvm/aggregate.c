/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *	  Choosing how an aggregate is maintained, and feeding it rows.
 *
 * The choice follows from pg_aggregate and never from a name, so that a
 * user's aggregate gets what a built-in one gets:
 *
 *		sum(int8)				has an inverse function		moving state
 *		max(date)				has a sort operator			ordered values
 *		max(text)				... but its values do not	extremum
 *								fit an index
 *		count(DISTINCT name)	a moving state, fed with	distinct values
 *								what appears or vanishes
 *		sum(float8)				none of these				recompute
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_agg.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "pg_trickle/aggregate.h"
#include "pg_trickle/compat.h"

/* The first that matches wins; the last matches all. */
static const AggregateStrategy *const strategies[] = {
	&pgt_strategy_moving,
	&pgt_strategy_ordered,
	&pgt_strategy_extremum,
	&pgt_strategy_distinct,
	&pgt_strategy_recompute,
};

/* Can a table have a column of the type? */
static bool
is_storable(Oid type)
{
	return OidIsValid(type) && get_typtype(type) != TYPTYPE_PSEUDO;
}

/*
 * Can the arguments be kept in a table?  A row of no named type cannot, as in
 * count(DISTINCT (a, b)).
 */
bool
pgt_arguments_storable(const AggregateFacts *facts)
{
	for (int i = 0; i < facts->nargs; i++)
	{
		if (!is_storable(facts->argtypes[i]))
			return false;
	}
	return true;
}

/*
 * As func_strict(), which looks up pg_proc; about the server's own functions
 * the function manager knows by itself.
 */
static bool
is_strict(Oid function)
{
	FmgrInfo info;

	if (function >= FirstGenbkiObjectId)
		return func_strict(function);
	fmgr_info(function, &info);
	return info.fn_strict;
}

/*
 * Is the moving state the plain one, which can be stored as bytea?  The
 * combine function is part of it: what a deserial function makes is meant to
 * be combined with, not to be gone on with (numeric_deserialize() leaves out
 * what a later transition needs).
 */
static bool
is_serialisable(const FormData_pg_aggregate *form)
{
	return form->aggmtranstype == INTERNALOID &&
		   form->aggtranstype == INTERNALOID &&
		   form->aggmtransfn == form->aggtransfn &&
		   OidIsValid(form->aggserialfn) &&
		   OidIsValid(form->aggdeserialfn) &&
		   OidIsValid(form->aggcombinefn) &&
		   !is_strict(form->aggcombinefn);
}

/* Look up what strategies ask for. */
static void
find_facts(Aggref *aggref, AggregateFacts *facts)
{
	HeapTuple tuple = SearchSysCache1(AGGFNOID,
									  ObjectIdGetDatum(aggref->aggfnoid));

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_FUNCTION),
				errmsg("aggregate function with OID %u does not exist",
					   aggref->aggfnoid));

	facts->aggref = aggref;
	memcpy(&facts->form, GETSTRUCT(tuple), sizeof(FormData_pg_aggregate));
	ReleaseSysCache(tuple);

	facts->nargs = get_aggregate_argtypes(aggref, facts->argtypes);
	facts->serialised = is_serialisable(&facts->form);
	facts->transtype = facts->form.aggmtranstype;
	if (OidIsValid(facts->transtype))
		facts->transtype = resolve_aggregate_transtype(aggref->aggfnoid,
													   facts->transtype,
													   facts->argtypes,
													   facts->nargs);
}

/*
 * Can the aggregate, its DISTINCT and ORDER BY aside, go back as well as
 * forth, with a state that a table can keep?  The rules are those of
 * initialize_peragg() in nodeWindowAgg.c; a final function that changes its
 * state would spoil what is stored.
 */
bool
pgt_moving_possible(const AggregateFacts *facts)
{
	const FormData_pg_aggregate *form = &facts->form;

	if (form->aggkind != AGGKIND_NORMAL || facts->aggref->aggorder != NIL ||
		!OidIsValid(form->aggminvtransfn))
		return false;

	if (is_strict(form->aggmtransfn) != is_strict(form->aggminvtransfn))
		return false;
	return form->aggmfinalmodify == AGGMODIFY_READ_ONLY &&
		   (facts->serialised || is_storable(facts->transtype));
}

/* ---- arguments ---- */

static void
plan_input(AggregateInput *input, Node *expr)
{
	if (IsA(expr, Var))
	{
		input->column = ((Var *) expr)->varattno;
		return;
	}

	if (!IsA(expr, Const))
		ereport(ERROR,
				errcode(ERRCODE_INTERNAL_ERROR),
				errmsg("argument of an aggregate is neither column nor constant"));
	input->column = 0;
	input->value = ((Const *) expr)->constvalue;
	input->isnull = ((Const *) expr)->constisnull;
}

static void
plan_inputs(Aggregate *agg)
{
	ListCell *lc;

	agg->args = palloc0(sizeof(AggregateInput) * (agg->nargs + 1));
	agg->values = palloc0(sizeof(Datum) * (agg->nargs + 1));
	agg->nulls = palloc0(sizeof(bool) * (agg->nargs + 1));

	/* Arguments that only the ORDER BY inside needs come last. */
	foreach (lc, agg->aggref->args)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (foreach_current_index(lc) < agg->nargs)
			plan_input(&agg->args[foreach_current_index(lc)],
					   (Node *) tle->expr);
	}

	if (agg->aggref->aggfilter == NULL)
		return;
	agg->filter = palloc0(sizeof(AggregateInput));
	plan_input(agg->filter, (Node *) agg->aggref->aggfilter);
}

static inline Datum
read_input(const AggregateInput *input, TupleTableSlot *row, bool *isnull)
{
	if (input->column != 0)
		return slot_getattr(row, input->column, isnull);

	*isnull = input->isnull;
	return input->value;
}

static bool
passes_filter(const Aggregate *agg, TupleTableSlot *row)
{
	bool isnull;
	Datum passes;

	if (agg->filter == NULL)
		return true;
	passes = read_input(agg->filter, row, &isnull);
	return !isnull && DatumGetBool(passes);
}

/*
 * Read the arguments of a row of the node's input into agg->values and
 * agg->nulls (valid as long as the row).  Returns false for a row that does
 * not count: its FILTER is not true, or the transition function is strict
 * and an argument NULL.
 */
bool
pgt_aggregate_fetch(Aggregate *agg, TupleTableSlot *row)
{
	if (!passes_filter(agg, row))
		return false;

	for (int i = 0; i < agg->nargs; i++)
	{
		agg->values[i] = read_input(&agg->args[i], row, &agg->nulls[i]);
		if (agg->nulls[i] && agg->skips_nulls)
			return false;
	}
	return true;
}

/* ---- a group ---- */

/*
 * Start on a group; "stored" is its row of the state table, NULL if it is
 * new.
 */
void
pgt_aggregate_load(Aggregate *agg, TupleTableSlot *stored)
{
	agg->doubt = DOUBT_NONE;
	agg->strategy->load(agg, stored);
}

/*
 * Tell an aggregate that "weight" copies of a row of the node's input came
 * (or, if negative, went).  Nothing matters any more once it is in doubt.
 */
void
pgt_aggregate_apply(Aggregate *agg, TupleTableSlot *row, int64 weight)
{
	if (agg->doubt != DOUBT_NONE || !pgt_aggregate_fetch(agg, row))
		return;
	agg->doubt = agg->strategy->apply(agg, weight);
}

/*
 * Put what an aggregate keeps into a row of the state table; one in doubt
 * leaves the row alone.  The values live as long as the group.
 */
void
pgt_aggregate_store(Aggregate *agg, Datum *values, bool *nulls)
{
	if (agg->doubt == DOUBT_NONE)
		agg->strategy->store(agg, values, nulls);
}

/*
 * Take the result from a query over all rows of the group, which ends the
 * doubt; "value" is copied.
 */
void
pgt_aggregate_answer(Aggregate *agg, Datum value, bool isnull)
{
	agg->doubt = DOUBT_NONE;
	agg->strategy->answer(agg, value, isnull);
}

/* ---- planning ---- */

/*
 * Choose the strategy for aggregate "number" (from 1) of a node and say what
 * it keeps.  Reads catalogs only; the result lives in memory->lasting.
 * Raises 42883 if the aggregate does not exist.
 */
Aggregate *
pgt_aggregate_plan(Aggref *aggref, int number, AggregateMemory *memory)
{
	MemoryContext before = MemoryContextSwitchTo(memory->lasting);
	Aggregate *agg = palloc0(sizeof(Aggregate));
	AggregateFacts facts;
	int i = 0;

	find_facts(aggref, &facts);
	while (!strategies[i]->matches(&facts))
		i++;

	agg->strategy = strategies[i];
	agg->memory = memory;
	agg->aggref = aggref;
	agg->number = number;
	if (agg->strategy->keeps & KEEPS_STATE)
	{
		agg->statetype = facts.serialised ? BYTEAOID : facts.transtype;
		agg->state_is_result = !facts.serialised &&
							   !OidIsValid(facts.form.aggmfinalfn) &&
							   facts.transtype == aggref->aggtype;
		agg->skips_nulls = is_strict(facts.form.aggmtransfn);
		agg->count_is_n = agg->strategy == &pgt_strategy_moving &&
						  aggref->aggfilter == NULL &&
						  !(agg->skips_nulls && facts.nargs > 0);
	}

	MemoryContextSwitchTo(before);
	return agg;
}

/*
 * Resolve the functions of an aggregate whose columns and multiset are known.
 * Allocates in memory->lasting.  Raises 42501 if the aggregate's owner may
 * not call its support functions.
 */
void
pgt_aggregate_prepare(Aggregate *agg)
{
	MemoryContext before = MemoryContextSwitchTo(agg->memory->lasting);
	AggregateFacts facts;

	find_facts(agg->aggref, &facts);
	if (agg->strategy->fed || (agg->strategy->keeps & KEEPS_VALUES))
		agg->nargs = facts.nargs;
	plan_inputs(agg);
	if (agg->strategy->prepare != NULL)
		agg->strategy->prepare(agg, &facts);

	MemoryContextSwitchTo(before);
}

/*
 * What the stored state depends on, as text: when it is not what it was when
 * the state table was made (the aggregate was replaced, a new major version
 * of the server keeps other states), the table does not fit.  palloc'd.
 */
char *
pgt_aggregate_signature(const Aggregate *agg)
{
	AggregateFacts facts;
	StringInfoData text;

	find_facts(agg->aggref, &facts);
	initStringInfo(&text);
	appendStringInfo(&text, "%s %s", agg->strategy->name,
					 format_procedure_qualified(agg->aggref->aggfnoid));
	if (!(agg->strategy->keeps & KEEPS_STATE))
		return text.data;

	appendStringInfo(&text, " state %s",
					 format_type_be_qualified(agg->statetype));
	if (facts.serialised)
		appendStringInfo(&text, " by %s of PostgreSQL %s",
						 format_procedure_qualified(facts.form.aggserialfn),
						 PGT_SERIALIZED_BY);
	return text.data;
}

/*
 * Raise 42501 if the current user may not call the aggregate.  The executor
 * asks so for each execution; where a state is kept, there is none.
 */
void
pgt_aggregate_check_access(const Aggregate *agg)
{
	Oid function = agg->aggref->aggfnoid;
	AclResult result = object_aclcheck(ProcedureRelationId, function,
									   GetUserId(), ACL_EXECUTE);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_AGGREGATE, get_func_name(function));
}
