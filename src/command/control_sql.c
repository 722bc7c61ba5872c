/*-------------------------------------------------------------------------
 *
 * control_sql.c
 *	  Pausing, draining and gating, as SQL calls it.
 *
 *		pause_scheduler()	nothing is refreshed automatically
 *		drain()				nothing is refreshed, and nothing is being
 *		gate_source()		what reads the source is not refreshed automatically
 *
 * All of them are rows that take effect when they are committed, and outlive
 * a restart; only a drain holds at once (src/catalog/README.md, "Draining").
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg_trickle/command.h"
#include "pg_trickle/control.h"
#include "pg_trickle/subtransaction.h"

PG_FUNCTION_INFO_V1(pgt_sql_pause);
PG_FUNCTION_INFO_V1(pgt_sql_resume_scheduler);
PG_FUNCTION_INFO_V1(pgt_sql_drain);
PG_FUNCTION_INFO_V1(pgt_sql_is_drained);
PG_FUNCTION_INFO_V1(pgt_sql_gate);
PG_FUNCTION_INFO_V1(pgt_sql_gate_relation);
PG_FUNCTION_INFO_V1(pgt_sql_ungate);
PG_FUNCTION_INFO_V1(pgt_sql_ungate_relation);

/* ---- the whole database ---- */

/* It concerns everybody's stream tables. */
static void
check_database_right(const char *function)
{
	PreventCommandDuringRecovery(function);
	PreventCommandIfReadOnly(function);
	if (!has_privs_of_role(GetUserId(), ROLE_PG_DATABASE_OWNER))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for function %s", function),
				errdetail("Only the owner of database \"%s\" and superusers may call it.",
						  get_database_name(MyDatabaseId)));
}

/*
 * pause_scheduler() returns void: no automatic refreshes in this database
 * until resume_scheduler().
 */
Datum
pgt_sql_pause(PG_FUNCTION_ARGS)
{
	check_database_right("pause_scheduler()");
	pgt_lock_control(ShareRowExclusiveLock);
	if (pgt_is_paused())
		ereport(NOTICE, errmsg("the scheduler is paused already"));
	pgt_set_paused();
	PG_RETURN_VOID();
}

/*
 * resume_scheduler() returns void: end of pause_scheduler() and drain().
 */
Datum
pgt_sql_resume_scheduler(PG_FUNCTION_ARGS)
{
	check_database_right("resume_scheduler()");
	pgt_lock_control(ShareRowExclusiveLock);
	if (!pgt_is_paused() && !pgt_drained_is_set())
		ereport(NOTICE,
				errmsg("the scheduler is neither paused nor drained"));
	pgt_set_resumed();
	PG_RETURN_VOID();
}

/* ---- drain ---- */

/* Raises what the lock raises, with lock_timeout set for it alone. */
static bool
lock_running(void *timeout_ms)
{
	int level = NewGUCNestLevel();

	(void) set_config_option("lock_timeout",
							 psprintf("%d", *(int *) timeout_ms),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	pgt_lock_running();
	AtEOXact_GUC(true, level);
	return true;
}

/* Wait for refreshes that run; false if some still do when the time is up. */
static bool
wait_for_running(int timeout_ms)
{
	ErrorData *error;

	if (!pgt_anything_running())
		return true;
	if (timeout_ms <= 0)
		return false;

	error = pgt_try(lock_running, &timeout_ms);
	if (error != NULL && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);

	return error == NULL;
}

/*
 * drain(timeout_s int) returns bool: let no refresh start, wait for those
 * that run; whether none does.  Until resume_scheduler(), either way.
 */
Datum
pgt_sql_drain(PG_FUNCTION_ARGS)
{
	TimestampTz deadline;
	int timeout;
	long left_ms;

	pgt_require_argument(fcinfo, 0, "timeout_s");
	timeout = PG_GETARG_INT32(0);
	if (timeout < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("timeout of drain() must not be negative: %d", timeout),
				errhint("With 0 it does not wait."));
	check_database_right("drain()");

	deadline = GetCurrentTimestamp() + timeout * USECS_PER_SEC;
	pgt_lock_control(ExclusiveLock);
	pgt_set_drained();
	left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
	PG_RETURN_BOOL(wait_for_running((int) Min(left_ms, INT_MAX)));
}

/*
 * is_drained() returns bool: no refresh can start, and none is running.
 */
Datum
pgt_sql_is_drained(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(pgt_drained_is_set() && !pgt_anything_running());
}

/* ---- gates ---- */

static void
gate(Oid source)
{
	pgt_lock_source_control(source);
	if (pgt_lookup_gate(source) != NULL)
	{
		ereport(NOTICE,
				errmsg("source \"%s\" is gated already",
					   get_rel_name(source)));
		return;
	}
	if (pgt_dependents(source) == NIL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("no stream table reads \"%s\"", get_rel_name(source)),
				errhint("See pgtrickle.list_sources() for what a stream table reads; partitions and children are gated by way of their parent."));

	pgt_insert_gate(source);
}

static void
ungate(Oid source)
{
	pgt_lock_source_control(source);
	if (pgt_lookup_gate(source) == NULL)
		ereport(NOTICE,
				errmsg("source \"%s\" is not gated", get_rel_name(source)));
	else
		pgt_delete_gate(source);
}

/*
 * gate_source(source text) returns void: do not automatically refresh the
 * stream tables that read the source.
 */
Datum
pgt_sql_gate(PG_FUNCTION_ARGS)
{
	gate(pgt_own_source_argument(fcinfo, "gate_source()"));
	PG_RETURN_VOID();
}

/*
 * gate_source(source regclass) returns void
 */
Datum
pgt_sql_gate_relation(PG_FUNCTION_ARGS)
{
	gate(pgt_own_relation_argument(fcinfo, "gate_source()"));
	PG_RETURN_VOID();
}

/*
 * ungate_source(source text) returns void: the opposite.
 */
Datum
pgt_sql_ungate(PG_FUNCTION_ARGS)
{
	ungate(pgt_own_source_argument(fcinfo, "ungate_source()"));
	PG_RETURN_VOID();
}

/*
 * ungate_source(source regclass) returns void
 */
Datum
pgt_sql_ungate_relation(PG_FUNCTION_ARGS)
{
	ungate(pgt_own_relation_argument(fcinfo, "ungate_source()"));
	PG_RETURN_VOID();
}

/*
 * Tell who refreshes on request that what is read may be loaded in part.
 */
void
pgt_note_gates(const StreamTable *st)
{
	List *gates = pgt_all_gates();
	List *sources;
	ListCell *lc;

	if (gates == NIL)
		return;

	sources = pgt_all_dependencies(st->pgt_id);
	foreach (lc, gates)
	{
		SourceGate *g = lfirst(lc);

		if (list_member_oid(sources, g->source))
			ereport(NOTICE,
					errmsg("source \"%s\" is gated", get_rel_name(g->source)),
					errdetail("The refresh takes what has been loaded so far."));
	}
}
