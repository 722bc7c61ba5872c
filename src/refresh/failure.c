/*-------------------------------------------------------------------------
 *
 * failure.c
 *	  What remains of an automatic refresh that failed.
 *
 * Its transaction is gone, and with it everything the refresh did.  The error
 * is stored in another one, for the owner to read, with what to do about it:
 *
 *		division by zero (SQLSTATE 22012)
 *		HINT:  Correct the row in the source, or the query.
 *
 * Errors that say nothing about the stream table (a lock that somebody held,
 * a cancelled refresh) are stored, too, but not counted: it is refreshed
 * again after a while, however often that happens.
 *
 * A refresh on request stores nothing: who asked has got the error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/failure.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/refresh_log.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/sql.h"

/* ---- where an error comes from ---- */

static int64 refreshing;

/* Added to errors: in a chain it is not always the one that was asked for. */
static void
name_stream(void *arg)
{
	errcontext("refresh of stream table %s", (const char *) arg);
}

/*
 * See failure.h.
 */
void
pgt_begin_stream(ErrorContextCallback *context, const StreamTable *st)
{
	context->callback = name_stream;
	context->arg = pgt_relation_text(st->relid);
	context->previous = error_context_stack;
	error_context_stack = context;
	refreshing = st->pgt_id;
}

/*
 * See failure.h.
 */
void
pgt_end_stream(const ErrorContextCallback *context)
{
	error_context_stack = context->previous;
	refreshing = 0;
}

/*
 * See failure.h.
 */
int64
pgt_failed_stream(void)
{
	return refreshing;
}

/*
 * See failure.h.
 */
void
pgt_tell_failed_stream(void (*refresh)(void *arg), void *arg)
{
	static int depth = 0;
	int64 outer = depth > 0 ? refreshing : 0;

	refreshing = 0;
	depth++;
	PG_TRY();
	{
		refresh(arg);
	}
	PG_CATCH();
	{
		depth--;
		if (depth > 0)
			refreshing = outer;
		PG_RE_THROW();
	}
	PG_END_TRY();
	depth--;
	refreshing = outer;
}

/* ---- what to think of an error ---- */

static const int transient_codes[] = {
	ERRCODE_LOCK_NOT_AVAILABLE,
	ERRCODE_OBJECT_IN_USE, /* a restore that goes on, too */
	ERRCODE_QUERY_CANCELED,
	ERRCODE_ADMIN_SHUTDOWN,
	ERRCODE_CRASH_SHUTDOWN,
};

/*
 * See failure.h.
 */
bool
pgt_failure_is_transient(int sqlerrcode)
{
	if (sqlerrcode == ERRCODE_QUERY_CANCELED && pgt_ran_out_of_time())
		return false;

	for (size_t i = 0; i < lengthof(transient_codes); i++)
	{
		if (transient_codes[i] == sqlerrcode)
			return true;
	}

	/* Deadlocks and serialization failures. */
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

/* What helps where the error has no hint of its own; the first that fits. */
static const struct
{
	int code; /* of the error, or of its class */
	const char *remedy;
} remedies[] = {
	{.code = ERRCODE_LOCK_NOT_AVAILABLE,
	 .remedy =
		 "End the transaction that holds the lock, or raise pg_trickle.refresh_lock_timeout."},
	{.code = ERRCODE_QUERY_CANCELED,
	 .remedy =
		 "It gave way to somebody who waited for its locks, and is tried again."},
	{.code = ERRCODE_INSUFFICIENT_PRIVILEGE,
	 .remedy =
		 "Grant the owner of the stream table what the query needs."},
	{.code = ERRCODE_DISK_FULL,
	 .remedy =
		 "Make room on the disk."},
	{.code = ERRCODE_OUT_OF_MEMORY,
	 .remedy =
		 "Lower pg_trickle.delta_work_mem or set pg_trickle.max_change_rows."},
	{.code = ERRCODE_DATA_EXCEPTION,
	 .remedy =
		 "Correct the row in the source, or the query."},
	{.code = ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION,
	 .remedy =
		 "Correct the data, or drop the constraint of the stream table that they violate."},
	{.code = ERRCODE_DATA_CORRUPTED,
	 .remedy =
		 "Run pgtrickle.repair_stream_table()."},
	{.code = ERRCODE_INDEX_CORRUPTED,
	 .remedy =
		 "Rebuild the index, then run pgtrickle.repair_stream_table()."},
	{.code = ERRCODE_UNDEFINED_TABLE,
	 .remedy =
		 "Run pgtrickle.repair_stream_table(), or create the stream table again."},
};

/*
 * See failure.h.
 */
const char *
pgt_error_remedy(int sqlerrcode)
{
	for (size_t i = 0; i < lengthof(remedies); i++)
	{
		if (remedies[i].code == sqlerrcode ||
			remedies[i].code == ERRCODE_TO_CATEGORY(sqlerrcode))
			return remedies[i].remedy;
	}

	return NULL;
}

/* What is wrong with our own tables, users cannot mend by their data. */
static bool
is_about_catalog(const ErrorData *error)
{
	return error->schema_name != NULL &&
		   strcmp(error->schema_name, "pgtrickle") == 0;
}

/* The remedy, or NULL if we know of none. */
static const char *
remedy(const ErrorData *error)
{
	if (error->hint != NULL)
		return error->hint;
	if (is_about_catalog(error))
		return pgt_error_remedy(ERRCODE_DATA_CORRUPTED);

	return pgt_error_remedy(error->sqlerrcode);
}

/*
 * See failure.h.
 */
char *
pgt_error_summary(const ErrorData *error)
{
	return psprintf("%s (SQLSTATE %s)",
					error->message != NULL ? error->message : "no message",
					unpack_sql_state(error->sqlerrcode));
}

/* All that helps, for pgt_stream_tables. */
static char *
description(const ErrorData *error)
{
	const char *help = remedy(error);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, pgt_error_summary(error));
	if (error->detail != NULL)
		appendStringInfo(&text, "\nDETAIL:  %s", error->detail);
	if (help != NULL)
		appendStringInfo(&text, "\nHINT:  %s", help);

	return text.data;
}

/* ---- recording ---- */

static void
record_history(const StreamTable *st, const RefreshFailure *failure)
{
	pgt_insert_history(&(RefreshRecord){
		.pgt_id = st->pgt_id,
		.data_timestamp = st->data_timestamp,
		.start_time = failure->start_time,
		.end_time = GetCurrentTimestamp(),
		.action = "SKIP",
		.initiated_by = failure->initiated_by,
		.reason = failure->reason,
		.status = "FAILED",
		.error = pgt_error_summary(failure->error),
	});
}

static void
log_failure(const StreamTable *st, const RefreshFailure *failure)
{
	pgt_log_event(&(RefreshEvent){
		.event = "refresh_failed",
		.pgt_id = st->pgt_id,
		.name = pgt_relation_text(st->relid),
		.cycle_id = failure->cycle_id,
		.duration_ms =
			(GetCurrentTimestamp() - failure->start_time) / 1000.0,
		.reason = failure->reason,
		.action = "SKIP",
		.error_code = failure->error->sqlerrcode,
		.msg = pgt_error_summary(failure->error),
	});
}

static bool
has_too_many_errors(const StreamTable *st)
{
	return pgt_max_consecutive_errors > 0 &&
		   st->consecutive_errors >= pgt_max_consecutive_errors;
}

static void
suspend(StreamTable *st, const ErrorData *error)
{
	const char *name = pgt_relation_text(st->relid);

	st->status = STREAM_SUSPENDED;
	ereport(WARNING,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("stream table %s is suspended after %d consecutive errors",
				   name, st->consecutive_errors),
			errdetail_internal("%s", st->last_error),
			errhint("Remove the cause, then run pgtrickle.resume_stream_table(%s).",
					quote_literal_cstr(name)));
}

static void
blow_fuse(StreamTable *st)
{
	st->fuse_blown_at = GetCurrentTimestamp();
	ereport(WARNING,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("fuse of stream table %s has blown",
				   pgt_relation_text(st->relid)),
			errdetail_internal("%s", st->last_error));
}

static FailureKind
record_error(StreamTable *st, const RefreshFailure *failure)
{
	FailureKind kind = FAILURE_COUNTED;

	st->last_error = description(failure->error);
	st->retry_at = failure->retry_at;
	if (pgt_fuse_was_exceeded(st->pgt_id))
	{
		blow_fuse(st);
		kind = FAILURE_FUSE_BLOWN;
	}
	else if (pgt_failure_is_transient(failure->error->sqlerrcode))
		kind = FAILURE_TRANSIENT;
	else
	{
		st->consecutive_errors++;
		if (has_too_many_errors(st))
		{
			suspend(st, failure->error);
			kind = FAILURE_SUSPENDED;
		}
	}
	pgt_update_stream(st);
	return kind;
}

/*
 * Somebody who holds the lock refreshes or changes the stream table right
 * now, and one who has refreshed it since the failed refresh began has shown
 * that it works: then there is nothing to remember but the history.  One who
 * drops it holds the table.  Who restores the history is not to find rows in
 * it.
 */
static FailureKind
record(const RefreshFailure *failure)
{
	bool locked = pgt_try_lock_stream(failure->pgt_id);
	StreamTable *st = pgt_lookup_stream_by_id(failure->pgt_id, true);

	if (st == NULL || !ConditionalLockRelationOid(st->relid, AccessShareLock))
		return FAILURE_OUTDATED;
	st = pgt_lookup_stream_by_id(failure->pgt_id, true);
	if (st == NULL || get_rel_name(st->relid) == NULL)
		return FAILURE_OUTDATED;
	if (pgt_catalog_is_loading())
		return FAILURE_TRANSIENT;

	record_history(st, failure);
	log_failure(st, failure);
	if (!locked || st->last_refresh_at >= failure->start_time)
		return FAILURE_OUTDATED;

	return record_error(st, failure);
}

/* A refresh that took too long was cancelled; say why. */
static void
name_timeout(ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED || !pgt_ran_out_of_time())
		return;

	error->message = psprintf("refresh took longer than %d ms",
							  pgt_refresh_timeout);
	error->hint =
		pstrdup("Raise pg_trickle.refresh_timeout, or make the query faster.");
}

/*
 * See failure.h.
 */
FailureKind
pgt_note_failure(const RefreshFailure *failure)
{
	FailureKind kind;

	name_timeout(failure->error);
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	kind = record(failure);
	PopActiveSnapshot();
	CommitTransactionCommand();
	return kind;
}
