/*-------------------------------------------------------------------------
 *
 * names.c
 *	  Names of stream tables, as users pass them to functions.
 *
 * A name is text and is resolved like a name in SQL: quotes, a schema before
 * a dot, else the search_path.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "pg_trickle/command.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/shared_cache.h"

/*
 * The name as a range variable; error 42602 for what cannot be one.
 */
RangeVar *
pgt_range_var(text *name)
{
	return makeRangeVarFromNameList(textToQualifiedNameList(name));
}

/*
 * Raise error 42939 for schemas of the extension: what is in them goes when
 * the extension does.
 */
void
pgt_check_schema(Oid schema)
{
	if (pgt_is_own_schema(schema))
		ereport(ERROR,
				errcode(ERRCODE_RESERVED_NAME),
				errmsg("stream table cannot be in schema \"%s\"",
					   get_namespace_name(schema)),
				errdetail("The schema belongs to the extension and goes with it."));
}

/* What is asked of a name. */
typedef struct NameCheck
{
	bool must_own;
	bool drops;		  /* then who owns the schema may, too */
	bool harmless;	  /* the lock hardly gets in anybody's way */
	const char *hint; /* if it is no stream table; or NULL: a general one */
} NameCheck;

static bool
is_owned(Oid relid, bool drops)
{
	if (object_ownercheck(RelationRelationId, relid, GetUserId()))
		return true;
	return drops && object_ownercheck(NamespaceRelationId,
									  get_rel_namespace(relid), GetUserId());
}

/* As the server's own DROP TABLE. */
static const struct
{
	char relkind;
	const char *hint;
} drop_hints[] = {
	{RELKIND_VIEW, "Use DROP VIEW to remove a view."},
	{RELKIND_MATVIEW,
	 "Use DROP MATERIALIZED VIEW to remove a materialized view."},
	{RELKIND_FOREIGN_TABLE,
	 "Use DROP FOREIGN TABLE to remove a foreign table."},
	{RELKIND_SEQUENCE, "Use DROP SEQUENCE to remove a sequence."},
	{RELKIND_INDEX, "Use DROP INDEX to remove an index."},
	{RELKIND_COMPOSITE_TYPE, "Use DROP TYPE to remove a type."},
};

static const char *
drop_hint(Oid relid)
{
	char relkind = get_rel_relkind(relid);

	for (size_t i = 0; i < lengthof(drop_hints); i++)
	{
		if (drop_hints[i].relkind == relkind)
			return drop_hints[i].hint;
	}
	return "Use DROP TABLE to remove a table.";
}

static void
refuse_others(const RangeVar *range, Oid relid, const NameCheck *check)
{
	const char *hint = check->drops ? drop_hint(relid) : check->hint;

	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("\"%s\" is not a stream table", range->relname),
			hint != NULL ?
				errhint("%s", hint) :
				errhint("See pgtrickle.pgt_status() for the stream tables that you may read."));
}

/*
 * Checked before the lock: who may not control it may not block it.  What its
 * owner locks harmlessly is looked up only once, afterwards.
 */
static void
check_before_lock(const RangeVar *range, Oid relid, Oid old_relid, void *arg)
{
	const NameCheck *check = arg;

	if (!OidIsValid(relid) || relid == old_relid)
		return;
	if (check->harmless && check->must_own && is_owned(relid, false))
		return;

	if (!pgt_is_stream_table(relid))
		refuse_others(range, relid, check);
	if (check->must_own && !is_owned(relid, check->drops))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, range->relname);
}

/*
 * See command.h.
 */
StreamTable *
pgt_lock_dropped_stream(const RangeVar *name, bool missing_ok)
{
	NameCheck check = {
		.must_own = true,
		.drops = true,
	};
	Oid relid = RangeVarGetRelidExtended(name, AccessExclusiveLock,
										 missing_ok ? RVR_MISSING_OK : 0,
										 check_before_lock, &check);

	return OidIsValid(relid) ? pgt_lookup_stream(relid, false) : NULL;
}

/*
 * See command.h.
 */
StreamTable *
pgt_stream_by_range_var(const RangeVar *name, LOCKMODE mode, bool must_own,
						bool missing_ok, const char *hint)
{
	NameCheck check = {
		.must_own = must_own,
		.harmless = mode <= RowExclusiveLock,
		.hint = hint,
	};
	StreamTable *st;
	Oid relid;

	pgt_learn_catalog();
	relid = RangeVarGetRelidExtended(name, mode,
									 missing_ok ? RVR_MISSING_OK : 0,
									 check_before_lock, &check);
	if (!OidIsValid(relid))
	{
		ereport(NOTICE,
				errmsg("relation \"%s\" does not exist, skipping",
					   name->relname));
		return NULL;
	}
	st = pgt_lookup_stream(relid, true);
	if (st == NULL)
		refuse_others(name, relid, &check);
	return st;
}

/*
 * See command.h.
 */
StreamTable *
pgt_stream_by_name(text *name, LOCKMODE mode, bool must_own)
{
	return pgt_stream_by_range_var(pgt_range_var(name), mode, must_own, false,
								   NULL);
}

/*
 * See command.h.
 */
StreamTable *
pgt_stream_argument(FunctionCallInfo fcinfo, LOCKMODE mode, bool must_own)
{
	pgt_require_argument(fcinfo, 0, "name");
	return pgt_stream_by_name(PG_GETARG_TEXT_PP(0), mode, must_own);
}
