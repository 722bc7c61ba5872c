/*-------------------------------------------------------------------------
 *
 * frontier.c
 *	  Which changes has a stream table seen?
 *
 * With the frontier 731:740:733 and own = (735, 0)
 *
 *		xid 730				seen
 *		xid 733				not seen: was running
 *		xid 735, part 0		seen: the refresh's own writes
 *		xid 735, part 1		not seen: written after the refresh
 *		xid 740				not seen: began later
 *
 * The own transaction is tested first: its xid may lie below xmax and is
 * never in the list of running ones, so that the snapshot alone would call
 * all of it seen.
 *
 * This file depends on nothing but C, so that test/unit can exercise it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg_trickle/frontier.h"

/*
 * How the changes of "era" relate to the frontier; a NULL frontier has seen
 * nothing.
 */
EraRelation
pgt_frontier_era(const Frontier *frontier, const char *era)
{
	if (frontier == NULL)
		return ERA_NEW;
	if (strcmp(frontier->era, era) == 0)
		return ERA_SAME;

	if (frontier->done_eras != NIL)
	{
		for (int i = 0; i < frontier->done_eras->length; i++)
		{
			if (strcmp(frontier->done_eras->elements[i].ptr_value, era) == 0)
				return ERA_DONE;
		}
	}

	return ERA_NEW;
}

/* Position of the first running xid that is not less than "xid". */
static int
first_running(const Frontier *frontier, FullTransactionId xid)
{
	int low = 0;
	int high = frontier->nxip;

	while (low < high)
	{
		int mid = low + (high - low) / 2;

		if (FullTransactionIdPrecedes(frontier->xip[mid], xid))
			low = mid + 1;
		else
			high = mid;
	}

	return low;
}

/*
 * Has the frontier seen a change written by "xid" in part "part"?  Both are
 * of the frontier's era.
 */
bool
pgt_frontier_sees(const Frontier *frontier, FullTransactionId xid, int32 part)
{
	int i;

	if (FullTransactionIdEquals(xid, frontier->own_xid))
		return part <= frontier->own_part;
	if (FullTransactionIdPrecedes(xid, frontier->xmin))
		return true;
	if (!FullTransactionIdPrecedes(xid, frontier->xmax))
		return false;

	i = first_running(frontier, xid);
	return i == frontier->nxip ||
		   !FullTransactionIdEquals(frontier->xip[i], xid);
}

/*
 * Has the frontier seen every change whose xid lies in [min, max]?  May say
 * no where the exact answer is yes (the own transaction may have written on
 * after the refresh).
 */
bool
pgt_frontier_passed(const Frontier *frontier, FullTransactionId min,
					FullTransactionId max)
{
	int i;

	if (FullTransactionIdIsValid(frontier->own_xid) &&
		!FullTransactionIdPrecedes(frontier->own_xid, min) &&
		!FullTransactionIdPrecedes(max, frontier->own_xid))
		return false;
	if (FullTransactionIdPrecedes(max, frontier->xmin))
		return true;
	if (!FullTransactionIdPrecedes(max, frontier->xmax))
		return false;

	i = first_running(frontier, min);
	return i == frontier->nxip ||
		   FullTransactionIdPrecedes(max, frontier->xip[i]);
}

/*
 * Has the frontier "later" seen every transaction that "f" has seen?  Their
 * own transactions, whose parts no snapshot shows, are left out.  Both are of
 * the same era.
 */
bool
pgt_frontier_covers(const Frontier *later, const Frontier *f)
{
	if (FullTransactionIdPrecedes(later->xmax, f->xmax))
		return false;

	for (int i = 0; i < later->nxip; i++)
	{
		if (!FullTransactionIdEquals(later->xip[i], f->own_xid) &&
			pgt_frontier_sees(f, later->xip[i], 0))
			return false;
	}

	return true;
}
