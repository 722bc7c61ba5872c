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
#include "pg_trickle/zset.h"

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
	TupleTableSlot *from = MakeSingleTupleTableSlot(delta->desc,
													&TTSOpsMinimalTuple);
	TupleTableSlot *row = MakeSingleTupleTableSlot(pgt_zset_desc(zset),
												   &TTSOpsVirtual);
	int ncols = delta->desc->natts - 1;

	while (tuplestore_gettupleslot(delta->rows, true, false, from))
	{
		slot_getallattrs(from);
		ExecClearTuple(row);
		memcpy(row->tts_values, from->tts_values, ncols * sizeof(Datum));
		memcpy(row->tts_isnull, from->tts_isnull, ncols * sizeof(bool));
		ExecStoreVirtualTuple(row);
		pgt_zset_put(zset, row, DatumGetInt64(from->tts_values[ncols]));
	}
	ExecDropSingleTupleTableSlot(from);
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

	/* Without opposite signs nothing can cancel. */
	if (delta->npositive == 0 || delta->npositive == delta->nrows)
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
