/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  How a transaction that changed something wakes the scheduler of its
 *	  database.
 *
 * A transaction collects, in its own memory, the logs it has written.  At its
 * commit it sets their bits in the slot of its database; whoever finds the
 * slot asleep sets the latch of the scheduler, once per batch.  No lock is
 * taken, so that commits do not wait for each other.
 *
 * Nothing is lost: the bits are set before "awake" is, and the scheduler
 * clears "awake" before it takes the bits.  So either it takes the bits now,
 * or "awake" is set again afterwards, and the latch with it.
 *
 * A scheduler that knows of changes of a log already, and can do nothing about
 * them yet, is not woken by more of them: the log's bit in "quiet" is set, and
 * its bit in "logs" is set all the same.  Before the scheduler sleeps it says
 * what is quiet, and then looks for bits of what is not.  So either it sees a
 * bit that was set before, or whoever sets it sees that it is wanted.
 *
 * The commit is visible to new snapshots when XACT_EVENT_COMMIT is called, so
 * a refresh that starts from it sees the rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/twophase.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "storage/latch.h"
#include "storage/shmem.h"

#include "pg_trickle/change_clock.h"
#include "pg_trickle/shared.h"
#include "pg_trickle/wake.h"

/* One per database that has a scheduler. */
typedef struct WakeSlot
{
	Oid database; /* InvalidOid: nobody listens */
	pg_atomic_uint32 awake;
	pg_atomic_uint32 events;
	pg_atomic_uint64 logs[WAKE_WORDS];
	pg_atomic_uint64 quiet[WAKE_WORDS]; /* these logs wake nobody */
	Latch *latch;						/* of a PGPROC, which never goes away */
} WakeSlot;

typedef struct WakeShared
{
	LWLock *lock; /* exclusive to take or leave a slot */
	int nslots;
	WakeSlot slots[FLEXIBLE_ARRAY_MEMBER];
} WakeShared;

static WakeShared *shared = NULL;

/* What the running transaction will say. */
static WakeUp own;
static bool own_any = false;

/* Of this database, where it was last; a hint. */
static int slot_hint = 0;

/* A database has one scheduler, and each is a background worker. */
static int
slots_wanted(void)
{
	return Max(max_worker_processes, 1);
}

static Size
shared_size(void)
{
	return add_size(offsetof(WakeShared, slots),
					mul_size(sizeof(WakeSlot), slots_wanted()));
}

static void
shared_start(void *memory, LWLock *lock)
{
	WakeShared *new = memory;

	new->lock = lock;
	new->nslots = slots_wanted();
	for (int i = 0; i < new->nslots; i++)
	{
		WakeSlot *slot = &new->slots[i];

		pg_atomic_init_u32(&slot->awake, 0);
		pg_atomic_init_u32(&slot->events, 0);
		for (int j = 0; j < WAKE_WORDS; j++)
		{
			pg_atomic_init_u64(&slot->logs[j], 0);
			pg_atomic_init_u64(&slot->quiet[j], 0);
		}
	}
}

static const SharedPart part = {
	.name = "pg_trickle wake",
	.size = shared_size,
	.init = shared_start,
	.where = (void **) &shared,
};

/* The slot of a database, or NULL; it may be left at any time. */
static WakeSlot *
find_slot(Oid database)
{
	if (shared->slots[slot_hint].database == database)
		return &shared->slots[slot_hint];

	for (int i = 0; i < shared->nslots; i++)
	{
		if (shared->slots[i].database == database)
		{
			slot_hint = i;
			return &shared->slots[i];
		}
	}

	return NULL;
}

static bool
is_wanted(WakeSlot *slot, const WakeUp *what)
{
	if (what->events != 0)
		return true;

	for (int i = 0; i < WAKE_WORDS; i++)
	{
		if (what->logs[i] != 0 &&
			(what->logs[i] & ~pg_atomic_read_u64(&slot->quiet[i])) != 0)
			return true;
	}

	return false;
}

/* Bits that are set already are only read: the cache line stays shared. */
static void
publish(WakeSlot *slot, const WakeUp *what)
{
	if ((pg_atomic_read_u32(&slot->events) & what->events) != what->events)
		pg_atomic_fetch_or_u32(&slot->events, what->events);
	for (int i = 0; i < WAKE_WORDS; i++)
	{
		if ((pg_atomic_read_u64(&slot->logs[i]) & what->logs[i]) !=
			what->logs[i])
			pg_atomic_fetch_or_u64(&slot->logs[i], what->logs[i]);
	}
	pg_memory_barrier();
	if (is_wanted(slot, what) &&
		pg_atomic_exchange_u32(&slot->awake, 1) == 0)
	{
		Latch *latch = slot->latch;

		if (latch != NULL)
			SetLatch(latch);
	}
}

static void
say_own(void)
{
	WakeSlot *slot = find_slot(MyDatabaseId);

	if (slot != NULL)
		publish(slot, &own);
}

/*
 * The apply worker commits prepared transactions without a command; what
 * those wrote, it does not know.  Its own transaction has no xid then.
 */
static bool
may_commit_prepared(void)
{
	return max_prepared_xacts > 0 && IsLogicalWorker() &&
		   !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && may_commit_prepared())
		pgt_wake_for(WAKE_ALL);
	if (!own_any)
		return;

	if (event == XACT_EVENT_COMMIT)
	{
		pgt_note_change_time(&own);
		say_own();
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
	{
		memset(&own, 0, sizeof(own));
		own_any = false;
	}
}

/*
 * Ask for shared memory and register for the ends of transactions.
 */
void
pgt_wake_init(void)
{
	pgt_register_shared(&part);
	if (process_shared_preload_libraries_in_progress)
		RegisterXactCallback(at_end_of_transaction, NULL);
}

/*
 * This transaction, if it commits, leaves new rows in that log.
 */
void
pgt_wake_for_log(int64 track_id)
{
	uint64 bit = (uint64) track_id % WAKE_BITS;

	if (shared == NULL)
		return;

	own.logs[bit / 64] |= UINT64CONST(1) << (bit % 64);
	own_any = true;
}

/*
 * This transaction, if it commits, leaves such events (WAKE_...).
 */
void
pgt_wake_for(uint32 events)
{
	if (shared == NULL)
		return;

	own.events |= events;
	own_any = true;
}

/*
 * Wake the scheduler of a database now, or all with InvalidOid.
 */
void
pgt_wake_now(Oid database, uint32 events)
{
	WakeUp what = {.events = events};

	if (shared == NULL)
		return;

	for (int i = 0; i < shared->nslots; i++)
	{
		WakeSlot *slot = &shared->slots[i];

		if (OidIsValid(slot->database) &&
			(!OidIsValid(database) || slot->database == database))
			publish(slot, &what);
	}
}

/*
 * See to it that the readers of a log are refreshed now.
 */
void
pgt_wake_log_now(int64 track_id)
{
	uint64 bit = (uint64) track_id % WAKE_BITS;
	WakeUp what = {0};
	WakeSlot *slot;

	if (shared == NULL)
		return;

	what.logs[bit / 64] = UINT64CONST(1) << (bit % 64);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL)
		publish(slot, &what);
}

/*
 * Is there a scheduler of this database?  It may leave at any time.
 */
bool
pgt_wake_is_heard(void)
{
	return shared != NULL && find_slot(MyDatabaseId) != NULL;
}

static WakeSlot *
take_slot(void)
{
	WakeSlot *slot = find_slot(MyDatabaseId);

	if (slot == NULL)
		slot = find_slot(InvalidOid);
	if (slot == NULL)
		return NULL;

	slot->latch = MyLatch;
	for (int i = 0; i < WAKE_WORDS; i++)
		pg_atomic_write_u64(&slot->quiet[i], 0);
	pg_atomic_write_u32(&slot->events, WAKE_CATALOG | WAKE_ALL);
	pg_atomic_write_u32(&slot->awake, 1);
	pg_write_barrier();
	slot->database = MyDatabaseId;
	return slot;
}

/*
 * Become who is woken for this database; it has to look at everything first,
 * and is told so.  False if there is no room.
 */
bool
pgt_wake_attach(void)
{
	WakeSlot *slot;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = take_slot();
	LWLockRelease(shared->lock);

	return slot != NULL;
}

/*
 * Leave the slot of this database.
 */
void
pgt_wake_detach(void)
{
	WakeSlot *slot;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL && slot->latch == MyLatch)
	{
		slot->database = InvalidOid;
		slot->latch = NULL;
	}
	LWLockRelease(shared->lock);
}

/*
 * What happened since the last call, quiet or not; false if nothing did.
 */
bool
pgt_wake_take(WakeUp *what)
{
	WakeSlot *slot = find_slot(MyDatabaseId);
	bool any;

	memset(what, 0, sizeof(*what));
	if (slot == NULL)
		return false;

	any = pg_atomic_exchange_u32(&slot->awake, 0) != 0;
	what->events = pg_atomic_exchange_u32(&slot->events, 0);
	for (int i = 0; i < WAKE_WORDS; i++)
	{
		if (pg_atomic_read_u64(&slot->logs[i]) == 0)
			continue;
		what->logs[i] = pg_atomic_exchange_u64(&slot->logs[i], 0);
		any = true;
	}
	return any;
}

/*
 * From now on these logs wake nobody.  To be called before sleeping: true if
 * there is something to take that is not quiet.
 */
bool
pgt_wake_listen(const uint64 *quiet)
{
	WakeSlot *slot = find_slot(MyDatabaseId);
	bool any;

	if (slot == NULL)
		return false;

	for (int i = 0; i < WAKE_WORDS; i++)
	{
		if (pg_atomic_read_u64(&slot->quiet[i]) != quiet[i])
			pg_atomic_write_u64(&slot->quiet[i], quiet[i]);
	}
	pg_memory_barrier();
	any = pg_atomic_read_u32(&slot->awake) != 0;
	for (int i = 0; i < WAKE_WORDS; i++)
		any |= (pg_atomic_read_u64(&slot->logs[i]) & ~quiet[i]) != 0;
	return any;
}
