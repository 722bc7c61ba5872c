/*-------------------------------------------------------------------------
 *
 * maintain.c
 *	  What is tidied up now and then: logs and history.
 *
 * Refreshes do both for what they touch: they move on the logs that they have
 * read, and forget what is old in their own history.  What nobody refreshes
 * (it is suspended, frozen, or has nothing to do) is left to refresh workers:
 * once a minute between two refreshes, and before they leave.  If logs were
 * written and there is no worker a minute later, the scheduler sends one for
 * this alone.  A database where nothing happens has nothing to tidy up.
 *
 * Everything is asked for without waiting, in short transactions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/scheduler.h"

#define PAUSE_MS 60000

/* A segment makes one step in a transaction, of which there are four. */
#define LOG_ROUNDS 4

#define HISTORY_ROWS 1000
#define HISTORY_ROUNDS 10

/* Returns whether it is worth another round. */
typedef bool (*MaintenanceStep)(void);

static bool
move_on_logs(void)
{
	pgt_maintain_all_logs();
	return TransactionIdIsValid(GetTopTransactionIdIfAny());
}

static bool
forget_history(void)
{
	return pgt_prune_history(HISTORY_ROWS) == HISTORY_ROWS;
}

static bool
take_step(MaintenanceStep step)
{
	bool more = false;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (pgt_catalog_exists())
		more = step();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return more;
}

static void
repeat(MaintenanceStep step, int times)
{
	while (times-- > 0 && take_step(step))
		CHECK_FOR_INTERRUPTS();
}

/* Which may drain others: those are emptied in the next round. */
static bool
move_on_drained_logs(void)
{
	pgt_maintain_drained_logs();
	return TransactionIdIsValid(GetTopTransactionIdIfAny());
}

static void
do_all(void)
{
	repeat(move_on_logs, LOG_ROUNDS);
	repeat(forget_history, HISTORY_ROUNDS);
}

static void
do_drained(void)
{
	repeat(move_on_drained_logs, LOG_ROUNDS);
}

/* An error is written to the log, and what remains is done another time. */
static void
maintain(void (*work)(void))
{
	MemoryContext memory = CurrentMemoryContext;

	pgstat_report_activity(STATE_RUNNING, "maintenance of logs and history");
	PG_TRY();
	{
		work();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		if (geterrcode() != ERRCODE_QUERY_CANCELED)
			EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * See scheduler.h.
 */
void
pgt_maintain_database(bool now)
{
	static TimestampTz done_at = 0;
	TimestampTz time = GetCurrentTimestamp();

	if (done_at == 0)
		done_at = time;
	if (!now && time >= done_at &&
		!TimestampDifferenceExceeds(done_at, time, PAUSE_MS))
		return;

	done_at = time;
	maintain(do_all);
}

/*
 * See scheduler.h.
 */
void
pgt_empty_drained_segments(void)
{
	maintain(do_drained);
}
