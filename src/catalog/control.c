/*-------------------------------------------------------------------------
 *
 * control.c
 *	  What holds refreshes back: pause, drain, gates, watermarks.
 *
 *		pgt_control				a row 'paused', a row 'drained', or none
 *		pgt_source_gates		a row per gated source
 *		pgt_watermarks			a row per source that has a watermark
 *		pgt_watermark_groups	a row per group
 *
 * The tables are small; who wants to know about many stream tables reads each
 * once (pgt_read_controls()).  Every change wakes the scheduler when it is
 * committed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg_trickle/arrays.h"
#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/control.h"
#include "pg_trickle/sql.h"
#include "pg_trickle/wake.h"

#define STATE_PAUSED "paused"
#define STATE_DRAINED "drained"

enum
{
	Anum_control_state = 1,
	Anum_control_since,
	Anum_control_set_by,
	Natts_control = Anum_control_set_by,
};

enum
{
	Anum_gates_source = 1,
	Anum_gates_gated_at,
	Anum_gates_gated_by,
	Natts_gates = Anum_gates_gated_by,
};

enum
{
	Anum_watermarks_source = 1,
	Anum_watermarks_watermark,
	Anum_watermarks_advanced_at,
	Anum_watermarks_advanced_by,
	Natts_watermarks = Anum_watermarks_advanced_by,
};

enum
{
	Anum_groups_name = 1,
	Anum_groups_sources,
	Anum_groups_tolerance,
	Anum_groups_created_at,
	Natts_groups = Anum_groups_created_at,
};

static Datum
current_user_name(void)
{
	return CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
}

/* ---- pause and drain ---- */

static void
key_for_text(ScanKey key, AttrNumber attno, const char *text)
{
	ScanKeyInit(key, attno, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(text));
}

static void *
form_state(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	return TextDatumGetCString(values[Anum_control_state - 1]);
}

static bool
state_is_set(const char *state)
{
	ScanKeyData key;

	key_for_text(&key, Anum_control_state, state);
	return pgt_scan_catalog(TABLE_CONTROL, INDEX_CONTROL, 1, &key,
							ForwardScanDirection, true, form_state) != NIL;
}

static void
set_state(const char *state)
{
	Datum values[Natts_control];
	bool nulls[Natts_control] = {0};

	pgt_wake_for(WAKE_CATALOG);
	if (state_is_set(state))
		return;

	values[Anum_control_state - 1] = CStringGetTextDatum(state);
	values[Anum_control_since - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[Anum_control_set_by - 1] = current_user_name();
	pgt_insert_row(TABLE_CONTROL, values, nulls);
}

/*
 * Is automatic refreshing switched off in this database?
 */
bool
pgt_is_paused(void)
{
	return state_is_set(STATE_PAUSED);
}

/*
 * Is refreshing switched off?  What is under way and not committed does not
 * count; pgt_is_drained() has both.
 */
bool
pgt_drained_is_set(void)
{
	return state_is_set(STATE_DRAINED);
}

/*
 * Switch automatic refreshing off; the caller holds pgt_lock_control().
 */
void
pgt_set_paused(void)
{
	set_state(STATE_PAUSED);
}

/*
 * Switch refreshing off; the caller holds pgt_lock_control().
 */
void
pgt_set_drained(void)
{
	set_state(STATE_DRAINED);
}

/*
 * Switch both on again; the caller holds pgt_lock_control().
 */
void
pgt_set_resumed(void)
{
	pgt_wake_for(WAKE_CATALOG);
	pgt_delete_rows(TABLE_CONTROL, INDEX_CONTROL, 0, NULL);
}

/* ---- gates ---- */

static void
key_for_source(ScanKey key, Oid source)
{
	/* The first column of both tables that have one. */
	ScanKeyInit(key, 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(source));
}

static void *
form_gate(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	SourceGate *gate = palloc(sizeof(SourceGate));

	gate->source = DatumGetObjectId(values[Anum_gates_source - 1]);
	gate->gated_at = DatumGetTimestampTz(values[Anum_gates_gated_at - 1]);
	gate->gated_by = TextDatumGetCString(values[Anum_gates_gated_by - 1]);
	return gate;
}

/*
 * The gate on a relation, in the caller's memory context; NULL: none.
 */
SourceGate *
pgt_lookup_gate(Oid source)
{
	ScanKeyData key;
	List *rows;

	key_for_source(&key, source);
	rows = pgt_scan_catalog(TABLE_GATES, INDEX_GATES, 1, &key,
							ForwardScanDirection, true, form_gate);
	return rows == NIL ? NULL : linitial(rows);
}

/*
 * All gates, by source, in the caller's memory context.
 */
List *
pgt_all_gates(void)
{
	return pgt_scan_under(NULL, TABLE_GATES, INDEX_GATES, form_gate);
}

/*
 * Gate a relation that has no gate; the caller holds
 * pgt_lock_source_control().
 */
void
pgt_insert_gate(Oid source)
{
	Datum values[Natts_gates];
	bool nulls[Natts_gates] = {0};

	values[Anum_gates_source - 1] = ObjectIdGetDatum(source);
	values[Anum_gates_gated_at - 1] =
		TimestampTzGetDatum(GetCurrentTimestamp());
	values[Anum_gates_gated_by - 1] = current_user_name();
	pgt_insert_row(TABLE_GATES, values, nulls);
	pgt_wake_for(WAKE_CATALOG);
}

/*
 * Remove the gate of a relation; the caller holds pgt_lock_source_control().
 */
void
pgt_delete_gate(Oid source)
{
	ScanKeyData key;

	key_for_source(&key, source);
	pgt_delete_rows(TABLE_GATES, INDEX_GATES, 1, &key);
	pgt_wake_for(WAKE_CATALOG);
}

static const SourceGate *
find_gate(const List *gates, const List *sources)
{
	ListCell *lc;

	foreach (lc, gates)
	{
		const SourceGate *gate = lfirst(lc);

		if (list_member_oid(sources, gate->source))
			return gate;
	}

	return NULL;
}

/*
 * See control.h.
 */
const SourceGate *
pgt_find_gate(const Controls *controls, List *sources)
{
	return find_gate(controls->gates, sources);
}

/* ---- watermarks ---- */

static void *
form_watermark(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	Watermark *mark = palloc(sizeof(Watermark));

	mark->source = DatumGetObjectId(values[Anum_watermarks_source - 1]);
	mark->watermark =
		DatumGetTimestampTz(values[Anum_watermarks_watermark - 1]);
	mark->advanced_at =
		DatumGetTimestampTz(values[Anum_watermarks_advanced_at - 1]);
	mark->advanced_by =
		TextDatumGetCString(values[Anum_watermarks_advanced_by - 1]);
	return mark;
}

/*
 * The watermark of a relation, in the caller's memory context; NULL: none.
 */
Watermark *
pgt_lookup_watermark(Oid source)
{
	ScanKeyData key;
	List *rows;

	key_for_source(&key, source);
	rows = pgt_scan_catalog(TABLE_WATERMARKS, INDEX_WATERMARKS, 1, &key,
							ForwardScanDirection, true, form_watermark);
	return rows == NIL ? NULL : linitial(rows);
}

static void *
form_group(HeapTuple tuple, const Datum *values, const bool *nulls)
{
	WatermarkGroup *group = palloc(sizeof(WatermarkGroup));

	group->name = TextDatumGetCString(values[Anum_groups_name - 1]);
	group->sources = pgt_regclass_members(values[Anum_groups_sources - 1]);
	group->tolerance_secs = DatumGetFloat8(values[Anum_groups_tolerance - 1]);
	group->created_at = DatumGetTimestampTz(values[Anum_groups_created_at - 1]);
	return group;
}

/* Is one of the relations in a group? */
static bool
has_group(List *relids)
{
	ListCell *lc;

	foreach (lc, pgt_scan_under(NULL, TABLE_GROUPS, INDEX_GROUPS, form_group))
	{
		WatermarkGroup *group = lfirst(lc);
		ListCell *source;

		foreach (source, group->sources)
		{
			if (list_member_oid(relids, lfirst_oid(source)))
				return true;
		}
	}

	return false;
}

/*
 * Set the watermark of a relation; the caller holds
 * pgt_lock_source_control() and knows that it does not go backwards.
 */
void
pgt_set_watermark(Oid source, TimestampTz watermark)
{
	ScanKeyData key;
	Datum values[Natts_watermarks];
	bool nulls[Natts_watermarks] = {0};
	bool replace[Natts_watermarks];

	values[Anum_watermarks_source - 1] = ObjectIdGetDatum(source);
	values[Anum_watermarks_watermark - 1] = TimestampTzGetDatum(watermark);
	values[Anum_watermarks_advanced_at - 1] =
		TimestampTzGetDatum(GetCurrentTimestamp());
	values[Anum_watermarks_advanced_by - 1] = current_user_name();
	memset(replace, true, sizeof(replace));
	key_for_source(&key, source);
	if (pgt_lookup_watermark(source) == NULL)
		pgt_insert_row(TABLE_WATERMARKS, values, nulls);
	else
		pgt_update_row(TABLE_WATERMARKS, INDEX_WATERMARKS, 1, &key, values,
					   nulls, replace);

	/* Watermarks advance often, and those of no group hold nobody. */
	if (has_group(list_make1_oid(source)))
		pgt_wake_for(WAKE_CATALOG);
}

static const Watermark *
find_watermark(const List *watermarks, Oid source)
{
	ListCell *lc;

	foreach (lc, watermarks)
	{
		const Watermark *mark = lfirst(lc);

		if (mark->source == source)
			return mark;
	}

	return NULL;
}

/*
 * The watermark of a relation; NULL: none.
 */
const Watermark *
pgt_find_watermark(const Controls *controls, Oid source)
{
	return find_watermark(controls->watermarks, source);
}

/* ---- groups ---- */

/*
 * The group of that name, in the caller's memory context; NULL: none.
 */
WatermarkGroup *
pgt_lookup_group(const char *name)
{
	ScanKeyData key;
	List *rows;

	key_for_text(&key, Anum_groups_name, name);
	rows = pgt_scan_catalog(TABLE_GROUPS, INDEX_GROUPS, 1, &key,
							ForwardScanDirection, true, form_group);
	return rows == NIL ? NULL : linitial(rows);
}

/*
 * Store a group, of a name that there is not; the caller holds
 * pgt_lock_groups().
 */
void
pgt_insert_group(const WatermarkGroup *group)
{
	Datum values[Natts_groups];
	bool nulls[Natts_groups] = {0};

	values[Anum_groups_name - 1] = CStringGetTextDatum(group->name);
	values[Anum_groups_sources - 1] = pgt_regclass_array(group->sources);
	values[Anum_groups_tolerance - 1] = Float8GetDatum(group->tolerance_secs);
	values[Anum_groups_created_at - 1] = TimestampTzGetDatum(group->created_at);
	pgt_insert_row(TABLE_GROUPS, values, nulls);
	pgt_wake_for(WAKE_CATALOG);
}

/*
 * Forget a group; the caller holds pgt_lock_groups().
 */
void
pgt_delete_group(const char *name)
{
	ScanKeyData key;

	key_for_text(&key, Anum_groups_name, name);
	pgt_delete_rows(TABLE_GROUPS, INDEX_GROUPS, 1, &key);
	pgt_wake_for(WAKE_CATALOG);
}

/*
 * How far the watermarks of some relations are apart, in seconds; -1 if one
 * has none.  As floating point: the difference of the least and the greatest
 * timestamp does not fit into 64 bits.
 */
static double
spread_of(const List *watermarks, const List *sources)
{
	TimestampTz least = 0;
	TimestampTz most = 0;
	ListCell *lc;

	foreach (lc, sources)
	{
		const Watermark *mark = find_watermark(watermarks, lfirst_oid(lc));

		if (mark == NULL)
			return -1;
		if (foreach_current_index(lc) == 0 || mark->watermark < least)
			least = mark->watermark;
		if (foreach_current_index(lc) == 0 || mark->watermark > most)
			most = mark->watermark;
	}

	return ((double) most - (double) least) / USECS_PER_SEC;
}

/*
 * See control.h.
 */
double
pgt_group_spread(const Controls *controls, const WatermarkGroup *group)
{
	return spread_of(controls->watermarks, group->sources);
}

/* What of a group is among the sources. */
static List *
members_among(const WatermarkGroup *group, const List *sources)
{
	List *members = NIL;
	ListCell *lc;

	foreach (lc, group->sources)
	{
		if (list_member_oid(sources, lfirst_oid(lc)))
			members = lappend_oid(members, lfirst_oid(lc));
	}

	return members;
}

/* Only what of a group is read counts. */
static bool
is_misaligned(const WatermarkGroup *group, const List *watermarks,
			  const List *sources)
{
	List *members = members_among(group, sources);
	double spread;

	if (list_length(members) < 2)
		return false;

	spread = spread_of(watermarks, members);
	return spread < 0 || spread > group->tolerance_secs;
}

static const WatermarkGroup *
find_misaligned(const List *groups, const List *watermarks,
				const List *sources)
{
	ListCell *lc;

	foreach (lc, groups)
	{
		if (is_misaligned(lfirst(lc), watermarks, sources))
			return lfirst(lc);
	}

	return NULL;
}

/*
 * See control.h.
 */
const WatermarkGroup *
pgt_misaligned_group(const Controls *controls, List *sources)
{
	return find_misaligned(controls->groups, controls->watermarks, sources);
}

/* ---- all of it ---- */

/*
 * See control.h.
 */
Controls *
pgt_read_controls(void)
{
	Controls *controls = palloc0(sizeof(Controls));

	controls->paused = pgt_is_paused();
	controls->drained = pgt_drained_is_set();
	controls->gates = pgt_all_gates();
	controls->groups = pgt_scan_under(NULL, TABLE_GROUPS, INDEX_GROUPS,
									  form_group);
	controls->watermarks = pgt_scan_under(NULL, TABLE_WATERMARKS,
										  INDEX_WATERMARKS, form_watermark);
	return controls;
}

/* ---- what a stream table reads ---- */

static List *
add_dependencies(List *relids, int64 pgt_id, bool recurse)
{
	ListCell *lc;

	check_stack_depth();
	foreach (lc, pgt_dependencies(pgt_id))
	{
		const Dependency *dep = lfirst(lc);
		StreamTable *upstream = NULL;

		if (list_member_oid(relids, dep->source_relid))
			continue;
		relids = lappend_oid(relids, dep->source_relid);
		if (recurse && strcmp(dep->source_type, "STREAM_TABLE") == 0)
			upstream = pgt_lookup_stream(dep->source_relid, true);
		if (upstream != NULL)
			relids = add_dependencies(relids, upstream->pgt_id, true);
	}

	return relids;
}

/*
 * See control.h.
 */
List *
pgt_all_dependencies(int64 pgt_id)
{
	return add_dependencies(NIL, pgt_id, true);
}

/*
 * See control.h.
 */
List *
pgt_direct_dependencies(int64 pgt_id)
{
	return add_dependencies(NIL, pgt_id, false);
}

/*
 * See control.h.
 */
bool
pgt_aligns_upstream(int64 pgt_id)
{
	List *groups = pgt_scan_under(NULL, TABLE_GROUPS, INDEX_GROUPS, form_group);
	List *direct;
	List *all;
	ListCell *lc;

	if (groups == NIL)
		return false;

	direct = pgt_direct_dependencies(pgt_id);
	all = pgt_all_dependencies(pgt_id);
	foreach (lc, groups)
	{
		int n = list_length(members_among(lfirst(lc), all));

		if (n >= 2 && n > list_length(members_among(lfirst(lc), direct)))
			return true;
	}

	return false;
}

static char *
held_by_gate(int64 pgt_id, Snapshot snapshot)
{
	List *gates = pgt_scan_under(snapshot, TABLE_GATES, INDEX_GATES, form_gate);
	const SourceGate *gate;

	if (gates == NIL)
		return NULL;

	gate = find_gate(gates, pgt_direct_dependencies(pgt_id));
	return gate == NULL ? NULL :
						  psprintf("source %s is gated",
								   pgt_relation_text(gate->source));
}

static char *
held_by_group(int64 pgt_id, Snapshot snapshot)
{
	List *groups = pgt_scan_under(snapshot, TABLE_GROUPS, INDEX_GROUPS,
								  form_group);
	const WatermarkGroup *group;
	List *watermarks;

	if (groups == NIL)
		return NULL;

	watermarks = pgt_scan_under(snapshot, TABLE_WATERMARKS, INDEX_WATERMARKS,
								form_watermark);
	group = find_misaligned(groups, watermarks, pgt_all_dependencies(pgt_id));
	return group == NULL ? NULL :
						   psprintf("watermark group \"%s\" is not aligned",
									group->name);
}

/*
 * See control.h.
 */
char *
pgt_what_holds(int64 pgt_id, Snapshot snapshot)
{
	char *reason = held_by_gate(pgt_id, snapshot);

	return reason != NULL ? reason : held_by_group(pgt_id, snapshot);
}

/* ---- what is dropped ---- */

/* The group without some of its sources; one alone has nothing to wait for. */
static void
shrink_group(WatermarkGroup *group, List *rest)
{
	pgt_delete_group(group->name);
	group->sources = rest;
	if (list_length(rest) >= 2)
		pgt_insert_group(group);
}

static void
shrink_groups(List *relids)
{
	ListCell *lc;

	if (!has_group(relids))
		return;

	/* Another may have changed them while we waited: read them again. */
	pgt_lock_groups();
	foreach (lc, pgt_scan_under(NULL, TABLE_GROUPS, INDEX_GROUPS, form_group))
	{
		WatermarkGroup *group = lfirst(lc);
		List *rest = list_difference_oid(group->sources, relids);

		if (list_length(rest) < list_length(group->sources))
			shrink_group(group, rest);
	}
}

/*
 * Forget gates and watermarks of relations that were dropped; a group of
 * which less than two sources are left goes too.
 */
void
pgt_forget_controls(List *relids)
{
	ListCell *lc;

	foreach (lc, pgt_all_gates())
	{
		SourceGate *gate = lfirst(lc);

		if (list_member_oid(relids, gate->source))
			pgt_delete_gate(gate->source);
	}
	foreach (lc, pgt_scan_under(NULL, TABLE_WATERMARKS, INDEX_WATERMARKS,
								form_watermark))
	{
		Watermark *mark = lfirst(lc);
		ScanKeyData key;

		key_for_source(&key, mark->source);
		if (list_member_oid(relids, mark->source))
			pgt_delete_rows(TABLE_WATERMARKS, INDEX_WATERMARKS, 1, &key);
	}
	shrink_groups(relids);
}
