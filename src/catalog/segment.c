/*-------------------------------------------------------------------------
 *
 * segment.c
 *	  Rows of pgt_log_segments, and the tables they name.
 *
 * The life of a segment:
 *
 *		open -> closing -> closed -> drained -> free -> open ...
 *
 * There may be many free ones, after a time when somebody read slowly.  Who
 * refreshes does not meet them, whose state is the last in the order of states.
 *
 * Who changes a state holds pgt_lock_segments().  src/refresh/README.md says
 * when each step is safe.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/xid8.h"

#include "pg_trickle/arrays.h"
#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/compat.h"

enum
{
	Anum_track_id = 1,
	Anum_segno,
	Anum_relid,
	Anum_era,
	Anum_state,
	Anum_columns,
	Anum_min_xid,
	Anum_max_xid,
	Anum_drained_xid,
	Anum_times_emptied,
	Natts_segments = Anum_times_emptied,
};

static FullTransactionId
xid_or_invalid(const Datum *values, const bool *nulls, AttrNumber attno)
{
	return nulls[attno - 1] ? InvalidFullTransactionId :
							  DatumGetFullTransactionId(values[attno - 1]);
}

static void *
form_segment(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	Segment *segment = palloc0(sizeof(Segment));

	segment->track_id = DatumGetInt64(values[Anum_track_id - 1]);
	segment->segno = DatumGetInt32(values[Anum_segno - 1]);
	segment->relid = DatumGetObjectId(values[Anum_relid - 1]);
	segment->era = TextDatumGetCString(values[Anum_era - 1]);
	segment->state = (SegmentState) DatumGetChar(values[Anum_state - 1]);
	segment->columns = pgt_int2_members(values[Anum_columns - 1],
										&segment->ncolumns);
	segment->min_xid = xid_or_invalid(values, nulls, Anum_min_xid);
	segment->max_xid = xid_or_invalid(values, nulls, Anum_max_xid);
	segment->drained_xid = xid_or_invalid(values, nulls, Anum_drained_xid);
	segment->xmin = HeapTupleHeaderGetXmin(tuple->t_data);
	segment->times_emptied = DatumGetInt32(values[Anum_times_emptied - 1]);
	return segment;
}

static void
set_xid(Datum *values, bool *nulls, AttrNumber attno, FullTransactionId xid)
{
	nulls[attno - 1] = !FullTransactionIdIsValid(xid);
	values[attno - 1] = FullTransactionIdGetDatum(xid);
}

static void
fill_row(const Segment *segment, Datum *values, bool *nulls)
{
	memset(nulls, 0, sizeof(bool) * Natts_segments);
	values[Anum_track_id - 1] = Int64GetDatum(segment->track_id);
	values[Anum_segno - 1] = Int32GetDatum(segment->segno);
	values[Anum_relid - 1] = ObjectIdGetDatum(segment->relid);
	values[Anum_era - 1] = CStringGetTextDatum(segment->era);
	values[Anum_state - 1] = CharGetDatum((char) segment->state);
	values[Anum_columns - 1] = pgt_int2_array(segment->ncolumns,
											  segment->columns);
	set_xid(values, nulls, Anum_min_xid, segment->min_xid);
	set_xid(values, nulls, Anum_max_xid, segment->max_xid);
	set_xid(values, nulls, Anum_drained_xid, segment->drained_xid);
	values[Anum_times_emptied - 1] = Int32GetDatum(segment->times_emptied);
}

/*
 * The segments of a source's log, as a list of Segment by number in the
 * caller's memory context.
 */
List *
pgt_segments(int64 track_id)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_track_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(track_id));
	return pgt_scan_catalog(TABLE_SEGMENTS, INDEX_SEGMENTS, 1, &key,
							ForwardScanDirection, false, form_segment);
}

static int
compare_numbers(const ListCell *a, const ListCell *b)
{
	int x = ((Segment *) lfirst(a))->segno;
	int y = ((Segment *) lfirst(b))->segno;

	return x < y ? -1 : x > y;
}

/*
 * Those of them that are not free, by number, which is the order to lock them
 * in.
 */
List *
pgt_live_segments(int64 track_id)
{
	ScanKeyData keys[2];
	List *segments;

	ScanKeyInit(&keys[0], Anum_track_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(track_id));
	ScanKeyInit(&keys[1], Anum_state, BTLessStrategyNumber, F_CHARLT,
				CharGetDatum(SEGMENT_FREE));
	segments = pgt_scan_catalog(TABLE_SEGMENTS, INDEX_SEGMENTS_STATE, 2, keys,
								ForwardScanDirection, false, form_segment);
	list_sort(segments, compare_numbers);
	return segments;
}

static void *
form_drained(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	int64 *track_id;

	if (DatumGetChar(values[Anum_state - 1]) != SEGMENT_DRAINED)
		return NULL;

	track_id = palloc(sizeof(int64));
	*track_id = DatumGetInt64(values[Anum_track_id - 1]);
	return track_id;
}

/*
 * The logs with drained segments: their ids, as a list of int64 *, once each.
 */
List *
pgt_drained_logs(void)
{
	List *logs = NIL;
	ListCell *lc;

	foreach (lc, pgt_scan_catalog(TABLE_SEGMENTS, INDEX_SEGMENTS, 0, NULL,
								  ForwardScanDirection, false, form_drained))
	{
		if (logs == NIL || *(int64 *) llast(logs) != *(int64 *) lfirst(lc))
			logs = lappend(logs, lfirst(lc));
	}

	return logs;
}

/*
 * The segment that takes new rows now, or NULL: there is none, or it is of
 * another era (the database was restored) and no longer takes any.
 */
Segment *
pgt_open_segment(int64 track_id)
{
	ListCell *lc;

	foreach (lc, pgt_live_segments(track_id))
	{
		Segment *segment = lfirst(lc);

		if (segment->state == SEGMENT_OPEN &&
			strcmp(segment->era, pgt_current_era()) == 0)
			return segment;
	}

	return NULL;
}

/*
 * Store a changed segment; writers that have it cached learn of it.
 */
void
pgt_update_segment(const Segment *segment)
{
	ScanKeyData keys[2];
	Datum values[Natts_segments];
	bool nulls[Natts_segments];
	bool replace[Natts_segments];

	fill_row(segment, values, nulls);
	memset(replace, true, sizeof(replace));
	ScanKeyInit(&keys[0], Anum_track_id, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(segment->track_id));
	ScanKeyInit(&keys[1], Anum_segno, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(segment->segno));
	CacheInvalidateRelcacheByRelid(segment->relid);
	pgt_update_row(TABLE_SEGMENTS, INDEX_SEGMENTS, 2, keys, values, nulls,
				   replace);
}

/*
 * Values are stored as their base type: a domain's constraints were checked
 * when the source was written.  A column that does not exist (any more) keeps
 * its place, always NULL.
 */
static void
init_log_column(TupleDesc desc, AttrNumber attno, char image, Oid source,
				AttrNumber column)
{
	bool exists = OidIsValid(get_atttype(source, column));
	Oid type = INT4OID;
	Oid collation = InvalidOid;
	int32 typmod;

	if (exists)
		get_atttypetypmodcoll(source, column, &type, &typmod, &collation);
	TupleDescInitEntry(desc, attno, psprintf("%c%d", image, column),
					   getBaseType(type), -1, 0);
	TupleDescInitEntryCollation(desc, attno, collation);
}

/* The columns of a log; those of the old image, if there is room. */
static TupleDesc
log_desc(const Source *source)
{
	int n = source->ncolumns;
	int nimages = Natts_log_fixed + 2 * n <= MaxHeapAttributeNumber ? 2 : 1;
	TupleDesc desc = CreateTemplateTupleDesc(Natts_log_fixed + nimages * n);
	AttrNumber attno = Natts_log_fixed;

	TupleDescInitEntry(desc, Anum_log_xid, "xid", XID8OID, -1, 0);
	TupleDescInitEntry(desc, Anum_log_part, "part", INT4OID, -1, 0);
	TupleDescInitEntry(desc, Anum_log_weight, "weight", INT2OID, -1, 0);
	for (int image = 0; image < nimages; image++)
	{
		char name = image == 0 ? 'c' : 'o';

		for (int i = 0; i < n; i++)
			init_log_column(desc, ++attno, name, source->relid,
							source->columns[i]);
	}
	return desc;
}

/*
 * A constraint that a dump restores after the data: while it is missing, a
 * restore is under way and the log may lack rows.
 */
static void
add_restore_mark(Oid relid)
{
	Relation rel = table_open(relid, AccessExclusiveLock);
	Constraint *constraint = makeNode(Constraint);
	NullTest *test = makeNode(NullTest);
	ColumnRef *column = makeNode(ColumnRef);

	column->fields = list_make1(makeString("weight"));
	column->location = -1;
	test->arg = (Expr *) column;
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	constraint->contype = CONSTR_CHECK;
	constraint->conname = "restored";
	constraint->location = -1;
	constraint->raw_expr = (Node *) test;
	constraint->skip_validation = true;
	constraint->initially_valid = false;
	pgt_set_enforced(constraint);
	AddRelationNewConstraints(rel, NIL, list_make1(constraint), false, true,
							  true, NULL);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

static Oid
create_log(const Source *source, int segno)
{
	char *name = psprintf("log_" INT64_FORMAT "_%d", source->track_id,
						  segno);
	DefElem *no_vacuum = makeDefElem("autovacuum_enabled",
									 (Node *) makeString("false"), -1);
	Oid relid;

	/* Rows only come; all of them go at once when the segment is emptied. */
	relid = pgt_create_internal_table("pgtrickle_changes", name,
									  log_desc(source),
									  pgt_relation_owner(source->relid),
									  source->relid, list_make1(no_vacuum));
	add_restore_mark(relid);
	return relid;
}

static int
count_columns(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	int natts;

	if (!HeapTupleIsValid(tuple))
		return 0;

	natts = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);
	return natts;
}

static bool
is_pair(int natts, int ncolumns)
{
	return ncolumns > 0 && natts == Natts_log_fixed + 2 * ncolumns;
}

/*
 * Are there columns for the old image of an UPDATE?
 */
bool
pgt_log_has_old_columns(TupleDesc desc, int ncolumns)
{
	return is_pair(desc->natts, ncolumns);
}

/*
 * Are values of a type, or of a domain over it, what member i of "columns" is
 * stored as, in all images?  Somebody may have altered the table, or dropped
 * it; it is not locked.
 */
bool
pgt_segment_stores(const Segment *segment, int i, Oid type)
{
	AttrNumber attno = Natts_log_fixed + 1 + i;
	Oid base = getBaseType(type);

	return get_atttype(segment->relid, attno) == base &&
		   (!is_pair(count_columns(segment->relid), segment->ncolumns) ||
			get_atttype(segment->relid, attno + segment->ncolumns) == base);
}

/* The columns that the source tracks, in the types that they have now. */
static bool
same_layout(const Segment *segment, const Source *source)
{
	if (segment->ncolumns != source->ncolumns ||
		memcmp(segment->columns, source->columns,
			   sizeof(AttrNumber) * source->ncolumns) != 0)
		return false;

	for (int i = 0; i < source->ncolumns; i++)
	{
		Oid now = get_atttype(source->relid, source->columns[i]);

		if (OidIsValid(now) && !pgt_segment_stores(segment, i, now))
			return false;
	}

	return true;
}

static Segment *
reopen_free_segment(List *segments, const Source *source)
{
	ListCell *lc;

	foreach (lc, segments)
	{
		Segment *segment = lfirst(lc);

		if (segment->state != SEGMENT_FREE || !same_layout(segment, source))
			continue;

		segment->state = SEGMENT_OPEN;
		segment->era = pstrdup(pgt_current_era());
		segment->min_xid = segment->max_xid = InvalidFullTransactionId;
		segment->drained_xid = InvalidFullTransactionId;
		pgt_update_segment(segment);
		return segment;
	}

	return NULL;
}

/*
 * Open a segment for the columns that the source tracks now: a free one that
 * has the same, else a new one.  The caller holds pgt_lock_segments() and has
 * retired the one that was open.  In the caller's memory context.
 */
Segment *
pgt_create_segment(const Source *source)
{
	List *segments = pgt_segments(source->track_id);
	Segment *segment = reopen_free_segment(segments, source);
	Datum values[Natts_segments];
	bool nulls[Natts_segments];

	if (segment == NULL)
	{
		segment = palloc0(sizeof(Segment));
		segment->track_id = source->track_id;
		segment->segno = 1;
		if (segments != NIL)
			segment->segno += ((Segment *) llast(segments))->segno;
		segment->era = pstrdup(pgt_current_era());
		segment->state = SEGMENT_OPEN;
		segment->ncolumns = source->ncolumns;
		segment->columns = source->columns;
		segment->relid = create_log(source, segment->segno);
		fill_row(segment, values, nulls);
		pgt_insert_row(TABLE_SEGMENTS, values, nulls);
	}
	return segment;
}

/*
 * Does the log table exist, and look as the row of the catalog says?  A
 * superuser may have altered or dropped it.
 */
bool
pgt_segment_is_intact(const Segment *segment)
{
	Relation log = try_relation_open(segment->relid, AccessShareLock);
	TupleDesc desc;
	bool intact;

	if (log == NULL)
		return false;

	desc = RelationGetDescr(log);
	intact = log->rd_rel->relam == HEAP_TABLE_AM_OID &&
			 (desc->natts == Natts_log_fixed + segment->ncolumns ||
			  pgt_log_has_old_columns(desc, segment->ncolumns)) &&
			 TupleDescAttr(desc, Anum_log_xid - 1)->atttypid == XID8OID &&
			 TupleDescAttr(desc, Anum_log_part - 1)->atttypid == INT4OID &&
			 TupleDescAttr(desc, Anum_log_weight - 1)->atttypid == INT2OID;
	relation_close(log, NoLock);
	return intact;
}

/*
 * Drop all log tables of a source, those of them that exist.
 */
void
pgt_drop_segments(int64 track_id)
{
	ListCell *lc;

	foreach (lc, pgt_segments(track_id))
		pgt_drop_internal_relation(((Segment *) lfirst(lc))->relid);
}
