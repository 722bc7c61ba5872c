/*-------------------------------------------------------------------------
 *
 * zset.c
 *	  A Z-set: rows with signed weights, of any size.
 *
 * Each row is kept with three keys, by the first two of which the set is
 * sorted for reading; here groups are by the first column:
 *
 *		group hash	image hash	weight	row
 *		    17          31        +1	(a, 2)
 *		    17          52        +1	(a, 1)
 *		    17          52        -1	(a, 1)		cancels the one before
 *		    17          80        -1	(a, 3)
 *		    40          11        +2	(b, 7)
 *
 * Equal images lie next to each other, so that their weights are added up in
 * passing, and a group is never held in memory.  Positive rows are handed out
 * as they come, negative ones wait in a queue for the end of the group:
 * (a, 2) then -(a, 3).
 *
 * A hash is no identity.  Rows of other groups that have the group hash of
 * the one being read ("strangers") go to a second Z-set, which is read when
 * the first is at its end; there the first of them makes a group, so that
 * this comes to an end.  Different images with the same image hash are kept
 * side by side in an array, which has one member in practice.
 *
 * A few rows stay in an array that qsort() sorts; more go to a tuplesort.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "pg_trickle/rowqueue.h"
#include "pg_trickle/zset.h"

enum
{
	Anum_group = 1,
	Anum_image,
	Anum_weight,
	Natts_keys = Anum_weight,
};

#define FEW_ROWS 64

typedef struct FewRow
{
	int64 group;
	int64 image;
	MinimalTuple tuple; /* with its keys */
} FewRow;

/* A row with its keys and, made from it, the row alone. */
typedef struct RowView
{
	TupleTableSlot *keyed;
	TupleTableSlot *row;
} RowView;

/* One image of the group being read, and the sum of its weights. */
typedef struct Image
{
	MinimalTuple tuple; /* with its keys */
	int64 weight;
} Image;

struct ZSet
{
	MemoryContext memory;  /* the set itself */
	MemoryContext scratch; /* what hashing and comparing leaves */
	TupleDesc desc;
	TupleDesc keyed_desc;
	RowIdentity *image;
	const RowIdentity *groups; /* may be the image */

	/* the rows */
	int64 puts;
	TupleTableSlot *input;
	FewRow few[FEW_ROWS];
	int nfew;
	Size few_bytes;
	Tuplesortstate *sort; /* NULL: the rows are in few[] */

	/* reading */
	bool reading;
	int next_few;
	RowView ahead;	/* the next row of the set */
	bool in_group;	/* "ahead" may belong to the group */
	RowView leader; /* the first row of the group */
	Image *images;	/* those with one image hash */
	int nimages;
	int max_images;
	int next_image;
	RowView out;		 /* what the reader sees or is compared */
	RowQueue *negatives; /* of the group; NULL: never needed so far */
	bool has_negatives;
	ZSet *strangers; /* rows of groups yet to come */
};

static TupleDesc
make_keyed_desc(TupleDesc desc)
{
	TupleDesc keyed = CreateTemplateTupleDesc(Natts_keys + desc->natts);

	TupleDescInitEntry(keyed, Anum_group, "group", INT8OID, -1, 0);
	TupleDescInitEntry(keyed, Anum_image, "image", INT8OID, -1, 0);
	TupleDescInitEntry(keyed, Anum_weight, "weight", INT8OID, -1, 0);
	for (int i = 0; i < desc->natts; i++)
		TupleDescCopyEntry(keyed, Natts_keys + 1 + i, desc, 1 + i);

	return keyed;
}

static RowView
make_view(ZSet *zset)
{
	RowView view;

	view.keyed = MakeSingleTupleTableSlot(zset->keyed_desc,
										  &TTSOpsMinimalTuple);
	view.row = MakeSingleTupleTableSlot(zset->desc, &TTSOpsVirtual);
	return view;
}

/*
 * An empty set of rows with the columns of "desc", which is copied; "groups"
 * (NULL: the image) must live as long as the set.  In a memory context of its
 * own, a child of the current one.
 */
ZSet *
pgt_zset_create(TupleDesc desc, const RowIdentity *groups)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle Z-set",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	ZSet *zset = palloc0(sizeof(ZSet));

	zset->memory = memory;
	zset->scratch = AllocSetContextCreate(memory, "pg_trickle Z-set scratch",
										  ALLOCSET_SMALL_SIZES);
	zset->desc = CreateTupleDescCopy(desc);
	zset->keyed_desc = make_keyed_desc(desc);
	zset->image = pgt_identity_by_image(desc, desc->natts);
	zset->groups = groups != NULL ? groups : zset->image;
	zset->input = MakeSingleTupleTableSlot(zset->keyed_desc, &TTSOpsVirtual);

	MemoryContextSwitchTo(old);
	return zset;
}

static void
start_sort(ZSet *zset)
{
	AttrNumber attnos[] = {Anum_group, Anum_image};
	Oid operators[] = {Int8LessOperator, Int8LessOperator};
	Oid collations[] = {InvalidOid, InvalidOid};
	bool nulls_first[] = {false, false};
	TupleTableSlot *slot = MakeSingleTupleTableSlot(zset->keyed_desc,
													&TTSOpsMinimalTuple);

	zset->sort = tuplesort_begin_heap(zset->keyed_desc, lengthof(attnos),
									  attnos, operators, collations,
									  nulls_first, work_mem, NULL,
									  TUPLESORT_NONE);
	for (int i = 0; i < zset->nfew; i++)
	{
		ExecStoreMinimalTuple(zset->few[i].tuple, slot, true);
		tuplesort_puttupleslot(zset->sort, slot);
	}
	zset->nfew = 0;
	ExecDropSingleTupleTableSlot(slot);
}

/* Keep the row in zset->input. */
static void
keep_input(ZSet *zset)
{
	if (zset->sort == NULL &&
		(zset->nfew == FEW_ROWS || zset->few_bytes > work_mem * (Size) 1024))
		start_sort(zset);

	if (zset->sort != NULL)
		tuplesort_puttupleslot(zset->sort, zset->input);
	else
	{
		FewRow *few = &zset->few[zset->nfew++];

		few->group = DatumGetInt64(zset->input->tts_values[Anum_group - 1]);
		few->image = DatumGetInt64(zset->input->tts_values[Anum_image - 1]);
		few->tuple = ExecCopySlotMinimalTuple(zset->input);
		zset->few_bytes += few->tuple->t_len;
	}
}

/* Let slot "keyed" hold the row with these keys; it points into the row. */
static void
store_keyed(TupleTableSlot *keyed, TupleTableSlot *row, int64 group,
			int64 image, int64 weight)
{
	int natts = keyed->tts_tupleDescriptor->natts - Natts_keys;

	ExecClearTuple(keyed);
	memset(keyed->tts_isnull, false, Natts_keys);
	keyed->tts_values[Anum_group - 1] = Int64GetDatum(group);
	keyed->tts_values[Anum_image - 1] = Int64GetDatum(image);
	keyed->tts_values[Anum_weight - 1] = Int64GetDatum(weight);
	memcpy(keyed->tts_values + Natts_keys, row->tts_values,
		   natts * sizeof(Datum));
	memcpy(keyed->tts_isnull + Natts_keys, row->tts_isnull,
		   natts * sizeof(bool));
	ExecStoreVirtualTuple(keyed);
}

/*
 * Add "weight" copies of the row in "slot"; the row is copied.
 */
void
pgt_zset_put(ZSet *zset, TupleTableSlot *slot, int64 weight)
{
	MemoryContext old = MemoryContextSwitchTo(zset->scratch);
	int64 image;
	int64 group;

	Assert(!zset->reading);

	slot_getallattrs(slot);
	image = pgt_identity_hash(zset->image, slot);
	group = zset->groups == zset->image ? image :
										  pgt_identity_hash(zset->groups, slot);
	store_keyed(zset->input, slot, group, image, weight);

	MemoryContextSwitchTo(zset->memory);
	keep_input(zset);
	zset->puts++;

	MemoryContextSwitchTo(old);
	MemoryContextReset(zset->scratch);
}

/*
 * How often pgt_zset_put() was called: an upper bound of the number of rows.
 */
int64
pgt_zset_puts(const ZSet *zset)
{
	return zset->puts;
}

TupleDesc
pgt_zset_desc(const ZSet *zset)
{
	return zset->desc;
}

static int
compare_few(const void *a, const void *b)
{
	const FewRow *x = a;
	const FewRow *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->image != y->image)
		return x->image < y->image ? -1 : 1;
	return 0;
}

/* The row alone, from its tuple with the keys. */
static void
show(RowView *view)
{
	int natts = view->row->tts_tupleDescriptor->natts;

	slot_getallattrs(view->keyed);
	ExecClearTuple(view->row);
	memcpy(view->row->tts_values, view->keyed->tts_values + Natts_keys,
		   natts * sizeof(Datum));
	memcpy(view->row->tts_isnull, view->keyed->tts_isnull + Natts_keys,
		   natts * sizeof(bool));
	ExecStoreVirtualTuple(view->row);
}

static void
show_tuple(RowView *view, MinimalTuple tuple, bool owned)
{
	ExecStoreMinimalTuple(tuple, view->keyed, owned);
	show(view);
}

static int64
key_of(const RowView *view, AttrNumber key)
{
	return DatumGetInt64(view->keyed->tts_values[key - 1]);
}

/* Load "ahead" with the next row; it is empty after the last. */
static void
advance(ZSet *zset)
{
	if (zset->sort != NULL)
	{
		if (tuplesort_gettupleslot(zset->sort, true, false,
								   zset->ahead.keyed, NULL))
			show(&zset->ahead);
	}
	else if (zset->next_few < zset->nfew)
		show_tuple(&zset->ahead, zset->few[zset->next_few++].tuple, false);
	else
		ExecClearTuple(zset->ahead.keyed);
}

/* Sort what there is and load the first row. */
static void
start_rows(ZSet *zset)
{
	if (zset->sort != NULL)
		tuplesort_performsort(zset->sort);
	else
		qsort(zset->few, zset->nfew, sizeof(FewRow), compare_few);

	zset->next_few = 0;
	advance(zset);
}

static void
start_reading(ZSet *zset)
{
	zset->ahead = make_view(zset);
	zset->leader = make_view(zset);
	zset->out = make_view(zset);
	zset->max_images = 1;
	zset->images = palloc(sizeof(Image));
	zset->reading = true;
	start_rows(zset);
}

/* Go on with the rows of the other groups as if they were the set. */
static void
take_strangers(ZSet *zset)
{
	ZSet *strangers = zset->strangers;

	if (zset->sort != NULL)
		tuplesort_end(zset->sort);
	zset->sort = strangers->sort;
	memcpy(zset->few, strangers->few, sizeof(zset->few));
	zset->nfew = strangers->nfew;
	zset->strangers = NULL;
	start_rows(zset);
}

static bool
same_row(ZSet *zset, const RowIdentity *id, TupleTableSlot *a,
		 TupleTableSlot *b)
{
	MemoryContext old = MemoryContextSwitchTo(zset->scratch);
	bool same = pgt_identity_equal(id, a, b);

	MemoryContextSwitchTo(old);
	MemoryContextReset(zset->scratch);
	return same;
}

/*
 * Does the next row belong to the group?  Strangers before it are put aside.
 */
static bool
group_goes_on(ZSet *zset)
{
	while (!TupIsNull(zset->ahead.keyed) &&
		   key_of(&zset->ahead, Anum_group) ==
			   key_of(&zset->leader, Anum_group))
	{
		if (same_row(zset, zset->groups, zset->ahead.row, zset->leader.row))
			return true;

		if (zset->strangers == NULL)
			zset->strangers = pgt_zset_create(zset->desc, zset->groups);
		pgt_zset_put(zset->strangers, zset->ahead.row,
					 key_of(&zset->ahead, Anum_weight));
		advance(zset);
	}

	return false;
}

/* Add the weight of the next row to that of its image. */
static void
add_to_images(ZSet *zset)
{
	int64 weight = key_of(&zset->ahead, Anum_weight);
	Image *image;

	for (int i = 0; i < zset->nimages; i++)
	{
		image = &zset->images[i];
		show_tuple(&zset->out, image->tuple, false);
		if (same_row(zset, zset->image, zset->out.row, zset->ahead.row))
		{
			image->weight += weight;
			return;
		}
	}

	if (zset->nimages == zset->max_images)
	{
		zset->max_images *= 2;
		zset->images = repalloc(zset->images,
								zset->max_images * sizeof(Image));
	}
	image = &zset->images[zset->nimages++];
	image->tuple = ExecCopySlotMinimalTuple(zset->ahead.keyed);
	image->weight = weight;
}

static void
drop_images(ZSet *zset)
{
	ExecClearTuple(zset->out.keyed);
	for (int i = 0; i < zset->nimages; i++)
		pfree(zset->images[i].tuple);
	zset->nimages = zset->next_image = 0;
}

/* Collect the rows of the group that have the image hash of the next one. */
static void
take_images(ZSet *zset)
{
	int64 hash = 0;

	drop_images(zset);
	while (group_goes_on(zset))
	{
		if (zset->nimages == 0)
			hash = key_of(&zset->ahead, Anum_image);
		else if (key_of(&zset->ahead, Anum_image) != hash)
			return;
		add_to_images(zset);
		advance(zset);
	}
	zset->in_group = false;
}

static void
leave_group(ZSet *zset)
{
	while (zset->in_group)
		take_images(zset);
	drop_images(zset);
	if (zset->has_negatives)
		pgt_rowqueue_clear(zset->negatives);
	zset->has_negatives = false;
}

/*
 * Go to the next group, whatever is left of the present one; false at the end.
 */
bool
pgt_zset_next_group(ZSet *zset)
{
	MemoryContext old = MemoryContextSwitchTo(zset->memory);

	if (!zset->reading)
		start_reading(zset);
	leave_group(zset);

	if (TupIsNull(zset->ahead.keyed) && zset->strangers != NULL)
		take_strangers(zset);

	zset->in_group = !TupIsNull(zset->ahead.keyed);
	if (zset->in_group)
		show_tuple(&zset->leader,
				   ExecCopySlotMinimalTuple(zset->ahead.keyed), true);

	MemoryContextSwitchTo(old);
	return zset->in_group;
}

static void
put_negative(ZSet *zset, const Image *image)
{
	if (zset->negatives == NULL)
		zset->negatives = pgt_rowqueue_create(zset->keyed_desc);

	show_tuple(&zset->out, image->tuple, false);
	store_keyed(zset->input, zset->out.row, 0, 0, image->weight);
	pgt_rowqueue_put(zset->negatives, zset->input);
	zset->has_negatives = true;
}

/* The next positive row of the group, going on to its end; or NULL. */
static const Image *
next_positive(ZSet *zset)
{
	for (;;)
	{
		while (zset->next_image < zset->nimages)
		{
			const Image *image = &zset->images[zset->next_image++];

			if (image->weight > 0)
				return image;
			if (image->weight < 0)
				put_negative(zset, image);
		}
		if (!zset->in_group)
			return NULL;
		take_images(zset);
	}
}

/*
 * The next row of the group with its weight, which is not zero: first the
 * positive, then the negative rows.  NULL at the end.
 */
TupleTableSlot *
pgt_zset_next_row(ZSet *zset, int64 *weight)
{
	MemoryContext old = MemoryContextSwitchTo(zset->memory);
	const Image *positive = next_positive(zset);
	bool found = positive != NULL;

	if (found)
	{
		show_tuple(&zset->out, positive->tuple, false);
		*weight = positive->weight;
	}
	else if (zset->has_negatives)
	{
		TupleTableSlot *negative = pgt_rowqueue_get(zset->negatives);

		found = negative != NULL;
		if (found)
		{
			ExecCopySlot(zset->out.keyed, negative);
			show(&zset->out);
			*weight = key_of(&zset->out, Anum_weight);
		}
	}

	MemoryContextSwitchTo(old);
	return found ? zset->out.row : NULL;
}

void
pgt_zset_free(ZSet *zset)
{
	if (zset->strangers != NULL)
		pgt_zset_free(zset->strangers);
	if (zset->negatives != NULL)
		pgt_rowqueue_free(zset->negatives);
	if (zset->sort != NULL)
		tuplesort_end(zset->sort);
	MemoryContextDelete(zset->memory);
}
