/*-------------------------------------------------------------------------
 *
 * shared_cache.c
 *	  Compiled stream tables in shared memory, for backends that are new.
 *
 * A hash table from (stream table, database) to the bytes of what some backend
 * has compiled, in an area that the server allocates when it starts.  Entries
 * that are out of date (generation.c) lie around until they are replaced, or
 * make room: the one that was not used for the longest time goes first.
 *
 * Whoever stores holds the lock of the cache; whoever finds holds but that of
 * a partition of the table, for the time of a copy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/dshash.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/dsa.h"
#include "utils/memutils.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/shared.h"
#include "pg_trickle/shared_cache.h"

/* Less than this would be eaten up by the table itself. */
#define MIN_SIZE (1024 * 1024)

/* Free room that the table may ask for when an entry is inserted. */
#define HEADROOM (128 * 1024)

/* No entry takes more than this part of the cache. */
#define MAX_SHARE 4

typedef struct CacheShared
{
	LWLock *lock; /* exclusive to store, shared to look at bytes */
	Size size;	  /* of the area behind this; 0: none */
	dshash_table_handle table;
	uint64 nentries;
	uint64 nbytes;
	pg_atomic_uint64 clock; /* ticks when an entry is used */
	pg_atomic_uint64 hits;
	pg_atomic_uint64 misses;
	pg_atomic_uint64 invalidations;
	pg_atomic_uint64 evictions;
} CacheShared;

/* No padding: the key is hashed as bytes. */
typedef struct CacheKey
{
	int64 pgt_id;
	int64 database;
} CacheKey;

typedef struct CacheEntry
{
	CacheKey key;
	dsa_pointer block; /* of a CacheBlock */
	Size size;		   /* of that */
	pg_atomic_uint64 used;
} CacheEntry;

typedef struct CacheBlock
{
	int nmarks;
	int length; /* of the bytes behind the marks */
	GenerationMark marks[FLEXIBLE_ARRAY_MEMBER];
} CacheBlock;

static CacheShared *shared = NULL;

/* This backend's, once it has used the cache. */
static dsa_area *area = NULL;
static dshash_table *table = NULL;

/* ---- setting up ---- */

static Size
area_size(void)
{
	if (pgt_shared_cache_size == 0)
		return 0;
	return Max((Size) pgt_shared_cache_size * 1024, MIN_SIZE);
}

static Size
shared_size(void)
{
	return add_size(MAXALIGN(sizeof(CacheShared)), area_size());
}

static void *
area_of(CacheShared *cache)
{
	return (char *) cache + MAXALIGN(sizeof(CacheShared));
}

static dshash_parameters
table_parameters(const LWLock *lock)
{
	return (dshash_parameters){
		.key_size = sizeof(CacheKey),
		.entry_size = sizeof(CacheEntry),
		.compare_function = dshash_memcmp,
		.hash_function = dshash_memhash,
		PGT_DSHASH_COPY
			.tranche_id = lock->tranche,
	};
}

/*
 * Create area and table, in the postmaster.  The area never grows: neither is
 * there memory for that everywhere, nor would an error be welcome.
 */
static void
shared_start(void *memory, LWLock *lock)
{
	CacheShared *new = memory;
	dshash_parameters parameters = table_parameters(lock);
	dsa_area *new_area;
	dshash_table *new_table;

	new->lock = lock;
	new->size = area_size();
	pg_atomic_init_u64(&new->clock, 0);
	pg_atomic_init_u64(&new->hits, 0);
	pg_atomic_init_u64(&new->misses, 0);
	pg_atomic_init_u64(&new->invalidations, 0);
	pg_atomic_init_u64(&new->evictions, 0);
	if (new->size == 0)
		return;

	new_area = dsa_create_in_place(area_of(new), new->size, lock->tranche,
								   NULL);
	dsa_pin(new_area);
	dsa_set_size_limit(new_area, new->size);
	new_table = dshash_create(new_area, &parameters, NULL);
	new->table = dshash_get_hash_table_handle(new_table);
	dshash_detach(new_table);
	dsa_detach(new_area);
}

static const SharedPart part = {
	.name = "pg_trickle shared cache",
	.size = shared_size,
	.init = shared_start,
	.where = (void **) &shared,
};

/*
 * Ask for shared memory.
 */
void
pgt_shared_cache_init(void)
{
	pgt_register_shared(&part);
}

static bool
attach(void)
{
	MemoryContext before;
	dshash_parameters parameters;

	if (shared == NULL || shared->size == 0)
		return false;
	if (table != NULL)
		return true;

	before = MemoryContextSwitchTo(TopMemoryContext);
	parameters = table_parameters(shared->lock);
	if (area == NULL)
	{
		area = dsa_attach_in_place(area_of(shared), NULL);
		on_shmem_exit(dsa_on_shmem_exit_release_in_place,
					  PointerGetDatum(area_of(shared)));
		dsa_pin_mapping(area);
	}
	table = dshash_attach(area, &parameters, shared->table, NULL);
	MemoryContextSwitchTo(before);
	return true;
}

/* ---- finding ---- */

static char *
bytes_of(CacheBlock *block)
{
	return (char *) &block->marks[block->nmarks];
}

static CacheKey
key_of(int64 pgt_id)
{
	return (CacheKey){.pgt_id = pgt_id, .database = MyDatabaseId};
}

/* Copy the bytes of an entry, if it is up to date. */
static bool
read_entry(CacheEntry *entry, StringInfo image, GenerationMark **marks,
		   int *nmarks)
{
	CacheBlock *block = dsa_get_address(area, entry->block);
	Size size = sizeof(GenerationMark) * block->nmarks;

	if (!pgt_generations_are(block->marks, block->nmarks))
		return false;

	*nmarks = block->nmarks;
	*marks = palloc(size);
	memcpy(*marks, block->marks, size);
	initStringInfo(image);
	appendBinaryStringInfo(image, bytes_of(block), block->length);
	pg_atomic_write_u64(&entry->used,
						pg_atomic_fetch_add_u64(&shared->clock, 1));
	return true;
}

/*
 * See shared_cache.h.
 */
bool
pgt_shared_cache_find(int64 pgt_id, StringInfo image, GenerationMark **marks,
					  int *nmarks)
{
	CacheKey key = key_of(pgt_id);
	CacheEntry *entry;
	bool found = false;

	if (!pgt_generations_apply() || !attach())
		return false;

	entry = dshash_find(table, &key, false);
	if (entry != NULL)
	{
		found = read_entry(entry, image, marks, nmarks);
		dshash_release_lock(table, entry);
		if (!found)
			pg_atomic_fetch_add_u64(&shared->invalidations, 1);
	}
	pg_atomic_fetch_add_u64(found ? &shared->hits : &shared->misses, 1);
	return found;
}

/* ---- storing ---- */

/* Forget the bytes of an entry; those of a new one are none. */
static void
free_block(CacheEntry *entry)
{
	if (!DsaPointerIsValid(entry->block))
		return;

	dsa_free(area, entry->block);
	entry->block = InvalidDsaPointer;
	shared->nbytes -= entry->size;
	shared->nentries--;
}

/* Remove the entry that was not used for the longest time. */
static void
evict(void)
{
	dshash_seq_status scan;
	CacheEntry *entry;
	uint64 oldest = PG_UINT64_MAX;
	CacheKey key;

	dshash_seq_init(&scan, table, false);
	while ((entry = dshash_seq_next(&scan)) != NULL)
	{
		uint64 used = pg_atomic_read_u64(&entry->used);

		if (used < oldest)
		{
			oldest = used;
			key = entry->key;
		}
	}
	dshash_seq_term(&scan);
	if (oldest == PG_UINT64_MAX)
		return;

	entry = dshash_find(table, &key, true);
	free_block(entry);
	dshash_delete_entry(table, entry);
	pg_atomic_fetch_add_u64(&shared->evictions, 1);
}

/*
 * Is there room for so many bytes and for what the table needs, which would
 * raise an error if it did not get it?
 */
static bool
has_room(Size size)
{
	dsa_pointer probe = dsa_allocate_extended(area, size + HEADROOM,
											  DSA_ALLOC_NO_OOM);

	if (!DsaPointerIsValid(probe))
		return false;
	dsa_free(area, probe);
	return true;
}

static void
fill_block(CacheBlock *block, const StringInfoData *image,
		   const GenerationMark *marks, int nmarks)
{
	block->nmarks = nmarks;
	block->length = image->len;
	memcpy(block->marks, marks, sizeof(GenerationMark) * nmarks);
	memcpy(bytes_of(block), image->data, image->len);
}

/* False: room was there, but in pieces. */
static bool
fill_entry(CacheEntry *entry, const StringInfoData *image,
		   const GenerationMark *marks, int nmarks, Size size)
{
	dsa_pointer block = dsa_allocate_extended(area, size, DSA_ALLOC_NO_OOM);

	if (!DsaPointerIsValid(block))
		return false;

	fill_block(dsa_get_address(area, block), image, marks, nmarks);
	entry->block = block;
	entry->size = size;
	shared->nbytes += size;
	shared->nentries++;
	pg_atomic_write_u64(&entry->used,
						pg_atomic_fetch_add_u64(&shared->clock, 1));
	return true;
}

static void
insert(const CacheKey *key, const StringInfoData *image,
	   const GenerationMark *marks, int nmarks, Size size)
{
	bool found;
	CacheEntry *entry = dshash_find_or_insert(table, key, &found);

	if (!found)
	{
		entry->block = InvalidDsaPointer;
		pg_atomic_init_u64(&entry->used, 0);
	}
	free_block(entry);
	if (fill_entry(entry, image, marks, nmarks, size))
		dshash_release_lock(table, entry);
	else
		dshash_delete_entry(table, entry);
}

/*
 * See shared_cache.h.  Nothing is stored that takes too much of the cache.
 */
void
pgt_shared_cache_store(int64 pgt_id, const StringInfoData *image,
					   const GenerationMark *marks, int nmarks)
{
	CacheKey key = key_of(pgt_id);
	Size size = offsetof(CacheBlock, marks) +
				sizeof(GenerationMark) * nmarks + image->len;

	if (!attach() || size > shared->size / MAX_SHARE)
		return;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	while (!has_room(size) && shared->nentries > 0)
		evict();
	if (has_room(size))
		insert(&key, image, marks, nmarks, size);
	LWLockRelease(shared->lock);
}

/* ---- telling ---- */

/*
 * How the cache does.
 */
void
pgt_shared_cache_stats(SharedCacheStats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (shared == NULL)
		return;

	LWLockAcquire(shared->lock, LW_SHARED);
	stats->entries = shared->nentries;
	stats->bytes = shared->nbytes;
	LWLockRelease(shared->lock);
	stats->max_bytes = shared->size;
	stats->hits = pg_atomic_read_u64(&shared->hits);
	stats->misses = pg_atomic_read_u64(&shared->misses);
	stats->invalidations = pg_atomic_read_u64(&shared->invalidations);
	stats->evictions = pg_atomic_read_u64(&shared->evictions);
}
