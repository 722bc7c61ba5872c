/*-------------------------------------------------------------------------
 *
 * zset.c
 *	  A Z-set: rows with signed weights, of any size.
 *
 * Each row is kept with three keys, by the first two of which the set is
 * sorted for reading (rowsort.c); here groups are by the first column:
 *
 *		group hash	image hash	weight	row
 *		    17          31        +1	(a, 2)
 *		    17          52        +1	(a, 1)
 *		    17          52        -1	(a, 1)		cancels the one before
 *		    17          80        -1	(a, 3)
 *		    40          11        +2	(b, 7)
 *
 * Equal images lie next to each other, so that their weights are added up in
 * passing.  Positive rows are handed out as they come, negative ones wait for
 * the end of the group: (a, 2) then -(a, 3).  As long as the rows are in
 * memory none of this copies a row, and one whose neighbours have other
 * hashes, as most have, is handed out without being collected.
 *
 * A hash is no identity.  Rows of other groups that have the group hash of
 * the one being read ("strangers") go to a second Z-set, which is read when
 * the first is at its end; there the first of them makes a group, so that
 * this comes to an end.  Different images with the same image hash are kept
 * side by side in an array, which has one member in practice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "utils/memutils.h"

#include "pg_trickle/rowqueue.h"
#include "pg_trickle/rowsort.h"
#include "pg_trickle/zset.h"

/* One image of the group being read, and the sum of its weights. */
typedef struct Image
{
	MinimalTuple tuple; /* kept by zset->rows */
	int64 weight;
} Image;

typedef struct ImageList
{
	Image *images;
	int64 n;
	int64 max;
	int64 next; /* to be read */
} ImageList;

struct ZSet
{
	MemoryContext memory;  /* the set itself */
	MemoryContext scratch; /* what hashing and comparing leaves */
	TupleDesc desc;
	RowIdentity *image;
	const RowIdentity *groups; /* may be the image */

	/* the rows */
	int64 puts;
	RowSort *rows;

	/* reading */
	bool reading;
	const SortedRow *ahead; /* the next row of the set */
	bool ahead_fits;		/* it is known to belong to the group */
	TupleTableSlot *ahead_slot;
	bool in_group;	   /* "ahead" may belong to the group */
	int64 group;	   /* hash of the group */
	MinimalTuple lead; /* first row of the group, kept by "rows", or NULL */
	TupleTableSlot *lead_slot;
	ImageList images;			/* those with one image hash */
	ImageList negatives;		/* of the group, if the rows are in memory */
	RowQueue *disk_queue;		/* else they are here; NULL: none so far */
	TupleTableSlot *queued;		/* a row and its weight */
	TupleTableSlot *from_queue; /* the row */
	TupleTableSlot *out;		/* what the reader sees or is compared */
	ZSet *strangers;			/* rows of groups yet to come */
};

/* ---- putting ---- */

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
	zset->image = pgt_identity_by_image(desc, desc->natts);
	zset->groups = groups != NULL ? groups : zset->image;
	zset->rows = pgt_rowsort_create();

	MemoryContextSwitchTo(old);
	return zset;
}

/*
 * Add "weight" copies of the row in "slot", which may have further columns
 * behind those of the set; the row is copied.
 */
void
pgt_zset_put(ZSet *zset, TupleTableSlot *slot, int64 weight)
{
	MemoryContext old = MemoryContextSwitchTo(zset->scratch);
	SortedRow keys = {.weight = weight};

	Assert(!zset->reading);

	slot_getsomeattrs(slot, zset->desc->natts);
	keys.image = pgt_identity_quick_hash(zset->image, slot->tts_values,
										 slot->tts_isnull);
	keys.group = zset->groups == zset->image ?
					 keys.image :
					 pgt_identity_hash(zset->groups, slot);
	pgt_rowsort_put(zset->rows, &keys, zset->desc, slot->tts_values,
					slot->tts_isnull);
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

/* ---- the next row ---- */

static void
advance(ZSet *zset)
{
	zset->ahead = pgt_rowsort_next(zset->rows);
	zset->ahead_fits = false;
}

static void
start_reading(ZSet *zset)
{
	zset->ahead_slot = MakeSingleTupleTableSlot(zset->desc,
												&TTSOpsMinimalTuple);
	zset->lead_slot = MakeSingleTupleTableSlot(zset->desc,
											   &TTSOpsMinimalTuple);
	zset->out = MakeSingleTupleTableSlot(zset->desc, &TTSOpsMinimalTuple);
	zset->reading = true;
	advance(zset);
}

/* Go on with the rows of the other groups as if they were the set. */
static void
take_strangers(ZSet *zset)
{
	pgt_rowsort_free(zset->rows);
	zset->rows = zset->strangers->rows;
	zset->strangers = NULL;
	advance(zset);
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
	while (zset->ahead != NULL && zset->ahead->group == zset->group)
	{
		if (zset->ahead_fits)
			return true;

		ExecStoreMinimalTuple(zset->ahead->tuple, zset->ahead_slot, false);
		zset->ahead_fits = same_row(zset, zset->groups, zset->ahead_slot,
									zset->lead_slot);
		if (zset->ahead_fits)
			return true;

		if (zset->strangers == NULL)
			zset->strangers = pgt_zset_create(zset->desc, zset->groups);
		pgt_zset_put(zset->strangers, zset->ahead_slot, zset->ahead->weight);
		advance(zset);
	}

	return false;
}

/* ---- images ---- */

static void
add_image(ZSet *zset, ImageList *list, const Image *image)
{
	if (list->n == list->max)
	{
		list->max = Max(8, list->max * 2);
		if (list->images == NULL)
			list->images = palloc(list->max * sizeof(Image));
		else
			list->images = repalloc_huge(list->images,
										 list->max * sizeof(Image));
	}
	list->images[list->n++] = *image;
}

static void
drop_images(ZSet *zset, ImageList *list)
{
	for (int64 i = 0; i < list->n; i++)
		pgt_rowsort_drop(zset->rows, list->images[i].tuple);
	list->n = list->next = 0;
}

/* Byte for byte; rows that are not may still have the same image. */
static bool
same_bytes(MinimalTuple a, MinimalTuple b)
{
	return a->t_len == b->t_len && memcmp(a, b, a->t_len) == 0;
}

/* The one of the collected images that the next row has, or NULL. */
static Image *
find_image(ZSet *zset)
{
	ImageList *list = &zset->images;
	MinimalTuple tuple = zset->ahead->tuple;

	for (int64 i = 0; i < list->n; i++)
	{
		Image *image = &list->images[i];

		if (same_bytes(image->tuple, tuple))
			return image;
		ExecStoreMinimalTuple(image->tuple, zset->out, false);
		ExecStoreMinimalTuple(tuple, zset->ahead_slot, false);
		if (same_row(zset, zset->image, zset->out, zset->ahead_slot))
			return image;
	}

	return NULL;
}

/*
 * Add the weight of the next row to that of its image; false if it has none
 * among those collected.  Rows of one image are of one group.
 */
static bool
count_known_image(ZSet *zset)
{
	Image *image = find_image(zset);

	if (image != NULL)
		image->weight += zset->ahead->weight;
	return image != NULL;
}

static void
collect_new_image(ZSet *zset)
{
	Image new = {.weight = zset->ahead->weight};

	new.tuple = pgt_rowsort_keep(zset->rows);
	add_image(zset, &zset->images, &new);
}

/*
 * Collect the rows of the group that have the image hash of the next one.
 */
static void
take_images(ZSet *zset)
{
	int64 hash;

	drop_images(zset, &zset->images);
	zset->in_group = group_goes_on(zset);
	if (!zset->in_group)
		return;

	hash = zset->ahead->image;
	while (zset->ahead != NULL && zset->ahead->group == zset->group &&
		   zset->ahead->image == hash)
	{
		if (count_known_image(zset))
			advance(zset);
		else if (zset->ahead_fits)
		{
			collect_new_image(zset);
			advance(zset);
		}
		else
			(void) group_goes_on(zset); /* passes over strangers */
	}
}

/* ---- negative rows ---- */

/* Let slot "to" start with the first "natts" columns of the row in "from". */
static void
show_columns(TupleTableSlot *to, TupleTableSlot *from, int natts)
{
	slot_getsomeattrs(from, natts);
	ExecClearTuple(to);
	memcpy(to->tts_values, from->tts_values, natts * sizeof(Datum));
	memcpy(to->tts_isnull, from->tts_isnull, natts * sizeof(bool));
}

/* A group on disk may be larger than memory. */
static void
queue_on_disk(ZSet *zset, const Image *image)
{
	int natts = zset->desc->natts;
	TupleTableSlot *queued;

	if (zset->disk_queue == NULL)
	{
		TupleDesc desc = CreateTemplateTupleDesc(natts + 1);

		for (int i = 1; i <= natts; i++)
			TupleDescCopyEntry(desc, i, zset->desc, i);
		TupleDescInitEntry(desc, natts + 1, "weight", INT8OID, -1, 0);
		zset->disk_queue = pgt_rowqueue_create(desc);
		zset->queued = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
		zset->from_queue = MakeSingleTupleTableSlot(zset->desc,
													&TTSOpsVirtual);
	}

	queued = zset->queued;
	ExecStoreMinimalTuple(image->tuple, zset->out, false);
	show_columns(queued, zset->out, natts);
	queued->tts_values[natts] = Int64GetDatum(image->weight);
	queued->tts_isnull[natts] = false;
	ExecStoreVirtualTuple(queued);
	pgt_rowqueue_put(zset->disk_queue, queued);
}

static void
put_negative(ZSet *zset, const Image *image)
{
	if (pgt_rowsort_is_in_memory(zset->rows))
		add_image(zset, &zset->negatives, image);
	else
		queue_on_disk(zset, image);
}

static TupleTableSlot *
next_negative(ZSet *zset, int64 *weight)
{
	ImageList *list = &zset->negatives;
	int natts = zset->desc->natts;
	TupleTableSlot *row;

	if (list->next < list->n)
	{
		const Image *image = &list->images[list->next++];

		*weight = image->weight;
		return ExecStoreMinimalTuple(image->tuple, zset->out, false);
	}

	row = zset->disk_queue == NULL ? NULL :
									 pgt_rowqueue_get(zset->disk_queue);
	if (row == NULL)
		return NULL;
	show_columns(zset->from_queue, row, natts);
	*weight = DatumGetInt64(slot_getattr(row, natts + 1, &(bool){false}));
	return ExecStoreVirtualTuple(zset->from_queue);
}

static void
drop_negatives(ZSet *zset)
{
	zset->negatives.n = zset->negatives.next = 0;
	if (zset->disk_queue != NULL)
		pgt_rowqueue_clear(zset->disk_queue);
}

/* ---- groups ---- */

static void
leave_group(ZSet *zset)
{
	while (zset->in_group)
		take_images(zset);
	drop_images(zset, &zset->images);
	drop_negatives(zset);
	if (zset->lead != NULL)
		pgt_rowsort_drop(zset->rows, zset->lead);
	zset->lead = NULL;
}

int64
pgt_zset_count_groups(ZSet *zset, bool negative)
{
	return pgt_rowsort_count_groups(zset->rows, negative);
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

	if (zset->ahead == NULL && zset->strangers != NULL)
		take_strangers(zset);

	zset->in_group = zset->ahead != NULL;
	if (zset->in_group)
	{
		zset->group = zset->ahead->group;
		zset->lead = pgt_rowsort_keep(zset->rows);
		ExecStoreMinimalTuple(zset->lead, zset->lead_slot, false);
		zset->ahead_fits = true;
	}

	MemoryContextSwitchTo(old);
	return zset->in_group;
}

/*
 * Is the next row of the group the only one with its image hash?  If it is
 * not in memory, we do not know.
 */
static bool
next_is_alone(ZSet *zset)
{
	const SortedRow *row;
	const SortedRow *following;

	if (!pgt_rowsort_is_in_memory(zset->rows) || !group_goes_on(zset))
		return false;
	row = zset->ahead;
	following = pgt_rowsort_peek(zset->rows);
	return following == NULL || following->image != row->image ||
		   following->group != row->group;
}

/* Take such a row; NULL if it is not positive, and waits if it is negative. */
static TupleTableSlot *
take_alone(ZSet *zset, int64 *weight)
{
	Image image = {
		.tuple = zset->ahead->tuple,
		.weight = zset->ahead->weight,
	};

	advance(zset);
	if (image.weight < 0)
		put_negative(zset, &image);
	if (image.weight <= 0)
		return NULL;
	*weight = image.weight;
	if (image.tuple == zset->lead)
		return zset->lead_slot;
	return zset->ahead_slot; /* where group_goes_on() has put it */
}

/* The next positive row that has been collected, or NULL. */
static TupleTableSlot *
next_collected(ZSet *zset, int64 *weight)
{
	ImageList *list = &zset->images;

	while (list->next < list->n)
	{
		const Image *image = &list->images[list->next++];

		if (image->weight < 0)
			put_negative(zset, image);
		if (image->weight <= 0)
			continue;
		*weight = image->weight;
		return ExecStoreMinimalTuple(image->tuple, zset->out, false);
	}

	return NULL;
}

/* The next positive row of the group, going on to its end; or NULL. */
static TupleTableSlot *
next_positive(ZSet *zset, int64 *weight)
{
	TupleTableSlot *row = next_collected(zset, weight);

	while (row == NULL && zset->in_group)
	{
		if (next_is_alone(zset))
			row = take_alone(zset, weight);
		else
		{
			take_images(zset);
			row = next_collected(zset, weight);
		}
	}

	return row;
}

/*
 * The next row of the group with its weight, which is not zero: first the
 * positive, then the negative rows.  NULL at the end.
 */
TupleTableSlot *
pgt_zset_next_row(ZSet *zset, int64 *weight)
{
	MemoryContext old = MemoryContextSwitchTo(zset->memory);
	TupleTableSlot *row = next_positive(zset, weight);

	if (row == NULL)
		row = next_negative(zset, weight);

	MemoryContextSwitchTo(old);
	return row;
}

void
pgt_zset_free(ZSet *zset)
{
	if (zset->strangers != NULL)
		pgt_zset_free(zset->strangers);
	if (zset->disk_queue != NULL)
		pgt_rowqueue_free(zset->disk_queue);
	pgt_rowsort_free(zset->rows);
	MemoryContextDelete(zset->memory);
}
