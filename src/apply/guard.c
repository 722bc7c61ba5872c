/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Write guards, and what a stream table may not have.
 *
 * Two triggers keep everybody from changing a stream table:
 *
 *		pgt_guard			BEFORE INSERT OR UPDATE OR DELETE, each row
 *		pgt_guard_truncate	BEFORE TRUNCATE
 *
 * They fire ALWAYS, also for superusers and in replication workers, and their
 * function simply refuses.  The engine is not refused, because it writes
 * through RowStore, which fires no BEFORE ROW trigger; so it needs no back
 * door that others could find.  They are ordinary triggers, so that pg_dump
 * carries them; as it creates triggers after it has loaded the data, a
 * restored stream table without guards is one whose restore has not ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "rewrite/prs2lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"

#include "pg_trickle/apply.h"
#include "pg_trickle/catalog.h"

/* The guards; "events" and "timing and level" as in pg_trigger.tgtype. */
typedef struct Guard
{
	const char *name;
	int16 type;
} Guard;

#define GUARDED_EVENTS \
	(TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)

static const Guard guards[] = {
	{"pgt_guard", TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_ROW | GUARDED_EVENTS},
	{"pgt_guard_truncate", TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_TRUNCATE},
};

PG_FUNCTION_INFO_V1(pgt_guard);

/*
 * pgtrickle.guard() returns trigger: refuses.  Error 42809.
 */
Datum
pgt_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function \"%s\" was not called by trigger manager",
					   "pgtrickle.guard"));

	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("cannot change stream table \"%s\"",
				   RelationGetRelationName(trigger->tg_relation)),
			errdetail("Its rows are the result of its query."),
			errhint("Change the tables that the query reads."));

	PG_RETURN_NULL(); /* keep compiler quiet */
}

static void
install_trigger(Oid relid, const Guard *guard)
{
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);

	stmt->replace = true; /* a repair finds one that was disabled */
	stmt->trigname = pstrdup(guard->name);
	stmt->relation = makeRangeVar(get_namespace_name(get_rel_namespace(relid)),
								  get_rel_name(relid), -1);
	stmt->funcname = list_make2(makeString("pgtrickle"), makeString("guard"));
	stmt->row = TRIGGER_FOR_ROW(guard->type);
	stmt->timing = guard->type & TRIGGER_TYPE_TIMING_MASK;
	stmt->events = guard->type & TRIGGER_TYPE_EVENT_MASK;

	CreateTriggerFiringOn(stmt, NULL, relid, InvalidOid, InvalidOid,
						  InvalidOid, pgt_trigger_function("guard"),
						  InvalidOid, NULL, false, false,
						  TRIGGER_FIRES_ALWAYS);
}

/* A published row must be found by all its columns: no key is promised. */
static void
set_replica_identity_full(Oid relid)
{
	Relation classes = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);

	form = (Form_pg_class) GETSTRUCT(tuple);
	form->relreplident = REPLICA_IDENTITY_FULL;
	CatalogTupleUpdate(classes, &tuple->t_self, tuple);

	heap_freetuple(tuple);
	table_close(classes, RowExclusiveLock);
}

/*
 * Install the guards, or put them back as they should be, and publish rows
 * with all columns.  As the owner of the table, who needs to lock it in SHARE
 * ROW EXCLUSIVE mode for this.
 */
void
pgt_apply_install_guard(Oid relid)
{
	for (int i = 0; i < (int) lengthof(guards); i++)
		install_trigger(relid, &guards[i]);
	CommandCounterIncrement();

	set_replica_identity_full(relid);
	CommandCounterIncrement();
}

static bool
is_guard(const Trigger *trigger, const Guard *guard, Oid function)
{
	return trigger->tgfoid == function &&
		   trigger->tgtype == guard->type &&
		   trigger->tgenabled == TRIGGER_FIRES_ALWAYS &&
		   trigger->tgqual == NULL && trigger->tgnattr == 0;
}

/* The name of a guard that is not in place; NULL if all are. */
static const char *
missing_guard(Relation rel)
{
	Oid function = pgt_trigger_function("guard");
	TriggerDesc *desc = rel->trigdesc; /* until a catalog is asked */

	for (int i = 0; i < (int) lengthof(guards); i++)
	{
		bool found = false;

		for (int j = 0; desc != NULL && j < desc->numtriggers && !found; j++)
			found = is_guard(&desc->triggers[j], &guards[i], function);
		if (!found)
			return guards[i].name;
	}

	return NULL;
}

/*
 * Are the guards in place?
 */
bool
pgt_apply_is_guarded(Oid relid)
{
	Relation rel = table_open(relid, AccessShareLock);
	bool guarded = missing_guard(rel) == NULL;

	table_close(rel, NoLock);
	return guarded;
}

static void
check_guards(Relation rel)
{
	const char *missing = missing_guard(rel);

	if (missing != NULL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("stream table \"%s\" is not guarded against changes",
					   RelationGetRelationName(rel)),
				errdetail("Trigger \"%s\" was dropped or changed.", missing),
				errhint("Repair the stream table with pgtrickle.repair_stream_table()."));
}

static void
check_triggers(Relation rel)
{
	Oid function = pgt_trigger_function("guard");
	TriggerDesc *desc = rel->trigdesc; /* until a catalog is asked */

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		const Trigger *trigger = &desc->triggers[i];

		if (!TRIGGER_FOR_BEFORE(trigger->tgtype) ||
			!TRIGGER_FOR_ROW(trigger->tgtype) ||
			trigger->tgenabled == TRIGGER_DISABLED ||
			trigger->tgfoid == function)
			continue;

		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("cannot maintain stream table \"%s\" with trigger \"%s\"",
					   RelationGetRelationName(rel), trigger->tgname),
				errdetail("A BEFORE ROW trigger could change the rows, which would then not be the result of the query."),
				errhint("Drop it, or make it an AFTER trigger."));
	}
}

static void
check_rules(Relation rel)
{
	if (rel->rd_rules == NULL || rel->rd_rules->numLocks == 0)
		return;

	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("cannot maintain stream table \"%s\" with rules",
				   RelationGetRelationName(rel)),
			errdetail("Rules see statements, but the rows of a stream table are not written by statements."),
			errhint("Drop them; AFTER triggers are supported."));
}

static bool
changes_rows(char action)
{
	return action != FKCONSTR_ACTION_NOACTION &&
		   action != FKCONSTR_ACTION_RESTRICT;
}

static void
check_foreign_key(Relation rel, Oid constraint)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID,
									  ObjectIdGetDatum(constraint));
	Form_pg_constraint form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for constraint %u", constraint);

	form = (Form_pg_constraint) GETSTRUCT(tuple);
	if (changes_rows(form->confupdtype) || changes_rows(form->confdeltype))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("cannot maintain stream table \"%s\" with foreign key \"%s\"",
					   RelationGetRelationName(rel), NameStr(form->conname)),
				errdetail("Its ON DELETE or ON UPDATE action would change rows of the stream table."),
				errhint("Declare it with NO ACTION or RESTRICT."));
	ReleaseSysCache(tuple);
}

static void
check_foreign_keys(Relation rel)
{
	List *keys = copyObject(RelationGetFKeyList(rel));
	ListCell *lc;

	/* Those of the relcache last until a catalog is asked. */
	foreach (lc, keys)
		check_foreign_key(rel, lfirst_node(ForeignKeyCacheInfo, lc)->conoid);
}

static void
check_children(Relation rel)
{
	if (!rel->rd_rel->relhassubclass ||
		find_inheritance_children(RelationGetRelid(rel), NoLock) == NIL)
		return;

	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("cannot maintain stream table \"%s\" with inheritance children",
				   RelationGetRelationName(rel)),
			errdetail("Their rows would be read as rows of the stream table."),
			errhint("Detach them with ALTER TABLE ... NO INHERIT."));
}

/*
 * Raise an error if the table cannot be a stream table as it is: 55000 if a
 * guard is not in place, 0A000 if it has BEFORE ROW triggers, rules, foreign
 * keys with actions that change it, or children.  Looks into the relcache
 * only, in the common case.
 */
void
pgt_apply_check_table(Oid relid)
{
	Relation rel = table_open(relid, AccessShareLock);

	check_guards(rel);
	check_triggers(rel);
	check_rules(rel);
	check_foreign_keys(rel);
	check_children(rel);
	table_close(rel, NoLock);
}
