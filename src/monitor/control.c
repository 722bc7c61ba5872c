/*-------------------------------------------------------------------------
 *
 * control.c
 *	  What is seen of gates, watermarks and fuses.
 *
 * Who may read a source, or owns it, sees its gate and its watermark; who may
 * see all sources of a group sees the group.  Of the stream tables that are
 * held, each sees those it may see anyway.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg_trickle/arrays.h"
#include "pg_trickle/control.h"
#include "pg_trickle/sql.h"

#include "health.h"

PG_FUNCTION_INFO_V1(pgt_sql_source_gates);
PG_FUNCTION_INFO_V1(pgt_sql_watermarks);
PG_FUNCTION_INFO_V1(pgt_sql_watermark_status);
PG_FUNCTION_INFO_V1(pgt_sql_fuse_status);

bool
pgt_may_see_relations(List *relids)
{
	ListCell *lc;

	foreach (lc, relids)
	{
		if (!pgt_may_see_relation(lfirst_oid(lc)))
			return false;
	}

	return true;
}

/* A text[] of names, as they are to be written. */
static Datum
names_of(List *relids)
{
	List *names = NIL;
	ListCell *lc;

	foreach (lc, relids)
		names = lappend(names, pgt_shown_name(lfirst_oid(lc)));

	return pgt_string_array(names);
}

/* ---- gates ---- */

/* The stream tables of a list that read the relation themselves. */
static List *
readers_of(List *streams, Oid source)
{
	List *relids = NIL;
	ListCell *lc;

	foreach (lc, streams)
	{
		const StreamTable *st = lfirst(lc);

		if (list_member_oid(pgt_direct_dependencies(st->pgt_id), source))
			relids = lappend_oid(relids, st->relid);
	}

	return relids;
}

/*
 * source_gates() returns setof record: the gated sources, and the stream
 * tables that are held by each.
 */
Datum
pgt_sql_source_gates(PG_FUNCTION_ARGS)
{
	Controls *controls = pgt_read_controls();
	List *streams = controls->gates == NIL ? NIL : pgt_visible_streams();
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, controls->gates)
	{
		const SourceGate *gate = lfirst(lc);
		AnswerRow row = {0};

		if (!pgt_may_see_relation(gate->source))
			continue;
		pgt_add_relation(&row, gate->source);
		pgt_add_time(&row, gate->gated_at);
		pgt_add_text(&row, gate->gated_by);
		pgt_add_datum(&row, names_of(readers_of(streams, gate->source)));
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}

/* ---- watermarks ---- */

/*
 * watermarks() returns setof record: up to when sources are complete.
 */
Datum
pgt_sql_watermarks(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_read_controls()->watermarks)
	{
		const Watermark *mark = lfirst(lc);
		AnswerRow row = {0};

		if (!pgt_may_see_relation(mark->source))
			continue;
		pgt_add_relation(&row, mark->source);
		pgt_add_datum(&row, TimestampTzGetDatum(mark->watermark));
		pgt_add_time(&row, mark->advanced_at);
		pgt_add_text(&row, mark->advanced_by);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}

/* The stream tables that this group holds; the others do not matter here. */
static List *
held_by(const Controls *controls, WatermarkGroup *group, List *streams)
{
	Controls only = *controls;
	List *relids = NIL;
	ListCell *lc;

	only.groups = list_make1(group);
	foreach (lc, streams)
	{
		const StreamTable *st = lfirst(lc);
		List *sources = pgt_all_dependencies(st->pgt_id);

		if (pgt_misaligned_group(&only, sources) != NULL)
			relids = lappend_oid(relids, st->relid);
	}

	return relids;
}

static List *
without_watermark(const Controls *controls, List *sources)
{
	List *missing = NIL;
	ListCell *lc;

	foreach (lc, sources)
	{
		if (pgt_find_watermark(controls, lfirst_oid(lc)) == NULL)
			missing = lappend_oid(missing, lfirst_oid(lc));
	}

	return missing;
}

static void
put_group(FunctionCallInfo fcinfo, const Controls *controls,
		  WatermarkGroup *group, List *streams)
{
	double spread = pgt_group_spread(controls, group);
	AnswerRow row = {0};

	pgt_add_text(&row, group->name);
	pgt_add_datum(&row, names_of(group->sources));
	pgt_add_float8(&row, group->tolerance_secs);
	if (spread < 0)
		pgt_add_null(&row);
	else
		pgt_add_float8(&row, spread);
	pgt_add_bool(&row, spread >= 0 && spread <= group->tolerance_secs);
	pgt_add_datum(&row, names_of(without_watermark(controls, group->sources)));
	pgt_add_datum(&row, names_of(held_by(controls, group, streams)));
	pgt_put_row(fcinfo, &row);
}

/* Is one of them to be refreshed by itself, and waits for that? */
static bool
any_waits(Health *health, List *relids)
{
	ListCell *lc;

	foreach (lc, health->dag->nodes)
	{
		DagNode *node = lfirst(lc);

		if (node->st != NULL && list_member_oid(relids, node->relid) &&
			(pgt_is_late(health->ages, node) || !node->st->is_populated))
			return true;
	}

	return false;
}

/* The source of the group that is behind; missing ones are. */
static Oid
last_source(const Controls *controls, const WatermarkGroup *group)
{
	const Watermark *last = NULL;
	ListCell *lc;

	foreach (lc, group->sources)
	{
		const Watermark *mark = pgt_find_watermark(controls, lfirst_oid(lc));

		if (mark == NULL)
			return lfirst_oid(lc);
		if (last == NULL || mark->watermark < last->watermark)
			last = mark;
	}

	return last->source;
}

static char *
names_text(List *relids)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	foreach (lc, relids)
		appendStringInfo(&text, "%s%s",
						 foreach_current_index(lc) == 0 ? "" : ", ",
						 pgt_shown_name(lfirst_oid(lc)));
	return text.data;
}

/* health_check(): between two loads sources may differ, but not for long. */
void
pgt_check_watermarks(Health *health)
{
	Controls *controls = pgt_read_controls();
	ListCell *lc;

	foreach (lc, controls->groups)
	{
		WatermarkGroup *group = lfirst(lc);
		List *held = held_by(controls, group, health->streams);
		const char *name;

		if (!pgt_may_see_relations(group->sources) ||
			!any_waits(health, held))
			continue;
		name = pgt_shown_name(last_source(controls, group));
		pgt_find(health, SEVERITY_WARNING,
				 psprintf("watermark group %s is not aligned and holds %s: run pgtrickle.advance_watermark(%s, ...) when source %s is loaded, or pgtrickle.drop_watermark_group(%s)",
						  quote_identifier(group->name), names_text(held),
						  quote_literal_cstr(name), name,
						  quote_literal_cstr(group->name)));
	}
}

/*
 * watermark_status() returns setof record: the groups, whether they are
 * aligned, and the stream tables that wait for that.
 */
Datum
pgt_sql_watermark_status(PG_FUNCTION_ARGS)
{
	Controls *controls = pgt_read_controls();
	List *streams = controls->groups == NIL ? NIL : pgt_visible_streams();
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, controls->groups)
	{
		WatermarkGroup *group = lfirst(lc);

		if (pgt_may_see_relations(group->sources))
			put_group(fcinfo, controls, group, streams);
	}

	return (Datum) 0;
}

/* ---- fuses ---- */

/*
 * fuse_status() returns setof record: the stream tables that have a fuse, or
 * had one that blew.
 */
Datum
pgt_sql_fuse_status(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_visible_streams())
	{
		const StreamTable *st = lfirst(lc);
		AnswerRow row = {0};

		if (st->options.fuse_ceiling == 0 && st->fuse_blown_at == 0)
			continue;
		pgt_add_relation(&row, st->relid);
		if (st->options.fuse_ceiling == 0)
			pgt_add_null(&row);
		else
			pgt_add_int8(&row, st->options.fuse_ceiling);
		pgt_add_bool(&row, st->fuse_blown_at != 0);
		pgt_add_time(&row, st->fuse_blown_at);
		if (st->is_populated && pgt_may_see_all(st))
			pgt_add_int8(&row, pgt_pending_rows(st));
		else
			pgt_add_null(&row);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}
