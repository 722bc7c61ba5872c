/*-------------------------------------------------------------------------
 *
 * window.c
 *	  The changes that a stream table has not seen.
 *
 * A window is what lies between two snapshots: rows of the logs that N shows
 * and the frontier has not seen.  Visibility under N is the server's
 * business; pgt_frontier_sees() decides the other edge.  Segments that are
 * closed and wholly behind the frontier are skipped by their xid range.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg_trickle/kept_memory.h"
#include "pg_trickle/refresh.h"

#include "log_scan.h"

#define LARGE_CHANGE 1000 /* rows; it is worth while to be ready for the next */

/* Reading one segment for one consumer. */
typedef struct SegmentReader
{
	const Frontier *frontier;
	EraRelation era;
	int natts;			/* of the delta, without the weight */
	AttrNumber *attnos; /* in the log, of the delta's columns */
	bool complete;		/* has all of them, in their types */
	int last_attno;		/* of the first image */
	int to_old_image;	/* from its columns to those of the old one, if any */
	Datum *values;
	bool *nulls;
	const WindowLimits *limits;
	FullTransactionId last_xid; /* rows of one transaction come together: */
	int32 last_part;			/* remember the last answer */
	bool last_seen;
	Delta *delta; /* where rows go */
	Window *window;
} SegmentReader;

static bool
segment_is_passed(const Segment *segment, const Frontier *frontier)
{
	EraRelation era = pgt_frontier_era(frontier, segment->era);

	if (era == ERA_DONE)
		return true;
	if (segment->state != SEGMENT_CLOSED && segment->state != SEGMENT_DRAINED)
		return false;
	if (!FullTransactionIdIsValid(segment->min_xid))
		return true; /* closed without a row */

	return era == ERA_SAME &&
		   pgt_frontier_passed(frontier, segment->min_xid, segment->max_xid);
}

/* The place of a column of the source in the log; 0 if it is not there. */
static AttrNumber
find_column(const Segment *segment, AttrNumber column)
{
	for (int i = 0; i < segment->ncolumns; i++)
	{
		if (segment->columns[i] == column)
			return Natts_log_fixed + 1 + i;
	}

	return 0;
}

/* In all images?  The log is locked. */
static bool
stores_type(Relation log, const Segment *segment, AttrNumber attno, Oid type)
{
	TupleDesc desc = RelationGetDescr(log);
	int n = segment->ncolumns;

	return TupleDescAttr(desc, attno - 1)->atttypid == type &&
		   (!pgt_log_has_old_columns(desc, n) ||
			TupleDescAttr(desc, attno - 1 + n)->atttypid == type);
}

/*
 * Where in the log is each column of the delta?  A segment made before a
 * column was tracked lacks it; one whose type was another then (ALTER TYPE)
 * must not be read.  That matters only if there are unseen rows.
 */
static AttrNumber *
map_columns(const Segment *segment, Relation log, const SourceUse *use,
			const Delta *delta, bool *complete)
{
	AttrNumber *attnos = palloc0(sizeof(AttrNumber) * (use->ncolumns + 1));

	*complete = true;

	for (int i = 0; i < use->ncolumns; i++)
	{
		AttrNumber attno = find_column(segment, use->columns[i]);

		if (attno != 0 &&
			stores_type(log, segment, attno,
						getBaseType(TupleDescAttr(delta->desc, i)->atttypid)))
			attnos[i] = attno;
		else
			*complete = false;
	}

	return attnos;
}

/*
 * The log must look as the catalog says before its rows are taken for what
 * they are: somebody may have altered the table.
 */
static void
check_layout(const Segment *segment)
{
	char *name;

	if (pgt_segment_is_intact(segment))
		return;

	name = psprintf("log_" INT64_FORMAT "_%d", segment->track_id,
					segment->segno);
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("change log \"%s\" has been altered or dropped", name),
			errhint("Run pgtrickle.repair_stream_table() on the stream tables that read its source."));
}

static bool
reader_has_seen(SegmentReader *reader, FullTransactionId xid, int32 part)
{
	if (reader->era == ERA_NEW)
		return false;
	if (!FullTransactionIdEquals(xid, reader->last_xid) ||
		part != reader->last_part)
	{
		reader->last_xid = xid;
		reader->last_part = part;
		reader->last_seen = pgt_frontier_sees(reader->frontier, xid, part);
	}

	return reader->last_seen;
}

/*
 * Under a snapshot older than its locks (REPEATABLE READ; the second stream
 * table of a call, after triggers on the first) a transaction that truncates a
 * source removes rows that N does not show, whose log rows come later.  Its
 * mark must meet the next refresh again.
 */
static void
note_own_mark(Window *window, FullTransactionId xid, int32 part)
{
	if (pgt_snapshot_may_be_old() &&
		FullTransactionIdEquals(xid, GetTopFullTransactionIdIfAny()))
		window->last_part = Min(window->last_part, part - 1);
}

/*
 * Count a change; false if there are too many to keep.
 */
static bool
count_row(Window *window, const WindowLimits *limits)
{
	window->nread++;
	if (limits->keep == 0 || window->nread <= limits->keep)
		return true;

	window->reset = "more rows have changed than max_change_rows";
	return false;
}

/*
 * Enough of them to know what to do.  Only a mark of the own transaction
 * matters then (note_own_mark()).
 */
static bool
has_enough(const Window *window, const WindowLimits *limits)
{
	return limits->count > 0 && window->nread > limits->count &&
		   !pgt_snapshot_may_be_old();
}

static bool
is_new(const LogRow *row, void *arg)
{
	return !reader_has_seen(arg, row->xid, row->part);
}

static void
read_image(SegmentReader *reader, TupleTableSlot *slot, int offset,
		   int16 weight)
{
	if (!count_row(reader->window, reader->limits))
		return;

	for (int i = 0; i < reader->natts; i++)
	{
		int at = reader->attnos[i] - 1 + offset;

		reader->nulls[i] = reader->attnos[i] == 0 || slot->tts_isnull[at];
		reader->values[i] = reader->nulls[i] ? (Datum) 0 :
											   slot->tts_values[at];
	}
	pgt_delta_put(reader->delta, reader->values, reader->nulls, weight);
}

/* Put one row of the log into the delta, unless it is a mark. */
static bool
read_row(const LogRow *row, TupleTableSlot *slot, void *arg)
{
	SegmentReader *reader = arg;

	if (!reader->complete)
		reader->window->reset = "a column of a source has changed";
	if (row->weight == WEIGHT_MARK)
	{
		note_own_mark(reader->window, row->xid, row->part);
		reader->window->reset =
			"a source was truncated or changed by DDL";
		return true;
	}
	if (row->weight == WEIGHT_UPDATE)
	{
		slot_getallattrs(slot);
		read_image(reader, slot, reader->to_old_image, -1);
		read_image(reader, slot, 0, 1);
	}
	else
	{
		slot_getsomeattrs(slot, reader->last_attno);
		read_image(reader, slot, 0, row->weight);
	}
	return !has_enough(reader->window, reader->limits);
}

static void
read_segment(const Segment *segment, const SourceUse *use,
			 const Frontier *frontier, const WindowLimits *limits,
			 Delta *delta, Window *window)
{
	Relation log;
	SegmentReader reader = {
		.frontier = frontier,
		.limits = limits,
		.era = pgt_frontier_era(frontier, segment->era),
		.natts = use->ncolumns,
		.values = palloc(sizeof(Datum) * (use->ncolumns + 1)),
		.nulls = palloc(sizeof(bool) * (use->ncolumns + 1)),
		.last_part = -1,
		.delta = delta,
		.window = window,
	};

	check_layout(segment);
	log = table_open(segment->relid, NoLock);
	reader.attnos = map_columns(segment, log, use, delta,
								&reader.complete);
	reader.last_attno = Natts_log_fixed + segment->ncolumns;
	if (pgt_log_has_old_columns(RelationGetDescr(log), segment->ncolumns))
		reader.to_old_image = segment->ncolumns;
	if (!has_enough(window, limits))
		pgt_scan_log(log, GetActiveSnapshot(), is_new, read_row, &reader);
	table_close(log, NoLock);
}

/* Other eras in the logs are all seen once this window is. */
static void
note_era(Window *window, const char *era)
{
	ListCell *lc;

	if (strcmp(era, pgt_current_era()) == 0)
		return;
	foreach (lc, window->eras)
	{
		if (strcmp(lfirst(lc), era) == 0)
			return;
	}
	window->eras = lappend(window->eras, pstrdup(era));
}

static void
read_source(const StreamTable *st, const SourceUse *use,
			const WindowLimits *limits, Window *window)
{
	Source *source = pgt_lookup_source(use->relid, false);
	Delta *delta = pgt_delta_create(pgt_source_delta_name(use->relid),
									pgt_source_delta_desc(use));
	ListCell *lc;

	pgt_delta_expect_opposites(delta);
	foreach (lc, pgt_live_segments(source->track_id))
	{
		Segment *segment = lfirst(lc);

		note_era(window, segment->era);
		if (pgt_has_claim(st) && !segment_is_passed(segment, st->frontier))
			read_segment(segment, use, st->frontier, limits, delta, window);
	}

	if (delta->nrows > LARGE_CHANGE)
		pgt_keep_freed_memory();
	delta = pgt_delta_consolidate(delta);
	window->nrows += delta->nrows;
	if (delta->nrows > 0)
		window->deltas = lappend(window->deltas, delta);
	else
		pgt_delta_free(delta);
}

/*
 * Read what the logs of all sources have beyond the frontier of the stream
 * table, under the active snapshot, and of the own transaction up to "part".
 * The logs are locked.  To be given back by pgt_close_window().
 */
Window *
pgt_open_window(const StreamTable *st, const Compiled *compiled, int32 part,
				const WindowLimits *limits)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle window",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	Window *window = palloc0(sizeof(Window));
	ListCell *lc;

	window->memory = memory;
	window->last_part = part;
	if (compiled->tracked)
	{
		foreach (lc, compiled->form->sources)
			read_source(st, lfirst(lc), limits, window);
	}
	if (!st->is_populated)
		window->reset = "first fill";
	else if (st->frontier->lost)
		window->reset = "its log had grown beyond max_log_size";
	MemoryContextSwitchTo(before);
	return window;
}

/*
 * Give back all that pgt_open_window() took.
 */
void
pgt_close_window(Window *window)
{
	ListCell *lc;

	foreach (lc, window->deltas)
		pgt_delta_free(lfirst(lc));
	MemoryContextDelete(window->memory);
}
