/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *	  The scheduler of a database: gives workers what is due.
 *
 *		collect		what workers have finished
 *		take		what commits have told
 *		dispatch	what is due now, as far as there are workers
 *		tidy up		when logs were written that nobody has read since
 *		sleep		until a commit, a worker, or the next due time
 *
 * Which stream tables are due is due.c's business, who gets a worker pool.c's.
 * A scheduler with nothing to do sleeps without a timeout, holds no lock and
 * is in no transaction.  README argues that nothing is forgotten.
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
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg_trickle/launcher.h"
#include "pg_trickle/pool.h"
#include "pg_trickle/scheduler.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/wake.h"

#define MS INT64CONST(1000)
#define SECOND (1000 * MS)

/*
 * How long a job may wait for a worker that is busy; then another process is
 * started, which takes about as long.
 */
#define PATIENCE (20 * MS)

/* At most so often are writers asked what they changed. */
#define TAKE_PAUSE (2 * MS)

/*
 * After the server could not start a process: at first it may merely not have
 * noticed yet that one has ended.
 */
#define FIRST_START_PAUSE (20 * MS)
#define START_PAUSE SECOND

/* The model is not read more often without need. */
#define RELOAD_PAUSE SECOND

/* Logs that are written and not read are looked after so often. */
#define TIDY_PAUSE (60 * SECOND)

/* Segments that refreshes have drained are emptied so often. */
#define EMPTY_PAUSE (250 * MS)

/* The longest wait after something was in the way. */
#define LONGEST_POSTPONE (30 * SECOND)

/* The clock of the server may be set: look at it once in a while. */
#define LONGEST_SLEEP (300 * SECOND)

/* The stream tables that the worker in a slot is refreshing. */
typedef struct Given
{
	int n;
	int64 pgt_ids[JOB_MEMBERS];
} Given;

static Model *model = NULL;
static Given *given; /* by slot */
static MemoryContext round_memory;

static TimestampTz now;
static int64 cycle_id = 0; /* counts the rounds that had something to give */
static TimestampTz taken_at = DT_NOBEGIN;
static TimestampTz reload_at = DT_NOEND;
static TimestampTz queued_since = DT_NOEND; /* jobs that have no worker */
static TimestampTz start_at = DT_NOBEGIN;	/* no process before */
static int nrefused = 0;					/* in a row, by the server */
static bool written = false;				/* logs, since the last look */
static TimestampTz tidy_at = DT_NOEND;		/* written, and no worker there */
static TimestampTz empty_at = DT_NOEND;		/* segments, for refreshes */
static bool resting = false;				/* gives nothing any more */

/* ---- time ---- */

/*
 * The clock of the server may have been set back: then nothing waits until it
 * shows again what it has shown before.
 */
static void
look_at_clock(void)
{
	TimestampTz before = now;

	now = GetCurrentTimestamp();
	if (now >= before)
		return;

	pgt_note_clock(&model->due, now);
	taken_at = start_at = DT_NOBEGIN;
	if (reload_at != DT_NOEND)
		reload_at = now;
	if (queued_since != DT_NOEND)
		queued_since = now;
	if (tidy_at != DT_NOEND)
		tidy_at = Min(tidy_at, now + TIDY_PAUSE);
	if (empty_at != DT_NOEND)
		empty_at = Min(empty_at, now + EMPTY_PAUSE);
}

/* ---- collect ---- */

/* It is dirty again, and no failure of its own. */
static void
postpone(int i, int64 wait)
{
	DueNode *node = &model->due.nodes[i];
	int nerrors = node->consecutive_errors;

	pgt_note_failed(&model->due, i, now);
	node->consecutive_errors = nerrors;
	node->retry_at = now + wait;
	model->streams[i].postponed_until = node->retry_at;
}

static void
note_result(int i, const JobResult *result, const RefreshOutcome *outcome)
{
	StreamNode *stream = &model->streams[i];

	switch (result->outcome)
	{
		case JOB_DONE:
			stream->is_populated = true;
			stream->npostponed = 0;
			stream->postponed_until = DT_NOBEGIN;
			model->due.nodes[i].recomputed = outcome->recomputed;
			pgt_note_finished(&model->due, i, now, outcome->changed);
			break;
		case JOB_POSTPONED:
			stream->npostponed++;
			postpone(i, Min(pgt_backoff(SECOND, stream->npostponed),
							LONGEST_POSTPONE));
			break;
		case JOB_FAILED:
			pgt_note_failed(&model->due, i, now);
			model->due.nodes[i].retry_at = result->retry_at;
			break;
		case JOB_LOST:
			postpone(i, START_PAUSE);
			break;
	}
}

static bool
collect(void)
{
	JobResult result;
	bool any = false;
	int slot;

	while ((slot = pgt_pool_collect(&result)) >= 0)
	{
		for (int m = 0; m < given[slot].n; m++)
		{
			int i = pgt_model_find(model, given[slot].pgt_ids[m]);

			if (i >= 0)
				note_result(i, &result, &result.members[m]);
		}
		given[slot].n = 0;
		any = true;
	}

	return any;
}

/* ---- take ---- */

/* The catalog may vanish while it is read. */
static void
read_model(void)
{
	PG_TRY();
	{
		model = pgt_load_model(model);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(round_memory);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		if (pgt_extension_exists())
			ReThrowError(error);
		model = NULL;
	}
	PG_END_TRY();
}

/* The end, if the extension is gone. */
static void
reload(void)
{
	read_model();
	if (model == NULL)
		pgt_scheduler_leave(EXIT_NO_EXTENSION);
	MemoryContextSwitchTo(round_memory);
	pgstat_report_stat(true);
	reload_at = DT_NOEND;
}

static void
reload_soon(void)
{
	reload_at = Min(reload_at, Max(now, model->due.loaded_at + RELOAD_PAUSE));
}

/* Returns whether all bits were of logs that somebody reads. */
static bool
note_changes(const WakeUp *what)
{
	WakeUp unknown = *what;
	bool known = true;

	for (int i = 0; i < model->due.nnodes; i++)
	{
		const StreamNode *stream = &model->streams[i];

		if (what->events & WAKE_ALL)
			pgt_note_dirty(&model->due, i, now);
		for (int t = 0; t < stream->ntracks; t++)
		{
			if (!pgt_wake_has_log(what, stream->tracks[t]))
				continue;
			pgt_note_dirty(&model->due, i, now);
			pgt_wake_clear_log(&unknown, stream->tracks[t]);
		}
	}

	for (int w = 0; w < WAKE_WORDS; w++)
		known &= unknown.logs[w] == 0;
	return known;
}

static bool
names_a_log(const WakeUp *what)
{
	uint64 any = what->events & WAKE_ALL;

	for (int w = 0; w < WAKE_WORDS; w++)
		any |= what->logs[w];
	return any != 0 && model->due.nnodes > 0;
}

/* What a restore was missing may be there now. */
static void
forget_postponements(void)
{
	for (int i = 0; i < model->due.nnodes; i++)
	{
		if (model->streams[i].npostponed == 0)
			continue;
		model->streams[i].postponed_until = DT_NOBEGIN;
		model->due.nodes[i].retry_at = DT_NOBEGIN;
	}
}

/*
 * Configuration first: it may tell what a bit means.  A bit that still means
 * nothing may be of a stream table that was restored, which nobody tells.
 */
static void
take(bool collected)
{
	WakeUp what;

	if (now < reload_at && !collected && now < taken_at + TAKE_PAUSE)
		return;

	memset(&what, 0, sizeof(what));
	if (pgt_wake_take(&what))
		taken_at = now;
	if ((what.events & WAKE_CATALOG) != 0 || now >= reload_at ||
		strcmp(model->timezone, pgt_timezone) != 0)
		reload();
	if (!note_changes(&what))
		reload_soon();
	written |= names_a_log(&what);
	if ((what.events & WAKE_DRAINED) != 0)
		empty_at = Min(empty_at, now + EMPTY_PAUSE);
	if ((what.events & WAKE_PARTS) != 0)
	{
		forget_postponements();
		reload_soon();
	}
}

/* ---- dispatch ---- */

static const char *
reason(int i)
{
	const StreamNode *stream = &model->streams[i];
	const DueNode *node = &model->due.nodes[i];

	if (!stream->is_populated)
		return "first fill";
	if (node->schedule.kind == SCHEDULE_CRON ||
		(node->schedule.kind == SCHEDULE_INTERVAL &&
		 node->schedule.seconds > 0))
		return psprintf("schedule %s", stream->schedule);

	return node->dirty ? "source changed" : "sources are not tracked";
}

static void
make_job(PoolJob *job, const int *members, int n)
{
	job->n = n;
	job->cycle_id = cycle_id;
	job->nerrors = 0;
	job->drained_only = false;
	for (int m = 0; m < n; m++)
	{
		const DueNode *node = &model->due.nodes[members[m]];

		job->pgt_ids[m] = node->pgt_id;
		job->nerrors = Max(job->nerrors, node->consecutive_errors);
	}
	strlcpy(job->reason, reason(members[n - 1]), sizeof(job->reason));
}

/* How long the rest would keep one worker busy, as far as we know. */
static int64
expected_work(const int *due, int ndue)
{
	int64 work = 0;

	for (int i = 0; i < ndue; i++)
	{
		const DueNode *node = &model->due.nodes[due[i]];

		work += node->last_end == DT_NOBEGIN ? PATIENCE :
											   node->last_duration_us;
	}

	return work;
}

/* A process costs more than a short wait for one that is busy. */
static bool
is_worth_a_process(const int *due, int ndue)
{
	if (now < start_at)
		return false;

	return pgt_pool_workers() == 0 ||
		   (queued_since != DT_NOEND && now >= queued_since + PATIENCE) ||
		   expected_work(due, ndue) > PATIENCE;
}

/* The server has no room for a process: if that lasts, say so once a minute. */
static void
note_no_process(void)
{
	static TimestampTz told_at = DT_NOBEGIN;
	int64 pause = pgt_backoff(FIRST_START_PAUSE, ++nrefused);

	start_at = now + Min(pause, START_PAUSE);
	if (pause < START_PAUSE || now < told_at + 60 * SECOND)
		return;

	told_at = now;
	ereport(LOG,
			errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			errmsg("could not start a refresh worker"),
			errdetail("The server runs as many worker processes as it may."),
			errhint("Raise max_worker_processes, or lower pg_trickle.max_refresh_workers."));
}

/* Returns whether a worker took it. */
static bool
give(const int *due, int ndue, int n)
{
	PoolJob job;
	int slot;

	make_job(&job, due, n);
	slot = pgt_pool_give(&job, model->streams[due[n - 1]].slot,
						 is_worth_a_process(due, ndue));
	if (slot == POOL_NO_PROCESS)
		note_no_process();
	if (slot < 0)
		return false;

	nrefused = 0;
	given[slot].n = n;
	memcpy(given[slot].pgt_ids, job.pgt_ids, sizeof(int64) * n);
	for (int m = 0; m < n; m++)
	{
		pgt_note_started(&model->due, due[m], now);
		model->streams[due[m]].slot = slot;
	}
	return true;
}

static int
give_maintenance(bool drained_only)
{
	PoolJob job = {.n = 0, .drained_only = drained_only};
	int slot = pgt_pool_give(&job, -1, pgt_pool_workers() == 0);

	if (slot == POOL_NO_PROCESS)
		note_no_process();
	if (slot >= 0)
		given[slot].n = 0;
	return slot;
}

/*
 * Logs grow also if whoever reads them is suspended, frozen or manual.  Every
 * worker looks after them before it leaves; if there is none, one comes for
 * that alone.
 */
static void
tidy_up(void)
{
	if (written && pgt_pool_workers() == 0)
		tidy_at = Min(tidy_at, now + TIDY_PAUSE);
	written = false;
	if (now < Max(tidy_at, start_at))
		return;

	if (pgt_pool_workers() == 0 && give_maintenance(false) < 0)
		tidy_at = now + TIDY_PAUSE;
	else
		tidy_at = DT_NOEND;
}

/*
 * What refreshes have asked for.  If all workers are busy, or places are short,
 * they do it themselves once it becomes urgent.
 */
static void
empty_segments(void)
{
	if (now < Max(empty_at, start_at))
		return;

	empty_at = DT_NOEND;
	if (pgt_pool_workers() > 0 || pgt_pool_has_place())
		(void) give_maintenance(true);
}

static void
dispatch(void)
{
	int *due = palloc(sizeof(int) * (model->due.nnodes + 1));
	int ndue = resting ? 0 : pgt_due_now(&model->due, now, due);
	int i = 0;

	cycle_id += ndue > 0;
	while (i < ndue)
	{
		int n = model->due.units[model->due.nodes[due[i]].unit].n;

		if (!give(&due[i], ndue - i, n))
			break;
		i += n;
	}

	if (i < ndue)
		queued_since = Min(queued_since, now);
	else
	{
		queued_since = DT_NOEND;
		if (!resting)
		{
			tidy_up();
			empty_segments();
		}
		pgt_pool_rest();
	}
}

/* ---- sleep ---- */

/* When there is something to do, if nothing happens. */
static TimestampTz
next_time(void)
{
	TimestampTz next = Min(reload_at, pgt_give_way(now));

	MemoryContextSwitchTo(round_memory);
	if (!resting)
		next = Min(next, pgt_next_due(&model->due, now));
	if (!resting && queued_since == DT_NOEND)
		next = Min(next, Max(Min(tidy_at, empty_at), start_at));
	if (queued_since != DT_NOEND)
	{
		TimestampTz start = Max(queued_since + PATIENCE, start_at);

		if (start > now)
			next = Min(next, start);
		next = Min(next, pgt_pool_crowded_until());
	}
	return next;
}

/*
 * More changes of a log whose readers are all known to be dirty tell nothing
 * new, until one of them is refreshed.  But if no worker will look after the
 * logs, the next change starts the minute after which one comes.
 */
static bool
listen_again(void)
{
	uint64 dirty[WAKE_WORDS] = {0};
	uint64 clean[WAKE_WORDS] = {0};
	bool wants_all = !resting && tidy_at == DT_NOEND &&
					 pgt_pool_workers() == 0;

	for (int i = 0; i < model->due.nnodes && !wants_all; i++)
	{
		const StreamNode *stream = &model->streams[i];
		uint64 *logs = model->due.nodes[i].dirty ? dirty : clean;

		for (int t = 0; t < stream->ntracks; t++)
		{
			uint64 bit = (uint64) stream->tracks[t] % WAKE_BITS;

			logs[bit / 64] |= UINT64CONST(1) << (bit % 64);
		}
	}

	for (int w = 0; w < WAKE_WORDS; w++)
		dirty[w] &= ~clean[w];
	return pgt_wake_listen(dirty);
}

static void
rest(void)
{
	TimestampTz next = next_time();
	TimestampTz take_at = Max(now, taken_at + TAKE_PAUSE);
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long timeout = -1;

	if (listen_again())
		next = Min(next, take_at);
	if (next != DT_NOEND)
	{
		events |= WL_TIMEOUT;
		next = Min(next, now + LONGEST_SLEEP);
		timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);
	}
	(void) WaitLatch(MyLatch, events, timeout, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	pgt_handle_interrupts();
}

/*
 * Not while a worker refreshes: who looks whether it is in somebody's way?
 */
static void
leave_if_asked(void)
{
	resting = !pgt_enabled || pgt_scheduler_turn_is_over();
	if (resting && pgt_pool_running(MyDatabaseId) == 0)
		pgt_scheduler_leave(pgt_enabled ? EXIT_GAVE_WAY : EXIT_DISABLED);
}

/* ---- the process ---- */

static void
stop_listening(int code, Datum arg)
{
	pgt_wake_detach();
}

/*
 * See launcher.h.
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

/*
 * Listen first, so that a DROP EXTENSION that commits after the look wakes
 * this process.
 */
static void
start(Oid database)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	pgt_scheduler_enter(database);
	pgt_connect(database);

	if (!pgt_wake_attach())
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				errmsg("too many pg_trickle schedulers"));
	before_shmem_exit(stop_listening, (Datum) 0);
	if (!pgt_extension_exists())
		pgt_scheduler_leave(EXIT_NO_EXTENSION);
	pgt_scheduler_runs();
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
begin(void)
{
	pgt_pool_join();
	given = MemoryContextAllocZero(TopMemoryContext,
								   sizeof(Given) * POOL_SLOTS);
	round_memory = AllocSetContextCreate(TopMemoryContext,
										 "pg_trickle scheduler",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(round_memory);
	now = GetCurrentTimestamp();
	reload();
}

/*
 * Main function of a scheduler; the argument is its database.
 */
void
pgt_scheduler_main(Datum database)
{
	start(DatumGetObjectId(database));
	begin();
	for (;;)
	{
		bool collected;

		MemoryContextReset(round_memory);
		MemoryContextSwitchTo(round_memory);
		look_at_clock();
		collected = collect();
		take(collected);
		leave_if_asked();
		dispatch();
		rest();
	}
}
