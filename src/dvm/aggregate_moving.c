/*-------------------------------------------------------------------------
 *
 * aggregate_moving.c
 *	  Aggregates whose transition can be undone.
 *
 * An aggregate that can be used over a moving window frame has an inverse
 * transition function.  What a frame does at its two ends, a change of the
 * table does to a group: sum(x) of {1, 5} with 5 replaced by 7 is
 *
 *		stored	{count 2, sum 6}	forward(7)	{count 3, sum 13}
 *									inverse(5)	{count 2, sum 8}
 *
 * The state of the group is stored between refreshes as it is or, if it is
 * internal, through the functions by which parallel workers exchange it.  The
 * calls keep to what nodeWindowAgg.c promises to such functions (strictness,
 * first input as initial state, copying of results, no inverse call for the
 * last input); they see a WindowAggState as their caller.
 *
 * A function that undoes "the oldest input" instead of the one it is given
 * is wrong here; the manual asks for the latter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "parser/parse_agg.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg_trickle/aggregate.h"
#include "pg_trickle/compat.h"

struct Moving
{
	FmgrInfo forward;
	FmgrInfo inverse;
	FmgrInfo final;	 /* fn_oid invalid: the state is the result */
	FmgrInfo serial; /* fn_oid invalid: stored as it is */
	FmgrInfo deserial;
	FmgrInfo combine;
	FunctionCallInfo call; /* with room for state and arguments */
	int nargs;
	int nfinalargs;
	int16 translen;
	bool transbyval;
	int16 resultlen;
	bool resultbyval;
	Datum initial;
	bool initial_null;

	/* of the group at hand */
	Datum state; /* in memory->group */
	bool state_null;
	int64 count; /* rows in it */
};

/* ---- preparation ---- */

/* Resolve a support function; the aggregate's owner must be allowed to. */
static void
prepare_function(Oid function, Expr *call, Oid owner, FmgrInfo *flinfo)
{
	AclResult result = object_aclcheck(ProcedureRelationId, function, owner,
									   ACL_EXECUTE);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(function));
	fmgr_info(function, flinfo);
	fmgr_info_set_expr((Node *) call, flinfo);
}

static void
prepare_transition(Moving *moving, const AggregateFacts *facts, Oid owner)
{
	const FormData_pg_aggregate *form = &facts->form;
	Oid argtypes[FUNC_MAX_ARGS];
	Expr *forward;
	Expr *inverse;

	memcpy(argtypes, facts->argtypes, sizeof(argtypes));
	build_aggregate_transfn_expr(argtypes, facts->nargs, 0,
								 facts->aggref->aggvariadic,
								 facts->transtype,
								 facts->aggref->inputcollid,
								 form->aggmtransfn, form->aggminvtransfn,
								 &forward, &inverse);
	prepare_function(form->aggmtransfn, forward, owner, &moving->forward);
	prepare_function(form->aggminvtransfn, inverse, owner, &moving->inverse);
}

static void
prepare_final(Moving *moving, const AggregateFacts *facts, Oid owner)
{
	const FormData_pg_aggregate *form = &facts->form;
	Oid argtypes[FUNC_MAX_ARGS];
	Expr *final;

	moving->nfinalargs = form->aggmfinalextra ? facts->nargs + 1 : 1;
	get_typlenbyval(facts->aggref->aggtype, &moving->resultlen,
					&moving->resultbyval);
	if (!OidIsValid(form->aggmfinalfn))
		return;

	memcpy(argtypes, facts->argtypes, sizeof(argtypes));
	build_aggregate_finalfn_expr(argtypes, moving->nfinalargs,
								 facts->transtype, facts->aggref->aggtype,
								 facts->aggref->inputcollid,
								 form->aggmfinalfn, &final);
	prepare_function(form->aggmfinalfn, final, owner, &moving->final);
}

static void
prepare_storage(Moving *moving, const AggregateFacts *facts, Oid owner)
{
	const FormData_pg_aggregate *form = &facts->form;
	Oid transtype = facts->transtype;
	Expr *call;

	if (!facts->serialised)
		return;

	build_aggregate_serialfn_expr(form->aggserialfn, &call);
	prepare_function(form->aggserialfn, call, owner, &moving->serial);
	build_aggregate_deserialfn_expr(form->aggdeserialfn, &call);
	prepare_function(form->aggdeserialfn, call, owner, &moving->deserial);
	build_aggregate_transfn_expr(&transtype, 1, 0, false, transtype,
								 facts->aggref->inputcollid,
								 form->aggcombinefn, InvalidOid, &call, NULL);
	prepare_function(form->aggcombinefn, call, owner, &moving->combine);
}

/* The state over no rows, from its text in pg_aggregate. */
static void
prepare_initial(Moving *moving, const AggregateFacts *facts)
{
	HeapTuple tuple = SearchSysCache1(AGGFNOID,
									  ObjectIdGetDatum(facts->form.aggfnoid));
	Datum initial;
	Oid input;
	Oid ioparam;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_FUNCTION),
				errmsg("aggregate function with OID %u does not exist",
					   facts->form.aggfnoid));

	initial = SysCacheGetAttr(AGGFNOID, tuple, Anum_pg_aggregate_aggminitval,
							  &moving->initial_null);
	if (!moving->initial_null)
	{
		getTypeInputInfo(facts->transtype, &input, &ioparam);
		moving->initial = OidInputFunctionCall(input,
											   TextDatumGetCString(initial),
											   ioparam, -1);
	}
	ReleaseSysCache(tuple);
}

/* The first input becomes the state of a strict function without initial. */
static void
check_first_input(const Moving *moving, const AggregateFacts *facts)
{
	if (!moving->forward.fn_strict || !moving->initial_null)
		return;
	if (facts->nargs < 1 ||
		!IsBinaryCoercible(facts->argtypes[0], facts->transtype))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				errmsg("aggregate %u needs to have compatible input type and transition type",
					   facts->form.aggfnoid));
}

static Oid
function_owner(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_FUNCTION),
				errmsg("function with OID %u does not exist", function));
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Resolve what the moving form of an aggregate needs, in the current memory
 * context, as initialize_peragg() in nodeWindowAgg.c does.  Raises 42501 if
 * the aggregate's owner may not call a support function.
 */
Moving *
pgt_moving_prepare(Aggregate *agg, const AggregateFacts *facts)
{
	Moving *moving = palloc0(sizeof(Moving));
	Oid owner = function_owner(facts->form.aggfnoid);

	moving->nargs = facts->nargs;
	moving->call = palloc0(SizeForFunctionCallInfo(Max(facts->nargs, 1) + 1));
	get_typlenbyval(facts->transtype, &moving->translen, &moving->transbyval);
	prepare_transition(moving, facts, owner);
	prepare_final(moving, facts, owner);
	prepare_storage(moving, facts, owner);
	prepare_initial(moving, facts);
	check_first_input(moving, facts);
	return moving;
}

/* ---- calls ---- */

/*
 * Call a function as the executor would for this aggregate.  The arguments
 * are in moving->call; the result is allocated in memory->row, or where the
 * function puts its states.
 */
static Datum
call_function(Aggregate *agg, Moving *moving, FmgrInfo *function, int nargs,
			  bool *isnull)
{
	AggregateMemory *memory = agg->memory;
	FunctionCallInfo call = moving->call;
	MemoryContext before = MemoryContextSwitchTo(memory->row);
	Datum result;

	InitFunctionCallInfoData(*call, function, nargs, agg->aggref->inputcollid,
							 (void *) memory->caller, NULL);
	memory->caller->curaggcontext = memory->group;
	result = FunctionCallInvoke(call);
	*isnull = call->isnull;
	MemoryContextSwitchTo(before);
	return result;
}

static inline void
set_argument(Moving *moving, int i, Datum value, bool isnull)
{
	moving->call->args[i].value = value;
	moving->call->args[i].isnull = isnull;
}

static Datum
copy_to_group(Aggregate *agg, const Moving *moving, Datum value)
{
	MemoryContext before = MemoryContextSwitchTo(agg->memory->group);
	Datum copy;

	copy = datumCopy(value, moving->transbyval, moving->translen);
	MemoryContextSwitchTo(before);
	return copy;
}

/* Is it an expanded object that lives where our states live? */
static bool
is_ours(Aggregate *agg, const Moving *moving, Datum value)
{
	return DatumIsReadWriteExpandedObject(value, false, moving->translen) &&
		   MemoryContextGetParent(DatumGetEOHP(value)->eoh_context) ==
			   agg->memory->group;
}

static void
free_state(const Moving *moving)
{
	if (moving->state_null)
		return;
	if (DatumIsReadWriteExpandedObject(moving->state, false, moving->translen))
		DeleteExpandedObject(moving->state);
	else
		pfree(DatumGetPointer(moving->state));
}

/*
 * Make what a transition function returned the state: copied into the memory
 * of the group, unless it is the old state or already there.
 */
static void
set_state(Aggregate *agg, Moving *moving, Datum value)
{
	if (!moving->transbyval &&
		(moving->state_null ||
		 DatumGetPointer(value) != DatumGetPointer(moving->state)))
	{
		if (!is_ours(agg, moving, value))
			value = copy_to_group(agg, moving, value);
		free_state(moving);
	}
	moving->state = value;
	moving->state_null = false;
}

/*
 * Call the forward or inverse function with the state and the arguments of a
 * row.  False if it answers NULL; the state is then as it was, or spoiled.
 */
static bool
transit(Aggregate *agg, Moving *moving, FmgrInfo *function,
		const Datum *values, const bool *nulls)
{
	bool isnull;
	Datum result;

	set_argument(moving, 0, moving->state, moving->state_null);
	for (int i = 0; i < moving->nargs; i++)
		set_argument(moving, i + 1, values[i], nulls[i]);
	result = call_function(agg, moving, function, moving->nargs + 1, &isnull);
	if (!isnull)
		set_state(agg, moving, result);
	return !isnull;
}

/*
 * Take the state over no rows.
 */
void
pgt_moving_start(Aggregate *agg, Moving *moving)
{
	moving->count = 0;
	moving->state_null = moving->initial_null;
	moving->state = moving->initial;
	if (!moving->initial_null)
		moving->state = copy_to_group(agg, moving, moving->initial);
}

/*
 * Add a row that counts.  Raises 22004 as the executor does if the function
 * answers NULL, which would mean "cannot undo" for ever after.
 */
void
pgt_moving_forward(Aggregate *agg, Moving *moving,
				   const Datum *values, const bool *nulls)
{
	moving->count++;
	if (moving->count == 1 && moving->state_null && moving->forward.fn_strict)
	{
		moving->state = copy_to_group(agg, moving, values[0]);
		moving->state_null = false;
		return;
	}

	if (!transit(agg, moving, &moving->forward, values, nulls))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("moving-aggregate transition function must not return null"));
}

/*
 * Remove a row that counts; there must be one (pgt_moving_count() > 0).  The
 * last row is removed by starting anew, since the inverse function would
 * leave a state that is not the initial one.  Returns false if the inverse
 * function cannot; the state is then of no use.
 */
bool
pgt_moving_inverse(Aggregate *agg, Moving *moving,
				   const Datum *values, const bool *nulls)
{
	Assert(moving->count > 0);
	if (moving->count == 1)
	{
		pgt_moving_start(agg, moving);
		return true;
	}

	moving->count--;
	return transit(agg, moving, &moving->inverse, values, nulls);
}

/* The number of rows in the state. */
int64
pgt_moving_count(const Moving *moving)
{
	return moving->count;
}

/* ---- storage ---- */

/*
 * From bytea to a state: what was stored is combined with the state over no
 * rows, as the leader of a parallel aggregate does with its workers' states.
 */
static void
deserialise(Aggregate *agg, Moving *moving, Datum stored)
{
	bool isnull;
	Datum state;

	set_argument(moving, 0, stored, false);
	set_argument(moving, 1, (Datum) 0, false); /* a dummy of type internal */
	state = call_function(agg, moving, &moving->deserial, 2, &isnull);

	pgt_moving_start(agg, moving);
	set_argument(moving, 0, moving->state, moving->state_null);
	set_argument(moving, 1, state, isnull);
	moving->state = call_function(agg, moving, &moving->combine, 2,
								  &moving->state_null);
}

/* A copy that a transition function may write to. */
static Datum
detoast_to_group(Aggregate *agg, const Moving *moving, Datum stored)
{
	MemoryContext before;
	Datum copy;

	if (moving->translen != -1)
		return copy_to_group(agg, moving, stored);

	before = MemoryContextSwitchTo(agg->memory->group);
	copy = PointerGetDatum(PG_DETOAST_DATUM_COPY(stored));
	MemoryContextSwitchTo(before);
	return copy;
}

/*
 * Take the state that a row of the state table holds; NULL: a new group.
 */
void
pgt_moving_load(Aggregate *agg, Moving *moving, TupleTableSlot *stored)
{
	bool isnull;
	int64 count;
	Datum state;

	if (stored == NULL)
	{
		pgt_moving_start(agg, moving);
		return;
	}

	count = DatumGetInt64(slot_getattr(stored, agg->count, &isnull));
	state = slot_getattr(stored, agg->state, &isnull);
	if (count == 0 || isnull)
		pgt_moving_start(agg, moving);
	else if (OidIsValid(moving->deserial.fn_oid))
		deserialise(agg, moving, state);
	else
	{
		moving->state = detoast_to_group(agg, moving, state);
		moving->state_null = false;
	}
	moving->count = count;
}

/* The final function of the state, in the memory of the group. */
static Datum
finish(Aggregate *agg, Moving *moving, bool *isnull)
{
	Datum result;
	Datum state = MakeExpandedObjectReadOnly(moving->state,
											 moving->state_null,
											 moving->translen);

	if (moving->final.fn_strict &&
		(moving->state_null || moving->nfinalargs > 1))
	{
		*isnull = true;
		return (Datum) 0;
	}

	set_argument(moving, 0, state, moving->state_null);
	for (int i = 1; i < moving->nfinalargs; i++)
		set_argument(moving, i, (Datum) 0, true);
	result = call_function(agg, moving, &moving->final, moving->nfinalargs,
						   isnull);
	if (!*isnull)
	{
		MemoryContext before = MemoryContextSwitchTo(agg->memory->group);

		result = datumCopy(result, moving->resultbyval, moving->resultlen);
		MemoryContextSwitchTo(before);
	}
	return result;
}

/* The state as it is stored, in the memory of the group. */
static Datum
serialise(Aggregate *agg, Moving *moving, bool *isnull)
{
	MemoryContext before;
	Datum stored;

	*isnull = moving->state_null;
	if (moving->state_null || !OidIsValid(moving->serial.fn_oid))
		return moving->state;

	set_argument(moving, 0, moving->state, false);
	stored = call_function(agg, moving, &moving->serial, 1, isnull);
	if (*isnull)
		return (Datum) 0;

	before = MemoryContextSwitchTo(agg->memory->group);
	stored = datumCopy(stored, false, -1);
	MemoryContextSwitchTo(before);
	return stored;
}

/*
 * Put the state, its number of rows and the result into a row of the state
 * table; the values live as long as the group.
 */
void
pgt_moving_store(Aggregate *agg, Moving *moving, Datum *values, bool *nulls)
{
	int result = agg->result - 1;
	int state = agg->state - 1;

	values[state] = serialise(agg, moving, &nulls[state]);
	if (!agg->count_is_n)
	{
		values[agg->count - 1] = Int64GetDatum(moving->count);
		nulls[agg->count - 1] = false;
	}

	if (OidIsValid(moving->final.fn_oid))
		values[result] = finish(agg, moving, &nulls[result]);
	else if (!agg->state_is_result)
	{
		values[result] = values[state];
		nulls[result] = nulls[state];
	}
}

/* ---- the strategy ---- */

static bool
matches_moving(const AggregateFacts *facts)
{
	return facts->aggref->aggdistinct == NIL && pgt_moving_possible(facts);
}

static void
prepare_moving(Aggregate *agg, const AggregateFacts *facts)
{
	agg->own = pgt_moving_prepare(agg, facts);
}

static void
load_moving(Aggregate *agg, TupleTableSlot *stored)
{
	pgt_moving_load(agg, agg->own, stored);
}

static int
apply_moving(Aggregate *agg, int64 weight)
{
	Moving *moving = agg->own;

	for (; weight > 0; weight--)
	{
		CHECK_FOR_INTERRUPTS();
		pgt_moving_forward(agg, moving, agg->values, agg->nulls);
		MemoryContextReset(agg->memory->row);
	}

	for (; weight < 0; weight++)
	{
		CHECK_FOR_INTERRUPTS();
		if (moving->count <= 0)
			return DOUBT_MISMATCH;
		if (!pgt_moving_inverse(agg, moving, agg->values, agg->nulls))
			return DOUBT_REFEED;
		MemoryContextReset(agg->memory->row);
	}
	return DOUBT_NONE;
}

static void
store_moving(Aggregate *agg, Datum *values, bool *nulls)
{
	pgt_moving_store(agg, agg->own, values, nulls);
}

const AggregateStrategy pgt_strategy_moving = {
	.name = "moving state",
	.meaning = "transition state kept, rows added and subtracted",
	.keeps = KEEPS_STATE | KEEPS_COUNT,
	.fed = true,
	.matches = matches_moving,
	.prepare = prepare_moving,
	.load = load_moving,
	.apply = apply_moving,
	.store = store_moving,
};
