/*-------------------------------------------------------------------------
 *
 * age.c
 *	  How far is the content of a stream table behind its sources?
 *
 * When it was last refreshed says little: where nothing changes, nothing is
 * refreshed, and what was right an hour ago is right now.  So
 *
 *		no change waits in the logs		0
 *		one does						since the first that was committed
 *										after the last refresh, where that is
 *										known (change_clock.c); else, since
 *										that refresh
 *		that cannot be told (FULL,		since the last refresh
 *		foreign tables, a trigger that
 *		is missing or disabled, a log
 *		that was emptied without it)
 *		it reads stream tables			that of the oldest of them at least
 *
 * The age may be too high, then, and is never too low.
 *
 * What waits is asked of the log, not counted: of closed segments mostly their
 * range of transactions tells; of others the transactions that wrote them are
 * listed once, however many stream tables read the source.  An open segment
 * has at most pg_trickle.segment_blocks.
 *
 * Nothing here waits for a lock: a table that somebody has locked is taken for
 * one of which nothing can be told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/change_clock.h"
#include "pg_trickle/program.h"

#include "monitor.h"

/* A transaction that wrote into a segment. */
typedef struct Writer
{
	FullTransactionId xid;
	int32 part;
} Writer;

typedef struct SegmentWriters
{
	Segment *segment;
	bool known; /* it was read */
	int nwriters;
	int allocated;
	Writer *writers; /* whose rows are next to each other: once */
} SegmentWriters;

/* What is known of a source. */
typedef struct SourceLog
{
	Oid relid; /* hash key */
	int64 track_id;
	bool is_sure;	/* its log has all changes */
	List *segments; /* of SegmentWriters */
} SourceLog;

typedef struct StreamAge
{
	int64 pgt_id; /* hash key */
	int64 age;
} StreamAge;

struct Ages
{
	MemoryContext memory;
	TimestampTz now;
	HTAB *logs;
	HTAB *streams;
};

static HTAB *
make_table(const char *name, Size keysize, Size entrysize)
{
	HASHCTL ctl = {
		.keysize = keysize,
		.entrysize = entrysize,
		.hcxt = CurrentMemoryContext,
	};

	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

Ages *
pgt_ages(void)
{
	Ages *ages = palloc0(sizeof(Ages));

	ages->memory = CurrentMemoryContext;
	ages->now = GetCurrentTimestamp();
	ages->logs = make_table("pg_trickle logs", sizeof(Oid), sizeof(SourceLog));
	ages->streams = make_table("pg_trickle ages", sizeof(int64),
							   sizeof(StreamAge));
	return ages;
}

/* ---- what is in a log ---- */

static void
add_writer(SegmentWriters *s, TupleTableSlot *slot)
{
	bool isnull;
	Writer writer = {
		.xid = DatumGetFullTransactionId(slot_getattr(slot, Anum_log_xid,
													  &isnull)),
		.part = DatumGetInt32(slot_getattr(slot, Anum_log_part, &isnull)),
	};
	const Writer *last = s->nwriters > 0 ? &s->writers[s->nwriters - 1] : NULL;

	if (last != NULL && FullTransactionIdEquals(last->xid, writer.xid) &&
		last->part == writer.part)
		return;
	if (s->nwriters == s->allocated)
	{
		s->allocated *= 2;
		s->writers = repalloc_huge(s->writers, sizeof(Writer) * s->allocated);
	}
	s->writers[s->nwriters++] = writer;
}

/* Locked by the caller. */
static bool
is_readable(const Segment *segment)
{
	bool intact = pgt_segment_is_intact(segment);

	/* That has locked it once more. */
	if (get_rel_name(segment->relid) != NULL)
		UnlockRelationOid(segment->relid, AccessShareLock);
	return intact;
}

/* False if it cannot be read now. */
static bool
read_writers(SegmentWriters *s)
{
	Relation log;
	TupleTableSlot *slot;
	TableScanDesc scan;

	if (!ConditionalLockRelationOid(s->segment->relid, AccessShareLock))
		return false;
	if (!is_readable(s->segment))
	{
		UnlockRelationOid(s->segment->relid, AccessShareLock);
		return false;
	}

	s->allocated = 64;
	s->writers = palloc(sizeof(Writer) * s->allocated);
	log = table_open(s->segment->relid, NoLock);
	slot = table_slot_create(log, NULL);
	scan = table_beginscan(log, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		add_writer(s, slot);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(log, AccessShareLock);
	s->known = true;
	return true;
}

/* Is all of a segment seen (1), is none of it (-1), or must one look (0)? */
static int
judge_by_range(const Segment *segment, const Frontier *frontier)
{
	bool complete = segment->state == SEGMENT_CLOSED ||
					segment->state == SEGMENT_DRAINED;
	EraRelation era = pgt_frontier_era(frontier, segment->era);

	if (era == ERA_DONE)
		return 1;
	if (!complete)
		return 0;
	if (!FullTransactionIdIsValid(segment->min_xid))
		return 1; /* closed without a row */
	if (era == ERA_NEW)
		return -1;
	if (pgt_frontier_passed(frontier, segment->min_xid, segment->max_xid))
		return 1;

	/* The first row may be seen after all: by its own transaction, too. */
	if (FullTransactionIdPrecedes(segment->min_xid, frontier->xmax) ||
		FullTransactionIdEquals(segment->min_xid, frontier->own_xid))
		return 0;

	return -1;
}

/* Has a segment rows that the frontier has not seen, as far as one can tell? */
static bool
has_unseen(SegmentWriters *s, const Frontier *frontier)
{
	int judgement = judge_by_range(s->segment, frontier);

	if (judgement != 0)
		return judgement < 0;
	if (!s->known && !read_writers(s))
		return true;
	if (pgt_frontier_era(frontier, s->segment->era) == ERA_NEW)
		return s->nwriters > 0;

	/* The newest are at the end. */
	for (int i = s->nwriters - 1; i >= 0; i--)
	{
		if (!pgt_frontier_sees(frontier, s->writers[i].xid,
							   s->writers[i].part))
			return true;
	}

	return false;
}

/* ---- what is known of a source ---- */

static bool
captures_all(const Source *source)
{
	List *family = pgt_try_family(source->relid);
	bool result = family != NIL &&
				  pgt_capture_gap_among(source, family) == NULL;

	pgt_unlock_family(family);
	list_free(family);
	return result;
}

static SourceLog *
find_log(Ages *ages, Oid relid)
{
	bool found;
	SourceLog *log = hash_search(ages->logs, &relid, HASH_ENTER, &found);
	Source *source;
	ListCell *lc;

	if (found)
		return log;

	log->is_sure = false;
	log->segments = NIL;
	source = pgt_lookup_source(relid, true);
	if (source == NULL)
		return log;

	log->track_id = source->track_id;
	log->is_sure = captures_all(source);
	foreach (lc, pgt_live_segments(source->track_id))
	{
		SegmentWriters *s = palloc0(sizeof(SegmentWriters));

		s->segment = lfirst(lc);
		log->segments = lappend(log->segments, s);
	}
	return log;
}

/*
 * May there be changes of a source that a stream table has not seen?
 */
bool
pgt_has_changes(Ages *ages, const StreamTable *st, Oid relid)
{
	SourceLog *log = find_log(ages, relid);
	ListCell *lc;

	if (!log->is_sure)
		return true;
	foreach (lc, log->segments)
	{
		if (has_unseen(lfirst(lc), st->frontier))
			return true;
	}

	return false;
}

/* When were the oldest of them committed, at the earliest? */
static TimestampTz
oldest_change(Ages *ages, const StreamTable *st, Oid relid)
{
	const SourceLog *log = find_log(ages, relid);

	/* A restore brings rows that were committed elsewhere. */
	if (!log->is_sure ||
		strcmp(st->frontier->era, pgt_current_era()) != 0)
		return st->data_timestamp;

	return pgt_first_change(log->track_id, st->data_timestamp);
}

/* ---- stream tables ---- */

/* A query without sources may still tell the time; so may one unknown. */
static bool
changes_without_sources(const StreamTable *st)
{
	NormalForm *form;

	if (!pgt_try_lock_query(st))
		return true;

	form = pgt_form_of_query(pgt_view_query(st->query_relid),
							 pgt_relation_owner(st->relid));
	return form->obstacle.kind != OBSTACLE_NONE;
}

/*
 * Since when is the stream table behind, whatever those are like that it
 * reads?  DT_NOEND: it is not.
 */
static TimestampTz
behind_since(Ages *ages, const StreamTable *st, List *dependencies)
{
	TimestampTz since = DT_NOEND;
	bool has_source = false;
	ListCell *lc;

	if (st->mode == MODE_FULL || st->frontier->lost)
		return st->data_timestamp;
	foreach (lc, dependencies)
	{
		Dependency *dep = lfirst(lc);

		if (strcmp(dep->source_type, "VIEW") == 0)
			continue; /* what it reads is there, too */
		has_source = true;
		if (strcmp(dep->cdc_mode, "trigger") != 0)
			return st->data_timestamp;
		if (pgt_has_changes(ages, st, dep->source_relid))
			since = Min(since, oldest_change(ages, st, dep->source_relid));
	}

	return !has_source && changes_without_sources(st) ? st->data_timestamp :
														since;
}

static int64
find_age(Ages *ages, const StreamTable *st)
{
	List *dependencies = pgt_dependencies(st->pgt_id);
	TimestampTz since = behind_since(ages, st, dependencies);
	int64 age = 0;
	ListCell *lc;

	check_stack_depth();

	/* It may be a change that was committed after "now". */
	if (!TIMESTAMP_IS_NOEND(since))
		age = Max(ages->now - since, 1);
	foreach (lc, dependencies)
	{
		Dependency *dep = lfirst(lc);
		StreamTable *upstream = pgt_lookup_stream(dep->source_relid, true);

		if (upstream != NULL)
			age = Max(age, pgt_age(ages, upstream));
	}

	return age;
}

int64
pgt_age(Ages *ages, const StreamTable *st)
{
	StreamAge *entry;
	MemoryContext before;
	int64 age;

	if (!st->is_populated || st->data_timestamp == 0)
		return -1;
	entry = hash_search(ages->streams, &st->pgt_id, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->age;

	before = MemoryContextSwitchTo(ages->memory);
	age = find_age(ages, st);
	entry = hash_search(ages->streams, &st->pgt_id, HASH_ENTER, NULL);
	entry->age = age;
	MemoryContextSwitchTo(before);
	return age;
}
