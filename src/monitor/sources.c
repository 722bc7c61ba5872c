/*-------------------------------------------------------------------------
 *
 * sources.c
 *	  What stream tables read, and the triggers that serve them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg_trickle/arrays.h"
#include "pg_trickle/command.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_list_sources);
PG_FUNCTION_INFO_V1(pgt_sql_trigger_inventory);

/* ---- list_sources ---- */

/* See monitor.h; the names in the catalog are those of the creation. */
List *
pgt_columns_read(const NormalForm *form, Oid relid)
{
	List *names = NIL;
	ListCell *lc;

	foreach (lc, form->sources)
	{
		SourceUse *use = lfirst(lc);

		for (int i = 0; use->relid == relid && i < use->ncolumns; i++)
			names = lappend(names, get_attname(relid, use->columns[i], false));
	}

	return names;
}

/*
 * list_sources(name text) returns setof record: the relations that a stream
 * table reads, views on the way included.
 */
Datum
pgt_sql_list_sources(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_stream_argument(fcinfo, AccessShareLock, true);
	NormalForm *form = pgt_normalize(pgt_view_query(st->query_relid),
									 pgt_relation_owner(st->relid));
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_dependencies(st->pgt_id))
	{
		Dependency *dep = lfirst(lc);
		AnswerRow row = {0};
		List *columns;

		pgt_add_relation(&row, dep->source_relid);
		pgt_add_text(&row, dep->source_type);
		columns = pgt_columns_read(form, dep->source_relid);
		pgt_add_datum(&row, pgt_string_array(columns));
		pgt_add_text(&row, dep->cdc_mode);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}

/* ---- trigger_inventory ---- */

/* The triggers there should be: who calls which function of ours. */
typedef struct Purpose
{
	const char *name;
	const char *function;
	int16 event; /* a bit that tells it from others of the function */
} Purpose;

static const Purpose capture_purposes[] = {
	{"capture rows", "capture_change", TRIGGER_TYPE_ROW},
	{"capture truncate", "capture_truncate", TRIGGER_TYPE_TRUNCATE},
};

static const Purpose guard_purposes[] = {
	{"guard rows", "guard", TRIGGER_TYPE_ROW},
	{"guard truncate", "guard", TRIGGER_TYPE_TRUNCATE},
};

static bool
serves(const Trigger *trigger, const Purpose *purpose, const char *argument)
{
	char *function = get_func_name(trigger->tgfoid);

	return function != NULL && strcmp(function, purpose->function) == 0 &&
		   get_func_namespace(trigger->tgfoid) ==
			   get_namespace_oid("pgtrickle", false) &&
		   (trigger->tgtype & purpose->event) != 0 &&
		   (argument == NULL || (trigger->tgnargs == 1 &&
								 strcmp(trigger->tgargs[0], argument) == 0));
}

static const Trigger *
find_trigger(Relation rel, const Purpose *purpose, const char *argument)
{
	/* What the relcache has lasts until a catalog is asked. */
	TriggerDesc *triggers = CopyTriggerDesc(rel->trigdesc);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (serves(&triggers->triggers[i], purpose, argument))
			return &triggers->triggers[i];
	}

	return NULL;
}

/* Of a relation that the caller has locked. */
static void
put_triggers(FunctionCallInfo fcinfo, Oid relid, const Purpose *purposes,
			 int n, const char *argument)
{
	Relation rel = table_open(relid, NoLock);

	for (int i = 0; i < n; i++)
	{
		const Trigger *trigger = find_trigger(rel, &purposes[i], argument);
		AnswerRow row = {0};

		pgt_add_relation(&row, relid);
		pgt_add_text(&row, purposes[i].name);
		pgt_add_text(&row, trigger == NULL ? NULL : trigger->tgname);
		pgt_add_bool(&row, trigger != NULL);
		pgt_add_bool(&row, trigger != NULL &&
							   trigger->tgenabled == TRIGGER_FIRES_ALWAYS);
		pgt_put_row(fcinfo, &row);
	}
	table_close(rel, NoLock);
}

/* Somebody has it locked; or it is gone, which is nothing to show. */
static void
put_unknown(FunctionCallInfo fcinfo, Oid relid, const Purpose *purposes, int n)
{
	for (int i = 0; i < n; i++)
	{
		AnswerRow row = {0};

		pgt_add_relation(&row, relid);
		pgt_add_text(&row, purposes[i].name);
		pgt_add_null(&row);
		pgt_add_null(&row);
		pgt_add_null(&row);
		pgt_put_row(fcinfo, &row);
	}
}

/*
 * See monitor.h.
 */
bool
pgt_may_see_source(const Source *source)
{
	ListCell *lc;

	if (get_rel_name(source->relid) == NULL)
		return false;
	if (pgt_owns(source->relid))
		return true;
	foreach (lc, pgt_dependents(source->relid))
	{
		Dependency *dep = lfirst(lc);
		StreamTable *st = pgt_lookup_stream_by_id(dep->pgt_id, true);

		if (st != NULL && pgt_may_see(st) && pgt_may_see_parts(st))
			return true;
	}

	return false;
}

static void
put_family(FunctionCallInfo fcinfo, const Source *source)
{
	char *argument = psprintf(INT64_FORMAT, source->track_id);
	List *family = pgt_try_family(source->relid);
	ListCell *lc;

	foreach (lc, family)
		put_triggers(fcinfo, lfirst_oid(lc), capture_purposes,
					 lengthof(capture_purposes), argument);
	if (family == NIL)
		put_unknown(fcinfo, source->relid, capture_purposes,
					lengthof(capture_purposes));
	pgt_unlock_family(family);
}

static void
put_guards(FunctionCallInfo fcinfo, Oid relid)
{
	if (!pgt_try_lock(relid))
	{
		put_unknown(fcinfo, relid, guard_purposes, lengthof(guard_purposes));
		return;
	}

	put_triggers(fcinfo, relid, guard_purposes, lengthof(guard_purposes), NULL);
	UnlockRelationOid(relid, AccessShareLock);
}

/*
 * trigger_inventory() returns setof record: the triggers that there should be
 * on sources, their partitions and children, and on stream tables, and whether
 * they are there and fire always.
 */
Datum
pgt_sql_trigger_inventory(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_all_sources())
	{
		if (pgt_may_see_source(lfirst(lc)))
			put_family(fcinfo, lfirst(lc));
	}
	foreach (lc, pgt_visible_streams())
	{
		StreamTable *st = lfirst(lc);

		if (pgt_may_see_parts(st))
			put_guards(fcinfo, st->relid);
	}

	return (Datum) 0;
}
