/*-------------------------------------------------------------------------
 *
 * refresh.c
 *	  Bringing stream tables up to date.
 *
 *		lock -> snapshot -> window -> choose -> delta -> apply -> frontier
 *
 * All in one transaction, so that a refresh that fails leaves no trace.  The
 * locks come before the snapshot: whoever waited for another refresh of the
 * same stream table then sees what that one did, and no change is read twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/control.h"
#include "pg_trickle/failure.h"
#include "pg_trickle/part.h"
#include "pg_trickle/progress.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/refresh_log.h"
#include "pg_trickle/run_as.h"
#include "pg_trickle/shared_cache.h"
#include "pg_trickle/sql.h"

/* Of a recomputation that compares rows, to one that fills an empty table. */
#define COMPARISON_COST 2.5

/* More rows than refreshes, so that the history does get shorter. */
#define REFRESHES_PER_PRUNING 64
#define ROWS_PER_PRUNING 256

/* One stream table in a refresh. */
typedef struct Job
{
	StreamTable *st;
	Compiled *compiled;
	const RefreshRequest *request;
	Window *window;
	TimestampTz start;
	TimestampTz snapshot_time; /* everything committed before is in it */
	const char *gap;		   /* why the logs cannot be trusted, or NULL */
	bool passes_fuse;
	bool lost_key; /* it has just become a bag */
	int32 part;	   /* last part of this transaction it reads */
	const char *action;
	const char *reason;
	const char *error; /* of a delta; may quote rows, and is told to owners */
	ApplyResult result;
	int64 delta_rows;
	RefreshOutcome outcome;
} Job;

/* ---- which stream tables, in which order ---- */

static bool
contains(List *streams, int64 pgt_id)
{
	ListCell *lc;

	foreach (lc, streams)
	{
		if (((StreamTable *) lfirst(lc))->pgt_id == pgt_id)
			return true;
	}

	return false;
}

/* Append a stream table to the list, those it reads before it. */
static List *
add_with_upstream(List *streams, Oid relid)
{
	StreamTable *st = pgt_lookup_stream(relid, false);
	ListCell *lc;

	check_stack_depth();
	if (contains(streams, st->pgt_id))
		return streams;
	foreach (lc, pgt_dependencies(st->pgt_id))
	{
		Dependency *dep = lfirst(lc);

		if (strcmp(dep->source_type, "STREAM_TABLE") == 0)
			streams = add_with_upstream(streams, dep->source_relid);
	}

	return lappend(streams, st);
}

static int
compare_ids(const ListCell *a, const ListCell *b)
{
	int64 x = ((StreamTable *) lfirst(a))->pgt_id;
	int64 y = ((StreamTable *) lfirst(b))->pgt_id;

	return x < y ? -1 : x > y;
}

/*
 * Keep refreshes away from those of the relations that are stream tables, and
 * from what they read, until the end of the transaction; "self" is locked in
 * "mode".  Whoever changes what a stream table reads does this before it locks
 * any of them as tables: refreshes hold these locks when they do that.
 */
void
pgt_lock_with_upstream(List *relids, int64 self, LOCKMODE mode)
{
	List *streams = NIL;
	ListCell *lc;

	foreach (lc, relids)
	{
		if (pgt_is_stream_table(lfirst_oid(lc)))
			streams = add_with_upstream(streams, lfirst_oid(lc));
	}

	list_sort(streams, compare_ids);
	foreach (lc, streams)
	{
		StreamTable *st = lfirst(lc);

		pgt_lock_stream(st->pgt_id,
						st->pgt_id == self ? mode : ExclusiveLock);
	}
}

/*
 * These, in this order; one that is gone by now is left out.  What has to be
 * aligned with them comes before them.
 */
static List *
find_streams(int n, const int64 *pgt_ids)
{
	List *streams = NIL;

	for (int i = 0; i < n; i++)
	{
		StreamTable *st = pgt_lookup_stream_by_id(pgt_ids[i], true);

		if (st == NULL || contains(streams, st->pgt_id))
			continue;
		if (pgt_aligns_upstream(st->pgt_id))
			streams = add_with_upstream(streams, st->relid);
		else
			streams = lappend(streams, st);
	}

	return streams;
}

/* Is it left as it is, unless somebody asks for itself? */
static bool
is_stopped(const StreamTable *st)
{
	return st->status == STREAM_SUSPENDED || st->fuse_blown_at != 0;
}

/*
 * Lock the stream tables in the order of their ids, then read their rows
 * again: another refresh may have changed them while we waited.  Of those that
 * nobody has asked for, what is gone or stopped by now is left out.
 */
static List *
lock_streams(List *streams, bool automatic)
{
	List *by_id = list_copy(streams);
	List *jobs = NIL;
	ListCell *lc;

	list_sort(by_id, compare_ids);
	foreach (lc, by_id)
	{
		StreamTable *st = lfirst(lc);

		pgt_lock_stream(st->pgt_id, ExclusiveLock);
		if (automatic && foreach_current_index(lc) == 0)
			pgt_wait_shortly(true);
		LockRelationOid(st->relid, RowExclusiveLock);
	}
	foreach (lc, streams)
	{
		Job *job = palloc0(sizeof(Job));

		job->st = pgt_lookup_stream_by_id(((StreamTable *) lfirst(lc))->pgt_id,
										  automatic);
		if (job->st == NULL || (automatic && is_stopped(job->st)))
			continue;
		jobs = lappend(jobs, job);
	}

	return jobs;
}

/* ---- what must hold before anything is read ---- */

/*
 * Somebody who asks is told each time; the log of the server once for as long
 * as this process remembers the stream table.
 */
static void
warn_of_gap(Job *job)
{
	if (job->gap == NULL ||
		(job->request->automatic && job->compiled->gap_told))
		return;

	job->compiled->gap_told = true;
	ereport(WARNING,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("stream table \"%s\" is recomputed at each refresh: %s",
				   get_rel_name(job->st->relid), job->gap),
			errhint("Enable or put back the capture triggers with pgtrickle.repair_stream_table(%s).",
					quote_literal_cstr(pgt_relation_text(job->st->relid))));
}

/* Rows can no longer be told apart by the key they had. */
static void
check_key(Job *job)
{
	if (pgt_key_is_proven(job->st, job->compiled->form))
		return;

	pgt_forget_key(job->st);
	job->compiled->target = pgt_apply_target(job->st);
	job->lost_key = true;
}

/* The catalog row of a relation must be visible under N. */
static void
require_relation_visible(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	pgt_require_visible(HeapTupleHeaderGetXmin(tuple->t_data),
						psprintf("Relation \"%s\"", get_rel_name(relid)));
	ReleaseSysCache(tuple);
}

/*
 * Where the snapshot is older than the locks (REPEATABLE READ), a refresh, a
 * TRUNCATE, a rewrite, an ATTACH or a DETACH may have come in between.  They
 * are not MVCC-safe: N would show an emptied table without its mark.  Most
 * write the pg_class row of a table, and tell so for sources without a log,
 * too; DETACH tells by its mark only.
 */
static void
require_no_newer_version(const Job *job)
{
	ListCell *lc;

	pgt_require_visible(job->st->xmin, "The stream table");
	if (!IsolationUsesXactSnapshot())
		return;

	foreach (lc, job->compiled->form->sources)
	{
		SourceUse *use = lfirst(lc);
		List *relids = use->inh ?
						   pgt_family(use->relid, NoLock) :
						   list_make1_oid(use->relid);
		ListCell *child;

		foreach (child, relids)
			require_relation_visible(lfirst_oid(child));
	}
	pgt_require_no_newer_change(job->compiled);
}

/* ---- one stream table ---- */

/*
 * The stream table as apply sees it, members shared with "st"; its index is
 * still to be found (pgt_apply_ensure_index()).
 */
ApplyTarget
pgt_apply_target(const StreamTable *st)
{
	return (ApplyTarget){
		.relid = st->relid,
		.keyed = st->keyed,
		.nkeys = st->nkeys,
		.keys = st->keys,
	};
}

static void
apply_changes(Job *job, ZSet *changes)
{
	pgt_progress_phase(PROGRESS_APPLYING, -1);
	job->result = pgt_apply(&job->compiled->target, changes);
	pgt_zset_free(changes);
	pgt_advance_refresh_snapshot();
}

/*
 * Make the stream table what its query says.  Returns how many times as long
 * it would take if there were rows to compare with.
 */
static double
write_result(Job *job)
{
	if (!pgt_recompute_fill(job->compiled, &job->result.inserted))
	{
		job->result = pgt_recompute_correct(job->compiled);
		return 1;
	}
	pgt_advance_refresh_snapshot();
	return COMPARISON_COST;
}

static double
elapsed_ms(TimestampTz start)
{
	return (GetCurrentTimestamp() - start) / 1000.0;
}

static void
recompute(Job *job, const char *reason)
{
	TimestampTz start = GetCurrentTimestamp();
	double states_ms;
	double factor;

	job->action = job->st->is_populated ? "FULL" : "REINITIALIZE";
	job->reason = reason;
	job->compiled->lost_rows = false;
	pgt_progress_begin(job->st->pgt_id, job->st->relid, job->compiled->owner);
	if (job->compiled->row_types != NIL &&
		!pgt_meaning_is_kept(job->st, job->compiled))
		pgt_apply_rebuild_index(&job->compiled->target); /* of hashes */
	if (job->compiled->program != NULL)
	{
		pgt_progress_phase(PROGRESS_STATES, -1);
		pgt_program_rebuild(job->compiled->program);
		pgt_sign_refitted_states(job->compiled);
		pgt_advance_refresh_snapshot();
	}
	states_ms = elapsed_ms(start);
	factor = write_result(job);
	job->st->full_ms = states_ms + factor * (elapsed_ms(start) - states_ms);
	job->st->full_cost = pgt_query_cost(job->compiled->recompute_sql,
										&job->compiled->recompute_plan);
	pgt_progress_end();
}

/* A step for pgt_attempt(): derive and apply the delta. */
static const char *
take_delta(void *arg)
{
	Job *job = arg;
	const ApplyTarget *target = &job->compiled->target;
	Relation rel = RelationIdGetRelation(job->st->relid);
	TupleDesc desc = RelationGetDescr(rel);
	ZSet *changes = pgt_zset_create(desc, pgt_apply_identity(target, desc));
	const char *misfit;

	misfit = pgt_program_run(job->compiled->program, job->window->deltas,
							 changes);
	pgt_advance_refresh_snapshot();
	if (misfit == NULL)
	{
		apply_changes(job, changes);
		if (job->result.mismatch)
			misfit = "result";
	}
	RelationClose(rel);
	return misfit;
}

/*
 * Apply the delta, or recompute if that does not work.  A row to delete that
 * is not there is never passed over: something is wrong, and we say so.
 */
static void
apply_delta(Job *job)
{
	Attempt attempt = pgt_attempt(take_delta, job);

	job->action = "DIFFERENTIAL";
	if (attempt.misfit == NULL && attempt.error == NULL)
		return;

	if (attempt.misfit != NULL)
		ereport(WARNING,
				errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("delta of stream table \"%s\" does not fit its %s, recomputing",
					   get_rel_name(job->st->relid), attempt.misfit),
				errdetail("A row to be removed was not found."));
	memset(&job->result, 0, sizeof(job->result));
	job->compiled->valid = false; /* what it has in memory was half-way */
	job->compiled->level = 0;
	job->compiled = pgt_compile(job->st);
	job->compiled->level = GetCurrentTransactionNestLevel();
	(void) pgt_apply_ensure_index(&job->compiled->target);
	pgt_advance_refresh_snapshot();
	if (attempt.misfit != NULL)
	{
		recompute(job, "delta did not fit");
		return;
	}

	job->error = pgt_error_summary(attempt.error);
	recompute(job, psprintf("delta raised an error (SQLSTATE %s)",
							unpack_sql_state(attempt.error->sqlerrcode)));
}

/* Why a recomputation, or NULL: the delta will do. */
static const char *
reason_to_recompute(const Job *job, const Window *window)
{
	Compiled *compiled = job->compiled;

	if (job->request->recompute)
		return job->request->reason;
	if (!job->st->is_populated)
		return job->st->frontier == NULL ? "first fill" :
										   "its rows were not under guard";
	if (job->st->mode == MODE_FULL)
		return "refresh mode FULL";
	if (!compiled->tracked && compiled->form->obstacle.kind == OBSTACLE_NONE)
		return "changes of its sources are not captured";
	if (!compiled->tracked)
		return psprintf("%s is recomputed at each refresh",
						compiled->form->obstacle.construct);
	if (!pgt_meaning_is_kept(job->st, compiled))
		return "its query means something else now";
	if (job->lost_key)
		return "a constraint that proved its key is gone";
	if (compiled->refitted)
		return "its states were made for another aggregate, server or database";
	if (compiled->lost_rows)
		return "it was restored without rows";
	if (job->gap != NULL)
		return job->gap;
	if (window->reset != NULL)
		return window->reset;
	if (window->nrows == 0)
		return NULL;
	if (compiled->program == NULL)
		return psprintf("no delta rule for %s",
						compiled->form->obstacle.construct);

	return pgt_delta_pays_off(job->st, compiled, window->nrows) ? NULL :
																  "recomputation is cheaper";
}

static void
bring_up_to_date(Job *job, Window *window)
{
	const char *reason = reason_to_recompute(job, window);
	RunAs before;

	job->action = "NO_DATA";
	job->reason = job->request->reason;
	job->delta_rows = window->nrows;
	if (reason == NULL && window->nrows == 0)
		return;

	pgt_apply_check_table(job->st->relid);
	before = pgt_run_as_in(job->compiled->owner, &job->compiled->settings);
	pgt_pin_work_mem();
	job->compiled->level = GetCurrentTransactionNestLevel();
	(void) pgt_apply_ensure_index(&job->compiled->target);
	if (reason != NULL && reason == job->gap)
		warn_of_gap(job);
	if (reason != NULL)
		recompute(job, reason);
	else
		apply_delta(job);
	job->compiled->level = 0;
	pgt_run_as_done(before);
}

static void
log_refresh(const Job *job, TimestampTz end)
{
	double ms = (end - job->start) / 1000.0;

	if (!pgt_is_logged(ms))
		return;

	pgt_log_event(&(RefreshEvent){
		.event = "refresh",
		.pgt_id = job->st->pgt_id,
		.name = pgt_relation_text(job->st->relid),
		.cycle_id = job->request->cycle_id,
		.duration_ms = ms,
		.reason = job->reason,
		.action = job->action,
		.rows_inserted = job->result.inserted + job->result.updated,
		.rows_deleted = job->result.deleted + job->result.updated,
		.msg = "stream table refreshed",
	});
}

static void
advance_frontier(Job *job, Window *window)
{
	StreamTable *st = job->st;
	TimestampTz end = GetCurrentTimestamp();

	if (strcmp(job->action, "DIFFERENTIAL") == 0)
		pgt_measure_delta(st, job->compiled, job->delta_rows,
						  elapsed_ms(job->start));
	st->frontier = pgt_make_frontier(window->last_part, window->eras);
	st->frontier->timestamp = job->snapshot_time;
	st->meaning = job->compiled->meaning;
	st->data_timestamp = st->frontier->timestamp;
	st->last_refresh_at = end;
	st->is_populated = true;
	st->consecutive_errors = 0;
	st->last_error = NULL;
	st->retry_at = 0;
	st->fuse_blown_at = 0;
	if (st->status == STREAM_INITIALIZING || st->status == STREAM_ERROR)
		st->status = STREAM_ACTIVE;
	pgt_update_stream(st);
	pgt_insert_history(&(RefreshRecord){
		.pgt_id = st->pgt_id,
		.data_timestamp = st->data_timestamp,
		.start_time = job->start,
		.end_time = end,
		.action = job->action,
		.rows_inserted = job->result.inserted + job->result.updated,
		.rows_deleted = job->result.deleted + job->result.updated,
		.delta_row_count = job->delta_rows,
		.initiated_by = job->request->initiated_by,
		.reason = job->reason,
		.error = job->error,
	});
	log_refresh(job, end);
	if (st->revision % REFRESHES_PER_PRUNING == 0)
		(void) pgt_prune_stream_history(st->pgt_id, ROWS_PER_PRUNING);
}

/* May the fuse stop it?  Only what has been filled has changes to count. */
static bool
has_fuse(const Job *job)
{
	return !job->passes_fuse && job->st->is_populated;
}

/*
 * Would it be of use to nobody to note that there was nothing to do?  Rows
 * that cancel each other must be passed, and errors and eras be forgotten.
 */
static bool
is_idle(const Job *job, const Window *window)
{
	const StreamTable *st = job->st;

	return window->nread == 0 && reason_to_recompute(job, window) == NULL &&
		   st->status == STREAM_ACTIVE && st->consecutive_errors == 0 &&
		   st->last_error == NULL && st->retry_at == 0 &&
		   strcmp(st->frontier->era, pgt_current_era()) == 0;
}

/*
 * Was it computed as a whole, and will be the next time?  If that was merely
 * cheaper, each time costs what has changed, or less.
 */
static bool
is_recomputed_each_time(const Job *job)
{
	return job->action != NULL && strcmp(job->action, "FULL") == 0 &&
		   (job->compiled->program == NULL || job->gap != NULL);
}

static void
refresh_one(void *arg)
{
	Job *job = arg;
	WindowLimits limits = pgt_window_limits(job->st, has_fuse(job));
	Window *window;
	bool first_fill = !job->st->is_populated;

	job->start = GetCurrentTimestamp();
	pgt_capture_flush();
	job->part = pgt_current_part();
	pgt_next_part();
	pgt_advance_refresh_snapshot();
	require_no_newer_version(job);
	pgt_note_seen(job->compiled);

	window = pgt_open_window(job->st, job->compiled, job->part, &limits);
	pgt_check_fuse(job->st, window, &limits);
	job->window = window;
	if (!job->request->automatic || !is_idle(job, window))
	{
		bring_up_to_date(job, window);
		advance_frontier(job, window);
		pgt_share_plans(job->st, job->compiled);
	}
	pgt_close_window(window);
	if (job->compiled->tracked && !first_fill)
		pgt_maintain_logs(job->compiled);

	job->outcome.changed = job->result.inserted + job->result.updated +
							   job->result.deleted >
						   0;
	job->outcome.recomputed = is_recomputed_each_time(job);
}

static void
refuse_suspended(const StreamTable *st)
{
	if (st->status == STREAM_SUSPENDED)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("stream table \"%s\" is suspended",
					   get_rel_name(st->relid)),
				errhint("Run pgtrickle.resume_stream_table(%s) first.",
						quote_literal_cstr(pgt_relation_text(st->relid))));
}

/*
 * What it reads is not refreshed with it.  Nobody reads the log of the server
 * for that, but who asks should know.
 */
static void
note_stopped(const Job *job)
{
	const char *name = get_rel_name(job->st->relid);

	if (job->request->automatic)
		return;

	ereport(NOTICE,
			job->st->status == STREAM_SUSPENDED ?
				errmsg("source \"%s\" is suspended", name) :
				errmsg("fuse of source \"%s\" has blown", name),
			errdetail("It is not refreshed; the refresh takes what it shows."));
}

/* Before any lock: whoever drains waits for those who refresh. */
static void
begin_requested(Oid relid)
{
	PreventCommandDuringRecovery("refresh of a stream table");
	PreventCommandIfReadOnly("refresh of a stream table");
	if (pgt_begin_refresh())
		return;

	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("cannot refresh stream table \"%s\" because refreshing is drained in this database",
				   get_rel_name(relid)),
			errhint("Run pgtrickle.resume_scheduler() first."));
}

/* Everything that comes before the snapshot. */
static void
prepare(void *arg)
{
	Job *job = arg;
	ErrorContextCallback context;

	pgt_begin_stream(&context, job->st);
	job->compiled = pgt_compile(job->st);
	pgt_refuse_running_writer(job->compiled);
	job->gap = pgt_find_gap(job->compiled);
	check_key(job);
	pgt_end_stream(&context);
}

/* A gate, say: only the snapshot of the refresh can tell for sure. */
static bool
are_held(List *jobs)
{
	ListCell *lc;

	foreach (lc, jobs)
	{
		if (pgt_what_holds(((Job *) lfirst(lc))->st->pgt_id,
						   GetActiveSnapshot()) != NULL)
			return true;
	}

	return false;
}

/*
 * What is read after the first of them was written: its triggers, which have
 * newer snapshots, must not change rows that ours does not show.
 */
static bool
watch_sources(List *jobs)
{
	List *track_ids = NIL;
	ListCell *lc;
	ListCell *lc2;

	for_each_from (lc, jobs, 1)
	{
		foreach (lc2, ((Job *) lfirst(lc))->compiled->form->sources)
		{
			Oid relid = ((SourceUse *) lfirst(lc2))->relid;
			Source *source = pgt_lookup_source(relid, true);

			if (source != NULL && !pgt_is_stream_table(relid))
				track_ids = lappend(track_ids, &source->track_id);
		}
	}
	if (track_ids != NIL)
		pgt_capture_watch(track_ids, GetActiveSnapshot());
	return track_ids != NIL;
}

/*
 * Lock everything, take the snapshot, refresh in this order.  The snapshot
 * stays pushed; the answer is a list of jobs, in the same order.
 */
static List *
refresh_under_snapshot(List *streams, const RefreshRequest *request)
{
	List *jobs;
	bool latest = false;
	bool watched;
	TimestampTz snapshot_time;
	ListCell *lc;

	if (request->automatic)
	{
		pgt_limit_transaction();
		pgt_wait_for_tables(streams);
	}
	jobs = lock_streams(streams, request->automatic);
	foreach (lc, jobs)
	{
		Job *job = lfirst(lc);

		job->request = request;
		pgt_run_discreetly(job->st->relid, prepare, job);
		latest |= pgt_needs_latest_snapshot(job->st);
	}

	if (request->automatic)
		pgt_wait_shortly(false);

	snapshot_time = GetCurrentTimestamp();
	pgt_push_refresh_snapshot(latest);
	if (request->automatic && are_held(jobs))
		return NIL;

	watched = watch_sources(jobs);
	foreach (lc, jobs)
	{
		Job *job = lfirst(lc);
		ErrorContextCallback context;

		if (job == llast(jobs))
		{
			refuse_suspended(job->st);
			job->passes_fuse = request->past_fuse || request->recompute;
			if (!job->passes_fuse)
				pgt_refuse_blown_fuse(job->st);
		}
		else if (is_stopped(job->st))
		{
			note_stopped(job);
			continue;
		}
		job->snapshot_time = snapshot_time;
		pgt_begin_stream(&context, job->st);
		pgt_run_discreetly(job->st->relid, refresh_one, job);
		if (job == llast(jobs) && request->rows_inserted != NULL)
			*request->rows_inserted = job->result.inserted;
		pgt_end_stream(&context);
	}
	if (watched)
		pgt_capture_watch_done();

	return jobs;
}

typedef struct Turn
{
	List *streams;
	const RefreshRequest *request;
	List *jobs;
} Turn;

static void
take_turn(void *arg)
{
	Turn *turn = arg;

	turn->jobs = refresh_under_snapshot(turn->streams, turn->request);
}

/* The same; another refresh may be under way (failure.h). */
static List *
refresh_in_turn(List *streams, const RefreshRequest *request)
{
	Turn turn = {.streams = streams, .request = request};

	pgt_tell_failed_stream(take_turn, &turn);
	return turn.jobs;
}

/*
 * Refresh a stream table, with the stream tables it reads first, under one
 * snapshot.  Returns whether anything changed.  Errors: 42809 no stream
 * table, 55000 suspended or drained, 55006 called inside a statement that
 * writes a source, 40001 the transaction's snapshot is older than the last
 * refresh, and whatever the query raises.
 */
bool
pgt_refresh(Oid relid, const RefreshRequest *request)
{
	List *jobs;
	bool changed = false;
	ListCell *lc;

	begin_requested(relid);
	jobs = refresh_in_turn(add_with_upstream(NIL, relid), request);
	foreach (lc, jobs)
		changed |= ((Job *) lfirst(lc))->outcome.changed;
	list_free_deep(jobs);
	PopActiveSnapshot();
	return changed;
}

/*
 * Refresh these stream tables, in this order and under one snapshot, and no
 * others but those that a watermark group wants aligned with them; errors as
 * those of pgt_refresh().  False, if something holds them back.
 */
bool
pgt_refresh_group(int n, const int64 *pgt_ids, const RefreshRequest *request,
				  RefreshOutcome *outcomes)
{
	List *jobs;
	bool any;
	ListCell *lc;

	pgt_learn_catalog();
	if (!pgt_begin_refresh())
		return false;

	jobs = refresh_in_turn(find_streams(n, pgt_ids), request);
	any = jobs != NIL;
	for (int i = 0; i < n; i++)
	{
		outcomes[i] = (RefreshOutcome){0};
		foreach (lc, jobs)
		{
			Job *job = lfirst(lc);

			if (job->st->pgt_id == pgt_ids[i])
				outcomes[i] = job->outcome;
		}
	}
	list_free_deep(jobs);
	PopActiveSnapshot();
	return any;
}

/*
 * The same, and the snapshot stays pushed for who wants to compare under it;
 * the caller pops it.
 */
Compiled *
pgt_refresh_and_stay(Oid relid, const RefreshRequest *request)
{
	List *jobs;
	Compiled *compiled;

	begin_requested(relid);
	jobs = refresh_in_turn(add_with_upstream(NIL, relid), request);
	compiled = ((Job *) llast(jobs))->compiled;
	list_free_deep(jobs);
	return compiled;
}
