/*-------------------------------------------------------------------------
 *
 * database.c
 *	  What the processes of the extension know of each other, in shared memory.
 *
 * Four small tables under one lock:
 *
 *	  schedulers  what the launcher knows of the scheduler of a database
 *	  processes   which of our processes are in which database
 *	  holds       databases that a running command needs for itself
 *	  told        databases the launcher is to look at
 *
 * A process enters its database here before it connects, and leaves when it
 * is out of the server's list of processes.  A command that needs a database
 * first puts a hold, then terminates who has entered, then waits until they
 * have left.  Entering and holding take the same lock: whoever enters is
 * either seen by the hold or sees it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "database.h"
#include "pg_trickle/shared.h"

/* A command goes on after so long, and says itself who is in its way. */
#define HOLD_TIMEOUT_MS 10000

/* A scheduler that has lived so long was all right. */
#define LONG_LIFE_MS 60000

/* More than this, and the launcher looks at all databases. */
#define MAX_TOLD 64

/* For databases without a process: failed, or waiting for one. */
#define EXTRA_ENTRIES 1024

typedef struct DatabasePid
{
	Oid database; /* InvalidOid: free */
	int pid;
} DatabasePid;

typedef struct DatabaseShared
{
	LWLock *lock;
	Latch *launcher; /* of a PGPROC, which never goes away; NULL: none */
	int launcher_pid;
	uint32 ntickets;
	bool told_all;	/* look at every database anew */
	bool told_list; /* the list of databases has changed */
	int ntold;
	Oid told[MAX_TOLD];
	ConditionVariable someone_left;
	int nschedulers;
	SchedulerEntry *schedulers;
	int nprocesses;
	DatabasePid *processes;
	int nholds;
	DatabasePid *holds;
} DatabaseShared;

static DatabaseShared *shared = NULL;

/* This process: the database it has entered, and why it leaves it. */
static Oid my_database = InvalidOid;
static bool am_scheduler = false;
static SchedulerExit my_exit = EXIT_FAILED;

/* Does this transaction hold a database? */
static bool holding = false;

/* ---- shared memory ---- */

static int
schedulers_wanted(void)
{
	return max_worker_processes + EXTRA_ENTRIES;
}

/* Each process of ours is a background worker. */
static int
processes_wanted(void)
{
	return Max(max_worker_processes, 1);
}

/* A command has one database in hand; a transaction may rename some more. */
static int
holds_wanted(void)
{
	return MaxBackends + 64;
}

static Size
shared_size(void)
{
	Size size = MAXALIGN(sizeof(DatabaseShared));

	size = add_size(size, mul_size(sizeof(SchedulerEntry),
								   schedulers_wanted()));
	size = add_size(size, mul_size(sizeof(DatabasePid),
								   processes_wanted() + holds_wanted()));
	return size;
}

static void
shared_start(void *memory, LWLock *lock)
{
	DatabaseShared *new = memory;
	Size size = MAXALIGN(sizeof(DatabaseShared));

	new->lock = lock;
	ConditionVariableInit(&new->someone_left);
	new->nschedulers = schedulers_wanted();
	new->schedulers = (SchedulerEntry *) ((char *) memory + size);
	new->nprocesses = processes_wanted();
	new->processes = (DatabasePid *) (new->schedulers + new->nschedulers);
	new->nholds = holds_wanted();
	new->holds = new->processes + new->nprocesses;
}

static const SharedPart part = {
	.name = "pg_trickle databases",
	.size = shared_size,
	.init = shared_start,
	.where = (void **) &shared,
};

/* ---- tables; the lock is held ---- */

static SchedulerEntry *
find_scheduler(Oid database)
{
	for (int i = 0; i < shared->nschedulers; i++)
	{
		if (shared->schedulers[i].database == database)
			return &shared->schedulers[i];
	}

	return NULL;
}

/* The entry with this database and this process, or NULL. */
static DatabasePid *
find_pid(DatabasePid *table, int n, Oid database, int pid)
{
	for (int i = 0; i < n; i++)
	{
		if (table[i].database == database && table[i].pid == pid)
			return &table[i];
	}

	return NULL;
}

static bool
has_database(const DatabasePid *table, int n, Oid database)
{
	for (int i = 0; i < n; i++)
	{
		if (table[i].database == database)
			return true;
	}

	return false;
}

static void
set_state(SchedulerEntry *entry, SchedulerState state)
{
	entry->status.state = state;
	entry->status.since = GetCurrentTimestamp();
}

/* Failures count as long as none has lived for a while in between. */
static void
set_left(SchedulerEntry *entry, SchedulerExit why)
{
	TimestampTz since = entry->status.since;
	bool ran = entry->status.state == SCHEDULER_RUNNING;

	set_state(entry, SCHEDULER_LEFT);
	if (why == EXIT_GAVE_WAY ||
		(ran && TimestampDifferenceExceeds(since, entry->status.since,
										   LONG_LIFE_MS)))
		entry->status.failures = 0;
	entry->status.pid = 0;
	entry->status.last_exit = entry->stop ? EXIT_STOPPED : why;
	entry->status.last_exit_at = entry->status.since;
	entry->stop = false;
	entry->turn_over_at = 0;
}

static void
wake_launcher(void)
{
	if (shared->launcher != NULL)
		SetLatch(shared->launcher);
}

/* ---- processes ---- */

/*
 * Runs when this process is no longer in the server's list, so that whoever
 * waits for its end finds the database free.
 */
static void
leave_database(int code, Datum arg)
{
	DatabasePid *process;
	SchedulerEntry *entry;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	process = find_pid(shared->processes, shared->nprocesses, my_database,
					   MyProcPid);
	if (process != NULL)
		memset(process, 0, sizeof(*process));
	entry = find_scheduler(my_database);
	if (am_scheduler && entry != NULL && entry->status.pid == MyProcPid)
		set_left(entry, my_exit);
	wake_launcher();
	LWLockRelease(shared->lock);

	ConditionVariableBroadcast(&shared->someone_left);
}

/* The lock is held; false if a command needs the database. */
static bool
enter(Oid database)
{
	DatabasePid *process;

	if (has_database(shared->holds, shared->nholds, database))
		return false;
	process = find_pid(shared->processes, shared->nprocesses, InvalidOid, 0);
	if (process == NULL)
		return false;

	process->database = database;
	process->pid = MyProcPid;
	my_database = database;
	return true;
}

/*
 * Become a process of this database; see launcher.h.
 */
bool
pgt_enter_database(Oid database)
{
	bool entered;

	Assert(!OidIsValid(my_database) && !OidIsValid(MyDatabaseId));
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entered = enter(database);
	LWLockRelease(shared->lock);
	if (entered)
		on_shmem_exit(leave_database, (Datum) 0);

	return entered;
}

/*
 * Become the scheduler of this database.  A ticket says for which start this
 * process was made: one that comes late, after the launcher has given it up,
 * is not wanted any more.
 */
void
pgt_scheduler_enter(Oid database)
{
	SchedulerEntry *entry;
	uint32 ticket;
	bool entered = false;

	memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof(ticket));
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = find_scheduler(database);
	if (entry != NULL && entry->ticket == ticket &&
		entry->status.state == SCHEDULER_STARTING && entry->status.pid == 0)
	{
		entered = !entry->stop && enter(database);
		if (entered)
			entry->status.pid = MyProcPid;
		else
			set_left(entry, EXIT_STOPPED);
	}
	LWLockRelease(shared->lock);

	if (!entered)
		proc_exit(0);
	am_scheduler = true;
	on_shmem_exit(leave_database, (Datum) 0);
}

/*
 * The scheduler has found the extension.
 */
void
pgt_scheduler_runs(void)
{
	SchedulerEntry *entry;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = find_scheduler(my_database);
	if (entry != NULL && entry->status.pid == MyProcPid)
		set_state(entry, SCHEDULER_RUNNING);
	wake_launcher();
	LWLockRelease(shared->lock);
}

/*
 * Is it another database's turn?
 */
bool
pgt_scheduler_turn_is_over(void)
{
	SchedulerEntry *entry;
	bool over;

	LWLockAcquire(shared->lock, LW_SHARED);
	entry = find_scheduler(my_database);
	over = entry != NULL && entry->status.pid == MyProcPid &&
		   entry->turn_over_at != 0;
	LWLockRelease(shared->lock);

	return over;
}

/*
 * End this process in good order, with the reason.
 */
void
pgt_scheduler_leave(SchedulerExit why)
{
	my_exit = why;
	proc_exit(0);
}

/* The lock is held.  Who is not in the table any more is not signalled. */
static void
terminate(Oid database)
{
	SchedulerEntry *entry = find_scheduler(database);

	if (entry != NULL)
		entry->stop = true;
	for (int i = 0; i < shared->nprocesses; i++)
	{
		if (shared->processes[i].database == database)
			(void) kill(shared->processes[i].pid, SIGTERM);
	}
}

/*
 * Terminate the processes of a database, without waiting for them.
 */
void
pgt_stop_database(Oid database)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	terminate(database);
	LWLockRelease(shared->lock);
}

/* ---- holds ---- */

static void
release_holds(void)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->nholds; i++)
	{
		if (shared->holds[i].pid == MyProcPid)
			memset(&shared->holds[i], 0, sizeof(DatabasePid));
	}
	shared->told_list = true;
	wake_launcher();
	LWLockRelease(shared->lock);
	holding = false;
}

/*
 * What the command did is visible by now, so that the launcher does not find
 * a database that is gone.
 */
static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (holding && (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
					event == XACT_EVENT_PREPARE))
		release_holds();
}

static bool
database_is_free(Oid database)
{
	bool taken;

	LWLockAcquire(shared->lock, LW_SHARED);
	taken = has_database(shared->processes, shared->nprocesses, database);
	LWLockRelease(shared->lock);

	return !taken;
}

static void
wait_until_free(Oid database)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												  HOLD_TIMEOUT_MS);

	ConditionVariablePrepareToSleep(&shared->someone_left);
	while (!database_is_free(database))
	{
		long left =
			TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);

		if (left <= 0 ||
			ConditionVariableTimedSleep(&shared->someone_left, left,
										PG_WAIT_EXTENSION))
			break;
	}
	ConditionVariableCancelSleep();
}

/*
 * Keep our processes out of a database until the end of the transaction, and
 * wait until those that are there are gone.
 */
void
pgt_hold_database(Oid database)
{
	DatabasePid *hold;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	hold = find_pid(shared->holds, shared->nholds, InvalidOid, 0);
	if (hold != NULL)
	{
		hold->database = database;
		hold->pid = MyProcPid;
		holding = true;
	}
	terminate(database);
	LWLockRelease(shared->lock);

	wait_until_free(database);
}

/* ---- the launcher ---- */

/*
 * The launcher is to look at this database, or with InvalidOid, at the list
 * of databases.
 */
void
pgt_tell_launcher(Oid database)
{
	if (shared == NULL)
		return;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (!OidIsValid(database))
		shared->told_list = true;
	else if (shared->ntold < MAX_TOLD)
		shared->told[shared->ntold++] = database;
	else
		shared->told_all = true;
	wake_launcher();
	LWLockRelease(shared->lock);
}

/*
 * What the launcher was told since the last call.
 */
List *
pgt_take_told(bool *all, bool *list)
{
	List *databases = NIL;
	Oid told[MAX_TOLD];
	int ntold;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	*all = shared->told_all;
	*list = shared->told_list || shared->ntold > 0;
	ntold = shared->ntold;
	memcpy(told, shared->told, sizeof(Oid) * ntold);
	shared->told_all = shared->told_list = false;
	shared->ntold = 0;
	LWLockRelease(shared->lock);

	for (int i = 0; i < ntold; i++)
		databases = lappend_oid(databases, told[i]);
	return databases;
}

static void
launcher_leaves(int code, Datum arg)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (shared->launcher_pid == MyProcPid)
	{
		shared->launcher = NULL;
		shared->launcher_pid = 0;
	}
	LWLockRelease(shared->lock);
}

/*
 * Become the launcher.  What one before has started and what has not come up
 * yet is given up: nobody would learn if it never does.
 */
void
pgt_launcher_attach(void)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher = MyLatch;
	shared->launcher_pid = MyProcPid;
	for (int i = 0; i < shared->nschedulers; i++)
	{
		SchedulerEntry *entry = &shared->schedulers[i];

		if (entry->status.state == SCHEDULER_STARTING &&
			entry->status.pid == 0)
			set_left(entry, EXIT_STOPPED);
	}
	LWLockRelease(shared->lock);
	on_shmem_exit(launcher_leaves, (Datum) 0);
}

/*
 * Copies of all entries, in the caller's context.
 */
List *
pgt_scheduler_entries(void)
{
	List *entries = NIL;
	SchedulerEntry *copies;
	int n = 0;

	copies = palloc(sizeof(SchedulerEntry) * shared->nschedulers);
	LWLockAcquire(shared->lock, LW_SHARED);
	for (int i = 0; i < shared->nschedulers; i++)
	{
		if (OidIsValid(shared->schedulers[i].database))
			copies[n++] = shared->schedulers[i];
	}
	LWLockRelease(shared->lock);

	for (int i = 0; i < n; i++)
		entries = lappend(entries, &copies[i]);
	return entries;
}

/*
 * The one of a database among copies, or NULL.
 */
SchedulerEntry *
pgt_find_entry(List *entries, Oid database)
{
	ListCell *lc;

	foreach (lc, entries)
	{
		SchedulerEntry *entry = lfirst(lc);

		if (entry->database == database)
			return entry;
	}

	return NULL;
}

/* The entry of a database, made if there is none; NULL if there is no room. */
static SchedulerEntry *
make_entry(Oid database)
{
	SchedulerEntry *entry = find_scheduler(database);

	if (entry == NULL)
	{
		entry = find_scheduler(InvalidOid);
		if (entry != NULL)
		{
			memset(entry, 0, sizeof(*entry));
			entry->database = database;
		}
	}

	return entry;
}

/* The lock is held. */
static uint32
new_ticket(SchedulerEntry *entry)
{
	if (++shared->ntickets == 0)
		shared->ntickets = 1;
	entry->ticket = shared->ntickets;
	if (entry->status.last_exit == EXIT_FAILED)
		entry->status.restarts++;
	entry->stop = false;
	set_state(entry, SCHEDULER_STARTING);

	return entry->ticket;
}

/*
 * A scheduler is about to be started, if it may be.  Not in a database that is
 * held; nor when something was told since the launcher has read the list: the
 * end of a hold is told together with it, so the database may be gone.  A hold
 * that comes after this finds the entry, and stops it.
 */
StartAnswer
pgt_entry_starts(Oid database, uint32 *ticket)
{
	SchedulerEntry *entry;
	StartAnswer answer = START_NOT_NOW;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (!shared->told_list &&
		!has_database(shared->holds, shared->nholds, database))
	{
		entry = make_entry(database);
		answer = entry == NULL ? START_NO_ROOM : START_NOW;
		if (entry != NULL)
			*ticket = new_ticket(entry);
	}
	LWLockRelease(shared->lock);

	return answer;
}

/*
 * The process that was to come with this ticket has ended.  If it never came,
 * that is a failure.
 */
void
pgt_entry_lost(Oid database, uint32 ticket)
{
	SchedulerEntry *entry;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = find_scheduler(database);
	if (entry != NULL && entry->ticket == ticket &&
		entry->status.state == SCHEDULER_STARTING && entry->status.pid == 0)
		set_left(entry, EXIT_FAILED);
	LWLockRelease(shared->lock);
}

/*
 * There is no process now, for this reason.
 */
void
pgt_entry_waits(Oid database, SchedulerState state, TimestampTz next_start)
{
	SchedulerEntry *entry;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = make_entry(database);
	if (entry != NULL)
	{
		if (entry->status.state != state)
			set_state(entry, state);
		entry->status.next_start = next_start;
		if (state == SCHEDULER_BACKOFF)
			entry->status.failures++;
	}
	LWLockRelease(shared->lock);
}

/*
 * Ask the scheduler of a database to make room for that of another one, or
 * tell it that it may stay.  When it was asked first, or 0.
 */
TimestampTz
pgt_entry_turn(Oid database, bool over)
{
	SchedulerEntry *entry;
	PGPROC *process = NULL;
	TimestampTz at = 0;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = find_scheduler(database);
	if (entry != NULL && entry->status.state == SCHEDULER_RUNNING)
	{
		if (over != (entry->turn_over_at != 0))
		{
			entry->turn_over_at = over ? GetCurrentTimestamp() : 0;
			process = BackendPidGetProc(entry->status.pid);
		}
		at = entry->turn_over_at;
	}
	LWLockRelease(shared->lock);

	if (process != NULL)
		SetLatch(&process->procLatch);
	return at;
}

/*
 * This database is not ours.
 */
void
pgt_entry_forget(Oid database)
{
	SchedulerEntry *entry;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = find_scheduler(database);
	if (entry != NULL)
		memset(entry, 0, sizeof(*entry));
	LWLockRelease(shared->lock);
}

/* ---- for who wants to know ---- */

/*
 * Is the library preloaded?
 */
bool
pgt_is_preloaded(void)
{
	return shared != NULL;
}

/*
 * The process of the launcher, or 0.
 */
int
pgt_launcher_pid(void)
{
	int pid;

	if (shared == NULL)
		return 0;
	LWLockAcquire(shared->lock, LW_SHARED);
	pid = shared->launcher_pid;
	LWLockRelease(shared->lock);

	return pid;
}

/*
 * How many databases have no scheduler because there is no room for one?
 */
int
pgt_crowded_schedulers(void)
{
	int n = 0;

	if (shared == NULL)
		return 0;

	LWLockAcquire(shared->lock, LW_SHARED);
	for (int i = 0; i < shared->nschedulers; i++)
		n += OidIsValid(shared->schedulers[i].database) &&
			 shared->schedulers[i].status.state == SCHEDULER_CROWDED;
	LWLockRelease(shared->lock);

	return n;
}

/*
 * What is known of the scheduler of a database.
 */
SchedulerStatus
pgt_scheduler_status(Oid database)
{
	SchedulerStatus status = {.state = SCHEDULER_UNKNOWN};
	SchedulerEntry *entry;

	if (shared == NULL)
		return status;

	LWLockAcquire(shared->lock, LW_SHARED);
	entry = find_scheduler(database);
	if (entry != NULL)
		status = entry->status;
	if (has_database(shared->holds, shared->nholds, database))
		status.state = SCHEDULER_HELD;
	LWLockRelease(shared->lock);

	return status;
}

/*
 * For people.
 */
const char *
pgt_scheduler_state_name(SchedulerState state)
{
	switch (state)
	{
		case SCHEDULER_UNKNOWN:
			return "unknown";
		case SCHEDULER_STARTING:
			return "starting";
		case SCHEDULER_RUNNING:
			return "running";
		case SCHEDULER_LEFT:
		case SCHEDULER_BACKOFF:
			return "restarting";
		case SCHEDULER_CROWDED:
			return "waiting for a background worker";
		case SCHEDULER_HELD:
			return "held";
	}

	pg_unreachable();
}

/*
 * Ask for shared memory; called once by _PG_init().
 */
void
pgt_database_init(void)
{
	pgt_register_shared(&part);
	if (process_shared_preload_libraries_in_progress)
		RegisterXactCallback(at_end_of_transaction, NULL);
}
