/*-------------------------------------------------------------------------
 *
 * shared_cache.h
 *	  Compiled stream tables in shared memory, for backends that are new.
 *
 * An entry counts as long as nothing that it was made from has changed since.
 * That is told by generations, counters in shared memory that go up when a
 * transaction that changed catalogs commits; README.md of src/refresh says
 * why nobody uses an entry that is out of date.
 *
 * Layer: refresh
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SHARED_CACHE_H
#define PGT_SHARED_CACHE_H

#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"

/* ---- generation.c ---- */

/* The generation that a counter had. */
typedef struct GenerationMark
{
	uint32 counter;
	uint64 generation;
} GenerationMark;

/* All generations at one time; from before something is worked out. */
typedef struct Generations Generations;

extern void pgt_generation_init(void);

/* Has this transaction changed catalogs, for all that can be known? */
extern bool pgt_may_have_changed_catalogs(void);

/*
 * Does this backend see the catalogs as all others do?  Not if its own
 * transaction may have changed them; and in recovery nobody counts.
 */
extern bool pgt_generations_apply(void);

/* Palloc'd; NULL if there are none. */
extern Generations *pgt_generations_now(void);

/* Sets of counters: the first makes one, the others add to it. */
extern Bitmapset *pgt_generation_of_everything(void);
extern Bitmapset *pgt_generation_of_relation(Bitmapset *counters, Oid relid);
extern Bitmapset *pgt_generation_of_type(Bitmapset *counters, Oid type);

/*
 * What the counters of a set were then; NULL if one of them was about to
 * change.  Palloc'd.
 */
extern GenerationMark *pgt_generation_marks(const Generations *then,
											const Bitmapset *counters,
											int *nmarks);

/* Is nothing newer than these? */
extern bool pgt_generations_are(const GenerationMark *marks, int nmarks);

/* ---- shared_cache.c ---- */

extern void pgt_shared_cache_init(void);

/*
 * The bytes of the entry of a stream table in this database and under which
 * generations it counts; false if there is none that does.  palloc'd.
 */
extern bool pgt_shared_cache_find(int64 pgt_id, StringInfo image,
								  GenerationMark **marks, int *nmarks);

/* Store an entry, if it fits; replaces the one that was there. */
extern void pgt_shared_cache_store(int64 pgt_id, const StringInfoData *image,
								   const GenerationMark *marks, int nmarks);

/* ---- shared_catalog.c ---- */

extern void pgt_shared_catalog_init(void);

/*
 * Learn from other sessions where the extension's catalog is, before it is
 * looked at.  Of no consequence but for time.
 */
extern void pgt_learn_catalog(void);

/* ---- telling ---- */

/* Since the server was started; zeros if there is no cache. */
typedef struct SharedCacheStats
{
	uint64 entries;
	uint64 bytes;
	uint64 max_bytes;
	uint64 hits;
	uint64 misses;
	uint64 invalidations; /* misses that found an entry out of date */
	uint64 evictions;	  /* entries that made room for others */
} SharedCacheStats;

extern void pgt_shared_cache_stats(SharedCacheStats *stats);

#endif /* PGT_SHARED_CACHE_H */
