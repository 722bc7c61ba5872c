/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The process that sees to it that every database with the extension has
 *	  its scheduler.
 *
 * It reads the list of databases, which anybody may read; whether the
 * extension is in one can only be seen from inside, so that is where it sends
 * the scheduler.  One that finds no extension leaves, and is not sent again
 * until somebody creates it.
 *
 *	  look ----> starting ----> running        extension found
 *	   ^            |  |           |
 *	   |            |  +-----------+--> backoff ----> starting   failed
 *	   |            v
 *	   +-------- (nothing)                     no extension
 *	  CREATE EXTENSION
 *
 * Between events it sleeps: whoever creates the extension or changes a
 * database wakes it at commit, and so does a scheduler that leaves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/logicallauncher.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "database.h"
#include "pg_trickle/settings.h"

/* So many schedulers at a time look whether the extension is there. */
#define MAX_STARTING 2

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LAST_MS 60000
#define LONGEST_BACKOFF (BACKOFF_LAST_MS * INT64CONST(1000))

/* Without a free background worker, try again at the latest after so long. */
#define CROWDED_MS 60000

/* So long may a scheduler keep its place if another one waits for it. */
#define TURN_MS 10000
#define TURN (TURN_MS * INT64CONST(1000))

#define LAUNCHER_RESTART_SECONDS 5

/* A database that may have a scheduler. */
typedef struct Database
{
	Oid oid;
	char name[NAMEDATALEN];
	bool listed;					/* in the last list */
	bool look;						/* the extension may be there */
	TimestampTz waits_since;		/* for room; 0: does not */
	uint32 ticket;					/* of the last start */
	BackgroundWorkerHandle *handle; /* of the last start, or NULL */
} Database;

static MemoryContext long_lived;
static List *databases = NIL; /* of Database, in long_lived */
static bool said_crowded = false;

/* ---- the list of databases ---- */

static Database *
find_database(Oid oid)
{
	ListCell *lc;

	foreach (lc, databases)
	{
		Database *db = lfirst(lc);

		if (db->oid == oid)
			return db;
	}

	return NULL;
}

/*
 * Template databases get no scheduler: a process in them would be in the way
 * of CREATE DATABASE, and what they hold is there to be copied.
 */
static bool
may_have_scheduler(Form_pg_database form)
{
	return form->datallowconn && !form->datistemplate &&
		   form->datconnlimit != DATCONNLIMIT_INVALID_DB;
}

static void
list_database(Form_pg_database form)
{
	Database *db = find_database(form->oid);

	if (db == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(long_lived);

		db = palloc0(sizeof(Database));
		db->oid = form->oid;
		db->look = true;
		databases = lappend(databases, db);
		MemoryContextSwitchTo(before);
	}
	strlcpy(db->name, NameStr(form->datname), NAMEDATALEN);
	db->listed = true;
}

static void
forget_database(Database *db)
{
	if (db->handle != NULL)
		pfree(db->handle);
	pfree(db);
}

/* In a transaction of its own; what is not listed any more is forgotten. */
static void
read_databases(void)
{
	MemoryContext before = CurrentMemoryContext;
	Relation rel;
	TableScanDesc scan;
	HeapTuple tuple;
	ListCell *lc;

	foreach (lc, databases)
		((Database *) lfirst(lc))->listed = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		if (may_have_scheduler(form))
			list_database(form);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(before);

	foreach (lc, databases)
	{
		Database *db = lfirst(lc);

		if (db->listed)
			continue;
		databases = foreach_delete_current (databases, lc);
		forget_database(db);
	}
}

/* What backends have told: CREATE EXTENSION, and what changes the list. */
static void
hear(bool *list)
{
	bool all;
	List *told = pgt_take_told(&all, list);
	ListCell *lc;

	foreach (lc, databases)
	{
		Database *db = lfirst(lc);

		if (all || list_member_oid(told, db->oid))
			db->look = true;
	}
	*list = *list || all;
}

/* ---- schedulers that have left ---- */

/* 1 s, 2 s, 4 s ... 1 min; "failures" is the number of those before. */
static int
backoff_ms(int failures)
{
	if (failures >= 6)
		return BACKOFF_LAST_MS;

	return Min(BACKOFF_FIRST_MS << failures, BACKOFF_LAST_MS);
}

static void
come_back_later(const Database *db, const SchedulerEntry *entry)
{
	int delay = backoff_ms(entry->status.failures);

	ereport(LOG,
			errcode(ERRCODE_ADMIN_SHUTDOWN),
			errmsg("pg_trickle scheduler of database \"%s\" ended, it is started again in %d s",
				   db->name, delay / 1000));
	pgt_entry_waits(db->oid, SCHEDULER_BACKOFF,
					TimestampTzPlusMilliseconds(entry->status.last_exit_at,
												delay));
}

static void
wait_for_room(Database *db)
{
	if (db->waits_since == 0)
		db->waits_since = GetCurrentTimestamp();
	pgt_entry_waits(db->oid, SCHEDULER_CROWDED, 0);
}

static void
see_off(Database *db, const SchedulerEntry *entry)
{
	switch (entry->status.last_exit)
	{
		case EXIT_NO_EXTENSION:
			db->waits_since = 0;
			pgt_entry_forget(db->oid);
			break;
		case EXIT_NONE:
		case EXIT_FAILED:
			come_back_later(db, entry);
			break;
		case EXIT_DISABLED:
		case EXIT_STOPPED:
			db->look = true;
			pgt_entry_waits(db->oid, SCHEDULER_UNKNOWN, 0);
			break;
		case EXIT_GAVE_WAY:
			wait_for_room(db);
			break;
	}
}

/*
 * Told to end: quietly, as the server's own launchers do; not with 0, after
 * which the server would not start it again.
 */
static void
leave_if_told(void)
{
	if (ShutdownRequestPending)
		proc_exit(1);
}

/* The server could not start the process, or it died before it was there. */
static void
notice_stillborn(const Database *db)
{
	pid_t pid;

	if (db->handle != NULL &&
		GetBackgroundWorkerPid(db->handle, &pid) == BGWH_STOPPED)
		pgt_entry_lost(db->oid, db->ticket);
}

/*
 * Is its process not there any more?  Where the server shuts down, it notices
 * that only after it has signalled everybody: so the signal to us is here by
 * now, and what it ended does not look like a failure.
 */
static bool
is_gone(const Database *db)
{
	pid_t pid;

	if (db->handle != NULL &&
		GetBackgroundWorkerPid(db->handle, &pid) != BGWH_STOPPED)
		return false;

	leave_if_told();
	return true;
}

static void
tidy_up(void)
{
	ListCell *lc;

	foreach (lc, databases)
		notice_stillborn(lfirst(lc));
	foreach (lc, pgt_scheduler_entries())
	{
		SchedulerEntry *entry = lfirst(lc);
		Database *db = find_database(entry->database);
		bool left = entry->status.state == SCHEDULER_LEFT;

		if (db != NULL && left && is_gone(db))
			see_off(db, entry);
		else if (db == NULL && entry->status.state != SCHEDULER_STARTING &&
				 entry->status.pid == 0)
			pgt_entry_forget(entry->database);
		else if (db == NULL && !entry->stop)
			pgt_stop_database(entry->database);
	}
}

/* ---- starting ---- */

/*
 * So many schedulers at most: the server's background workers are also there
 * for this process, for the launcher of logical replication, and for at least
 * one that refreshes.
 */
static int
room_for_schedulers(void)
{
	int room = max_worker_processes - 2;

	if (max_logical_replication_workers > 0)
		room--;
	return Max(room, 1);
}

/* Ask the server for the process; false if there is no room for it. */
static bool
ask_for_process(Database *db)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS |
					 BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "pg_trickle",
		.bgw_function_name = "pgt_scheduler_main",
		.bgw_type = "pg_trickle scheduler",
		.bgw_main_arg = ObjectIdGetDatum(db->oid),
		.bgw_notify_pid = MyProcPid,
	};
	MemoryContext before;
	bool started;

	snprintf(worker.bgw_name, BGW_MAXLEN, "pg_trickle scheduler for \"%s\"",
			 db->name);
	memcpy(worker.bgw_extra, &db->ticket, sizeof(db->ticket));
	if (db->handle != NULL)
		pfree(db->handle);
	db->handle = NULL;

	before = MemoryContextSwitchTo(long_lived);
	started = RegisterDynamicBackgroundWorker(&worker, &db->handle);
	MemoryContextSwitchTo(before);
	return started;
}

static StartAnswer
start(Database *db)
{
	StartAnswer answer = pgt_entry_starts(db->oid, &db->ticket);

	if (answer != START_NOW)
		return answer;
	if (!ask_for_process(db))
		return START_NO_ROOM;

	db->look = false;
	return START_NOW;
}

/* Is there anything to do for this database, now or (*next) later? */
static bool
is_due(const Database *db, const SchedulerEntry *entry, TimestampTz now,
	   TimestampTz *next)
{
	if (entry == NULL)
		return db->look;

	switch (entry->status.state)
	{
		case SCHEDULER_STARTING:
		case SCHEDULER_RUNNING:
		case SCHEDULER_LEFT:
		case SCHEDULER_HELD:
			return false;
		case SCHEDULER_BACKOFF: /* longer: the clock was set back */
			if (db->look || entry->status.next_start <= now ||
				entry->status.next_start > now + LONGEST_BACKOFF)
				return true;
			*next = Min(*next, entry->status.next_start);
			return false;
		case SCHEDULER_UNKNOWN:
		case SCHEDULER_CROWDED:
			return true;
	}

	pg_unreachable();
}

static void
say_crowded(void)
{
	if (said_crowded)
		return;

	said_crowded = true;
	ereport(LOG,
			errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			errmsg("too few background workers to refresh stream tables in every database"),
			errdetail("Their pg_trickle schedulers take turns."),
			errhint("Increase max_worker_processes, currently %d.",
					max_worker_processes));
}

/* One pass over the databases. */
typedef struct Round
{
	TimestampTz now;
	TimestampTz next; /* when to come back without being woken */
	int nstarting;
	int nrunning;
	int nleaving;
	int nwaiting;	/* there is no room for them */
	bool postponed; /* something else comes first, and will wake us */
} Round;

/*
 * Whose process is about to end, takes room for a moment longer.  One that
 * runs has not to wait any more.
 */
static void
count_schedulers(List *entries, Round *round)
{
	ListCell *lc;

	foreach (lc, entries)
	{
		SchedulerEntry *entry = lfirst(lc);

		if (entry->status.state == SCHEDULER_STARTING)
			round->nstarting++;
		else if (entry->status.state == SCHEDULER_RUNNING)
		{
			Database *db = find_database(entry->database);

			round->nrunning++;
			if (db != NULL)
				db->waits_since = 0;
		}
		else if (entry->status.state == SCHEDULER_LEFT)
		{
			round->nleaving++;
			round->postponed = true;
		}
	}
}

static void
start_if_possible(Database *db, Round *round)
{
	StartAnswer answer = START_NO_ROOM;

	if (round->nwaiting == 0 && round->nstarting >= MAX_STARTING)
	{
		round->postponed = true;
		return;
	}

	if (round->nwaiting == 0 &&
		round->nstarting + round->nrunning < room_for_schedulers())
		answer = start(db);
	if (answer == START_NOW)
		round->nstarting++;
	if (answer == START_NOT_NOW)
		round->postponed = true;
	if (answer == START_NO_ROOM)
	{
		round->nwaiting++;
		wait_for_room(db);
	}
}

/* Who waits for room comes first, and of those the one that waits longest. */
static int
compare_places(const ListCell *a, const ListCell *b)
{
	const Database *first = lfirst(a);
	const Database *second = lfirst(b);

	/* 0 becomes the largest of all. */
	uint64 since_first = (uint64) first->waits_since - 1;
	uint64 since_second = (uint64) second->waits_since - 1;

	if (since_first != since_second)
		return since_first < since_second ? -1 : 1;

	return first->oid < second->oid ? -1 : first->oid > second->oid;
}

static int
compare_turns(const ListCell *a, const ListCell *b)
{
	TimestampTz first = ((SchedulerEntry *) lfirst(a))->status.since;
	TimestampTz second = ((SchedulerEntry *) lfirst(b))->status.since;

	return first < second ? -1 : first > second;
}

/* A time in the future is of a clock that was set back. */
static bool
is_past(TimestampTz start, int64 duration, Round *round)
{
	if (start > round->now || start + duration <= round->now)
		return true;

	round->next = Min(round->next, start + duration);
	return false;
}

/*
 * As many schedulers as others wait are to make room, those that run longest;
 * one that does not leave, because of a long refresh, is not waited for.  If
 * nobody waits any more, all may stay.
 */
static void
take_turns(List *entries, Round *round)
{
	int wanted = round->nwaiting - round->nleaving;
	ListCell *lc;

	list_sort(entries, compare_turns);
	foreach (lc, entries)
	{
		SchedulerEntry *entry = lfirst(lc);
		TimestampTz asked_at;
		bool over;

		if (entry->status.state != SCHEDULER_RUNNING)
			continue;
		over = wanted > 0 && is_past(entry->status.since, TURN, round);
		asked_at = pgt_entry_turn(entry->database, over);
		if (asked_at != 0 && !is_past(asked_at, TURN, round))
			wanted--;
	}
}

/*
 * Start what may be started; returns when to come back without being woken,
 * DT_NOEND for never.
 */
static TimestampTz
start_schedulers(void)
{
	List *entries = pgt_scheduler_entries();
	Round round = {.now = GetCurrentTimestamp(), .next = DT_NOEND};
	ListCell *lc;

	if (!pgt_enabled)
		return DT_NOEND;

	count_schedulers(entries, &round);
	list_sort(databases, compare_places);
	foreach (lc, databases)
	{
		Database *db = lfirst(lc);

		if (is_due(db, pgt_find_entry(entries, db->oid), round.now,
				   &round.next))
			start_if_possible(db, &round);
	}

	take_turns(entries, &round);
	if (round.nwaiting > 0)
	{
		say_crowded();
		return Min(round.next,
				   TimestampTzPlusMilliseconds(round.now, CROWDED_MS));
	}
	if (!round.postponed)
		said_crowded = false;
	return round.next;
}

/* ---- the process ---- */

static void
sleep_until(TimestampTz when)
{
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long timeout = -1;

	if (when != DT_NOEND)
	{
		events |= WL_TIMEOUT;
		timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), when);
	}
	/* Who waited for a lock since may have taken the signal from the latch. */
	leave_if_told();
	(void) WaitLatch(MyLatch, events, timeout, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);

	leave_if_told();
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/*
 * The process "pg_trickle launcher".
 */
void
pgt_launcher_main(Datum arg)
{
	MemoryContext round;
	bool list = true;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgt_launcher_attach();
	pgstat_report_activity(STATE_IDLE, NULL);

	long_lived = AllocSetContextCreate(TopMemoryContext, "pg_trickle launcher",
									   ALLOCSET_SMALL_SIZES);
	round = AllocSetContextCreate(TopMemoryContext, "pg_trickle launcher round",
								  ALLOCSET_SMALL_SIZES);
	for (;;)
	{
		bool told;

		MemoryContextSwitchTo(round);
		MemoryContextReset(round);
		hear(&told);
		if (told || list)
			read_databases();
		list = false;
		tidy_up();
		sleep_until(start_schedulers());
	}
}

/*
 * Ask for shared memory, hooks and the launcher; called once by _PG_init().
 */
void
pgt_launcher_init(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS |
					 BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = LAUNCHER_RESTART_SECONDS,
		.bgw_library_name = "pg_trickle",
		.bgw_function_name = "pgt_launcher_main",
		.bgw_name = "pg_trickle launcher",
		.bgw_type = "pg_trickle launcher",
	};

	pgt_database_init();
	pgt_utility_init();
	if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade)
		RegisterBackgroundWorker(&worker);
}
