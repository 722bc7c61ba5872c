/*-------------------------------------------------------------------------
 *
 * failure.h
 *	  Automatic refreshes that fail.
 *
 * Layer: refresh
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_FAILURE_H
#define PGT_FAILURE_H

#include "datatype/timestamp.h"

#include "pg_trickle/catalog.h"

/* A refresh that raised an error, after its transaction was aborted. */
typedef struct RefreshFailure
{
	int64 pgt_id;	  /* pgt_failed_stream(), if it knows */
	ErrorData *error; /* a copy that survived the abort */
	TimestampTz start_time;
	TimestampTz retry_at; /* not before; 0: any time */
	const char *initiated_by;
	const char *reason;
	int64 cycle_id; /* of the scheduler; 0: none */
} RefreshFailure;

/* What pgt_note_failure() made of it. */
typedef enum FailureKind
{
	FAILURE_COUNTED,	/* one more error in a row */
	FAILURE_SUSPENDED,	/* that was the last one allowed */
	FAILURE_TRANSIENT,	/* nobody's fault, to be tried again */
	FAILURE_FUSE_BLOWN, /* too many changes: waits for reset_fuse() */
	FAILURE_OUTDATED,	/* no such stream table, or somebody else is at it */
} FailureKind;

/*
 * Is an error with this code not the fault of the stream table: a lock that
 * could not be had, a deadlock, a cancellation?  Asked before the next
 * refresh of this process, which forgets whether this one ran out of time.
 */
extern bool pgt_failure_is_transient(int sqlerrcode);

/*
 * Which stream table was being refreshed when the last error came; 0 if it
 * was none in particular.
 */
extern int64 pgt_failed_stream(void);

/*
 * Record a failed refresh in a transaction of its own: call it outside of
 * any.  Raises what writing to the catalog may raise.
 */
extern FailureKind pgt_note_failure(const RefreshFailure *failure);

/* What helps against errors with this code; NULL: nothing in particular. */
extern const char *pgt_error_remedy(int sqlerrcode);

/* ---- for refresh.c ---- */

/* Message and code in one line, for the history; in the current context. */
extern char *pgt_error_summary(const ErrorData *error);

/*
 * Run refreshes of this session, for pgt_failed_stream().  A trigger, or a
 * function of a query, may ask for others meanwhile, and go on if they fail:
 * if then the outer one fails, it is that which did.
 */
extern void pgt_tell_failed_stream(void (*refresh)(void *arg), void *arg);

/*
 * From here on, errors are those of this stream table, and say so; until
 * pgt_end_stream(), or the error.
 */
extern void pgt_begin_stream(ErrorContextCallback *context,
							 const StreamTable *st);
extern void pgt_end_stream(const ErrorContextCallback *context);

#endif /* PGT_FAILURE_H */
