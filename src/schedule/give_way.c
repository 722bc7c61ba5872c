/*-------------------------------------------------------------------------
 *
 * give_way.c
 *	  A user's command wins over a refresh that nobody asked for.
 *
 * While a job runs for longer than deadlock_timeout, the scheduler looks once
 * per deadlock_timeout whether somebody waits for a lock that a refresh worker
 * holds:
 *
 *		a lock on a table				ALTER TABLE, CREATE INDEX, DROP, LOCK:
 *										queries do not conflict with a refresh
 *		ACCESS EXCLUSIVE on a stream	alter_stream_table() and its kin; a
 *		table (see pgt_lock_stream())	refresh on request waits, for it wants
 *										the same
 *		a source's set of partitions	ATTACH and DETACH
 *
 * Then it cancels the refresh, which is undone and tried again later.  Who
 * waits behind such a command is helped, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/pool.h"
#include "pg_trickle/scheduler.h"

/* A prepared transaction has no process, nor has a job that is starting. */
static bool
is_one_of(pid_t pid, const RunningJob *jobs, int njobs)
{
	for (int i = 0; i < njobs; i++)
	{
		if (pid != 0 && jobs[i].pid == pid)
			return true;
	}

	return false;
}

/* Does this process wait for what a refresh gives way to? */
static bool
is_command(const LockInstanceData *waiter)
{
	const LOCKTAG *tag = &waiter->locktag;

	if (waiter->waitLockMode == NoLock || tag->locktag_field1 != MyDatabaseId)
		return false;
	if (tag->locktag_type == LOCKTAG_RELATION)
		return true;

	return tag->locktag_type == LOCKTAG_OBJECT &&
		   pgt_is_lock_of_definition(tag, waiter->waitLockMode);
}

static bool
blocks(const LockInstanceData *holder, const LockInstanceData *waiter)
{
	LOCKMASK conflicts = GetLockTagsMethodTable(&waiter->locktag)
							 ->conflictTab[waiter->waitLockMode];

	return memcmp(&holder->locktag, &waiter->locktag, sizeof(LOCKTAG)) == 0 &&
		   holder->pid != waiter->pid &&
		   (holder->holdMask & conflicts) != 0;
}

static void
cancel_blockers(const LockData *locks, const LockInstanceData *waiter,
				const RunningJob *jobs, int njobs)
{
	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *holder = &locks->locks[i];

		if (blocks(holder, waiter) && is_one_of(holder->pid, jobs, njobs))
			pgt_pool_cancel(holder->pid);
	}
}

static void
look_around(void)
{
	RunningJob jobs[POOL_SLOTS];
	int njobs = pgt_pool_jobs(jobs);
	LockData *locks;

	StartTransactionCommand();
	locks = GetLockStatusData();
	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *waiter = &locks->locks[i];

		if (is_command(waiter) && !is_one_of(waiter->pid, jobs, njobs))
			cancel_blockers(locks, waiter, jobs, njobs);
	}
	CommitTransactionCommand();
}

/* When the oldest job of this database was given; DT_NOEND: there is none. */
static TimestampTz
oldest_job(void)
{
	RunningJob jobs[POOL_SLOTS];
	TimestampTz oldest = DT_NOEND;

	for (int i = pgt_pool_jobs(jobs) - 1; i >= 0; i--)
	{
		if (jobs[i].database == MyDatabaseId)
			oldest = Min(oldest, jobs[i].given_at);
	}

	return oldest;
}

/*
 * See scheduler.h.
 */
TimestampTz
pgt_give_way(TimestampTz now)
{
	static TimestampTz looked_at = DT_NOBEGIN;
	TimestampTz oldest = oldest_job();
	int64 pause = DeadlockTimeout * INT64CONST(1000);

	if (oldest == DT_NOEND)
		return DT_NOEND;
	if (Max(oldest, looked_at) > now) /* the clock was set back */
		oldest = looked_at = now - pause;

	if (now >= Max(oldest, looked_at) + pause)
	{
		look_around();
		looked_at = now;
	}
	return Max(oldest, looked_at) + pause;
}
