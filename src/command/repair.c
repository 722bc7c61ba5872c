/*-------------------------------------------------------------------------
 *
 * repair.c
 *	  repair_stream_table(): put back what somebody took away.
 *
 * Owners own their objects, those that serve stream tables too, and
 * superusers can do anything: triggers may be dropped or disabled, states and
 * logs dropped or altered.  A refresh notices and refuses, or recomputes.
 * Here every part is looked at, what is missing is made anew, and states and
 * content are recomputed, which writes only what is wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"
#include "pg_trickle/sql.h"

PG_FUNCTION_INFO_V1(pgt_sql_repair);

static void
note(StringInfo report, const char *text)
{
	appendStringInfo(report, "%s%s", report->len > 0 ? "; " : "", text);
}

/* ---- the parts ---- */

static void
repair_guards(const StreamTable *st, StringInfo report)
{
	RunAs before;

	if (pgt_apply_is_guarded(st->relid))
		return;

	before = pgt_run_as(pgt_relation_owner(st->relid));
	pgt_apply_install_guard(st->relid);
	pgt_run_as_done(before);
	note(report, "guards put back");
}

static bool
log_is_intact(const Source *source)
{
	ListCell *lc;

	foreach (lc, pgt_segments(source->track_id))
	{
		if (!pgt_segment_is_intact(lfirst(lc)))
			return false;
	}

	return true;
}

/*
 * Throw the log away and start another one.  Whoever else reads the source
 * finds the reset mark with which the new log begins.
 */
static void
replace_log(const Source *source)
{
	Source *new;

	pgt_capture_remove(source);
	pgt_drop_segments(source->track_id);
	pgt_delete_source(source->track_id);
	new = pgt_track_source(source->relid, source->ncolumns, source->columns);
	pgt_capture_install(new);
}

/* A log that is intact may be one of too few columns, and not be filled. */
static void
repair_columns(const Source *source, const SourceUse *use, StringInfo report)
{
	const char *name = pgt_relation_text(use->relid);

	if (pgt_capture_gap(source) != NULL)
	{
		pgt_capture_install(source);
		note(report, psprintf("capture of %s put back", name));
	}
	if (!pgt_source_covers(source, use->ncolumns, use->columns))
	{
		(void) pgt_track_source(use->relid, use->ncolumns, use->columns);
		note(report, psprintf("columns of %s captured", name));
	}
}

static void
repair_capture(const SourceUse *use, StringInfo report)
{
	Source *source = pgt_lookup_source(use->relid, true);
	bool intact;

	if (source == NULL)
		return;
	intact = log_is_intact(source);
	if (intact && pgt_capture_gap(source) == NULL &&
		pgt_source_covers(source, use->ncolumns, use->columns))
		return;

	(void) pgt_family(use->relid, ShareRowExclusiveLock);
	pgt_capture_flush();
	if (!intact)
	{
		replace_log(source);
		note(report, psprintf("log of %s made anew",
							  pgt_relation_text(use->relid)));
		source = pgt_lookup_source(use->relid, false);
	}
	repair_columns(source, use, report);
}

static bool
state_is_lost(const NodeState *node)
{
	ListCell *lc;

	if (get_rel_name(node->state_relid) == NULL)
		return true;
	foreach (lc, node->multisets)
	{
		if (OidIsValid(lfirst_oid(lc)) && get_rel_name(lfirst_oid(lc)) == NULL)
			return true;
	}

	return false;
}

static void
repair_states(const StreamTable *st, const NormalForm *form, StringInfo report)
{
	bool lost = false;
	RunAs before;
	ListCell *lc;

	foreach (lc, pgt_node_states(st->pgt_id))
		lost |= state_is_lost(lfirst(lc));
	if (!lost)
		return;

	before = pgt_run_as(pgt_relation_owner(st->relid));
	pgt_drop_states(st);
	pgt_create_states(st, form);
	pgt_run_as_done(before);
	CacheInvalidateRelcacheByRelid(st->relid);
	CommandCounterIncrement();
	note(report, "states made anew");
}

static void
repair_parts(const StreamTable *st, StringInfo report)
{
	NormalForm *form = pgt_form_of_query(pgt_view_query(st->query_relid),
										 pgt_relation_owner(st->relid));
	ListCell *lc;

	repair_guards(st, report);
	foreach (lc, form->sources)
	{
		SourceUse use = *(SourceUse *) lfirst(lc);

		if (!pgt_needs_tracking(form, st->mode))
			use.ncolumns = 0; /* what others have captured is enough */
		else
			pgt_widen_dependency(st->pgt_id, use.relid, use.ncolumns,
								 use.columns);
		repair_capture(&use, report);
	}
	repair_states(st, form, report);
	pgt_repair_history_ids();
}

/* ---- the content ---- */

/* What its logs say, if they still do, does not matter: fill it anew. */
static void
fill_again(StreamTable *st)
{
	st->is_populated = false;
	if (st->status == STREAM_SUSPENDED)
		st->status = STREAM_INITIALIZING;
	st->consecutive_errors = 0;
	st->last_error = NULL;
	st->retry_at = 0;
	pgt_update_stream(st);
	(void) pgt_refresh(st->relid, &(RefreshRequest){
									  .initiated_by = "REPAIR",
									  .reason = "repair",
									  .recompute = true,
								  });
}

/*
 * repair_stream_table(name text) returns text: what was put back.  A stream
 * table that was suspended is active afterwards.
 */
Datum
pgt_sql_repair(PG_FUNCTION_ARGS)
{
	StreamTable *st;
	StringInfoData report;

	st = pgt_stream_argument(fcinfo, AccessShareLock, true);
	pgt_lock_with_upstream(list_make1_oid(st->relid), st->pgt_id,
						   AccessExclusiveLock);
	st = pgt_lookup_stream(st->relid, false);
	initStringInfo(&report);
	repair_parts(st, &report);
	fill_again(st);
	note(&report, "states and content recomputed");
	PG_RETURN_TEXT_P(cstring_to_text(report.data));
}
