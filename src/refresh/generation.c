/*-------------------------------------------------------------------------
 *
 * generation.c
 *	  How backends that share what they worked out notice that it is out of
 *	  date.
 *
 * A transaction that changed catalogs tells all backends what to look up
 * anew, by invalidation messages.  A backend that starts later gets none, and
 * the cache in shared memory cannot receive any.  So there are counters: each
 * relation and each type hashes to one, all else shares one per database.
 * Before it sends its messages, a committing transaction counts them up
 * ("begun"), and again when all are sent ("ended"):
 *
 *		ALTER TABLE sales ...	begun 7 -> 8, messages, ended 7 -> 8, unlock
 *
 * What was worked out while "begun" was 8 from start to end, with "ended" at 8
 * at the start, is of generation 8.  It counts while "begun" is 8.  README.md
 * has the argument.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "port/atomics.h"
#include "replication/logicalworker.h"
#include "storage/sinval.h"
#include "tcop/utility.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "pg_trickle/shared.h"
#include "pg_trickle/shared_cache.h"

/* A power of two; a collision costs a useless compilation. */
#define COUNTERS 2048

/* The first is that of changes of which nobody knows what they are. */
#define EVERYTHING 0

#define NO_GENERATION PG_UINT64_MAX

typedef enum Subject
{
	SUBJECT_RELATION,
	SUBJECT_TYPE,
	SUBJECT_OTHER,
} Subject;

typedef struct Counter
{
	pg_atomic_uint64 begun;
	pg_atomic_uint64 ended;
} Counter;

typedef struct GenerationShared
{
	pg_atomic_uint32 unreliable; /* see note_prepared() */
	Counter counters[COUNTERS];
} GenerationShared;

struct Generations
{
	uint64 of[COUNTERS];
};

static GenerationShared *shared = NULL;

/* What this transaction has begun and not ended. */
static uint8 pending[COUNTERS];
static bool any_pending = false;

static ProcessUtility_hook_type next_utility = NULL;

/* ---- counters ---- */

static int
counter_of(Subject subject, Oid database, uint32 id)
{
	uint32 hash = hash_combine(hash_combine(murmurhash32(subject + 1),
											murmurhash32(database)),
							   murmurhash32(id));

	return 1 + hash % (COUNTERS - 1);
}

static void
begin_change(int counter)
{
	if (pending[counter])
		return;

	pending[counter] = 1;
	any_pending = true;
	pg_atomic_fetch_add_u64(&shared->counters[counter].begun, 1);
}

static void
end_changes(void)
{
	if (!any_pending)
		return;

	for (int i = 0; i < COUNTERS; i++)
	{
		if (!pending[i])
			continue;
		pending[i] = 0;
		pg_atomic_fetch_add_u64(&shared->counters[i].ended, 1);
	}
	any_pending = false;
}

/* ---- what a transaction has changed ---- */

/*
 * Caches whose messages tell nothing: what goes with a message about the
 * relation or the type, and what ANALYZE finds out.
 */
static const int ignored_caches[] = {
	ATTNAME,
	ATTNUM,
	CONSTROID,
	INDEXRELID,
	PARTRELID,
	RELNAMENSP,
	RELOID,
	RULERELNAME,
	SEQRELID,
	STATEXTDATASTXOID,
	STATEXTNAMENSP,
	STATEXTOID,
	STATRELATTINH,
	TYPENAMENSP,
};

static bool
is_ignored(int cache)
{
	for (size_t i = 0; i < lengthof(ignored_caches); i++)
		if (ignored_caches[i] == cache)
			return true;

	return false;
}

/* The counter that a message is about, or -1. */
static int
counter_of_message(const SharedInvalidationMessage *message)
{
	if (message->id == SHAREDINVALRELCACHE_ID)
		return OidIsValid(message->rc.relId) ?
				   counter_of(SUBJECT_RELATION, message->rc.dbId,
							  message->rc.relId) :
				   EVERYTHING;
	if (message->id == SHAREDINVALCATALOG_ID)
		return EVERYTHING;
	if (message->id < 0 || is_ignored(message->id))
		return -1;
	if (message->id == TYPEOID)
		return counter_of(SUBJECT_TYPE, message->cc.dbId,
						  message->cc.hashValue);

	return counter_of(SUBJECT_OTHER, message->cc.dbId, 0);
}

/*
 * The messages that this transaction sends if it commits; only at its top
 * level.
 */
static int
own_messages(SharedInvalidationMessage **messages)
{
	bool ignored;

	return xactGetCommittedInvalidationMessages(messages, &ignored);
}

static void
begin_own_changes(void)
{
	SharedInvalidationMessage *messages;
	int n = own_messages(&messages);

	for (int i = 0; i < n; i++)
	{
		int counter = counter_of_message(&messages[i]);

		if (counter >= 0)
			begin_change(counter);
	}
	if (messages != NULL)
		pfree(messages);
}

/*
 * COMMIT PREPARED sends messages that only its file knows, and our hook on it
 * counts.  The apply worker of a subscription does it without a command; it
 * applies rows, and only a trigger of the user's could change catalogs.
 * After that nothing is known any more.
 */
static void
note_prepared(void)
{
	SharedInvalidationMessage *messages;

	if (IsLogicalWorker() && own_messages(&messages) > 0)
		pg_atomic_write_u32(&shared->unreliable, 1);
}

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (shared == NULL)
		return;

	if (event == XACT_EVENT_COMMIT)
		begin_own_changes();
	else if (event == XACT_EVENT_PRE_PREPARE)
		note_prepared();
}

/* All messages are sent when locks are released, or the transaction failed. */
static void
at_release(ResourceReleasePhase phase, bool is_commit, bool is_top, void *arg)
{
	if (is_top && phase == RESOURCE_RELEASE_AFTER_LOCKS)
		end_changes();
}

/*
 * The transaction that a COMMIT PREPARED runs in ends what it begins here,
 * also if it fails.
 */
static void
watch_utility(PlannedStmt *stmt, const char *text, bool read_only,
			  ProcessUtilityContext context, ParamListInfo params,
			  QueryEnvironment *environment, DestReceiver *dest,
			  QueryCompletion *completion)
{
	Node *node = stmt->utilityStmt;

	if (shared != NULL && IsA(node, TransactionStmt) &&
		((TransactionStmt *) node)->kind == TRANS_STMT_COMMIT_PREPARED)
		begin_change(EVERYTHING);

	if (next_utility != NULL)
		next_utility(stmt, text, read_only, context, params, environment,
					 dest, completion);
	else
		standard_ProcessUtility(stmt, text, read_only, context, params,
								environment, dest, completion);
}

/* ---- setting up ---- */

static Size
shared_size(void)
{
	return sizeof(GenerationShared);
}

static void
shared_start(void *memory, LWLock *lock)
{
	GenerationShared *new = memory;

	pg_atomic_init_u32(&new->unreliable, 0);
	for (int i = 0; i < COUNTERS; i++)
	{
		pg_atomic_init_u64(&new->counters[i].begun, 0);
		pg_atomic_init_u64(&new->counters[i].ended, 0);
	}
}

static const SharedPart part = {
	.name = "pg_trickle generations",
	.size = shared_size,
	.init = shared_start,
	.where = (void **) &shared,
};

/*
 * Ask for shared memory, and register for what changes catalogs: in every
 * process of the server, which is why only a preloaded library can do this.
 */
void
pgt_generation_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;

	pgt_register_shared(&part);
	RegisterXactCallback(at_end_of_transaction, NULL);
	RegisterResourceReleaseCallback(at_release, NULL);
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = watch_utility;
}

/* ---- using them ---- */

/*
 * Has this transaction changed catalogs?  Without a transaction id nothing was
 * written; within a subtransaction nobody says.
 */
bool
pgt_may_have_changed_catalogs(void)
{
	SharedInvalidationMessage *messages;

	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return false;
	if (GetCurrentTransactionNestLevel() > 1)
		return true;
	return own_messages(&messages) > 0;
}

/*
 * Is what this backend sees of the catalogs what the generations speak of?
 */
bool
pgt_generations_apply(void)
{
	return shared != NULL && !RecoveryInProgress() &&
		   pg_atomic_read_u32(&shared->unreliable) == 0 &&
		   !pgt_may_have_changed_catalogs();
}

/*
 * The generations as they are, to be taken before anything is looked up; what
 * is being changed has none.  palloc'd, or NULL if they do not apply.
 */
Generations *
pgt_generations_now(void)
{
	Generations *now;

	if (!pgt_generations_apply())
		return NULL;

	now = palloc(sizeof(Generations));
	for (int i = 0; i < COUNTERS; i++)
	{
		Counter *counter = &shared->counters[i];
		uint64 ended = pg_atomic_read_u64(&counter->ended);
		uint64 begun;

		pg_read_barrier();
		begun = pg_atomic_read_u64(&counter->begun);
		now->of[i] = begun == ended ? begun : NO_GENERATION;
	}
	pg_memory_barrier();
	AcceptInvalidationMessages();
	return now;
}

/*
 * The counters that everything depends on: roles, functions, operators,
 * schemas and the like.
 */
Bitmapset *
pgt_generation_of_everything(void)
{
	Bitmapset *counters = bms_make_singleton(EVERYTHING);

	counters = bms_add_member(counters,
							  counter_of(SUBJECT_OTHER, InvalidOid, 0));
	return bms_add_member(counters,
						  counter_of(SUBJECT_OTHER, MyDatabaseId, 0));
}

/*
 * Add the counter of a relation of this database.
 */
Bitmapset *
pgt_generation_of_relation(Bitmapset *counters, Oid relid)
{
	return bms_add_member(counters,
						  counter_of(SUBJECT_RELATION, MyDatabaseId, relid));
}

/*
 * Add the counters of a type, what it is an array of, and its columns.
 */
Bitmapset *
pgt_generation_of_type(Bitmapset *counters, Oid type)
{
	Oid element = get_element_type(type);
	Oid relid = get_typ_typrelid(type);
	uint32 hash = GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(type));

	if (OidIsValid(element))
		counters = pgt_generation_of_type(counters, element);
	if (OidIsValid(relid))
		counters = pgt_generation_of_relation(counters, relid);
	return bms_add_member(counters,
						  counter_of(SUBJECT_TYPE, MyDatabaseId, hash));
}

/*
 * See shared_cache.h.
 */
GenerationMark *
pgt_generation_marks(const Generations *then, const Bitmapset *counters,
					 int *nmarks)
{
	GenerationMark *marks = palloc(sizeof(GenerationMark) *
								   bms_num_members(counters));
	int counter = -1;

	*nmarks = 0;
	while ((counter = bms_next_member(counters, counter)) >= 0)
	{
		if (then->of[counter] == NO_GENERATION)
			return NULL;
		marks[*nmarks].counter = counter;
		marks[*nmarks].generation = then->of[counter];
		(*nmarks)++;
	}

	return marks;
}

/*
 * Are these the present generations?
 */
bool
pgt_generations_are(const GenerationMark *marks, int nmarks)
{
	for (int i = 0; i < nmarks; i++)
	{
		Counter *counter = &shared->counters[marks[i].counter];

		if (pg_atomic_read_u64(&counter->begun) != marks[i].generation)
			return false;
	}

	return true;
}
