/*-------------------------------------------------------------------------
 *
 * drop.c
 *	  What happens when relations go: stream tables, sources, or parts of ours.
 *
 * Everything that drops anything (DROP TABLE, CASCADE, DROP SCHEMA, DROP
 * OWNED, drop_stream_table()) ends in the sql_drop event trigger here, which
 * forgets what is gone and refuses to let a stream table lose a part that it
 * cannot do without.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"

#include "pg_trickle/catalog_table.h"
#include "pg_trickle/command.h"
#include "pg_trickle/control.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"
#include "pg_trickle/sql.h"

PG_FUNCTION_INFO_V1(pgt_on_drop_start);
PG_FUNCTION_INFO_V1(pgt_on_sql_drop);
PG_FUNCTION_INFO_V1(pgt_sql_drop_stream);

#define DROPPED_CONSTRAINTS \
	"SELECT FROM pg_catalog.pg_event_trigger_dropped_objects()" \
	" WHERE original AND classid OPERATOR(pg_catalog.=) 2606"

/* The relation stays but lost a column: not if it is a stream table. */
static void
refuse_column(const DroppedRelation *dropped)
{
	if (get_rel_name(dropped->relid) == NULL ||
		!pgt_is_stream_table(dropped->relid))
		return;

	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("cannot drop a column of stream table \"%s\"",
				   get_rel_name(dropped->relid)),
			errhint("Its columns are those of its query; create it again with another query."));
}

static bool
is_state_of(const StreamTable *st, Oid relid)
{
	ListCell *lc;

	foreach (lc, pgt_node_states(st->pgt_id))
	{
		NodeState *node = lfirst(lc);

		if (node->state_relid == relid ||
			list_member_oid(node->multisets, relid))
			return true;
	}

	return false;
}

static bool
is_log_of(const Source *source, Oid relid)
{
	ListCell *lc;

	foreach (lc, pgt_segments(source->track_id))
	{
		if (((Segment *) lfirst(lc))->relid == relid)
			return true;
	}

	return false;
}

static void
refuse_part(const char *kind, Oid whole)
{
	ereport(ERROR,
			errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			errmsg("cannot drop a part of %s \"%s\"", kind,
				   get_rel_name(whole)),
			errhint("Drop the stream tables that need it instead."));
}

/*
 * Did the command drop a constraint?  Then what goes with it goes because of
 * CASCADE: the view of a query that groups by a primary key does, and the
 * stream table, which does not depend on the constraint (links.c), must, too.
 */
static bool
drops_a_constraint(void)
{
	bool dropped;

	SPI_connect();
	if (SPI_execute(DROPPED_CONSTRAINTS, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the dropped objects");
	dropped = SPI_processed > 0;
	SPI_finish();
	return dropped;
}

/* As a command, so that event triggers see it: ours too. */
static void
drop_table(Oid relid, bool cascade)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "DROP TABLE ");
	pgt_sql_relation(&sql, relid);
	if (cascade)
		appendStringInfoString(&sql, " CASCADE");

	SPI_connect();
	SPI_execute(sql.data, false, 0);
	SPI_finish();
}

/* CASCADE asks nobody's permission. */
static void
cascade_to_stream(const StreamTable *st)
{
	RunAs before;

	ereport(NOTICE,
			errmsg("drop cascades to table %s", get_rel_name(st->relid)));
	before = pgt_run_as(pgt_relation_owner(st->relid));
	drop_table(st->relid, true);
	pgt_run_as_done(before);
}

/* Whose part was it?  No matter if that is gone as well. */
static void
check_part(Oid relid)
{
	ListCell *lc;

	foreach (lc, pgt_all_streams())
	{
		StreamTable *st = lfirst(lc);

		if (get_rel_name(st->relid) == NULL)
			continue;
		if (relid == st->query_relid && drops_a_constraint())
			cascade_to_stream(st);
		else if (relid == st->query_relid || is_state_of(st, relid))
			refuse_part("stream table", st->relid);
	}
	foreach (lc, pgt_all_sources())
	{
		Source *source = lfirst(lc);

		if (is_log_of(source, relid) && get_rel_name(source->relid) != NULL)
			refuse_part("the change log of table", source->relid);
	}
}

/* True if it was of interest: what it needed may be needed no longer. */
static bool
forget_relation(const DroppedRelation *dropped)
{
	StreamTable *st = pgt_lookup_stream(dropped->relid, true);

	if (st != NULL)
		pgt_delete_stream(st->pgt_id);

	return st != NULL || pgt_lookup_source(dropped->relid, true) != NULL;
}

/* The parts of a stream table depend on it and are gone already. */
static void
forget(List *dropped)
{
	bool check_sources = false;
	List *relids = NIL;
	ListCell *lc;

	foreach (lc, dropped)
	{
		DroppedRelation *d = lfirst(lc);

		if (d->column == 0)
			relids = lappend_oid(relids, d->relid);
		if (d->column != 0)
		{
			refuse_column(d);
			pgt_note_dropped_column(d->relid);
		}
		else if (d->is_part)
			check_part(d->relid);
		else
			check_sources |= forget_relation(d);
	}
	pgt_forget_controls(relids);
	if (check_sources)
		pgt_untrack_unused_sources();
}

/* Ours may be one that is too old to be read, see drop_extension.c. */
static bool
drops_an_extension(const Node *parsetree)
{
	const DropStmt *stmt = (const DropStmt *) parsetree;

	return IsA(stmt, DropStmt) && stmt->removeType == OBJECT_EXTENSION;
}

/* Of the many forms of ALTER TABLE, one drops what a query may use. */
static bool
drops_something(const Node *parsetree)
{
	ListCell *lc;

	if (!IsA(parsetree, AlterTableStmt))
		return true;
	foreach (lc, ((const AlterTableStmt *) parsetree)->cmds)
	{
		if (lfirst_node(AlterTableCmd, lc)->subtype == AT_DropColumn)
			return true;
	}

	return false;
}

/*
 * Event trigger function for ddl_command_start of commands that drop things:
 * in a restored database they do not find what goes with a stream table.  And
 * of ALTER TABLE, which may not give every column another type.
 */
Datum
pgt_on_drop_start(PG_FUNCTION_ARGS)
{
	Node *parsetree;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function \"on_drop_start\" was not called by an event trigger"));

	if (!pgt_catalog_is_active())
		PG_RETURN_NULL();

	parsetree = ((EventTriggerData *) fcinfo->context)->parsetree;
	if (IsA(parsetree, AlterTableStmt))
		pgt_check_column_types((AlterTableStmt *) parsetree);
	if (drops_something(parsetree) &&
		(!drops_an_extension(parsetree) || pgt_catalog_is_current()))
		pgt_link_restored();
	PG_RETURN_NULL();
}

/*
 * Event trigger function for sql_drop.
 */
Datum
pgt_on_sql_drop(PG_FUNCTION_ARGS)
{
	Dropped dropped;
	ListCell *lc;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function \"on_sql_drop\" was not called by an event trigger"));

	if (!pgt_catalog_is_active())
		PG_RETURN_NULL();

	dropped = pgt_dropped();
	if (dropped.relations != NIL)
		forget(dropped.relations);
	foreach (lc, dropped.triggers)
		pgt_look_for_guards(((DroppedTrigger *) lfirst(lc))->relid);
	PG_RETURN_NULL();
}

/*
 * drop_stream_table(name text, cascade bool) returns void: DROP TABLE on
 * what must be a stream table.
 */
Datum
pgt_sql_drop_stream(PG_FUNCTION_ARGS)
{
	StreamTable *st;

	pgt_require_argument(fcinfo, 0, "name");
	pgt_require_argument(fcinfo, 1, "cascade");
	st = pgt_lock_dropped_stream(pgt_range_var(PG_GETARG_TEXT_PP(0)), false);
	drop_table(st->relid, PG_GETARG_BOOL(1));
	PG_RETURN_VOID();
}
