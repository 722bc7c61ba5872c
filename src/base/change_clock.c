/*-------------------------------------------------------------------------
 *
 * change_clock.c
 *	  When were changes committed, to two seconds?
 *
 * A log row has the id of its transaction, and no time.  So shared memory
 * keeps, for each log, the last few periods in which transactions that wrote
 * it were committed less than two seconds apart:
 *
 *			11:00:01 .. 11:04:59	busy
 *			12:30:00 .. 12:30:00	one transaction
 *
 * A stream table that was refreshed at 12:00, and for which changes wait, waits
 * for them since 12:30, not since 12:00.  One that was refreshed at 11:03 may
 * wait since 11:03: there was a change every two seconds.
 *
 * The answer may be too early: logs may share an entry, old periods are run
 * together, and what was before the server started, or became the primary, is
 * not known.  It is too late by no more than a backend that has committed needs
 * to say so.
 *
 * A commit writes one number of the entry; a spinlock is taken by the first
 * after two seconds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "pg_trickle/change_clock.h"
#include "pg_trickle/shared.h"

#define NPERIODS 8
#define GAP (2 * USECS_PER_SEC) /* that divides them */

typedef struct Period
{
	TimestampTz start;
	TimestampTz end;
} Period;

typedef struct ChangeTimes
{
	slock_t mutex;
	pg_atomic_uint64 last; /* commit, which ends the last period */
	int n;
	Period periods[NPERIODS]; /* the oldest first */
} ChangeTimes;

typedef struct ClockShared
{
	pg_atomic_uint64 known_since; /* 0: not yet */
	ChangeTimes any;			  /* of transactions that do not say which */
	ChangeTimes logs[WAKE_BITS];
} ClockShared;

static ClockShared *shared = NULL;

static Size
shared_size(void)
{
	return sizeof(ClockShared);
}

static void
init_times(ChangeTimes *times)
{
	SpinLockInit(&times->mutex);
	pg_atomic_init_u64(&times->last, 0);
}

static void
shared_start(void *memory, LWLock *lock)
{
	ClockShared *new = memory;

	pg_atomic_init_u64(&new->known_since, 0);
	init_times(&new->any);
	for (int i = 0; i < WAKE_BITS; i++)
		init_times(&new->logs[i]);
}

static const SharedPart part = {
	.name = "pg_trickle change clock",
	.size = shared_size,
	.init = shared_start,
	.where = (void **) &shared,
};

void
pgt_change_clock_init(void)
{
	pgt_register_shared(&part);
}

/* ---- commits ---- */

/* From the first commit, or the first question, on the clock is complete. */
static TimestampTz
known_since(TimestampTz now)
{
	uint64 unknown = 0;

	if (pg_atomic_read_u64(&shared->known_since) == 0 &&
		!RecoveryInProgress())
		pg_atomic_compare_exchange_u64(&shared->known_since, &unknown,
									   (uint64) now);
	return (TimestampTz) pg_atomic_read_u64(&shared->known_since);
}

static void
begin_period(ChangeTimes *times, TimestampTz now)
{
	if (times->n == NPERIODS)
	{
		times->periods[0].end = times->periods[1].end;
		memmove(&times->periods[1], &times->periods[2],
				sizeof(Period) * (NPERIODS - 2));
		times->n--;
	}
	times->periods[times->n++] = (Period){.start = now, .end = now};
}

/* The last period ends now, or another one begins. */
static void
note(ChangeTimes *times, TimestampTz now)
{
	uint64 last = pg_atomic_read_u64(&times->last);

	if (now > (TimestampTz) last + GAP)
	{
		SpinLockAcquire(&times->mutex);
		last = pg_atomic_read_u64(&times->last);
		if (times->n > 0)
			times->periods[times->n - 1].end = (TimestampTz) last;
		if (now > (TimestampTz) last + GAP)
			begin_period(times, now);
		SpinLockRelease(&times->mutex);
	}

	while ((TimestampTz) last < now &&
		   !pg_atomic_compare_exchange_u64(&times->last, &last, (uint64) now))
		;
}

/* Databases share the entries; what they are numbered by, they do not. */
static ChangeTimes *
times_of(int bit)
{
	return &shared->logs[(bit + MyDatabaseId * 7919) % WAKE_BITS];
}

/*
 * See change_clock.h.  The time is that of now, not of the commit record: a
 * snapshot that does not see the transaction was taken before.
 */
void
pgt_note_change_time(const WakeUp *what)
{
	TimestampTz now;

	if (shared == NULL)
		return;

	now = GetCurrentTimestamp();
	(void) known_since(now);
	if (what->events & WAKE_ALL)
		note(&shared->any, now);
	for (int i = 0; i < WAKE_WORDS; i++)
	{
		uint64 bits = what->logs[i];

		for (; bits != 0; bits &= bits - 1)
			note(times_of(i * 64 + pg_rightmost_one_pos64(bits)), now);
	}
}

/* ---- questions ---- */

/* The first possible commit after "since"; DT_NOEND: there was none. */
static TimestampTz
first_after(ChangeTimes *times, TimestampTz since)
{
	TimestampTz first = DT_NOEND;

	SpinLockAcquire(&times->mutex);
	if (times->n > 0)
		times->periods[times->n - 1].end =
			(TimestampTz) pg_atomic_read_u64(&times->last);
	for (int i = 0; i < times->n && TIMESTAMP_IS_NOEND(first); i++)
	{
		if (times->periods[i].end >= since)
			first = Max(times->periods[i].start, since);
	}
	SpinLockRelease(&times->mutex);
	return first;
}

/*
 * See change_clock.h.
 */
TimestampTz
pgt_first_change(int64 track_id, TimestampTz since)
{
	TimestampTz complete;
	TimestampTz first;

	if (shared == NULL)
		return since;
	complete = known_since(GetCurrentTimestamp());
	if (complete == 0 || since < complete)
		return since;

	first = Min(first_after(times_of((uint64) track_id % WAKE_BITS), since),
				first_after(&shared->any, since));

	/* Committed, but its backend has not got round to saying so. */
	return TIMESTAMP_IS_NOEND(first) ? since : first;
}
