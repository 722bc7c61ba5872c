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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"

#include "pg_trickle/delta.h"
#include "pg_trickle/identity.h"
#include "pg_trickle/zset.h"

#define ST_SORT sort_hashes
#define ST_ELEMENT_TYPE uint64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

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
	delta->rows = tuplestore_begin_heap(false, false, work_mem);
	delta->row_values = palloc(desc->natts * sizeof(Datum));
	delta->row_nulls = palloc(desc->natts * sizeof(bool));
	return delta;
}

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
	delta->nrows++;
	if (weight > 0)
		delta->npositive++;
}

/* The hash of each row, with the sign of its weight as lowest bit. */
static void
hash_rows(Delta *delta, uint64 *hashes)
{
	int ncols = delta->desc->natts - 1;
	RowIdentity *image = pgt_identity_by_image(delta->desc, ncols);
	TupleTableSlot *row = MakeSingleTupleTableSlot(delta->desc,
												   &TTSOpsMinimalTuple);

	while (tuplestore_gettupleslot(delta->rows, true, false, row))
	{
		slot_getallattrs(row);
		*hashes = (uint64) pgt_identity_hash(image, row) & ~UINT64CONST(1);
		if (DatumGetInt64(row->tts_values[ncols]) < 0)
			*hashes |= 1;
		hashes++;
	}
	tuplestore_rescan(delta->rows);
	ExecDropSingleTupleTableSlot(row);
	pfree(image);
}

/*
 * Are there rows of opposite signs that might be the same?  Most updates
 * change each row once, and then hashes alone tell that nothing cancels: a
 * third of what a Z-set costs.
 */
static bool
might_cancel(Delta *delta)
{
	Size size = delta->nrows * sizeof(uint64);
	uint64 *hashes;
	bool found = false;

	if (delta->npositive == 0 || delta->npositive == delta->nrows)
		return false;
	if (size > work_mem * (Size) 1024)
		return true;

	hashes = palloc_extended(size, MCXT_ALLOC_HUGE);
	hash_rows(delta, hashes);
	sort_hashes(hashes, delta->nrows);
	for (int64 i = 1; i < delta->nrows && !found; i++)
		found = (hashes[i - 1] ^ hashes[i]) == 1;
	pfree(hashes);
	return found;
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
	pfree(delta->name);
	pfree(delta);
}
