/*-------------------------------------------------------------------------
 *
 * stream_ddl.c
 *	  DDL on stream tables: what is refused, and what has consequences.
 *
 *		ALTER TABLE st ADD COLUMN x int			refused: not the query's column
 *		ALTER TABLE st RENAME TO totals			fine
 *		ALTER TABLE st SET SCHEMA pgtrickle		refused: not ours to dump
 *		ALTER TABLE st OWNER TO ann				view and states follow
 *		CREATE TRIGGER .. BEFORE INSERT ON st	refused: could change rows
 *
 * When the command is done we look at the stream tables it has touched, not
 * at what it did: whatever way led there, a stream table must have the columns
 * of its query and nothing that changes its rows.  While a dump is being
 * restored the guards, which come last, are not there yet; what depends on
 * them is not looked at then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/event_trigger.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "tcop/deparse_utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg_trickle/apply.h"
#include "pg_trickle/capture.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/command.h"
#include "pg_trickle/normal_form.h"
#include "pg_trickle/run_as.h"
#include "pg_trickle/sql.h"
#include "pg_trickle/wake.h"

PG_FUNCTION_INFO_V1(pgt_on_ddl_command_end);

/* ---- what a stream table must be like ---- */

static void
refuse(Relation rel, const char *detail, const char *hint)
{
	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("cannot alter stream table \"%s\" in this way",
				   RelationGetRelationName(rel)),
			errdetail_internal("%s", detail),
			errhint("%s", hint));
}

static bool
same_column(Form_pg_attribute a, Form_pg_attribute b)
{
	return !a->attisdropped &&
		   a->atttypid == b->atttypid &&
		   a->atttypmod == b->atttypmod &&
		   a->attcollation == b->attcollation &&
		   a->attgenerated == '\0' && a->attidentity == '\0';
}

static bool
has_columns_of(Relation rel, Oid view_relid)
{
	Relation view = relation_open(view_relid, AccessShareLock);
	TupleDesc columns = RelationGetDescr(rel);
	TupleDesc wanted = RelationGetDescr(view);
	bool same = columns->natts == wanted->natts;

	for (int i = 0; same && i < wanted->natts; i++)
		same = same_column(TupleDescAttr(columns, i),
						   TupleDescAttr(wanted, i));
	relation_close(view, NoLock);
	return same;
}

static void
check_shape(const StreamTable *st, Relation rel)
{
	if (!has_columns_of(rel, st->query_relid))
		refuse(rel, "Its columns are those of its query.",
			   "Columns can be added by changing the query with pgtrickle.alter_stream_table(); to drop one, create the stream table anew.");
	if (rel->rd_rel->relispartition || has_superclass(st->relid))
		refuse(rel, "A stream table cannot be a partition or a child.",
			   "Use a view to combine it with other tables.");
	if (OidIsValid(rel->rd_rel->reloftype))
		refuse(rel, "A typed table follows its type, a stream table its query.",
			   "Leave out OF.");
	if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		refuse(rel, "A crash would empty an unlogged table unnoticed.",
			   "Leave it LOGGED.");
}

/* ---- consequences ---- */

static void
change_reader(Oid relid, Oid reader)
{
	if (OidIsValid(relid) && get_rel_name(relid) != NULL)
		pgt_set_reader(relid, reader);
}

static void
let_states_follow(const StreamTable *st, Oid owner)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, pgt_node_states(st->pgt_id))
	{
		NodeState *node = lfirst(lc);

		change_reader(node->state_relid, owner);
		foreach (lc2, node->multisets)
			change_reader(lfirst_oid(lc2), owner);
	}
}

/* A relation that the query in a view reads and a role may not. */
typedef struct Unreadable
{
	Oid view; /* rules name it, too */
	Oid role;
	Oid relid;
} Unreadable;

static bool
unreadable_walker(Node *node, Unreadable *found)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = castNode(RangeTblEntry, node);

		if (rte->rtekind == RTE_RELATION && rte->relid != found->view &&
			pg_class_aclcheck(rte->relid, found->role, ACL_SELECT) !=
				ACLCHECK_OK &&
			pg_attribute_aclcheck_all(rte->relid, found->role, ACL_SELECT,
									  ACLMASK_ANY) != ACLCHECK_OK)
			found->relid = rte->relid;
		return OidIsValid(found->relid);
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, unreadable_walker, found,
								 QTW_EXAMINE_RTES_BEFORE);

	return expression_tree_walker(node, unreadable_walker, found);
}

/* As CREATE VIEW would not refuse it, but the next refresh will. */
static void
warn_of_missing_rights(const StreamTable *st, Oid owner)
{
	Unreadable found = {.view = st->query_relid, .role = owner};
	char *name = GetUserNameFromId(owner, false);

	unreadable_walker((Node *) pgt_view_query(st->query_relid), &found);
	if (!OidIsValid(found.relid))
		return;

	ereport(WARNING,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("stream table \"%s\" cannot be refreshed as \"%s\"",
				   get_rel_name(st->relid), name),
			errdetail("Its new owner may not read \"%s\".",
					  get_rel_name(found.relid)),
			errhint("Run GRANT SELECT ON %s TO %s.",
					pgt_relation_text(found.relid), quote_identifier(name)));
}

/*
 * Somebody has disabled or dropped the guards: superusers may, to load a dump.
 * Whatever happens to the rows until the guards are back, the next refresh
 * recomputes.
 */
static void
guards_are_off(StreamTable *st)
{
	if (!st->is_populated)
		return;
	if (!superuser())
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied to disable the guards of stream table \"%s\"",
					   get_rel_name(st->relid)),
				errdetail("Only superusers may do that."));

	st->is_populated = false;
	if (st->status == STREAM_ACTIVE)
		st->status = STREAM_INITIALIZING;
	pgt_update_stream(st);
}

/* ENABLE makes them fire in ordinary sessions only; they must do so always. */
static void
put_guards_back(const StreamTable *st)
{
	RunAs before = pgt_run_as(pgt_relation_owner(st->relid));

	pgt_apply_install_guard(st->relid);
	pgt_run_as_done(before);
}

/* ---- which relations ---- */

/* Look at a relation that the command has touched, if it is a stream table. */
static void
look_at(Oid relid)
{
	StreamTable *st = OidIsValid(relid) ? pgt_lookup_stream(relid, true) : NULL;
	Relation rel;

	if (st == NULL)
		return;

	rel = table_open(relid, AccessShareLock);
	pgt_check_schema(RelationGetNamespace(rel));
	check_shape(st, rel);
	if (rel->rd_rel->relowner != pgt_relation_owner(st->query_relid))
	{
		ATExecChangeOwner(st->query_relid, rel->rd_rel->relowner, true,
						  AccessExclusiveLock);
		let_states_follow(st, rel->rd_rel->relowner);
		warn_of_missing_rights(st, rel->rd_rel->relowner);
		pgt_wake_for(WAKE_CATALOG);
	}
	table_close(rel, NoLock);
	if (pgt_apply_is_guarded(relid))
		pgt_apply_check_table(relid);
}

static void
look_at_named(const RangeVar *name)
{
	look_at(RangeVarGetRelid(name, NoLock, true));
}

static void
react_to_triggers(Oid relid, AlterTableType type)
{
	StreamTable *st = pgt_lookup_stream(relid, true);

	if (st == NULL || pgt_apply_is_guarded(relid))
		return;

	switch ((int) type)
	{
		case AT_DisableTrig:
		case AT_DisableTrigAll:
		case AT_DisableTrigUser:
		case AT_EnableReplicaTrig:
			guards_are_off(st);
			break;
		case AT_EnableTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
			put_guards_back(st);
			break;
	}
}

static char *
name_of_stream(int64 pgt_id)
{
	return get_rel_name(pgt_lookup_stream_by_id(pgt_id, false)->relid);
}

/* Other sessions would not see the rows that the source has by it. */
static void
refuse_temporary_child(Oid child)
{
	ListCell *lc;

	if (get_rel_persistence(child) != RELPERSISTENCE_TEMP)
		return;
	foreach (lc, pgt_ancestry(child))
	{
		Oid source = lfirst_oid(lc);
		List *readers = pgt_dependents(source);
		int64 pgt_id;

		if (readers == NIL)
			continue;
		pgt_id = ((const Dependency *) linitial(readers))->pgt_id;
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("temporary table \"%s\" cannot inherit from \"%s\"",
					   get_rel_name(child), get_rel_name(source)),
				errdetail("Stream table \"%s\" reads it, and other sessions cannot see the rows of a temporary table.",
						  name_of_stream(pgt_id)));
	}
}

static void
look_at_altered(Oid relid, const CollectedATSubcmd *subcmd)
{
	AlterTableCmd *cmd = castNode(AlterTableCmd, subcmd->parsetree);

	if (cmd->subtype == AT_AttachPartition)
		look_at_named(castNode(PartitionCmd, cmd->def)->name);
	if (cmd->subtype == AT_AddInherit)
	{
		refuse_temporary_child(relid);
		look_at(subcmd->address.objectId);
	}
	react_to_triggers(relid, cmd->subtype);
}

/*
 * See command.h.  (A restore only creates triggers, and the guards not first.)
 */
void
pgt_look_for_guards(Oid relid)
{
	StreamTable *st = OidIsValid(relid) ? pgt_lookup_stream(relid, true) : NULL;

	if (st != NULL && !pgt_apply_is_guarded(relid))
		guards_are_off(st);
}

static void
look_at_trigger(const CreateTrigStmt *stmt)
{
	if (stmt->replace)
		pgt_look_for_guards(RangeVarGetRelid(stmt->relation, NoLock, true));
	look_at_named(stmt->relation);
}

/* A new table gave others a child: those whose rows its rows will be. */
static void
look_at_parents(Oid child)
{
	ListCell *lc;

	refuse_temporary_child(child);
	foreach (lc, pgt_ancestry(child))
		look_at(lfirst_oid(lc));
}

/* Guards and capture triggers must not go with another extension. */
static void
check_dependence(const AlterObjectDependsStmt *stmt, Oid trigger)
{
	Oid function;
	Oid parent;

	if (stmt->remove || !pgt_look_up_trigger(trigger, &function, &parent) ||
		get_func_namespace(function) != get_namespace_oid("pgtrickle", false))
		return;

	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("cannot make trigger \"%s\" depend on an extension",
				   strVal(llast(castNode(List, stmt->object)))),
			errdetail("It is a trigger of pg_trickle, and must not be dropped with another extension."));
}

static void
look_at_simple(Node *parsetree, const ObjectAddress *address)
{
	if (IsA(parsetree, CreateTrigStmt))
		look_at_trigger((CreateTrigStmt *) parsetree);
	else if (IsA(parsetree, RuleStmt))
		look_at_named(((RuleStmt *) parsetree)->relation);
	else if (IsA(parsetree, AlterObjectSchemaStmt) &&
			 address->classId == RelationRelationId)
		look_at(address->objectId);
	else if (IsA(parsetree, CreateStmt) ||
			 IsA(parsetree, CreateForeignTableStmt))
		look_at_parents(address->objectId);
	else if (IsA(parsetree, AlterObjectDependsStmt) &&
			 address->classId == TriggerRelationId)
		check_dependence((AlterObjectDependsStmt *) parsetree,
						 address->objectId);
}

static void
look_at_command(const CollectedCommand *command)
{
	ListCell *lc;

	if (command->type == SCT_Simple)
		look_at_simple(command->parsetree, &command->d.simple.address);
	if (command->type != SCT_AlterTable)
		return;

	foreach (lc, command->d.alterTable.subcmds)
		look_at_altered(command->d.alterTable.objectId, lfirst(lc));
	look_at(command->d.alterTable.objectId);
}

/*
 * See command.h.
 */
void
pgt_follow_owners(void)
{
	ListCell *lc;

	foreach (lc, pgt_all_streams())
	{
		StreamTable *st = lfirst(lc);

		if (get_rel_name(st->relid) != NULL)
			let_states_follow(st, pgt_relation_owner(st->relid));
	}
	pgt_capture_follow_owners();
	pgt_wake_for(WAKE_CATALOG);
}

/* A table without parents concerns no stream table; most are. */
static bool
is_of_interest(const Node *parsetree)
{
	return !IsA(parsetree, CreateStmt) ||
		   ((const CreateStmt *) parsetree)->inhRelations != NIL;
}

static void
look_at_commands(void)
{
	SPI_connect();
	if (SPI_execute("SELECT command"
					" FROM pg_catalog.pg_event_trigger_ddl_commands()",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what the command did");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Datum command = SPI_getbinval(SPI_tuptable->vals[i],
									  SPI_tuptable->tupdesc, 1, &isnull);

		/* pg_ddl_command is a pointer to the struct. */
		look_at_command((CollectedCommand *) DatumGetPointer(command));
	}
	SPI_finish();
}

/*
 * Event trigger function for ddl_command_end.  Errors: 42809 if a stream table
 * would no longer have the shape it must have, 0A000 if something would change
 * its rows, 42501 for disabling its guards.
 */
Datum
pgt_on_ddl_command_end(PG_FUNCTION_ARGS)
{
	Node *parsetree;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function \"on_ddl_command_end\" was not called by an event trigger"));

	parsetree = ((EventTriggerData *) fcinfo->context)->parsetree;
	if (!pgt_catalog_is_active() || !is_of_interest(parsetree))
		PG_RETURN_NULL();

	look_at_commands();
	PG_RETURN_NULL();
}
