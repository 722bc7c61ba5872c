/*-------------------------------------------------------------------------
 *
 * logs.c
 *	  How much is in the logs that a stream table reads, and how much of it is
 *	  new to it?
 *
 * A log is shared by all who read its source: its size shows once for each.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_change_buffer_sizes);

/* What the segments of one log have for one consumer. */
typedef struct LogSize
{
	int64 segments; /* in use */
	int64 bytes;
	int64 pending; /* rows that the consumer has not seen */
} LogSize;

static bool
is_passed(const Segment *segment, const Frontier *frontier)
{
	switch (pgt_frontier_era(frontier, segment->era))
	{
		case ERA_DONE:
			return true;
		case ERA_NEW:
			return false;
		case ERA_SAME:
			break;
	}

	return FullTransactionIdIsValid(segment->min_xid) &&
		   pgt_frontier_passed(frontier, segment->min_xid, segment->max_xid);
}

static bool
is_pending(TupleTableSlot *slot, bool era_is_new, const Frontier *frontier)
{
	bool isnull;
	Datum xid = slot_getattr(slot, Anum_log_xid, &isnull);
	Datum part = slot_getattr(slot, Anum_log_part, &isnull);

	return era_is_new ||
		   !pgt_frontier_sees(frontier, DatumGetFullTransactionId(xid),
							  DatumGetInt32(part));
}

/* An UPDATE counts as two rows, however it is stored. */
static int
count_images(TupleTableSlot *slot)
{
	bool isnull;
	Datum weight = slot_getattr(slot, Anum_log_weight, &isnull);

	return DatumGetInt16(weight) == WEIGHT_UPDATE ? 2 : 1;
}

static int64
count_pending(Relation log, const Segment *segment, const Frontier *frontier)
{
	bool era_is_new = pgt_frontier_era(frontier, segment->era) == ERA_NEW;
	TupleTableSlot *slot = table_slot_create(log, NULL);
	TableScanDesc scan = table_beginscan(log, GetActiveSnapshot(), 0, NULL);
	int64 rows = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (is_pending(slot, era_is_new, frontier))
			rows += count_images(slot);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return rows;
}

static void
measure_segment(const Segment *segment, const Frontier *frontier,
				LogSize *size)
{
	Relation log;
	Datum bytes;

	if (!pgt_segment_is_intact(segment))
		return;

	log = table_open(segment->relid, AccessShareLock);
	size->segments++;
	bytes = DirectFunctionCall1(pg_table_size,
								ObjectIdGetDatum(segment->relid));
	size->bytes += DatumGetInt64(bytes);
	if (!is_passed(segment, frontier))
		size->pending += count_pending(log, segment, frontier);
	table_close(log, AccessShareLock);
}

static bool
is_logged(const Dependency *dep, Source **source)
{
	*source = pgt_lookup_source(dep->source_relid, true);
	return *source != NULL && strcmp(dep->cdc_mode, "trigger") == 0;
}

static LogSize
measure_log(const Source *source, const Frontier *frontier)
{
	LogSize size = {0};
	ListCell *lc;

	foreach (lc, pgt_live_segments(source->track_id))
		measure_segment(lfirst(lc), frontier, &size);

	return size;
}

/*
 * How many rows of the logs that it reads a stream table has not seen.
 */
int64
pgt_pending_rows(const StreamTable *st)
{
	int64 pending = 0;
	ListCell *lc;

	foreach (lc, pgt_dependencies(st->pgt_id))
	{
		Source *source;

		if (is_logged(lfirst(lc), &source))
			pending += measure_log(source, st->frontier).pending;
	}

	return pending;
}

static void
put_source(FunctionCallInfo fcinfo, const StreamTable *st,
		   const Dependency *dep)
{
	Source *source;
	LogSize size;
	AnswerRow row = {0};

	if (!is_logged(dep, &source))
		return;

	size = measure_log(source, st->frontier);
	pgt_add_relation(&row, st->relid);
	pgt_add_relation(&row, source->relid);
	pgt_add_text(&row, dep->cdc_mode);
	if (st->is_populated)
		pgt_add_int8(&row, size.pending);
	else
		pgt_add_null(&row); /* its first fill reads no log */
	pgt_add_int8(&row, size.bytes);
	pgt_add_int8(&row, size.segments);
	pgt_put_row(fcinfo, &row);
}

/*
 * change_buffer_sizes() returns setof record: a row for each source of each
 * stream table whose parts the user may see.  Reads what is new of the logs.
 */
Datum
pgt_sql_change_buffer_sizes(PG_FUNCTION_ARGS)
{
	ListCell *lc;
	ListCell *lc2;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_visible_streams())
	{
		StreamTable *st = lfirst(lc);

		if (!pgt_may_see_parts(st))
			continue;
		foreach (lc2, pgt_dependencies(st->pgt_id))
			put_source(fcinfo, st, lfirst(lc2));
	}

	return (Datum) 0;
}

static int64
table_size(Oid relid)
{
	return DatumGetInt64(DirectFunctionCall1(pg_table_size,
											 ObjectIdGetDatum(relid)));
}

/*
 * See monitor.h; what is being emptied right now counts for nothing.
 */
int64
pgt_log_bytes(const Source *source, int64 *segments)
{
	int64 bytes = 0;
	ListCell *lc;

	*segments = 0;
	foreach (lc, pgt_live_segments(source->track_id))
	{
		const Segment *segment = lfirst(lc);

		if (!ConditionalLockRelationOid(segment->relid, AccessShareLock))
			continue;
		if (get_rel_name(segment->relid) != NULL)
		{
			bytes += table_size(segment->relid);
			(*segments)++;
		}
		UnlockRelationOid(segment->relid, AccessShareLock);
	}

	return bytes;
}
