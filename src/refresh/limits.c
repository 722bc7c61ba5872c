/*-------------------------------------------------------------------------
 *
 * limits.c
 *	  What a refresh may take: time, memory, changes.
 *
 *		refresh_lock_timeout	an automatic refresh waits no longer for a lock
 *		refresh_timeout			nor takes longer altogether
 *		delta_work_mem			work_mem of its queries
 *		max_change_rows			with more changes it recomputes
 *		fuse_ceiling			with more changes it does not happen at all
 *
 * Who asks for a refresh has limits of its own, lock_timeout and
 * statement_timeout, which count for it, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timeout.h"

#include "pg_trickle/failure.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/sql.h"

/* ---- time ---- */

static TimeoutId timeout;
static bool timeout_registered = false;
static volatile sig_atomic_t out_of_time = false;

/* In a signal handler: cancel what runs, as core's timeouts do. */
static void
run_out_of_time(void)
{
	out_of_time = true;
	kill(MyProcPid, SIGINT);
}

static void
stop_timeout(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		disable_timeout(timeout, true);
}

static void
start_timeout(void)
{
	if (!timeout_registered)
	{
		timeout = RegisterTimeout(USER_TIMEOUT, run_out_of_time);
		RegisterXactCallback(stop_timeout, NULL);
		timeout_registered = true;
	}
	if (pgt_refresh_timeout > 0 && !get_timeout_active(timeout))
		enable_timeout_after(timeout, pgt_refresh_timeout);
}

/*
 * Wait no longer than that for each lock, for the rest of the transaction; 0:
 * for ever.
 */
void
pgt_limit_waiting(int ms)
{
	(void) set_config_option("lock_timeout", psprintf("%dms", ms),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
}

/*
 * Put the limits of automatic refreshes on this transaction.
 */
void
pgt_limit_transaction(void)
{
	out_of_time = false;
	start_timeout();
	pgt_limit_waiting(pgt_refresh_lock_timeout);
}

/*
 * Was the last automatic refresh cancelled because of its time?
 */
bool
pgt_ran_out_of_time(void)
{
	return out_of_time;
}

/* ---- memory ---- */

/*
 * Between pgt_run_as() and pgt_run_as_done(), which undoes it: let queries
 * have delta_work_mem.
 */
void
pgt_pin_work_mem(void)
{
	if (pgt_delta_work_mem > 0)
		(void) set_config_option("work_mem",
								 psprintf("%dkB", pgt_delta_work_mem),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
}

/* ---- changes ---- */

/* Of the refresh that raised the last error of that kind. */
static int64 blown_fuse;

/*
 * How many changes a window is to keep, and to count.
 */
WindowLimits
pgt_window_limits(const StreamTable *st, bool fuse)
{
	int64 ceiling = fuse ? st->options.fuse_ceiling : 0;

	blown_fuse = 0;
	return (WindowLimits){
		.keep = pgt_max_change_rows,
		.count = ceiling > 0 ? ceiling : pgt_max_change_rows,
		.fuse = ceiling,
	};
}

static const char *
reset_command(const StreamTable *st)
{
	return psprintf("SELECT pgtrickle.reset_fuse(%s)",
					quote_literal_cstr(pgt_relation_text(st->relid)));
}

/*
 * Error 55000 if there are more changes than the fuse lets through.  Nothing
 * has been written yet.  pgt_note_failure() makes it last.
 */
void
pgt_check_fuse(const StreamTable *st, const Window *window,
			   const WindowLimits *limits)
{
	if (limits->fuse == 0 || window->nread <= limits->fuse)
		return;

	blown_fuse = st->pgt_id;
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("changes exceed the fuse of stream table \"%s\"",
				   get_rel_name(st->relid)),
			errdetail("More than %lld rows of its sources have changed since its last refresh.",
					  (long long) limits->fuse),
			errhint("Look at the changes, then apply them with %s.",
					reset_command(st)));
}

/*
 * Error 55000 if the fuse has blown.
 */
void
pgt_refuse_blown_fuse(const StreamTable *st)
{
	if (st->fuse_blown_at == 0)
		return;

	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("fuse of stream table \"%s\" has blown",
				   get_rel_name(st->relid)),
			errdetail("More rows of its sources had changed since its last refresh than its fuse_ceiling lets through."),
			errhint("Look at the changes, then apply them with %s.",
					reset_command(st)));
}

/*
 * Did the last refresh of this process end because of its fuse?
 */
bool
pgt_fuse_was_exceeded(int64 pgt_id)
{
	return blown_fuse == pgt_id;
}
