/*-------------------------------------------------------------------------
 *
 * shared_catalog.c
 *	  Where the catalog of the extension is, for backends that are new.
 *
 * A refresh opens a dozen tables and indexes of ours, by names of which none is
 * in the caches of a new session, and reads the one row that names the era.
 * Both are the same for all sessions of a database, until the extension is
 * dropped or somebody alters the tables.
 *
 * A slot for each database, found by its OID; who comes across the slot of
 * another database takes it over.  Slots are right for the reasons that README,
 * "What new sessions take from others", has for compiled stream tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lwlock.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/catalog_table.h"
#include "pg_trickle/shared.h"
#include "pg_trickle/shared_cache.h"

#define SLOTS 64

/* A counter for each object, and those of everything. */
#define MAX_MARKS (NUM_CATALOG_OBJECTS + 3)

typedef struct CatalogSlot
{
	Oid database; /* InvalidOid: nobody's */
	Oid oids[NUM_CATALOG_OBJECTS];
	char era[MAX_ERA];
	int nmarks;
	GenerationMark marks[MAX_MARKS];
} CatalogSlot;

typedef struct CatalogShared
{
	LWLock *lock;
	CatalogSlot slots[SLOTS];
} CatalogShared;

static CatalogShared *shared = NULL;

static Size
shared_size(void)
{
	return sizeof(CatalogShared);
}

static void
shared_start(void *memory, LWLock *lock)
{
	((CatalogShared *) memory)->lock = lock;
}

static const SharedPart part = {
	.name = "pg_trickle catalog",
	.size = shared_size,
	.init = shared_start,
	.where = (void **) &shared,
};

/*
 * Ask for shared memory.
 */
void
pgt_shared_catalog_init(void)
{
	pgt_register_shared(&part);
}

static CatalogSlot *
own_slot(void)
{
	return &shared->slots[MyDatabaseId % SLOTS];
}

/* False if nobody has told, or it is no longer so. */
static bool
is_told(void)
{
	CatalogSlot *slot = own_slot();
	bool found;

	LWLockAcquire(shared->lock, LW_SHARED);
	found = slot->database == MyDatabaseId &&
			pgt_generations_are(slot->marks, slot->nmarks);
	if (found)
	{
		pgt_know_catalog_oids(slot->oids);
		pgt_know_era(slot->era);
	}
	LWLockRelease(shared->lock);
	return found;
}

static void
store(const CatalogSlot *new)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	*own_slot() = *new;
	LWLockRelease(shared->lock);
}

/* Look everything up, and tell others unless it was about to change. */
static void
find_out(const Generations *then)
{
	Bitmapset *counters = pgt_generation_of_everything();
	CatalogSlot new = {.database = MyDatabaseId};
	GenerationMark *marks;

	if (!pgt_catalog_oids(new.oids))
		return;

	strlcpy(new.era, pgt_current_era(), sizeof(new.era));
	for (int i = 0; i < NUM_CATALOG_OBJECTS; i++)
		counters = pgt_generation_of_relation(counters, new.oids[i]);
	marks = pgt_generation_marks(then, counters, &new.nmarks);
	if (marks == NULL)
		return;

	Assert(new.nmarks <= MAX_MARKS);
	memcpy(new.marks, marks, sizeof(GenerationMark) * new.nmarks);
	store(&new);
}

/*
 * See shared_cache.h.
 */
void
pgt_learn_catalog(void)
{
	Generations *then;

	if (shared == NULL || pgt_catalog_is_known() || !pgt_generations_apply() ||
		is_told())
		return;

	then = pgt_generations_now();
	if (then == NULL)
		return;
	find_out(then);
	pfree(then);
}
