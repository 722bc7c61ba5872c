/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *	  The process that refreshes the stream tables of one database.
 *
 * It leaves when the extension is gone or automatic refreshing is switched
 * off; the launcher sends it again when there is reason to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

#include "pg_trickle/launcher.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/wake.h"

/*
 * Is the extension in this database?
 */
bool
pgt_extension_exists(void)
{
	bool exists;

	StartTransactionCommand();
	exists = OidIsValid(get_extension_oid("pg_trickle", true));
	CommitTransactionCommand();

	return exists;
}

static void
detach(int code, Datum arg)
{
	pgt_wake_detach();
}

/*
 * Attached first, so that a DROP EXTENSION that commits after the look wakes
 * this process.
 */
static void
start_up(Oid database)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	pgt_scheduler_enter(database);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);

	if (!pgt_wake_attach())
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				errmsg("too many pg_trickle schedulers"));
	before_shmem_exit(detach, (Datum) 0);
	if (!pgt_extension_exists())
		pgt_scheduler_leave(EXIT_NO_EXTENSION);
	pgt_scheduler_runs();
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Signals while nothing is going on: leave without a word. */
static void
obey_signals(void)
{
	if (ProcDiePending)
		proc_exit(0);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (!pgt_enabled)
		pgt_scheduler_leave(EXIT_DISABLED);
}

/*
 * The process "pg_trickle scheduler" of a database.
 */
void
pgt_scheduler_main(Datum database)
{
	start_up(DatumGetObjectId(database));
	for (;;)
	{
		WakeUp wake;

		obey_signals();
		if (pgt_wake_take(&wake))
		{
			if ((wake.events & WAKE_CATALOG) != 0 && !pgt_extension_exists())
				pgt_scheduler_leave(EXIT_NO_EXTENSION);
			continue;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
