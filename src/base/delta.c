/*-------------------------------------------------------------------------
 *
 * delta.c
 *	  The change of one relation, as delta queries read it.
 *
 * An UPDATE of row (7, 'x') to (7, 'y') is two rows of a delta:
 *
 *		 c1 | c2 | w
 *		  7 | x  | -1
 *		  7 | y  |  1
 *
 * Rows that came and went again cancel.  There seldom are any, and to find
 * that there are none, it is enough that no two rows of opposite signs have
 * the same hash.  A row is hashed when it is put, for then its values are at
 * hand; but as long as all rows have the same sign it need not be.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/nodeHash.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg_trickle/delta.h"
#include "pg_trickle/identity.h"
#include "pg_trickle/zset.h"

#define FIRST_HASHES 64
#define BYTES_PER_HASH (3 * sizeof(uint64)) /* with its share of a table */

/*
 * The descriptor of a delta of rows with "ncols" columns of these types, in
 * the current memory context.
 */
TupleDesc
pgt_delta_desc(int ncols, const Oid *types, const int32 *typmods,
			   const Oid *collations)
{
	TupleDesc desc = CreateTemplateTupleDesc(ncols + 1);

	for (int i = 0; i < ncols; i++)
	{
		char name[NAMEDATALEN];

		snprintf(name, sizeof(name), "c%d", i + 1);
		TupleDescInitEntry(desc, i + 1, name, types[i], typmods[i], 0);
		TupleDescInitEntryCollation(desc, i + 1, collations[i]);
	}
	TupleDescInitEntry(desc, ncols + 1, "w", INT8OID, -1, 0);

	return desc;
}

/* ---- ranges ---- */

/* The width of the integers that values of the type are compared as, or 0. */
static int16
integer_width(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return sizeof(int16);
		case INT4OID:
		case DATEOID:
			return sizeof(int32);
		case INT8OID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return sizeof(int64);
		default:
			return 0;
	}
}

static DeltaRange *
make_ranges(TupleDesc desc)
{
	DeltaRange *ranges = palloc0(desc->natts * sizeof(DeltaRange));

	for (int i = 0; i < desc->natts - 1; i++)
		ranges[i].width = integer_width(TupleDescAttr(desc, i)->atttypid);
	return ranges;
}

static void
widen_range(DeltaRange *range, Datum datum)
{
	int64 value = range->width == sizeof(int64) ? DatumGetInt64(datum) :
				  range->width == sizeof(int32) ? DatumGetInt32(datum) :
												  DatumGetInt16(datum);

	range->min = range->known ? Min(range->min, value) : value;
	range->max = range->known ? Max(range->max, value) : value;
	range->known = true;
}

static void
widen_ranges(Delta *delta, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < delta->desc->natts - 1; i++)
	{
		if (delta->ranges[i].width > 0 && !nulls[i])
			widen_range(&delta->ranges[i], values[i]);
	}
}

const DeltaRange *
pgt_delta_range(const Delta *delta, AttrNumber attnum)
{
	if (attnum < 1 || attnum >= delta->desc->natts ||
		!delta->ranges[attnum - 1].known)
		return NULL;
	return &delta->ranges[attnum - 1];
}

/*
 * An empty delta, in the current memory context; "desc" is not
 * copied.
 */
Delta *
pgt_delta_create(const char *name, TupleDesc desc)
{
	Delta *delta = palloc0(sizeof(Delta));

	delta->name = pstrdup(name);
	delta->desc = desc;
	delta->ranges = make_ranges(desc);
	delta->rows = tuplestore_begin_heap(false, false, work_mem);
	delta->row_values = palloc(desc->natts * sizeof(Datum));
	delta->row_nulls = palloc(desc->natts * sizeof(bool));
	return delta;
}

/*
 * See delta.h; in the current memory context.
 */
void
pgt_delta_expect_opposites(Delta *delta)
{
	Assert(delta->nrows == 0);
	delta->image = pgt_identity_by_image(delta->desc, delta->desc->natts - 1);
}

/* ---- opposite rows ---- */

static bool
has_both_signs(const Delta *delta)
{
	return delta->npositive > 0 && delta->npositive < delta->nrows;
}

/*
 * A hash with the sign of its row as lowest bit; never 0, which marks a free
 * place in the table of hashes.
 */
static uint64
signed_hash(int64 hash, bool negative)
{
	return ((uint64) hash & ~UINT64CONST(3)) | 2 | negative;
}

static void
enlarge_hashes(Delta *delta)
{
	Size size;

	delta->max_hashes = Max(FIRST_HASHES, delta->max_hashes * 2);
	size = delta->max_hashes * sizeof(uint64);
	if (delta->hashes == NULL)
		delta->hashes = MemoryContextAlloc(GetMemoryChunkContext(delta),
										   size);
	else
		delta->hashes = repalloc_huge(delta->hashes, size);
}

/* Remember the hash of the row that has just been put. */
static void
note_hash(Delta *delta, const Datum *values, const bool *nulls, bool negative)
{
	int64 hash;

	if (delta->nhashes == 0)
		delta->nunhashed = delta->nrows - 1;
	if (delta->nrows * BYTES_PER_HASH > get_hash_memory_limit())
	{
		delta->many = true;
		return;
	}

	hash = pgt_identity_quick_hash(delta->image, values, nulls);
	if (delta->nhashes == delta->max_hashes)
		enlarge_hashes(delta);
	delta->hashes[delta->nhashes++] = signed_hash(hash, negative);
}

/*
 * Put a hash into the table; true if the one of an opposite row is there.
 */
static bool
meets_opposite(uint64 *table, uint64 mask, uint64 hash)
{
	uint64 place = (hash >> 2) & mask;

	for (; table[place] != 0; place = (place + 1) & mask)
	{
		if ((table[place] ^ hash) == 1)
			return true;
		if (table[place] == hash)
			return false;
	}
	table[place] = hash;
	return false;
}

/* Those rows whose hashes have not been noted. */
static bool
first_rows_meet_opposite(Delta *delta, uint64 *table, uint64 mask)
{
	int ncols = delta->desc->natts - 1;
	TupleTableSlot *row = MakeSingleTupleTableSlot(delta->desc,
												   &TTSOpsMinimalTuple);
	bool found = false;

	for (int64 i = 0; i < delta->nunhashed && !found; i++)
	{
		uint64 hash;

		if (!tuplestore_gettupleslot(delta->rows, true, false, row))
			elog(ERROR, "delta has too few rows");
		slot_getallattrs(row);
		hash = signed_hash(pgt_identity_quick_hash(delta->image,
												   row->tts_values,
												   row->tts_isnull),
						   DatumGetInt64(row->tts_values[ncols]) < 0);
		found = meets_opposite(table, mask, hash);
	}
	tuplestore_rescan(delta->rows);
	ExecDropSingleTupleTableSlot(row);
	return found;
}

/*
 * Are there rows of opposite signs that might be the same?
 */
static bool
might_cancel(Delta *delta)
{
	uint64 size = 4;
	uint64 *table;
	bool found;

	if (!has_both_signs(delta))
		return false;
	if (delta->many)
		return true;

	while (size < (uint64) (delta->nrows + delta->nrows / 2))
		size *= 2;
	table = palloc_extended(size * sizeof(uint64),
							MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	found = first_rows_meet_opposite(delta, table, size - 1);
	for (int64 i = 0; i < delta->nhashes && !found; i++)
		found = meets_opposite(table, size - 1, delta->hashes[i]);
	pfree(table);
	return found;
}

/* ---- rows ---- */

/*
 * Add a row, which is copied; "values" and "nulls" are its columns without w.
 */
void
pgt_delta_put(Delta *delta, const Datum *values, const bool *nulls,
			  int64 weight)
{
	int ncols = delta->desc->natts - 1;

	memcpy(delta->row_values, values, ncols * sizeof(Datum));
	memcpy(delta->row_nulls, nulls, ncols * sizeof(bool));
	delta->row_values[ncols] = Int64GetDatum(weight);
	delta->row_nulls[ncols] = false;

	tuplestore_putvalues(delta->rows, delta->desc, delta->row_values,
						 delta->row_nulls);
	widen_ranges(delta, values, nulls);
	delta->nrows++;
	if (weight > 0)
		delta->npositive++;
	if (delta->image != NULL && has_both_signs(delta))
		note_hash(delta, values, nulls, weight < 0);
}

/* The columns without the weight. */
static TupleDesc
row_desc(TupleDesc desc)
{
	TupleDesc rows = CreateTemplateTupleDesc(desc->natts - 1);

	for (int i = 1; i < desc->natts; i++)
		TupleDescCopyEntry(rows, i, desc, i);

	return rows;
}

static ZSet *
zset_of(Delta *delta)
{
	ZSet *zset = pgt_zset_create(row_desc(delta->desc), NULL);
	TupleTableSlot *row = MakeSingleTupleTableSlot(delta->desc,
												   &TTSOpsMinimalTuple);
	int weight = delta->desc->natts - 1;

	while (tuplestore_gettupleslot(delta->rows, true, false, row))
	{
		slot_getallattrs(row);
		pgt_zset_put(zset, row, DatumGetInt64(row->tts_values[weight]));
	}
	ExecDropSingleTupleTableSlot(row);
	return zset;
}

/*
 * See delta.h; in the current memory context.
 */
Delta *
pgt_delta_consolidate(Delta *delta)
{
	Delta *result;
	ZSet *zset;
	TupleTableSlot *row;
	int64 weight;

	if (!might_cancel(delta))
		return delta;

	result = pgt_delta_create(delta->name, delta->desc);
	zset = zset_of(delta);
	while (pgt_zset_next_group(zset))
	{
		while ((row = pgt_zset_next_row(zset, &weight)) != NULL)
		{
			slot_getallattrs(row);
			pgt_delta_put(result, row->tts_values, row->tts_isnull, weight);
		}
	}
	pgt_zset_free(zset);
	pgt_delta_free(delta);
	return result;
}

void
pgt_delta_free(Delta *delta)
{
	tuplestore_end(delta->rows);
	pfree(delta->row_values);
	pfree(delta->row_nulls);
	pfree(delta->ranges);
	if (delta->image != NULL)
		pfree(delta->image);
	if (delta->hashes != NULL)
		pfree(delta->hashes);
	pfree(delta->name);
	pfree(delta);
}
