/*-------------------------------------------------------------------------
 *
 * model.c
 *	  The stream tables of a database, read from the catalog for due.c.
 *
 *		pgt_stream_tables		a node each
 *		pgt_dependencies		upstream (stream tables) and sources
 *		pgt_change_tracking		which log tells of a source's changes
 *		pgt_control and others	what is held back (control.h)
 *		pg_class				who owns it
 *
 * A model is read anew when the configuration changes; what the scheduler
 * knows beyond the catalog (changes, running refreshes) is taken over.  A
 * stream table that is new, or that reads something else now, counts as
 * changed: the bits of its logs may have been taken before it was known.
 *
 * Only index scans, no SPI, no queries: 500 stream tables take some
 * milliseconds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/control.h"
#include "pg_trickle/pool.h"
#include "pg_trickle/scheduler.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/sql.h"
#include "pg_trickle/zone.h"

/* An OID and what belongs to it; sorted by the OID. */
typedef struct OidEntry
{
	Oid relid;
	int64 value;
} OidEntry;

typedef struct OidMap
{
	int n;
	OidEntry *entries;
} OidMap;

static int
compare_entries(const void *a, const void *b)
{
	Oid x = ((const OidEntry *) a)->relid;
	Oid y = ((const OidEntry *) b)->relid;

	return x < y ? -1 : x > y;
}

static void
add_to_map(OidMap *map, Oid relid, int64 value)
{
	map->entries[map->n++] = (OidEntry){relid, value};
}

static OidMap
make_map(int n)
{
	return (OidMap){0, palloc(sizeof(OidEntry) * (n + 1))};
}

static void
sort_map(OidMap *map)
{
	qsort(map->entries, map->n, sizeof(OidEntry), compare_entries);
}

/* -1: it is not there. */
static int64
look_up(const OidMap *map, Oid relid)
{
	OidEntry key = {relid, 0};
	OidEntry *found = bsearch(&key, map->entries, map->n, sizeof(OidEntry),
							  compare_entries);

	return found == NULL ? -1 : found->value;
}

/* ---- one stream table ---- */

static void
read_schedule(const StreamTable *st, DueNode *node, StreamNode *stream)
{
	char *fault = pgt_parse_schedule(st->schedule, &node->schedule);

	/* It was checked when it was stored. */
	if (fault != NULL)
	{
		ereport(WARNING,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("stream table %s is not refreshed automatically",
					   pgt_relation_text(st->relid)),
				errdetail_internal("%s", fault),
				errhint("Give it another schedule than \"%s\".",
						st->schedule));
		node->schedule.kind = SCHEDULE_MANUAL;
	}
	stream->schedule = pstrdup(st->schedule);
}

/*
 * Is it to wait, whatever happens, until the catalog says something else?  A
 * drain that is merely under way is not in the catalog; refreshes find out.
 */
static bool
is_held(const StreamTable *st, const Controls *controls)
{
	if (st->status == STREAM_SUSPENDED || st->fuse_blown_at != 0 ||
		controls->paused || controls->drained)
		return true;
	if (controls->gates != NIL &&
		pgt_find_gate(controls, pgt_direct_dependencies(st->pgt_id)) != NULL)
		return true;

	return controls->groups != NIL &&
		   pgt_misaligned_group(controls,
								pgt_all_dependencies(st->pgt_id)) != NULL;
}

static void
read_state(const StreamTable *st, DueNode *node)
{
	node->last_start = node->last_end = DT_NOBEGIN;
	if (st->is_populated && st->data_timestamp != 0)
		node->last_start = st->data_timestamp;
	node->consecutive_errors = st->consecutive_errors;
	node->retry_at = st->retry_at == 0 ? DT_NOBEGIN : st->retry_at;
}

/*
 * What it reads.  What is not logged (because nothing can log it, or because
 * the stream table is recomputed at each refresh) may change at any time; so
 * may the result of a query that reads no table.
 */
static void
read_inputs(const StreamTable *st, DueNode *node, StreamNode *stream,
			const OidMap *places, const OidMap *tracks)
{
	List *deps = pgt_dependencies(st->pgt_id);
	int n = list_length(deps) + 1;
	ListCell *lc;

	node->upstream = palloc(sizeof(int) * n);
	node->sources = palloc(sizeof(int64) * n);
	stream->tracks = palloc(sizeof(int64) * n);
	node->untracked_inputs = deps == NIL;
	foreach (lc, deps)
	{
		const Dependency *dep = lfirst(lc);
		int64 place = look_up(places, dep->source_relid);
		int64 track = look_up(tracks, dep->source_relid);

		if (strcmp(dep->source_type, "VIEW") == 0)
			continue;
		if (strcmp(dep->cdc_mode, "trigger") != 0 || track < 0)
			node->untracked_inputs = true;
		else
			stream->tracks[stream->ntracks++] = track;
		if (place >= 0)
			node->upstream[node->nupstream++] = (int) place;
		else
			node->sources[node->nsources++] = dep->source_relid;
	}
}

/*
 * InvalidOid: the table is gone.  Not from the cache: a commit wakes us before
 * it tells caches that the owner is another one.
 */
static Oid
read_owner(Oid relid)
{
	Relation classes = table_open(RelationRelationId, AccessShareLock);
	Oid owner = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(classes, ClassOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	systable_endscan(scan);
	table_close(classes, AccessShareLock);
	return owner;
}

static void
read_node(const StreamTable *st, const Controls *controls, DueNode *node,
		  StreamNode *stream)
{
	node->pgt_id = st->pgt_id;
	node->owner = read_owner(st->relid);
	node->tier = st->options.tier;
	node->held = is_held(st, controls);
	node->atomic = st->options.diamond_consistency == DIAMOND_ATOMIC;
	node->policy = st->options.diamond_policy;
	stream->is_populated = st->is_populated;
	stream->slot = -1;
	stream->postponed_until = DT_NOBEGIN;
	read_schedule(st, node, stream);
	read_state(st, node);
}

/* ---- all of them ---- */

static OidMap
map_tracks(void)
{
	List *sources = pgt_all_sources();
	OidMap map = make_map(list_length(sources));
	ListCell *lc;

	foreach (lc, sources)
	{
		const Source *source = lfirst(lc);

		add_to_map(&map, source->relid, source->track_id);
	}
	sort_map(&map);
	return map;
}

static OidMap
map_places(List *streams)
{
	OidMap map = make_map(list_length(streams));
	ListCell *lc;

	foreach (lc, streams)
		add_to_map(&map, ((const StreamTable *) lfirst(lc))->relid,
				   foreach_current_index(lc));
	sort_map(&map);
	return map;
}

/* In the current memory context, which is that of the model. */
static void
read_catalog(Model *model, List *streams)
{
	OidMap places = map_places(streams);
	OidMap tracks = map_tracks();
	const Controls *controls = pgt_read_controls();
	DueModel *due = &model->due;
	ListCell *lc;

	due->nodes = palloc0(sizeof(DueNode) * (list_length(streams) + 1));
	model->streams = palloc0(sizeof(StreamNode) * (list_length(streams) + 1));
	foreach (lc, streams)
	{
		int i = due->nnodes++;

		read_node(lfirst(lc), controls, &due->nodes[i], &model->streams[i]);
		read_inputs(lfirst(lc), &due->nodes[i], &model->streams[i], &places,
					&tracks);
	}
}

/* ---- order ---- */

/* Stream tables that read each other in a circle wait for their owner. */
static void
cut_cycle(DueModel *due, const int *cycle, int length)
{
	StringInfoData ids;

	initStringInfo(&ids);
	for (int i = 0; i < length; i++)
	{
		DueNode *node = &due->nodes[cycle[i]];

		appendStringInfo(&ids, "%s" INT64_FORMAT, i > 0 ? ", " : "",
						 node->pgt_id);
		node->nupstream = 0;
		node->held = true;
	}
	ereport(WARNING,
			errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			errmsg("stream tables that read each other in a circle are not refreshed automatically"),
			errdetail("Their pgt_id are %s.", ids.data),
			errhint("Change the query of one of them."));
}

/* A group that is too large for one job is refreshed one by one. */
static bool
has_large_unit(DueModel *due)
{
	bool found = false;

	for (int u = 0; u < due->nunits; u++)
	{
		const DueUnit *unit = &due->units[u];

		for (int i = 0; i < unit->n && unit->n > JOB_MEMBERS; i++)
		{
			due->nodes[due->order[unit->first + i]].atomic = false;
			found = true;
		}
	}

	return found;
}

static void
put_in_order(DueModel *due)
{
	int *cycle = palloc(sizeof(int) * (due->nnodes + 1));
	int length;

	do
	{
		length = pgt_prepare_model(due, cycle);
		if (length > 0)
			cut_cycle(due, cycle, length);
	} while (length > 0 || has_large_unit(due));
	pfree(cycle);
}

/* ---- what the older model knew ---- */

static int
find_in(const DueModel *due, int64 pgt_id)
{
	int low = 0;
	int high = due->nnodes - 1;

	while (low <= high)
	{
		int middle = (low + high) / 2;

		if (due->nodes[middle].pgt_id == pgt_id)
			return middle;
		if (due->nodes[middle].pgt_id < pgt_id)
			low = middle + 1;
		else
			high = middle - 1;
	}

	return -1;
}

static bool
reads_the_same(const Model *model, int i, const Model *older, int k)
{
	const StreamNode *a = &model->streams[i];
	const StreamNode *b = &older->streams[k];

	return a->ntracks == b->ntracks &&
		   model->due.nodes[i].nupstream == older->due.nodes[k].nupstream &&
		   memcmp(a->tracks, b->tracks, sizeof(int64) * a->ntracks) == 0;
}

/*
 * Errors are as the catalog has them, so that it counts when somebody resumes
 * a stream table.  The last refresh may have been on request (then it is in
 * the catalog) or have had nothing to do (then it is not).
 */
static void
inherit_one(Model *model, int i, const Model *older, int k, DueNode read)
{
	DueNode *node = &model->due.nodes[i];
	StreamNode *stream = &model->streams[i];

	stream->slot = older->streams[k].slot;
	stream->npostponed = older->streams[k].npostponed;
	stream->postponed_until = older->streams[k].postponed_until;
	node->last_start = Max(node->last_start, read.last_start);
	node->consecutive_errors = read.consecutive_errors;
	if (read.last_start > node->last_end)
	{
		/* Somebody else has refreshed it since it was postponed. */
		stream->npostponed = 0;
		stream->postponed_until = DT_NOBEGIN;
	}
	node->retry_at = Max(read.retry_at, stream->postponed_until);
	if (!reads_the_same(model, i, older, k) ||
		(!stream->is_populated && older->streams[k].is_populated))
		pgt_note_dirty(&model->due, i, model->due.loaded_at);
}

static void
inherit(Model *model, const Model *older)
{
	DueModel *due = &model->due;
	DueNode *read = palloc(sizeof(DueNode) * (due->nnodes + 1));

	memcpy(read, due->nodes, sizeof(DueNode) * due->nnodes);
	if (older != NULL)
		pgt_inherit_model(due, &older->due);
	for (int i = 0; i < due->nnodes; i++)
	{
		int k = older == NULL ? -1 :
								find_in(&older->due, due->nodes[i].pgt_id);

		if (k >= 0)
			inherit_one(model, i, older, k, read[i]);
		else
			pgt_note_dirty(due, i, due->loaded_at);
	}
	pfree(read);
}

/* ---- entry points ---- */

static Model *
create_model(void)
{
	MemoryContext memory = AllocSetContextCreate(TopMemoryContext,
												 "pg_trickle model",
												 ALLOCSET_DEFAULT_SIZES);
	Model *model = MemoryContextAllocZero(memory, sizeof(Model));
	static ZoneRules zone;

	if (!pgt_zone_rules(pgt_timezone, &zone))
		elog(ERROR, "time zone \"%s\" is not known", pgt_timezone);
	model->memory = memory;
	model->timezone = MemoryContextStrdup(memory, pgt_timezone);
	model->due.zone = &zone;
	model->due.loaded_at = GetCurrentTimestamp();
	return model;
}

/*
 * See scheduler.h.
 */
Model *
pgt_load_model(Model *older)
{
	Model *model = NULL;

	StartTransactionCommand();
	if (pgt_catalog_exists())
	{
		List *streams = pgt_all_streams();
		MemoryContext before;

		model = create_model();
		before = MemoryContextSwitchTo(model->memory);
		read_catalog(model, streams);
		put_in_order(&model->due);
		inherit(model, older);
		pgt_note_clock(&model->due, model->due.loaded_at);
		MemoryContextSwitchTo(before);
		elog(DEBUG1, "read the schedules of %d stream tables",
			 model->due.nnodes);
	}
	CommitTransactionCommand();
	if (older != NULL)
		MemoryContextDelete(older->memory);

	return model;
}

/*
 * See scheduler.h.
 */
int
pgt_model_find(const Model *model, int64 pgt_id)
{
	return find_in(&model->due, pgt_id);
}
