/*-------------------------------------------------------------------------
 *
 * route.c
 *	  From a trigger to the log that takes its rows.
 *
 * A tracked partition q(z text, a int) of p(a int, b text, z text), where
 * columns 1 and 3 of p are logged, has the route
 *
 *		trigger "!pgt_7_row" on q  ->  log of 7, columns {2, 1} of q
 *
 *		log of 7  ->  segment pgtrickle_changes.log_7_2 (xid, part, weight,
 *					  c1, c3)
 *
 * Both are remembered per backend, so that a captured row costs no look-up in
 * any catalog.  Relcache invalidations mark them for reloading: of the
 * relation, of the source (sent when its log gets a new segment), and of the
 * segment.  What is marked stays in place and is reloaded by its next user;
 * nothing is freed while it may be in use.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_attribute.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg_trickle/catalog.h"

#include "family.h"
#include "route.h"
#include "triggers.h"

/* After so many reloads everything is forgotten, what is gone included. */
#define RELOADS_BEFORE_PURGE 1000

/* The layout of a log before its first load, and during each. */
#define NOT_LOADED 0

static MemoryContext route_context;
static HTAB *logs;
static HTAB *routes;
static HTAB *watched; /* relations whose invalidation matters */
static CaptureRoute *last_route;
static int reloads;
static uint64 invalidations; /* messages of any kind so far */

static CaptureRoute *find_route(TriggerData *trigdata);
static void load_route(CaptureRoute *route, TriggerData *trigdata);
static void map_columns(CaptureRoute *route);
static bool load_log(CaptureLog *log);
static Segment *open_segment(const Source *source);
static bool layout_fits(const Segment *segment, const Source *source);
static void set_layout(CaptureLog *log, const Source *source,
					   const Segment *segment);

static bool
is_loaded(const CaptureLog *log)
{
	return log->valid && log->layout != NOT_LOADED;
}

static bool
is_usable(const CaptureRoute *route)
{
	return route->valid &&
		   (route->log == NULL ||
			(route->log->valid && route->log->layout == route->layout));
}

/*
 * The route of the rows of a row trigger; valid until the next call.  An
 * error if the trigger was not made by us.
 */
CaptureRoute *
pgt_route(TriggerData *trigdata)
{
	if (likely(last_route != NULL &&
			   last_route->trigger == trigdata->tg_trigger->tgoid &&
			   is_usable(last_route)))
		return last_route;

	return find_route(trigdata);
}

static HTAB *
make_table(const char *name, Size keysize, Size entrysize)
{
	HASHCTL ctl = {
		.keysize = keysize,
		.entrysize = entrysize,
		.hcxt = route_context,
	};

	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
make_tables(void)
{
	if (routes != NULL)
		return;

	route_context = AllocSetContextCreate(CacheMemoryContext,
										  "pg_trickle capture routes",
										  ALLOCSET_DEFAULT_SIZES);
	logs = make_table("pg_trickle logs", sizeof(int64), sizeof(CaptureLog));
	watched = make_table("pg_trickle watched relations", sizeof(Oid),
						 sizeof(Oid));
	routes = make_table("pg_trickle routes", sizeof(Oid),
						sizeof(CaptureRoute));
}

static void
watch(Oid relid)
{
	(void) hash_search(watched, &relid, HASH_ENTER, NULL);
}

/* An empty context for the parts of a route or log that is (re)loaded. */
static void
renew_context(MemoryContext *context)
{
	if (*context == NULL)
		*context = AllocSetContextCreate(route_context,
										 "pg_trickle capture route",
										 ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(*context);
	reloads++;
}

static CaptureRoute *
find_route(TriggerData *trigdata)
{
	CaptureRoute *route;
	bool found;

	make_tables();
	route = hash_search(routes, &trigdata->tg_trigger->tgoid, HASH_ENTER,
						&found);
	if (!found)
		memset((char *) route + sizeof(Oid), 0,
			   sizeof(CaptureRoute) - sizeof(Oid));
	if (!is_usable(route))
		load_route(route, trigdata);

	last_route = route;
	return route;
}

static void
load_route(CaptureRoute *route, TriggerData *trigdata)
{
	int64 track_id = pgt_track_id_of_trigger(trigdata->tg_trigger,
											 CAPTURE_ROW);
	uint64 before = invalidations;

	renew_context(&route->context);
	route->relid = RelationGetRelid(trigdata->tg_relation);
	watch(route->relid);

	route->valid = false;
	route->log = pgt_log(track_id);
	if (route->log == NULL)
		return; /* a restore may bring its source without notice */

	route->source = route->log->source;
	if (!pgt_in_family(route->relid, route->source))
		route->log = NULL;
	else
		map_columns(route);
	route->valid = before == invalidations;
}

/*
 * Columns are matched by name: partitions and children have other orders,
 * and other columns dropped, but the same names.  The source is not opened:
 * that would lock it against DDL, which may already wait for our relation.
 */
static void
map_columns(CaptureRoute *route)
{
	CaptureLog *log = route->log;
	int natts = log->desc->natts;

	route->columns =
		MemoryContextAllocZero(route->context,
							   sizeof(RouteColumn) * Max(log->ncolumns, 1));
	route->values = MemoryContextAlloc(route->context, sizeof(Datum) * natts);
	route->nulls = MemoryContextAlloc(route->context, sizeof(bool) * natts);
	route->layout = log->layout;
	route->last_attno = 0;

	for (int i = 0; i < log->ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(log->desc, Natts_log_fixed + i);
		char *name = get_attname(log->source, log->columns[i], true);
		AttrNumber attno;

		if (name == NULL)
			continue;
		attno = get_attnum(route->relid, name);
		if (attno == InvalidAttrNumber)
			continue;
		if (getBaseType(get_atttype(route->relid, attno)) != att->atttypid)
			elog(ERROR, "column \"%s\" of relation %u has another type",
				 name, route->relid);

		route->columns[i].attno = attno;
		route->columns[i].typlen = att->attlen;
		route->columns[i].typbyval = att->attbyval;
		route->last_attno = Max(route->last_attno, attno);
	}
}

/*
 * The log of a source, NULL if it is not tracked (any more).  Valid until
 * the end of the transaction.
 */
CaptureLog *
pgt_log(int64 track_id)
{
	CaptureLog *log;
	bool found;

	make_tables();
	log = hash_search(logs, &track_id, HASH_ENTER, &found);
	if (!found)
		memset((char *) log + sizeof(int64), 0,
			   sizeof(CaptureLog) - sizeof(int64));
	if (!is_loaded(log) && !load_log(log))
		return NULL;

	return log;
}

/*
 * Open the segment that takes the rows of a log now, locked until the end of
 * the transaction; NULL if the source is gone.  README.md, "Segments are
 * switched under writers", says why this cannot be a segment that somebody
 * thinks complete.
 */
Relation
pgt_log_open(CaptureLog *log)
{
	for (;;)
	{
		if (!is_loaded(log) && !load_log(log))
			return NULL;

		/* Accepts invalidations, unless we have the lock already. */
		LockRelationOid(log->segment, RowExclusiveLock);
		if (log->valid || debug_discard_caches > 0)
			return table_open(log->segment, NoLock);
	}
}

/*
 * Find the open segment; false if there is nothing to log to.  Until the log
 * is valid again we cannot know whose invalidation concerns it: each one that
 * comes in makes us look again.  With debug_discard_caches there is always
 * one: then a log is never valid, and is looked up for each use.
 */
static bool
find_open_segment(CaptureLog *log)
{
	Source *source;
	Segment *segment;
	uint64 before;

	do
	{
		before = invalidations;
		source = pgt_lookup_source_by_id(log->track_id, true);
		if (source == NULL ||
			!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(source->relid)))
			return false;

		segment = open_segment(source);
		LockRelationOid(segment->relid, RowExclusiveLock);
	} while (before != invalidations && debug_discard_caches == 0);

	watch(source->relid);
	watch(segment->relid);
	set_layout(log, source, segment);
	log->valid = before == invalidations;

	/* pgt_log_open() takes it again; who waits before that must not hold it. */
	if (debug_discard_caches == 0)
		UnlockRelationOid(segment->relid, RowExclusiveLock);
	return true;
}

/* The catalog may have to be toasted, or a segment to be made. */
static bool
load_log(CaptureLog *log)
{
	bool at_end = !ActiveSnapshotSet();
	bool found;

	if (at_end)
		PushActiveSnapshot(GetTransactionSnapshot());
	found = find_open_segment(log);
	if (at_end)
		PopActiveSnapshot();
	return found;
}

/*
 * Usually there is one.  There is none after a restore, whose segments are
 * of another era, and it does not fit after a change of a column's type.
 */
static Segment *
open_segment(const Source *source)
{
	Segment *segment = pgt_open_segment(source->track_id);

	if (segment != NULL && layout_fits(segment, source))
		return segment;

	pgt_lock_segments(source->track_id);
	segment = pgt_open_segment(source->track_id);
	if (segment != NULL)
	{
		if (layout_fits(segment, source))
			return segment;
		segment->state = SEGMENT_CLOSING;
		pgt_update_segment(segment);
	}

	segment = pgt_create_segment(source);
	if (!layout_fits(segment, source))
		elog(ERROR, "log segment %u does not have the columns of relation %u",
			 segment->relid, source->relid);
	return segment;
}

/* Does the segment store the source's columns as the types they have? */
static bool
layout_fits(const Segment *segment, const Source *source)
{
	for (int i = 0; i < segment->ncolumns; i++)
	{
		Oid type = get_atttype(source->relid, segment->columns[i]);

		/* A dropped column has no type; it is logged as NULL. */
		if (OidIsValid(type) && !pgt_segment_stores(segment, i, type))
			return false;
	}

	return true;
}

static bool
same_layout(const CaptureLog *log, const Segment *segment, TupleDesc desc)
{
	if (log->layout == NOT_LOADED || log->ncolumns != segment->ncolumns ||
		log->desc->natts != desc->natts)
		return false;

	for (int i = 0; i < log->ncolumns; i++)
	{
		if (log->columns[i] != segment->columns[i] ||
			TupleDescAttr(log->desc, Natts_log_fixed + i)->atttypid !=
				TupleDescAttr(desc, Natts_log_fixed + i)->atttypid)
			return false;
	}

	return true;
}

static TupleDesc
first_columns(TupleDesc desc, int natts)
{
	TupleDesc first = CreateTemplateTupleDesc(natts);

	for (AttrNumber attno = 1; attno <= natts; attno++)
		TupleDescCopyEntry(first, attno, desc, attno);
	return first;
}

/* Rows that were formed before and have the same layout stay good. */
static void
set_layout(CaptureLog *log, const Source *source, const Segment *segment)
{
	static uint32 last_layout = NOT_LOADED;
	Relation rel = table_open(segment->relid, NoLock);
	uint32 layout = log->layout;
	MemoryContext before;

	if (!same_layout(log, segment, RelationGetDescr(rel)))
		layout = ++last_layout;

	log->layout = NOT_LOADED;
	log->slots = NULL;
	renew_context(&log->context);
	before = MemoryContextSwitchTo(log->context);
	log->source = source->relid;
	log->segment = segment->relid;
	log->ncolumns = segment->ncolumns;
	log->columns = palloc(sizeof(AttrNumber) * Max(log->ncolumns, 1));
	memcpy(log->columns, segment->columns,
		   sizeof(AttrNumber) * log->ncolumns);
	log->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	log->image_desc = first_columns(log->desc,
									Natts_log_fixed + log->ncolumns);
	log->has_old_columns = pgt_log_has_old_columns(log->desc, log->ncolumns);
	MemoryContextSwitchTo(before);
	log->layout = layout;
	table_close(rel, NoLock);
}

static void
invalidate_logs(Oid relid)
{
	HASH_SEQ_STATUS scan;
	CaptureLog *log;

	hash_seq_init(&scan, logs);
	while ((log = hash_seq_search(&scan)) != NULL)
	{
		if (!OidIsValid(relid) || log->source == relid ||
			log->segment == relid)
			log->valid = false;
	}
}

static void
invalidate_routes(Oid relid)
{
	HASH_SEQ_STATUS scan;
	CaptureRoute *route;

	hash_seq_init(&scan, routes);
	while ((route = hash_seq_search(&scan)) != NULL)
	{
		if (!OidIsValid(relid) || route->relid == relid ||
			route->source == relid)
			route->valid = false;
	}
}

/* Relcache callback: most messages are about relations we do not know. */
static void
invalidate(Datum arg, Oid relid)
{
	invalidations++;
	if (routes == NULL)
		return;
	if (OidIsValid(relid) &&
		hash_search(watched, &relid, HASH_FIND, NULL) == NULL)
		return;

	invalidate_logs(relid);
	invalidate_routes(relid);
}

/*
 * Register for invalidations; once per backend.
 */
void
pgt_route_init(void)
{
	CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
}

/*
 * Bound what a long session remembers of relations that are gone.
 */
void
pgt_routes_at_end_of_transaction(void)
{
	if (reloads < RELOADS_BEFORE_PURGE)
		return;

	last_route = NULL;
	logs = routes = watched = NULL;
	reloads = 0;
	MemoryContextDelete(route_context);
	route_context = NULL;
}
