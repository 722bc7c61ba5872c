/*-------------------------------------------------------------------------
 *
 * column_type.c
 *	  ALTER COLUMN TYPE of a column that stream tables use.
 *
 * The server refuses it, because views depend on the column, and names them:
 * "rule _RETURN on view pgtrickle_query.totals_1", of which users know
 * nothing.  So we refuse it first, and say what to do.
 *
 *		ALTER TABLE orders ALTER COLUMN amount TYPE bigint;
 *
 *		ERROR:  cannot alter type of a column used by a stream table
 *		DETAIL:  Stream table public.totals depends on column "amount" of ...
 *		HINT:  Save what pgtrickle.export_definition('public.totals') ...
 *
 * So it is with whole rows of the table, as in count(DISTINCT orders): tables
 * that keep them have columns of its row type, and the server names those.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg_trickle/command.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/sql.h"
#include "pg_trickle/type_shape.h"

/* Does "table" have a column that contains rows of "relid"? */
static bool
contains_rows(Oid table, Oid relid)
{
	Relation rel = try_table_open(table, AccessShareLock);
	StringInfoData shapes;
	List *seen = NIL;
	List *relids = NIL;

	if (rel == NULL)
		return false;

	initStringInfo(&shapes);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		if (!att->attisdropped)
			pgt_append_type_shape(&shapes, att->atttypid, TYPE_IMAGES, &seen,
								  &relids);
	}
	table_close(rel, AccessShareLock);
	return list_member_oid(relids, relid);
}

/* In its states?  What it shows, the server may name. */
static bool
keeps_rows(const StreamTable *st, Oid relid)
{
	List *nodes = pgt_node_states(st->pgt_id);
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, nodes)
	{
		NodeState *node = lfirst(lc);

		if (contains_rows(node->state_relid, relid))
			return true;
		foreach (lc2, node->multisets)
		{
			if (OidIsValid(lfirst_oid(lc2)) &&
				contains_rows(lfirst_oid(lc2), relid))
				return true;
		}
	}

	return false;
}

static bool
uses_column(const StreamTable *st, Oid relid, AttrNumber attno)
{
	if (pgt_view_uses_column(st->query_relid, relid, attno))
		return true;
	return get_rel_relkind(relid) != RELKIND_COMPOSITE_TYPE &&
		   pgt_view_uses_column(st->query_relid, relid, InvalidAttrNumber) &&
		   keeps_rows(st, relid);
}

/* The stream tables whose queries use a column: a list of StreamTable. */
static List *
users_of_column(List *streams, Oid relid, AttrNumber attno)
{
	List *users = NIL;
	ListCell *lc;

	foreach (lc, streams)
	{
		StreamTable *st = lfirst(lc);

		if (get_rel_name(st->relid) != NULL &&
			uses_column(st, relid, attno))
			users = lappend(users, st);
	}

	return users;
}

static void
refuse(List *users, Oid relid, const char *column)
{
	const StreamTable *first = linitial(users);
	StringInfoData detail;
	ListCell *lc;

	initStringInfo(&detail);
	foreach (lc, users)
		appendStringInfo(&detail,
						 "%sStream table %s depends on column \"%s\" of table %s.",
						 detail.len > 0 ? "\n" : "",
						 pgt_relation_text(((StreamTable *) lfirst(lc))->relid),
						 column, pgt_relation_text(relid));
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("cannot alter type of a column used by a stream table"),
			errdetail_internal("%s", detail.data),
			list_length(users) == 1 ?
				errhint("Save what pgtrickle.export_definition(%s) returns, drop the stream table, alter the column, then run what you have saved.",
						quote_literal_cstr(pgt_relation_text(first->relid))) :
				errhint("Save what pgtrickle.export_definition() returns for each of them, drop them, alter the column, then run what you have saved."));
}

/* USING makes other values, which come from no query. */
static void
check_values(Oid relid, const AlterTableCmd *cmd)
{
	if (castNode(ColumnDef, cmd->def)->raw_default == NULL ||
		!pgt_is_stream_table(relid))
		return;

	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("cannot alter column \"%s\" of stream table \"%s\"",
				   cmd->name, get_rel_name(relid)),
			errdetail("Its values are those of its query."),
			errhint("Give the stream table another query."));
}

/* Partitions and children change with it. */
static void
check_column(List *streams, Oid relid, const char *column)
{
	ListCell *lc;

	foreach (lc, pgt_family(relid, NoLock))
	{
		Oid member = lfirst_oid(lc);
		AttrNumber attno = get_attnum(member, column);
		List *users;

		if (attno == InvalidAttrNumber)
			continue;
		users = users_of_column(streams, member, attno);
		if (users != NIL)
			refuse(users, member, column);
	}
}

/*
 * Refuse ALTER TABLE ... ALTER COLUMN ... TYPE where the server is going to,
 * with an error 0A000 of ours.  Nothing is locked yet: what has another name
 * when it is, the server refuses.  Who may not alter the table hears so.
 */
void
pgt_check_column_types(const AlterTableStmt *stmt)
{
	List *streams = NIL;
	Oid relid = InvalidOid;
	ListCell *lc;

	foreach (lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype != AT_AlterColumnType)
			continue;
		if (!OidIsValid(relid))
		{
			relid = RangeVarGetRelid(stmt->relation, NoLock, true);
			streams = pgt_all_streams();
		}
		if (streams == NIL || !OidIsValid(relid) ||
			!object_ownercheck(RelationRelationId, relid, GetUserId()))
			return;
		check_values(relid, cmd);
		check_column(streams, relid, cmd->name);
	}
}
