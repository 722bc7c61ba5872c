/*-------------------------------------------------------------------------
 *
 * refresh_statement.c
 *	  REFRESH MATERIALIZED VIEW name, where the name is that of a stream
 *	  table, and REFRESH STREAM TABLE name [FULL], which becomes that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"

#include "pg_trickle/catalog_table.h"
#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"

#include "syntax.h"

static bool
is_marked(const RangeVar *relation)
{
	return pgt_relation_has_mark(relation, MARK_STREAM) ||
		   pgt_relation_has_mark(relation, MARK_STREAM_FULL);
}

/* A materialized view stays the server's business. */
static bool
names_stream(const RangeVar *relation)
{
	Oid relid;

	if (is_marked(relation))
		return true;
	if (!pgt_catalog_exists())
		return false;

	relid = RangeVarGetRelid(relation, NoLock, true);
	return OidIsValid(relid) && pgt_is_stream_table(relid);
}

/* What to do if the name is not that of a stream table. */
static const char *
hint_for(const RangeVar *relation)
{
	Oid relid = RangeVarGetRelid(relation, NoLock, true);

	if (OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_MATVIEW)
		return "Use REFRESH MATERIALIZED VIEW to refresh a materialized view.";
	return "Only stream tables and materialized views are refreshed.";
}

static ObjectAddress
refresh_stream(const Statement *statement, void *arg)
{
	RefreshMatViewStmt *stmt =
		(RefreshMatViewStmt *) statement->pstmt->utilityStmt;
	bool full = pgt_relation_has_mark(stmt->relation, MARK_STREAM_FULL);
	StreamTable *st =
		pgt_stream_by_range_var(stmt->relation, AccessShareLock, true, false,
								hint_for(stmt->relation));
	ObjectAddress address;

	pgt_note_gates(st);
	(void) pgt_refresh(st->relid, &(RefreshRequest){
									  .initiated_by = "MANUAL",
									  .reason = full ? "FULL was requested" :
													   "requested",
									  .recompute = full,
								  });
	ObjectAddressSet(address, RelationRelationId, st->relid);
	return address;
}

/*
 * Refresh a stream table; false if the statement refreshes something else.
 */
bool
pgt_refresh_statement(const Statement *statement)
{
	RefreshMatViewStmt *stmt =
		(RefreshMatViewStmt *) statement->pstmt->utilityStmt;

	if (!names_stream(stmt->relation))
		return false;
	if (stmt->skipData)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("a stream table cannot be refreshed WITH NO DATA"),
				errhint("Drop it and create it WITH NO DATA."));

	pgt_run_ddl(statement, refresh_stream, NULL);
	return true;
}
