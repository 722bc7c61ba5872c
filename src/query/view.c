/*-------------------------------------------------------------------------
 *
 * view.c
 *	  The view that holds the query of a stream table.
 *
 * A Query in a view is kept up to date by the server: it follows renames,
 * keeps what it uses from being dropped, is dumped in the right order.  The
 * view is never read by users; its owner is the owner of the stream table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "commands/view.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/normal_form.h"
#include "pg_trickle/run_as.h"

#include "query.h"

/* Objects that follow users' queries, outside the extension. */
#define QUERY_SCHEMA "pgtrickle_query"

/* Schemas whose relations are ours. */
static const char *const own_schemas[] = {
	"pgtrickle",
	"pgtrickle_changes",
	"pgtrickle_state",
	QUERY_SCHEMA,
};

/*
 * See normal_form.h.
 */
bool
pgt_is_own_schema(Oid schema)
{
	const char *name = get_namespace_name(schema);

	for (int i = 0; i < (int) lengthof(own_schemas); i++)
		if (name != NULL && strcmp(name, own_schemas[i]) == 0)
			return true;

	return false;
}

/* The columns of a view with this query, as CREATE VIEW would make them. */
static TupleDesc
view_columns(const Query *query)
{
	int ncolumns = ExecCleanTargetListLength(query->targetList);
	TupleDesc desc = CreateTemplateTupleDesc(ncolumns);
	AttrNumber attno = 0;
	ListCell *lc;

	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);
		Node *expr = (Node *) tle->expr;

		if (tle->resjunk)
			continue;
		if (type_is_collatable(exprType(expr)) &&
			!OidIsValid(exprCollation(expr)))
			ereport(ERROR,
					errcode(ERRCODE_INDETERMINATE_COLLATION),
					errmsg("could not determine which collation to use for column \"%s\"",
						   tle->resname),
					errhint("Use the COLLATE clause to set the collation explicitly."));

		TupleDescInitEntry(desc, ++attno, tle->resname, exprType(expr),
						   exprTypmod(expr), 0);
		TupleDescInitEntryCollation(desc, attno, exprCollation(expr));
	}

	return desc;
}

/*
 * Create the view "name" in schema pgtrickle_query that holds a query; the
 * current user needs no privilege for it.
 *
 * Returns its OID.  Error 42P07 if there is a relation of that name.
 */
Oid
pgt_create_query_view(const char *name, const Query *query, Oid owner)
{
	Oid schema = get_namespace_oid(QUERY_SCHEMA, false);
	Oid relid;
	Oid userid;
	int sec_context;

	relid = pgt_create_part_relation(name, schema, RELKIND_VIEW,
									 RELPERSISTENCE_PERMANENT,
									 view_columns(query), owner, (Datum) 0);

	/* The server lets only the owner of a view give it a query. */
	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(owner, sec_context | SECURITY_LOCAL_USERID_CHANGE);
	StoreViewQuery(relid, copyObject(unconstify(Query *, query)), false);
	SetUserIdAndSecContext(userid, sec_context);
	CommandCounterIncrement();

	return relid;
}

/*
 * The query stored in a view, with ACCESS SHARE on the view and all it reads
 * directly; the caller's to change, in the current memory context.
 */
Query *
pgt_view_query(Oid view_relid)
{
	Relation view = table_open(view_relid, AccessShareLock);
	Query *query = copyObject(get_view_query(view));

	table_close(view, NoLock);
	AcquireRewriteLocks(query, true, false);
	return query;
}

/*
 * The text of a query, in which every name outside pg_catalog has a schema and
 * every constant is written as pgt_run_as() will read it: the text means the
 * same whenever it runs under pgt_run_as().
 * Returns a string in the current memory context.
 */
char *
pgt_query_text(const Query *query)
{
	RunAs before = pgt_run_as(GetUserId());
	char *text = pg_get_querydef(copyObject(unconstify(Query *, query)), false);

	pgt_run_as_done(before);
	return text;
}
