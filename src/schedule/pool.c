/*-------------------------------------------------------------------------
 *
 * pool.c
 *	  The refresh workers of all databases, in shared memory.
 *
 * A slot is a place for a worker; max_refresh_workers of them are in use at
 * most.  It belongs to one database while a worker is in it:
 *
 *		free -> starting -> busy -> done -> idle -> free
 *						     ^_______________|
 *
 * The scheduler of the database puts a job into it (starting, busy), the
 * worker puts the result beside it (done), the scheduler takes that (idle).
 * Both set the other's latch, so that a job costs two of them.
 *
 * Databases share the slots: see README, "Who gets a worker".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg_trickle/pool.h"
#include "pg_trickle/scheduler.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/shared.h"

/* A worker stays at least so long, if another database waits. */
#define TURN_MS 200

/* For so long we believe that the server can start no more processes. */
#define CROWDED_MS 2000

/* How long a worker waits for a job: one of several, and the last one. */
#define SPARE_MS 5000
#define ALONE_MS 60000

/* After how long it sends its statistics. */
#define REPORT_MS 1000

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_STARTING, /* has a job, and a process on its way */
	SLOT_IDLE,
	SLOT_BUSY,
	SLOT_DONE, /* a result to be collected */
} SlotState;

typedef struct PoolSlot
{
	SlotState state;
	uint32 generation; /* of the worker, so that a late one finds out */
	Oid database;
	int client;		/* its scheduler; -1: that is gone */
	bool leaves;	/* when its job is over */
	bool gone;		/* it has left; the result is still here */
	bool gives_way; /* its job was cancelled */
	pid_t pid;
	Latch *latch;
	TimestampTz entered_at;
	TimestampTz given_at;
	PoolJob job;
	JobResult result;
} PoolSlot;

/* A scheduler. */
typedef struct PoolClient
{
	Oid database; /* InvalidOid: none */
	Latch *latch;
	uint64 ticket; /* waits for a slot, since; 0: does not */
} PoolClient;

typedef struct Pool
{
	LWLock *lock; /* of all that follows */
	uint64 last_ticket;
	int nprocesses;			   /* that the server can start, ... */
	TimestampTz crowded_until; /* ... as far as we know, until then */
	PoolSlot slots[POOL_SLOTS];
	int nclients;
	PoolClient clients[FLEXIBLE_ARRAY_MEMBER];
} Pool;

static Pool *pool = NULL;

/* Of a scheduler: who it is, and the workers it has started. */
static int my_client = -1;
static BackgroundWorkerHandle *handles[POOL_SLOTS];

/* Of a worker. */
static int my_slot = -1;

/* ---- shared memory ---- */

static Size
pool_size(void)
{
	return add_size(offsetof(Pool, clients),
					mul_size(sizeof(PoolClient), Max(max_worker_processes, 1)));
}

static void
pool_start(void *memory, LWLock *lock)
{
	Pool *new = memory;

	new->lock = lock;
	new->nclients = Max(max_worker_processes, 1);
}

static const SharedPart part = {
	.name = "pg_trickle pool",
	.size = pool_size,
	.init = pool_start,
	.where = (void **) &pool,
};

/*
 * Ask for shared memory.
 */
void
pgt_pool_init(void)
{
	pgt_register_shared(&part);
}

/* ---- counting; the caller holds the lock ---- */

/* The workers of a database that are to stay. */
static int
staying(Oid database)
{
	int n = 0;

	for (int i = 0; i < POOL_SLOTS; i++)
	{
		const PoolSlot *slot = &pool->slots[i];

		n += slot->state != SLOT_FREE && !slot->leaves &&
			 slot->database == database;
	}

	return n;
}

static int
taken(bool but_leaving)
{
	int n = 0;

	for (int i = 0; i < POOL_SLOTS; i++)
	{
		const PoolSlot *slot = &pool->slots[i];

		n += slot->state != SLOT_FREE && !(but_leaving && slot->leaves);
	}

	return n;
}

static int
waiting(void)
{
	int n = 0;

	for (int i = 0; i < pool->nclients; i++)
		n += pool->clients[i].ticket != 0;

	return n;
}

/* Somebody may get a slot now. */
static void
wake_waiting(void)
{
	for (int i = 0; i < pool->nclients; i++)
	{
		if (pool->clients[i].ticket != 0)
			SetLatch(pool->clients[i].latch);
	}
}

/* ---- who gets a worker ---- */

static bool
is_crowded(void)
{
	int64 left = pool->crowded_until - GetCurrentTimestamp();

	/* More than that is left if the clock was set back. */
	return left > 0 && left <= CROWDED_MS * INT64CONST(1000);
}

/* How many workers there can be; the server may have less room than we may. */
static int
places(void)
{
	if (is_crowded())
		return Min(pgt_max_refresh_workers, pool->nprocesses);

	return pgt_max_refresh_workers;
}

/* Is another database to have the next free slot? */
static bool
another_comes_first(const PoolClient *client)
{
	int own = staying(client->database);

	for (int i = 0; i < pool->nclients; i++)
	{
		const PoolClient *other = &pool->clients[i];
		int theirs;

		if (other->ticket == 0 || other == client)
			continue;
		theirs = staying(other->database);
		if (theirs < own ||
			(theirs == own &&
			 (client->ticket == 0 || other->ticket < client->ticket)))
			return true;
	}

	return false;
}

/* Has a database so many workers that it is to leave one to others? */
static bool
has_too_many(Oid database)
{
	int own = staying(database);

	for (int i = 0; i < pool->nclients; i++)
	{
		const PoolClient *other = &pool->clients[i];
		int theirs;

		if (other->ticket == 0 || other->database == database)
			continue;
		theirs = staying(other->database);
		if (theirs == 0 || theirs + 2 <= own)
			return true;
	}

	return false;
}

/* Are there less places, free or soon free, than databases that wait? */
static bool
places_are_short(void)
{
	return places() - taken(true) < waiting();
}

static void
send_away(PoolSlot *slot)
{
	slot->leaves = true;
	if (slot->latch != NULL)
		SetLatch(slot->latch);
}

/* An idle worker of another database makes room for ours. */
static void
send_idle_away(Oid but_not)
{
	for (int i = 0; i < POOL_SLOTS && places_are_short(); i++)
	{
		PoolSlot *slot = &pool->slots[i];

		if (slot->state == SLOT_IDLE && !slot->leaves &&
			slot->database != but_not)
			send_away(slot);
	}
}

/* ---- schedulers ---- */

/* The worker is gone, and nobody wants to know its result. */
static void
free_slot(PoolSlot *slot)
{
	slot->state = SLOT_FREE;
	slot->generation++;
	slot->database = InvalidOid;
	slot->client = -1;
	slot->pid = 0;
	slot->latch = NULL;
	slot->leaves = slot->gone = slot->gives_way = false;
	wake_waiting();
}

/* The scheduler exits: its workers end what they do and leave. */
static void
leave_pool(int code, Datum arg)
{
	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	for (int i = 0; i < POOL_SLOTS; i++)
	{
		PoolSlot *slot = &pool->slots[i];

		if (slot->state == SLOT_FREE || slot->client != my_client)
			continue;
		if (slot->state == SLOT_STARTING || slot->gone)
			free_slot(slot); /* one that starts finds out */
		else
		{
			slot->client = -1;
			send_away(slot);
		}
	}
	memset(&pool->clients[my_client], 0, sizeof(PoolClient));
	wake_waiting();
	LWLockRelease(pool->lock);
}

/*
 * See pool.h.
 */
void
pgt_pool_join(void)
{
	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	for (int i = 0; i < pool->nclients && my_client < 0; i++)
	{
		PoolClient *client = &pool->clients[i];

		if (OidIsValid(client->database))
			continue;
		client->database = MyDatabaseId;
		client->latch = MyLatch;
		client->ticket = 0;
		my_client = i;
	}
	LWLockRelease(pool->lock);
	if (my_client < 0)
		elog(ERROR, "more schedulers than worker processes");

	before_shmem_exit(leave_pool, (Datum) 0);
}

static bool
is_mine(const PoolSlot *slot)
{
	return slot->state != SLOT_FREE && slot->client == my_client;
}

static bool
is_idle(const PoolSlot *slot)
{
	return is_mine(slot) && slot->state == SLOT_IDLE && !slot->leaves;
}

/* The preferred one, else the one that was busy last: its caches are warm. */
static int
find_idle(int preferred)
{
	int best = -1;

	if (preferred >= 0 && is_idle(&pool->slots[preferred]))
		return preferred;

	for (int i = 0; i < POOL_SLOTS; i++)
	{
		if (is_idle(&pool->slots[i]) &&
			(best < 0 ||
			 pool->slots[i].given_at > pool->slots[best].given_at))
			best = i;
	}

	return best;
}

/* Not the places that are not used. */
static void
copy_job(PoolJob *to, const PoolJob *from)
{
	to->n = from->n;
	to->drained_only = from->drained_only;
	memcpy(to->pgt_ids, from->pgt_ids, sizeof(int64) * from->n);
	strlcpy(to->reason, from->reason, sizeof(to->reason));
	to->nerrors = from->nerrors;
	to->cycle_id = from->cycle_id;
}

static void
put_job(PoolSlot *slot, const PoolJob *job, SlotState state)
{
	copy_job(&slot->job, job);
	slot->given_at = GetCurrentTimestamp();
	slot->gives_way = false;
	slot->state = state;
}

/* Whoever came after us may have a slot now, if there is one more. */
static void
give_ticket_back(PoolClient *client)
{
	if (client->ticket == 0)
		return;

	client->ticket = 0;
	wake_waiting();
}

/* A free slot for a new worker, or -1: then we wait for one. */
static int
take_free(const PoolJob *job)
{
	PoolClient *client = &pool->clients[my_client];

	if (taken(false) < places() && !another_comes_first(client))
	{
		for (int i = 0; i < POOL_SLOTS; i++)
		{
			PoolSlot *slot = &pool->slots[i];

			if (slot->state != SLOT_FREE)
				continue;
			slot->database = MyDatabaseId;
			slot->client = my_client;
			put_job(slot, job, SLOT_STARTING);
			give_ticket_back(client);
			return i;
		}
	}

	if (client->ticket == 0)
		client->ticket = ++pool->last_ticket;
	send_idle_away(MyDatabaseId);
	return -1;
}

/*
 * The server could not start the process: make do with those that run.  If
 * none does, one that has left its slot may not be quite gone.
 */
static void
note_crowded(int number)
{
	PoolClient *client = &pool->clients[my_client];

	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	free_slot(&pool->slots[number]);
	pool->nprocesses = Max(taken(false), 1);
	pool->crowded_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													  CROWDED_MS);
	if (client->ticket == 0)
		client->ticket = ++pool->last_ticket;
	send_idle_away(MyDatabaseId);
	LWLockRelease(pool->lock);
}

/* Start the process of a slot that we have taken; false: there is no room. */
static bool
start_worker(int number)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS |
					 BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_notify_pid = MyProcPid,
		.bgw_main_arg = Int32GetDatum(number),
	};
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
	bool started;

	strlcpy(worker.bgw_name, "pg_trickle refresh worker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "pg_trickle refresh worker", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "pg_trickle",
			sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "pgt_worker_main",
			sizeof(worker.bgw_function_name));
	memcpy(worker.bgw_extra, &pool->slots[number].generation, sizeof(uint32));
	if (handles[number] != NULL)
		pfree(handles[number]);
	handles[number] = NULL;
	started = RegisterDynamicBackgroundWorker(&worker, &handles[number]);
	MemoryContextSwitchTo(before);
	return started;
}

/*
 * See pool.h.
 */
int
pgt_pool_give(const PoolJob *job, int preferred, bool may_start)
{
	int number;
	bool is_new = false;

	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	number = find_idle(preferred);
	if (number >= 0)
	{
		put_job(&pool->slots[number], job, SLOT_BUSY);
		SetLatch(pool->slots[number].latch);
	}
	else if (may_start)
	{
		number = take_free(job);
		is_new = number >= 0;
	}
	LWLockRelease(pool->lock);

	if (is_new && !start_worker(number))
	{
		note_crowded(number);
		return POOL_NO_PROCESS;
	}
	return number;
}

/*
 * See pool.h.
 */
bool
pgt_pool_has_place(void)
{
	bool has;

	LWLockAcquire(pool->lock, LW_SHARED);
	has = taken(false) < places() &&
		  !another_comes_first(&pool->clients[my_client]);
	LWLockRelease(pool->lock);
	return has;
}

/*
 * See pool.h.
 */
TimestampTz
pgt_pool_crowded_until(void)
{
	TimestampTz until;

	LWLockAcquire(pool->lock, LW_SHARED);
	until = is_crowded() ? pool->crowded_until : DT_NOEND;
	LWLockRelease(pool->lock);

	return until;
}

/* Has the process of a slot exited before it took it up? */
static bool
never_came(int number)
{
	pid_t pid;

	return pool->slots[number].state == SLOT_STARTING &&
		   handles[number] != NULL &&
		   GetBackgroundWorkerPid(handles[number], &pid) == BGWH_STOPPED;
}

/*
 * See pool.h.
 */
int
pgt_pool_collect(JobResult *result)
{
	int found = -1;

	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	for (int i = 0; i < POOL_SLOTS && found < 0; i++)
	{
		PoolSlot *slot = &pool->slots[i];

		if (!is_mine(slot))
			continue;
		if (never_came(i))
		{
			result->outcome = JOB_LOST;
			free_slot(slot);
			found = i;
		}
		else if (slot->state == SLOT_DONE)
		{
			*result = slot->result;
			found = i;
			slot->state = SLOT_IDLE;
			if (slot->gone)
				free_slot(slot);
		}
	}
	LWLockRelease(pool->lock);

	return found;
}

/*
 * See pool.h.
 */
void
pgt_pool_rest(void)
{
	PoolClient *client = &pool->clients[my_client];

	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	give_ticket_back(client);
	for (int i = 0; i < POOL_SLOTS && places_are_short(); i++)
	{
		if (is_idle(&pool->slots[i]))
			send_away(&pool->slots[i]);
	}
	LWLockRelease(pool->lock);
}

/*
 * See pool.h.
 */
int
pgt_pool_workers(void)
{
	int n = 0;

	LWLockAcquire(pool->lock, LW_SHARED);
	for (int i = 0; i < POOL_SLOTS; i++)
		n += is_mine(&pool->slots[i]) && !pool->slots[i].leaves;
	LWLockRelease(pool->lock);

	return n;
}

static bool
is_running(const PoolSlot *slot)
{
	return slot->state == SLOT_STARTING || slot->state == SLOT_BUSY;
}

/* ---- workers ---- */

/* The process ends, well or not. */
static void
leave_slot(int code, Datum arg)
{
	PoolSlot *slot = &pool->slots[my_slot];

	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	if (slot->state == SLOT_BUSY)
	{
		slot->result.outcome = JOB_LOST;
		slot->state = SLOT_DONE;
	}
	slot->pid = 0;
	slot->latch = NULL;
	slot->gone = true;
	if (slot->client < 0 || slot->state != SLOT_DONE)
		free_slot(slot);
	else
		SetLatch(pool->clients[slot->client].latch);
	LWLockRelease(pool->lock);
}

/*
 * See pool.h.
 */
bool
pgt_pool_enter(int number, uint32 generation, Oid *database)
{
	PoolSlot *slot = &pool->slots[number];
	bool in_time;

	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	in_time = slot->state == SLOT_STARTING && slot->generation == generation;
	if (in_time)
	{
		*database = slot->database;
		slot->pid = MyProcPid;
		slot->latch = MyLatch;
		slot->entered_at = GetCurrentTimestamp();
		slot->state = SLOT_BUSY;
	}
	LWLockRelease(pool->lock);
	if (!in_time)
		return false;

	my_slot = number;
	before_shmem_exit(leave_slot, (Datum) 0);
	return true;
}

/* Between jobs: is somebody else to have this place? */
static bool
is_to_leave(const PoolSlot *slot)
{
	if (slot->leaves || slot->client < 0 ||
		taken(true) > pgt_max_refresh_workers)
		return true;

	return has_too_many(slot->database) && places_are_short() &&
		   TimestampDifferenceExceeds(slot->entered_at, GetCurrentTimestamp(),
									  TURN_MS);
}

/* Is there a job?  If not, and it is time to go, nobody may give one now. */
static bool
take_job(PoolSlot *slot, PoolJob *job, bool waited_enough)
{
	bool found = false;

	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	if (slot->state == SLOT_BUSY)
	{
		copy_job(job, &slot->job);
		QueryCancelPending = false; /* meant for the job before */
		found = true;
	}
	else if (waited_enough || is_to_leave(slot))
		slot->leaves = true;
	LWLockRelease(pool->lock);

	return found;
}

/* Is this the only worker of its database?  Then it stays for longer. */
static bool
is_last(const PoolSlot *slot)
{
	bool last;

	LWLockAcquire(pool->lock, LW_SHARED);
	last = staying(slot->database) <= 1;
	LWLockRelease(pool->lock);

	return last;
}

/* Sleep until something happens, for "timeout" ms at most. */
static void
sleep_for(long timeout)
{
	(void) WaitLatch(MyLatch,
					 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 timeout, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	pgt_handle_interrupts();
}

/*
 * See pool.h.  Statistics are sent once a second at most; before a longer
 * rest they are sent in any case.
 */
bool
pgt_pool_next(PoolJob *job)
{
	PoolSlot *slot = &pool->slots[my_slot];
	TimestampTz since = GetCurrentTimestamp();
	long waited = 0;
	bool reported = false;

	pgt_handle_interrupts();
	for (;;)
	{
		long patience = is_last(slot) ? ALONE_MS : SPARE_MS;

		if (take_job(slot, job, waited >= patience))
			return true;
		if (slot->leaves)
			return false;

		if (waited >= REPORT_MS && !reported)
		{
			pgstat_report_stat(true);
			reported = true;
		}
		sleep_for((reported ? patience : REPORT_MS) - waited);
		waited = TimestampDifferenceMilliseconds(since, GetCurrentTimestamp());
	}
}

/*
 * See pool.h.
 */
void
pgt_pool_finish(const JobResult *result)
{
	PoolSlot *slot = &pool->slots[my_slot];

	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	slot->result = *result;
	slot->state = SLOT_DONE;
	slot->leaves |= is_to_leave(slot);
	if (slot->client >= 0)
		SetLatch(pool->clients[slot->client].latch);
	LWLockRelease(pool->lock);
}

/*
 * See pool.h.
 */
bool
pgt_pool_gave_way(void)
{
	return pool->slots[my_slot].gives_way;
}

/* ---- others ---- */

/*
 * See pool.h.
 */
void
pgt_pool_stop_database(Oid database)
{
	if (pool == NULL)
		return;

	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	for (int i = 0; i < POOL_SLOTS; i++)
	{
		PoolSlot *slot = &pool->slots[i];

		if (slot->state == SLOT_FREE || slot->database != database)
			continue;
		if (slot->pid != 0)
			kill(slot->pid, SIGTERM);
		else if (slot->state == SLOT_STARTING)
			free_slot(slot); /* the process finds out */
	}
	LWLockRelease(pool->lock);
}

/*
 * See pool.h.
 */
int
pgt_pool_running(Oid database)
{
	int n = 0;

	if (pool == NULL)
		return 0;

	LWLockAcquire(pool->lock, LW_SHARED);
	for (int i = 0; i < POOL_SLOTS; i++)
		n += pool->slots[i].database == database &&
			 is_running(&pool->slots[i]);
	LWLockRelease(pool->lock);

	return n;
}

/*
 * See pool.h.
 */
void
pgt_pool_cancel(pid_t pid)
{
	LWLockAcquire(pool->lock, LW_EXCLUSIVE);
	for (int i = 0; i < POOL_SLOTS; i++)
	{
		PoolSlot *slot = &pool->slots[i];

		if (slot->state != SLOT_BUSY || slot->pid != pid || slot->gives_way)
			continue;
		slot->gives_way = true;
		kill(pid, SIGINT);
	}
	LWLockRelease(pool->lock);
}

/*
 * See pool.h.
 */
int
pgt_pool_jobs(RunningJob *jobs)
{
	int n = 0;

	LWLockAcquire(pool->lock, LW_SHARED);
	for (int i = 0; i < POOL_SLOTS; i++)
	{
		const PoolSlot *slot = &pool->slots[i];

		if (is_running(slot))
			jobs[n++] = (RunningJob){
				.database = slot->database,
				.pid = slot->pid,
				.pgt_id = slot->job.n > 0 ? slot->job.pgt_ids[0] : 0,
				.given_at = slot->given_at,
			};
	}
	LWLockRelease(pool->lock);

	return n;
}
