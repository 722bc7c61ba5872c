/*-------------------------------------------------------------------------
 *
 * drop_extension.c
 *	  What DROP EXTENSION leaves behind.
 *
 * Logs, states, views and triggers go with the extension, because they depend
 * on its schemas and functions.  The stream tables stay, as plain tables; but
 * they would still depend on what their queries once read, and nobody could
 * drop that without dropping them.  When the command is over there is no code
 * of ours any more to undo it, so it is undone when the command starts; if it
 * fails, the server rolls that back.  All this works for an extension that is
 * older than the library, too: who cannot update it must get rid of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/event_trigger.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"

#include "pg_trickle/catalog_table.h"
#include "pg_trickle/command.h"

PG_FUNCTION_INFO_V1(pgt_on_drop_extension);

static bool
drops_extension(const EventTriggerData *event)
{
	const DropStmt *stmt = (const DropStmt *) event->parsetree;
	ListCell *lc;

	if (!IsA(stmt, DropStmt) || stmt->removeType != OBJECT_EXTENSION)
		return false;
	foreach (lc, stmt->objects)
	{
		if (strcmp(strVal(lfirst(lc)), "pg_trickle") == 0)
			return true;
	}

	return false;
}

static void
lock_family(Oid relid)
{
	if (get_rel_name(relid) != NULL)
		(void) pgt_family(relid, AccessExclusiveLock);
}

/*
 * Wait for writers and refreshes, who lock tables first and what belongs to
 * the extension later; the server would begin with that, and a writer that
 * commits would be the victim of a deadlock.  The oldest tables come first.
 */
static void
lock_tables(void)
{
	List *relids = NIL;
	ListCell *lc;

	if (pgt_catalog_is_current())
	{
		foreach (lc, pgt_all_sources())
			relids = lappend_oid(relids, ((Source *) lfirst(lc))->relid);
	}
	foreach (lc, pgt_all_stream_relations())
		relids = lappend_oid(relids, ((StreamTable *) lfirst(lc))->relid);

	list_sort(relids, list_oid_cmp);
	foreach (lc, relids)
		lock_family(lfirst_oid(lc));
}

/*
 * Event trigger function for ddl_command_start of DROP EXTENSION.
 */
Datum
pgt_on_drop_extension(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("function \"on_drop_extension\" was not called by an event trigger"));

	if (!drops_extension((EventTriggerData *) fcinfo->context) ||
		!pgt_catalog_exists())
		PG_RETURN_NULL();

	lock_tables();
	foreach (lc, pgt_all_stream_relations())
	{
		StreamTable *st = lfirst(lc);

		if (get_rel_name(st->query_relid) != NULL)
			pgt_unlink_stream(st->relid, st->query_relid);
	}
	PG_RETURN_NULL();
}
