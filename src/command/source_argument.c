/*-------------------------------------------------------------------------
 *
 * source_argument.c
 *	  Sources as arguments of functions that their owners call.
 *
 * What is said of a source concerns all who read it, whoever they are; so it
 * is for the owner of the source to say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg_trickle/command.h"
#include "pg_trickle/compat.h"

/*
 * Error 22004 naming an argument that must not be NULL.
 */
void
pgt_require_argument(FunctionCallInfo fcinfo, int argno, const char *name)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("argument \"%s\" must not be null", name));
}

static void
check_owner(Oid relid, const char *name)
{
	if (!object_ownercheck(RelationRelationId, relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(get_rel_relkind(relid)), name);
}

/* Before the lock: who may not say anything of it may not block it. */
static void
check_before_lock(const RangeVar *range, Oid relid, Oid old_relid, void *arg)
{
	if (OidIsValid(relid) && relid != old_relid)
		check_owner(relid, range->relname);
}

static void
check_kind(Oid relid)
{
	switch (get_rel_relkind(relid))
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
		case RELKIND_MATVIEW:
		case RELKIND_VIEW:
			return;
		default:
			ereport(ERROR,
					errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("\"%s\" is not a table or view",
						   get_rel_name(relid)));
	}
}

/*
 * The relation of that name, which the user owns, locked so that it is not
 * dropped before the end of the transaction.  Errors 42P01, 42501, 42809.
 */
Oid
pgt_own_source_by_name(text *name)
{
	Oid relid = RangeVarGetRelidExtended(pgt_range_var(name), AccessShareLock,
										 0, check_before_lock, NULL);

	check_kind(relid);
	return relid;
}

/*
 * The first argument, "source text", of a function that writes.
 */
Oid
pgt_own_source_argument(FunctionCallInfo fcinfo, const char *function)
{
	pgt_require_argument(fcinfo, 0, "source");
	PreventCommandDuringRecovery(function);
	PreventCommandIfReadOnly(function);
	return pgt_own_source_by_name(PG_GETARG_TEXT_PP(0));
}

static Oid
existing(Oid relid)
{
	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", relid));

	return relid;
}

/*
 * The first argument, "source regclass", of a function that writes.
 */
Oid
pgt_own_relation_argument(FunctionCallInfo fcinfo, const char *function)
{
	Oid relid;

	pgt_require_argument(fcinfo, 0, "source");
	PreventCommandDuringRecovery(function);
	PreventCommandIfReadOnly(function);
	relid = existing(PG_GETARG_OID(0));
	check_owner(relid, get_rel_name(relid));
	LockRelationOid(relid, AccessShareLock);
	check_kind(existing(relid));
	return relid;
}
