/*-------------------------------------------------------------------------
 *
 * compile.c
 *	  What a refresh needs to know about a stream table, kept by the backend.
 *
 * The normal form and the delta program are derived from the query view once
 * and kept until a relation they are made from changes (relcache
 * invalidation: DDL, privileges, policies) or roles do.  An entry that has
 * become invalid may still be in use by the refresh that runs now, so that it
 * is freed at the end of the transaction.
 *
 * A backend that has none looks for one in shared memory first, and leaves
 * what it derives there for others (shared_cache.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"
#include "pg_trickle/shared_cache.h"
#include "pg_trickle/sql.h"

typedef struct CompiledEntry
{
	int64 pgt_id; /* hash key */
	Compiled *compiled;
} CompiledEntry;

/* What became invalid while an entry is made, which is in no cache yet. */
typedef struct Watch
{
	int n;
	uint32 subjects[256]; /* OIDs of relations, hashes of types */
	bool all;			  /* or more than fit */
} Watch;

static HTAB *cache = NULL;
static Watch watch;
static uint32 database_hash; /* of this database, in invalidations */

/* Of Compiled, freed when the transaction ends; in TopMemoryContext. */
static List *doomed = NIL;

static void
note_invalidation(uint32 subject)
{
	if (subject == 0 || watch.n == lengthof(watch.subjects))
		watch.all = true;
	else
		watch.subjects[watch.n++] = subject;
}

static bool
names_type(const Compiled *compiled, uint32 hashvalue)
{
	ListCell *lc;

	foreach (lc, compiled->types)
	{
		Datum type = ObjectIdGetDatum(lfirst_oid(lc));

		if (GetSysCacheHashValue1(TYPEOID, type) == hashvalue)
			return true;
	}

	return false;
}

static void
invalidate_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	CompiledEntry *entry;

	note_invalidation(relid);

	hash_seq_init(&status, cache);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->compiled != NULL &&
			(relid == InvalidOid ||
			 list_member_oid(entry->compiled->relids, relid)))
			entry->compiled->valid = false;
	}
}

/* Roles decide what an owner may read, functions what a program does. */
static void
invalidate_all(Datum arg, int cacheid, uint32 hashvalue)
{
	invalidate_relation((Datum) 0, InvalidOid);
}

/* Who owns the database is a member of pg_database_owner. */
static void
invalidate_for_database(Datum arg, int cacheid, uint32 hashvalue)
{
	if (hashvalue == 0 || hashvalue == database_hash)
		invalidate_all(arg, cacheid, hashvalue);
}

/*
 * Texts name types.  Each temporary table comes with types of its own, so
 * that it matters which type it is.
 */
static void
invalidate_type(Datum arg, int cacheid, uint32 hashvalue)
{
	HASH_SEQ_STATUS status;
	CompiledEntry *entry;

	note_invalidation(hashvalue);
	hash_seq_init(&status, cache);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->compiled != NULL &&
			(hashvalue == 0 || names_type(entry->compiled, hashvalue)))
			entry->compiled->valid = false;
	}
}

static void
free_doomed(void)
{
	ListCell *lc;

	foreach (lc, doomed)
	{
		Compiled *compiled = lfirst(lc);

		pgt_free_plan(compiled->recompute_plan);
		if (compiled->program != NULL)
			pgt_program_free(compiled->program);
		MemoryContextDelete(compiled->memory);
	}
	list_free(doomed);
	doomed = NIL;
}

/*
 * A program that an error left half-way is not to be trusted with the next
 * refresh.
 */
static void
abandon_running(int level)
{
	HASH_SEQ_STATUS status;
	CompiledEntry *entry;

	hash_seq_init(&status, cache);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->compiled == NULL || entry->compiled->level < level)
			continue;
		entry->compiled->level = 0;
		entry->compiled->valid = false;
	}
}

static void
end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		abandon_running(1);
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT ||
		event == XACT_EVENT_PREPARE)
		free_doomed();
}

static void
end_of_subtransaction(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		abandon_running(GetCurrentTransactionNestLevel());
}

static void
init_cache(void)
{
	HASHCTL ctl = {
		.keysize = sizeof(int64),
		.entrysize = sizeof(CompiledEntry),
		.hcxt = CacheMemoryContext,
	};

	if (cache != NULL)
		return;

	cache = hash_create("pg_trickle programs", 64, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	/* So that invalidate_type(), called anywhere, has nothing to set up. */
	(void) GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(INT8OID));
	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, invalidate_all, (Datum) 0);
	database_hash = GetSysCacheHashValue1(DATABASEOID,
										  ObjectIdGetDatum(MyDatabaseId));
	CacheRegisterSyscacheCallback(DATABASEOID, invalidate_for_database,
								  (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(AGGFNOID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, invalidate_type, (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, invalidate_all, (Datum) 0);
	CacheRegisterSyscacheCallback(CASTSOURCETARGET, invalidate_all, (Datum) 0);
	RegisterXactCallback(end_of_transaction, NULL);
	RegisterSubXactCallback(end_of_subtransaction, NULL);
}

/*
 * Must the sources of a stream table be logged?  Not if it is recomputed at
 * each refresh whatever has changed.
 */
bool
pgt_needs_tracking(const NormalForm *form, RefreshMode mode)
{
	return mode != MODE_FULL &&
		   form->obstacle.kind != OBSTACLE_EVERY_REFRESH &&
		   form->obstacle.kind != OBSTACLE_VOLATILE;
}

/* The query as it stands, computed: used to recompute and to check rights. */
static char *
recompute_sql(const StreamTable *st, const char *condition)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT q.*, 1::pg_catalog.int8 FROM ");
	pgt_sql_relation(&sql, st->query_relid);
	appendStringInfo(&sql, " q%s", condition);
	return sql.data;
}

static void
collect_relids(const StreamTable *st, Compiled *compiled, List *node_states)
{
	ListCell *lc;

	compiled->relids = list_make2_oid(st->relid, st->query_relid);
	foreach (lc, compiled->form->sources)
		compiled->relids = lappend_oid(compiled->relids,
									   ((SourceUse *) lfirst(lc))->relid);
	compiled->relids = list_concat(compiled->relids,
								   list_copy(compiled->form->views));
	compiled->relids = list_concat(compiled->relids, compiled->row_types);
	foreach (lc, node_states)
	{
		NodeState *node = lfirst(lc);

		compiled->relids = lappend_oid(compiled->relids, node->state_relid);
		compiled->relids = list_concat(compiled->relids,
									   list_copy(node->multisets));
	}
}

/* The sources whose logs are kept for a stream table. */
static List *
claimed_sources(const StreamTable *st)
{
	List *relids = NIL;
	ListCell *lc;

	foreach (lc, pgt_dependencies(st->pgt_id))
	{
		Dependency *dep = lfirst(lc);

		if (strcmp(dep->cdc_mode, "trigger") == 0)
			relids = lappend_oid(relids, dep->source_relid);
	}

	return relids;
}

/*
 * A source that nothing can capture (a foreign partition) is not tracked; nor
 * is a column that the query came to read without our noticing.
 * Nor is one whose changes are logged for others only, who empty the log as
 * they please: the query came to read it, or to have a delta, behind our back
 * (another view, another volatility of a function).
 */
static bool
sources_are_tracked(const StreamTable *st, const NormalForm *form)
{
	List *claimed = claimed_sources(st);
	ListCell *lc;

	foreach (lc, form->sources)
	{
		SourceUse *use = lfirst(lc);
		Source *source = pgt_lookup_source(use->relid, true);

		if (source == NULL || !list_member_oid(claimed, use->relid) ||
			!pgt_source_covers(source, use->ncolumns, use->columns))
			return false;
	}

	return true;
}

/*
 * Do no changes escape capture?  Yes only where the answer changes with the
 * sources themselves: whether children have their triggers has to be looked at
 * each time.
 */
static bool
sources_are_captured(const NormalForm *form)
{
	ListCell *lc;

	foreach (lc, form->sources)
	{
		Oid relid = ((SourceUse *) lfirst(lc))->relid;
		List *family = pgt_family(relid, AccessShareLock);

		if (list_length(family) != 1 ||
			pgt_capture_gap_among(pgt_lookup_source(relid, false),
								  family) != NULL)
			return false;
	}

	return true;
}

static ApplyTarget
apply_target(const StreamTable *st)
{
	ApplyTarget target = pgt_apply_target(st);

	target.keys = palloc(sizeof(AttrNumber) * (st->nkeys + 1));
	if (st->nkeys > 0)
		memcpy(target.keys, st->keys, sizeof(AttrNumber) * st->nkeys);
	return target;
}

static Compiled *
build(const StreamTable *st)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle program",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	Compiled *compiled = palloc0(sizeof(Compiled));
	List *node_states;
	RunAs run;
	Query *query;

	compiled->memory = memory;
	compiled->pgt_id = st->pgt_id;
	compiled->relid = st->relid;
	compiled->query_relid = st->query_relid;
	compiled->settings = pgt_copy_settings(&st->settings);
	compiled->target = apply_target(st);
	compiled->owner = pgt_relation_owner(st->relid);
	query = pgt_view_query(st->query_relid);
	compiled->form = pgt_form_of_query(query, compiled->owner);
	pgt_finish_restore(st, compiled);
	pgt_check_readers(st, compiled);
	compiled->tracked = pgt_needs_tracking(compiled->form, st->mode) &&
						sources_are_tracked(st, compiled->form);
	compiled->captured = compiled->tracked &&
						 sources_are_captured(compiled->form);
	compiled->meaning = pgt_meaning(compiled, query);

	/* Planning an aggregate reads its initial state: user code, maybe. */
	run = pgt_run_as_in(compiled->owner, &st->settings);
	compiled->refitted = pgt_refit_states(st, compiled->form);
	node_states = pgt_node_states(st->pgt_id);
	compiled->recompute_sql = recompute_sql(st, "");
	collect_relids(st, compiled, node_states);

	/*
	 * The rights that views demand, checked as views do: a delta query reads
	 * base tables, or no table at all, and would not notice a REVOKE.
	 */
	pgt_check_rights(recompute_sql(st, " WHERE false"));
	if (st->mode != MODE_FULL && compiled->form->obstacle.kind == OBSTACLE_NONE)
		compiled->program = pgt_program_build(compiled->form, node_states,
											  memory);
	pgt_run_as_done(run);
	MemoryContextSwitchTo(before);
	return compiled;
}

/* ---- between backends ---- */

/* What a restore leaves to be done is not for others to skip. */
static bool
may_be_shared(const StreamTable *st)
{
	return st->frontier != NULL &&
		   strcmp(st->frontier->era, pgt_current_era()) == 0;
}

/* Under which generations it is shared. */
static void
keep_marks(Compiled *compiled, const GenerationMark *marks, int nmarks)
{
	Size size = sizeof(GenerationMark) * nmarks;

	compiled->marks = MemoryContextAlloc(compiled->memory, size);
	memcpy(compiled->marks, marks, size);
	compiled->nmarks = nmarks;
}

/* What another backend has built, or NULL. */
static Compiled *
find_shared(const StreamTable *st)
{
	StringInfoData image;
	GenerationMark *marks;
	int nmarks;
	Compiled *compiled;
	MemoryContext before;
	RunAs run;

	if (!may_be_shared(st) ||
		!pgt_shared_cache_find(st->pgt_id, &image, &marks, &nmarks))
		return NULL;

	run = pgt_run_as_in(pgt_relation_owner(st->relid), &st->settings);
	compiled = pgt_compiled_read(st, &image);
	pgt_run_as_done(run);
	pfree(image.data);
	if (compiled == NULL)
		return NULL;

	before = MemoryContextSwitchTo(compiled->memory);
	compiled->target = apply_target(st);
	keep_marks(compiled, marks, nmarks);
	MemoryContextSwitchTo(before);
	return compiled;
}

static void
store(const StreamTable *st, Compiled *compiled)
{
	StringInfoData image;

	initStringInfo(&image);
	pgt_compiled_write(compiled, st->mode, &image);
	pgt_shared_cache_store(st->pgt_id, &image, compiled->marks,
						   compiled->nmarks);
	pfree(image.data);
}

/* Leave it to others, if nothing it was made from was changing since "then". */
static void
share(const StreamTable *st, Compiled *compiled, const Generations *then)
{
	Bitmapset *counters = pgt_generation_of_everything();
	GenerationMark *marks;
	int nmarks;
	ListCell *lc;

	if (!may_be_shared(st) || !pgt_generations_apply())
		return;

	foreach (lc, compiled->relids)
		counters = pgt_generation_of_relation(counters, lfirst_oid(lc));
	foreach (lc, compiled->types)
		counters = pgt_generation_of_type(counters, lfirst_oid(lc));
	marks = pgt_generation_marks(then, counters, &nmarks);
	if (marks == NULL)
		return;

	keep_marks(compiled, marks, nmarks);
	store(st, compiled);
}

/*
 * See refresh.h.  If the generations are still those under which the entry
 * was made, nothing has changed since, and the plans are made from the same.
 */
void
pgt_share_plans(const StreamTable *st, Compiled *compiled)
{
	if (compiled->program == NULL || compiled->marks == NULL ||
		!compiled->valid || !pgt_program_has_new_plans(compiled->program))
		return;

	if (may_be_shared(st) && pgt_generations_apply() &&
		pgt_generations_are(compiled->marks, compiled->nmarks))
		store(st, compiled);
}

/* ---- making an entry ---- */

/*
 * Was nothing invalidated since the watch began?  A transaction that changes
 * catalogs is told of its own changes, too, which says nothing.
 */
static bool
is_undisturbed(const Compiled *compiled)
{
	if (pgt_may_have_changed_catalogs())
		return true;
	if (watch.all)
		return false;

	for (int i = 0; i < watch.n; i++)
		if (list_member_oid(compiled->relids, watch.subjects[i]) ||
			names_type(compiled, watch.subjects[i]))
			return false;

	return true;
}

/*
 * Find or build a compiled form; *then is set to the generations it was built
 * under, NULL if it is not to be shared.
 */
static Compiled *
make(const StreamTable *st, Generations **then)
{
	Compiled *compiled;

	memset(&watch, 0, sizeof(watch));
	*then = NULL;
	compiled = find_shared(st);
	if (compiled == NULL)
	{
		*then = pgt_generations_now();
		compiled = build(st);
	}
	compiled->valid = is_undisturbed(compiled);
	MemoryContextSetParent(compiled->memory, CacheMemoryContext);
	return compiled;
}

/* Lock what the program reads, so that it stays as it was compiled. */
static void
lock_sources(const Compiled *compiled)
{
	ListCell *lc;

	foreach (lc, compiled->form->sources)
	{
		SourceUse *use = lfirst(lc);

		if (use->inh)
		{
			/* On a standby, to explain: nobody changes shapes there. */
			if (!RecoveryInProgress())
				pgt_lock_source_shape(use->relid, ShareLock);
			list_free(pgt_family(use->relid, AccessShareLock));
		}
		else
			LockRelationOid(use->relid, AccessShareLock);
	}
}

/*
 * One that this stream table, too, has passed is not read any more, and whoever
 * empties it right now is not waited for.
 */
static bool
is_done_with(const StreamTable *st, const Segment *segment)
{
	return segment->state == SEGMENT_DRAINED && pgt_has_claim(st) &&
		   pgt_consumer_has_passed(st, segment);
}

/*
 * Lock the segments of a source's log that a refresh may read; new ones appear
 * only with changes that a snapshot taken later than the locks does not need,
 * or are found by the second look.
 */
static void
lock_log(const StreamTable *st, Oid relid)
{
	Source *source = pgt_lookup_source(relid, true);
	List *locked = NIL;
	bool again = source != NULL;

	if (source != NULL && !pgt_has_claim(st) && !RecoveryInProgress())
		pgt_hold_segments(source->track_id);
	while (again)
	{
		ListCell *lc;

		again = false;
		foreach (lc, pgt_live_segments(source->track_id))
		{
			Segment *segment = lfirst(lc);

			if (list_member_oid(locked, segment->relid) ||
				is_done_with(st, segment))
				continue;
			LockRelationOid(segment->relid, AccessShareLock);
			locked = lappend_oid(locked, segment->relid);
			again = true;
		}
	}
	list_free(locked);
}

static void
discard(CompiledEntry *entry)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	doomed = lappend(doomed, entry->compiled);
	entry->compiled = NULL;
	MemoryContextSwitchTo(before);
}

/*
 * See refresh.h.  The caller holds pgt_lock_stream().  The result lives until
 * the end of the transaction at least.  Error 55006 if it is being refreshed
 * further up the stack.
 */
Compiled *
pgt_compile(const StreamTable *st)
{
	CompiledEntry *entry;
	Generations *then = NULL;
	bool found;
	ListCell *lc;

	init_cache();
	entry = hash_search(cache, &st->pgt_id, HASH_ENTER, &found);
	if (!found)
		entry->compiled = NULL;

	if (entry->compiled != NULL && entry->compiled->level > 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("stream table \"%s\" is being refreshed by this session",
					   get_rel_name(st->relid)),
				errdetail("A trigger on it, or a function in its query, must not refresh it."));

	/* With debug_discard_caches nothing stays valid. */
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (entry->compiled != NULL && !entry->compiled->valid)
			discard(entry);
		if (entry->compiled == NULL)
			entry->compiled = make(st, &then);
		lock_sources(entry->compiled);
	} while (!entry->compiled->valid && debug_discard_caches == 0);
	if (then != NULL && entry->compiled->valid && !entry->compiled->refitted)
		share(st, entry->compiled, then);
	if (then != NULL)
		pfree(then);

	if (entry->compiled->tracked)
	{
		foreach (lc, entry->compiled->form->sources)
			lock_log(st, ((SourceUse *) lfirst(lc))->relid);
	}
	return entry->compiled;
}
