/*-------------------------------------------------------------------------
 *
 * create.c
 *	  CREATE STREAM TABLE.
 *
 * The table is created as CREATE TABLE AS would, by the current user and with
 * that user's rights; its query lives in a view of ours.  Everything happens
 * in one transaction: an error leaves nothing behind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/toasting.h"
#include "commands/extension.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg_trickle/command.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"
#include "pg_trickle/schedule.h"

#define GROUPS_FILLFACTOR 70

/* ---- the table ---- */

/*
 * Is there a relation of that name already, and may there be one?  Looked up
 * before the query is analyzed, so that IF NOT EXISTS does nothing at all.
 */
static bool
name_is_taken(const CreateRequest *request)
{
	Oid schema = RangeVarGetAndCheckCreationNamespace(request->name,
													  NoLock, NULL);

	if (request->name->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("stream table \"%s\" cannot be temporary",
					   request->name->relname),
				errhint("Create it in another schema than pg_temp."));
	pgt_check_schema(schema);
	if (!OidIsValid(get_relname_relid(request->name->relname, schema)))
		return false;
	if (!request->if_not_exists)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_TABLE),
				errmsg("relation \"%s\" already exists",
					   request->name->relname));

	ereport(NOTICE,
			errcode(ERRCODE_DUPLICATE_TABLE),
			errmsg("relation \"%s\" already exists, skipping",
				   request->name->relname));
	return true;
}

/*
 * A restored dump would run the script, and then find the rows of our catalogs
 * for a stream table that is there already.
 */
static void
refuse_in_script(const RangeVar *name)
{
	if (creating_extension)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("the script of an extension cannot create stream table \"%s\"",
					   name->relname),
				errdetail("The stream table would be a member of the extension, and pg_dump leaves out members."),
				errhint("Create it by a function of the extension that is called afterwards."));
}

/*
 * The column of a stream table that holds a column of its query.
 */
ColumnDef *
pgt_column_definition(const TargetEntry *tle)
{
	Node *expr = (Node *) tle->expr;
	Oid collation = exprCollation(expr);
	Oid type = exprType(expr);

	if (!OidIsValid(collation) && type_is_collatable(type))
		ereport(ERROR,
				errcode(ERRCODE_INDETERMINATE_COLLATION),
				errmsg("no collation was derived for column \"%s\" with collatable type %s",
					   tle->resname, format_type_be(type)),
				errhint("Use the COLLATE clause to set the collation explicitly."));

	return makeColumnDef(tle->resname, type, exprTypmod(expr), collation);
}

/* Is the result that of GROUP BY, one row for each group? */
static bool
shows_groups(const NormalForm *form, const Query *query)
{
	RangeTblEntry *rte;
	const QueryNode *node;
	int id;

	if (list_length(query->rtable) != 1)
		return false;
	rte = linitial(query->rtable);
	if (rte->rtekind == RTE_SUBQUERY)
		return shows_groups(form, rte->subquery);
	if (!pgt_is_node_leaf(rte, &id))
		return false;

	node = pgt_find_node(form, id);
	return node->nkeys > 0 && node->aggs != NIL;
}

/*
 * Rows of groups get new versions again and again.  With room in their pages
 * many of these stay there, and need no new entries in indexes.  Full pages
 * never get any: the versions that leave them fill others, and so on until
 * vacuum comes.
 */
static List *
storage_options(const NormalForm *form)
{
	Node *percent = (Node *) makeInteger(GROUPS_FILLFACTOR);

	if (!form->keyed || form->top == NULL || !shows_groups(form, form->top))
		return NIL;
	return list_make1(makeDefElem("fillfactor", percent, -1));
}

static Oid
create_table(RangeVar *name, const Query *query, const NormalForm *form)
{
	CreateStmt *stmt = makeNode(CreateStmt);
	ListCell *lc;
	Oid relid;

	stmt->relation = name;
	stmt->options = storage_options(form);
	stmt->oncommit = ONCOMMIT_NOOP;
	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);

		if (!tle->resjunk)
			stmt->tableElts = lappend(stmt->tableElts,
									  pgt_column_definition(tle));
	}
	relid = DefineRelation(stmt, RELKIND_RELATION, InvalidOid, NULL,
						   NULL)
				.objectId;
	CommandCounterIncrement();
	NewRelationCreateToastTable(relid, (Datum) 0);
	return relid;
}

/* The index by which rows are found, and the guards. */
static void
finish_table(const StreamTable *st)
{
	ApplyTarget target = pgt_apply_target(st);
	RunAs before = pgt_run_as(GetUserId());

	pgt_apply_create_index(&target);
	pgt_apply_install_guard(st->relid);
	pgt_run_as_done(before);
	CommandCounterIncrement();
}

/*
 * Create a stream table; see command.h.  Errors: those of analyzing the
 * query, of CREATE TABLE, 0A000 if the mode cannot do it, 42501 without
 * SELECT and TRIGGER on the sources.
 */
Oid
pgt_create_stream_table(const CreateRequest *request)
{
	StreamTable *st = palloc0(sizeof(StreamTable));
	Query *query;
	NormalForm *form;

	pgt_check_schedule(request->schedule);
	if (name_is_taken(request))
		return InvalidOid;
	refuse_in_script(request->name);

	query = pgt_analyze_query(request->query, request->column_names);
	form = pgt_form_of_query(query, GetUserId());
	pgt_check_definition(request->query, form, request->mode);
	pgt_check_select(query);

	pgt_lock_with_upstream(pgt_readable_sources(form), 0, ExclusiveLock);
	st->pgt_id = pgt_new_stream_id();
	st->original_query = pstrdup(request->query);
	st->defining_query = pgt_query_text(query);
	st->settings = pgt_creator_settings();
	st->schedule = pstrdup(request->schedule);
	st->mode = request->mode;
	st->options = request->options;
	st->status = STREAM_INITIALIZING;
	st->relid = create_table(request->name, query, form);
	pgt_create_parts(st, query, form);
	finish_table(st);
	pgt_insert_stream(st);

	pgt_lock_stream(st->pgt_id, ExclusiveLock);
	(void) pgt_compile(st); /* checks rights, and that it can be done */
	pgt_note_recomputation(st->relid, form, st->mode);
	pgt_note_other_owners(st);
	if (request->initialize)
		(void) pgt_refresh(st->relid, &(RefreshRequest){
										  .initiated_by = "CREATE",
										  .reason = "first fill",
										  .rows_inserted = request->rows,
									  });

	return st->relid;
}
