/*-------------------------------------------------------------------------
 *
 * hash_functions.c
 *	  The hashes of rows as SQL functions, for indexes.
 *
 *		pgtrickle.row_hash(a, b)	the hash of the image of the row (a, b)
 *		pgtrickle.key_hash(a, b)	the hash of the key (a, b), which agrees
 *									with the "=" of the types
 *
 * An index on them is searched with what pgt_identity_hash() answers for a
 * row, so they are the same function, called with the arguments as a row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"

#include "pg_trickle/identity.h"

/* What one call site needs for all its calls. */
typedef struct HashCall
{
	RowIdentity *id;
	int nargs;
	Datum values[FUNC_MAX_ARGS];
	bool nulls[FUNC_MAX_ARGS];
} HashCall;

PG_FUNCTION_INFO_V1(pgt_row_hash);
PG_FUNCTION_INFO_V1(pgt_key_hash);

/* The collation of an argument, which decides what is equal. */
static Oid
argument_collation(FmgrInfo *flinfo, int i)
{
	Node *call = flinfo->fn_expr;

	if (call == NULL || !IsA(call, FuncExpr))
		return InvalidOid;
	return exprCollation(list_nth(((FuncExpr *) call)->args, i));
}

/* The arguments as the columns of a row. */
static TupleDesc
argument_desc(FunctionCallInfo fcinfo)
{
	TupleDesc desc = CreateTemplateTupleDesc(PG_NARGS());

	for (int i = 0; i < PG_NARGS(); i++)
	{
		Oid type = get_fn_expr_argtype(fcinfo->flinfo, i);

		if (!OidIsValid(type))
			ereport(ERROR,
					errcode(ERRCODE_INDETERMINATE_DATATYPE),
					errmsg("could not determine data type of argument %d",
						   i + 1));
		TupleDescInitEntry(desc, i + 1, NULL, type, -1, 0);
		TupleDescInitEntryCollation(desc, i + 1,
									argument_collation(fcinfo->flinfo, i));
	}

	return desc;
}

static RowIdentity *
identity_by_all_keys(TupleDesc desc)
{
	AttrNumber attnos[FUNC_MAX_ARGS];

	for (int i = 0; i < desc->natts; i++)
		attnos[i] = i + 1;
	return pgt_identity_by_key(desc, desc->natts, attnos);
}

static HashCall *
begin_call(FunctionCallInfo fcinfo, bool by_image)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	HashCall *call = palloc(sizeof(HashCall));
	TupleDesc desc = argument_desc(fcinfo);

	if (get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("cannot hash the members of a VARIADIC array"),
				errhint("Pass the array without VARIADIC to hash it as one value."));

	call->nargs = PG_NARGS();
	call->id = by_image ? pgt_identity_by_image(desc, desc->natts) :
						  identity_by_all_keys(desc);

	MemoryContextSwitchTo(old);
	return call;
}

static int64
hash_arguments(FunctionCallInfo fcinfo, bool by_image)
{
	HashCall *call = fcinfo->flinfo->fn_extra;

	if (call == NULL)
		fcinfo->flinfo->fn_extra = call = begin_call(fcinfo, by_image);

	for (int i = 0; i < call->nargs; i++)
	{
		call->values[i] = PG_GETARG_DATUM(i);
		call->nulls[i] = PG_ARGISNULL(i);
	}

	return pgt_identity_hash_values(call->id, call->values, call->nulls);
}

/*
 * pgtrickle.row_hash(VARIADIC "any") returns bigint
 */
Datum
pgt_row_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(hash_arguments(fcinfo, true));
}

/*
 * pgtrickle.key_hash(VARIADIC "any") returns bigint
 */
Datum
pgt_key_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(hash_arguments(fcinfo, false));
}
