/*-------------------------------------------------------------------------
 *
 * source_health.c
 *	  check_cdc_health(): are all changes of the sources captured, and are
 *	  they taken away?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/sql.h"

#include "health.h"

PG_FUNCTION_INFO_V1(pgt_sql_check_cdc_health);

/* A log that is worth to look at what keeps it, if there is no limit. */
#define LARGE_LOG (INT64CONST(1) << 30)

/* ---- what may be wrong ---- */

static void
judge(SourceHealth *health, Severity severity, char *detail)
{
	if (severity < health->severity || health->detail != NULL)
		return;
	health->severity = severity;
	health->detail = detail;
}

static void
check_capture(SourceHealth *health)
{
	List *family = pgt_try_family(health->source->relid);
	char *gap;

	if (family == NIL)
		return; /* locked right now: another time */

	gap = pgt_capture_gap_among(health->source, family);
	if (gap != NULL)
		judge(health, SEVERITY_CRITICAL,
			  psprintf("changes of \"%s\" are not captured, so that each refresh recomputes: run pgtrickle.repair_stream_table() on a stream table that reads it",
					   gap));
	pgt_unlock_family(family);
}

static void
check_segments(SourceHealth *health)
{
	bool is_open = false;
	ListCell *lc;

	foreach (lc, pgt_segments(health->source->track_id))
	{
		const Segment *segment = lfirst(lc);

		is_open |= segment->state == SEGMENT_OPEN;
		if (get_rel_name(segment->relid) == NULL)
			judge(health, SEVERITY_CRITICAL,
				  psprintf("segment %d of its log is missing: run pgtrickle.repair_stream_table() on the stream tables that read it",
						   segment->segno));
	}
	if (!is_open)
		judge(health, SEVERITY_CRITICAL,
			  pstrdup("its log is not open, so that writes fail: run pgtrickle.repair_stream_table() on a stream table that reads it"));
}

static char *
size_text(int64 bytes)
{
	return TextDatumGetCString(DirectFunctionCall1(pg_size_pretty,
												   Int64GetDatum(bytes)));
}

static void
check_size(SourceHealth *health)
{
	int64 limit = pgt_max_log_size > 0 ? (int64) pgt_max_log_size * 1024 :
										 LARGE_LOG;

	if (health->bytes <= limit)
		return;

	if (health->slowest != NULL)
		judge(health, SEVERITY_WARNING,
			  psprintf("its log has %s: refresh or drop stream table %s, for which changes have waited longest",
					   size_text(health->bytes),
					   pgt_shown_name(health->slowest->relid)));
	else
		judge(health, SEVERITY_WARNING,
			  pstrdup("its log is large although no stream table waits for it: end the oldest transactions and drop unused replication slots, which keep it"));
}

/* ---- one source ---- */

static void
count_consumers(SourceHealth *health, Ages *ages)
{
	ListCell *lc;

	foreach (lc, pgt_dependents(health->source->relid))
	{
		const Dependency *dep = lfirst(lc);
		StreamTable *st = pgt_lookup_stream_by_id(dep->pgt_id, true);

		if (st == NULL || strcmp(dep->cdc_mode, "trigger") != 0 ||
			get_rel_name(st->relid) == NULL)
			continue;
		health->consumers++;
		if (!st->is_populated || !pgt_may_see(st) ||
			!pgt_has_changes(ages, st, health->source->relid))
			continue;
		if (health->slowest == NULL ||
			st->data_timestamp < health->slowest->data_timestamp)
			health->slowest = st;
	}
}

List *
pgt_source_health(Ages *ages)
{
	List *all = NIL;
	ListCell *lc;

	foreach (lc, pgt_all_sources())
	{
		Source *source = lfirst(lc);
		SourceHealth *health;

		if (!pgt_may_see_source(source))
			continue;

		health = palloc0(sizeof(SourceHealth));
		health->source = source;
		health->bytes = pgt_log_bytes(source, &health->segments);
		count_consumers(health, ages);
		check_capture(health);
		check_segments(health);
		check_size(health);
		all = lappend(all, health);
	}

	return all;
}

/*
 * check_cdc_health() returns setof record: one row per source whose changes
 * are logged.
 */
Datum
pgt_sql_check_cdc_health(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_source_health(pgt_ages()))
	{
		const SourceHealth *health = lfirst(lc);
		AnswerRow row = {0};

		pgt_add_relation(&row, health->source->relid);
		pgt_add_text(&row, "trigger");
		pgt_add_int8(&row, health->segments);
		pgt_add_int8(&row, health->bytes);
		pgt_add_int8(&row, health->consumers);
		if (health->slowest != NULL)
			pgt_add_relation(&row, health->slowest->relid);
		else
			pgt_add_null(&row);
		pgt_add_time(&row, health->slowest != NULL ?
							   health->slowest->data_timestamp :
							   0);
		pgt_add_text(&row, pgt_severity_name(health->severity));
		pgt_add_text(&row, health->detail);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}
