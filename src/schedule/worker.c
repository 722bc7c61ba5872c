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
};

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

/* "refresh of stream table public.sales", or of so many. */
static void
report_activity(const PoolJob *job)
{
	StreamTable *st = pgt_lookup_stream_by_id(job->pgt_ids[job->n - 1], true);
	char *text = "refresh of a stream table that is gone";

	if (st != NULL && get_rel_name(st->relid) != NULL)
		text = psprintf("refresh of stream table %s",
						pgt_relation_text(st->relid));
	if (job->n > 1)
		text = psprintf("%s and %d that it reads", text, job->n - 1);
	debug_query_string = MemoryContextStrdup(TopTransactionContext, text);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
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
	bool done = true;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (pgt_catalog_exists())
	{
		report_activity(job);
		done = pgt_refresh_group(job->n, job->pgt_ids,
								 &(RefreshRequest){
									 .initiated_by = "SCHEDULER",
									 .reason = job->reason,
									 .automatic = true,
								 },
								 result->changed);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	result->outcome = done ? JOB_DONE : JOB_POSTPONED;
}

/* After the abort: keep what happened, tell the scheduler what to do. */
static void
record_failure(const PoolJob *job, ErrorData *error, TimestampTz start,
			   JobResult *result)
{
	int64 failed = pgt_failed_stream();
	TimestampTz retry_at = GetCurrentTimestamp() +
						   pgt_backoff(USECS_PER_SEC, job->nerrors + 1);

	result->outcome = JOB_POSTPONED;
	result->retry_at = retry_at;
	if (pgt_pool_gave_way() || error->sqlerrcode == ERRCODE_OBJECT_IN_USE)
		return;

	if (failed == 0)
		failed = job->pgt_ids[job->n - 1];
	if (pgt_note_failure(&(RefreshFailure){
			.pgt_id = failed,
			.error = error,
			.start_time = start,
			.retry_at = retry_at,
			.initiated_by = "SCHEDULER",
			.reason = job->reason,
		}) != FAILURE_TRANSIENT)
		result->outcome = JOB_FAILED;
}

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
		if (!pgt_pool_gave_way())
			EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(memory);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	if (error == NULL)
		return;
	if (pgt_pool_gave_way())
		ereport(LOG,
				errmsg("refresh of a stream table gave way to a session that waited for its locks"));
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
		run_job(&job, &result);
		pgt_maintain_database(false);
		report_idle();
		MemoryContextReset(memory);
		pgt_pool_finish(&result);
	}

	MemoryContextSwitchTo(memory);
	pgt_maintain_database(true);
	proc_exit(0);
}
