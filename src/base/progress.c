/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  How far a first fill or a recomputation is, for others to see.
 *
 * Each backend has an entry of its own in shared memory, which nobody else
 * writes.  Its spinlock keeps readers from seeing half of a change; the number
 * of rows is written every few hundred rows, without it.  The name is part of
 * the entry, because a stream table that is being created and filled by one
 * transaction is in no catalog that others can see.
 *
 * An error ends it: the transaction, or the subtransaction in which it began,
 * takes the entry back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/proc.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg_trickle/progress.h"
#include "pg_trickle/shared.h"

/* A number that others see; a power of two. */
#define ROWS_PER_UPDATE 256

typedef struct ProgressEntry
{
	slock_t mutex;
	Progress progress; /* pid 0: none; without rows_done */
	pg_atomic_uint64 rows_done;
} ProgressEntry;

static void *entries = NULL; /* of ProgressEntry, by number of the process */
static ProgressEntry *mine = NULL;
static uint64 rows = 0;
static int level = 0; /* of the transaction in which it began */

bool pgt_progress_is_on = false;

static const char *const phase_names[NUM_PROGRESS_PHASES] = {
	[PROGRESS_STATES] = "making states",
	[PROGRESS_FILLING] = "filling",
	[PROGRESS_INDEXING] = "indexing",
	[PROGRESS_COMPUTING] = "computing",
	[PROGRESS_COMPARING] = "comparing",
	[PROGRESS_APPLYING] = "applying",
};

const char *
pgt_progress_phase_name(ProgressPhase phase)
{
	return phase_names[phase];
}

/* ---- shared memory ---- */

static Size
shared_size(void)
{
	return mul_size(MaxBackends, sizeof(ProgressEntry));
}

static void
shared_init(void *memory, LWLock *lock)
{
	ProgressEntry *entry = memory;

	for (int i = 0; i < MaxBackends; i++)
	{
		SpinLockInit(&entry[i].mutex);
		pg_atomic_init_u64(&entry[i].rows_done, 0);
	}
}

static const SharedPart part = {
	.name = "pg_trickle progress",
	.size = shared_size,
	.init = shared_init,
	.where = &entries,
};

static void
end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT ||
		event == XACT_EVENT_PREPARE)
		pgt_progress_end();
}

static void
end_of_subtransaction(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB &&
		GetCurrentTransactionNestLevel() <= level)
		pgt_progress_end();
}

void
pgt_progress_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;

	pgt_register_shared(&part);
	RegisterXactCallback(end_of_transaction, NULL);
	RegisterSubXactCallback(end_of_subtransaction, NULL);
}

bool
pgt_progress_is_shared(void)
{
	return entries != NULL;
}

/* ---- telling ---- */

static ProgressEntry *
my_entry(void)
{
	int number = MyProc - ProcGlobal->allProcs;

	return number < MaxBackends ? (ProgressEntry *) entries + number : NULL;
}

void
pgt_progress_begin(int64 pgt_id, Oid relid, Oid owner)
{
	Progress progress = {
		.pid = MyProcPid,
		.database = MyDatabaseId,
		.pgt_id = pgt_id,
		.relid = relid,
		.owner = owner,
		.rows_estimated = -1,
		.started_at = GetCurrentTimestamp(),
	};
	char *name = get_rel_name(relid);
	char *schema = get_namespace_name(get_rel_namespace(relid));

	if (entries == NULL || (mine = my_entry()) == NULL)
		return;

	namestrcpy(&progress.name, name != NULL ? name : "");
	namestrcpy(&progress.schema, schema != NULL ? schema : "");
	SpinLockAcquire(&mine->mutex);
	mine->progress = progress;
	SpinLockRelease(&mine->mutex);
	pgt_progress_is_on = true;
	level = GetCurrentTransactionNestLevel();
}

void
pgt_progress_end(void)
{
	if (!pgt_progress_is_on)
		return;

	pgt_progress_is_on = false;
	SpinLockAcquire(&mine->mutex);
	mine->progress.pid = 0;
	SpinLockRelease(&mine->mutex);
}

void
pgt_progress_phase(ProgressPhase phase, double rows_expected)
{
	if (!pgt_progress_is_on)
		return;

	rows = 0;
	pg_atomic_write_u64(&mine->rows_done, 0);
	SpinLockAcquire(&mine->mutex);
	mine->progress.phase = phase;
	mine->progress.rows_estimated = rows_expected;
	SpinLockRelease(&mine->mutex);
}

void
pgt_progress_expect(double rows_expected)
{
	if (pgt_progress_is_on)
		pgt_progress_phase(mine->progress.phase, rows_expected);
}

void
pgt_progress_count(void)
{
	if (++rows % ROWS_PER_UPDATE == 0)
		pg_atomic_write_u64(&mine->rows_done, rows);
}

/* ---- watching ---- */

/* A copy of an entry; false if it is not of that database. */
static bool
read_entry(ProgressEntry *entry, Oid database, Progress *progress)
{
	SpinLockAcquire(&entry->mutex);
	*progress = entry->progress;
	SpinLockRelease(&entry->mutex);
	progress->rows_done = pg_atomic_read_u64(&entry->rows_done);

	return progress->pid != 0 && progress->database == database;
}

List *
pgt_progress_list(Oid database)
{
	ProgressEntry *entry = entries;
	List *list = NIL;

	for (int i = 0; entries != NULL && i < MaxBackends; i++)
	{
		Progress progress;

		if (!read_entry(&entry[i], database, &progress))
			continue;
		list = lappend(list, palloc(sizeof(Progress)));
		*(Progress *) llast(list) = progress;
	}

	return list;
}
