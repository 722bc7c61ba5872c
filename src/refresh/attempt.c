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

#include "pg_trickle/refresh.h"
#include "pg_trickle/subtransaction.h"

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

typedef struct Step
{
	AttemptedStep take;
	void *arg;
	const char *misfit;
} Step;

static bool
take_step(void *arg)
{
	Step *step = arg;

	step->misfit = step->take(step->arg);
	return step->misfit == NULL;
}

/*
 * Take a step in a subtransaction.  If the step returns a misfit, or raises an
 * error that may be due to the way and not to the result, it is undone.
 * Other errors are raised.  The error is in the current memory context.
 */
Attempt
pgt_attempt(AttemptedStep take, void *arg)
{
	Step step = {.take = take, .arg = arg};
	ErrorData *error = pgt_try(take_step, &step);

	if (error == NULL)
		return (Attempt){.misfit = step.misfit};
	if (!may_be_of_the_delta(error->sqlerrcode))
		ReThrowError(error);

	return (Attempt){.error = error};
}
