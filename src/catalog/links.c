/*-------------------------------------------------------------------------
 *
 * links.c
 *	  Who goes when somebody is dropped: entries of pg_depend.
 *
 *		DROP TABLE source			fails, naming the stream table; CASCADE
 *									drops it
 *		DROP TABLE stream_table		takes its view and its states along
 *		DROP EXTENSION .. CASCADE	takes view and states, leaves the table
 *
 * Hence the stream table depends on what its query depends on, not on the
 * view.  A dump does not carry these entries: they are made again when a
 * restored stream table is refreshed for the first time, or something is
 * dropped before that.  Nothing is locked for it (src/refresh/README.md,
 * "Links in a restored database").
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "rewrite/rewriteSupport.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "pg_trickle/catalog.h"

/*
 * The rows of pg_depend about an object: what it depends on, or, if
 * "dependers", what depends on it; as a list of ObjectAddress.
 */
static List *
linked_objects(const ObjectAddress *self, bool dependers, const char *types)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	Oid index = dependers ? DependReferenceIndexId : DependDependerIndexId;
	List *objects = NIL;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0],
				dependers ? Anum_pg_depend_refclassid : Anum_pg_depend_classid,
				BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(self->classId));
	ScanKeyInit(&keys[1],
				dependers ? Anum_pg_depend_refobjid : Anum_pg_depend_objid,
				BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(self->objectId));
	scan = systable_beginscan(depend, index, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress *object;

		if (strchr(types, form->deptype) == NULL)
			continue;
		object = palloc(sizeof(ObjectAddress));
		object->classId = dependers ? form->classid : form->refclassid;
		object->objectId = dependers ? form->objid : form->refobjid;
		object->objectSubId = dependers ? form->objsubid : form->refobjsubid;
		objects = lappend(objects, object);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return objects;
}

/*
 * See catalog.h.
 */
List *
pgt_references(const ObjectAddress *object)
{
	static const char types[] = {DEPENDENCY_NORMAL, '\0'};

	return linked_objects(object, false, types);
}

/*
 * See catalog.h.
 */
List *
pgt_components(const ObjectAddress *object)
{
	static const char types[] = {DEPENDENCY_AUTO, DEPENDENCY_INTERNAL, '\0'};

	return linked_objects(object, true, types);
}

static List *
view_references(Oid view, bool missing_ok)
{
	ObjectAddress rule;

	ObjectAddressSet(rule, RewriteRelationId,
					 get_rewrite_oid(view, "_RETURN", missing_ok));
	return pgt_references(&rule);
}

/*
 * As recordDependencyOn() does, but without its lock on what is referred to,
 * which newer servers keep to the end of the transaction.
 */
static void
record_link(const ObjectAddress *self, const ObjectAddress *other,
			DependencyType type)
{
	Relation depend;
	Datum values[Natts_pg_depend];
	bool nulls[Natts_pg_depend] = {0};

	if (IsPinnedObject(other->classId, other->objectId))
		return;

	values[Anum_pg_depend_classid - 1] = ObjectIdGetDatum(self->classId);
	values[Anum_pg_depend_objid - 1] = ObjectIdGetDatum(self->objectId);
	values[Anum_pg_depend_objsubid - 1] = Int32GetDatum(self->objectSubId);
	values[Anum_pg_depend_refclassid - 1] = ObjectIdGetDatum(other->classId);
	values[Anum_pg_depend_refobjid - 1] = ObjectIdGetDatum(other->objectId);
	values[Anum_pg_depend_refobjsubid - 1] = Int32GetDatum(other->objectSubId);
	values[Anum_pg_depend_deptype - 1] = CharGetDatum((char) type);

	depend = table_open(DependRelationId, RowExclusiveLock);
	CatalogTupleInsert(depend,
					   heap_form_tuple(RelationGetDescr(depend), values,
									   nulls));
	table_close(depend, RowExclusiveLock);
}

/*
 * See catalog.h.
 */
bool
pgt_is_linked(Oid relid, Oid owner_of)
{
	static const char types[] = {DEPENDENCY_AUTO, '\0'};
	ObjectAddress self;
	ListCell *lc;

	ObjectAddressSet(self, RelationRelationId, relid);
	foreach (lc, linked_objects(&self, false, types))
	{
		ObjectAddress *object = lfirst(lc);

		if (object->classId == RelationRelationId &&
			object->objectId == owner_of)
			return true;
	}

	return false;
}

/*
 * See catalog.h.
 */
void
pgt_link_part(Oid relid, Oid owner_of)
{
	ObjectAddress self;
	ObjectAddress other;

	if (pgt_is_linked(relid, owner_of))
		return;

	ObjectAddressSet(self, RelationRelationId, relid);
	ObjectAddressSet(other, RelationRelationId, owner_of);
	record_link(&self, &other, DEPENDENCY_AUTO);
}

/*
 * See catalog.h; nothing if it is recorded already.
 */
void
pgt_link_stream(Oid relid, Oid view)
{
	ObjectAddress self;
	ListCell *lc;

	if (pgt_is_linked(view, relid))
		return;

	pgt_link_part(view, relid);
	ObjectAddressSet(self, RelationRelationId, relid);
	foreach (lc, view_references(view, false))
	{
		ObjectAddress *other = lfirst(lc);

		/* pg_dump cannot cut a loop through a constraint; the view has it. */
		if (other->classId == ConstraintRelationId)
			continue;
		if (other->classId != RelationRelationId || other->objectId != view)
			record_link(&self, other, DEPENDENCY_NORMAL);
	}
}

/* Forget that a relation as a whole depends on an object. */
static void
forget_reference(Relation depend, Oid relid, const ObjectAddress *object)
{
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[2], Anum_pg_depend_objsubid, BTEqualStrategyNumber,
				F_INT4EQ, Int32GetDatum(0));
	scan = systable_beginscan(depend, DependDependerIndexId, true, NULL, 3,
							  keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->deptype == DEPENDENCY_NORMAL &&
			form->refclassid == object->classId &&
			form->refobjid == object->objectId &&
			form->refobjsubid == object->objectSubId)
			CatalogTupleDelete(depend, &tuple->t_self);
	}
	systable_endscan(scan);
}

/*
 * See catalog.h.
 */
void
pgt_unlink_stream(Oid relid, Oid view)
{
	Relation depend = table_open(DependRelationId, RowExclusiveLock);
	ListCell *lc;

	foreach (lc, view_references(view, false))
		forget_reference(depend, relid, lfirst(lc));
	table_close(depend, RowExclusiveLock);
	CommandCounterIncrement();
}

/*
 * See catalog.h.
 */
bool
pgt_view_uses_column(Oid view, Oid relid, AttrNumber attno)
{
	ListCell *lc;

	foreach (lc, view_references(view, true))
	{
		ObjectAddress *object = lfirst(lc);

		if (object->classId == RelationRelationId &&
			object->objectId == relid &&
			(attno == InvalidAttrNumber || object->objectSubId == attno))
			return true;
	}

	return false;
}
