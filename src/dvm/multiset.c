/*-------------------------------------------------------------------------
 *
 * multiset.c
 *	  The values of an aggregate's argument per group, each with the number of
 *	  rows that have it.
 *
 * Adding (north, 35) once to
 *
 *		k1		| v1  | n | hash
 *		north	|  10 | 2 | 17
 *		north	|  35 | 1 | 17
 *
 * looks up (17, 35) in the index (hash, v1), finds the row with key north, for
 * another group may have the same hash, and makes its n 2.  The largest value
 * of north is the last row of that key among the entries (17, ...).
 *
 * A change of n leaves the index alone (a HOT update).
 *
 * Superusers can write to the table.  Rows that we never write are passed over
 * where they would do harm: a NULL is no argument for a strict function.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/identity.h"
#include "pg_trickle/multiset.h"
#include "pg_trickle/rowstore.h"
#include "pg_trickle/zset.h"

/* Room for new versions of rows on their pages, so that updates are HOT. */
#define MULTISET_FILLFACTOR 80

/* A value is found by these two columns of the index. */
#define Natts_index 2

struct Multiset
{
	Oid relid;
	Oid index;
	int nkeys;
	int nvalues;
	TupleDesc desc;		/* of the table */
	TupleDesc row_desc; /* its keys and values only */
	RowIdentity *key;	/* of a group */
	RowIdentity *row;	/* of a value in a group */
	ScanKeyData probe[Natts_index];
	AttrNumber n; /* column numbers */
	AttrNumber hash;
	AttrNumber vhash; /* 0: values are ordered */
	bool strict;	  /* no value is NULL */

	/* while open */
	MemoryContext run;
	RowStore *store; /* NULL: closed */
	TupleTableSlot *found;
	TupleTableSlot *wanted;	  /* the row looked for or written */
	IndexScanDesc group_scan; /* over all values of a group; or NULL */
	Relation index_rel;
	TupleTableSlot *scanned;
	TupleTableSlot *example;

	/* while it is being made what it should be */
	ZSet *missing;
	bool was_empty;
};

/* ---- creation ---- */

static TupleDesc
table_desc(TupleDesc keys, TupleDesc values, bool ordered)
{
	int nrows = keys->natts + values->natts;
	TupleDesc desc = CreateTemplateTupleDesc(nrows + (ordered ? 2 : 3));
	char name[NAMEDATALEN];

	for (int i = 0; i < keys->natts; i++)
	{
		TupleDescCopyEntry(desc, i + 1, keys, i + 1);
		snprintf(name, sizeof(name), "k%d", i + 1);
		namestrcpy(&TupleDescAttr(desc, i)->attname, name);
	}
	for (int i = 0; i < values->natts; i++)
	{
		TupleDescCopyEntry(desc, keys->natts + i + 1, values, i + 1);
		snprintf(name, sizeof(name), "v%d", i + 1);
		namestrcpy(&TupleDescAttr(desc, keys->natts + i)->attname, name);
	}
	TupleDescInitEntry(desc, nrows + 1, "n", INT8OID, -1, 0);
	TupleDescInitEntry(desc, nrows + 2, "hash", INT8OID, -1, 0);
	if (!ordered)
		TupleDescInitEntry(desc, nrows + 3, "vhash", INT8OID, -1, 0);
	return desc;
}

/*
 * Create the table of a multiset in schema pgtrickle_state: "keys" and
 * "values" describe the columns, whatever their names.  With "ordered" there
 * is one value, of a type whose values fit a btree index and that has a
 * default operator class.  Returns its OID.
 */
Oid
pgt_multiset_create(const char *name, TupleDesc keys, TupleDesc values,
					bool ordered, Oid owner, Oid owner_of)
{
	Integer *percent = makeInteger(MULTISET_FILLFACTOR);
	DefElem *fillfactor = makeDefElem("fillfactor", (Node *) percent, -1);
	TupleDesc desc = table_desc(keys, values, ordered);
	AttrNumber hash = keys->natts + values->natts + 2;
	AttrNumber attnos[Natts_index];
	Oid relid;

	relid = pgt_create_internal_table("pgtrickle_state", name, desc, owner,
									  owner_of, list_make1(fillfactor));
	attnos[0] = hash;
	attnos[1] = ordered ? keys->natts + 1 : hash + 1;
	(void) pgt_create_internal_index(relid, psprintf("%s_index", name),
									 Natts_index, attnos, false);
	return relid;
}

/* ---- building ---- */

static RowIdentity *
identity_of_first(TupleDesc desc, int ncols)
{
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * (ncols + 1));

	for (int i = 0; i < ncols; i++)
		attnos[i] = i + 1;
	return pgt_identity_by_key(desc, ncols, attnos);
}

static TupleDesc
first_columns(TupleDesc desc, int ncols)
{
	TupleDesc first = CreateTemplateTupleDesc(ncols);

	for (int i = 0; i < ncols; i++)
		TupleDescCopyEntry(first, i + 1, desc, i + 1);
	return first;
}

/* The scan keys, to be filled with values. */
static void
prepare_probe(Multiset *set)
{
	ScanKeyInit(&set->probe[0], 1, BTEqualStrategyNumber, F_INT8EQ, 0);
	if (set->vhash != InvalidAttrNumber)
		ScanKeyInit(&set->probe[1], 2, BTEqualStrategyNumber, F_INT8EQ, 0);
	else
	{
		Form_pg_attribute value = TupleDescAttr(set->desc, set->nkeys);
		TypeCacheEntry *type = lookup_type_cache(getBaseType(value->atttypid),
												 TYPECACHE_EQ_OPR_FINFO);

		ScanKeyEntryInitialize(&set->probe[1], 0, 2, BTEqualStrategyNumber,
							   InvalidOid, value->attcollation,
							   type->eq_opr_finfo.fn_oid, 0);
	}
}

static bool
has_columns(Relation rel, TupleDesc expected)
{
	TupleDesc desc = RelationGetDescr(rel);

	if (desc->natts != expected->natts)
		return false;
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->atttypid !=
			TupleDescAttr(expected, i)->atttypid)
			return false;
	}

	return true;
}

/*
 * A multiset on a table made by pgt_multiset_create() with the same arguments,
 * in the current memory context; the table is opened only while it is used.
 * "strict": no value is NULL.  Error 55000 if the table has not the columns
 * it should have.
 */
Multiset *
pgt_multiset_build(Oid relid, TupleDesc keys, TupleDesc values, bool ordered,
				   bool strict)
{
	Multiset *set = palloc0(sizeof(Multiset));
	int nkeys = keys->natts;
	int nvalues = values->natts;
	Relation rel = table_open(relid, AccessShareLock);
	AttrNumber hash = nkeys + nvalues + 2;
	AttrNumber attnos[Natts_index] = {hash, ordered ? nkeys + 1 : hash + 1};

	set->run = AllocSetContextCreate(CurrentMemoryContext,
									 "pg_trickle multiset",
									 ALLOCSET_SMALL_SIZES);
	set->relid = relid;
	set->nkeys = nkeys;
	set->nvalues = nvalues;
	set->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	set->index = pgt_find_internal_index(rel, Natts_index, attnos);
	if (!OidIsValid(set->index) ||
		!has_columns(rel, table_desc(keys, values, ordered)))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("internal table \"%s\" is not as it was created",
					   RelationGetRelationName(rel)));
	table_close(rel, AccessShareLock);

	set->row_desc = first_columns(set->desc, nkeys + nvalues);
	set->key = identity_of_first(set->desc, nkeys);
	set->row = identity_of_first(set->desc, nkeys + nvalues);
	set->n = nkeys + nvalues + 1;
	set->hash = set->n + 1;
	set->vhash = ordered ? InvalidAttrNumber : set->hash + 1;
	set->strict = strict || ordered;
	prepare_probe(set);
	return set;
}

/* ---- opening and closing ---- */

static void
open_store(Multiset *set)
{
	MemoryContext before;

	if (set->store != NULL)
		return;

	before = MemoryContextSwitchTo(set->run);
	set->store = pgt_rowstore_open(set->relid);
	set->found = pgt_rowstore_slot(set->store);
	set->scanned = pgt_rowstore_slot(set->store);
	set->wanted = MakeSingleTupleTableSlot(set->desc, &TTSOpsVirtual);
	set->example = MakeSingleTupleTableSlot(set->row_desc, &TTSOpsVirtual);
	MemoryContextSwitchTo(before);
}

/*
 * End a run; does nothing if the multiset was not used.
 */
void
pgt_multiset_close(Multiset *set)
{
	if (set->store == NULL)
		return;

	if (set->group_scan != NULL)
	{
		index_endscan(set->group_scan);
		index_close(set->index_rel, NoLock);
	}
	ExecDropSingleTupleTableSlot(set->wanted);
	ExecDropSingleTupleTableSlot(set->example);
	pgt_rowstore_close(set->store);
	pgt_multiset_forget(set);
}

/*
 * Start a run: forget what was open when an error ended the one before; the
 * end of its transaction has closed it.
 */
void
pgt_multiset_forget(Multiset *set)
{
	set->group_scan = NULL;
	set->store = NULL;
	MemoryContextReset(set->run);
}

/* ---- adding ---- */

/* Fill set->wanted with a row of the table; it points to the values. */
static void
fill_wanted(Multiset *set, const GroupKey *group, const Datum *values,
			const bool *nulls, int64 n)
{
	TupleTableSlot *slot = set->wanted;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, sizeof(bool) * set->desc->natts);
	memcpy(slot->tts_values, group->values, sizeof(Datum) * set->nkeys);
	memcpy(slot->tts_isnull, group->nulls, sizeof(bool) * set->nkeys);
	memcpy(slot->tts_values + set->nkeys, values,
		   sizeof(Datum) * set->nvalues);
	memcpy(slot->tts_isnull + set->nkeys, nulls,
		   sizeof(bool) * set->nvalues);
	slot->tts_values[set->n - 1] = Int64GetDatum(n);
	slot->tts_values[set->hash - 1] = Int64GetDatum(group->hash);
	ExecStoreVirtualTuple(slot);
}

/* The same with the hash of the values, to look for it. */
static void
want(Multiset *set, const GroupKey *group, const Datum *values,
	 const bool *nulls, int64 n)
{
	TupleTableSlot *slot = set->wanted;

	fill_wanted(set, group, values, nulls, n);
	if (set->vhash != InvalidAttrNumber)
		slot->tts_values[set->vhash - 1] =
			Int64GetDatum(pgt_identity_hash_values(set->row, slot->tts_values,
												   slot->tts_isnull));
}

/* Look for the row with keys and values of set->wanted. */
static bool
find_wanted(Multiset *set)
{
	AttrNumber second = set->vhash != InvalidAttrNumber ? set->vhash :
														  set->nkeys + 1;

	set->probe[0].sk_argument = set->wanted->tts_values[set->hash - 1];
	set->probe[1].sk_argument = set->wanted->tts_values[second - 1];
	pgt_rowstore_lookup(set->store, set->index, Natts_index, set->probe);
	while (pgt_rowstore_fetch(set->store, set->found))
	{
		if (pgt_identity_equal(set->row, set->found, set->wanted))
			return true;
	}
	return false;
}

/* Write a row that was found, with another n. */
static void
update_n(Multiset *set, int64 n)
{
	TupleTableSlot *old = set->found;
	TupleTableSlot *new = set->wanted;

	ExecClearTuple(new);
	slot_getallattrs(old);
	memcpy(new->tts_values, old->tts_values,
		   sizeof(Datum) * set->desc->natts);
	memcpy(new->tts_isnull, old->tts_isnull, sizeof(bool) * set->desc->natts);
	new->tts_values[set->n - 1] = Int64GetDatum(n);
	ExecStoreVirtualTuple(new);
	pgt_rowstore_update(set->store, old, new);
}

/* Tell the caller where the values are stored. */
static void
show_values(Multiset *set, TupleTableSlot *slot, const Datum **values,
			const bool **nulls)
{
	if (values == NULL)
		return;
	slot_getallattrs(slot);
	*values = slot->tts_values + set->nkeys;
	*nulls = slot->tts_isnull + set->nkeys;
}

static ValueChange
add_to_found(Multiset *set, int64 weight)
{
	bool isnull;
	int64 n = DatumGetInt64(slot_getattr(set->found, set->n, &isnull));

	n += weight;
	if (n < 0)
		return VALUE_MISMATCH;
	if (n == 0)
	{
		pgt_rowstore_delete(set->store, set->found);
		return VALUE_VANISHED;
	}
	update_n(set, n);
	return VALUE_STAYED;
}

/*
 * Add "weight" rows (if negative, remove so many) with these values to a
 * group and say what became of the value.  See multiset.h.
 */
ValueChange
pgt_multiset_add(Multiset *set, const GroupKey *group, const Datum *values,
				 const bool *nulls, int64 weight, const Datum **stored,
				 const bool **stored_nulls)
{
	open_store(set);
	want(set, group, values, nulls, weight);
	if (find_wanted(set))
	{
		show_values(set, set->found, stored, stored_nulls);
		return add_to_found(set, weight);
	}

	if (weight < 0)
		return VALUE_MISMATCH;
	show_values(set, set->wanted, stored, stored_nulls);
	pgt_rowstore_insert(set->store, set->wanted);
	return VALUE_APPEARED;
}

/* ---- reading a group ---- */

/* Is a value NULL that cannot be? */
static bool
lacks_value(Multiset *set, TupleTableSlot *row)
{
	slot_getallattrs(row);
	for (int i = set->nkeys; set->strict && i < set->nkeys + set->nvalues; i++)
	{
		if (row->tts_isnull[i])
			return true;
	}

	return false;
}

/* Could we have written this row? */
static bool
is_sound(Multiset *set, TupleTableSlot *row)
{
	int n = set->n - 1;

	return !lacks_value(set, row) && !row->tts_isnull[n] &&
		   DatumGetInt64(row->tts_values[n]) > 0;
}

/* Start to read the values of a group, in the order of the index. */
static void
scan_group(Multiset *set, const GroupKey *group)
{
	MemoryContext before;

	open_store(set);

	/* What a scan allocates, at any moment, must live as long as the scan. */
	before = MemoryContextSwitchTo(set->run);
	if (set->group_scan == NULL)
	{
		Relation rel = pgt_rowstore_relation(set->store);

		set->index_rel = index_open(set->index, RowExclusiveLock);
		set->group_scan = pgt_index_beginscan(rel, set->index_rel,
											  SnapshotSelf, 1);
	}
	set->probe[0].sk_argument = Int64GetDatum(group->hash);
	index_rescan(set->group_scan, set->probe, 1, NULL, 0);
	MemoryContextSwitchTo(before);

	/* The keys to compare with; values are not looked at. */
	ExecClearTuple(set->wanted);
	memset(set->wanted->tts_isnull, true, sizeof(bool) * set->desc->natts);
	memcpy(set->wanted->tts_values, group->values, sizeof(Datum) * set->nkeys);
	memcpy(set->wanted->tts_isnull, group->nulls, sizeof(bool) * set->nkeys);
	ExecStoreVirtualTuple(set->wanted);
}

static bool
next_entry(Multiset *set, ScanDirection direction)
{
	MemoryContext before = MemoryContextSwitchTo(set->run);
	bool found = index_getnext_slot(set->group_scan, direction,
									set->scanned);

	MemoryContextSwitchTo(before);
	return found;
}

/* Another group may have the same hash. */
static bool
next_of_group(Multiset *set, ScanDirection direction)
{
	while (next_entry(set, direction))
	{
		CHECK_FOR_INTERRUPTS();
		if (pgt_identity_equal(set->key, set->scanned, set->wanted) &&
			is_sound(set, set->scanned))
			return true;
	}
	return false;
}

/*
 * The first or last value of a group in the order of its type; false if the
 * group has none.  The value is valid until the multiset is used again.
 */
bool
pgt_multiset_extremum(Multiset *set, const GroupKey *group, bool last,
					  Datum *value)
{
	bool isnull;

	Assert(set->vhash == InvalidAttrNumber);
	scan_group(set, group);
	if (!next_of_group(set, last ? BackwardScanDirection :
								   ForwardScanDirection))
		return false;
	*value = slot_getattr(set->scanned, set->nkeys + 1, &isnull);
	return true;
}

/*
 * Start to read the values of a group; "group" must live as long.  No other
 * use of the multiset in between.
 */
void
pgt_multiset_rewind(Multiset *set, const GroupKey *group)
{
	scan_group(set, group);
}

/*
 * The next value of the group, valid until the next call; false at the end.
 */
bool
pgt_multiset_next(Multiset *set, const Datum **values, const bool **nulls)
{
	if (!next_of_group(set, ForwardScanDirection))
		return false;
	show_values(set, set->scanned, values, nulls);
	return true;
}

/* ---- making it what it should be ---- */

static int64
stored_n(Multiset *set)
{
	bool isnull;

	return DatumGetInt64(slot_getattr(set->found, set->n, &isnull));
}

/* Would the row in set->found be found? */
static bool
can_be_found(Multiset *set)
{
	bool isnull;
	int64 hash = DatumGetInt64(slot_getattr(set->found, set->hash,
											&isnull));

	if (isnull || hash != pgt_identity_hash(set->key, set->found))
		return false;
	if (set->vhash == InvalidAttrNumber)
		return true;
	hash = DatumGetInt64(slot_getattr(set->found, set->vhash, &isnull));
	return !isnull && hash == pgt_identity_hash(set->row, set->found);
}

/*
 * Put what is stored with the opposite sign: what is left is missing.  A row
 * that cannot be found, because its collation has changed under it, is none;
 * one without a value is one too many.
 */
static void
put_stored(Multiset *set, bool repair)
{
	pgt_rowstore_lookup(set->store, InvalidOid, 0, NULL);
	while (pgt_rowstore_fetch(set->store, set->found))
	{
		bool counts;

		CHECK_FOR_INTERRUPTS();
		set->was_empty = false;
		counts = is_sound(set, set->found) && can_be_found(set);
		if (counts)
			pgt_zset_put(set->missing, set->found, -stored_n(set));
		else if (repair)
			pgt_rowstore_delete(set->store, set->found);
		else if (lacks_value(set, set->found))
			pgt_zset_put(set->missing, set->found, -1);
	}
}

/*
 * Start to collect what the multiset should contain; "repair" if it will be
 * made so.
 */
void
pgt_multiset_collect(Multiset *set, bool repair)
{
	MemoryContext before;

	open_store(set);
	before = MemoryContextSwitchTo(set->run);
	set->missing = pgt_zset_create(set->row_desc, set->row);
	MemoryContextSwitchTo(before);
	set->was_empty = true;
	put_stored(set, repair);
}

/*
 * One row that the multiset should contain; the keys are the first columns of
 * "keys".
 */
void
pgt_multiset_put(Multiset *set, TupleTableSlot *keys, const Datum *values,
				 const bool *nulls)
{
	GroupKey group = {0};

	slot_getsomeattrs(keys, set->nkeys);
	group.values = keys->tts_values;
	group.nulls = keys->tts_isnull;
	fill_wanted(set, &group, values, nulls, 0);
	pgt_zset_put(set->missing, set->wanted, 1);
}

/* What a group of the Z-set is short of; a row of it is in set->example. */
static int64
sum_of_group(Multiset *set)
{
	TupleTableSlot *row;
	int64 weight;
	int64 sum = 0;

	ExecClearTuple(set->example);
	while ((row = pgt_zset_next_row(set->missing, &weight)) != NULL)
	{
		if (TTS_EMPTY(set->example))
			ExecCopySlot(set->example, row);
		sum += weight;
	}
	return sum;
}

/*
 * Change the n of set->example by "sum".  Should there be several rows of it,
 * which cannot be, one replaces them.
 */
static void
correct(Multiset *set, int64 sum)
{
	TupleTableSlot *row = set->example;
	GroupKey group = {row->tts_values, row->tts_isnull};

	group.hash = pgt_identity_hash(set->key, row);
	if (!set->was_empty)
	{
		want(set, &group, row->tts_values + set->nkeys,
			 row->tts_isnull + set->nkeys, 0);
		while (find_wanted(set))
		{
			sum += stored_n(set);
			pgt_rowstore_delete(set->store, set->found);
		}
	}

	if (sum <= 0)
		return;
	want(set, &group, row->tts_values + set->nkeys,
		 row->tts_isnull + set->nkeys, sum);
	pgt_rowstore_insert(set->store, set->wanted);
}

/*
 * End of the collection: write what differs, or only report it if "report" is
 * given.
 */
void
pgt_multiset_settle(Multiset *set, ValueReport report, void *arg)
{
	while (pgt_zset_next_group(set->missing))
	{
		int64 sum = sum_of_group(set);

		CHECK_FOR_INTERRUPTS();
		if (sum == 0)
			continue;
		if (report != NULL)
			report(set->example, sum, arg);
		else
			correct(set, sum);
	}
	pgt_zset_free(set->missing);
}
