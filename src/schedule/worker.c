/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  A refresh worker: takes jobs from the scheduler of its database.
 *
 * Each job is a transaction.  If it fails, what remains of it is recorded in
 * another one, and the worker goes on with the next job.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg_trickle/catalog_table.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/failure.h"
#include "pg_trickle/launcher.h"
#include "pg_trickle/pool.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/scheduler.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/sql.h"

/*
 * Settings of the database or the role that are meant for people.  A commit
 * need not wait for the disk: content and frontier are lost together.
 */
static const struct
{
	const char *name;
	const char *value;
} own_settings[] = {
	{"synchronous_commit", "off"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	{"default_transaction_deferrable", "off"},
	{"statement_timeout", "0"},
	{"lock_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	{"row_security", "on"},
	{"session_replication_role", "origin"},
	{"search_path", "pg_catalog"},
	PGT_NO_TRANSACTION_TIMEOUT};

/*
 * See scheduler.h.
 */
void
pgt_handle_interrupts(void)
{
	if (ProcDiePending)
		proc_exit(0); /* without a word: nothing is interrupted */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	if (catchupInterruptPending)
		ProcessCatchupInterrupt();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/*
 * See scheduler.h.
 */
void
pgt_connect(Oid database)
{
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	pgstat_report_appname(MyBgworkerEntry->bgw_type);
	for (size_t i = 0; i < lengthof(own_settings); i++)
		SetConfigOption(own_settings[i].name, own_settings[i].value,
						PGC_SUSET, PGC_S_SESSION);
}

/* ---- what people see ---- */

/* "refresh of stream table public.sales", in the job's memory. */
static char *
describe(const PoolJob *job)
{
	StreamTable *st = pgt_lookup_stream_by_id(job->pgt_ids[job->n - 1], true);

	if (st == NULL || get_rel_name(st->relid) == NULL)
		return "refresh of a stream table that is gone";
	if (job->n == 1)
		return psprintf("refresh of stream table %s",
						pgt_relation_text(st->relid));

	return psprintf("refresh of stream table %s and %d that it reads",
					pgt_relation_text(st->relid), job->n - 1);
}

static void
report_activity(const PoolJob *job, MemoryContext memory)
{
	MemoryContext before = MemoryContextSwitchTo(memory);

	debug_query_string = describe(job);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	MemoryContextSwitchTo(before);
}

static void
report_idle(void)
{
	debug_query_string = NULL;
	pgstat_report_activity(STATE_IDLE, NULL);
	(void) pgstat_report_stat(false);
}

/* ---- a job ---- */

static void
refresh(const PoolJob *job, JobResult *result)
{
	MemoryContext memory = CurrentMemoryContext;
	bool done = true;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (pgt_catalog_exists())
	{
		report_activity(job, memory);
		done = pgt_refresh_group(job->n, job->pgt_ids,
								 &(RefreshRequest){
									 .initiated_by = "SCHEDULER",
									 .reason = job->reason,
									 .automatic = true,
									 .cycle_id = job->cycle_id,
								 },
								 result->members);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(memory);
	result->outcome = done ? JOB_DONE : JOB_POSTPONED;
}

/*
 * After the abort: keep what happened, tell the scheduler what to do.  Not if
 * it gave way, a restore goes on, or the extension is gone.
 */
static void
record_failure(const PoolJob *job, ErrorData *error, TimestampTz start,
			   JobResult *result)
{
	RefreshFailure failure = {
		.pgt_id = pgt_failed_stream(),
		.error = error,
		.start_time = start,
		.initiated_by = "SCHEDULER",
		.reason = job->reason,
		.cycle_id = job->cycle_id,
	};

	failure.retry_at =
		GetCurrentTimestamp() +
		(pgt_failure_is_transient(error->sqlerrcode) ?
			 USECS_PER_SEC :
			 pgt_error_wait(job->nerrors + 1));
	if (failure.pgt_id == 0)
		failure.pgt_id = job->pgt_ids[job->n - 1];
	result->outcome = JOB_POSTPONED;
	result->retry_at = failure.retry_at;
	if (pgt_pool_gave_way())
		ereport(LOG,
				errmsg("%s gave way to a command that waited for its locks",
					   debug_query_string));
	else if (error->sqlerrcode != ERRCODE_OBJECT_IN_USE &&
			 pgt_extension_exists() &&
			 pgt_note_failure(&failure) != FAILURE_TRANSIENT)
		result->outcome = JOB_FAILED;
}

/* Errors of the extension itself show where they come from. */
static void
run_job(const PoolJob *job, JobResult *result)
{
	TimestampTz start = GetCurrentTimestamp();
	MemoryContext memory = CurrentMemoryContext;
	ErrorData *volatile error = NULL;

	PG_TRY();
	{
		refresh(job, result);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_INTERNAL_ERROR)
			EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(memory);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	if (error != NULL)
		record_failure(job, error, start, result);
}

/*
 * Main function of a refresh worker; the argument is its slot in the pool.
 */
void
pgt_worker_main(Datum slot)
{
	MemoryContext memory;
	PoolJob job;
	JobResult result;
	uint32 generation;
	Oid database;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	memcpy(&generation, MyBgworkerEntry->bgw_extra, sizeof(generation));
	if (!pgt_pool_enter(DatumGetInt32(slot), generation, &database) ||
		!pgt_enter_database(database))
		proc_exit(0);
	pgt_connect(database);

	memory = AllocSetContextCreate(TopMemoryContext, "pg_trickle job",
								   ALLOCSET_DEFAULT_SIZES);
	while (pgt_pool_next(&job))
	{
		MemoryContextSwitchTo(memory);
		memset(&result, 0, sizeof(result));
		if (job.n > 0)
			run_job(&job, &result);
		else if (job.drained_only)
			pgt_empty_drained_segments();
		pgt_maintain_database(job.n == 0 && !job.drained_only);
		report_idle();
		MemoryContextReset(memory);
		pgt_pool_finish(&result);
	}

	MemoryContextSwitchTo(memory);
	pgt_maintain_database(true);
	proc_exit(0);
}
