/*-------------------------------------------------------------------------
 *
 * catalog_table.c
 *	  Access to the tables of schema pgtrickle.
 *
 * They are read and written as core does its catalogs: by index scans with a
 * catalog snapshot, so that everybody sees what is committed now, whatever
 * the isolation level, and needs no privilege.  Each change ends with a
 * CommandCounterIncrement(), so that the next look-up sees it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg_trickle/catalog_table.h"
#include "pg_trickle/compat.h"

#define MAX_CATALOG_COLUMNS 34
#define MAX_ORDER 3 /* columns of an index */

/* A table of so many blocks is read without its index ... */
#define SMALL_TABLE 1
/* ... each time, if it has no more rows than this, */
#define FEW_ROWS 16
/* or until so many were read that opening the index had been cheaper. */
#define WORTH_AN_INDEX 300

static const char *const object_names[NUM_CATALOG_OBJECTS] = {
	[TABLE_ERA] = "pgt_era",
	[TABLE_STREAMS] = "pgt_stream_tables",
	[TABLE_DEPENDENCIES] = "pgt_dependencies",
	[TABLE_TRACKING] = "pgt_change_tracking",
	[TABLE_SEGMENTS] = "pgt_log_segments",
	[TABLE_NODES] = "pgt_nodes",
	[TABLE_HISTORY] = "pgt_refresh_history",
	[TABLE_CONTROL] = "pgt_control",
	[TABLE_GATES] = "pgt_source_gates",
	[TABLE_WATERMARKS] = "pgt_watermarks",
	[TABLE_GROUPS] = "pgt_watermark_groups",
	[INDEX_STREAMS_ID] = "pgt_stream_tables_id_key",
	[INDEX_STREAMS_RELID] = "pgt_stream_tables_relid_key",
	[INDEX_DEPENDENCIES] = "pgt_dependencies_key",
	[INDEX_DEPENDENCIES_SOURCE] = "pgt_dependencies_source",
	[INDEX_TRACKING] = "pgt_change_tracking_key",
	[INDEX_TRACKING_SOURCE] = "pgt_change_tracking_source",
	[INDEX_SEGMENTS] = "pgt_log_segments_key",
	[INDEX_SEGMENTS_STATE] = "pgt_log_segments_state",
	[INDEX_NODES] = "pgt_nodes_key",
	[INDEX_HISTORY] = "pgt_refresh_history_key",
	[INDEX_CONTROL] = "pgt_control_key",
	[INDEX_GATES] = "pgt_source_gates_key",
	[INDEX_WATERMARKS] = "pgt_watermarks_key",
	[INDEX_GROUPS] = "pgt_watermark_groups_key",
	[SEQUENCE_STREAMS] = "pgt_stream_tables_id_seq",
	[SEQUENCE_TRACKING] = "pgt_change_tracking_id_seq",
	[SEQUENCE_HISTORY] = "pgt_refresh_history_id_seq",
};

/* How many columns the library knows; an older extension has fewer. */
static const int natts_known[NUM_CATALOG_OBJECTS] = {
	[TABLE_ERA] = 2,
	[TABLE_STREAMS] = 32,
	[TABLE_DEPENDENCIES] = 5,
	[TABLE_TRACKING] = 4,
	[TABLE_SEGMENTS] = 10,
	[TABLE_NODES] = 6,
	[TABLE_HISTORY] = 14,
	[TABLE_CONTROL] = 3,
	[TABLE_GATES] = 3,
	[TABLE_WATERMARKS] = 4,
	[TABLE_GROUPS] = 4,
};

static Oid object_oids[NUM_CATALOG_OBJECTS];

/* Forget the OIDs when one of the relations changes: it may be gone. */
static void
forget_oids(Datum arg, Oid relid)
{
	for (int i = 0; i < NUM_CATALOG_OBJECTS; i++)
	{
		if (relid == InvalidOid || object_oids[i] == relid)
		{
			memset(object_oids, 0, sizeof(object_oids));
			return;
		}
	}
}

static void
register_forgetting(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterRelcacheCallback(forget_oids, (Datum) 0);
	registered = true;
}

static Oid
find_object(CatalogObject object)
{
	register_forgetting();
	if (!OidIsValid(object_oids[object]))
	{
		Oid schema = get_namespace_oid("pgtrickle", true);

		if (OidIsValid(schema))
			object_oids[object] = get_relname_relid(object_names[object],
													schema);
	}

	return object_oids[object];
}

/*
 * See catalog_table.h.
 */
bool
pgt_catalog_is_known(void)
{
	for (int i = 0; i < NUM_CATALOG_OBJECTS; i++)
	{
		if (!OidIsValid(object_oids[i]))
			return false;
	}

	return true;
}

/*
 * See catalog_table.h.
 */
bool
pgt_catalog_oids(Oid *oids)
{
	for (int i = 0; i < NUM_CATALOG_OBJECTS; i++)
	{
		oids[i] = find_object(i);
		if (!OidIsValid(oids[i]))
			return false;
	}

	return true;
}

/*
 * See catalog_table.h.
 */
void
pgt_know_catalog_oids(const Oid *oids)
{
	register_forgetting();
	memcpy(object_oids, oids, sizeof(object_oids));
}

/*
 * Does the extension exist in this database?  One array look-up if it does.
 */
bool
pgt_catalog_exists(void)
{
	return OidIsValid(find_object(TABLE_STREAMS));
}

/*
 * Wait for a DROP EXTENSION that is under way: the catalog is there, or not,
 * until the end of the transaction.
 */
static bool
hold_catalog(void)
{
	Oid streams = find_object(TABLE_STREAMS);

	if (!OidIsValid(streams))
		return false;

	LockRelationOid(streams, AccessShareLock);
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(streams));
}

/*
 * Are event triggers to act?  Not during pg_upgrade, nor while the extension
 * is created, updated or dropped.
 */
bool
pgt_catalog_is_active(void)
{
	return !IsBinaryUpgrade && !creating_extension && hold_catalog();
}

static bool
is_current(CatalogObject object)
{
	Oid oid = find_object(object);
	Relation rel;
	int natts;

	if (!OidIsValid(oid))
		return false;
	if (natts_known[object] == 0)
		return true; /* no table */

	rel = table_open(oid, AccessShareLock);
	natts = RelationGetNumberOfAttributes(rel);
	table_close(rel, AccessShareLock);
	return natts >= natts_known[object];
}

/*
 * Has the extension in this database all that the library knows of?
 */
bool
pgt_catalog_is_current(void)
{
	for (int i = 0; i < NUM_CATALOG_OBJECTS; i++)
	{
		if (!is_current(i))
			return false;
	}

	return true;
}

/* The library was replaced, and the extension not updated. */
pg_noreturn static void
refuse_older(char *detail)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("extension \"pg_trickle\" is older than its library"),
			errdetail_internal("%s", detail),
			errhint("Run ALTER EXTENSION pg_trickle UPDATE."));
}

/*
 * The OID of a catalog table, index or sequence.  Error 55000 if there is
 * none: the library is loaded but the extension is not created, or older.
 */
Oid
pgt_catalog_oid(CatalogObject object)
{
	Oid oid = find_object(object);

	if (!OidIsValid(oid) && pgt_catalog_exists())
		refuse_older(psprintf("There is no relation \"%s\".",
							  object_names[object]));
	if (!OidIsValid(oid))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("extension \"pg_trickle\" does not exist in this database"),
				errhint("Run CREATE EXTENSION pg_trickle."));

	return oid;
}

/*
 * The next value of a sequence of the catalog.
 */
int64
pgt_next_id(CatalogObject sequence)
{
	return nextval_internal(pgt_catalog_oid(sequence), false);
}

/*
 * See catalog_table.h.
 */
bool
pgt_sequence_was_used(CatalogObject sequence)
{
	Relation rel = relation_open(pgt_catalog_oid(sequence), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0,
										  NULL);
	HeapTuple tuple = systable_getnext(scan);
	bool used = HeapTupleIsValid(tuple) &&
				((Form_pg_sequence_data) GETSTRUCT(tuple))->is_called;

	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	return used;
}

/* The library was not replaced, or this session has the one from before. */
static void
refuse_newer(Relation rel)
{
	if (RelationGetNumberOfAttributes(rel) > MAX_CATALOG_COLUMNS)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("extension \"pg_trickle\" is newer than its library"),
				errdetail("Table \"%s\" has columns that the library does not know.",
						  RelationGetRelationName(rel)),
				errhint("Connect anew; if it is preloaded, restart the server."));
}

/*
 * Open a table of the catalog.  Error 55000 if it is older than the library.
 */
static Relation
open_table(CatalogObject table, LOCKMODE mode)
{
	Relation rel = table_open(pgt_catalog_oid(table), mode);

	if (RelationGetNumberOfAttributes(rel) < natts_known[table])
		refuse_older(psprintf("Table \"%s\" lacks columns.",
							  object_names[table]));
	refuse_newer(rel);

	return rel;
}

/* What to scan, in the way of the genam.h functions. */
typedef struct CatalogScan
{
	Snapshot snapshot; /* NULL: the newest */
	CatalogObject table;
	CatalogObject index;
	int nkeys;
	ScanKey keys;
	ScanDirection direction;
	bool first_only;
} CatalogScan;

/* Append what "form" makes of a row, if anything. */
static List *
add_row(List *rows, HeapTuple tuple, Relation rel, FormRow form)
{
	Datum values[MAX_CATALOG_COLUMNS];
	bool nulls[MAX_CATALOG_COLUMNS];
	void *row;

	heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
	row = form(tuple, values, nulls);
	return row == NULL ? rows : lappend(rows, row);
}

/*
 * See catalog_table.h.
 */
List *
pgt_scan_any_version(CatalogObject table, FormRow form)
{
	Relation rel = table_open(pgt_catalog_oid(table), AccessShareLock);
	SysScanDesc scan;
	List *rows = NIL;
	HeapTuple tuple;

	refuse_newer(rel);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while ((tuple = systable_getnext(scan)) != NULL)
		rows = add_row(rows, tuple, rel, form);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	return rows;
}

/* ---- small tables ---- */

/* The columns of an index, where they are numbers. */
static const AttrNumber number_columns[NUM_CATALOG_OBJECTS][MAX_ORDER] = {
	[INDEX_DEPENDENCIES] = {1, 2},
	[INDEX_DEPENDENCIES_SOURCE] = {2},
	[INDEX_TRACKING] = {1},
	[INDEX_TRACKING_SOURCE] = {2},
	[INDEX_SEGMENTS] = {1, 2},
	[INDEX_SEGMENTS_STATE] = {1, 5, 2},
	[INDEX_NODES] = {1, 2},
	[INDEX_GATES] = {1},
	[INDEX_WATERMARKS] = {1},
};

/* Of longer tables, how many were read for want of the index. */
static int rows_read[NUM_CATALOG_OBJECTS];

typedef struct FoundRow
{
	int64 order[MAX_ORDER];
	HeapTuple tuple;
} FoundRow;

/*
 * Is the table to be read without its index?  Most are empty or a page, and
 * to open the index costs a new session more than to open the table.
 *
 * No row of a table without pages is visible to any snapshot that there is.  A
 * serializable transaction that reads a page as a whole would conflict with
 * all who write there.
 */
static bool
is_small(Relation rel, const CatalogScan *what)
{
	BlockNumber nblocks;

	if (IsolationIsSerializable())
		return false;

	nblocks = RelationGetNumberOfBlocks(rel);
	return nblocks == 0 ||
		   (nblocks <= SMALL_TABLE && number_columns[what->index][0] != 0 &&
			rows_read[what->index] < WORTH_AN_INDEX);
}

static int64
number_of(Datum value, Oid type)
{
	switch (type)
	{
		case INT8OID:
			return DatumGetInt64(value);
		case INT4OID:
			return DatumGetInt32(value);
		case CHAROID:
			return (unsigned char) DatumGetChar(value);
		default:
			Assert(type == REGCLASSOID);
			return DatumGetObjectId(value);
	}
}

static FoundRow *
found_row(HeapTuple tuple, TupleDesc desc, CatalogObject index)
{
	FoundRow *row = palloc0(sizeof(FoundRow));

	row->tuple = heap_copytuple(tuple);
	for (int i = 0; i < MAX_ORDER && number_columns[index][i] != 0; i++)
	{
		AttrNumber attno = number_columns[index][i];
		Oid type = TupleDescAttr(desc, attno - 1)->atttypid;
		bool isnull;
		Datum value = heap_getattr(tuple, attno, desc, &isnull);

		row->order[i] = number_of(value, type);
	}
	return row;
}

static int
compare_rows(const ListCell *a, const ListCell *b)
{
	const FoundRow *x = lfirst(a);
	const FoundRow *y = lfirst(b);

	for (int i = 0; i < MAX_ORDER; i++)
	{
		if (x->order[i] != y->order[i])
			return x->order[i] < y->order[i] ? -1 : 1;
	}

	return 0;
}

static bool
fits_keys(HeapTuple tuple, TupleDesc desc, const CatalogScan *what)
{
	for (int i = 0; i < what->nkeys; i++)
	{
		ScanKey key = &what->keys[i];
		bool isnull;
		Datum value = heap_getattr(tuple, key->sk_attno, desc, &isnull);

		if (isnull || !DatumGetBool(FunctionCall2Coll(&key->sk_func,
													  key->sk_collation, value,
													  key->sk_argument)))
			return false;
	}

	return true;
}

/* Rows that fit the keys, by the columns of the index; a list of FoundRow. */
static List *
find_rows(Relation rel, const CatalogScan *what)
{
	TupleDesc desc = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false,
										  what->snapshot, 0, NULL);
	List *found = NIL;
	HeapTuple tuple;
	int n = 0;

	for (; (tuple = systable_getnext(scan)) != NULL; n++)
	{
		if (fits_keys(tuple, desc, what))
			found = lappend(found, found_row(tuple, desc, what->index));
	}
	systable_endscan(scan);

	if (n > FEW_ROWS)
		rows_read[what->index] += n;
	list_sort(found, compare_rows);
	return found;
}

/* What an index scan would find, in the same order. */
static List *
scan_small(Relation rel, const CatalogScan *what, FormRow form)
{
	List *found = find_rows(rel, what);
	int n = list_length(found);
	List *rows = NIL;

	for (int i = 0; i < n; i++)
	{
		bool forward = ScanDirectionIsForward(what->direction);
		FoundRow *row = list_nth(found, forward ? i : n - 1 - i);

		rows = add_row(rows, row->tuple, rel, form);
		if (what->first_only)
			break;
	}
	return rows;
}

/* ---- scans ---- */

static List *
scan_index(Relation rel, const CatalogScan *what, FormRow form)
{
	Relation irel = index_open(pgt_catalog_oid(what->index), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(rel, irel, what->snapshot,
												  what->nkeys, what->keys);
	List *rows = NIL;
	HeapTuple tuple;

	while ((tuple = systable_getnext_ordered(scan, what->direction)) != NULL)
	{
		rows = add_row(rows, tuple, rel, form);
		if (what->first_only)
			break;
	}

	systable_endscan_ordered(scan);
	index_close(irel, AccessShareLock);
	return rows;
}

static List *
scan_catalog(const CatalogScan *what, FormRow form)
{
	Relation rel = open_table(what->table, AccessShareLock);
	List *rows;

	if (is_small(rel, what))
		rows = scan_small(rel, what, form);
	else
		rows = scan_index(rel, what, form);
	table_close(rel, AccessShareLock);
	return rows;
}

/*
 * See catalog_table.h.  The list is in the caller's memory context.
 */
List *
pgt_scan_catalog(CatalogObject table, CatalogObject index, int nkeys,
				 ScanKey keys, ScanDirection direction, bool first_only,
				 FormRow form)
{
	CatalogScan what = {
		.table = table,
		.index = index,
		.nkeys = nkeys,
		.keys = keys,
		.direction = direction,
		.first_only = first_only,
	};

	return scan_catalog(&what, form);
}

/*
 * All rows that a snapshot shows (NULL: the newest), in the order of an index
 * and in the caller's memory context.
 */
List *
pgt_scan_under(Snapshot snapshot, CatalogObject table, CatalogObject index,
			   FormRow form)
{
	CatalogScan what = {
		.snapshot = snapshot,
		.table = table,
		.index = index,
		.direction = ForwardScanDirection,
	};

	return scan_catalog(&what, form);
}

/*
 * Insert a row; "values" and "nulls" have one member per column.
 */
void
pgt_insert_row(CatalogObject table, Datum *values, bool *nulls)
{
	Relation rel = open_table(table, RowExclusiveLock);
	HeapTuple tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);

	CatalogTupleInsert(rel, tuple);
	heap_freetuple(tuple);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

/*
 * Replace columns of the newest row that the scan finds; an internal error
 * if there is none.
 */
void
pgt_update_row(CatalogObject table, CatalogObject index, int nkeys,
			   ScanKey keys, Datum *values, bool *nulls, bool *replace)
{
	Relation rel = open_table(table, RowExclusiveLock);
	Relation irel = index_open(pgt_catalog_oid(index), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(rel, irel, NULL, nkeys, keys);
	HeapTuple old = systable_getnext_ordered(scan, BackwardScanDirection);
	HeapTuple new;

	if (!HeapTupleIsValid(old))
		elog(ERROR, "no row to update in \"%s\"", object_names[table]);

	new = heap_modify_tuple(old, RelationGetDescr(rel), values, nulls, replace);
	CatalogTupleUpdate(rel, &new->t_self, new);
	heap_freetuple(new);

	systable_endscan_ordered(scan);
	index_close(irel, AccessShareLock);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

/*
 * Delete all rows that the scan finds.
 */
void
pgt_delete_rows(CatalogObject table, CatalogObject index, int nkeys,
				ScanKey keys)
{
	Relation rel = open_table(table, RowExclusiveLock);
	Relation irel = index_open(pgt_catalog_oid(index), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(rel, irel, NULL, nkeys, keys);
	HeapTuple tuple;

	while ((tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
		CatalogTupleDelete(rel, &tuple->t_self);

	systable_endscan_ordered(scan);
	index_close(irel, AccessShareLock);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}
