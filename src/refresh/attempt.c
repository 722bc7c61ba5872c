/*-------------------------------------------------------------------------
 *
 * attempt.c
 *	  A step that may be taken back.
 *
 * A delta can fail where a recomputation does not.  Its terms combine rows
 * that were never in the tables together:
 *
 *		SELECT r.a / s.b FROM r JOIN s USING (k)
 *		UPDATE r SET k = 2 WHERE k = 1;
 *		UPDATE s SET b = 0 WHERE k = 1;
 *
 * One term joins the old row of r with the new one of s, another takes that
 * back, but 1 / 0 is an error by then.  And a delta that turns out not to fit
 * has been applied in part.  So it is applied in a subtransaction; if that
 * does not work, nothing of it is left, and the caller recomputes, which
 * raises the error if it is a real one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg_trickle/refresh.h"

/*
 * Is this an error that the data of a delta can raise where the data of the
 * tables would not?  Data exceptions (22), and constraints of the stream table
 * (23) that only the whole change satisfies.
 */
static bool
may_be_of_the_delta(int sqlerrcode)
{
	int category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION ||
		   category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION;
}

/* Returns the message of the error, or raises it again. */
static const char *
take_back(MemoryContext context, ResourceOwner owner)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (!may_be_of_the_delta(error->sqlerrcode))
		ReThrowError(error);

	return error->message;
}

/*
 * Take a step in a subtransaction.  If the step returns a misfit, or raises an
 * error that may be due to the way and not to the result, it is undone.
 * Other errors are raised.  Strings in the current memory context.
 */
Attempt
pgt_attempt(AttemptedStep step, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Attempt attempt = {0};

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		attempt.misfit = step(arg);
		if (attempt.misfit == NULL)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		attempt.error = take_back(context, owner);
	}
	PG_END_TRY();

	return attempt;
}
