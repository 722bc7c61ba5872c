/*-------------------------------------------------------------------------
 *
 * choose.c
 *	  Delta or recomputation?
 *
 * Both are exact; the choice is one of cost, made anew at each refresh.  The
 * best predictor is what this stream table's own refreshes took: milliseconds
 * per changed row against milliseconds of the last recomputation.  Before
 * both are measured, a change of less than a fifth of the sources' rows is
 * taken for small.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "utils/syscache.h"

#include "pg_trickle/refresh.h"
#include "pg_trickle/settings.h"

/* Below this a delta is never worth a thought. */
#define SMALL_CHANGE 1000

static double
relation_rows(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double rows;

	if (!HeapTupleIsValid(tuple))
		return 0;
	rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return Max(rows, 0);
}

static double
source_rows(const Compiled *compiled)
{
	double rows = 0;
	ListCell *lc;

	foreach (lc, compiled->form->sources)
	{
		SourceUse *use = lfirst(lc);
		List *relids = use->inh ?
						   pgt_family(use->relid, NoLock) :
						   list_make1_oid(use->relid);
		ListCell *child;

		foreach (child, relids)
			rows += relation_rows(lfirst_oid(child));
	}

	return rows;
}

/*
 * Is the delta of "nrows" changed source rows to be preferred?  Always in
 * DIFFERENTIAL mode.
 */
bool
pgt_delta_pays_off(const StreamTable *st, const Compiled *compiled,
				   int64 nrows)
{
	if (st->mode == MODE_DIFFERENTIAL || nrows < SMALL_CHANGE)
		return true;
	if (st->delta_ms_per_row > 0 && st->full_ms > 0)
		return nrows * st->delta_ms_per_row < st->full_ms;

	return nrows < source_rows(compiled) / 5;
}
