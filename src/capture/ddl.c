/*-------------------------------------------------------------------------
 *
 * ddl.c
 *	  Event triggers: DDL that changes what a source is, behind the backs of
 *	  the row triggers.
 *
 *		ALTER TABLE p ATTACH PARTITION q;	-- q's rows are rows of p now
 *
 * puts the capture triggers on q and a reset mark into the log of p and of
 * each tracked table above p.  A table below says what we do about which
 * command.  Commands run as whoever runs them; what we do needs no privilege
 * and uses no name that a search_path could bend.
 *
 * Nothing is tracked while a dump is being restored, except at its very end,
 * where it enables our triggers: then the log has no segment of this era yet
 * and we leave no mark.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "tcop/deparse_utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/wake.h"

#include "family.h"
#include "sentinel.h"
#include "triggers.h"

PG_FUNCTION_INFO_V1(pgt_capture_ddl_start);
PG_FUNCTION_INFO_V1(pgt_capture_ddl_end);
PG_FUNCTION_INFO_V1(pgt_capture_table_rewrite);
PG_FUNCTION_INFO_V1(pgt_capture_sql_drop);

/* What ALTER TABLE on "relid" did: one of its subcommands. */
typedef void (*Reaction)(Oid relid, const CollectedATSubcmd *subcmd);

static void partition_attached(Oid relid, const CollectedATSubcmd *subcmd);
static void partition_detached(Oid relid, const CollectedATSubcmd *subcmd);
static void parent_gained(Oid relid, const CollectedATSubcmd *subcmd);
static void parent_lost(Oid relid, const CollectedATSubcmd *subcmd);
static void triggers_disabled(Oid relid, const CollectedATSubcmd *subcmd);
static void triggers_enabled(Oid relid, const CollectedATSubcmd *subcmd);
static void trigger_enabled_always(Oid relid, const CollectedATSubcmd *subcmd);
static void column_added(Oid relid, const CollectedATSubcmd *subcmd);
static void column_retyped(Oid relid, const CollectedATSubcmd *subcmd);
static void owner_changed(Oid relid, const CollectedATSubcmd *subcmd);

static const struct
{
	AlterTableType type;
	Reaction react;
} reactions[] = {
	{AT_AttachPartition, partition_attached},
	{AT_DetachPartition, partition_detached},
	{AT_DetachPartitionFinalize, partition_detached},
	{AT_AddInherit, parent_gained},
	{AT_DropInherit, parent_lost},
	{AT_DisableTrig, triggers_disabled},
	{AT_DisableTrigAll, triggers_disabled},
	{AT_DisableTrigUser, triggers_disabled},
	{AT_EnableReplicaTrig, triggers_disabled},
	{AT_EnableTrig, triggers_enabled},
	{AT_EnableTrigAll, triggers_enabled},
	{AT_EnableTrigUser, triggers_enabled},
	{AT_EnableAlwaysTrig, trigger_enabled_always},
	{AT_AddColumn, column_added},
	{AT_AlterColumnType, column_retyped},
	{AT_ChangeOwner, owner_changed},
};

static Reaction
reaction_to(AlterTableType type)
{
	for (Size i = 0; i < lengthof(reactions); i++)
	{
		if (reactions[i].type == type)
			return reactions[i].react;
	}

	return NULL;
}

/* ---- sources ---- */

/* The sources among some relations: a list of Source. */
static List *
sources_among(List *relids)
{
	List *sources = NIL;
	ListCell *lc;

	foreach (lc, relids)
	{
		Source *source = pgt_lookup_source(lfirst_oid(lc), true);

		if (source != NULL)
			sources = lappend(sources, source);
	}

	return sources;
}

/* The sources that have the relation's rows. */
static List *
sources_above(Oid relid)
{
	return sources_among(pgt_ancestry(relid));
}

/* Those, and the ones that have a part of its rows. */
static List *
sources_around(Oid relid)
{
	return list_concat(sources_above(relid),
					   sources_among(list_delete_oid(pgt_family(relid, NoLock),
													 relid)));
}

static void
reset_all(List *sources)
{
	ListCell *lc;

	foreach (lc, sources)
		pgt_capture_reset(lfirst(lc));
}

static void
lock_shapes(List *sources)
{
	ListCell *lc;

	foreach (lc, sources)
		pgt_lock_source_shape(((Source *) lfirst(lc))->relid, ExclusiveLock);
}

/* ---- reactions: the family changes ---- */

/*
 * Whoever is new below "parent" lacks triggers.  Those who are not new may be
 * altered or dropped meanwhile, so looking at them takes a lock.
 */
static void
grew(Oid parent)
{
	List *sources = sources_above(parent);
	List *members =
		sources == NIL ? NIL : pgt_family(parent, AccessShareLock);
	ListCell *lc;
	ListCell *member;

	lock_shapes(sources);
	foreach (lc, sources)
	{
		Source *source = lfirst(lc);

		foreach (member, members)
		{
			if (!pgt_relation_escapes(lfirst_oid(member), source->track_id))
				continue;
			LockRelationOid(lfirst_oid(member), ShareRowExclusiveLock);
			(void) pgt_install_on(lfirst_oid(member), source->track_id);
		}
	}
	reset_all(sources);
}

/* PostgreSQL dropped the clones of row triggers, but nothing else of ours. */
static void
drop_stray_triggers(Oid relid)
{
	ListCell *lc;

	foreach (lc, pgt_tracks_with_triggers(relid))
	{
		int64 track_id = *(int64 *) lfirst(lc);
		Source *source = pgt_lookup_source_by_id(track_id, true);

		if (source == NULL || !pgt_in_family(relid, source->relid))
			pgt_drop_triggers(relid, track_id);
	}
}

static void
shrank(Oid parent, Oid child)
{
	List *sources = sources_above(parent);
	ListCell *lc;

	lock_shapes(sources);
	foreach (lc, pgt_family(child, NoLock))
		drop_stray_triggers(lfirst_oid(lc));
	reset_all(sources);
}

static void
partition_attached(Oid relid, const CollectedATSubcmd *subcmd)
{
	grew(relid);
}

static void
partition_detached(Oid relid, const CollectedATSubcmd *subcmd)
{
	AlterTableCmd *cmd = castNode(AlterTableCmd, subcmd->parsetree);

	/* The server does not tell which one it was; its name does. */
	shrank(relid, RangeVarGetRelid(castNode(PartitionCmd, cmd->def)->name,
								   NoLock, false));
}

static void
parent_gained(Oid relid, const CollectedATSubcmd *subcmd)
{
	grew(subcmd->address.objectId);
}

static void
parent_lost(Oid relid, const CollectedATSubcmd *subcmd)
{
	shrank(subcmd->address.objectId, relid);
}

/* A new table has no rows yet; foreign ones, which may, cannot be captured. */
static void
created(Oid relid)
{
	List *sources = sources_above(relid);
	ListCell *lc;

	foreach (lc, sources)
		(void) pgt_install_on(relid, ((Source *) lfirst(lc))->track_id);
	if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		reset_all(sources);
}

/* ---- reactions: triggers, columns, owners ---- */

/* Which of our triggers on the relation or its partitions are crippled? */
static void
triggers_disabled(Oid relid, const CollectedATSubcmd *subcmd)
{
	ListCell *lc;

	foreach (lc, sources_around(relid))
	{
		if (pgt_capture_gap(lfirst(lc)) != NULL)
			pgt_capture_reset(lfirst(lc));
	}
}

static bool
has_triggers_of(Oid relid, const Source *source)
{
	ListCell *lc;

	foreach (lc, pgt_tracks_with_triggers(relid))
	{
		if (*(int64 *) lfirst(lc) == source->track_id)
			return true;
	}

	return false;
}

/* ENABLE makes them fire in ordinary sessions only; we want more. */
static void
triggers_enabled(Oid relid, const CollectedATSubcmd *subcmd)
{
	ListCell *member;
	ListCell *lc;

	foreach (member, pgt_family(relid, NoLock))
	{
		foreach (lc, sources_above(lfirst_oid(member)))
		{
			Source *source = lfirst(lc);

			if (has_triggers_of(lfirst_oid(member), source) &&
				pgt_install_on(lfirst_oid(member), source->track_id))
				pgt_capture_reset(source);
		}
	}
}

/*
 * Whose trigger is it, by its name?  Anybody may give a trigger such a name,
 * but only on a table of the source's family does it concern the source.
 */
static Source *
source_of_trigger(Oid relid, const char *name)
{
	int64 track_id;
	Source *source;

	if (!pgt_is_capture_trigger(name, &track_id))
		return NULL;
	source = pgt_lookup_source_by_id(track_id, true);
	return source != NULL && pgt_in_family(relid, source->relid) ? source :
																   NULL;
}

/* The last step of restoring a trigger looks like the end of a gap. */
static void
trigger_enabled_always(Oid relid, const CollectedATSubcmd *subcmd)
{
	AlterTableCmd *cmd = castNode(AlterTableCmd, subcmd->parsetree);
	Source *source = source_of_trigger(relid, cmd->name);

	if (source != NULL && pgt_open_segment(source->track_id) != NULL)
		pgt_capture_reset(source);
}

/*
 * CREATE OR REPLACE: is one of ours another now?  (A restore replaces none, and
 * what it creates it enables later.)
 */
static void
trigger_replaced(const CreateTrigStmt *stmt)
{
	Source *source =
		source_of_trigger(RangeVarGetRelid(stmt->relation, NoLock, false),
						  stmt->trigname);

	if (source != NULL && pgt_capture_gap(source) != NULL)
		pgt_capture_reset(source);
}

static Oid
table_type(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid type;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	type = ((Form_pg_class) GETSTRUCT(tuple))->reloftype;
	ReleaseSysCache(tuple);
	return type;
}

/* The sources whose tables are of a composite type: CREATE TABLE OF. */
static List *
sources_of_type(Oid type)
{
	List *sources = NIL;
	ListCell *lc;

	foreach (lc, pgt_all_sources())
	{
		Oid relid = ((Source *) lfirst(lc))->relid;

		if (table_type(relid) == type)
			sources = lappend(sources, lfirst(lc));
	}

	return sources;
}

/* Partitions and children get it, too, and tables of a type that gets it. */
static void
column_added(Oid relid, const CollectedATSubcmd *subcmd)
{
	List *sources = get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE ?
						sources_of_type(get_rel_type_id(relid)) :
						sources_among(pgt_family(relid, NoLock));
	ListCell *lc;

	foreach (lc, sources)
		pgt_capture_new_columns(lfirst(lc));
}

static bool
is_logged(const Source *source, const char *column)
{
	AttrNumber attno = get_attnum(source->relid, column);

	for (int i = 0; i < source->ncolumns; i++)
	{
		if (source->columns[i] == attno)
			return true;
	}

	return false;
}

/* The next row opens a segment that stores the new type. */
static void
column_retyped(Oid relid, const CollectedATSubcmd *subcmd)
{
	const char *column = castNode(AlterTableCmd, subcmd->parsetree)->name;
	ListCell *lc;

	foreach (lc, sources_around(relid))
	{
		if (is_logged(lfirst(lc), column))
			pgt_capture_reset(lfirst(lc));
	}
}

/* Whoever dumps the source must be able to dump its log. */
static void
let_logs_follow(const Source *source)
{
	Oid owner = pgt_relation_owner(source->relid);
	ListCell *lc;

	foreach (lc, pgt_segments(source->track_id))
	{
		Oid log = ((Segment *) lfirst(lc))->relid;

		if (get_rel_name(log) != NULL)
			pgt_set_reader(log, owner);
	}
	if (OidIsValid(pgt_sentinel(source)))
		pgt_set_reader(pgt_sentinel(source), owner);
}

static void
owner_changed(Oid relid, const CollectedATSubcmd *subcmd)
{
	Source *source = pgt_lookup_source(relid, true);

	if (source != NULL)
		let_logs_follow(source);
}

/*
 * See capture.h.
 */
void
pgt_capture_follow_owners(void)
{
	ListCell *lc;

	foreach (lc, pgt_all_sources())
	{
		Source *source = lfirst(lc);

		if (get_rel_name(source->relid) != NULL)
			let_logs_follow(source);
	}
}

/* ---- the event triggers ---- */

static EventTriggerData *
event_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function must be called by an event trigger"));

	return (EventTriggerData *) fcinfo->context;
}

static void *
any_row(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	return tuple;
}

static bool
is_inert(void)
{
	return !pgt_catalog_is_active() ||
		   pgt_scan_catalog(TABLE_TRACKING, INDEX_TRACKING, 0, NULL,
							ForwardScanDirection, true, any_row) == NIL;
}

/* The parent whose family the subcommand is going to change. */
static Oid
changing_parent(const AlterTableStmt *stmt, const AlterTableCmd *cmd)
{
	const RangeVar *parent;

	switch ((int) cmd->subtype)
	{
		case AT_AttachPartition:
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			parent = stmt->relation;
			break;
		case AT_AddInherit:
		case AT_DropInherit:
			parent = castNode(RangeVar, cmd->def);
			break;
		default:
			return InvalidOid;
	}

	return RangeVarGetRelid(parent, NoLock, true);
}

static bool
is_concurrent_detach(const AlterTableCmd *cmd)
{
	return cmd->subtype == AT_DetachPartition &&
		   castNode(PartitionCmd, cmd->def)->concurrent;
}

/*
 * ddl_command_start.  Refreshes lock the shape of a source first and its
 * tables then; so must we, who will have locked tables at the end of the
 * command.  And the first of the two transactions of DETACH CONCURRENTLY
 * takes the rows out of the family, but only the second one meets our other
 * event trigger.
 */
Datum
pgt_capture_ddl_start(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = event_data(fcinfo);
	AlterTableStmt *stmt = (AlterTableStmt *) data->parsetree;
	ListCell *lc;

	if (!IsA(stmt, AlterTableStmt) || is_inert())
		PG_RETURN_NULL();

	foreach (lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		Oid parent = changing_parent(stmt, cmd);
		List *sources;

		/* A user who may not do it shall not make refreshes wait either. */
		if (!OidIsValid(parent) ||
			!object_ownercheck(RelationRelationId, parent, GetUserId()))
			continue;
		sources = sources_above(parent);
		lock_shapes(sources);
		if (is_concurrent_detach(cmd))
			reset_all(sources);
	}

	PG_RETURN_NULL();
}

/* Spare most commands the search for what they did. */
static bool
is_of_interest(Node *parsetree)
{
	ListCell *lc;

	switch (nodeTag(parsetree))
	{
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
			return ((CreateStmt *) parsetree)->inhRelations != NIL;
		case T_CreateSchemaStmt:
			return ((CreateSchemaStmt *) parsetree)->schemaElts != NIL;
		case T_CreateTrigStmt:
			return ((CreateTrigStmt *) parsetree)->replace;
		case T_AlterTableStmt:
			foreach (lc, ((AlterTableStmt *) parsetree)->cmds)
			{
				AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

				if (reaction_to(cmd->subtype) != NULL)
					return true;
			}
			return false;
		default:
			return false;
	}
}

static void
react(const CollectedCommand *command)
{
	ListCell *lc;

	if (command->type == SCT_Simple &&
		command->d.simple.address.classId == RelationRelationId &&
		(IsA(command->parsetree, CreateStmt) ||
		 IsA(command->parsetree, CreateForeignTableStmt)))
		created(command->d.simple.address.objectId);
	if (command->type == SCT_Simple &&
		IsA(command->parsetree, CreateTrigStmt) &&
		((CreateTrigStmt *) command->parsetree)->replace)
		trigger_replaced((CreateTrigStmt *) command->parsetree);

	if (command->type != SCT_AlterTable)
		return;
	foreach (lc, command->d.alterTable.subcmds)
	{
		CollectedATSubcmd *subcmd = lfirst(lc);
		AlterTableCmd *cmd = castNode(AlterTableCmd, subcmd->parsetree);
		Reaction reaction = reaction_to(pgt_alter_table_type(cmd));

		if (reaction != NULL)
			reaction(command->d.alterTable.objectId, subcmd);
	}
}

/* Run a query about the current event; rows stay valid until SPI_finish(). */
static void
run_event_query(const char *query)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what the command did");
}

/*
 * ddl_command_end.
 */
Datum
pgt_capture_ddl_end(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = event_data(fcinfo);

	/* A restore ends with these: constraints, ENABLE ALWAYS TRIGGER. */
	if (IsA(data->parsetree, AlterTableStmt))
		pgt_wake_for(WAKE_PARTS);
	if (!is_of_interest(data->parsetree) || is_inert())
		PG_RETURN_NULL();

	run_event_query("SELECT command FROM pg_catalog.pg_event_trigger_ddl_commands()");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Datum command = SPI_getbinval(SPI_tuptable->vals[i],
									  SPI_tuptable->tupdesc, 1, &isnull);

		/* pg_ddl_command is a pointer to the struct. */
		react((CollectedCommand *) DatumGetPointer(command));
	}
	(void) SPI_finish();

	PG_RETURN_NULL();
}

/* Who reads a new column recomputes; for other types see column_retyped(). */
static bool
is_handled_by_column(Node *parsetree)
{
	ListCell *lc;

	if (!IsA(parsetree, AlterTableStmt))
		return false;
	foreach (lc, ((AlterTableStmt *) parsetree)->cmds)
	{
		AlterTableType type = lfirst_node(AlterTableCmd, lc)->subtype;

		if (type != AT_AddColumn && type != AT_AlterColumnType)
			return false;
	}

	return true;
}

/*
 * table_rewrite: columns may get other values (a generated column another
 * expression), unless the table just moves.
 */
Datum
pgt_capture_table_rewrite(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = event_data(fcinfo);
	Datum relid;
	Datum reason;

	if (is_handled_by_column(data->parsetree) || is_inert())
		PG_RETURN_NULL();

	relid = DirectFunctionCall1(pg_event_trigger_table_rewrite_oid, (Datum) 0);
	reason = DirectFunctionCall1(pg_event_trigger_table_rewrite_reason,
								 (Datum) 0);
	if (DatumGetInt32(reason) &
		(AT_REWRITE_DEFAULT_VAL | AT_REWRITE_COLUMN_REWRITE))
		reset_all(sources_above(DatumGetObjectId(relid)));

	PG_RETURN_NULL();
}

/* Members of families that are gone, with their rows: whose rows were they? */
static List *
sources_that_lost(List *relations)
{
	List *ancestors = NIL;
	List *existing = NIL;
	ListCell *lc;

	foreach (lc, relations)
	{
		const DroppedRelation *dropped = lfirst(lc);

		if (dropped->column == 0)
			ancestors =
				list_concat_unique_oid(ancestors,
									   pgt_former_ancestry(dropped->relid));
	}
	foreach (lc, ancestors)
	{
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(lfirst_oid(lc))))
			existing = lappend_oid(existing, lfirst_oid(lc));
	}

	return sources_among(existing);
}

/*
 * sql_drop: a family lost a member, or a member one of our triggers.
 */
Datum
pgt_capture_sql_drop(PG_FUNCTION_ARGS)
{
	Dropped dropped;
	ListCell *lc;

	(void) event_data(fcinfo);
	if (is_inert())
		PG_RETURN_NULL();

	dropped = pgt_dropped();
	reset_all(sources_that_lost(dropped.relations));
	foreach (lc, dropped.triggers)
	{
		const DroppedTrigger *trigger = lfirst(lc);
		Source *source = source_of_trigger(trigger->relid, trigger->name);

		if (source != NULL)
			pgt_capture_reset(source);
	}

	PG_RETURN_NULL();
}
