/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Rows of pgt_change_tracking: the tables whose changes are logged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "nodes/bitmapset.h"
#include "storage/sinval.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg_trickle/arrays.h"
#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/wake.h"

enum
{
	Anum_id = 1,
	Anum_relid,
	Anum_columns,
	Anum_has_dropped,
	Natts_tracking = Anum_has_dropped,
};

static void *
form_source(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	Source *source = palloc0(sizeof(Source));

	source->track_id = DatumGetInt64(values[Anum_id - 1]);
	source->relid = DatumGetObjectId(values[Anum_relid - 1]);
	source->columns = pgt_int2_members(values[Anum_columns - 1],
									   &source->ncolumns);
	source->has_dropped = DatumGetBool(values[Anum_has_dropped - 1]);
	return source;
}

static void
init_id_key(ScanKey key, int64 track_id)
{
	ScanKeyInit(key, Anum_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(track_id));
}

/* ---- what this transaction has looked up ---- */

/*
 * A refresh asks for each of its sources six times.  What was found is good
 * until a message of any kind comes in, as what the server's own caches have:
 * whoever changes a row here sends one about the source (who deletes it, about
 * its triggers), and holds locks until it is sent.  So this says no less than
 * the table does to who holds a lock; others may be told what was true a moment
 * ago.  Who has changed rows itself, or made the extension anew, reads them.
 */
#define MEMO_SOURCES 8

static Source *memo[MEMO_SOURCES]; /* in TopTransactionContext */
static int memo_next = 0;
static uint64 memo_messages;		 /* when it was empty last */
static Oid memo_table;				 /* that it is of */
static bool memo_is_cleared = false; /* at the end of the transaction */
static bool memo_is_closed = false;	 /* until then */

static void
empty_memo(void)
{
	memset(memo, 0, sizeof(memo));
	memo_messages = SharedInvalidMessageCounter;
	memo_table = pgt_catalog_oid(TABLE_TRACKING);
}

static void
forget_memo(void *arg)
{
	memset(memo, 0, sizeof(memo));
	memo_is_cleared = memo_is_closed = false;
}

static void
clear_memo_at_end(void)
{
	MemoryContextCallback *callback;

	if (memo_is_cleared)
		return;

	callback = MemoryContextAllocZero(TopTransactionContext,
									  sizeof(MemoryContextCallback));
	callback->func = forget_memo;
	MemoryContextRegisterResetCallback(TopTransactionContext, callback);
	memo_is_cleared = true;
}

/* A row is written or deleted, whether or not that will last. */
static void
close_memo(void)
{
	clear_memo_at_end();
	memo_is_closed = true;
}

static Source *
copy_source(const Source *source)
{
	Source *copy = palloc(sizeof(Source));

	*copy = *source;
	copy->columns = palloc(sizeof(AttrNumber) * Max(source->ncolumns, 1));
	memcpy(copy->columns, source->columns,
		   sizeof(AttrNumber) * source->ncolumns);
	return copy;
}

static Source *
recall(Oid relid)
{
	if (memo_messages != SharedInvalidMessageCounter ||
		memo_table != pgt_catalog_oid(TABLE_TRACKING))
		empty_memo();
	if (memo_is_closed)
		return NULL;

	for (int i = 0; i < MEMO_SOURCES; i++)
	{
		if (memo[i] != NULL && memo[i]->relid == relid)
			return copy_source(memo[i]);
	}

	return NULL;
}

static void
remember(const Source *source)
{
	MemoryContext before;
	Source *old;

	clear_memo_at_end();
	before = MemoryContextSwitchTo(TopTransactionContext);
	old = memo[memo_next];
	memo[memo_next] = NULL;
	if (old != NULL)
	{
		pfree(old->columns);
		pfree(old);
	}
	memo[memo_next] = copy_source(source);
	memo_next = (memo_next + 1) % MEMO_SOURCES;
	MemoryContextSwitchTo(before);
}

/* ---- looking up ---- */

/*
 * The tracking of a table, in the caller's memory context.  If it is not
 * tracked: NULL with "missing_ok", else an internal error.
 */
Source *
pgt_lookup_source(Oid relid, bool missing_ok)
{
	ScanKeyData key;
	Source *source;
	List *rows;

	if (missing_ok && !pgt_catalog_exists())
		return NULL;
	source = recall(relid);
	if (source != NULL)
		return source;

	ScanKeyInit(&key, Anum_relid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	rows = pgt_scan_catalog(TABLE_TRACKING, INDEX_TRACKING_SOURCE, 1, &key,
							ForwardScanDirection, true, form_source);
	if (rows == NIL && !missing_ok)
		elog(ERROR, "relation %u is not tracked", relid);
	if (rows == NIL)
		return NULL;

	remember(linitial(rows));
	return linitial(rows);
}

/*
 * Same, by its id.
 */
Source *
pgt_lookup_source_by_id(int64 track_id, bool missing_ok)
{
	ScanKeyData key;
	List *rows;

	if (missing_ok && !pgt_catalog_exists())
		return NULL;

	init_id_key(&key, track_id);
	rows = pgt_scan_catalog(TABLE_TRACKING, INDEX_TRACKING, 1, &key,
							ForwardScanDirection, true, form_source);
	if (rows == NIL && !missing_ok)
		elog(ERROR, "source " INT64_FORMAT " is not tracked", track_id);

	return rows == NIL ? NULL : linitial(rows);
}

/*
 * All tracked tables, by id, in the caller's memory context.
 */
List *
pgt_all_sources(void)
{
	return pgt_scan_catalog(TABLE_TRACKING, INDEX_TRACKING, 0, NULL,
							ForwardScanDirection, false, form_source);
}

static void
store_source(const Source *source, bool is_new)
{
	ScanKeyData key;
	Datum values[Natts_tracking];
	bool nulls[Natts_tracking] = {0};
	bool replace[Natts_tracking] = {0};

	close_memo();
	CacheInvalidateRelcacheByRelid(source->relid);
	values[Anum_id - 1] = Int64GetDatum(source->track_id);
	values[Anum_relid - 1] = ObjectIdGetDatum(source->relid);
	values[Anum_columns - 1] = pgt_int2_array(source->ncolumns,
											  source->columns);
	values[Anum_has_dropped - 1] = BoolGetDatum(source->has_dropped);
	if (is_new)
	{
		pgt_insert_row(TABLE_TRACKING, values, nulls);
		pgt_wake_for(WAKE_CATALOG);
		return;
	}

	replace[Anum_columns - 1] = true;
	replace[Anum_has_dropped - 1] = true;
	init_id_key(&key, source->track_id);
	pgt_update_row(TABLE_TRACKING, INDEX_TRACKING, 1, &key, values, nulls,
				   replace);
}

static Bitmapset *
column_set(int n, const AttrNumber *columns)
{
	Bitmapset *set = NULL;

	for (int i = 0; i < n; i++)
		set = bms_add_member(set, columns[i]);

	return set;
}

static void
set_columns(Source *source, Bitmapset *set)
{
	int attno = -1;

	source->ncolumns = 0;
	source->columns = palloc(sizeof(AttrNumber) * (bms_num_members(set) + 1));
	while ((attno = bms_next_member(set, attno)) >= 0)
		source->columns[source->ncolumns++] = (AttrNumber) attno;
}

/* The open segment, if any, takes no new writers. */
static void
retire_open_segment(int64 track_id)
{
	Segment *open = pgt_open_segment(track_id);

	if (open == NULL)
		return;

	open->state = SEGMENT_CLOSING;
	pgt_update_segment(open);
}

/* From now on rows are logged with the columns that the source has now. */
static void
switch_segment(const Source *source)
{
	retire_open_segment(source->track_id);
	(void) pgt_create_segment(source);
	CacheInvalidateRelcacheByRelid(source->relid);
	CommandCounterIncrement();
}

static bool
column_exists(Oid relid, AttrNumber attno)
{
	return get_attname(relid, attno, true) != NULL;
}

static bool
has_dropped_columns(Oid relid)
{
	Relation rel = table_open(relid, NoLock);
	TupleDesc desc = RelationGetDescr(rel);
	bool found = false;

	for (int i = 0; i < desc->natts; i++)
		found |= TupleDescAttr(desc, i)->attisdropped;
	table_close(rel, NoLock);
	return found;
}

/*
 * See catalog.h; nothing if the table is not tracked.
 */
void
pgt_note_dropped_column(Oid relid)
{
	Source *source = pgt_lookup_source(relid, true);

	if (source == NULL || source->has_dropped)
		return;

	source->has_dropped = true;
	store_source(source, false);
}

/*
 * See catalog.h.
 */
void
pgt_renumber_source(Source *source, int ncolumns, const AttrNumber *columns)
{
	Bitmapset *wanted = column_set(ncolumns, columns);

	pgt_lock_segments(source->track_id);
	for (int i = 0; i < source->ncolumns; i++)
	{
		if (column_exists(source->relid, source->columns[i]))
			wanted = bms_add_member(wanted, source->columns[i]);
	}
	set_columns(source, wanted);
	source->has_dropped = false;
	store_source(source, false);
	switch_segment(source);
}

/*
 * Track a table, or more columns of it: from now on (once the capture
 * triggers are in place) its log has "columns", whoever asked for others
 * before keeps them.  The caller holds SHARE ROW EXCLUSIVE on the table if
 * it is new or a column is, so that no writer is half-way; callers find out
 * with pgt_source_covers().
 */
Source *
pgt_track_source(Oid relid, int ncolumns, const AttrNumber *columns)
{
	Source *source = pgt_lookup_source(relid, true);
	Bitmapset *wanted = column_set(ncolumns, columns);
	bool is_new = source == NULL;

	if (!is_new && pgt_source_covers(source, ncolumns, columns))
		return source;

	if (is_new)
	{
		source = palloc0(sizeof(Source));
		source->track_id = pgt_next_id(SEQUENCE_TRACKING);
		source->relid = relid;
	}
	pgt_lock_segments(source->track_id);
	set_columns(source, bms_union(wanted, column_set(source->ncolumns,
													 source->columns)));
	source->has_dropped |= has_dropped_columns(relid);
	store_source(source, is_new);
	switch_segment(source);
	return source;
}

/*
 * Does the log of the source have all these columns?
 */
bool
pgt_source_covers(const Source *source, int ncolumns,
				  const AttrNumber *columns)
{
	return bms_is_subset(column_set(ncolumns, columns),
						 column_set(source->ncolumns, source->columns));
}

/*
 * Forget a source and its segments' rows; the caller drops the log tables
 * (pgt_drop_segments()) unless they are gone with the source.
 */
void
pgt_delete_source(int64 track_id)
{
	ScanKeyData key;

	close_memo();
	init_id_key(&key, track_id);
	pgt_delete_rows(TABLE_TRACKING, INDEX_TRACKING, 1, &key);
	init_id_key(&key, track_id);
	pgt_delete_rows(TABLE_SEGMENTS, INDEX_SEGMENTS, 1, &key);
	pgt_wake_for(WAKE_CATALOG);
}
