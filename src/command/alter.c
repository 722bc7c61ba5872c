/*-------------------------------------------------------------------------
 *
 * alter.c
 *	  ALTER STREAM TABLE.
 *
 * Another query or another mode may need other logs and states, and then
 * another first fill, which happens in the same transaction and writes only
 * the differences.  Whoever alters must own the stream table; its parts are
 * made with the rights of its owner, because that is who reads the sources.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"
#include "pg_trickle/schedule.h"

/*
 * Keep refreshes and other changes away; then read the row, which one of
 * those may have changed while we waited.
 */
static StreamTable *
lock_definition(Oid relid, const AlterRequest *request)
{
	List *relids = list_make1_oid(relid);

	if (request->query != NULL)
	{
		Query *query = pgt_analyze_query(request->query,
										 request->column_names);
		NormalForm *form = pgt_form_of_query(query, pgt_relation_owner(relid));

		relids = list_concat(relids, pgt_readable_sources(form));
	}
	pgt_lock_with_upstream(relids, pgt_lookup_stream(relid, false)->pgt_id,
						   AccessExclusiveLock);
	return pgt_lookup_stream(relid, false);
}

/* ---- status ---- */

/* What a user may ask for; the others are what happened. */
static void
check_status(StreamStatus status)
{
	if (status == STREAM_ACTIVE || status == STREAM_SUSPENDED)
		return;

	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("cannot set status \"%s\"", pgt_status_name(status)),
			errhint("Available values: ACTIVE, SUSPENDED."));
}

static void
set_status(StreamTable *st, StreamStatus status)
{
	st->status = status;
	if (status == STREAM_SUSPENDED)
		return;

	st->consecutive_errors = 0;
	st->last_error = NULL;
	st->retry_at = 0;
	if (!st->is_populated)
		st->status = STREAM_INITIALIZING;
}

/*
 * A fuse that lets more through is put back: the next refresh counts again,
 * and blows it again if that is still too much.
 */
static void
set_fuse(StreamTable *st, int64 ceiling)
{
	bool lets_more_through = ceiling == 0 || ceiling > st->options.fuse_ceiling;

	st->options.fuse_ceiling = ceiling;
	if (st->fuse_blown_at == 0 || !lets_more_through)
		return;

	st->fuse_blown_at = 0;
	st->retry_at = 0;
	if (st->consecutive_errors == 0)
		st->last_error = NULL; /* it says that the fuse has blown */
}

static void
set_options(StreamTable *st, const AlterRequest *request)
{
	if (request->tier != NULL)
		st->options.tier = *request->tier;
	if (request->diamond_consistency != NULL)
		st->options.diamond_consistency = *request->diamond_consistency;
	if (request->diamond_policy != NULL)
		st->options.diamond_policy = *request->diamond_policy;
	if (request->fuse_ceiling != NULL)
		set_fuse(st, *request->fuse_ceiling);
}

/* ---- query and mode ---- */

/* The error position of a query that is not the user's now is nowhere. */
static void
check_definition(const AlterRequest *request, const StreamTable *st,
				 const NormalForm *form, RefreshMode mode)
{
	const char *text = request->query != NULL ? request->query :
												st->original_query;

	pgt_check_definition(text, form, mode);
}

/* Between FULL and the others: states and logs come or go. */
static void
change_mode(StreamTable *st, const NormalForm *form, RefreshMode mode)
{
	RunAs before = pgt_run_as(pgt_relation_owner(st->relid));

	st->mode = mode;
	pgt_drop_states(st);
	pgt_delete_dependencies(st->pgt_id);
	pgt_track_sources(st, form);
	pgt_create_states(st, form);
	pgt_run_as_done(before);
	pgt_untrack_unused_sources();
}

/* What a change of the definition leads to. */
typedef struct Consequences
{
	bool refill;  /* the rows are those of another definition */
	bool rekeyed; /* and are identified by something else */
} Consequences;

/* Do what the request says about query and mode. */
static Consequences
change_definition(StreamTable *st, const AlterRequest *request)
{
	RefreshMode mode = request->mode != NULL ? *request->mode : st->mode;
	Query *query = request->query != NULL ?
					   pgt_analyze_query(request->query,
										 request->column_names) :
					   pgt_view_query(st->query_relid);
	NormalForm *form = pgt_form_of_query(query, pgt_relation_owner(st->relid));
	bool new_query = request->query != NULL &&
					 (!pgt_is_current_query(st, query) ||
					  !pgt_sources_are_recorded(st, form));
	bool new_parts = (mode == MODE_FULL) != (st->mode == MODE_FULL);
	Consequences result = {0};

	check_definition(request, st, form, mode);
	if (request->query != NULL)
		st->original_query = pstrdup(request->query);
	if (new_query || (new_parts && mode != MODE_FULL))
		pgt_note_recomputation(st->relid, form, mode);
	if (new_query)
	{
		st->mode = mode;
		result.refill = true;
		result.rekeyed = pgt_replace_query(st, query, form);
		return result;
	}
	if (new_parts)
		change_mode(st, form, mode);
	st->mode = mode;
	result.refill = new_parts && mode != MODE_FULL;
	return result;
}

/*
 * Change a stream table; see command.h.  Errors: those of analyzing the query,
 * 22023 for a schedule or status that there is not, 0A000 if the mode cannot
 * do it, and those of pgt_replace_query() and of a refresh.
 */
void
pgt_alter_stream_table(Oid relid, const AlterRequest *request)
{
	StreamTable *st;
	bool redefined = request->query != NULL || request->mode != NULL;
	Consequences consequences = {0};

	if (request->schedule != NULL)
		pgt_check_schedule(request->schedule);
	if (request->status != NULL)
		check_status(*request->status);

	st = lock_definition(relid, request);
	if (redefined)
		consequences = change_definition(st, request);
	if (request->schedule != NULL)
		st->schedule = pstrdup(request->schedule);
	if (request->status != NULL)
		set_status(st, *request->status);
	set_options(st, request);
	if (request->diamond_consistency != NULL || request->query != NULL)
		pgt_note_other_owners(st);

	/* One that never had rows gets its first by a refresh, as before. */
	if (consequences.refill && st->frontier != NULL)
	{
		pgt_refill(st, consequences.rekeyed, request->rows);
		return;
	}
	if (consequences.rekeyed)
		pgt_create_row_index(st);
	pgt_store_definition(st);
	if (redefined)
		(void) pgt_compile(st); /* checks rights, and that it can be done */
}
