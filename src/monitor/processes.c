/*-------------------------------------------------------------------------
 *
 * processes.c
 *	  Is there who refreshes this database by itself?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "pg_trickle/control.h"
#include "pg_trickle/launcher.h"
#include "pg_trickle/pool.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/sql.h"

#include "processes.h"

/* How long a scheduler may take to start, in milliseconds. */
#define START_MS 10000

/* So long may all workers be busy with the same refreshes; microseconds. */
#define LONG_REFRESHES INT64CONST(60000000)
#define VERY_LONG_REFRESHES INT64CONST(600000000)

void
pgt_check_preload(Health *health)
{
	if (!pgt_is_preloaded())
		pgt_find(health, SEVERITY_WARNING,
				 pstrdup("the library is not preloaded, so that nothing is refreshed automatically: add pg_trickle to shared_preload_libraries and restart the server"));
}

/* Has the state lasted for longer than it takes to leave it? */
static bool
lasts(const SchedulerStatus *status)
{
	return status->since == 0 ||
		   TimestampDifferenceExceeds(status->since, GetCurrentTimestamp(),
									  START_MS);
}

static void
check_running(Health *health, const SchedulerStatus *status)
{
	switch (status->state)
	{
		case SCHEDULER_RUNNING:
			return;
		case SCHEDULER_HELD:
			pgt_find(health, SEVERITY_WARNING,
					 pstrdup("a command needs the database for itself; the scheduler comes back after it"));
			return;
		case SCHEDULER_CROWDED:
			pgt_find(health, SEVERITY_CRITICAL,
					 psprintf("there is no background worker for the scheduler, which waits for its turn: raise max_worker_processes (it is %d) and restart the server",
							  max_worker_processes));
			return;
		case SCHEDULER_BACKOFF:
			pgt_find(health, SEVERITY_CRITICAL,
					 psprintf("the scheduler has failed %d times in a row and is started again after a while: see the server log for why",
							  status->failures));
			return;
		case SCHEDULER_UNKNOWN:
		case SCHEDULER_STARTING:
		case SCHEDULER_LEFT:
			break;
	}

	if (lasts(status))
		pgt_find(health, SEVERITY_CRITICAL,
				 psprintf("the scheduler of this database does not run (%s): see the server log for why",
						  pgt_scheduler_state_name(status->state)));
}

void
pgt_check_scheduler(Health *health)
{
	SchedulerStatus status;

	if (!pgt_is_preloaded())
		return; /* another check says so */
	if (RecoveryInProgress())
		return; /* the primary refreshes */
	if (!pgt_enabled)
	{
		pgt_find(health, SEVERITY_WARNING,
				 pstrdup("automatic refreshing is switched off: set pg_trickle.enabled = on and reload the configuration"));
		return;
	}
	if (pgt_launcher_pid() == 0)
	{
		pgt_find(health, SEVERITY_CRITICAL,
				 pstrdup("the launcher does not run: see the server log for why"));
		return;
	}

	status = pgt_scheduler_status(MyDatabaseId);
	check_running(health, &status);
}

static const char *
visible_name(const Health *health, const RunningJob *job)
{
	ListCell *lc;

	foreach (lc, health->streams)
	{
		const StreamTable *st = lfirst(lc);

		if (job->database == MyDatabaseId && st->pgt_id == job->pgt_id)
			return pgt_shown_name(st->relid);
	}

	return NULL;
}

/* As in "stream tables public.a, public.b and 2 others". */
static char *
jobs_text(const Health *health, const RunningJob *jobs, int njobs)
{
	StringInfoData text;
	int nnamed = 0;

	initStringInfo(&text);
	for (int i = 0; i < njobs; i++)
	{
		const char *name = visible_name(health, &jobs[i]);

		if (name != NULL)
			appendStringInfo(&text, "%s%s",
							 nnamed++ == 0 ? "stream tables " : ", ", name);
	}
	if (nnamed == 0)
		return "those of others";

	if (nnamed < njobs)
		appendStringInfo(&text, " and %d others", njobs - nnamed);
	return text.data;
}

/*
 * Does everybody wait for refreshes that take long?  The server may have room
 * for less workers than we may have.
 */
static void
check_busy(Health *health)
{
	RunningJob jobs[POOL_SLOTS];
	int njobs = pgt_pool_jobs(jobs);
	TimestampTz last = DT_NOBEGIN;
	int64 busy;

	if (njobs == 0 || (njobs < pgt_max_refresh_workers &&
					   pgt_pool_crowded_until() == DT_NOEND))
		return;

	for (int i = 0; i < njobs; i++)
		last = Max(last, jobs[i].given_at);
	busy = GetCurrentTimestamp() - last;
	if (busy > LONG_REFRESHES)
		pgt_find(health,
				 busy > VERY_LONG_REFRESHES ? SEVERITY_CRITICAL :
											  SEVERITY_WARNING,
				 psprintf("all refresh workers (%d) have been busy for %d seconds or more, with %s, and nothing else is refreshed: set pg_trickle.refresh_timeout, raise pg_trickle.max_refresh_workers, or see pgtrickle.refresh_progress and suspend what takes too long",
						  njobs, (int) (busy / 1000000),
						  jobs_text(health, jobs, njobs)));
}

/*
 * The launcher, a scheduler and the refresh workers take background workers,
 * of which others may want some, too.
 */
void
pgt_check_workers(Health *health)
{
	int wanted = 2 + pgt_max_refresh_workers;
	int crowded;

	if (!pgt_is_preloaded())
		return;
	check_busy(health);
	crowded = pgt_crowded_schedulers();

	if (max_worker_processes < wanted)
		pgt_find(health, SEVERITY_WARNING,
				 psprintf("there are background workers for %d of %d refresh workers: raise max_worker_processes (it is %d) to %d or more, and one for each further database, and restart the server; or lower pg_trickle.max_refresh_workers",
						  Max(max_worker_processes - 2, 0),
						  pgt_max_refresh_workers, max_worker_processes,
						  wanted));
	if (crowded > 0)
		pgt_find(health, SEVERITY_WARNING,
				 psprintf("there are %d databases more than schedulers, which take turns: raise max_worker_processes (it is %d) at least by that and restart the server",
						  crowded, max_worker_processes));
}

/*
 * See processes.h.
 */
const char *
pgt_scheduler_text(void)
{
	if (!pgt_is_preloaded())
		return "not preloaded";
	if (RecoveryInProgress())
		return "on the primary";
	if (!pgt_enabled)
		return "disabled";
	if (pgt_launcher_pid() == 0)
		return "no launcher";
	if (pgt_is_drained())
		return "drained";
	if (pgt_is_paused())
		return "paused";

	return pgt_scheduler_state_name(pgt_scheduler_status(MyDatabaseId).state);
}

bool
pgt_scheduler_works(void)
{
	return strcmp(pgt_scheduler_text(), "running") == 0;
}
