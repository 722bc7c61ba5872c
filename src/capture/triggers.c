/*-------------------------------------------------------------------------
 *
 * triggers.c
 *	  The triggers that capture puts on the relations of a source.
 *
 * Each relation of the family of source 7 has
 *
 *		"!pgt_7_row"		AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW
 *		"!pgt_7_truncate"	AFTER TRUNCATE FOR EACH STATEMENT
 *
 * both ENABLE ALWAYS, so that they fire in replication apply and under
 * session_replication_role = replica, too.  Triggers of one event fire in the
 * order of their names; '!' sorts before what users choose, so that their
 * AFTER triggers find the changes captured.  The number is the track id: it
 * stays the same in a restored database, where OIDs change.
 *
 * PostgreSQL clones row triggers of partitioned tables to their partitions,
 * present and future; it does not clone statement triggers, nor anything to
 * inheritance children.  There we create them ourselves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/run_as.h"

#include "family.h"
#include "sentinel.h"
#include "triggers.h"

static const struct
{
	const char *suffix;	  /* of the trigger's name */
	const char *function; /* in schema pgtrickle */
	int16 type;			  /* as in pg_trigger.tgtype */
} kinds[NUM_CAPTURE_TRIGGERS] = {
	[CAPTURE_ROW] = {
		"row",
		"capture_change",
		TRIGGER_TYPE_ROW | TRIGGER_TYPE_AFTER | TRIGGER_TYPE_INSERT |
			TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE,
	},
	[CAPTURE_TRUNCATE] = {
		"truncate",
		"capture_truncate",
		TRIGGER_TYPE_STATEMENT | TRIGGER_TYPE_AFTER | TRIGGER_TYPE_TRUNCATE,
	},
};

/* ---- names ---- */

static char *
trigger_name(int64 track_id, CaptureTrigger kind)
{
	return psprintf("!pgt_" INT64_FORMAT "_%s", track_id, kinds[kind].suffix);
}

/*
 * Is this the name of a trigger of ours, and whose?  "track_id" may be NULL.
 */
bool
pgt_is_capture_trigger(const char *name, int64 *track_id)
{
	char *end;
	int64 id;

	if (strncmp(name, "!pgt_", 5) != 0)
		return false;
	id = strtoi64(name + 5, &end, 10);
	if (*end++ != '_')
		return false;

	for (int kind = 0; kind < NUM_CAPTURE_TRIGGERS; kind++)
	{
		if (strcmp(end, kinds[kind].suffix) != 0)
			continue;
		if (track_id != NULL)
			*track_id = id;
		return true;
	}

	return false;
}

/*
 * Whose trigger is being fired?  Error 55000 if we did not make it: someone
 * with the TRIGGER privilege could else write anything into the log.
 */
int64
pgt_track_id_of_trigger(const Trigger *trigger, CaptureTrigger kind)
{
	int64 track_id = -1;

	if (trigger->tgnargs == 1)
		track_id = strtoi64(trigger->tgargs[0], NULL, 10);
	if (strcmp(trigger->tgname, trigger_name(track_id, kind)) != 0 ||
		trigger->tgtype != kinds[kind].type)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("trigger \"%s\" is not one that pg_trickle created",
					   trigger->tgname),
				errhint("Drop the trigger, or give it its former name."));

	return track_id;
}

/* ---- removing ---- */

static void
drop_trigger(Oid relid, int64 track_id, CaptureTrigger kind)
{
	Oid trigger = get_trigger_oid(relid, trigger_name(track_id, kind),
								  true);
	ObjectAddress address;
	Oid function;
	Oid parent;

	/* A clone goes with the trigger of its parent. */
	if (!OidIsValid(trigger) ||
		!pgt_look_up_trigger(trigger, &function, &parent) ||
		OidIsValid(parent))
		return;

	ObjectAddressSet(address, TriggerRelationId, trigger);
	performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CommandCounterIncrement();
}

/*
 * Drop the triggers of one source from one relation.
 */
void
pgt_drop_triggers(Oid relid, int64 track_id)
{
	for (int kind = 0; kind < NUM_CAPTURE_TRIGGERS; kind++)
		drop_trigger(relid, track_id, kind);
}

/*
 * Take the triggers off a source and its family, see capture.h.
 */
void
pgt_capture_remove(const Source *source)
{
	ListCell *lc;

	pgt_sentinel_drop(source);
	foreach (lc, pgt_family(source->relid, AccessExclusiveLock))
		pgt_drop_triggers(lfirst_oid(lc), source->track_id);
}

/* ---- creating ---- */

/* A family that has not come to rest by then never will. */
#define MAX_LOOKS 10

static CreateTrigStmt *
trigger_statement(int64 track_id, CaptureTrigger kind)
{
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);

	stmt->trigname = trigger_name(track_id, kind);
	stmt->funcname = list_make2(makeString("pgtrickle"),
								makeString(pstrdup(kinds[kind].function)));
	stmt->args = list_make1(makeString(psprintf(INT64_FORMAT, track_id)));
	stmt->row = TRIGGER_FOR_ROW(kinds[kind].type);
	stmt->timing = kinds[kind].type & TRIGGER_TYPE_TIMING_MASK;
	stmt->events = kinds[kind].type & TRIGGER_TYPE_EVENT_MASK;
	return stmt;
}

/* Open those that are not yet; they cannot be altered then. */
static List *
open_members(List *open, List *relids)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, relids)
	{
		bool is_open = false;
		Relation rel;

		foreach (lc2, open)
			is_open |= RelationGetRelid((Relation) lfirst(lc2)) ==
					   lfirst_oid(lc);
		rel = is_open ? NULL : try_relation_open(lfirst_oid(lc), NoLock);
		if (rel != NULL)
			open = lappend(open, rel);
	}

	return open;
}

/* Have the owners load the keys; false if all were there already. */
static bool
load_keys(List *open)
{
	bool any = false;
	ListCell *lc;

	foreach (lc, open)
	{
		Relation rel = lfirst(lc);
		RunAs before;

		if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE ||
			rel->rd_partkey != NULL)
			continue;
		before = pgt_run_as(rel->rd_rel->relowner);
		(void) RelationGetPartitionKey(rel);
		pgt_run_as_done(before);
		any = true;
	}

	return any;
}

/*
 * The expressions of partition keys are simplified when they are loaded, which
 * may run user code: so that it is not the superuser who does, let the owners
 * load them.  They stay while the relations are open: a list of Relation, of
 * all of the family.  That code may change the family; the locks keep other
 * sessions from it.  So look again until a look has loaded nothing.
 */
static List *
open_with_partition_keys(Oid relid)
{
	List *open = NIL;

	for (int i = 0; i < MAX_LOOKS; i++)
	{
		List *relids = find_all_inheritors(relid, ShareRowExclusiveLock, NULL);

		open = open_members(open, relids);
		if (!load_keys(open))
			return open;
	}

	ereport(ERROR,
			errcode(ERRCODE_OBJECT_IN_USE),
			errmsg("partitions of \"%s\" change while they are looked at",
				   get_rel_name(relid)));
}

/*
 * The owner of a stream table needs SELECT on its sources and no more, and
 * whoever attaches a partition need not know of us.
 */
static void
create_trigger(Oid relid, int64 track_id, CaptureTrigger kind)
{
	List *open = open_with_partition_keys(relid);
	Oid userid;
	int sec_context;
	ListCell *lc;

	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   sec_context | SECURITY_LOCAL_USERID_CHANGE);
	(void) CreateTriggerFiringOn(trigger_statement(track_id, kind), NULL,
								 relid, InvalidOid, InvalidOid, InvalidOid,
								 InvalidOid, InvalidOid, NULL, false, false,
								 TRIGGER_FIRES_ALWAYS);
	SetUserIdAndSecContext(userid, sec_context);
	foreach (lc, open)
		table_close(lfirst(lc), NoLock);
	CommandCounterIncrement();
}

static const Trigger *
find_trigger(Relation rel, int64 track_id, CaptureTrigger kind)
{
	const TriggerDesc *desc = rel->trigdesc;
	char *name = trigger_name(track_id, kind);

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger *copy;

		if (strcmp(desc->triggers[i].tgname, name) != 0)
			continue;
		/* What the relcache has lasts until a catalog is asked. */
		copy = palloc(sizeof(Trigger));
		*copy = desc->triggers[i];
		return copy;
	}

	return NULL;
}

/* Does the trigger see everything it is there for? */
static bool
is_intact(const Trigger *trigger, CaptureTrigger kind)
{
	return trigger != NULL &&
		   trigger->tgenabled == TRIGGER_FIRES_ALWAYS &&
		   trigger->tgfoid == pgt_trigger_function(kinds[kind].function) &&
		   trigger->tgtype == kinds[kind].type &&
		   trigger->tgnattr == 0 &&
		   trigger->tgqual == NULL;
}

/* Foreign tables cannot have TRUNCATE triggers. */
static bool
can_have(Relation rel, CaptureTrigger kind)
{
	return kind != CAPTURE_TRUNCATE ||
		   rel->rd_rel->relkind != RELKIND_FOREIGN_TABLE;
}

/* Only disabled, or of another shape? */
static bool
is_only_disabled(const Trigger *trigger, CaptureTrigger kind)
{
	Trigger enabled = *trigger;

	enabled.tgenabled = TRIGGER_FIRES_ALWAYS;
	return is_intact(&enabled, kind);
}

/* Returns whether anything was missing. */
static bool
repair_trigger(Oid relid, int64 track_id, CaptureTrigger kind)
{
	Relation rel = table_open(relid, NoLock);
	const Trigger *trigger = find_trigger(rel, track_id, kind);
	bool missing = can_have(rel, kind) && !is_intact(trigger, kind);
	bool disabled = missing && trigger != NULL &&
					is_only_disabled(trigger, kind);
	bool wrong = missing && trigger != NULL && !disabled;

	if (disabled)
	{
		pgt_enable_trigger(rel, trigger_name(track_id, kind),
						   TRIGGER_FIRES_ALWAYS);
		CommandCounterIncrement();
	}
	table_close(rel, NoLock);

	if (wrong)
		drop_trigger(relid, track_id, kind);
	if (missing && !disabled)
		create_trigger(relid, track_id, kind);

	return missing;
}

/*
 * Put the triggers of a source on one relation, enabled; returns whether any
 * was missing.  The caller holds SHARE ROW EXCLUSIVE or more on it.
 */
bool
pgt_install_on(Oid relid, int64 track_id)
{
	bool repaired = false;

	for (int kind = 0; kind < NUM_CAPTURE_TRIGGERS; kind++)
		repaired |= repair_trigger(relid, track_id, kind);

	return repaired;
}

/*
 * See capture.h.  A family whose triggers were incomplete may have changed
 * without notice: a reset mark tells all who read the log.
 */
void
pgt_capture_install(const Source *source)
{
	bool repaired = false;
	ListCell *lc;

	foreach (lc, pgt_family(source->relid, ShareRowExclusiveLock))
		repaired |= pgt_install_on(lfirst_oid(lc), source->track_id);

	if (repaired)
		pgt_capture_reset(source);
}

/* ---- looking ---- */

/*
 * May the rows of this relation of the family escape us?
 */
bool
pgt_relation_escapes(Oid relid, int64 track_id)
{
	Relation rel = table_open(relid, NoLock);
	bool escaping = rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE ||
					rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP ||
					pgt_has_pending_detach(relid);

	for (int kind = 0; kind < NUM_CAPTURE_TRIGGERS && !escaping; kind++)
		escaping = !is_intact(find_trigger(rel, track_id, kind), kind);
	table_close(rel, NoLock);

	return escaping;
}

/*
 * See capture.h.
 */
char *
pgt_capture_gap(const Source *source)
{
	return pgt_capture_gap_among(source,
								 pgt_family(source->relid, AccessShareLock));
}

/*
 * See capture.h.
 */
char *
pgt_capture_gap_among(const Source *source, List *family)
{
	ListCell *lc;

	foreach (lc, family)
	{
		if (pgt_relation_escapes(lfirst_oid(lc), source->track_id))
			return get_rel_name(lfirst_oid(lc));
	}

	return NULL;
}

/*
 * The track ids of all triggers of ours on a relation, enabled or not: a
 * list of int64 *, in the current memory context.
 */
List *
pgt_tracks_with_triggers(Oid relid)
{
	Relation triggers = table_open(TriggerRelationId, AccessShareLock);
	List *tracks = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(triggers, TriggerRelidNameIndexId, true, NULL,
							  1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		int64 track_id;

		/* In the order of names, so that those of one track are neighbours. */
		if (!pgt_is_capture_trigger(NameStr(form->tgname), &track_id) ||
			(tracks != NIL && *(int64 *) llast(tracks) == track_id))
			continue;
		tracks = lappend(tracks, palloc(sizeof(int64)));
		*(int64 *) llast(tracks) = track_id;
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);

	return tracks;
}

/* ---- obstacles ---- */

/* We write our own tables without firing triggers. */
static bool
is_internal(Relation rel)
{
	char *schema = get_namespace_name(RelationGetNamespace(rel));

	return strcmp(schema, "pgtrickle") == 0 ||
		   strncmp(schema, "pgtrickle_", strlen("pgtrickle_")) == 0;
}

static char *
obstacle_of(Oid relid, Oid source_relid)
{
	Relation rel = relation_open(relid, NoLock);
	char *name = RelationGetRelationName(rel);
	char *text = NULL;

	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			break;
		case RELKIND_FOREIGN_TABLE:
			text = psprintf(relid == source_relid ?
								"\"%s\" is a foreign table" :
								"its partition or child \"%s\" is a foreign table",
							name);
			break;
		default:
			text = psprintf("\"%s\" is not a table", name);
	}
	if (text == NULL && IsCatalogRelation(rel))
		text = psprintf("\"%s\" is a system catalog", name);
	if (text == NULL && is_internal(rel))
		text = psprintf("\"%s\" is an internal table of pg_trickle", name);
	if (text == NULL && rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		text = psprintf("\"%s\" is a temporary table", name);
	relation_close(rel, NoLock);

	return text;
}

/*
 * See capture.h.
 */
char *
pgt_capture_obstacle(Oid relid)
{
	ListCell *lc;

	foreach (lc, pgt_family(relid, AccessShareLock))
	{
		char *text = obstacle_of(lfirst_oid(lc), relid);

		if (text != NULL)
			return text;
	}

	return NULL;
}
