/*-------------------------------------------------------------------------
 *
 * part.c
 *	  The parts of a transaction.
 *
 *		BEGIN;
 *		INSERT ...			part 0
 *		refresh				reads what was written in part 0
 *		INSERT ...			part 1
 *		COMMIT;				the next refresh has part 1 to read
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "pg_trickle/part.h"

static int32 current_part = 0;

/* The next transaction begins with part 0, whatever became of this one. */
static void
forget_parts(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT ||
		event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		current_part = 0;
}

/*
 * The part that rows written now belong to: how many refreshes the current
 * transaction has begun.
 */
int32
pgt_current_part(void)
{
	return current_part;
}

/*
 * A refresh begins: it reads the parts up to the current one, and what is
 * written from now on belongs to the next.  A rollback to a savepoint does
 * not take it back, so that no two parts ever have the same number.
 */
void
pgt_next_part(void)
{
	static bool registered = false;

	if (!registered)
	{
		RegisterXactCallback(forget_parts, NULL);
		registered = true;
	}

	current_part++;
}
