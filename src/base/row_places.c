/*-------------------------------------------------------------------------
 *
 * row_places.c
 *	  Where in a table its rows lie, by a hash of them.
 *
 * A thousand groups of which all change are a thousand ways down an index,
 * and past the entries of dead versions, while their table has some dozen
 * pages.  Reading those once costs a third:
 *
 *		hash of the row		place
 *		    17				(0, 4)
 *		    40				(2, 1)
 *
 * A place is a hint.  Whoever follows it looks whether the row is there and is
 * the one wanted, and asks the index otherwise: one place is noted per hash,
 * and the row may have got a new version since, in another place.  But a hash
 * that is not noted is one that no row has, if those are noted that are
 * inserted later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg_trickle/row_places.h"

/* So many look-ups in an index cost as much as a page read whole. */
#define LOOKUPS_PER_BLOCK 6

typedef struct Place
{
	uint64 hash;
	ItemPointerData tid;
	char status;
} Place;

#define SH_PREFIX place
#define SH_ELEMENT_TYPE Place
#define SH_KEY_TYPE uint64
#define SH_KEY hash
#define SH_HASH_KEY(table, key) ((uint32) ((key) ^ ((key) >> 32)))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct RowPlaces
{
	place_hash *table;
};

static bool
is_worth_while(Relation rel, int64 lookups)
{
	return lookups >=
		   (int64) RelationGetNumberOfBlocks(rel) * LOOKUPS_PER_BLOCK;
}

/*
 * See row_places.h.
 */
void
pgt_row_places_add(RowPlaces *places, int64 hash, ItemPointer place)
{
	bool found;

	place_insert(places->table, (uint64) hash, &found)->tid = *place;
}

/*
 * All rows that are there now, our own too.  SnapshotSelf would show the same,
 * but pages are cleared of dead versions only when they are read under a
 * snapshot that can be older than the reader.
 */
static void
note_rows(RowPlaces *places, Relation rel, const RowIdentity *by)
{
	TupleTableSlot *row = table_slot_create(rel, NULL);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "pg_trickle row places",
												  ALLOCSET_SMALL_SIZES);

	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		MemoryContext before = MemoryContextSwitchTo(scratch);
		int64 hash = pgt_identity_hash(by, row);

		MemoryContextSwitchTo(before);
		MemoryContextReset(scratch);
		CHECK_FOR_INTERRUPTS();
		pgt_row_places_add(places, hash, &row->tts_tid);
	}

	MemoryContextDelete(scratch);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(row);
}

/*
 * See row_places.h.
 */
RowPlaces *
pgt_row_places_read(Relation rel, const RowIdentity *by, int64 lookups)
{
	RowPlaces *places;

	if (!is_worth_while(rel, lookups))
		return NULL;
	places = palloc(sizeof(RowPlaces));
	places->table = place_create(CurrentMemoryContext,
								 Min(lookups, PG_UINT16_MAX), NULL);
	note_rows(places, rel, by);
	return places;
}

/*
 * See row_places.h.
 */
bool
pgt_row_places_find(const RowPlaces *places, int64 hash, ItemPointer place)
{
	const Place *found = place_lookup(places->table, (uint64) hash);

	if (found != NULL)
		*place = found->tid;
	return found != NULL;
}
