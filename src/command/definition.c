/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a definition demands: a mode that can do it, sources that are
 *	  logged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "parser/parse_node.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/command.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/control.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/sql.h"

/* ---- can the mode do it? ---- */

/*
 * For ereport(): where the obstacle is in the query "text", which is shown; if
 * that is within a view, where the view is named.
 */
static int
obstacle_position(const char *text, const Obstacle *obstacle)
{
	int location = obstacle->location;

	if (location < 0 && OidIsValid(obstacle->named))
		location = pgt_name_location(text, obstacle->named);
	internalerrquery(text);
	return pgt_query_errposition(text, location);
}

/* As opposed to TABLESAMPLE and conversions: the names have parentheses. */
static bool
is_function(const Obstacle *obstacle)
{
	return strchr(obstacle->construct, '(') != NULL;
}

/* TABLESAMPLE, and conversions of types of users. */
static void
refuse_undefined(const char *text, const Obstacle *obstacle)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("cannot maintain a query with %s", obstacle->construct),
			errdetail_internal("%s", obstacle->detail),
			errhint("Create the stream table with refresh_mode => 'FULL'."),
			obstacle_position(text, obstacle));
}

static void
refuse_volatile(const char *text, const Obstacle *obstacle)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("cannot maintain a query that calls the volatile function %s",
				   obstacle->construct),
			OidIsValid(obstacle->view) ?
				errdetail("Its result has no defined answer between two computations. It is part of view \"%s\".",
						  get_rel_name(obstacle->view)) :
				errdetail("Its result has no defined answer between two computations."),
			errhint("Create the stream table with refresh_mode => 'FULL'; or, if the function is yours and its answer depends on its arguments only, declare it IMMUTABLE."),
			obstacle_position(text, obstacle));
}

static char *
obstacle_detail(const Obstacle *obstacle)
{
	char *rule = psprintf(_("There is no delta rule for %s."),
						  obstacle->construct);

	if (obstacle->detail == NULL)
		return rule;
	return psprintf("%s %s", rule, obstacle->detail);
}

static void
refuse_differential(const char *text, const Obstacle *obstacle)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("cannot maintain this query in refresh mode DIFFERENTIAL"),
			errdetail_internal("%s", obstacle_detail(obstacle)),
			errhint("Create the stream table with refresh_mode => 'AUTO', which recomputes it."),
			obstacle_position(text, obstacle));
}

/* A source whose changes cannot be captured is an obstacle too. */
static void
refuse_uncaptured(const NormalForm *form)
{
	ListCell *lc;

	foreach (lc, form->sources)
	{
		SourceUse *use = lfirst(lc);
		char *why = pgt_capture_obstacle(use->relid);

		if (why != NULL)
			ereport(ERROR,
					errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("cannot maintain this query in refresh mode DIFFERENTIAL"),
					errdetail("Changes of \"%s\" cannot be captured: %s.",
							  get_rel_name(use->relid), why),
					errhint("Create the stream table with refresh_mode => 'AUTO', which recomputes it."));
	}
}

/*
 * Say that refreshes of "relid" will compute its query as a whole, if they
 * will and nobody has asked for that.
 */
void
pgt_note_recomputation(Oid relid, const NormalForm *form, RefreshMode mode)
{
	const Obstacle *obstacle = &form->obstacle;

	if (mode == MODE_FULL || obstacle->kind == OBSTACLE_NONE)
		return;

	ereport(NOTICE,
			obstacle->kind == OBSTACLE_EVERY_REFRESH ?
				errmsg("stream table \"%s\" will be recomputed as a whole at each refresh",
					   get_rel_name(relid)) :
				errmsg("stream table \"%s\" will be recomputed as a whole whenever a source has changed",
					   get_rel_name(relid)),
			errdetail_internal("%s", obstacle_detail(obstacle)));
}

/*
 * A stream table of another owner that it reads, perhaps by way of others of
 * its own; what is behind that is not to be told.
 */
static Oid
first_of_others(const StreamTable *st)
{
	Oid owner = pgt_relation_owner(st->relid);
	List *own = list_make1_oid(st->relid);
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, own)
	{
		int64 pgt_id = pgt_lookup_stream(lfirst_oid(lc), false)->pgt_id;

		foreach (lc2, pgt_direct_dependencies(pgt_id))
		{
			Oid read = lfirst_oid(lc2);

			if (!pgt_is_stream_table(read))
				continue;
			if (pgt_relation_owner(read) != owner)
				return read;
			own = list_append_unique_oid(own, read);
		}
	}

	return InvalidOid;
}

/*
 * Say so if diamonds that end here are to be refreshed as one, and not all of
 * what is read can be (src/schedule/diamond.c).
 */
void
pgt_note_other_owners(const StreamTable *st)
{
	Oid other;

	if (st->options.diamond_consistency != DIAMOND_ATOMIC)
		return;
	other = first_of_others(st);
	if (!OidIsValid(other))
		return;

	ereport(NOTICE,
			errmsg("stream table \"%s\" will not be refreshed in one transaction with \"%s\"",
				   get_rel_name(other), get_rel_name(st->relid)),
			errdetail("Only stream tables of the same owner are refreshed as one."));
}

/*
 * Raise error 0A000 if the query cannot be maintained in that mode, at its
 * position in "text", the text the query was analyzed from.
 */
void
pgt_check_definition(const char *text, const NormalForm *form,
					 RefreshMode mode)
{
	if (mode == MODE_FULL)
		return;
	if (form->obstacle.kind == OBSTACLE_VOLATILE)
	{
		if (is_function(&form->obstacle))
			refuse_volatile(text, &form->obstacle);
		refuse_undefined(text, &form->obstacle);
	}
	if (mode != MODE_DIFFERENTIAL)
		return;
	if (form->obstacle.kind != OBSTACLE_NONE)
		refuse_differential(text, &form->obstacle);
	refuse_uncaptured(form);
}

/* ---- sources ---- */

static bool
can_capture(const NormalForm *form)
{
	ListCell *lc;

	foreach (lc, form->sources)
	{
		if (pgt_capture_obstacle(((SourceUse *) lfirst(lc))->relid) != NULL)
			return false;
	}

	return true;
}

static List *
column_names(const SourceUse *use)
{
	List *names = NIL;

	for (int i = 0; i < use->ncolumns; i++)
		names = lappend(names, get_attname(use->relid, use->columns[i], false));

	return names;
}

/* Capture needs triggers on the table: its owner must have allowed that. */
static void
check_trigger_right(Oid relid)
{
	AclResult result = pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER);
	char *user = GetUserNameFromId(GetUserId(), false);

	if (result != ACLCHECK_OK)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for table %s", get_rel_name(relid)),
				errdetail("Capturing the changes of a source needs the TRIGGER privilege on it."),
				errhint("Run GRANT TRIGGER ON %s TO %s, or use refresh_mode => 'FULL', which captures no changes.",
						pgt_relation_text(relid), quote_identifier(user)));
}

/*
 * Log the columns that are used, if they are not yet.  SHARE ROW EXCLUSIVE
 * waits for writers that run now and keeps new ones out until the triggers
 * are committed: nobody writes uncaptured past the snapshot of the first
 * fill, nobody is half-way in a segment of the old layout.
 */
static void
track_source(const SourceUse *use)
{
	Source *source = pgt_lookup_source(use->relid, true);

	check_trigger_right(use->relid);
	if (source != NULL &&
		pgt_source_covers(source, use->ncolumns, use->columns) &&
		pgt_capture_gap(source) == NULL)
		return;

	(void) pgt_family(use->relid, ShareRowExclusiveLock);
	pgt_capture_flush();
	source = pgt_track_source(use->relid, use->ncolumns, use->columns);
	pgt_capture_install(source);
	CommandCounterIncrement();
}

static const char *
source_type(Oid relid)
{
	if (pgt_is_stream_table(relid))
		return "STREAM_TABLE";

	switch (get_rel_relkind(relid))
	{
		case RELKIND_VIEW:
			return "VIEW";
		case RELKIND_MATVIEW:
			return "MATERIALIZED_VIEW";
		case RELKIND_FOREIGN_TABLE:
			return "FOREIGN_TABLE";
		default:
			return "TABLE";
	}
}

static void
record_dependency(int64 pgt_id, Oid relid, List *columns, bool tracked)
{
	pgt_insert_dependency(&(Dependency){
		.pgt_id = pgt_id,
		.source_relid = relid,
		.source_type = pstrdup(source_type(relid)),
		.columns = columns,
		.cdc_mode = pstrdup(tracked ? "trigger" : "none"),
	});
}

/*
 * Record what a stream table reads, and have the changes of its sources
 * logged if its mode needs them.
 */
void
pgt_track_sources(StreamTable *st, const NormalForm *form)
{
	bool tracked = pgt_needs_tracking(form, st->mode) &&
				   can_capture(form);
	ListCell *lc;

	foreach (lc, form->sources)
	{
		SourceUse *use = lfirst(lc);

		if (tracked)
			track_source(use);
		record_dependency(st->pgt_id, use->relid, column_names(use), tracked);
	}
	foreach (lc, form->views)
		record_dependency(st->pgt_id, lfirst_oid(lc), NIL, false);
}

/* Is it recorded that a stream table reads this, its log too if "tracked"? */
static bool
is_recorded(List *dependencies, Oid relid, bool tracked)
{
	ListCell *lc;

	foreach (lc, dependencies)
	{
		Dependency *dep = lfirst(lc);

		if (dep->source_relid == relid)
			return !tracked || strcmp(dep->cdc_mode, "trigger") == 0;
	}

	return false;
}

/*
 * Is what the query reads what was recorded when it was defined?  A view in it
 * may have been replaced by one that reads other tables, and a function that
 * stood in the way of a delta by one that does not.
 */
bool
pgt_sources_are_recorded(const StreamTable *st, const NormalForm *form)
{
	List *recorded = pgt_dependencies(st->pgt_id);
	bool tracked = pgt_needs_tracking(form, st->mode) && can_capture(form);
	ListCell *lc;

	foreach (lc, form->sources)
	{
		SourceUse *use = lfirst(lc);
		Source *source = pgt_lookup_source(use->relid, true);

		if (!is_recorded(recorded, use->relid, tracked))
			return false;
		if (source != NULL &&
			!pgt_source_covers(source, use->ncolumns, use->columns))
			return false;
	}

	return true;
}

static bool
is_used(const Source *source)
{
	ListCell *lc;

	foreach (lc, pgt_dependents(source->relid))
	{
		if (strcmp(((Dependency *) lfirst(lc))->cdc_mode, "trigger") == 0)
			return true;
	}

	return false;
}

/*
 * The sources that the current user may read: those that it may lock.  What it
 * may not read is an error a little later.
 */
List *
pgt_readable_sources(const NormalForm *form)
{
	List *relids = NIL;
	ListCell *lc;

	foreach (lc, form->sources)
	{
		Oid relid = ((SourceUse *) lfirst(lc))->relid;

		if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
			relids = lappend_oid(relids, relid);
	}

	return relids;
}

/*
 * Whoever is creating a stream table on the source holds a lock on it, and is
 * visible once we have ours: ask again.
 */
static void
untrack(const Source *source)
{
	list_free(pgt_family(source->relid, AccessExclusiveLock));
	if (is_used(source))
		return;

	pgt_capture_flush();
	pgt_capture_remove(source);
	pgt_drop_segments(source->track_id);
	pgt_delete_source(source->track_id);
}

/*
 * Stop logging the sources that no stream table needs any more; those that
 * are gone themselves are only forgotten.
 */
void
pgt_untrack_unused_sources(void)
{
	List *unused = NIL;
	List *relids = NIL;
	ListCell *lc;

	foreach (lc, pgt_all_sources())
	{
		Source *source = lfirst(lc);

		if (get_rel_name(source->relid) == NULL)
			pgt_delete_source(source->track_id);
		else if (!is_used(source))
		{
			unused = lappend(unused, source);
			relids = lappend_oid(relids, source->relid);
		}
	}

	pgt_lock_with_upstream(relids, 0, ExclusiveLock);
	foreach (lc, unused)
		untrack(lfirst(lc));
}
