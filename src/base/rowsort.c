/*-------------------------------------------------------------------------
 *
 * rowsort.c
 *	  Rows with their keys, sorted by them, in memory or on disk.
 *
 * Up to work_mem the rows are tuples in memory and an array that tells their
 * keys, which is all that sorting touches:
 *
 *		group	image	weight	tuple
 *		    40     11       +2	(b, 7)
 *		    17     31       +1	(a, 2)
 *
 * A tuplesort that holds the rows themselves would copy and take apart each
 * of them several times more.  It comes in when the memory is full: to it a
 * row is its keys and the bytes of its tuple.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/rowsort.h"

#define FIRST_ROWS 32 /* most changes have fewer */
#define ROWS_AHEAD 8  /* until a tuple asked for is in the processor's cache */

/* Sorting in parts; their counters fit the processor's cache. */
#define FEWEST_ROWS_IN_PARTS 256
#define ROWS_PER_PART 8
#define MAX_PART_BITS 12

/* Sorted rows lie anywhere in memory: ask for them before they are needed. */
#ifdef __GNUC__
#define prefetch(address) __builtin_prefetch(address)
#else
#define prefetch(address) ((void) 0)
#endif

/* A row on disk. */
enum
{
	Anum_group = 1,
	Anum_image,
	Anum_weight,
	Anum_tuple,
	Natts_packed = Anum_tuple,
};

struct RowSort
{
	MemoryContext memory; /* the array and what sorting needs */
	MemoryContext tuples;
	SortedRow *rows;
	int64 nrows;
	int64 max_rows;
	int64 next; /* to be read */

	/* on disk */
	Tuplesortstate *disk; /* NULL: in memory */
	bool sorted;
	TupleTableSlot *packed;
	bytea *bytes;	/* of the row being put or read */
	Size max_bytes; /* room in it */
	SortedRow row;	/* the one being read, its tuple aligned */
	Size max_tuple; /* room in row.tuple */
};

static inline int
compare_rows(const SortedRow *a, const SortedRow *b)
{
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->image != b->image)
		return a->image < b->image ? -1 : 1;
	return 0;
}

#define ST_SORT sort_rows
#define ST_ELEMENT_TYPE SortedRow
#define ST_COMPARE(a, b) compare_rows(a, b)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

RowSort *
pgt_rowsort_create(void)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle row sort",
												 ALLOCSET_DEFAULT_SIZES);
	RowSort *sort = MemoryContextAllocZero(memory, sizeof(RowSort));

	sort->memory = memory;
	sort->tuples = AllocSetContextCreate(memory, "pg_trickle sorted rows",
										 ALLOCSET_DEFAULT_SIZES);
	sort->max_rows = FIRST_ROWS;
	sort->rows = MemoryContextAlloc(memory, sizeof(SortedRow) * FIRST_ROWS);
	return sort;
}

/* ---- on disk ---- */

static TupleDesc
packed_desc(void)
{
	TupleDesc desc = CreateTemplateTupleDesc(Natts_packed);

	TupleDescInitEntry(desc, Anum_group, "group", INT8OID, -1, 0);
	TupleDescInitEntry(desc, Anum_image, "image", INT8OID, -1, 0);
	TupleDescInitEntry(desc, Anum_weight, "weight", INT8OID, -1, 0);
	TupleDescInitEntry(desc, Anum_tuple, "tuple", BYTEAOID, -1, 0);
	return desc;
}

/* The tuple as a bytea, valid until the next call. */
static bytea *
pack_tuple(RowSort *sort, MinimalTuple tuple)
{
	Size size = VARHDRSZ + tuple->t_len;

	if (size > sort->max_bytes)
	{
		if (sort->bytes != NULL)
			pfree(sort->bytes);
		sort->bytes = MemoryContextAlloc(sort->memory, size);
		sort->max_bytes = size;
	}
	SET_VARSIZE(sort->bytes, size);
	memcpy(VARDATA(sort->bytes), tuple, tuple->t_len);
	return sort->bytes;
}

static void
put_on_disk(RowSort *sort, const SortedRow *row)
{
	TupleTableSlot *packed = sort->packed;

	ExecClearTuple(packed);
	memset(packed->tts_isnull, false, Natts_packed);
	packed->tts_values[Anum_group - 1] = Int64GetDatum(row->group);
	packed->tts_values[Anum_image - 1] = Int64GetDatum(row->image);
	packed->tts_values[Anum_weight - 1] = Int64GetDatum(row->weight);
	packed->tts_values[Anum_tuple - 1] =
		PointerGetDatum(pack_tuple(sort, row->tuple));
	ExecStoreVirtualTuple(packed);
	tuplesort_puttupleslot(sort->disk, packed);
}

/* The memory is full: everything moves to a tuplesort. */
static void
go_to_disk(RowSort *sort)
{
	MemoryContext before = MemoryContextSwitchTo(sort->memory);
	TupleDesc desc = packed_desc();
	AttrNumber attnos[] = {Anum_group, Anum_image};
	Oid operators[] = {Int8LessOperator, Int8LessOperator};
	Oid collations[] = {InvalidOid, InvalidOid};
	bool nulls_first[] = {false, false};

	sort->packed = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	sort->disk = tuplesort_begin_heap(desc, lengthof(attnos), attnos,
									  operators, collations, nulls_first,
									  work_mem, NULL, TUPLESORT_NONE);
	for (int64 i = 0; i < sort->nrows; i++)
		put_on_disk(sort, &sort->rows[i]);

	MemoryContextReset(sort->tuples);
	pfree(sort->rows);
	sort->rows = NULL;
	sort->nrows = 0;
	MemoryContextSwitchTo(before);
}

/* Take the tuple out of the slot: a tuple is aligned, a bytea is not. */
static void
unpack_tuple(RowSort *sort, bytea *bytes)
{
	Size size = VARSIZE_ANY_EXHDR(bytes);

	if (size > sort->max_tuple)
	{
		if (sort->row.tuple != NULL)
			pfree(sort->row.tuple);
		sort->row.tuple = MemoryContextAlloc(sort->memory, size);
		sort->max_tuple = size;
	}
	memcpy(sort->row.tuple, VARDATA_ANY(bytes), size);
}

static const SortedRow *
next_from_disk(RowSort *sort)
{
	SortedRow *row = &sort->row;
	Datum *values;

	if (!sort->sorted)
	{
		MemoryContext before = MemoryContextSwitchTo(sort->memory);
		TupleDesc desc = sort->packed->tts_tupleDescriptor;

		tuplesort_performsort(sort->disk);
		ExecDropSingleTupleTableSlot(sort->packed);
		sort->packed = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
		sort->sorted = true;
		MemoryContextSwitchTo(before);
	}

	if (!tuplesort_gettupleslot(sort->disk, true, false, sort->packed, NULL))
		return NULL;

	slot_getallattrs(sort->packed);
	values = sort->packed->tts_values;
	row->group = DatumGetInt64(values[Anum_group - 1]);
	row->image = DatumGetInt64(values[Anum_image - 1]);
	row->weight = DatumGetInt64(values[Anum_weight - 1]);
	unpack_tuple(sort, (bytea *) DatumGetPointer(values[Anum_tuple - 1]));
	return row;
}

/* ---- in memory ---- */

static bool
memory_is_full(const RowSort *sort)
{
	Size used = MemoryContextMemAllocated(sort->tuples, false) +
				sort->nrows * sizeof(SortedRow);

	return used > work_mem * (Size) 1024;
}

static void
put_in_memory(RowSort *sort, const SortedRow *row)
{
	if (sort->nrows == sort->max_rows)
	{
		sort->max_rows *= 2;
		sort->rows = repalloc_huge(sort->rows,
								   sort->max_rows * sizeof(SortedRow));
	}
	sort->rows[sort->nrows++] = *row;
}

/* The part of the range of hashes, one of 2^bits, that this one is in. */
static inline int
part_of(int64 group, int bits)
{
	uint64 place = (uint64) group ^ (UINT64CONST(1) << 63);

	return (int) (place >> (64 - bits));
}

/* Where each part will begin: the numbers of rows in those before, added up. */
static int64 *
find_parts(const SortedRow *rows, int64 nrows, int bits)
{
	int nparts = 1 << bits;
	int64 *starts = palloc0(sizeof(int64) * (nparts + 1));

	for (int64 i = 0; i < nrows; i++)
		starts[part_of(rows[i].group, bits) + 1]++;
	for (int i = 1; i <= nparts; i++)
		starts[i] += starts[i - 1];
	return starts;
}

/*
 * Bring each row into its part, in place: what is found there goes to the next
 * free place of its own (American flag sort; McIlroy, Bostic and McIlroy,
 * "Engineering Radix Sort", 1993).
 */
static void
deal_out(SortedRow *rows, const int64 *starts, int bits)
{
	int nparts = 1 << bits;
	int64 *next = palloc(sizeof(int64) * nparts);

	memcpy(next, starts, sizeof(int64) * nparts);
	for (int part = 0; part < nparts; part++)
	{
		while (next[part] < starts[part + 1])
		{
			SortedRow row = rows[next[part]];
			int own = part_of(row.group, bits);
			int64 place = next[own]++;

			if (own == part)
				continue;
			rows[next[part]] = rows[place];
			rows[place] = row;
		}
	}
	pfree(next);
}

/*
 * Hashes lie evenly between the least and the greatest: many rows are first
 * dealt out to parts of that range, and then sorted in each.  If they all are
 * of one group, they land in one part, and nothing is won.
 */
static void
sort_in_parts(SortedRow *rows, int64 nrows)
{
	int bits = Min(pg_leftmost_one_pos64(nrows / ROWS_PER_PART),
				   MAX_PART_BITS);
	int64 *starts;

	StaticAssertStmt(FEWEST_ROWS_IN_PARTS >= 2 * ROWS_PER_PART,
					 "one part would be a shift by all 64 bits");
	starts = find_parts(rows, nrows, bits);
	CHECK_FOR_INTERRUPTS();
	deal_out(rows, starts, bits);
	for (int part = 0; part < 1 << bits; part++)
		sort_rows(rows + starts[part], starts[part + 1] - starts[part]);
	pfree(starts);
}

static void
sort_in_memory(RowSort *sort)
{
	if (sort->sorted)
		return;
	if (sort->nrows >= FEWEST_ROWS_IN_PARTS)
		sort_in_parts(sort->rows, sort->nrows);
	else
		sort_rows(sort->rows, sort->nrows);
	sort->sorted = true;
}

static const SortedRow *
next_from_memory(RowSort *sort)
{
	sort_in_memory(sort);
	if (sort->next + ROWS_AHEAD < sort->nrows)
		prefetch(sort->rows[sort->next + ROWS_AHEAD].tuple);
	return sort->next < sort->nrows ? &sort->rows[sort->next++] : NULL;
}

/* ---- either ---- */

void
pgt_rowsort_put(RowSort *sort, const SortedRow *keys, TupleDesc desc,
				Datum *values, bool *nulls)
{
	SortedRow row = *keys;
	MemoryContext before;

	Assert(!sort->sorted);

	if (sort->disk == NULL && memory_is_full(sort))
		go_to_disk(sort);

	before = MemoryContextSwitchTo(sort->tuples);
	row.tuple = pgt_form_minimal_tuple(desc, values, nulls);
	if (sort->disk == NULL)
		put_in_memory(sort, &row);
	else
	{
		put_on_disk(sort, &row);
		pfree(row.tuple);
	}
	MemoryContextSwitchTo(before);
}

const SortedRow *
pgt_rowsort_next(RowSort *sort)
{
	return sort->disk != NULL ? next_from_disk(sort) : next_from_memory(sort);
}

int64
pgt_rowsort_count_groups(RowSort *sort, bool negative)
{
	int64 n = 0;
	int64 counted = -1; /* the last one */

	if (sort->disk != NULL)
		return 0;
	sort_in_memory(sort);
	for (int64 i = 0; i < sort->nrows; i++)
	{
		const SortedRow *row = &sort->rows[i];

		if ((counted >= 0 && sort->rows[counted].group == row->group) ||
			(negative && row->weight >= 0))
			continue;
		counted = i;
		n++;
	}
	return n;
}

const SortedRow *
pgt_rowsort_peek(const RowSort *sort)
{
	return sort->disk == NULL && sort->next < sort->nrows ?
			   &sort->rows[sort->next] :
			   NULL;
}

MinimalTuple
pgt_rowsort_keep(RowSort *sort)
{
	MinimalTuple tuple = sort->row.tuple;
	MinimalTuple copy;

	if (sort->disk == NULL)
		return sort->rows[sort->next - 1].tuple;

	copy = MemoryContextAlloc(sort->tuples, tuple->t_len);
	memcpy(copy, tuple, tuple->t_len);
	return copy;
}

void
pgt_rowsort_drop(RowSort *sort, MinimalTuple tuple)
{
	if (sort->disk != NULL)
		pfree(tuple);
}

bool
pgt_rowsort_is_in_memory(const RowSort *sort)
{
	return sort->disk == NULL;
}

void
pgt_rowsort_free(RowSort *sort)
{
	if (sort->packed != NULL)
		ExecDropSingleTupleTableSlot(sort->packed);
	if (sort->disk != NULL)
		tuplesort_end(sort->disk);
	MemoryContextDelete(sort->memory);
}
