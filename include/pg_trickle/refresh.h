/*-------------------------------------------------------------------------
 *
 * refresh.h
 *	  Bringing stream tables up to date.
 *
 * Layer: refresh
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_REFRESH_H
#define PGT_REFRESH_H

#include "utils/snapshot.h"

#include "pg_trickle/apply.h"
#include "pg_trickle/catalog.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/normal_form.h"
#include "pg_trickle/program.h"

/*
 * All that a refresh needs to know about a stream table besides its row;
 * cached in the backend until something it depends on changes.
 */
typedef struct Compiled
{
	int64 pgt_id;
	Oid relid;
	Oid owner;
	Oid query_relid;
	CreatorSettings settings;
	char *meaning; /* see meaning.c */
	ApplyTarget target;
	NormalForm *form;
	Program *program; /* NULL: recomputed (form->obstacle or mode) */
	bool tracked;	  /* its sources are logged */
	bool captured;	  /* and were seen to have all triggers, if valid */
	List *relids;	  /* whose change makes this invalid */
	List *types;	  /* of users', that texts may name */
	List *row_types;  /* relations of the composite ones (among relids) */
	MemoryContext memory;
	bool valid;
	int level;					  /* of the subtransaction that runs it, or 0 */
	bool refitted;				  /* its states are new and empty */
	bool lost_rows;				  /* restored empty */
	bool gap_told;				  /* that changes escape capture */
	struct GenerationMark *marks; /* it is shared under these, or NULL */
	int nmarks;
	char *recompute_sql;	   /* the query itself, with a weight of 1 */
	SavedPlan *recompute_plan; /* of that; NULL until first used */
} Compiled;

/*
 * The compiled form of a stream table, locked against changes of what it is
 * made from (ACCESS SHARE on its sources, children and logs); valid until
 * the end of the transaction.
 */
extern Compiled *pgt_compile(const StreamTable *st);

/*
 * Error 42501, with what helps, if the current user may not run a text that
 * stands for the query of a stream table (rights.c).  Under pgt_run_as().
 */
extern void pgt_check_rights(const char *sql);
extern void pgt_check_rights_of(const Query *query); /* analyzed */

/* Let other sessions have the plans, too, that this refresh has made. */
extern void pgt_share_plans(const StreamTable *st, Compiled *compiled);

/* Are the sources of a stream table of this form and mode to be logged? */
extern bool pgt_needs_tracking(const NormalForm *form, RefreshMode mode);

/* ---- compiled_image.c: between backends, by way of shared memory ---- */

/* Append what another backend of this server can make the same of. */
extern void pgt_compiled_write(const Compiled *compiled, RefreshMode mode,
							   StringInfo image);

/*
 * The compiled form of "st" from such bytes, below the current memory
 * context; NULL if they were made for another definition.
 */
extern Compiled *pgt_compiled_read(const StreamTable *st, StringInfo image);

/* ---- states.c ---- */

extern void pgt_create_states(const StreamTable *st, const NormalForm *form);
extern void pgt_drop_states(const StreamTable *st);
extern bool pgt_refit_states(const StreamTable *st, const NormalForm *form);
extern void pgt_sign_refitted_states(Compiled *compiled);

/* ---- row_identity.c ---- */

/* The index by which rows are found, for the identity that the row says. */
extern void pgt_create_row_index(const StreamTable *st);
extern void pgt_drop_row_index(const StreamTable *st);

extern bool pgt_key_is_proven(const StreamTable *st, const NormalForm *form);
extern void pgt_forget_key(StreamTable *st);

/* ---- meaning.c ---- */

extern char *pgt_meaning(Compiled *compiled, const Query *query);
extern bool pgt_was_tracked(const StreamTable *st);
extern bool pgt_meaning_is_kept(const StreamTable *st,
								const Compiled *compiled);

/* ---- window.c: the changes that a stream table has not seen ---- */

typedef struct Window
{
	List *deltas;	   /* of Delta, of sources that have changes */
	int64 nrows;	   /* of all deltas */
	int64 nread;	   /* before opposite changes cancelled */
	const char *reset; /* why no delta will do, or NULL */
	int32 last_part;   /* of the own transaction that counts as seen */
	List *eras;		   /* of char *: eras of the logs but the current */
	MemoryContext memory;
} Window;

/* In changed rows; 0: no limit. */
typedef struct WindowLimits
{
	int64 keep;	 /* with more of them no delta is made */
	int64 count; /* no more are looked at */
	int64 fuse;
} WindowLimits;

extern Window *pgt_open_window(const StreamTable *st, const Compiled *compiled,
							   int32 part, const WindowLimits *limits);
extern void pgt_close_window(Window *window);

/* ---- readiness.c: what a refresh asks of its sources ---- */

extern void pgt_refuse_running_writer(const Compiled *compiled);
extern const char *pgt_find_gap(const Compiled *compiled);
extern void pgt_note_seen(const Compiled *compiled);

/* ---- patience.c: for which locks an automatic refresh waits ---- */

extern void pgt_wait_for_tables(List *streams);
extern void pgt_wait_shortly(bool shortly);

/* ---- limits.c: what a refresh may take ---- */

extern void pgt_limit_transaction(void);
extern void pgt_limit_waiting(int ms);
extern bool pgt_ran_out_of_time(void);
extern void pgt_pin_work_mem(void);
extern WindowLimits pgt_window_limits(const StreamTable *st, bool fuse);
extern void pgt_check_fuse(const StreamTable *st, const Window *window,
						   const WindowLimits *limits);
extern void pgt_refuse_blown_fuse(const StreamTable *st);
extern bool pgt_fuse_was_exceeded(int64 pgt_id);

/* ---- snapshot.c: the snapshot of a refresh ---- */

/* Must N be the latest snapshot, even under REPEATABLE READ? */
extern bool pgt_needs_latest_snapshot(const StreamTable *st);

/* May this transaction have removed rows that N does not show? */
extern bool pgt_snapshot_may_be_old(void);

/* Push the snapshot N of a refresh; PopActiveSnapshot() ends it. */
extern void pgt_push_refresh_snapshot(bool latest);

/* Make what this transaction wrote so far visible to N. */
extern void pgt_advance_refresh_snapshot(void);

/* Error 40001 if a version of a row is newer than N. */
extern void pgt_require_visible(TransactionId xmin, const char *what);
pg_noreturn extern void pgt_raise_newer(const char *what);

/* The frontier of a refresh under N that has read "part" of its own. */
extern Frontier *pgt_make_frontier(int32 part, List *done_eras);

/* ---- newer_change.c ---- */

/*
 * Error 40001 if the log of a source has changes that N does not show and
 * that make what it shows unfit for a delta.
 */
extern void pgt_require_no_newer_change(const Compiled *compiled);

/* ---- attempt.c ---- */

/* What became of a step; both NULL: it was taken. */
typedef struct Attempt
{
	const char *misfit; /* what the step returned */
	ErrorData *error;	/* the error it raised */
} Attempt;

/* Returns NULL, or what did not fit. */
typedef const char *(*AttemptedStep)(void *arg);

extern Attempt pgt_attempt(AttemptedStep step, void *arg);

/* ---- discretion.c ---- */

/*
 * Run a step of the refresh of a stream table; who is not its owner is told
 * that it failed, and no more.
 */
extern void pgt_run_discreetly(Oid relid, void (*step)(void *arg), void *arg);

/* ---- recompute.c ---- */

/*
 * The difference between the query, computed under the active snapshot, and
 * the content of the stream table, as a Z-set to apply.
 */
extern ZSet *pgt_recompute_difference(Compiled *compiled);

/*
 * Fill the stream table, which is empty, with the rows of the query; false if
 * pgt_apply_can_fill() is.
 */
extern bool pgt_recompute_fill(Compiled *compiled, int64 *inserted);

/*
 * Write the difference, by whatever works.  Error XX001 if nothing does.
 */
extern ApplyResult pgt_recompute_correct(Compiled *compiled);

/* ---- restore.c ---- */

/*
 * Let the owners of a stream table and of its sources, and nobody else, read
 * what we keep of them.
 */
extern void pgt_check_readers(const StreamTable *st, const Compiled *compiled);

extern void pgt_link_restored(void);
extern bool pgt_catalog_is_loading(void);
extern void pgt_finish_restore(const StreamTable *st, Compiled *compiled);

/* ---- choose.c ---- */

extern bool pgt_delta_pays_off(StreamTable *st, Compiled *compiled,
							   int64 nrows);
extern void pgt_measure_delta(StreamTable *st, Compiled *compiled, int64 nrows,
							  double ms);

/* ---- log_maintenance.c ---- */

/* Close, open, drain and empty segments of the logs of the sources. */
extern void pgt_maintain_logs(const Compiled *compiled);

/* The same for all logs, outside of a refresh; call it again for more. */
extern void pgt_maintain_all_logs(void);
extern void pgt_maintain_drained_logs(void);

/* Does a stream table need nothing more of a closed segment? */
extern bool pgt_consumer_has_passed(const StreamTable *st,
									const Segment *segment);

/*
 * Do logs keep anything for a stream table?  Not for one that was never
 * filled, nor for one that has lost its claim (log_limit.c): its next refresh
 * computes it as a whole, and must hold the segments from before its snapshot
 * to its end (pgt_hold_segments()).
 */
static inline bool
pgt_has_claim(const StreamTable *st)
{
	return st->is_populated && !st->frontier->lost;
}

/* ---- log_limit.c ---- */

extern void pgt_limit_log(const Source *source, List *segments);

/* ---- refresh.c ---- */

typedef struct RefreshRequest
{
	const char *initiated_by; /* "MANUAL", ... */
	const char *reason;
	bool recompute;		   /* whatever the window says */
	uint64 *rows_inserted; /* of the stream table itself; or NULL */
	bool past_fuse;		   /* however many changes there are */

	/*
	 * Nobody has asked for it, and nobody waits for it: the settings limit it,
	 * and it leaves no trace if there is nothing to do, the stream table is
	 * gone or suspended, or something holds it back.
	 */
	bool automatic;
	int64 cycle_id; /* of the scheduler, for the log; 0: none */
} RefreshRequest;

/*
 * Refresh a stream table, with the stream tables it reads first, under one
 * snapshot.  Returns true if anything changed.
 */
extern bool pgt_refresh(Oid relid, const RefreshRequest *request);

/* What became of one of several; all false: it was not refreshed. */
typedef struct RefreshOutcome
{
	bool changed;
	bool recomputed; /* as a whole, for there is no other way */
} RefreshOutcome;

/*
 * Refresh these stream tables, in this order and under one snapshot, and no
 * others but those that a watermark group wants aligned with them (see
 * pgt_aligns_upstream()).  False: something holds them back (see control.h),
 * or they are gone.
 */
extern bool pgt_refresh_group(int n, const int64 *pgt_ids,
							  const RefreshRequest *request,
							  RefreshOutcome *outcomes);

/*
 * The same as pgt_refresh(); the snapshot stays active, for the caller to read
 * under it what the refresh has read, and to pop.
 */
extern Compiled *pgt_refresh_and_stay(Oid relid,
									  const RefreshRequest *request);

/*
 * A row that should be there "weight" more times than it is (less than 0: it
 * is there too often), in the stream table (node 0) or in the state of a
 * node.  The row has the columns of the one or the other.
 */
typedef void (*RowDifference)(int node_id, TupleTableSlot *row,
							  int64 weight, void *arg);

/*
 * Refresh, then compare the stream table and the states of its nodes with a
 * recomputation under the same snapshot; each difference is reported, and
 * with "repair" removed.
 */
extern void pgt_verify(Oid relid, bool repair, RowDifference report,
					   void *arg);

/*
 * Before a definition changes: keep refreshes away from these stream tables
 * and all they read (relations that are none are passed over).
 */
extern void pgt_lock_with_upstream(List *relids, int64 self, LOCKMODE mode);

extern ApplyTarget pgt_apply_target(const StreamTable *st);

#endif /* PGT_REFRESH_H */
