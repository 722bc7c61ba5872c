/*-------------------------------------------------------------------------
 *
 * row_finder.c
 *	  Finding the rows of a stream table that are the same as a given row.
 *
 * By a unique index the look-up has one scan key per key column:
 *
 *		region = 'north' AND day IS NULL
 *
 * and by an index on a hash it has one on the hash.  A hash is no identity:
 * every row met is compared with the one wanted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "pg_trickle/index_keys.h"
#include "pg_trickle/row_finder.h"
#include "pg_trickle/row_index.h"

struct RowFinder
{
	RowStore *store;
	RowIndexKind kind;
	Oid index;
	RowIdentity *same;	 /* the key, or the image */
	RowIdentity *hashed; /* what an index on a hash hashes */
	IndexKeys keys;
	bool expects;	/* rows may be found without the index */
	NotedRow noted; /* what was found so */
	TupleTableSlot *wanted;
	TupleTableSlot *found;
};

static void
make_hash_key(RowFinder *finder, const ApplyTarget *target, TupleDesc desc)
{
	int n;
	AttrNumber *columns = pgt_hashed_columns(target, desc, &n);

	if (target->keyed)
		finder->hashed = pgt_identity_by_key(desc, n, columns);
	else
		finder->hashed =
			pgt_identity_by_image(desc, n > 0 ? columns[n - 1] : 0);

	finder->keys.n = 1;
	ScanKeyInit(&finder->keys.keys[0], 1, BTEqualStrategyNumber, F_INT8EQ,
				(Datum) 0);
}

RowFinder *
pgt_finder_open(const ApplyTarget *target, RowStore *store)
{
	TupleDesc desc = RelationGetDescr(pgt_rowstore_relation(store));
	RowFinder *finder = palloc0(sizeof(RowFinder));

	finder->store = store;
	finder->index = target->index;
	finder->same = pgt_apply_identity(target, desc);
	finder->found = pgt_rowstore_slot(store);

	finder->kind = OidIsValid(target->index) ?
					   pgt_row_index_kind(target, desc) :
					   ROW_INDEX_NONE;
	if (finder->kind == ROW_INDEX_UNIQUE)
		pgt_index_keys_init(&finder->keys, target->index);
	else if (finder->kind != ROW_INDEX_NONE)
		make_hash_key(finder, target, desc);

	return finder;
}

bool
pgt_finder_is_unique(const RowFinder *finder)
{
	return finder->kind == ROW_INDEX_UNIQUE;
}

void
pgt_finder_expect(RowFinder *finder, int64 searches)
{
	if (finder->kind == ROW_INDEX_NONE)
		return;
	pgt_rowstore_expect_lookups(finder->store, finder->same, searches);
	finder->expects = true;
}

static void
search_index(RowFinder *finder, TupleTableSlot *row)
{
	if (finder->kind == ROW_INDEX_UNIQUE)
		(void) pgt_index_keys_set(&finder->keys, row);
	else if (finder->kind != ROW_INDEX_NONE)
		finder->keys.keys[0].sk_argument =
			Int64GetDatum(pgt_identity_hash(finder->hashed, row));

	pgt_rowstore_lookup(finder->store, finder->index, finder->keys.n,
						finder->keys.keys);
}

void
pgt_finder_search(RowFinder *finder, TupleTableSlot *row)
{
	finder->wanted = row;
	finder->noted = NOTED_NOTHING;
	if (finder->expects)
		finder->noted = pgt_rowstore_fetch_noted(
			finder->store, pgt_identity_hash(finder->same, row), row,
			finder->found);
	if (finder->noted == NOTED_NOTHING)
		search_index(finder, row);
}

/* A row that was noted is the only one. */
static TupleTableSlot *
next_noted(RowFinder *finder)
{
	bool found = finder->noted == NOTED_ROW;

	finder->noted = NOTED_NO_ROW;
	return found ? finder->found : NULL;
}

TupleTableSlot *
pgt_finder_next(RowFinder *finder)
{
	if (finder->noted != NOTED_NOTHING)
		return next_noted(finder);
	while (pgt_rowstore_fetch(finder->store, finder->found))
	{
		if (pgt_identity_equal(finder->same, finder->found, finder->wanted))
			return finder->found;
	}

	return NULL;
}
