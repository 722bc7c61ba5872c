/*-------------------------------------------------------------------------
 *
 * refill.c
 *	  The rows of a stream table that got another definition.
 *
 * A refresh that recomputes writes the difference between the rows there are
 * and those there should be, so that rows which are the same under both
 * definitions stay untouched.
 *
 * It finds rows by their key.  With another key the old rows may not have one:
 * the first of these has a row per region, the second one per shop
 *
 *		SELECT region, sum(x) AS x FROM t GROUP BY region
 *		SELECT region, x, shop FROM t				shop is the primary key
 *
 * and the old rows have no shop.  Then the stream table is a bag while it is
 * being filled, where rows are the same if all their columns are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"

/*
 * Store a changed definition; compiled forms of it become invalid.
 */
void
pgt_store_definition(StreamTable *st)
{
	pgt_update_stream(st);
	CacheInvalidateRelcacheByRelid(st->relid);
	CommandCounterIncrement();
}

/* ---- filling ---- */

static void
fill(StreamTable *st, uint64 *rows)
{
	st->is_populated = false;
	pgt_store_definition(st);
	(void) pgt_refresh(st->relid, &(RefreshRequest){
									  .initiated_by = "ALTER",
									  .reason = "definition changed",
									  .recompute = true,
									  .rows_inserted = rows,
								  });
}

static void
fill_as_bag(StreamTable *st, uint64 *rows)
{
	StreamTable bag = *st;
	StreamTable *filled;

	bag.keyed = false;
	bag.nkeys = 0;
	pgt_create_row_index(&bag);
	fill(&bag, rows);
	pgt_drop_row_index(&bag);

	filled = pgt_lookup_stream(st->relid, false);
	filled->keyed = st->keyed;
	filled->nkeys = st->nkeys;
	filled->keys = st->keys;
	pgt_create_row_index(filled);
	pgt_store_definition(filled);
}

/*
 * Store a changed definition and make the rows what it says.  With "rekeyed"
 * the key is another one, and the index by which rows are found is not there.
 * A suspended stream table is filled all the same: its rows must fit its
 * query.  "rows", or NULL, receives how many were inserted.
 */
void
pgt_refill(StreamTable *st, bool rekeyed, uint64 *rows)
{
	bool suspended = st->status == STREAM_SUSPENDED;

	st->status = STREAM_INITIALIZING;
	if (rekeyed && st->keyed)
		fill_as_bag(st, rows);
	else
	{
		if (rekeyed)
			pgt_create_row_index(st);
		fill(st, rows);
	}
	if (!suspended)
		return;

	st = pgt_lookup_stream(st->relid, false);
	st->status = STREAM_SUSPENDED;
	pgt_update_stream(st);
}
