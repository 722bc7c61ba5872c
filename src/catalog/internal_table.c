/*-------------------------------------------------------------------------
 *
 * internal_table.c
 *	  The tables that the extension makes for itself: logs and states.
 *
 * They are created below the level of commands: the user whose stream table
 * needs them has no CREATE privilege on their schemas, and names are never
 * looked up.  They belong to the bootstrap superuser: what we read without
 * looking twice must not be altered or written by anybody.  Whose rows they
 * hold may read them, for delta queries and dumps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_authid.h"
#include "catalog/toasting.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/compat.h"

/*
 * The owner of a relation; InvalidOid if it does not exist.
 */
Oid
pgt_owner_if_there(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;

	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * The owner of a relation; an internal error if it does not exist.
 */
Oid
pgt_relation_owner(Oid relid)
{
	Oid owner = pgt_owner_if_there(relid);

	if (!OidIsValid(owner))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	return owner;
}

static Datum
storage_options(List *options)
{
	Datum reloptions = transformRelOptions((Datum) 0, options, NULL,
										   NULL, false, false);

	(void) heap_reloptions(RELKIND_RELATION, reloptions, true);
	return reloptions;
}

/*
 * A publication FOR ALL TABLES takes ours, too, and would refuse updates of a
 * table without replica identity.
 */
static void
set_full_identity(Oid relid)
{
	Relation classes = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	((Form_pg_class) GETSTRUCT(tuple))->relreplident = REPLICA_IDENTITY_FULL;
	CatalogTupleUpdate(classes, &tuple->t_self, tuple);
	heap_freetuple(tuple);
	table_close(classes, RowExclusiveLock);
	CommandCounterIncrement();
}

/*
 * Create a relation that is a part of ours; see catalog.h.  An extension whose
 * script makes us do so must not have it as a member: pg_dump would leave it
 * out.
 */
Oid
pgt_create_part_relation(const char *name, Oid schema, char kind,
						 char persistence, TupleDesc desc, Oid owner,
						 Datum options)
{
	bool in_script = creating_extension;
	Oid relid;

	creating_extension = false;
	PG_TRY();
	{
		relid = heap_create_with_catalog(name,
										 schema,
										 InvalidOid, /* default tablespace */
										 InvalidOid,
										 InvalidOid,
										 InvalidOid,
										 owner,
										 kind == RELKIND_VIEW ?
											 InvalidOid :
											 HEAP_TABLE_AM_OID,
										 desc,
										 NIL,
										 kind,
										 persistence,
										 false, false,
										 ONCOMMIT_NOOP,
										 options,
										 false, /* no default ACL */
										 false,
										 true, /* is_internal */
										 InvalidOid,
										 NULL);
	}
	PG_FINALLY();
	{
		creating_extension = in_script;
	}
	PG_END_TRY();
	CommandCounterIncrement();

	return relid;
}

static bool
is_range(Oid type)
{
	Oid base = getBaseType(type);

	return type_is_range(base) || type_is_multirange(base);
}

static void
forgo_statistics(Oid relid, AttrNumber attno)
{
	Relation attributes = table_open(AttributeRelationId, RowExclusiveLock);
	HeapTuple tuple = SearchSysCacheCopyAttNum(relid, attno);
	Datum values[Natts_pg_attribute] = {0};
	bool nulls[Natts_pg_attribute] = {0};
	bool replace[Natts_pg_attribute] = {0};

	values[Anum_pg_attribute_attstattarget - 1] = StatisticsTargetGetDatum(0);
	replace[Anum_pg_attribute_attstattarget - 1] = true;
	tuple = heap_modify_tuple(tuple, RelationGetDescr(attributes), values,
							  nulls, replace);
	CatalogTupleUpdate(attributes, &tuple->t_self, tuple);
	table_close(attributes, RowExclusiveLock);
}

/*
 * ANALYZE runs as the owner of a table, and asks the function subtype_diff of
 * ranges, which may be a user's.
 */
static void
forgo_statistics_of_ranges(Oid relid, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (is_range(TupleDescAttr(desc, i)->atttypid))
			forgo_statistics(relid, i + 1);
	}
}

/* ---- who may read a table of ours ---- */

static Acl *
acl_with_reader(Oid owner, Oid reader)
{
	Acl *acl = acldefault(OBJECT_TABLE, owner);
	AclItem item = {.ai_grantee = reader, .ai_grantor = owner};

	ACLITEM_SET_PRIVS_GOPTIONS(item, ACL_SELECT, ACL_NO_RIGHTS);
	return aclupdate(acl, &item, ACL_MODECHG_ADD, owner, DROP_RESTRICT);
}

static void
store_acl(Relation classes, HeapTuple tuple, Acl *acl)
{
	Datum values[Natts_pg_class] = {0};
	bool nulls[Natts_pg_class] = {0};
	bool replace[Natts_pg_class] = {0};

	values[Anum_pg_class_relacl - 1] = PointerGetDatum(acl);
	replace[Anum_pg_class_relacl - 1] = true;
	tuple = heap_modify_tuple(tuple, RelationGetDescr(classes), values, nulls,
							  replace);
	CatalogTupleUpdate(classes, &tuple->t_self, tuple);
	heap_freetuple(tuple);
}

/* Has it these privileges?  None are those of the owner. */
static bool
has_acl(HeapTuple tuple, const Acl *acl)
{
	Oid owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	bool isnull;
	Datum old = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);

	return aclequal(isnull ? acldefault(OBJECT_TABLE, owner) :
							 DatumGetAclP(old),
					acl);
}

static void
replace_acl(Relation classes, HeapTuple tuple, Acl *acl)
{
	Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);
	Oid *old_members = NULL;
	Oid *members;
	int nold = 0;
	int n = aclmembers(acl, &members);
	bool isnull;
	Datum old = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);

	if (!isnull)
		nold = aclmembers(DatumGetAclPCopy(old), &old_members);
	store_acl(classes, tuple, acl);
	updateAclDependencies(RelationRelationId, class->oid, 0, class->relowner,
						  nold, old_members, n, members);
	CommandCounterIncrement();
}

/*
 * See catalog.h.  The privileges of another reader are taken away.  VACUUM,
 * which updates the row of a table in place, is kept away if there is
 * something to do, and nobody else.
 */
void
pgt_set_reader(Oid relid, Oid reader)
{
	Relation classes = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
	Acl *acl;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	acl = acl_with_reader(((Form_pg_class) GETSTRUCT(tuple))->relowner,
						  reader);
	if (!has_acl(tuple, acl))
	{
		LockRelationOid(relid, ShareUpdateExclusiveLock);
		heap_freetuple(tuple);
		tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
		if (HeapTupleIsValid(tuple))
			replace_acl(classes, tuple, acl);
	}
	table_close(classes, RowExclusiveLock);
}

/* ---- creation ---- */

/*
 * Create a table in one of our schemas; see catalog.h.  Returns its OID; the
 * table is visible to the commands that follow.
 */
Oid
pgt_create_internal_table(const char *schema, const char *name,
						  TupleDesc desc, Oid reader, Oid owner_of,
						  List *options)
{
	Oid relid;

	relid = pgt_create_part_relation(name, get_namespace_oid(schema, false),
									 RELKIND_RELATION,
									 RELPERSISTENCE_PERMANENT, desc,
									 BOOTSTRAP_SUPERUSERID,
									 storage_options(options));
	set_full_identity(relid);
	forgo_statistics_of_ranges(relid, desc);
	pgt_set_reader(relid, reader);
	NewRelationCreateToastTable(relid, (Datum) 0);
	if (OidIsValid(owner_of))
		pgt_link_part(relid, owner_of);
	CommandCounterIncrement();
	return relid;
}

static IndexElem *
index_element(TupleDesc desc, AttrNumber attno)
{
	IndexElem *element = makeNode(IndexElem);

	element->name = pstrdup(NameStr(TupleDescAttr(desc, attno - 1)->attname));
	element->ordering = SORTBY_DEFAULT;
	element->nulls_ordering = SORTBY_NULLS_DEFAULT;
	return element;
}

/*
 * Create a btree index on columns of a table made by
 * pgt_create_internal_table(); returns its OID.
 */
Oid
pgt_create_internal_index(Oid relid, const char *name, int ncols,
						  const AttrNumber *attnos, bool unique)
{
	Relation rel = table_open(relid, NoLock);
	IndexStmt *stmt = makeNode(IndexStmt);
	Oid index;

	stmt->idxname = pstrdup(name);
	stmt->relation = NULL;
	stmt->accessMethod = "btree";
	stmt->unique = unique;
	for (int i = 0; i < ncols; i++)
		stmt->indexParams = lappend(stmt->indexParams,
									index_element(RelationGetDescr(rel),
												  attnos[i]));
	table_close(rel, NoLock);
	index = pgt_define_index(relid, stmt);
	CommandCounterIncrement();
	return index;
}

static bool
begins_with(const FormData_pg_index *index, int ncols,
			const AttrNumber *attnos)
{
	for (int i = 0; i < ncols; i++)
	{
		if (i >= index->indnkeyatts || index->indkey.values[i] != attnos[i])
			return false;
	}

	return index->indisvalid;
}

/*
 * See catalog.h.  REINDEX CONCURRENTLY makes another one beside it, and leaves
 * that behind if it fails.
 */
Oid
pgt_find_internal_index(Relation rel, int ncols, const AttrNumber *attnos)
{
	ListCell *lc;

	foreach (lc, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);
		bool found = begins_with(index->rd_index, ncols, attnos);

		index_close(index, AccessShareLock);
		if (found)
			return lfirst_oid(lc);
	}

	return InvalidOid;
}

/*
 * Drop a table, view or index of ours, if it still exists.  Error 2BP01 if
 * somebody made something of it: sql_drop would not hear what goes with it.
 */
void
pgt_drop_internal_relation(Oid relid)
{
	ObjectAddress address;

	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return;

	ObjectAddressSet(address, RelationRelationId, relid);
	performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CommandCounterIncrement();
}
