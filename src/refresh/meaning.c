/*-------------------------------------------------------------------------
 *
 * meaning.c
 *	  What was the content of a stream table computed by?
 *
 * A delta says how the result of a query changes while the query stays what
 * it is.  But it may come to mean something else, behind an unchanged text:
 *
 *		CREATE OR REPLACE VIEW ... AS ...			of a view that it reads
 *		CREATE OR REPLACE FUNCTION ...				that it calls
 *		ALTER TABLE ... DISABLE ROW LEVEL SECURITY	of a source
 *
 * So each refresh stores what it computed by: the versions (xmin) of the rules
 * and functions involved, and whether changes could be followed.  If that is
 * no longer so, the next refresh recomputes.  Versions mean nothing in another
 * cluster (a restore, pg_upgrade), which got the content and the definitions
 * together: there they are taken as they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#include "pg_trickle/refresh.h"

/* ---- functions ---- */

static bool
add_function(Oid funcid, void *context)
{
	List **functions = context;

	if (funcid >= FirstNormalObjectId)
		*functions = list_append_unique_oid(*functions, funcid);

	return false;
}

static bool
collect_functions(Node *node, void *context)
{
	if (node == NULL)
		return false;

	(void) check_functions_in_node(node, add_function, context);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_functions, context, 0);

	return expression_tree_walker(node, collect_functions, context);
}

static void
append_functions(StringInfo text, List *functions)
{
	ListCell *lc;

	list_sort(functions, list_oid_cmp);
	foreach (lc, functions)
	{
		HeapTuple tuple = SearchSysCache1(PROCOID,
										  ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		appendStringInfo(text, " f%u/%u", lfirst_oid(lc),
						 HeapTupleHeaderGetRawXmin(tuple->t_data));
		ReleaseSysCache(tuple);
	}
}

/* ---- views ---- */

/* Renaming a table or a column leaves the rule of a view as it is. */
static void
append_view(StringInfo text, Oid view)
{
	Relation rules = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_rewrite_ev_class, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(view));
	scan = systable_beginscan(rules, RewriteRelRulenameIndexId, true, NULL, 1,
							  &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		appendStringInfo(text, " v%u/%u", view,
						 HeapTupleHeaderGetRawXmin(tuple->t_data));
	systable_endscan(scan);
	table_close(rules, AccessShareLock);
}

/*
 * What a stream table is computed by, as text in the current memory context;
 * "query" is that of its view.
 */
char *
pgt_meaning(const Compiled *compiled, const Query *query)
{
	StringInfoData text;
	List *functions = NIL;
	List *views = list_copy(compiled->form->views);
	ListCell *lc;

	initStringInfo(&text);
	appendStringInfo(&text, UINT64_FORMAT ": %d %s", GetSystemIdentifier(),
					 compiled->form->obstacle.kind,
					 compiled->tracked ? "tracked" : "untracked");

	(void) collect_functions((Node *) query, &functions);
	list_sort(views, list_oid_cmp);
	foreach (lc, views)
	{
		append_view(&text, lfirst_oid(lc));
		(void) collect_functions((Node *) pgt_view_query(lfirst_oid(lc)),
								 &functions);
	}
	append_functions(&text, functions);
	return text.data;
}

/*
 * Is the content of a stream table still what its query means?  True if that
 * cannot be compared.
 */
bool
pgt_meaning_is_kept(const StreamTable *st, const Compiled *compiled)
{
	char cluster[32];

	if (st->meaning == NULL)
		return true;

	snprintf(cluster, sizeof(cluster), UINT64_FORMAT ":", GetSystemIdentifier());
	if (strncmp(st->meaning, cluster, strlen(cluster)) != 0)
		return true;

	return strcmp(st->meaning, compiled->meaning) == 0;
}
