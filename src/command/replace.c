/*-------------------------------------------------------------------------
 *
 * replace.c
 *	  Giving a stream table another query.
 *
 * The table stays, with its OID, its grants, its indexes and whatever depends
 * on it, so that its columns must stay too.  As for CREATE OR REPLACE VIEW:
 *
 *		SELECT a, b FROM t		->	SELECT b AS a, a AS b FROM t	fine
 *								->	SELECT a, b, c FROM t			adds c
 *								->	SELECT a FROM t					refused
 *
 * Everything else a definition consists of is made anew, and the rows become
 * those of the new query by the difference: nobody sees an empty table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/event_trigger.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/command.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"

/* ---- columns ---- */

static void
check_name(Form_pg_attribute column, const ColumnDef *new)
{
	if (strcmp(NameStr(column->attname), new->colname) == 0)
		return;

	ereport(ERROR,
			errcode(ERRCODE_INVALID_TABLE_DEFINITION),
			errmsg("cannot change name of stream table column \"%s\" to \"%s\"",
				   NameStr(column->attname), new->colname),
			errhint("Use ALTER TABLE ... RENAME COLUMN ... to change the name of a column instead."));
}

static void
check_type(Form_pg_attribute column, const ColumnDef *new)
{
	TypeName *type = new->typeName;

	if (column->atttypid == type->typeOid &&
		column->atttypmod == type->typemod)
		return;

	ereport(ERROR,
			errcode(ERRCODE_INVALID_TABLE_DEFINITION),
			errmsg("cannot change data type of stream table column \"%s\" from %s to %s",
				   NameStr(column->attname),
				   format_type_with_typemod(column->atttypid,
											column->atttypmod),
				   format_type_with_typemod(type->typeOid, type->typemod)),
			errhint("Cast the expression, or drop the stream table and create it again."));
}

static void
check_collation(Form_pg_attribute column, const ColumnDef *new)
{
	if (column->attcollation == new->collOid)
		return;

	ereport(ERROR,
			errcode(ERRCODE_INVALID_TABLE_DEFINITION),
			errmsg("cannot change collation of stream table column \"%s\" from \"%s\" to \"%s\"",
				   NameStr(column->attname),
				   get_collation_name(column->attcollation),
				   get_collation_name(new->collOid)));
}

/*
 * The columns that the query has beyond those of the stream table, as a list
 * of ColumnDef; error 42P16 if the others are not the same.
 */
static List *
added_columns(const StreamTable *st, const Query *query)
{
	Relation rel = table_open(st->relid, NoLock);
	TupleDesc desc = RelationGetDescr(rel);
	List *added = NIL;
	int n = 0;
	ListCell *lc;

	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);
		ColumnDef *new;

		if (tle->resjunk)
			continue;
		new = pgt_column_definition(tle);
		if (n++ >= desc->natts)
		{
			added = lappend(added, new);
			continue;
		}
		check_name(TupleDescAttr(desc, n - 1), new);
		check_type(TupleDescAttr(desc, n - 1), new);
		check_collation(TupleDescAttr(desc, n - 1), new);
	}
	if (n < desc->natts)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				errmsg("cannot drop columns from stream table \"%s\"",
					   RelationGetRelationName(rel)),
				errdetail("The query has no column for \"%s\".",
						  NameStr(TupleDescAttr(desc, n)->attname)),
				errhint("Drop the stream table and create it again."));
	table_close(rel, NoLock);
	return added;
}

/*
 * As ALTER TABLE ... ADD COLUMN does it.  Should we be called in the middle of
 * a command that event triggers watch, they are told of another command.
 */
static void
add_columns(Oid relid, List *columns)
{
	AlterTableStmt *stmt = makeNode(AlterTableStmt);
	Relation rel = table_open(relid, AccessExclusiveLock);
	Source *source;
	ListCell *lc;

	CheckTableNotInUse(rel, "ALTER STREAM TABLE");
	stmt->relation = makeRangeVar(get_namespace_name(RelationGetNamespace(rel)),
								  pstrdup(RelationGetRelationName(rel)), -1);
	stmt->objtype = OBJECT_TABLE;
	table_close(rel, NoLock);

	foreach (lc, columns)
	{
		AlterTableCmd *cmd = makeNode(AlterTableCmd);

		cmd->subtype = AT_AddColumn;
		cmd->def = lfirst(lc);
		cmd->behavior = DROP_RESTRICT;
		stmt->cmds = lappend(stmt->cmds, cmd);
	}

	EventTriggerAlterTableStart((Node *) stmt);
	AlterTableInternal(relid, stmt->cmds, false);
	EventTriggerAlterTableEnd();
	CommandCounterIncrement();
	source = pgt_lookup_source(relid, true);
	if (source != NULL)
		pgt_capture_new_columns(source);
}

/* ---- cycles ---- */

static void
check_upstream(Oid source, Oid relid)
{
	StreamTable *st;
	ListCell *lc;

	check_stack_depth();
	if (source == relid)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("stream table \"%s\" cannot read itself",
					   get_rel_name(relid)),
				errdetail("The query reads it, or reads stream tables that do."));

	st = pgt_lookup_stream(source, true);
	if (st == NULL)
		return;
	foreach (lc, pgt_dependencies(st->pgt_id))
		check_upstream(((Dependency *) lfirst(lc))->source_relid, relid);
}

static void
check_no_cycle(const StreamTable *st, const NormalForm *form)
{
	ListCell *lc;

	foreach (lc, form->sources)
		check_upstream(((SourceUse *) lfirst(lc))->relid, st->relid);
}

/* ---- what identifies a row ---- */

static bool
same_identity(const StreamTable *old, const StreamTable *new,
			  bool same_columns)
{
	if (old->keyed != new->keyed || old->nkeys != new->nkeys)
		return false;
	if (!old->keyed)
		return same_columns;

	return memcmp(old->keys, new->keys,
				  sizeof(AttrNumber) * old->nkeys) == 0;
}

/*
 * Give a stream table another query; "st" is changed, but not stored.  The
 * caller holds pgt_lock_stream(), has checked the definition, and fills the
 * stream table if it has been filled before.  Returns whether rows are now
 * identified by something else: then the index for that is still to be made.
 *
 * Errors: 42P16 if the columns do not fit, 42P17 if it would read itself,
 * 42501 if its owner has no TRIGGER on the sources.
 */
bool
pgt_replace_query(StreamTable *st, const Query *query, const NormalForm *form)
{
	StreamTable old = *st;
	List *added;
	bool rekeyed;
	RunAs before;

	LockRelationOid(st->relid, ShareRowExclusiveLock);
	check_no_cycle(st, form);
	added = added_columns(st, query);
	st->defining_query = pgt_query_text(query);
	st->settings = pgt_creator_settings();
	st->keyed = form->keyed;
	st->nkeys = form->nkeys;
	st->keys = form->keys;
	rekeyed = !same_identity(&old, st, added == NIL);
	if (rekeyed)
		pgt_drop_row_index(&old);

	before = pgt_run_as(pgt_relation_owner(st->relid));
	pgt_drop_parts(st);
	if (added != NIL)
		add_columns(st->relid, added);
	pgt_create_parts(st, query, form);
	pgt_run_as_done(before);
	pgt_untrack_unused_sources();
	return rekeyed;
}
